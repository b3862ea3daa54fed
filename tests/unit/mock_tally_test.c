/* Tests of mock/tally.h and of the timers beside it. */
#include "mock/chance.h"
#include "mock/tally.h"
#include "mock/timers.h"
#include "tests/unit/check.h"

#define KEYS 100000
#define TIMERS 1000

static void test_each_of_many_keys_has_its_own_count(void)
{
    struct tally tally = { 0 };
    char key[32];

    for (int round = 1; round <= 2; round++) {
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof(key), "key-%d", i);
            CHECK_EQ(tally_add(&tally, key, strlen(key), 1), round);
        }
    }
    CHECK_EQ(tally.count, KEYS);
    CHECK_EQ(tally_count(&tally, "key-77", 6), 2);
    CHECK_EQ(tally_count(&tally, "key-x", 5), 0);
    tally_free(&tally);
}

static void test_keys_beyond_the_limit_are_counted_together(void)
{
    struct tally tally = { .keys_max = 2 };

    tally_add(&tally, "a", 1, 1);
    tally_add(&tally, "b", 1, 1);
    tally_add(&tally, "c", 1, 1);
    tally_add(&tally, "d", 1, 1);
    tally_add(&tally, "a", 1, 1);
    CHECK_EQ(tally_count(&tally, "a", 1), 2);
    CHECK_EQ(tally_count(&tally, "c", 1), 0);
    CHECK_EQ(tally_count(&tally, "(more)", 6), 2);
    tally_free(&tally);
}

static void test_it_is_written_in_order_of_appearance_as_json(void)
{
    static const char wanted[] = "{\"z\\\"\":2,\"\\u00e9\":1}";
    struct tally tally = { 0 };
    struct blob out = { 0 };

    tally_add(&tally, "z\"", 2, 2);
    tally_add(&tally, "gone", 4, 1);
    tally_add(&tally, "\xe9", 1, 1);
    tally_add(&tally, "gone", 4, (uint64_t)-1);
    tally_write(&tally, &out);
    CHECK_MEM(out.bytes, out.size, wanted, strlen(wanted));
    blob_free(&out);
    tally_free(&tally);
}

static void test_timers_fire_in_order_whatever_was_moved_or_stopped(void)
{
    static struct timer all[TIMERS];
    struct timers timers = { 0 };
    struct chance chance = { 5 };
    uint64_t last_ns = 0;
    int fired = 0;

    for (int i = 0; i < TIMERS; i++) {
        timers_set(&timers, &all[i], chance_next(&chance) % 1000000);
    }
    for (int i = 0; i < TIMERS; i += 2) {
        timers_set(&timers, &all[i], chance_next(&chance) % 1000000);
    }
    for (int i = 0; i < TIMERS; i += 5) {
        timers_stop(&timers, &all[i]);
        timers_stop(&timers, &all[i]);
    }
    CHECK(timers_take_due(&timers, timers_next_ns(&timers) - 1) == NULL);
    for (struct timer *timer; (timer = timers_take_due(&timers, 1000000)) != NULL; fired++) {
        CHECK(timer->due_ns >= last_ns);
        CHECK((timer - all) % 5 != 0);
        last_ns = timer->due_ns;
    }
    CHECK_EQ(fired, TIMERS - TIMERS / 5);
    CHECK(timers_next_ns(&timers) == UINT64_MAX);
    timers_free(&timers);
}

int main(void)
{
    RUN(test_each_of_many_keys_has_its_own_count);
    RUN(test_keys_beyond_the_limit_are_counted_together);
    RUN(test_it_is_written_in_order_of_appearance_as_json);
    RUN(test_timers_fire_in_order_whatever_was_moved_or_stopped);
    return check_done();
}
