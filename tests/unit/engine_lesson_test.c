/*
 * engine_lesson: what one answer, or a few, are taken to mean. How servers fare with it is
 * engine_limiter_pace_test.
 */
#include "engine/lesson.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#define BEGIN_NS (1000 * NS_PER_S)

static struct lesson lesson;
static uint64_t order;

/* An answer that came 100 ms after it was asked for, with nothing in between. */
static struct lesson_answer answer_of(const struct hints_bucket *said, uint64_t now_ns)
{
    return (struct lesson_answer){ .said = said,
                                   .cost = 1,
                                   .order = ++order,
                                   .sent_ns = now_ns - 100 * NS_PER_MS,
                                   .now_ns = now_ns };
}

static void hear(uint64_t limit, uint64_t remaining, uint64_t reset_ns, uint64_t now_ns)
{
    const struct hints_bucket said = { limit, remaining, reset_ns };
    const struct lesson_answer answer = answer_of(&said, now_ns);

    lesson_learn(&lesson, &answer);
}

static void hear_refusal(uint64_t limit, uint64_t remaining, uint64_t reset_ns, uint64_t now_ns)
{
    const struct hints_bucket said = { limit, remaining, reset_ns };
    struct lesson_answer answer = answer_of(&said, now_ns);

    answer.refused = true;
    lesson_learn(&lesson, &answer);
}

static void begin(void)
{
    lesson = (struct lesson){ 0 };
    order = 0;
}

/* How many may enter at one instant. */
static uint64_t burst(uint64_t now_ns)
{
    uint64_t count = 0;

    for (; count < 100000 && lesson_wait_ns(&lesson, 1, (double)count, now_ns) == 0; count++) {
        lesson_take(&lesson, 1, now_ns);
    }
    return count;
}

static void test_before_anything_is_known_nothing_waits(void)
{
    begin();
    CHECK_EQ(burst(BEGIN_NS), 100000);
}

/* limit 5000, remaining 4999, reset 12ms is 5,000 a minute. */
static void test_limit_remaining_and_reset_are_a_rate(void)
{
    begin();
    hear(5000, 4999, 12 * NS_PER_MS, BEGIN_NS);
    CHECK_EQ(lesson.state, LESSON_BUCKET);
    CHECK_EQ((uint64_t)(lesson.per_ns * 60e9 + 0.5), 5000);
    CHECK_EQ(burst(BEGIN_NS), 4999 - 84); /* less a second of it */
    uint64_t wait_ns = lesson_wait_ns(&lesson, 1, 0, BEGIN_NS);
    CHECK(wait_ns > 0 && wait_ns <= 12 * NS_PER_MS + 1);
    CHECK_EQ(lesson_wait_ns(&lesson, 1, 0, BEGIN_NS + wait_ns), 0);
}

