/*
 * hlog: a log looks as HdrHistogram's writer makes it, and lines of any tool are told apart.
 */
#include "cli/hlog.h"
#include "tests/unit/check.h"

#include <math.h>

static struct histogram histogram, again;
static struct text text;

static void test_a_log_looks_as_the_format_says(void)
{
    static const char wanted[] =
        "#[Histogram log format version 1.3]\n"
        "#[StartTime: 1700000000.250 (seconds since epoch), 2023-11-14T22:13:20Z]\n"
        "#[BaseTime: 1700000000.250 (seconds since epoch)]\n"
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_"
        "Histogram\"\n"
        "Tag=latency,0.500,10.000,12.346,HISTFAA";
    const struct hlog_interval interval = { { "latency", 7 }, 0.5, 10 };

    text_reset(&text);
    histogram = (struct histogram){ .count = 0 };
    histogram_add(&histogram, 12345678);
    hlog_put_head(&text, 1700000000.25);
    text_append_string(&text, "\n");
    CHECK(hlog_put(&text, &interval, &histogram));
    CHECK(text.size > strlen(wanted));
    CHECK_MEM(text.bytes, strlen(wanted), wanted, strlen(wanted));
}

static void test_an_interval_is_read_as_it_was_written(void)
{
    static const char *const tags[] = { "latency", "" };
    const char *reason = NULL;
    struct hlog_line line;

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        const struct hlog_interval interval = { { tags[i], strlen(tags[i]) }, 1.125, 59.999 };
        text_reset(&text);
        CHECK(hlog_put(&text, &interval, &histogram));
        CHECK_EQ(hlog_read(text.bytes, &line), HLOG_INTERVAL);
        CHECK_MEM(line.interval.tag.bytes, line.interval.tag.size, tags[i], strlen(tags[i]));
        CHECK(line.interval.start_seconds == 1.125);
        CHECK(line.interval.length_seconds == 59.999);
        CHECK(hdr_decode(line.histogram, &again, &reason));
        CHECK_EQ(again.count, histogram.count);
    }
}

struct line_row {
    const char *line;
    enum hlog_kind kind;
    double seconds;
};

static void test_lines_are_told_apart(void)
{
    static const struct line_row rows[] = {
        { "#[Histogram log format version 1.3]", HLOG_REMARK, 0 },
        { "#[Histogram log format version 1.2]", HLOG_REMARK, 0 },
        { "#", HLOG_REMARK, 0 },
        { "", HLOG_REMARK, 0 },
        { "  \t\r", HLOG_REMARK, 0 },
        { "\"StartTimestamp\",\"Interval_Length\"", HLOG_REMARK, 0 },
        { "#[StartTime: 1441812279.474 (seconds since epoch), Wed Sep 09]", HLOG_START_TIME,
          1441812279.474 },
        { "#[StartTime: 0 (x", HLOG_START_TIME, 0 },
        { "#[BaseTime: 1441812279.474 (seconds since epoch)]", HLOG_BASE_TIME, 1441812279.474 },
        { "#[StartTime: now (seconds since epoch)]", HLOG_BROKEN, 0 },
        { "#[BaseTime: inf (seconds since epoch)]", HLOG_BROKEN, 0 },
        { "#[BaseTime: nan (seconds since epoch)]", HLOG_BROKEN, 0 },
        { "#[BaseTime: 1e300 (seconds since epoch)]", HLOG_BROKEN, 0 },
        { "#[BaseTime: ", HLOG_BROKEN, 0 },
        { "0.127,1.007,2.769,HISTFAAA\r", HLOG_INTERVAL, 0.127 },
        { "0.127,1.007,2.769,HISTFAAA  ", HLOG_INTERVAL, 0.127 },
        { "Tag=,0.127,1.007,2.769,HISTFAAA", HLOG_INTERVAL, 0.127 },
        { "Tag=a b,0.127,1.007,2.769,HISTFAAA", HLOG_INTERVAL, 0.127 },
        { "Tag=a", HLOG_BROKEN, 0 },
        { "Tag=a,", HLOG_BROKEN, 0 },
        { "Tag=a,0.127,1.007,2.769", HLOG_BROKEN, 0 },
        { "0.127,1.007,2.769", HLOG_BROKEN, 0 },
        { "0.127,1.007", HLOG_BROKEN, 0 },
        { "0.127", HLOG_BROKEN, 0 },
        { ",,,", HLOG_BROKEN, 0 },
        { "0.127,-1.007,2.769,HISTFAAA", HLOG_BROKEN, 0 },
        { "0.127x,1.007,2.769,HISTFAAA", HLOG_BROKEN, 0 },
        { "{\"custom_id\":\"a\"}", HLOG_BROKEN, 0 },
    };
    struct hlog_line line;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_case(rows[i].line);
        enum hlog_kind kind = hlog_read(rows[i].line, &line);
        CHECK_EQ(kind, rows[i].kind);
        if (kind == HLOG_INTERVAL) {
            CHECK(line.interval.start_seconds == rows[i].seconds);
            CHECK_MEM(line.histogram.bytes, line.histogram.size, "HISTFAAA", 8);
        } else if (kind == HLOG_START_TIME || kind == HLOG_BASE_TIME) {
            CHECK(line.epoch_seconds == rows[i].seconds);
        }
    }
}

static void test_a_start_counts_from_the_base_or_from_the_start_time_or_is_absolute(void)
{
    const struct hlog_interval soon = { .start_seconds = 5 }, late = { .start_seconds = 1.7e9 };

    CHECK(hlog_begin_of(&soon, 1.7e9, 1.6e9) == 1.6e9 + 5);
    CHECK(hlog_begin_of(&late, 1.7e9, 0) == 1.7e9);
    CHECK(hlog_begin_of(&soon, 1.7e9, (double)NAN) == 1.7e9 + 5);
    CHECK(hlog_begin_of(&late, 1.7e9, (double)NAN) == 1.7e9);
    CHECK(hlog_begin_of(&soon, (double)NAN, (double)NAN) == 5);
}

int main(void)
{
    text_init(&text, 0);
    RUN(test_a_log_looks_as_the_format_says);
    RUN(test_an_interval_is_read_as_it_was_written);
    RUN(test_lines_are_told_apart);
    RUN(test_a_start_counts_from_the_base_or_from_the_start_time_or_is_absolute);
    text_free(&text);
    return check_done();
}
