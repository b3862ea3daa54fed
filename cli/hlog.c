/*
 * hlog: see hlog.h. Fields are read as HdrHistogram's readers do: what stands behind a time in a
 * comment is for people.
 */
#include "cli/hlog.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HLOG_START_TIME_WORD "#[StartTime: "
#define HLOG_BASE_TIME_WORD "#[BaseTime: "
#define HLOG_TAG_WORD "Tag="
#define HLOG_NS_IN_MS 1e6
#define HLOG_YEAR_SECONDS (365 * 24 * 3600.0)
#define HLOG_SECONDS_MAX 1e12 /* 30,000 years: all that is printed of it is exact */

/* --- Writing --- */

void hlog_put_head(struct text *text, double start_epoch_seconds)
{
    char head[512], date[64] = "";
    time_t seconds = (time_t)start_epoch_seconds;
    struct tm parts;

    if (gmtime_r(&seconds, &parts) != NULL) {
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    snprintf(head, sizeof(head),
             HLOG_BEGIN "1.3]\n" HLOG_START_TIME_WORD
                        "%.3f (seconds since epoch), %s]\n" HLOG_BASE_TIME_WORD
                        "%.3f (seconds since epoch)]\n"
                        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                        "\"Interval_Compressed_Histogram\"",
             start_epoch_seconds, date, start_epoch_seconds);
    text_append_string(text, head);
}

bool hlog_put(struct text *text, const struct hlog_interval *interval,
              const struct histogram *histogram)
{
    char fields[128];

    if (interval->tag.size != 0) {
        text_append_string(text, HLOG_TAG_WORD);
        text_append(text, interval->tag);
        text_append_string(text, ",");
    }
    snprintf(fields, sizeof(fields), "%.3f,%.3f,%.3f,", interval->start_seconds,
             interval->length_seconds, (double)histogram->max / HLOG_NS_IN_MS);
    text_append_string(text, fields);
    return hdr_encode(histogram, text);
}

/* --- Reading --- */

/* A number, and behind it the sign. Moves `*at` behind that. */
static bool hlog_take_number(const char **at, char behind, double *number_out)
{
    char *end = NULL;

    *number_out = strtod(*at, &end);
    if (end == *at || *end != behind || !isfinite(*number_out) ||
        fabs(*number_out) > HLOG_SECONDS_MAX) {
        return false;
    }
    *at = end + 1;
    return true;
}

static bool hlog_skip(const char **at, const char *word)
{
    size_t size = strlen(word);
    bool begins = strncmp(*at, word, size) == 0;

    *at += begins ? size : 0;
    return begins;
}

/* The column of the maximum is not read: the histogram tells it. */
static bool hlog_read_interval(const char *at, struct hlog_line *line_out)
{
    struct hlog_interval *interval = &line_out->interval;

    interval->tag = (struct json_span){ at, 0 };
    if (hlog_skip(&at, HLOG_TAG_WORD)) {
        interval->tag = (struct json_span){ at, strcspn(at, ",") };
        at += interval->tag.size;
        if (*at++ != ',') {
            return false;
        }
    }
    if (!hlog_take_number(&at, ',', &interval->start_seconds) ||
        !hlog_take_number(&at, ',', &interval->length_seconds) || interval->length_seconds < 0) {
        return false;
    }
    at += strcspn(at, ",");
    if (*at++ != ',') {
        return false;
    }
    line_out->histogram = (struct json_span){ at, strcspn(at, " \t\r") };
    return true;
}

enum hlog_kind hlog_read(const char *line, struct hlog_line *line_out)
{
    const char *at = line;

    *line_out = (struct hlog_line){ .epoch_seconds = NAN };
    if (hlog_skip(&at, HLOG_START_TIME_WORD)) {
        return hlog_take_number(&at, ' ', &line_out->epoch_seconds) ? HLOG_START_TIME : HLOG_BROKEN;
    }
    if (hlog_skip(&at, HLOG_BASE_TIME_WORD)) {
        return hlog_take_number(&at, ' ', &line_out->epoch_seconds) ? HLOG_BASE_TIME : HLOG_BROKEN;
    }
    if (*line == '#' || *line == '"' || line[strspn(line, " \t\r")] == '\0') {
        return HLOG_REMARK;
    }
    return hlog_read_interval(line, line_out) ? HLOG_INTERVAL : HLOG_BROKEN;
}

double hlog_begin_of(const struct hlog_interval *interval, double start_epoch_seconds,
                     double base_epoch_seconds)
{
    if (!isnan(base_epoch_seconds)) {
        return base_epoch_seconds + interval->start_seconds;
    }
    if (interval->start_seconds < start_epoch_seconds - HLOG_YEAR_SECONDS) {
        return start_epoch_seconds + interval->start_seconds;
    }
    return interval->start_seconds;
}
