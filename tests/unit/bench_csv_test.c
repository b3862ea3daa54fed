/*
 * csv: what is in the file, whoever wrote it and whatever the disk or the memory does.
 */
#include "bench/csv.h"
#include "tests/unit/capture.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEGIN_NS UINT64_C(1000000000)
#define THREADS 4
#define RECORDS 5000 /* of each; no multiple of a block */
#define CELLS_MAX 32
#define LINES_MAX 30000

static char path[] = "/tmp/quoit-csv-XXXXXX";
static char *text; /* of the file */

static struct csv_record record_of(uint32_t worker, uint64_t number)
{
    struct csv_record record = {
        .due_ns = BEGIN_NS + number * 1000,
        .tokens_in = 11,
        .tokens_out = 12,
        .bytes_in = 13,
        .bytes_out = 14,
        .worker = worker,
        .status = 200,
        .attempts = 1,
        .ok = true,
    };

    for (unsigned metric = 0; metric < METRICS; metric++) {
        record.values_ns[metric] = (metric + 1) * 1000000 + 1000;
    }
    return record;
}

/* The lines of the file, without their ends; NULL behind the last. */
static char **read_lines(void)
{
    static char *lines[LINES_MAX];
    FILE *file = fopen(path, "r");
    size_t count = 0;
    size_t room = 0;
    ssize_t size = 0;

    free(text);
    text = NULL;
    size = getdelim(&text, &room, '\0', file);
    fclose(file);
    char *rest = size > 0 ? text : NULL;
    for (char *line = NULL; (line = strsep(&rest, "\n")) != NULL;) {
        lines[count] = line;
        count += *line != '\0';
    }
    lines[count] = NULL;
    return lines;
}

static size_t lines_count(char **lines)
{
    size_t count = 0;

    while (lines[count] != NULL) {
        count++;
    }
    return count;
}

/* Cut a line at its commas. */
static size_t cut(char *line, char *cells[CELLS_MAX])
{
    size_t count = 0;
    char *cell = NULL;

    while ((cell = strsep(&line, ",")) != NULL && count < CELLS_MAX) {
        cells[count++] = cell;
    }
    return count;
}

static struct csv *open_csv(uint32_t workers)
{
    struct csv *csv = csv_open(path, workers);

    CHECK(csv != NULL);
    return csv;
}

