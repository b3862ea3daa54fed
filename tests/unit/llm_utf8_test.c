/* UTF-8: every code point, every pair and triple of bytes, against the definition. */
#include "llm/utf8.h"

#include "tests/unit/check.h"

#include <stdlib.h>

/* The size of the one character that all `size` bytes are, by way of its code point; else 0. */
static size_t defined_size(const unsigned char *bytes, size_t size)
{
    static const unsigned lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    static const unsigned char lead_bits[5] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    unsigned lead_mask = size == 2 ? 0xE0u : size == 3 ? 0xF0u : 0xF8u;
    unsigned code = bytes[0] & (unsigned char)~lead_mask;

    if ((bytes[0] & lead_mask) != lead_bits[size]) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xBF) {
            return 0;
        }
        code = code << 6 | (bytes[i] & 0x3F);
    }
    bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < lowest[size] || code > 0x10FFFF || surrogate ? 0 : size;
}

/* Are the bytes one character, both ways? From a block of exact size. */
static bool is_judged_right(const unsigned char *bytes, size_t size)
{
    size_t wanted = defined_size(bytes, size) == size ? size : 0;

    return (utf8_character_size(bytes, size) == size ? size : 0) == wanted;
}

static void test_every_two_and_three_bytes_are_judged_right(void)
{
    unsigned char *bytes = malloc(3);
    int wrong = 0;

    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        for (unsigned rest = 0; rest < 0x10000; rest++) {
            bytes[0] = (unsigned char)lead;
            bytes[1] = (unsigned char)(rest >> 8);
            bytes[2] = (unsigned char)rest;
            wrong += !is_judged_right(bytes, 2);
            wrong += !is_judged_right(bytes, 3);
        }
    }
    free(bytes);
    CHECK_EQ(wrong, 0);
}

static void test_four_bytes_are_judged_right(void)
{
    unsigned char *bytes = malloc(4);
    int wrong = 0;

    for (unsigned lead = 0xE8; lead < 0x100; lead++) {
        for (unsigned rest = 0; rest < 0x10000; rest++) {
            bytes[0] = (unsigned char)lead;
            bytes[1] = (unsigned char)(rest >> 8);
            bytes[2] = (unsigned char)rest;
            for (unsigned last = 0x70; last < 0xD0; last += 8) {
                bytes[3] = (unsigned char)last;
                wrong += !is_judged_right(bytes, 4);
            }
        }
    }
    free(bytes);
    CHECK_EQ(wrong, 0);
}

static void test_every_code_point_is_written_as_utf_8(void)
{
    int wrong = 0;

    for (unsigned code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        size_t size = utf8_write(code, bytes);
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;

        wrong += (utf8_size(bytes, size) == size) == surrogate;
        wrong += size != (code < 0x80 ? 1u : code < 0x800 ? 2u : code < 0x10000 ? 3u : 4u);
    }
    CHECK_EQ(wrong, 0);
}

static void test_the_good_part_ends_before_the_first_bad_character(void)
{
    static const char good[] = "plain text, na\xC3\xAFve, 5 \xE2\x82\xAC, \xF0\x9F\x98\x80!";
    size_t size = strlen(good);

    for (size_t cut = 0; cut <= size; cut++) {
        char *bytes = malloc(cut == 0 ? 1 : cut);
        size_t whole = cut;

        while (whole > 0 && whole < size && ((unsigned char)good[whole] & 0xC0) == 0x80) {
            whole--;
        }
        memcpy(bytes, good, cut);
        CHECK_EQ(utf8_size(bytes, cut), whole);
        free(bytes);
    }
    CHECK_EQ(utf8_size("12345678\xFF", 9), 8);
    CHECK_EQ(utf8_size("1234\x80"
                       "5678",
                       9),
             4);
    CHECK_EQ(utf8_size(NULL, 0), 0);
}

int main(void)
{
    RUN(test_every_two_and_three_bytes_are_judged_right);
    RUN(test_four_bytes_are_judged_right);
    RUN(test_every_code_point_is_written_as_utf_8);
    RUN(test_the_good_part_ends_before_the_first_bad_character);
    return check_done();
}
