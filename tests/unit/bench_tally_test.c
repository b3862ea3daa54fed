/*
 * tally: every word of the struct is looked at, so that one which is forgotten is found.
 */
#include "bench/tally.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <stddef.h>

#define ONES UINT64_C(0x0101010101010101)
#define FIRST_COUNTER offsetof(struct tally, ok) /* before it stand the spreads and histograms */

/* What is no sum of two: the offset of its word, and what ONES and ONES come to. */
static bool is_maximum(size_t offset)
{
    return offset == offsetof(struct tally, last_end_ns) ||
           offset == offsetof(struct tally, busiest) ||
           offset == offsetof(struct tally, engine.at_ns);
}

static bool is_flags(size_t offset)
{
    return offset == offsetof(struct tally, tokens_known) / sizeof(uint64_t) * sizeof(uint64_t);
}

static uint64_t word_at(const void *from, size_t offset)
{
    uint64_t word = 0;

    memcpy(&word, (const char *)from + offset, sizeof(word));
    return word;
}

static struct tally *tally_of_ones(void)
{
    struct tally *tally = tally_create();

    assert(tally != NULL);
    memset((char *)tally + FIRST_COUNTER, 1, sizeof(*tally) - FIRST_COUNTER);
    return tally;
}

static void test_no_word_is_forgotten_when_two_are_merged(void)
{
    struct tally *into = tally_create();
    struct tally *from = tally_of_ones();

    memset((char *)into + FIRST_COUNTER, 0, sizeof(*into) - FIRST_COUNTER);
    tally_merge(into, from);
    for (size_t offset = FIRST_COUNTER; offset < sizeof(*into); offset += sizeof(uint64_t)) {
        if (word_at(into, offset) == 0) {
            CHECK_FAIL("the word at %zu behind `ok` is not merged", offset - FIRST_COUNTER);
        }
    }
    tally_destroy(into);
    tally_destroy(from);
}

static void test_counts_add_up_and_maxima_stay(void)
{
    struct tally *into = tally_of_ones();
    struct tally *from = tally_of_ones();
    size_t sums = 0;

    tally_merge(into, from);
    for (size_t offset = FIRST_COUNTER; offset < sizeof(*into); offset += sizeof(uint64_t)) {
        uint64_t wanted = is_maximum(offset) || is_flags(offset) ? ONES : 2 * ONES;
        uint64_t word = word_at(into, offset);
        if (offset == offsetof(struct tally, workers)) {
            word = wanted = into->workers == 0x02020202 ? wanted : 0; /* the rest is padding */
            CHECK_EQ(into->workers, 0x02020202);
        }
        if (word != wanted) {
            CHECK_FAIL("the word at %zu behind `ok` is %jx", offset - FIRST_COUNTER,
                       (uintmax_t)word);
        }
        sums += wanted != ONES;
    }
    CHECK(sums > TALLY_STATUSES + TALLY_ERRORS);
    tally_destroy(into);
    tally_destroy(from);
}

static void test_each_metric_and_each_phase_is_merged(void)
{
    struct tally *into = tally_create();
    struct tally *from = tally_create();

    for (uint64_t metric = 0; metric < METRICS; metric++) {
        for (uint64_t i = 0; i <= metric; i++) {
            spread_add(&from->metrics[metric], 10 + i);
        }
    }
    for (uint64_t phase = 0; phase < PHASES; phase++) {
        for (uint64_t i = 0; i <= phase; i++) {
            histogram_add(&from->phases[phase], 10);
        }
    }
    tally_merge(into, from);
    tally_merge(into, from);
    for (uint64_t metric = 0; metric < METRICS; metric++) {
        CHECK_EQ(into->metrics[metric].histogram.count, 2 * (metric + 1));
        CHECK(spread_is_exact(&into->metrics[metric]));
    }
    for (uint64_t phase = 0; phase < PHASES; phase++) {
        CHECK_EQ(into->phases[phase].count, 2 * (phase + 1));
    }
    tally_destroy(into);
    tally_destroy(from);
}

static void test_tokens_are_metered_if_all_are_and_known_if_any_are(void)
{
    for (int i = 0; i < 4; i++) {
        struct tally *into = tally_create();
        struct tally *from = tally_create();
        into->metered = into->tokens_known = i & 1;
        from->metered = from->tokens_known = i & 2;
        tally_merge(into, from);
        CHECK(into->metered == (i == 3));
        CHECK(into->tokens_known == (i != 0));
        tally_destroy(into);
        tally_destroy(from);
    }
}

static void test_a_maximum_is_that_of_either(void)
{
    struct tally *one = tally_create();
    struct tally *other = tally_create();

    one->last_end_ns = 5;
    other->last_end_ns = 7;
    one->busiest = 0.5;
    other->busiest = 0.25;
    one->engine.at_ns = 9;
    other->engine.at_ns = 8;
    tally_merge(one, other);
    CHECK_EQ(one->last_end_ns, 7);
    CHECK(one->busiest == 0.5);
    CHECK_EQ(one->engine.at_ns, 9);
    CHECK_EQ(one->workers, 2);
    tally_destroy(one);
    tally_destroy(other);
}

static void test_no_word_is_forgotten_when_an_engine_is_subtracted(void)
{
    struct tally_engine later, earlier, out;

    memset(&later, 3, sizeof(later));
    memset(&earlier, 1, sizeof(earlier));
    memset(&out, 0, sizeof(out));
    tally_engine_subtract(&out, &later, &earlier);
    for (size_t offset = 0; offset < sizeof(out); offset += sizeof(uint64_t)) {
        CHECK(word_at(&out, offset) == 2 * ONES);
    }
}

static void test_the_error_rate_counts_what_was_never_sent(void)
{
    struct tally *tally = tally_create();

    CHECK_EQ(tally_total(tally), 0);
    CHECK(tally_error_rate(tally) == 0);
    tally->ok = 6;
    tally->failed = 1;
    tally->unsent = 3;
    CHECK_EQ(tally_total(tally), 10);
    CHECK(tally_error_rate(tally) == 0.4);
    tally_destroy(tally);
    tally_destroy(NULL);
}

/* An error without a place in the table would write behind it. */
static void test_each_error_of_the_library_has_a_place(void)
{
#define IS_SMALL(number, name, transient, code, message) CHECK((number) < TALLY_ERRORS);
    CHECK_EQ(QUOIT_OK, 0);
    QUOIT_ERROR_MAP(IS_SMALL)
#undef IS_SMALL
}

int main(void)
{
    RUN(test_no_word_is_forgotten_when_two_are_merged);
    RUN(test_counts_add_up_and_maxima_stay);
    RUN(test_each_metric_and_each_phase_is_merged);
    RUN(test_tokens_are_metered_if_all_are_and_known_if_any_are);
    RUN(test_a_maximum_is_that_of_either);
    RUN(test_no_word_is_forgotten_when_an_engine_is_subtracted);
    RUN(test_the_error_rate_counts_what_was_never_sent);
    RUN(test_each_error_of_the_library_has_a_place);
    return check_done();
}
