/*
 * summary, progress: the JSON has its keys, and lengths of time read well.
 */
#include "cli/summary.h"

#include "cli/progress.h"
#include "tests/unit/check.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static struct summary summary;

static double number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) ? item->valuedouble : -1;
}

static cJSON *written(void)
{
    static char text[16384];
    FILE *file = tmpfile();

    CHECK(summary_write_json(&summary, fileno(file)));
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    CHECK(text[strlen(text) - 1] == '\n');
    return cJSON_Parse(text);
}

static void test_the_json_holds_what_was_counted(void)
{
    const struct quoit_result answers[] = {
        { .status = 200,
          .attempts = 1,
          .times = { .granted_ns = 1000, .sent_ns = 2000, .end_ns = 5001000 } },
        { .status = 503,
          .attempts = 3,
          .times = { .granted_ns = 1000, .sent_ns = 2000, .end_ns = 7001000 } },
        { .error = QUOIT_E_RESET, .attempts = 1, .maybe_billed = true },
        { .error = QUOIT_E_NO_MEMORY },
        { .error = QUOIT_E_NO_DESCRIPTOR },
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        summary_count(&summary, &answers[i]);
    }
    summary.good = 1;
    summary.failed = 4;
    summary.left = 2;
    summary.begin_ns = 1;
    summary.end_ns = UINT64_C(2000000001);
    cJSON *root = written();
    const cJSON *requests = cJSON_GetObjectItemCaseSensitive(root, "requests");
    const cJSON *errors = cJSON_GetObjectItemCaseSensitive(requests, "errors");
    const cJSON *latency = cJSON_GetObjectItemCaseSensitive(root, "latency_ms");
    CHECK_EQ(number(requests, "total"), 7);
    CHECK_EQ(number(requests, "ok"), 1);
    CHECK_EQ(number(requests, "unsent"), 2);
    CHECK_EQ(number(errors, "connection_reset"), 1);
    CHECK_EQ(number(errors, "resource"), 2); /* two errors of one code */
    CHECK_EQ(number(cJSON_GetObjectItemCaseSensitive(root, "statuses"), "503"), 1);
    CHECK_EQ(number(root, "attempts"), 5);
    CHECK_EQ(number(root, "maybe_billed"), 1);
    CHECK_EQ(number(root, "seconds"), 2);
    CHECK_EQ(number(latency, "count"), 2);
    CHECK_EQ(number(latency, "max"), 7);
    CHECK(
        cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(latency, "p99"))); /* of two: no such thing */
    CHECK(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root, "interrupted")));
    cJSON_Delete(root);
}

static unsigned allocations_left; /* until one is refused */

static void *refuse_one(size_t size)
{
    if (allocations_left-- == 0) {
        errno = ENOMEM;
        return NULL;
    }
    return malloc(size);
}

/* R35 */
static void test_without_memory_the_json_is_whole_or_none(void)
{
    cJSON_Hooks hooks = { .malloc_fn = refuse_one, .free_fn = free };
    FILE *file = tmpfile();
    unsigned at = 0;

    cJSON_InitHooks(&hooks);
    for (bool whole = false; !whole; at++) {
        allocations_left = at;
        whole = summary_write_json(&summary, fileno(file));
        CHECK(whole == (allocations_left < UINT_MAX / 2)); /* none was refused */
        CHECK(whole || (errno == ENOMEM && lseek(fileno(file), 0, SEEK_CUR) == 0));
    }
    CHECK(at > 50);
    cJSON_InitHooks(NULL);
    fclose(file);
}

static void test_lengths_of_time_read_well(void)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0ms" },
        { UINT64_C(999999999), "999ms" },
        { UINT64_C(59000000000), "59s" },
        { UINT64_C(185000000000), "3m05s" },
        { UINT64_C(7800000000000), "2h10m" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        progress_format_time(text, sizeof(text), cases[i].ns);
        CHECK_STR(text, cases[i].text);
    }
}

int main(void)
{
    RUN(test_the_json_holds_what_was_counted);
    RUN(test_without_memory_the_json_is_whole_or_none);
    RUN(test_lengths_of_time_read_well);
    return check_done();
}