static void test_what_is_not_whole_teaches_no_rate(void)
{
    static const struct hints_bucket cases[] = {
        { HINTS_NONE, HINTS_NONE, HINTS_NONE },
        { 600, HINTS_NONE, NS_PER_S },
        { 600, 599, HINTS_NONE },
        { HINTS_NONE, 599, NS_PER_S },
        { 600, 600, NS_PER_S },
        { 600, 700, NS_PER_S },
        { 600, 599, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin();
        hear(cases[i].limit, cases[i].remaining, cases[i].reset_ns, BEGIN_NS);
        CHECK_EQ(lesson.state, LESSON_UNKNOWN);
        CHECK_EQ(lesson_wait_ns(&lesson, 1000000, 0, BEGIN_NS), 0);
    }
}

static void test_the_rate_is_the_median_of_the_last_16(void)
{
    begin();
    for (int i = 0; i < 7; i++) {
        hear(600, 599, NS_PER_MS, BEGIN_NS); /* a wild one */
    }
    for (int i = 0; i < 9; i++) {
        hear(600, 590, NS_PER_S, BEGIN_NS);
    }
    CHECK_EQ((uint64_t)(lesson.per_ns * 1e9 + 0.5), 10);
    for (int i = 0; i < 16; i++) {
        hear(600, 580, NS_PER_S, BEGIN_NS);
    }
    CHECK_EQ((uint64_t)(lesson.per_ns * 1e9 + 0.5), 20);
}

static void test_another_limit_is_another_bucket(void)
{
    begin();
    for (int i = 0; i < 16; i++) {
        hear(600, 590, NS_PER_S, BEGIN_NS);
    }
    hear(6000, 5900, NS_PER_S, BEGIN_NS);
    CHECK_EQ((uint64_t)(lesson.per_ns * 1e9 + 0.5), 100);
    CHECK_EQ(burst(BEGIN_NS), 5900 - 100);
}

static void test_an_answer_that_was_overtaken_does_not_set_the_level(void)
{
    begin();
    hear(600, 590, NS_PER_S, BEGIN_NS);
    hear(600, 100, 50 * NS_PER_S, BEGIN_NS);
    order = 0; /* the next one's request is the oldest */
    hear(600, 595, 500 * NS_PER_MS, BEGIN_NS);
    CHECK_EQ(burst(BEGIN_NS), 100 - 10);
}

static void test_what_entered_since_is_not_in_what_remains(void)
{
    const struct hints_bucket said = { 600, 300, 30 * NS_PER_S };
    struct lesson_answer answer = answer_of(&said, BEGIN_NS);

    begin();
    answer.entered = answer.entered_most = 51; /* and one was refilled */
    lesson_learn(&lesson, &answer);
    CHECK_EQ(burst(BEGIN_NS), 300 - 50 - 10);

    begin();
    answer.crowd = 40; /* at first as little is taken as may be there */
    lesson_learn(&lesson, &answer);
    CHECK_EQ(burst(BEGIN_NS), 300 - 50 - 10 - 40);
}

static void test_a_429_empties_the_bucket(void)
{
    begin();
    hear(600, 300, 30 * NS_PER_S, BEGIN_NS);
    hear_refusal(HINTS_NONE, HINTS_NONE, HINTS_NONE, BEGIN_NS);
    CHECK_EQ(lesson.state, LESSON_BUCKET);
    uint64_t wait_ns = lesson_wait_ns(&lesson, 1, 0, BEGIN_NS);
    CHECK(wait_ns > NS_PER_S && wait_ns < 1200 * NS_PER_MS); /* one, and the reserve */
}

static void test_a_429_by_another_bucket_does_not_empty_this_one(void)
{
    begin();
    hear(600, 300, 30 * NS_PER_S, BEGIN_NS);
    hear_refusal(600, 299, 30100 * NS_PER_MS, BEGIN_NS);
    CHECK_EQ(burst(BEGIN_NS), 299 - 10);
}

/* 60 s of 600: what is missing grows, and the end stands still. */
static void begin_window(void)
{
    begin();
    hear(600, 500, 58 * NS_PER_S, BEGIN_NS);
    hear(600, 300, 57 * NS_PER_S, BEGIN_NS + NS_PER_S);
    hear(600, 50, 56 * NS_PER_S, BEGIN_NS + 2 * NS_PER_S);
    hear_refusal(600, 0, 55 * NS_PER_S, BEGIN_NS + 3 * NS_PER_S);
    CHECK_EQ(lesson.state, LESSON_BUCKET);
    hear_refusal(600, 0, 55 * NS_PER_S, BEGIN_NS + 3 * NS_PER_S);
}

static void test_after_two_429s_a_window_is_waited_out(void)
{
    uint64_t end_ns = BEGIN_NS + 58 * NS_PER_S;

    begin_window();
    CHECK_EQ(lesson.state, LESSON_WINDOW);
    CHECK_EQ(lesson_wait_ns(&lesson, 1, 0, BEGIN_NS + 4 * NS_PER_S), 54 * NS_PER_S);
    CHECK_EQ(burst(end_ns), 1); /* it asks */
    CHECK_EQ(burst(end_ns + NS_PER_S), 1);
    const struct hints_bucket of_old = { 600, 7, NS_PER_S };
    struct lesson_answer old = answer_of(&of_old, end_ns + NS_PER_S);
    old.sent_ns = end_ns - NS_PER_S;
    lesson_learn(&lesson, &old);
    hear(600, 599, 59 * NS_PER_S, end_ns + NS_PER_S + 200 * NS_PER_MS);
    CHECK_EQ(lesson_wait_ns(&lesson, 1, 598, end_ns + 2 * NS_PER_S), 0);
    CHECK(lesson_wait_ns(&lesson, 1, 599, end_ns + 2 * NS_PER_S) > 50 * NS_PER_S);
}

static void test_a_window_whose_end_moves_is_none(void)
{
    begin_window();
    hear(600, 1, 60 * NS_PER_S, BEGIN_NS + 20 * NS_PER_S);
    CHECK_EQ(lesson.state, LESSON_BUCKET);
}

/* Half of what a window is made of is none; and a window stands, whatever half is said in it. */
static void test_what_is_said_in_part_makes_no_window_and_moves_none(void)
{
    static const struct hints_bucket parts[] = { { 600, HINTS_NONE, 55 * NS_PER_S },
                                                 { 600, 0, HINTS_NONE },
                                                 { 600, HINTS_NONE, HINTS_NONE } };

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        const struct hints_bucket *part = &parts[i];
        begin();
        hear(600, 500, 58 * NS_PER_S, BEGIN_NS);
        hear(600, 50, 56 * NS_PER_S, BEGIN_NS + 2 * NS_PER_S);
        for (int k = 0; k < 4; k++) {
            hear_refusal(part->limit, part->remaining, part->reset_ns, BEGIN_NS + 3 * NS_PER_S);
            CHECK_EQ(lesson.state, LESSON_BUCKET);
        }
        begin_window();
        hear(part->limit, part->remaining, part->reset_ns, BEGIN_NS + 4 * NS_PER_S);
        CHECK_EQ(lesson.state, LESSON_WINDOW);
        CHECK_EQ(lesson_wait_ns(&lesson, 1, 0, BEGIN_NS + 5 * NS_PER_S), 53 * NS_PER_S);
    }
}

