/*
 * progress: made of one snprintf and one write, so that lines of others are not torn.
 */
#include "cli/progress.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define LIVE_NS (100 * NS_PER_MS)
#define LINE_MAX_SIZE 512

void progress_init(struct progress *progress, enum options_progress mode, bool quiet)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool dumb = kind != NULL && strcmp(kind, "dumb") == 0;

    *progress = (struct progress){
        .quiet = quiet,
        .live = mode == OPTIONS_PROGRESS_ALWAYS ||
                (mode == OPTIONS_PROGRESS_AUTO && terminal && !dumb && !quiet),
        .over = terminal && !dumb,
        .colour = terminal && !dumb && (no_colour == NULL || *no_colour == '\0'),
    };
    progress->wait_ns = !progress->live ? UINT64_MAX : progress->over ? LIVE_NS : NS_PER_S;
}

void progress_format_time(char *out, size_t size, uint64_t ns)
{
    uint64_t seconds = ns / NS_PER_S;

    if (ns < NS_PER_S) {
        snprintf(out, size, "%jums", (uintmax_t)(ns / NS_PER_MS));
    } else if (seconds < 60) {
        snprintf(out, size, "%jus", (uintmax_t)seconds);
    } else if (seconds < 3600) {
        snprintf(out, size, "%jum%02jus", (uintmax_t)(seconds / 60), (uintmax_t)(seconds % 60));
    } else {
        snprintf(out, size, "%juh%02jum", (uintmax_t)(seconds / 3600),
                 (uintmax_t)(seconds / 60 % 60));
    }
}

static void line_append(char *line, size_t *used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Append to a line of LINE_MAX_SIZE; what does not fit is left out. */
static void line_append(char *line, size_t *used, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(line + *used, LINE_MAX_SIZE - *used, format, arguments);
    va_end(arguments);
    if (size > 0) {
        *used += (size_t)size;
    }
    if (*used >= LINE_MAX_SIZE) {
        *used = LINE_MAX_SIZE - 1;
    }
}

static void line_write(const char *line, size_t size)
{
    ssize_t written = write(STDERR_FILENO, line, size);

    (void)written; /* there is nobody left to tell */
}

static size_t progress_columns(void)
{
    struct winsize window;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col : 80;
}

/* Write the line over the one before, cut to the terminal; from `begin` to `end` it is red. */
static void line_show(const char *line, size_t used, size_t begin, size_t end)
{
    char shown[LINE_MAX_SIZE + 32];
    size_t size = progress_columns() - 1;

    size = used < size ? used : size;
    begin = begin < size ? begin : size;
    end = end < size ? end : size;
    int written = snprintf(shown, sizeof(shown), "\r%.*s%s%.*s%s%.*s\033[K", (int)begin, line,
                           begin < end ? "\033[31m" : "", (int)(end - begin), line + begin,
                           begin < end ? "\033[0m" : "", (int)(size - end), line + end);
    line_write(shown, (size_t)written);
}

static void line_append_end(char *line, size_t *used, const struct progress_counts *counts,
                            uint64_t passed_ns)
{
    if (counts->tokens_known && passed_ns > 0) {
        line_append(line, used, "  %.0f tokens/s",
                    (double)counts->tokens * 1e9 / (double)passed_ns);
    }
    if (counts->total > counts->done && counts->done > 0) {
        double left = (double)(counts->total - counts->done) / (double)counts->done;
        char time[32];
        progress_format_time(time, sizeof(time), (uint64_t)(left * (double)passed_ns));
        line_append(line, used, "  ETA %s", time);
    }
}

bool progress_is_due(const struct progress *progress, uint64_t now_ns)
{
    return progress->live && now_ns - progress->last_ns >= progress->wait_ns;
}

void progress_show_line(struct progress *progress, const char *line, size_t begin, size_t end)
{
    char whole[LINE_MAX_SIZE + 1];

    if (progress->over) {
        line_show(line, strlen(line), begin, end);
        progress->shown = true;
    } else {
        int size = snprintf(whole, sizeof(whole), "%s\n", line);
        line_write(whole, (size_t)size < sizeof(whole) ? (size_t)size : sizeof(whole) - 1);
    }
}

void progress_show(struct progress *progress, const struct progress_counts *counts, uint64_t now_ns)
{
    char line[LINE_MAX_SIZE];
    size_t used = 0;

    if (progress->begin_ns == 0) {
        progress->begin_ns = progress->last_ns = now_ns;
    }
    uint64_t since_ns = now_ns - progress->last_ns;
    if (!progress_is_due(progress, now_ns)) {
        return;
    }
    double rate = (double)(counts->done - progress->last_done) * 1e9 / (double)since_ns;
    progress->rate = progress->last_done == 0 ? rate : progress->rate * 0.8 + rate * 0.2;
    progress->last_ns = now_ns;
    progress->last_done = counts->done;

    line_append(line, &used, "%ju", (uintmax_t)counts->done);
    if (counts->total != 0) {
        line_append(line, &used, "/%s%ju", counts->total_is_guess ? "~" : "",
                    (uintmax_t)counts->total);
    }
    line_append(line, &used, "  %.1f/s  %ju in flight", progress->rate,
                (uintmax_t)counts->in_flight);
    line_append(line, &used, "  ");
    size_t red_begin = used;
    line_append(line, &used, "%ju failed", (uintmax_t)counts->failed);
    size_t red_end = progress->colour && counts->failed > 0 ? used : red_begin;
    line_append(line, &used, "  %ju retries", (uintmax_t)counts->retries);
    line_append_end(line, &used, counts, now_ns - progress->begin_ns);

    progress_show_line(progress, line, red_begin, red_end);
}

void progress_clear(struct progress *progress)
{
    if (progress->shown) {
        line_write("\r\033[K", 4);
        progress->shown = false;
    }
}

static void progress_print(struct progress *progress, const char *format, va_list arguments)
{
    char line[2048] = "quoit: ";
    const size_t room = sizeof(line) - 1; /* for the newline */
    int size = vsnprintf(line + 7, room - 7, format, arguments);
    size_t used = size < 0 ? 7 : 7 + (size_t)size;

    used = used >= room ? room - 1 : used;
    line[used++] = '\n';
    progress_clear(progress);
    line_write(line, used);
}

void progress_say(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!progress->quiet) {
        progress_print(progress, format, arguments);
    }
    va_end(arguments);
}

void progress_warn(struct progress *progress, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    progress_print(progress, format, arguments);
    va_end(arguments);
}
