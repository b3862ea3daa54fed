/*
 * base_timer: a heap of instants against the simplest thing that could do the same.
 */
#include "base/timer.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#define TIMERS 200
#define OPERATIONS 200000

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_an_empty_heap_never_runs_out(void)
{
    struct timer_heap heap = { 0 };

    CHECK(timer_next_ns(&heap) == UINT64_MAX);
    CHECK(timer_take(&heap, UINT64_MAX - 1) == NULL);
    CHECK(timer_take(&heap, UINT64_MAX) == NULL);
    timer_heap_free(&heap);
    timer_heap_free(&heap); /* all zero again */
}

static void test_timers_run_out_in_the_order_of_their_instants(void)
{
    static const uint64_t instants[] = { 50, 10, 40, 20, 30, 20, 0 };
    static const uint64_t sorted[] = { 0, 10, 20, 20, 30, 40, 50 };
    struct timer_heap heap = { 0 };
    struct timer timers[COUNT_OF(instants)] = { 0 };

    CHECK(timer_reserve(&heap, COUNT_OF(instants)));
    for (size_t i = 0; i < COUNT_OF(instants); i++) {
        timer_set(&heap, &timers[i], instants[i]);
    }
    for (size_t i = 0; i < COUNT_OF(sorted); i++) {
        CHECK_EQ(timer_next_ns(&heap), sorted[i]);
        struct timer *timer = timer_take(&heap, 100);
        CHECK(timer != NULL);
        CHECK(timer != NULL && timer->at_ns == sorted[i]);
        CHECK(timer != NULL && timer->place == 0); /* stopped */
    }
    CHECK(timer_take(&heap, UINT64_MAX) == NULL);
    timer_heap_free(&heap);
}

static void test_a_timer_is_taken_at_its_instant_and_not_before(void)
{
    struct timer_heap heap = { 0 };
    struct timer timer = { 0 };

    CHECK(timer_reserve(&heap, 1));
    timer_set(&heap, &timer, 1000);
    CHECK(timer_take(&heap, 999) == NULL);
    CHECK_EQ(timer_next_ns(&heap), 1000); /* a question takes nothing */
    CHECK(timer_take(&heap, 1000) == &timer);
    timer_heap_free(&heap);
}

static void test_a_timer_that_is_set_again_runs_once(void)
{
    struct timer_heap heap = { 0 };
    struct timer first = { 0 }, second = { 0 };

    CHECK(timer_reserve(&heap, 2));
    timer_set(&heap, &first, 100);
    timer_set(&heap, &second, 200);
    timer_set(&heap, &first, 300); /* later */
    CHECK_EQ(timer_next_ns(&heap), 200);
    timer_set(&heap, &first, 50); /* earlier */
    CHECK_EQ(timer_next_ns(&heap), 50);
    CHECK(timer_take(&heap, 1000) == &first);
    CHECK(timer_take(&heap, 1000) == &second);
    CHECK(timer_take(&heap, 1000) == NULL);
    timer_heap_free(&heap);
}

static void test_never_stops_a_timer_and_stopping_twice_is_harmless(void)
{
    struct timer_heap heap = { 0 };
    struct timer first = { 0 }, second = { 0 };

    CHECK(timer_reserve(&heap, 2));
    timer_stop(&heap, &first); /* it never ran */
    timer_set(&heap, &first, UINT64_MAX);
    CHECK_EQ(first.place, 0);
    timer_set(&heap, &first, 1);
    timer_set(&heap, &second, 2);
    timer_set(&heap, &first, UINT64_MAX);
    timer_stop(&heap, &first);
    CHECK_EQ(first.place, 0);
    CHECK_EQ(timer_next_ns(&heap), 2);
    CHECK(timer_take(&heap, 3) == &second);
    CHECK(timer_take(&heap, 3) == NULL);
    timer_heap_free(&heap);
}

static void test_more_room_leaves_what_runs_alone(void)
{
    struct timer_heap heap = { 0 };
    struct timer timers[100] = { 0 };

    for (uint32_t i = 0; i < COUNT_OF(timers); i++) {
        CHECK(timer_reserve(&heap, i + 1));
        timer_set(&heap, &timers[i], 1000 - i);
    }
    CHECK(timer_reserve(&heap, 1)); /* less than there is: nothing */
    for (uint32_t i = COUNT_OF(timers); i-- > 0;) {
        CHECK(timer_take(&heap, 1000) == &timers[i]);
    }
    timer_heap_free(&heap);
}

/* The earliest instant of the naive model, in which UINT64_MAX stands for stopped. */
static uint64_t model_next_ns(const uint64_t *model)
{
    uint64_t next_ns = UINT64_MAX;

    for (size_t i = 0; i < TIMERS; i++) {
        next_ns = min_u64(next_ns, model[i]);
    }
    return next_ns;
}

/* Each timer is where it believes to be, and no child is before its parent. */
static void check_heap(const struct timer_heap *heap, const struct timer *timers,
                       const uint64_t *model)
{
    uint32_t running = 0;

    for (uint32_t place = 2; place <= heap->count; place++) {
        CHECK(heap->timers[place / 2]->at_ns <= heap->timers[place]->at_ns);
    }
    for (size_t i = 0; i < TIMERS; i++) {
        CHECK_EQ(timers[i].place != 0, model[i] != UINT64_MAX);
        if (timers[i].place != 0) {
            running++;
            CHECK(heap->timers[timers[i].place] == &timers[i]);
            CHECK_EQ(timers[i].at_ns, model[i]);
        }
    }
    CHECK_EQ(running, heap->count);
}

static void test_random_operations_agree_with_a_plain_array(void)
{
    static struct timer timers[TIMERS];
    static uint64_t model[TIMERS];
    struct timer_heap heap = { 0 };
    uint64_t state = 20261121;

    memset(model, 0xff, sizeof(model));
    CHECK(timer_reserve(&heap, TIMERS));
    for (int i = 0; i < OPERATIONS && check_failures == 0; i++) {
        size_t which = random_next(&state) % TIMERS;
        uint64_t at_ns = random_next(&state) % 500; /* so that many are equal */
        uint64_t verb = random_next(&state) % 8;
        if (verb < 5) {
            timer_set(&heap, &timers[which], at_ns);
            model[which] = at_ns;
        } else if (verb == 5) {
            timer_stop(&heap, &timers[which]);
            model[which] = UINT64_MAX;
        } else {
            uint64_t next_ns = model_next_ns(model);
            struct timer *timer = timer_take(&heap, at_ns);
            CHECK_EQ(timer != NULL, next_ns <= at_ns);
            if (timer != NULL) {
                CHECK_EQ(model[timer - timers], next_ns);
                model[timer - timers] = UINT64_MAX;
            }
        }
        CHECK(timer_next_ns(&heap) == model_next_ns(model));
        if (i % 64 == 0) {
            check_heap(&heap, timers, model);
        }
    }
    timer_heap_free(&heap);
}

int main(void)
{
    RUN(test_an_empty_heap_never_runs_out);
    RUN(test_timers_run_out_in_the_order_of_their_instants);
    RUN(test_a_timer_is_taken_at_its_instant_and_not_before);
    RUN(test_a_timer_that_is_set_again_runs_once);
    RUN(test_never_stops_a_timer_and_stopping_twice_is_harmless);
    RUN(test_more_room_leaves_what_runs_alone);
    RUN(test_random_operations_agree_with_a_plain_array);
    return check_done();
}
