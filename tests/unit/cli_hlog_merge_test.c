/*
 * hlog_merge: logs become one that counts what all of them did, or none.
 */
#include "cli/hlog.h"
#include "cli/hlog_merge.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

#define FILES 3
#define PATH_SIZE 128

static char folder[] = "/tmp/quoit-hlog-XXXXXX";
static char paths[FILES][PATH_SIZE], output[PATH_SIZE];
static char *files[FILES] = { paths[0], paths[1], paths[2] };
static struct histogram parts[FILES], whole, again;
static struct text text;
static char content[1 << 20];

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    CHECK_EQ(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static const char *read_output(void)
{
    FILE *file = fopen(output, "r");

    if (file == NULL) {
        return "not there";
    }
    content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
    fclose(file);
    return content;
}

static void put_interval(const char *tag, double start, double length,
                         const struct histogram *histogram)
{
    const struct hlog_interval interval = { { tag, strlen(tag) }, start, length };

    text_append_string(&text, "\n");
    CHECK(hlog_put(&text, &interval, histogram));
}

static enum exit_code merge(uint64_t files_count)
{
    const struct hlog_merge_options options = { .files = files,
                                                .files_count = files_count,
                                                .output = output,
                                                .overwrite = true,
                                                .quiet = true };

    return hlog_merge(&options);
}

/* Three files, each with two of `latency` and one of its own. */
static void write_logs(void)
{
    static const char *const tags[FILES] = { "itl", "", "ttft" };

    whole = (struct histogram){ .count = 0 };
    for (unsigned i = 0; i < FILES; i++) {
        parts[i] = (struct histogram){ .count = 0 };
        for (uint64_t j = 0; j < 1000 * (i + 1); j++) {
            histogram_add(&parts[i], 1000000 * i + j * j);
        }
        histogram_merge(&whole, &parts[i]);
        histogram_merge(&whole, &parts[i]);
        text_reset(&text);
        hlog_put_head(&text, 1700000000 + 10 * i);
        put_interval("latency", 1, 2, &parts[i]);
        put_interval(tags[i], 0, 60, &parts[i]);
        put_interval("latency", 3, 4, &parts[i]);
        text_append_string(&text, i == 2 ? "" : "\n"); /* the last one without its LF */
        write_file(paths[i], text.bytes, text.size);
    }
}

static void check_interval(char **at, const char *tag, double start, double length)
{
    struct hlog_line line;
    const char *reason = NULL;
    char *end = strchr(*at, '\n');

    check_case(tag);
    CHECK(end != NULL);
    if (end == NULL) {
        return;
    }
    *end = '\0';
    CHECK_EQ(hlog_read(*at, &line), HLOG_INTERVAL);
    CHECK_MEM(line.interval.tag.bytes, line.interval.tag.size, tag, strlen(tag));
    CHECK(line.interval.start_seconds == start);
    CHECK(line.interval.length_seconds == length);
    CHECK(hdr_decode(line.histogram, &again, &reason));
    *at = end + 1;
}

static void test_each_tag_becomes_one_interval_that_counts_all_of_it(void)
{
    static const char head[] = "#[Histogram log format version 1.3]\n#[StartTime: 1700000000.000";

    write_logs();
    CHECK_EQ(merge(FILES), EXIT_GOOD);
    CHECK(strncmp(read_output(), head, strlen(head)) == 0);
    char *at = strstr(content, "Tag=");
    CHECK(at != NULL);
    if (at == NULL) {
        return;
    }
    check_interval(&at, "latency", 1, 26); /* 1,700,000,001 to 1,700,000,027 */
    CHECK_EQ(again.count, whole.count);
    CHECK_EQ(again.count, 12000);
    CHECK(memcmp(again.buckets, whole.buckets, sizeof(whole.buckets)) == 0);
    check_interval(&at, "itl", 0, 60);
    CHECK(memcmp(again.buckets, parts[0].buckets, sizeof(whole.buckets)) == 0);
    check_interval(&at, "", 10, 60);
    CHECK(memcmp(again.buckets, parts[1].buckets, sizeof(whole.buckets)) == 0);
    check_interval(&at, "ttft", 20, 60);
    CHECK(memcmp(again.buckets, parts[2].buckets, sizeof(whole.buckets)) == 0);
    CHECK_STR(at, "");
}

static void test_a_result_can_be_merged_again_and_take_the_place_of_a_source(void)
{
    char first[PATH_SIZE], once[4096];

    write_logs();
    CHECK_EQ(merge(FILES), EXIT_GOOD);
    CHECK(strlen(read_output()) > 100);
    CHECK(strlen(content) < sizeof(once));
    snprintf(once, sizeof(once), "%.4000s", content);
    snprintf(first, sizeof(first), "%s", paths[0]);
    snprintf(paths[0], sizeof(paths[0]), "%s", output);
    CHECK_EQ(merge(1), EXIT_GOOD);
    /* Maxima are now bounds of buckets, and the rest is as before. */
    char *column = strstr(once, "Tag=latency,1.000,26.000,");
    CHECK(column != NULL);
    CHECK(strstr(read_output(), "Tag=latency,1.000,26.000,") != NULL);
    if (column != NULL) {
        char *histogram = strstr(column, "HISTF");
        *strchr(histogram, '\n') = '\0';
        CHECK(strstr(content, histogram) != NULL);
    }
    snprintf(paths[0], sizeof(paths[0]), "%s", first);
}

static void test_a_log_is_known_by_its_first_line(void)
{
    write_logs();
    CHECK(hlog_merge_is_meant(files, FILES));
    write_file(paths[0], "{\"custom_id\":\"a\"}\n", 18);
    CHECK(!hlog_merge_is_meant(files, 1));
    CHECK(hlog_merge_is_meant(files, 2));
    write_file(paths[0], "#[Histogram log", 15);
    CHECK(!hlog_merge_is_meant(files, 1));
    unlink(paths[0]);
    CHECK(!hlog_merge_is_meant(files, 1));
    snprintf(paths[0], sizeof(paths[0]), "%s", folder);
    CHECK(!hlog_merge_is_meant(files, 1));
    snprintf(paths[0], sizeof(paths[0]), "%s/0", folder);
}

/* Merged with two good logs, this is refused, and the output stays what it was. */
static void check_refused(const char *name, const char *bytes, size_t size)
{
    check_case(name);
    write_file(paths[1], bytes, size);
    write_file(output, "old\n", 4);
    CHECK_EQ(merge(FILES), EXIT_START);
    CHECK_STR(read_output(), "old\n");
}

static void test_what_cannot_be_read_leaves_no_result(void)
{
    static char log[4096];
    size_t size = 0;

    write_logs();
    text_reset(&text);
    hlog_put_head(&text, 1700000000);
    put_interval("latency", 1, 2, &parts[0]);
    CHECK(text.size < sizeof(log) - 100);
    memcpy(log, text.bytes, text.size);
    size = text.size;
    check_refused("torn", log, size - 5);
    check_refused("empty", log, 0);
    check_refused("without a head", "latency\n", 8);
    log[size - 10] ^= 1;
    check_refused("damaged", log, size);
    log[size - 10] ^= 1;
    memcpy(log + size, "\nabc\n", 5);
    check_refused("a strange line", log, size + 5);
    memcpy(log + size, "\n\0\n", 3);
    check_refused("a NUL", log, size + 3);
    check_case("not there");
    unlink(paths[1]);
    CHECK_EQ(merge(FILES), EXIT_START);
    CHECK_STR(read_output(), "old\n");
}

static void test_a_line_or_a_tag_or_tags_without_end_are_refused(void)
{
    size_t size = (size_t)3 << 20;
    char *bytes = malloc(size), tag[80];

    write_logs();
    memset(bytes, 'A', size);
    memcpy(bytes, HLOG_BEGIN, strlen(HLOG_BEGIN));
    check_refused("a line", bytes, size);
    free(bytes);
    memset(tag, 'a', sizeof(tag));
    tag[64] = '\0';
    text_reset(&text);
    hlog_put_head(&text, 1700000000);
    put_interval(tag, 1, 2, &parts[0]);
    check_refused("a tag", text.bytes, text.size);
    text_reset(&text);
    hlog_put_head(&text, 1700000000);
    for (unsigned i = 0; i < 64; i++) { /* with `latency` one too many */
        snprintf(tag, sizeof(tag), "tag-%u", i);
        put_interval(tag, 1, 2, &parts[0]);
    }
    check_refused("tags", text.bytes, text.size);
}

static void test_counts_that_are_too_large_are_not_added_up(void)
{
    write_logs();
    whole = (struct histogram){ .count = 0 };
    whole.buckets[7] = INT64_MAX;
    histogram_recount(&whole);
    text_reset(&text);
    hlog_put_head(&text, 1700000000);
    put_interval("latency", 1, 2, &whole);
    check_refused("with others", text.bytes, text.size);
    snprintf(paths[0], sizeof(paths[0]), "%s", paths[1]);
    CHECK_EQ(merge(1), EXIT_GOOD);
    snprintf(paths[0], sizeof(paths[0]), "%s/0", folder);
}

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%u", folder, i);
    }
    snprintf(output, sizeof(output), "%s/output", folder);
    text_init(&text, 0);
    RUN(test_each_tag_becomes_one_interval_that_counts_all_of_it);
    RUN(test_a_result_can_be_merged_again_and_take_the_place_of_a_source);
    RUN(test_a_log_is_known_by_its_first_line);
    RUN(test_what_cannot_be_read_leaves_no_result);
    RUN(test_a_line_or_a_tag_or_tags_without_end_are_refused);
    RUN(test_counts_that_are_too_large_are_not_added_up);
    text_free(&text);
    for (unsigned i = 0; i < FILES; i++) {
        unlink(paths[i]);
    }
    unlink(output);
    rmdir(folder);
    return check_done();
}
