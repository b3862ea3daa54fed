/* Tests of mock/timers.h. */
#include "mock/chance.h"
#include "mock/timers.h"
#include "tests/unit/check.h"

#define TIMERS 3000

static struct timer all[TIMERS];

/* Take what is due, and tell how many that was; they must come in their order. */
static uint32_t take_in_order(struct timers *timers, uint64_t now_ns)
{
    uint64_t last_ns = 0;
    uint32_t count = 0;
    struct timer *timer = NULL;

    while ((timer = timers_take_due(timers, now_ns)) != NULL) {
        CHECK(timer->due_ns >= last_ns && timer->due_ns <= now_ns);
        CHECK_EQ(timer->place, 0);
        last_ns = timer->due_ns;
        count++;
    }
    return count;
}

static void test_timers_fire_in_the_order_of_their_instants_however_they_were_moved(void)
{
    struct timers timers = { 0 };
    struct chance chance = { 1 };
    uint32_t set = 0;
    uint32_t due = 0;

    for (int i = 0; i < 10 * TIMERS; i++) {
        struct timer *timer = &all[chance_next(&chance) % TIMERS];
        if (chance_next(&chance) % 4 == 0) {
            timers_stop(&timers, timer);
        } else {
            timers_set(&timers, timer, chance_next(&chance) % 1000000);
        }
    }
    for (int i = 0; i < TIMERS; i++) {
        set += all[i].place != 0 ? 1 : 0;
        due += all[i].place != 0 && all[i].due_ns <= 500000 ? 1 : 0;
    }
    CHECK(due > 0 && due < set);
    CHECK_EQ(take_in_order(&timers, 500000), due);
    CHECK(timers_next_ns(&timers) > 500000);
    CHECK_EQ(take_in_order(&timers, 1000000), set - due);
    CHECK(timers_next_ns(&timers) == UINT64_MAX);
    timers_free(&timers);
}

static void test_a_timer_that_is_set_again_fires_once_at_its_new_time(void)
{
    struct timers timers = { 0 };
    struct timer timer = { 0 };

    timers_set(&timers, &timer, 10);
    timers_set(&timers, &timer, 20);
    CHECK(timers_take_due(&timers, 19) == NULL);
    CHECK(timers_take_due(&timers, 20) == &timer);
    CHECK(timers_take_due(&timers, 20) == NULL);
    timers_stop(&timers, &timer); /* not set: nothing happens */
    timers_free(&timers);
}

int main(void)
{
    RUN(test_timers_fire_in_the_order_of_their_instants_however_they_were_moved);
    RUN(test_a_timer_that_is_set_again_fires_once_at_its_new_time);
    return check_done();
}
