/* Tests of mock/slots.h. */
#include "mock/client.h"
#include "mock/slots.h"
#include "tests/unit/check.h"

static struct client clients[3];

static void test_who_waits_gets_a_slot_in_order_and_nobody_overtakes(void)
{
    struct slots slots = { .max = 1 };

    CHECK(slots_take(&slots));
    for (int i = 0; i < 3; i++) {
        CHECK(!slots_take(&slots));
        slots_wait(&slots, &clients[i]);
    }
    CHECK(slots_next(&slots) == NULL);
    slots_give_back(&slots);
    CHECK(!slots_take(&slots)); /* it is free, and others wait for it */
    CHECK(slots_next(&slots) == &clients[0]);
    CHECK(slots_next(&slots) == NULL);
    CHECK_EQ(slots.taken, 1);
    slots_give_back(&slots);
    CHECK(slots_next(&slots) == &clients[1]);
    slots_give_back(&slots);
    CHECK(slots_next(&slots) == &clients[2]);
    slots_give_back(&slots);
    CHECK(slots_next(&slots) == NULL);
    CHECK(slots_take(&slots));
}

static void test_who_leaves_is_passed_over(void)
{
    for (int left = 0; left < 3; left++) {
        struct slots slots = { .max = 1 };
        CHECK(slots_take(&slots));
        for (int i = 0; i < 3; i++) {
            slots_wait(&slots, &clients[i]);
        }
        slots_leave(&slots, &clients[left]);
        for (int i = 0; i < 3; i++) {
            slots_give_back(&slots);
            if (i != left) {
                CHECK(slots_next(&slots) == &clients[i]);
            } else {
                slots.taken++;
            }
        }
        CHECK(slots.first == NULL && slots.last == NULL);
    }
}

static void test_without_a_limit_nobody_waits(void)
{
    struct slots slots = { 0 };

    for (int i = 0; i < 1000; i++) {
        CHECK(slots_take(&slots));
    }
    CHECK_EQ(slots.taken, 1000);
}

int main(void)
{
    RUN(test_who_waits_gets_a_slot_in_order_and_nobody_overtakes);
    RUN(test_who_leaves_is_passed_over);
    RUN(test_without_a_limit_nobody_waits);
    return check_done();
}
