/*
 * slots: against a queue that is written down.
 */
#include "bench/draw.h"
#include "bench/slots.h"
#include "tests/unit/check.h"

#include <assert.h>

#define STEPS 20000
#define SLOTS 7

static void test_all_are_free_at_first_and_then_none(void)
{
    struct slots slots;

    CHECK(slots_init(&slots, SLOTS));
    CHECK_EQ(slots.free_count, SLOTS);
    for (int i = 0; i < SLOTS; i++) {
        struct bench_slot *slot = slots_peek(&slots);
        CHECK(slot != NULL);
        CHECK_EQ(slot->free_ns, 0);
        CHECK(slots_peek(&slots) == slot); /* looking takes nothing */
        slots_take(&slots);
    }
    CHECK(slots_peek(&slots) == NULL);
    CHECK_EQ(slots.free_count, 0);
    slots_free(&slots);
}

static void test_the_one_that_waits_kth_is_granted_what_came_free_kth(void)
{
    struct slots slots;
    struct bench_slot *taken[SLOTS];
    static const uint32_t order[SLOTS] = { 3, 0, 6, 2, 5, 1, 4 };

    CHECK(slots_init(&slots, SLOTS));
    for (int i = 0; i < SLOTS; i++) {
        taken[i] = slots_peek(&slots);
        slots_take(&slots);
    }
    for (uint64_t k = 0; k < SLOTS; k++) {
        slots_give_back(&slots, taken[order[k]], 1000 + k);
    }
    for (uint64_t k = 0; k < SLOTS; k++) {
        CHECK(slots_peek(&slots) == taken[order[k]]);
        CHECK_EQ(slots_peek(&slots)->free_ns, 1000 + k);
        slots_take(&slots);
    }
    slots_free(&slots);
}

/* The free ones in a queue, the taken ones in no order. */
static void test_any_order_of_taking_and_giving_back_keeps_that(void)
{
    struct draw draw = { 11 };
    struct slots slots;
    struct bench_slot *queue[SLOTS], *taken[SLOTS];
    uint32_t queued = 0, out = 0;

    CHECK(slots_init(&slots, SLOTS));
    for (; queued < SLOTS; queued++) {
        queue[queued] = &slots.items[queued];
    }
    for (uint64_t step = 0; step < STEPS; step++) {
        bool take = out == 0 || (queued != 0 && draw_bits(&draw) % 2 == 0);
        if (take) {
            CHECK(slots_peek(&slots) == queue[0]);
            taken[out++] = queue[0];
            memmove(queue, queue + 1, (--queued) * sizeof(queue[0]));
            slots_take(&slots);
        } else {
            uint64_t place = draw_bits(&draw) % out;
            slots_give_back(&slots, taken[place], step);
            queue[queued++] = taken[place];
            taken[place] = taken[--out];
        }
        CHECK_EQ(slots.free_count, queued);
    }
    slots_free(&slots);
}

static void test_a_single_slot_goes_round(void)
{
    struct slots slots;

    CHECK(slots_init(&slots, 1));
    for (uint64_t i = 1; i < 5; i++) {
        struct bench_slot *slot = slots_peek(&slots);
        CHECK(slot == slots.items);
        slots_take(&slots);
        CHECK(slots_peek(&slots) == NULL);
        slots_give_back(&slots, slot, i);
        CHECK_EQ(slots_peek(&slots)->free_ns, i);
    }
    slots_free(&slots);
}

static void test_tokens_are_kept_in_their_order_however_many_come(void)
{
    struct slots slots;

    CHECK(slots_init(&slots, 2));
    struct bench_slot *slot = slots_peek(&slots);
    for (uint64_t i = 0; i < 1000; i++) {
        bench_slot_add_token(slot, 3 * i);
    }
    CHECK_EQ(slot->tokens_count, 1000);
    CHECK(!slot->incomplete);
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK_EQ(slot->tokens_ns[i], 3 * i);
    }
    slots_free(&slots);
    CHECK(slots.items == NULL);
}

int main(void)
{
    RUN(test_all_are_free_at_first_and_then_none);
    RUN(test_the_one_that_waits_kth_is_granted_what_came_free_kth);
    RUN(test_any_order_of_taking_and_giving_back_keeps_that);
    RUN(test_a_single_slot_goes_round);
    RUN(test_tokens_are_kept_in_their_order_however_many_come);
    return check_done();
}
