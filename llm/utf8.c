/*
 * utf8: see utf8.h. ASCII is passed over eight bytes at a time.
 */
#include "llm/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define UTF8_HIGH_BITS 0x8080808080808080ULL
#define UTF8_WORD sizeof(uint64_t)

size_t utf8_size(const char *bytes, size_t size)
{
    const unsigned char *all = (const unsigned char *)bytes;
    size_t at = 0;

    while (at < size) {
        uint64_t word = UTF8_HIGH_BITS;

        if (size - at >= UTF8_WORD) {
            memcpy(&word, all + at, sizeof(word));
        }
        if ((word & UTF8_HIGH_BITS) == 0) {
            at += UTF8_WORD;
            continue;
        }
        size_t step = all[at] < 0x80 ? 1 : utf8_character_size(all + at, size - at);
        if (step == 0) {
            break;
        }
        at += step;
    }
    return at;
}

size_t utf8_write(unsigned code, char out[4])
{
    assert(code <= 0x10FFFF);
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}
