/*
 * spare: memory that goes from body to body, and how much of it is kept.
 */
#include "engine/spare.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct buffer make_buffer(size_t room, char fill)
{
    struct buffer buffer = { 0 };

    CHECK(buffer_reserve(&buffer, room));
    memset(buffer.bytes, fill, room);
    buffer.size = room;
    return buffer;
}

static void test_bytes_move_with_the_body_that_grows(void)
{
    struct spare spare = { 0 };
    struct buffer over = make_buffer(1 << 20, 'o');
    struct buffer growing = make_buffer(4096, 'g');
    const char *memory = over.bytes;

    spare_give(&spare, &over);
    CHECK_EQ(over.room, 0);
    CHECK_EQ(over.size, 0);
    CHECK(over.bytes == NULL);
    spare_take(&spare, &growing, 1000000);
    CHECK_EQ(growing.size, 4096);
    CHECK(memchr(growing.bytes, 'o', 4096) == NULL);
    if (BUFFER_KEEPS_ROOM) {
        CHECK(growing.bytes == memory);
        CHECK_EQ(growing.room, 1 << 20);
    }
    CHECK_EQ(spare.count, 0);
    CHECK_EQ(spare.size, 0);
    buffer_free(&growing);
    spare_free(&spare);
}

static void test_a_room_that_does_not_fit_stays(void)
{
    struct spare spare = { 0 };
    struct buffer over = make_buffer(1 << 20, 'o');
    struct buffer larger = make_buffer(2 << 20, 'l');
    struct buffer small = { 0 };

    spare_give(&spare, &over);
    spare_take(&spare, &larger, 3 << 20); /* its own is larger */
    CHECK_EQ(larger.room, 2 << 20);
    spare_take(&spare, &larger, 1); /* it needs no more than it has */
    CHECK_EQ(larger.room, 2 << 20);
    spare_take(&spare, &small, 100 * 1024); /* ten times what is wanted */
    CHECK_EQ(small.room, 0);
    CHECK_EQ(spare.count, BUFFER_KEEPS_ROOM);
    buffer_free(&larger);
    spare_free(&spare);
}

static void test_a_room_behind_others_is_found(void)
{
    struct spare spare = { 0 };
    struct buffer growing = make_buffer(4096, 'g');

    for (size_t room = 1 << 17; room <= 1 << 22; room *= 2) {
        struct buffer over = make_buffer(room, 'o');
        spare_give(&spare, &over);
    }
    spare_take(&spare, &growing, 100 * 1024);
    CHECK(growing.room >= (BUFFER_KEEPS_ROOM ? 1 << 17 : 4096));
    CHECK(growing.room <= 1 << 18);
    CHECK_EQ(spare.count, BUFFER_KEEPS_ROOM ? 5 : 0);
    buffer_free(&growing);
    spare_free(&spare);
    CHECK_EQ(spare.count, 0);
}

static void test_no_more_is_kept_than_the_limits(void)
{
    struct spare spare = { 0 };
    struct buffer empty = { 0 };
    size_t sum = 0;

    spare_give(&spare, &empty);
    CHECK_EQ(spare.count, 0);
    for (int i = 0; i < SPARE_COUNT_MAX + 8; i++) {
        struct buffer over = make_buffer((size_t)64 * 1024 << i % 8, 'o');
        spare_give(&spare, &over);
        CHECK_EQ(over.room, 0);
    }
    for (uint32_t i = 0; i < spare.count; i++) {
        sum += spare.rooms[i].room;
    }
    CHECK_EQ(spare.size, sum);
    CHECK(sum <= SPARE_SIZE_MAX);
    CHECK(spare.count <= SPARE_COUNT_MAX);
    spare_free(&spare);
    CHECK_EQ(spare.size, 0);
}

int main(void)
{
    RUN(test_bytes_move_with_the_body_that_grows);
    RUN(test_a_room_that_does_not_fit_stays);
    RUN(test_a_room_behind_others_is_found);
    RUN(test_no_more_is_kept_than_the_limits);
    return check_done();
}
