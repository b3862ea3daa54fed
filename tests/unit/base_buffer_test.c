/*
 * base_buffer: bytes stay what they were while their room grows, and memory is kept or given back
 * as asked.
 */
#include "base/buffer.h"

#include "tests/unit/check.h"

#include <stdint.h>

static void test_an_empty_buffer_is_all_zero_and_has_a_span(void)
{
    struct buffer buffer = { 0 };

    CHECK_EQ(buffer_span(&buffer).size, 0);
    CHECK(buffer_span(&buffer).bytes != NULL);
    CHECK(buffer_append(&buffer, NULL, 0));
    CHECK(buffer.bytes == NULL);
    buffer_free(&buffer);
    buffer_free(&buffer);
}

static void test_what_was_appended_stays_while_the_room_grows(void)
{
    struct buffer buffer = { 0 };

    for (uint32_t i = 0; i < 100000; i++) {
        char byte = (char)(i * 31);
        CHECK(buffer_append(&buffer, &byte, 1));
    }
    CHECK_EQ(buffer.size, 100000);
    CHECK(buffer.room >= buffer.size);
    CHECK(buffer.room < 2 * buffer.size + 256);
    for (uint32_t i = 0; i < 100000; i++) {
        if (buffer.bytes[i] != (char)(i * 31)) {
            CHECK_FAIL("byte %u is another", i);
            break;
        }
    }
    buffer_free(&buffer);
}

static void test_reserved_room_is_there_and_changes_no_byte(void)
{
    struct buffer buffer = { 0 };

    CHECK(buffer_append(&buffer, "abc", 3));
    CHECK(buffer_reserve(&buffer, 5000));
    CHECK(buffer.room >= 5003);
    CHECK_MEM(buffer.bytes, buffer.size, "abc", 3);
    const char *bytes = buffer.bytes;
    memset(buffer.bytes + 3, 'x', 5000);
    CHECK(buffer_append(&buffer, "def", 3));
    CHECK(buffer.bytes == bytes);
    CHECK_MEM(buffer.bytes, buffer.size, "abcdef", 6);
    buffer_free(&buffer);
}

static void test_reset_keeps_the_memory_and_trim_gives_back_what_is_too_much(void)
{
    if (!BUFFER_KEEPS_ROOM) {
        return; /* make GUARD=1 keeps nothing */
    }
    struct buffer buffer = { 0 };

    CHECK(buffer_reserve(&buffer, 1000));
    CHECK(buffer_append(&buffer, "abc", 3));
    const char *bytes = buffer.bytes;
    size_t room = buffer.room;
    buffer_reset(&buffer);
    CHECK_EQ(buffer.size, 0);
    CHECK(buffer.bytes == bytes);

    CHECK(buffer_append(&buffer, "abc", 3));
    buffer_trim(&buffer, room);
    CHECK_EQ(buffer.size, 0);
    CHECK(buffer.bytes == bytes);

    buffer_trim(&buffer, room - 1);
    CHECK_EQ(buffer.room, 0);
    CHECK(buffer.bytes == NULL);
    buffer_free(&buffer);
}

/* Sizes near the end of the address space must not wrap around to small ones. */
static void test_more_than_there_can_be_is_refused_and_changes_nothing(void)
{
    static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 2, SIZE_MAX - 3, SIZE_MAX / 2 };
    struct buffer buffer = { 0 };

    CHECK(buffer_append(&buffer, "abc", 3));
    struct buffer before = buffer;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CHECK(!buffer_reserve(&buffer, sizes[i]));
        CHECK(!buffer_append(&buffer, "x", sizes[i]));
        CHECK(buffer.bytes == before.bytes);
        CHECK_EQ(buffer.size, before.size);
        CHECK_EQ(buffer.room, before.room);
    }
    CHECK_MEM(buffer.bytes, buffer.size, "abc", 3);
    buffer_free(&buffer);
}

int main(void)
{
    RUN(test_an_empty_buffer_is_all_zero_and_has_a_span);
    RUN(test_what_was_appended_stays_while_the_room_grows);
    RUN(test_reserved_room_is_there_and_changes_no_byte);
    RUN(test_reset_keeps_the_memory_and_trim_gives_back_what_is_too_much);
    RUN(test_more_than_there_can_be_is_refused_and_changes_nothing);
    return check_done();
}
