/*
 * results: each file is opened as it is, and emptied when there is something to write.
 */
#include "bench/results.h"

#include "bench/page.h"
#include "cli/figures.h"
#include "cli/hlog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool results_fail(const char *option, const struct output_file *file, int os_error)
{
    fprintf(stderr, "quoit: --%s %s cannot be written: %s\n", option, file->name,
            strerror(os_error));
    return false;
}

static bool results_open_one(struct output_file *file, const char *option, const char *path)
{
    int os_error = 0;

    if (path == NULL || output_file_open(file, path, false, &os_error)) {
        return true;
    }
    file->name = path;
    file->fd = -1;
    return results_fail(option, file, os_error);
}

bool results_open(struct results *results, const struct bench_options *options)
{
    *results = (struct results){ .options = options };
    results->json.fd = results->html.fd = results->hlog.fd = -1;
    return results_open_one(&results->json, "json", options->json) &&
           results_open_one(&results->html, "html", options->html) &&
           results_open_one(&results->hlog, "hlog", options->hlog);
}

void results_close(struct results *results)
{
    output_file_close(&results->json);
    output_file_close(&results->html);
    output_file_close(&results->hlog);
}

/* Empty the file, write to it, and see that it arrived. */
static bool results_write_one(struct output_file *file, const char *option,
                              const struct report *report,
                              bool (*write_to)(int fd, const struct report *report))
{
    int os_error = 0;

    if (file->fd < 0) {
        return true;
    }
    if (!output_file_empty(file, &os_error)) {
        return results_fail(option, file, os_error);
    }
    bool written = write_to(file->fd, report);
    if (written && file->fd != STDOUT_FILENO) {
        written = close(file->fd) == 0;
        file->fd = -1;
    }
    return written || results_fail(option, file, errno);
}

static bool write_json(int fd, const struct report *report)
{
    bool vllm = report->options->dialect == BENCH_DIALECT_VLLM;

    return figures_write(vllm ? report_build_vllm(report) : report_build(report), fd);
}

static bool write_html(int fd, const struct report *report)
{
    cJSON *root = report_build(report);
    char *text = errno == ENOMEM ? NULL : cJSON_PrintUnformatted(root);
    bool written = text != NULL && page_write(fd, text, strlen(text));

    if (text == NULL) {
        errno = ENOMEM;
    }
    cJSON_free(text);
    cJSON_Delete(root);
    return written;
}

static bool write_hlog(int fd, const struct report *report)
{
    static const char *const tags[METRICS] = {
#define METRIC_X(member, name) name,
        METRIC_MAP(METRIC_X)
#undef METRIC_X
    };
    const struct harvest *harvest = report->harvest;
    struct text text;

    text_init(&text, 0);
    hlog_put_head(&text, (double)harvest->started_at);
    text_append_string(&text, "\n");
    bool good = true;
    for (unsigned i = 0; good && i < METRICS; i++) {
        const struct histogram *histogram = &harvest->tally->metrics[i].histogram;
        const struct hlog_interval interval = { { tags[i], strlen(tags[i]) }, 0, harvest->seconds };
        if (histogram->count != 0) {
            good = hlog_put(&text, &interval, histogram);
            text_append_string(&text, "\n");
        }
    }
    good = good && !text.failed;
    errno = good ? 0 : ENOMEM;
    for (size_t done = 0; good && done < text.size;) {
        ssize_t count = write(fd, text.bytes + done, text.size - done);
        good = count >= 0 || errno == EINTR;
        done += count > 0 ? (size_t)count : 0;
    }
    text_free(&text);
    return good;
}

bool results_write(struct results *results, const struct report *report)
{
    const struct bench_options *options = report->options;
    const char *const paths[] = { options->json, options->html, options->hlog, options->csv };
    bool taken = false; /* is stdout for a file? */

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        taken = taken || (paths[i] != NULL && strcmp(paths[i], "-") == 0);
    }
    if (!taken) {
        report_print(report, stdout);
    } else if (!options->quiet) {
        report_print(report, stderr);
    }
    bool json = results_write_one(&results->json, "json", report, write_json);
    bool html = results_write_one(&results->html, "html", report, write_html);
    bool hlog = results_write_one(&results->hlog, "hlog", report, write_hlog);
    return json && html && hlog;
}
