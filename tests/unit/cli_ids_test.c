/*
 * ids: a repeated id is found, a new one is not, and the table stays small.
 */
#include "cli/ids.h"
#include "tests/unit/check.h"

static enum ids_verdict note(struct ids *ids, const char *id, uint64_t line, uint64_t *first)
{
    return ids_note(ids, (struct json_span){ id, strlen(id) }, line, first);
}

static void test_a_repeated_id_is_found_with_its_first_line(void)
{
    struct ids *ids = ids_create();
    uint64_t first = 0;

    CHECK_EQ(note(ids, "a", 1, &first), IDS_NEW);
    CHECK_EQ(note(ids, "b", 2, &first), IDS_NEW);
    CHECK_EQ(note(ids, "a", 3, &first), IDS_REPEATED);
    CHECK_EQ(first, 1);
    CHECK_EQ(note(ids, "b", 4, &first), IDS_REPEATED);
    CHECK_EQ(first, 2);
    CHECK_EQ(note(ids, "", 5, &first), IDS_NEW);
    CHECK_EQ(note(ids, "A", 6, &first), IDS_NEW);
    ids_destroy(ids);
}

static void test_ids_with_zero_bytes_are_told_apart(void)
{
    struct ids *ids = ids_create();
    uint64_t first = 0;

    CHECK_EQ(ids_note(ids, (struct json_span){ "x\0y", 3 }, 1, &first), IDS_NEW);
    CHECK_EQ(ids_note(ids, (struct json_span){ "x\0z", 3 }, 2, &first), IDS_NEW);
    CHECK_EQ(ids_note(ids, (struct json_span){ "x", 1 }, 3, &first), IDS_NEW);
    CHECK_EQ(ids_note(ids, (struct json_span){ "x\0y", 3 }, 4, &first), IDS_REPEATED);
    ids_destroy(ids);
}

static void test_a_hundred_thousand_ids_are_kept_at_24_bytes_each(void)
{
    const uint64_t lines = 100000;
    struct ids *ids = ids_create();
    uint64_t first = 0;
    uint64_t wrong = 0;
    char id[32];

    for (uint64_t line = 1; line <= lines; line++) {
        snprintf(id, sizeof(id), "request-%ju", (uintmax_t)line);
        wrong += note(ids, id, line, &first) != IDS_NEW;
        if (line >= 20000 && line % 997 == 0) {
            CHECK(ids_size(ids) <= 24 * line + 16384);
        }
    }
    for (uint64_t line = 1; line <= lines; line++) {
        snprintf(id, sizeof(id), "request-%ju", (uintmax_t)line);
        wrong += note(ids, id, lines + line, &first) != IDS_REPEATED || first != line;
    }
    CHECK_EQ(wrong, 0);
    ids_destroy(ids);
}

int main(void)
{
    RUN(test_a_repeated_id_is_found_with_its_first_line);
    RUN(test_ids_with_zero_bytes_are_told_apart);
    RUN(test_a_hundred_thousand_ids_are_kept_at_24_bytes_each);
    return check_done();
}
