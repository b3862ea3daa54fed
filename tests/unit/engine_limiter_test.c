/*
 * engine_limiter: the two buckets, to the nanosecond. Time is an argument, so none passes here.
 */
#include "engine/limiter.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#define BEGIN_NS (1000 * NS_PER_S)
#define NS_PER_MINUTE (60 * NS_PER_S)

static struct limiter limiter_of(uint64_t requests_per_minute, uint64_t tokens_per_minute)
{
    struct limiter limiter;

    limiter_init(&limiter, requests_per_minute, tokens_per_minute, BEGIN_NS);
    return limiter;
}

/* It enters if it may. */
static bool try_take(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    if (limiter_wait_ns(limiter, tokens, now_ns) != 0) {
        return false;
    }
    limiter_take(limiter, tokens, now_ns);
    return true;
}

/* How many enter at one instant. */
static uint64_t burst_at(struct limiter *limiter, uint64_t tokens, uint64_t now_ns)
{
    uint64_t count = 0;

    while (count < 100000 && try_take(limiter, tokens, now_ns)) {
        count++;
    }
    return count;
}

static void test_without_limits_nothing_waits(void)
{
    struct limiter limiter = limiter_of(0, 0);

    for (int i = 0; i < 10000; i++) {
        CHECK(try_take(&limiter, UINT64_MAX, BEGIN_NS));
        limiter_settle(&limiter, 1, UINT64_MAX);
    }
}

static void test_a_full_bucket_lets_one_minute_in_at_once(void)
{
    struct limiter limiter = limiter_of(60, 0);

    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS), 60);
    CHECK_EQ(limiter_wait_ns(&limiter, 0, BEGIN_NS), NS_PER_S);
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS + 10 * NS_PER_S), 10);
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS + 1000 * NS_PER_S), 60); /* and never more */
}

static void test_the_wait_is_exactly_long_enough(void)
{
    static const uint64_t rates[] = { 1, 3, 7, 60, 999, 10007, 5000000 };

    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        struct limiter limiter = limiter_of(0, rates[i]);
        uint64_t now_ns = BEGIN_NS;
        for (uint64_t tokens = 1; tokens < 60; tokens++) {
            uint64_t wait_ns = limiter_wait_ns(&limiter, tokens, now_ns);
            if (wait_ns > 0) {
                CHECK_EQ(limiter_wait_ns(&limiter, tokens, now_ns + wait_ns - 1), 1);
            }
            now_ns += wait_ns;
            CHECK_EQ(limiter_wait_ns(&limiter, tokens, now_ns), 0);
            limiter_take(&limiter, tokens, now_ns);
        }
    }
}

static void test_the_scarcer_of_requests_and_tokens_decides(void)
{
    struct limiter limiter = limiter_of(60, 600);

    CHECK_EQ(burst_at(&limiter, 100, BEGIN_NS), 6); /* tokens */
    CHECK_EQ(limiter_wait_ns(&limiter, 100, BEGIN_NS), 10 * NS_PER_S);
    CHECK_EQ(limiter_wait_ns(&limiter, 0, BEGIN_NS), 0); /* costs no tokens */
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS), 54);       /* requests */
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS), NS_PER_S);
}

static void test_asking_takes_nothing(void)
{
    struct limiter limiter = limiter_of(60, 600);

    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(limiter_wait_ns(&limiter, 600, BEGIN_NS), 0);
    }
    CHECK_EQ(burst_at(&limiter, 10, BEGIN_NS), 60);
}

static void test_more_than_a_bucket_enters_when_it_is_full_and_leaves_a_debt(void)
{
    struct limiter limiter = limiter_of(0, 600);

    CHECK(try_take(&limiter, 1500, BEGIN_NS)); /* two and a half minutes' worth */
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS), 90 * NS_PER_S + NS_PER_MINUTE / 600);
    CHECK_EQ(limiter_wait_ns(&limiter, 1500, BEGIN_NS), 150 * NS_PER_S); /* full again */
    CHECK_EQ(limiter_wait_ns(&limiter, 1500, BEGIN_NS + 150 * NS_PER_S), 0);
}

static void test_settling_gives_back_and_takes_what_was_guessed_wrong(void)
{
    struct limiter limiter = limiter_of(0, 600);

    limiter_take(&limiter, 600, BEGIN_NS);
    limiter_settle(&limiter, 600, 100);
    CHECK_EQ(limiter_wait_ns(&limiter, 500, BEGIN_NS), 0);
    CHECK_EQ(limiter_wait_ns(&limiter, 501, BEGIN_NS), NS_PER_MINUTE / 600);
    limiter_settle(&limiter, 100, 700); /* 100 tokens below zero */
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS), 101 * NS_PER_MINUTE / 600);
    limiter_settle(&limiter, 5, 5);
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS), 101 * NS_PER_MINUTE / 600);
}

static void test_settling_tokens_that_have_no_limit_changes_nothing(void)
{
    struct limiter limiter = limiter_of(60, 0);

    CHECK_EQ(burst_at(&limiter, 1000, BEGIN_NS), 60);
    limiter_settle(&limiter, 1000, 0);
    CHECK_EQ(limiter_wait_ns(&limiter, 1000, BEGIN_NS), NS_PER_S);
    limiter_settle(&limiter, 0, 1000);
    CHECK_EQ(limiter_wait_ns(&limiter, 1000, BEGIN_NS), NS_PER_S);
}

static void test_a_bucket_never_holds_more_than_a_minute(void)
{
    struct limiter limiter = limiter_of(0, 600);

    limiter_settle(&limiter, UINT64_MAX, 0);
    CHECK_EQ(burst_at(&limiter, 1, BEGIN_NS), 600);
    limiter_settle(&limiter, 1000, 0);
    CHECK_EQ(burst_at(&limiter, 1, BEGIN_NS + 3600 * NS_PER_S), 600);
}

