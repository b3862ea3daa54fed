/*
 * places: a good answer counts before a failed one, a later one before an earlier one, and the
 * table stays small.
 */
#include "cli/places.h"
#include "tests/unit/check.h"

static struct json_span span_of(const char *text)
{
    return (struct json_span){ text, strlen(text) };
}

static enum places_verdict note(struct places *places, const char *id, uint32_t file,
                                uint64_t offset, enum outcome_kind kind)
{
    struct place place = { .file = file, .offset = offset, .kind = kind };

    return places_note(places, places_key_of_id(places, span_of(id)), place);
}

/* "FILE OFFSET KIND", or "none". */
static const char *find(struct places *places, const char *id)
{
    static const char *const kinds[] = { "good", "transient", "final" };
    static char text[64];
    struct place place;

    if (!places_find(places, places_key_of_id(places, span_of(id)), &place)) {
        return "none";
    }
    snprintf(text, sizeof(text), "%u %ju %s%s", place.file, (uintmax_t)place.offset,
             kinds[place.kind], place.taken ? " taken" : "");
    return text;
}

static void test_a_good_answer_counts_before_a_failed_one_and_then_the_later_one(void)
{
    struct places *places = places_create();

    CHECK_STR(find(places, "a"), "none");
    CHECK_EQ(note(places, "a", 0, 0, OUTCOME_FINAL), PLACES_NEW);
    CHECK_STR(find(places, "a"), "0 0 final");
    CHECK_EQ(note(places, "a", 0, 10, OUTCOME_TRANSIENT), PLACES_BETTER);
    CHECK_EQ(note(places, "a", 1, 5, OUTCOME_FINAL), PLACES_BETTER);
    CHECK_STR(find(places, "a"), "1 5 final");
    CHECK_EQ(note(places, "a", 1, 20, OUTCOME_GOOD), PLACES_BETTER);
    CHECK_EQ(note(places, "a", 2, 0, OUTCOME_TRANSIENT), PLACES_WORSE);
    CHECK_STR(find(places, "a"), "1 20 good");
    CHECK_EQ(note(places, "a", 3, 7, OUTCOME_GOOD), PLACES_BETTER);
    CHECK_STR(find(places, "a"), "3 7 good");
    CHECK_STR(find(places, "b"), "none");
    places_destroy(places);
}

static void test_the_largest_place_is_kept_whole(void)
{
    struct places *places = places_create();

    note(places, "", PLACES_FILES_MAX - 1, PLACES_OFFSET_MAX - 1, OUTCOME_FINAL);
    CHECK_STR(find(places, ""), "131071 17592186044415 final");
    places_take(places, places_key_of_id(places, span_of("")));
    CHECK_STR(find(places, ""), "131071 17592186044415 final taken");
    places_destroy(places);
}

static bool is_same(struct places_key one, struct places_key other)
{
    return one.part == other.part && one.rest == other.rest;
}

static void test_keys_of_different_sorts_are_never_the_same(void)
{
    const uint64_t both[] = { 7, 9 };
    struct json_span bytes = { (const char *)both, sizeof(both) };
    struct places *places = places_create();
    struct places *other = places_create();

    CHECK(is_same(places_key_of_asked(places, 7, 9), places_key_of_asked(places, 7, 9)));
    CHECK(!is_same(places_key_of_asked(places, 7, 9), places_key_of_asked(places, 9, 7)));
    CHECK(!is_same(places_key_of_asked(places, 7, 9), places_key_of_id(places, bytes)));
    CHECK(!is_same(places_key_of_line(places, bytes), places_key_of_id(places, bytes)));
    CHECK(!is_same(places_key_of_id(places, bytes), places_key_of_id(other, bytes)));
    places_destroy(places);
    places_destroy(other);
}

static void test_a_hundred_thousand_places_are_kept_at_36_bytes_each(void)
{
    struct places *places = places_create();
    unsigned wrong = 0;
    char id[32], wanted[64];

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "request-%u", i);
        wrong += note(places, id, i % 1000, i, OUTCOME_GOOD) != PLACES_NEW;
    }
    CHECK(places_size(places) <= 36 * 100000 + 16384);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(id, sizeof(id), "request-%u", i);
        snprintf(wanted, sizeof(wanted), "%u %u good", i % 1000, i);
        wrong += strcmp(find(places, id), wanted) != 0;
    }
    CHECK_EQ(wrong, 0);
    places_destroy(places);
}

int main(void)
{
    RUN(test_a_good_answer_counts_before_a_failed_one_and_then_the_later_one);
    RUN(test_the_largest_place_is_kept_whole);
    RUN(test_keys_of_different_sorts_are_never_the_same);
    RUN(test_a_hundred_thousand_places_are_kept_at_36_bytes_each);
    return check_done();
}