static void test_429s_of_a_true_bucket_make_no_window(void)
{
    begin();
    hear(600, 300, 30 * NS_PER_S, BEGIN_NS);
    for (int i = 0; i < 100; i++) {
        hear_refusal(600, 0, 60 * NS_PER_S, BEGIN_NS + (uint64_t)i * NS_PER_S);
        CHECK_EQ(lesson.state, LESSON_BUCKET);
    }
}

static void test_waits_are_bounded_whatever_is_said(void)
{
    static const struct hints_bucket cases[] = {
        { 1, 0, HINTS_NONE - 1 },
        { HINTS_NONE - 1, 0, 1 },
        { HINTS_NONE - 1, 0, HINTS_NONE - 1 },
        { 1000, 0, HINTS_NONE - 1 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        begin();
        hear(cases[i].limit, cases[i].remaining, cases[i].reset_ns, BEGIN_NS);
        hear_refusal(cases[i].limit, cases[i].remaining, cases[i].reset_ns, BEGIN_NS);
        hear_refusal(cases[i].limit, cases[i].remaining, cases[i].reset_ns, BEGIN_NS);
        CHECK(lesson_wait_ns(&lesson, 1e12, 1e12, BEGIN_NS) <= LESSON_WINDOW_MAX_NS);
        CHECK(lesson_wait_ns(&lesson, 1, 0, BEGIN_NS) <= LESSON_WINDOW_MAX_NS);
    }
}

int main(void)
{
    RUN(test_before_anything_is_known_nothing_waits);
    RUN(test_limit_remaining_and_reset_are_a_rate);
    RUN(test_what_is_not_whole_teaches_no_rate);
    RUN(test_the_rate_is_the_median_of_the_last_16);
    RUN(test_another_limit_is_another_bucket);
    RUN(test_an_answer_that_was_overtaken_does_not_set_the_level);
    RUN(test_what_entered_since_is_not_in_what_remains);
    RUN(test_a_429_empties_the_bucket);
    RUN(test_a_429_by_another_bucket_does_not_empty_this_one);
    RUN(test_after_two_429s_a_window_is_waited_out);
    RUN(test_a_window_whose_end_moves_is_none);
    RUN(test_what_is_said_in_part_makes_no_window_and_moves_none);
    RUN(test_429s_of_a_true_bucket_make_no_window);
    RUN(test_waits_are_bounded_whatever_is_said);
    return check_done();
}
