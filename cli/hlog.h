/*
 * hlog: the lines of a histogram log, as HdrHistogram's HistogramLogWriter 1.3 writes them.
 *
 *     #[Histogram log format version 1.3]
 *     #[StartTime: 1700000000.123 (seconds since epoch), 2023-11-14T22:13:20Z]
 *     #[BaseTime: 1700000000.123 (seconds since epoch)]
 *     "StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"
 *     Tag=latency,0.000,10.000,12.345,HISTFAAAA...
 *
 * The times of an interval are seconds from the base time, its max is in milliseconds, and what its
 * histogram counts are nanoseconds. Pure: who calls it reads and writes the file.
 */
#ifndef QUOIT_CLI_HLOG_H
#define QUOIT_CLI_HLOG_H

#include "cli/hdr.h"

#define HLOG_BEGIN "#[Histogram log format version " /* a log begins like this */

/* Append the lines before the first interval, without the last LF. */
void hlog_put_head(struct text *text, double start_epoch_seconds);

/* What an interval's line tells beside its histogram. */
struct hlog_interval {
    struct json_span tag; /* without commas or line ends; empty: none */
    double start_seconds, length_seconds;
};

/* Append the line of an interval, without its LF. False: there is no memory. */
bool hlog_put(struct text *text, const struct hlog_interval *interval,
              const struct histogram *histogram);

enum hlog_kind {
    HLOG_INTERVAL,
    HLOG_START_TIME,
    HLOG_BASE_TIME,
    HLOG_REMARK, /* of no account: any other comment, the legend, an empty line */
    HLOG_BROKEN,
};

/* What a line says. Spans point into it. */
struct hlog_line {
    double epoch_seconds;          /* of START_TIME and BASE_TIME */
    struct hlog_interval interval; /* of INTERVAL */
    struct json_span histogram;    /* and its text, for hdr_decode */
};

/* `line` is one without its LF. */
enum hlog_kind hlog_read(const char *line, struct hlog_line *line_out);

/*
 * When an interval began, in seconds since the epoch. Without a base time (a NAN) the format lets
 * a start count from the start time (a NAN: none) if it is more than a year before that.
 */
double hlog_begin_of(const struct hlog_interval *interval, double start_epoch_seconds,
                     double base_epoch_seconds);

#endif