static void test_debts_stay_bounded_however_often_they_grow(void)
{
    struct limiter limiter = limiter_of(60, 60);

    for (int i = 0; i < 400000; i++) {
        limiter_settle(&limiter, 0, UINT64_MAX);
    }
    CHECK(limiter_wait_ns(&limiter, 1, BEGIN_NS) > NS_PER_MINUTE);
    CHECK(limiter_wait_ns(&limiter, 1, BEGIN_NS) < 1002 * NS_PER_MINUTE);
    CHECK_EQ(limiter_wait_ns(&limiter, 60, BEGIN_NS + 1002 * NS_PER_MINUTE), 0);
}

static void test_nothing_enters_while_it_rests(void)
{
    struct limiter limiter = limiter_of(0, 0);

    limiter_rest(&limiter, BEGIN_NS + 500);
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS), 500);
    limiter_rest(&limiter, BEGIN_NS + 200); /* an earlier end does not shorten it */
    CHECK_EQ(limiter_wait_ns(&limiter, 0, BEGIN_NS + 499), 1);
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS + 500), 0);
    limiter_rest(&limiter, BEGIN_NS + 900);
    CHECK_EQ(limiter_wait_ns(&limiter, 1, BEGIN_NS + 500), 400);
}

static void test_the_longest_of_rest_and_buckets_counts(void)
{
    struct limiter limiter = limiter_of(60, 0);

    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS), 60);
    limiter_rest(&limiter, BEGIN_NS + NS_PER_MS);
    CHECK_EQ(limiter_wait_ns(&limiter, 0, BEGIN_NS), NS_PER_S);
    limiter_rest(&limiter, BEGIN_NS + 5 * NS_PER_S);
    CHECK_EQ(limiter_wait_ns(&limiter, 0, BEGIN_NS), 5 * NS_PER_S);
}

static void test_a_clock_that_steps_back_fills_nothing_twice(void)
{
    struct limiter limiter = limiter_of(60, 0);

    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS), 60);
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS + 10 * NS_PER_S), 10);
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS), 0);
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS + 10 * NS_PER_S), 0);
    CHECK_EQ(burst_at(&limiter, 0, BEGIN_NS + 11 * NS_PER_S), 1);
}

/* Under full demand an hour lets in exactly an hour's worth and the burst of the first minute. */
static void test_an_hour_lets_in_what_the_rate_says(void)
{
    struct limiter limiter = limiter_of(100, 12345);
    uint64_t now_ns = BEGIN_NS;
    uint64_t count = 0;
    uint64_t end_ns = BEGIN_NS + 3600 * NS_PER_S;

    for (;;) {
        now_ns += limiter_wait_ns(&limiter, 3, now_ns);
        if (now_ns > end_ns) {
            break;
        }
        limiter_take(&limiter, 3, now_ns);
        count++;
    }
    CHECK_EQ(count, 100 + 60 * 100);
}

/* Of a bucket that is empty, and of which no more is known, the reset is all there is to go by. */
static void test_an_empty_bucket_of_which_no_rate_is_known_rests_until_its_reset(void)
{
    static const struct {
        struct hints_bucket said;
        uint64_t wait_ns; /* at least; and a bit of chance */
    } cases[] = {
        { { HINTS_NONE, 0, 5 * NS_PER_S }, 5 * NS_PER_S },
        { { HINTS_NONE, 0, 3600 * NS_PER_S }, 120 * NS_PER_S },
        { { HINTS_NONE, 0, HINTS_NONE }, 0 },
        { { HINTS_NONE, 3, 5 * NS_PER_S }, 0 },
    };
    const struct hints_bucket nothing = { HINTS_NONE, HINTS_NONE, HINTS_NONE };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct hints_rate said = { cases[i].said, nothing };
        struct limiter limiter = limiter_of(0, 0);
        struct limiter_mark mark = limiter_take(&limiter, 1, BEGIN_NS);
        limiter_learn(&limiter, &(struct limiter_answer){ .mark = &mark,
                                                          .tokens = 1,
                                                          .said = &said,
                                                          .refused = true,
                                                          .now_ns = BEGIN_NS,
                                                          .chance = UINT64_MAX / 2 });
        uint64_t wait_ns = limiter_wait_ns(&limiter, 1, BEGIN_NS);
        CHECK(wait_ns >= cases[i].wait_ns);
        CHECK(wait_ns <= cases[i].wait_ns + NS_PER_S);
    }
}

int main(void)
{
    RUN(test_without_limits_nothing_waits);
    RUN(test_a_full_bucket_lets_one_minute_in_at_once);
    RUN(test_the_wait_is_exactly_long_enough);
    RUN(test_the_scarcer_of_requests_and_tokens_decides);
    RUN(test_asking_takes_nothing);
    RUN(test_more_than_a_bucket_enters_when_it_is_full_and_leaves_a_debt);
    RUN(test_settling_gives_back_and_takes_what_was_guessed_wrong);
    RUN(test_settling_tokens_that_have_no_limit_changes_nothing);
    RUN(test_a_bucket_never_holds_more_than_a_minute);
    RUN(test_debts_stay_bounded_however_often_they_grow);
    RUN(test_nothing_enters_while_it_rests);
    RUN(test_the_longest_of_rest_and_buckets_counts);
    RUN(test_a_clock_that_steps_back_fills_nothing_twice);
    RUN(test_an_hour_lets_in_what_the_rate_says);
    RUN(test_an_empty_bucket_of_which_no_rate_is_known_rests_until_its_reset);
    return check_done();
}
