/*
 * hlog_node: what we write, npm's hdr-histogram-js reads as we meant it: counts, extremes, mean and
 * percentiles, of a log and of a histogram alone; and what it writes we read. It is brought by
 * `make ci-deps`; without it or Node.js this is skipped.
 */
#include "cli/hlog.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define SCRIPT "tests/data/hlog_reader.js"
#define MODULE "build/third_party/npm/node_modules/hdr-histogram-js"
#define PATIENCE_S 60
#define VALUES 20000 /* a multiple of 1,000, so that no rank of a percentile is between two */
#define START_SECONDS 1700000000.5

/* Lengths of time as they come; none is above 2^53, where JavaScript's numbers have gaps. */
enum shape { UNIFORM_SMALL, EXPONENTIAL, TWO_HILLS, TAIL, ONE_VALUE, SHAPES };

static const char *const tags[SHAPES] = { "uniform", "exponential", "two-hills", "tail", "one" };
static struct histogram histograms[SHAPES], again;
static struct text text;
static char folder[] = "/tmp/quoit-hlog-node-XXXXXX";
static char log_path[64], copy_path[64];

/* Above 0 and at most 1. */
static double chance_next(void)
{
    static uint64_t state = 42;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)((state >> 11) + 1) / 9007199254740992.0;
}

static uint64_t value_next(enum shape shape)
{
    switch (shape) {
    case UNIFORM_SMALL:
        return (uint64_t)(chance_next() * 3000);
    case EXPONENTIAL:
        return (uint64_t)(-1e7 * log(chance_next()));
    case TWO_HILLS:
        return (uint64_t)((chance_next() < 0.95 ? 1e6 : 5e8) * (1 + chance_next()));
    case TAIL:
        return (uint64_t)fmin(1e5 * pow(chance_next(), -1.5), 9e15);
    case ONE_VALUE:
        return 123456789;
    case SHAPES:
        break;
    }
    abort(); /* a shape without a case */
}

static struct hlog_interval interval_of(enum shape shape)
{
    return (struct hlog_interval){ { tags[shape], strlen(tags[shape]) }, shape, 1.5 };
}

static bool write_log(void)
{
    FILE *file = fopen(log_path, "w");

    hlog_put_head(&text, START_SECONDS);
    text_append_string(&text, "\n");
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        const struct hlog_interval interval = interval_of(shape);
        for (unsigned i = 0; i < VALUES; i++) {
            histogram_add(&histograms[shape], value_next(shape));
        }
        CHECK(hlog_put(&text, &interval, &histograms[shape]));
        text_append_string(&text, "\n");
    }
    return file != NULL && fwrite(text.bytes, 1, text.size, file) == text.size && fclose(file) == 0;
}

/* One line of the script. */
static void compare(const char *line, enum shape shape, bool is_of_log)
{
    static const double fractions[] = { 0.5, 0.9, 0.99, 0.999 };
    struct histogram *wanted = &again; /* as a reader has it who only knows the buckets */
    unsigned long long begin_ms = 0, end_ms = 0, count = 0, min = 0, max = 0, at[4] = { 0 };
    double mean = 0;
    char tag[32];

    *wanted = histograms[shape];
    histogram_recount(wanted);
    check_case(tags[shape]);
    CHECK_EQ(sscanf(line, "%31s %llu %llu %llu %llu %llu %llu %llu %llu %llu %lf", tag, &begin_ms,
                    &end_ms, &count, &min, &max, &at[0], &at[1], &at[2], &at[3], &mean),
             11);
    if (is_of_log) {
        CHECK_STR(tag, tags[shape]);
    }
    CHECK_EQ(begin_ms, is_of_log ? 1700000000500 + 1000 * (int)shape : 0);
    CHECK_EQ(end_ms, is_of_log ? 1700000002000 + 1000 * (int)shape : 0);
    CHECK_EQ(count, VALUES);
    CHECK_EQ(min, wanted->min);
    CHECK_EQ(max, wanted->max);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_EQ(at[i], histogram_percentile(wanted, fractions[i]));
    }
    CHECK(fabs(mean - wanted->mean) < 1e-9 * wanted->mean);
}

static void test_hdr_histogram_js_reads_what_we_wrote(void)
{
    char command[256], line[512];
    unsigned lines = 0;

    snprintf(command, sizeof(command), "timeout %d node " SCRIPT " \"$PWD\"/" MODULE " %s %s",
             PATIENCE_S, log_path, copy_path);
    CHECK(write_log());
    FILE *pipe = popen(command, "r");
    for (; pipe != NULL && fgets(line, sizeof(line), pipe) != NULL; lines++) {
        CHECK(lines < 2 * SHAPES);
        if (lines < 2 * SHAPES) {
            compare(line, lines / 2, lines % 2 == 0);
        }
    }
    check_case("");
    CHECK_EQ(lines, 2 * SHAPES);
    CHECK(pipe != NULL && pclose(pipe) == 0);
}

static void test_what_hdr_histogram_js_wrote_we_read(void)
{
    static char line[1 << 16];
    const char *reason = NULL;
    struct hlog_line parts;
    unsigned intervals = 0;
    FILE *file = fopen(copy_path, "r");

    CHECK(file != NULL);
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        enum hlog_kind kind = hlog_read(line, &parts);
        if (kind == HLOG_REMARK) {
            continue;
        }
        CHECK_EQ(kind, HLOG_INTERVAL);
        CHECK(intervals < SHAPES);
        enum shape shape = intervals++ % SHAPES;
        check_case(tags[shape]);
        CHECK_MEM(parts.interval.tag.bytes, parts.interval.tag.size, tags[shape],
                  strlen(tags[shape]));
        CHECK(hdr_decode(parts.histogram, &again, &reason));
        CHECK(memcmp(again.buckets, histograms[shape].buckets, sizeof(again.buckets)) == 0);
    }
    CHECK_EQ(intervals, SHAPES);
    if (file != NULL) {
        fclose(file);
    }
}

int main(void)
{
    if (system("node --version >/dev/null 2>&1") != 0) {
        printf("skipped: Node.js is not installed\n");
        return 77;
    }
    if (access(MODULE, R_OK) != 0) {
        printf("skipped: hdr-histogram-js is not here: make ci-deps\n");
        return 77;
    }
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    snprintf(log_path, sizeof(log_path), "%s/log", folder);
    snprintf(copy_path, sizeof(copy_path), "%s/copy", folder);
    text_init(&text, 0);
    RUN(test_hdr_histogram_js_reads_what_we_wrote);
    RUN(test_what_hdr_histogram_js_wrote_we_read);
    text_free(&text);
    unlink(log_path);
    unlink(copy_path);
    rmdir(folder);
    return check_done();
}