static void test_columns_are_those_of_the_head(void)
{
    static const char *const metrics[METRICS] = {
#define METRIC_X(member, name)                                                                     \
    [METRIC_##member] = METRIC_##member == METRIC_ITL ? "itl_mean_ms" : name "_ms",
        METRIC_MAP(METRIC_X)
#undef METRIC_X
    };
    static const char *const others[][2] = {
        { "status", "503" },   { "error", "" },       { "ok", "0" },          { "attempts", "2" },
        { "reused", "1" },     { "tokens_in", "11" }, { "tokens_out", "12" }, { "bytes_in", "13" },
        { "bytes_out", "14" }, { "thread", "0" },
    };
    const size_t others_count = sizeof(others) / sizeof(others[0]);
    struct csv *csv = open_csv(1);
    struct csv_record record = record_of(0, 1500);
    char *names[CELLS_MAX], *cells[CELLS_MAX];

    record.status = 503;
    record.ok = false;
    record.attempts = 2;
    record.reused = true;
    csv_put(csv, 0, &record);
    csv_flush(csv, 0);
    csv_write(csv, BEGIN_NS);
    CHECK(csv_close(csv));
    char **lines = read_lines();
    CHECK_EQ(lines_count(lines), 2);
    CHECK_EQ(cut(lines[0], names), 1 + METRICS + others_count);
    CHECK_EQ(cut(lines[1], cells), 1 + METRICS + others_count);
    CHECK_STR(names[0], "due_s");
    CHECK_STR(cells[0], "0.001500");
    for (unsigned metric = 0; metric < METRICS; metric++) {
        char wanted[32];
        snprintf(wanted, sizeof(wanted), "%u.001000", metric + 1);
        CHECK_STR(names[1 + metric], metrics[metric]);
        CHECK_STR(cells[1 + metric], wanted);
    }
    for (size_t i = 0; i < others_count; i++) {
        CHECK_STR(names[1 + METRICS + i], others[i][0]);
        CHECK_STR(cells[1 + METRICS + i], others[i][1]);
    }
}

static void test_what_has_no_value_is_an_empty_cell_and_an_error_has_its_code(void)
{
    struct csv *csv = open_csv(1);
    struct csv_record record = record_of(0, 0);

    for (unsigned metric = 0; metric < METRICS; metric++) {
        record.values_ns[metric] = CSV_NONE;
    }
    record.status = 0;
    record.ok = false;
    record.error = QUOIT_E_CONNECT;
    csv_put(csv, 0, &record);
    csv_flush(csv, 0);
    csv_write(csv, BEGIN_NS);
    CHECK(csv_close(csv));
    CHECK_STR(read_lines()[1], "0.000000,,,,,,,,,,,0,connect_error,0,1,0,11,12,13,14,0");
}

struct writer {
    pthread_t thread;
    struct csv *csv;
    uint32_t worker;
};

static void *put_records(void *argument)
{
    struct writer *writer = argument;

    for (uint64_t i = 0; i < RECORDS; i++) {
        const struct csv_record record = record_of(writer->worker, i);
        csv_put(writer->csv, writer->worker, &record);
    }
    csv_flush(writer->csv, writer->worker);
    csv_flush(writer->csv, writer->worker); /* there is nothing left to hand over */
    return NULL;
}

static void test_each_threads_records_arrive_once_and_in_order(void)
{
    struct csv *csv = open_csv(THREADS);
    struct writer writers[THREADS];
    uint64_t next[THREADS] = { 0 };

    for (uint32_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){ .csv = csv, .worker = i };
        CHECK_EQ(pthread_create(&writers[i].thread, NULL, put_records, &writers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        csv_write(csv, BEGIN_NS);
        CHECK_EQ(pthread_join(writers[i].thread, NULL), 0);
    }
    csv_write(csv, BEGIN_NS);
    csv_write(csv, BEGIN_NS);
    CHECK(csv_close(csv));
    char **lines = read_lines();
    CHECK_EQ(lines_count(lines), 1 + THREADS * RECORDS);
    for (size_t i = 1; lines[i] != NULL; i++) {
        uint32_t worker = (uint32_t)strtoul(strrchr(lines[i], ',') + 1, NULL, 10);
        char due[32];
        if (worker >= THREADS) {
            CHECK_FAIL("line %zu is of thread %u", i, worker);
            break;
        }
        snprintf(due, sizeof(due), "%.6f,", (double)next[worker]++ / 1e6);
        CHECK(strncmp(lines[i], due, strlen(due)) == 0);
    }
}

static void test_what_stood_in_the_file_is_gone(void)
{
    FILE *file = fopen(path, "w");

    for (int i = 0; i < 1000; i++) {
        fputs("old\n", file);
    }
    fclose(file);
    CHECK(csv_close(open_csv(1)));
    CHECK_EQ(lines_count(read_lines()), 1);
}

/* A run that failed has no window, and so nothing to write. */
static void test_what_was_never_written_is_given_back(void)
{
    struct csv *csv = open_csv(2);
    const struct csv_record record = record_of(0, 0);

    for (int i = 0; i < RECORDS; i++) {
        csv_put(csv, 0, &record);
    }
    csv_flush(csv, 0);
    csv_put(csv, 1, &record);
    CHECK(csv_close(csv)); /* a sanitizer finds what is lost */
    CHECK_EQ(lines_count(read_lines()), 1);
}

static void test_a_full_disk_is_told(void)
{
    for (int records = 0; records <= RECORDS; records += RECORDS) {
        struct csv *csv = csv_open("/dev/full", 1);
        const struct csv_record record = record_of(0, 0);
        CHECK(csv != NULL);
        for (int i = 0; i < records; i++) {
            csv_put(csv, 0, &record);
        }
        csv_flush(csv, 0);
        csv_write(csv, BEGIN_NS);
        capture_begin();
        bool good = csv_close(csv);
        const char *said = capture_end();
        CHECK(!good);
        CHECK_STR(said, "quoit: --csv /dev/full: not all could be written: No space left on "
                        "device\n");
    }
}

static void test_a_file_that_cannot_be_made_is_told(void)
{
    capture_begin();
    struct csv *csv = csv_open("/proc/nowhere/x.csv", 1);
    const char *said = capture_end();

    CHECK(csv == NULL);
    CHECK_STR(said, "quoit: --csv /proc/nowhere/x.csv cannot be written: No such file or "
                    "directory\n");
    CHECK(csv_close(NULL));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MEMORY_IS_OURS false
#endif
#endif
#ifndef MEMORY_IS_OURS
#define MEMORY_IS_OURS true
#endif

/* In a process that gets no more memory: 0 if all is as it should be, else which step was not. */
static int lose_records(void)
{
    const struct rlimit none = { 0, 0 };
    const struct csv_record record = record_of(0, 0);
    struct csv *csv = csv_open(path, 2);

    if (csv == NULL) {
        return 1;
    }
    csv_put(csv, 0, &record); /* its block was there in time */
    capture_begin();
    if (setrlimit(RLIMIT_AS, &none) != 0) {
        return 2;
    }
    void *volatile kept = csv; /* or a compiler would leave out what nobody looks at */
    while (kept != NULL) {
        kept = malloc(1000);
    }
    csv_put(csv, 1, &record);
    csv_put(csv, 0, &record);
    csv_flush(csv, 0);
    csv_flush(csv, 1);
    csv_write(csv, BEGIN_NS);
    if (csv_close(csv)) {
        return 3;
    }
    return strstr(capture_end(), "not all could be written: Cannot allocate memory\n") ? 0 : 4;
}

static void test_a_record_that_there_is_no_memory_for_is_told(void)
{
    int status = 0;

    if (!MEMORY_IS_OURS) {
        return; /* a sanitizer takes what it wants */
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        _exit(lose_records());
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK_EQ(lines_count(read_lines()), 3); /* the others are there */
}

int main(void)
{
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    RUN(test_columns_are_those_of_the_head);
    RUN(test_what_has_no_value_is_an_empty_cell_and_an_error_has_its_code);
    RUN(test_each_threads_records_arrive_once_and_in_order);
    RUN(test_what_stood_in_the_file_is_gone);
    RUN(test_what_was_never_written_is_given_back);
    RUN(test_a_full_disk_is_told);
    RUN(test_a_file_that_cannot_be_made_is_told);
    RUN(test_a_record_that_there_is_no_memory_for_is_told);
    free(text);
    unlink(path);
    return check_done();
}
