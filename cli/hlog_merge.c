/*
 * hlog_merge: see hlog_merge.h. Memory is a histogram for each tag, and one line.
 */
#include "cli/hlog_merge.h"

#include "cli/hlog.h"
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HLOG_MERGE_TAGS_MAX 64
#define HLOG_MERGE_TAG_SIZE 64
#define HLOG_MERGE_LINE_SIZE ((size_t)1 << 20) /* more than the longest histogram */

/* All of one tag. */
struct hlog_merge_sum {
    char tag[HLOG_MERGE_TAG_SIZE];
    double begin_seconds, end_seconds; /* since the epoch */
    struct histogram histogram;
};

struct hlog_merge {
    const struct hlog_merge_options *options;
    struct hlog_merge_sum *sums[HLOG_MERGE_TAGS_MAX]; /* owned */
    uint32_t sums_count;
    uint64_t intervals;
    char *line;             /* owned; HLOG_MERGE_LINE_SIZE */
    struct histogram *part; /* owned; of the line */

    /* The file that is read. */
    const char *name; /* borrowed */
    uint64_t number;  /* of the line */
    double start_seconds, base_seconds;
};

/* --- Is it one? --- */

static bool hlog_merge_is_log(const char *path)
{
    char begin[sizeof(HLOG_BEGIN) - 1];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is_log = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                  pread(fd, begin, sizeof(begin), 0) == (ssize_t)sizeof(begin) &&
                  memcmp(begin, HLOG_BEGIN, sizeof(begin)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return is_log;
}

bool hlog_merge_is_meant(char **files, uint64_t files_count)
{
    bool is_meant = false;

    for (uint64_t i = 0; i < files_count && !is_meant; i++) {
        is_meant = hlog_merge_is_log(files[i]);
    }
    return is_meant;
}

/* --- Adding up --- */

static bool hlog_merge_refuse(const struct hlog_merge *merge, const char *reason)
{
    fprintf(stderr, "quoit: %s, line %" PRIu64 ": %s\n", merge->name, merge->number, reason);
    return false;
}

/* The sum of that tag, a new one where there is none. NULL: a line on stderr says why. */
static struct hlog_merge_sum *hlog_merge_find(struct hlog_merge *merge,
                                              const struct hlog_interval *interval)
{
    struct json_span tag = interval->tag;

    for (uint32_t i = 0; i < merge->sums_count; i++) {
        if (strlen(merge->sums[i]->tag) == tag.size &&
            memcmp(merge->sums[i]->tag, tag.bytes, tag.size) == 0) {
            return merge->sums[i];
        }
    }
    if (tag.size >= HLOG_MERGE_TAG_SIZE || merge->sums_count == HLOG_MERGE_TAGS_MAX) {
        (void)hlog_merge_refuse(merge, "more than 64 tags, or one of more than 63 bytes");
        return NULL;
    }
    struct hlog_merge_sum *sum = calloc(1, sizeof(*sum));
    if (sum == NULL) {
        (void)hlog_merge_refuse(merge, "no memory");
        return NULL;
    }
    memcpy(sum->tag, tag.bytes, tag.size);
    sum->begin_seconds = INFINITY;
    sum->end_seconds = -INFINITY;
    merge->sums[merge->sums_count++] = sum;
    return sum;
}

static bool hlog_merge_add(struct hlog_merge *merge, const struct hlog_line *line)
{
    const struct hlog_interval *interval = &line->interval;
    double begin = hlog_begin_of(interval, merge->start_seconds, merge->base_seconds);
    const char *reason = NULL;

    if (!hdr_decode(line->histogram, merge->part, &reason)) {
        return hlog_merge_refuse(merge, reason);
    }
    struct hlog_merge_sum *sum = hlog_merge_find(merge, interval);
    if (sum == NULL) {
        return false;
    }
    if (merge->part->count > INT64_MAX - sum->histogram.count) {
        return hlog_merge_refuse(merge, "the sum of all counts does not fit 63 bits");
    }
    histogram_merge(&sum->histogram, merge->part);
    sum->begin_seconds = fmin(sum->begin_seconds, begin);
    sum->end_seconds = fmax(sum->end_seconds, begin + interval->length_seconds);
    merge->intervals++;
    return true;
}

/* merge->line, without its LF. */
static bool hlog_merge_take(struct hlog_merge *merge)
{
    struct hlog_line line;

    if (merge->number == 1 && strncmp(merge->line, HLOG_BEGIN, sizeof(HLOG_BEGIN) - 1) != 0) {
        return hlog_merge_refuse(merge, "not a histogram log, as another FILE is");
    }
    switch (hlog_read(merge->line, &line)) {
    case HLOG_INTERVAL:
        return hlog_merge_add(merge, &line);
    case HLOG_START_TIME:
        merge->start_seconds = line.epoch_seconds;
        return true;
    case HLOG_BASE_TIME:
        merge->base_seconds = line.epoch_seconds;
        return true;
    case HLOG_REMARK:
        return true;
    case HLOG_BROKEN:
        return hlog_merge_refuse(merge, "not a line of a histogram log");
    }
    abort(); /* a kind without a case */
}

/* The next line into merge->line. The last one needs no LF. False: there is none. */
static bool hlog_merge_next(struct hlog_merge *merge, FILE *file)
{
    merge->number++;
    return fgets(merge->line, (int)HLOG_MERGE_LINE_SIZE, file) != NULL;
}

static bool hlog_merge_read_file(struct hlog_merge *merge, FILE *file)
{
    while (hlog_merge_next(merge, file)) {
        char *end = strchr(merge->line, '\n');
        if (end == NULL && !feof(file)) {
            return hlog_merge_refuse(merge, "longer than any histogram, or with a NUL");
        }
        merge->line[end == NULL ? strlen(merge->line) : (size_t)(end - merge->line)] = '\0';
        if (!hlog_merge_take(merge)) {
            return false;
        }
    }
    if (ferror(file) != 0) {
        return hlog_merge_refuse(merge, strerror(errno));
    }
    return merge->number > 1 || hlog_merge_refuse(merge, "empty, and not a histogram log");
}

static bool hlog_merge_read(struct hlog_merge *merge, const char *path)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        fprintf(stderr, "quoit: %s cannot be read: %s\n", path, strerror(errno));
        return false;
    }
    merge->name = path;
    merge->number = 0;
    merge->start_seconds = merge->base_seconds = NAN;
    bool good = hlog_merge_read_file(merge, file);
    fclose(file);
    return good;
}

