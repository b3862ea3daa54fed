/*
 * utf8: what is UTF-8 and what is not (Unicode 15, table 3-7): nothing overlong, no surrogates,
 * nothing above U+10FFFF. Pure; reads nothing outside of what it is given.
 */
#ifndef QUOIT_LLM_UTF8_H
#define QUOIT_LLM_UTF8_H

#include <stdbool.h>
#include <stddef.h>

static inline bool utf8_is_tail(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/*
 * The size of the character at `at`, which does not begin with an ASCII byte, with `left` bytes
 * before the end: 2 to 4, or 0 if it is not UTF-8. Inline, since strings are read with it.
 */
static inline size_t utf8_character_size(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];

    if (lead < 0xE0) {
        return lead >= 0xC2 && left >= 2 && utf8_is_tail(at[1]) ? 2 : 0;
    }
    if (lead < 0xF0) {
        if (left < 3 || !utf8_is_tail(at[1]) || !utf8_is_tail(at[2])) {
            return 0;
        }
        bool overlong = lead == 0xE0 && at[1] < 0xA0;
        bool surrogate = lead == 0xED && at[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead > 0xF4 || left < 4 || !utf8_is_tail(at[1]) || !utf8_is_tail(at[2]) ||
        !utf8_is_tail(at[3])) {
        return 0;
    }
    bool overlong = lead == 0xF0 && at[1] < 0x90;
    bool too_high = lead == 0xF4 && at[1] >= 0x90;
    return overlong || too_high ? 0 : 4;
}

/* How many bytes at the beginning of `bytes` are whole characters: `size` if all are UTF-8. */
size_t utf8_size(const char *bytes, size_t size);

/*
 * Write the code point `code`, at most 0x10FFFF, to `out`, and return how many bytes that are:
 * 1 to 4. A surrogate is written as three bytes, which is not UTF-8 (it is WTF-8).
 */
size_t utf8_write(unsigned code, char out[4]);

#endif