/* --- Writing --- */

/* The log, without its last LF. False: no memory. */
static bool hlog_merge_print(const struct hlog_merge *merge, struct text *text)
{
    double start = merge->sums_count == 0 ? 0 : INFINITY;
    bool good = true;

    for (uint32_t i = 0; i < merge->sums_count; i++) {
        start = fmin(start, merge->sums[i]->begin_seconds);
    }
    hlog_put_head(text, start);
    for (uint32_t i = 0; i < merge->sums_count && good; i++) {
        const struct hlog_merge_sum *sum = merge->sums[i];
        const struct hlog_interval interval = {
            .tag = { sum->tag, strlen(sum->tag) },
            .start_seconds = sum->begin_seconds - start,
            .length_seconds = sum->end_seconds - sum->begin_seconds,
        };
        text_append_string(text, "\n");
        good = hlog_put(text, &interval, &sum->histogram);
    }
    return good && !text->failed;
}

static enum exit_code hlog_merge_write(const struct hlog_merge *merge, struct sink *sink)
{
    struct text text;

    text_init(&text, 0);
    bool good = hlog_merge_print(merge, &text);
    if (good) {
        /* A write that fails is told by the close. */
        (void)sink_put(sink, (struct json_span){ text.bytes, text.size });
        good = sink_close(sink);
    } else {
        fprintf(stderr, "quoit: no memory for the merged log\n");
    }
    text_free(&text);
    return good ? EXIT_GOOD : EXIT_OUTPUT;
}

/* --- The steps --- */

static enum exit_code hlog_merge_run(struct hlog_merge *merge, struct sink *sink)
{
    const struct hlog_merge_options *options = merge->options;
    enum exit_code exit_code = sink_open(sink, options->output, options->overwrite);

    if (exit_code != EXIT_GOOD) {
        return exit_code;
    }
    for (uint64_t i = 0; i < options->files_count; i++) {
        if (!hlog_merge_read(merge, options->files[i])) {
            return EXIT_START;
        }
    }
    exit_code = hlog_merge_write(merge, sink);
    if (exit_code == EXIT_GOOD && !options->quiet) {
        fprintf(stderr,
                "quoit: %" PRIu64 " histogram logs, %" PRIu64 " intervals: merged into %" PRIu32
                "\n",
                options->files_count, merge->intervals, merge->sums_count);
    }
    return exit_code;
}

enum exit_code hlog_merge(const struct hlog_merge_options *options)
{
    struct hlog_merge merge = { .options = options };
    enum exit_code exit_code = EXIT_START;
    struct sink sink;

    sink_init(&sink);
    merge.line = malloc(HLOG_MERGE_LINE_SIZE);
    merge.part = malloc(sizeof(*merge.part));
    if (merge.line == NULL || merge.part == NULL) {
        fprintf(stderr, "quoit: no memory\n");
    } else {
        exit_code = hlog_merge_run(&merge, &sink);
    }
    sink_drop(&sink);
    for (uint32_t i = 0; i < merge.sums_count; i++) {
        free(merge.sums[i]);
    }
    free(merge.line);
    free(merge.part);
    return exit_code;
}
