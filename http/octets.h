/*
 * octets: which bytes may stand in a name and in a text of HTTP, sixteen of them at a time.
 *
 * A byte's kind is in a table. But nearly all bytes of names are letters and '-', and nearly all of
 * texts are no control characters: those are passed over without it, and only the others are looked
 * up. Pure; no byte at or behind `end` is read.
 */
#ifndef QUOIT_HTTP_OCTETS_H
#define QUOIT_HTTP_OCTETS_H

#include "quoit.h"
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* A byte may be of both. */
enum octets_kind {
    OCTETS_TOKEN = 1, /* in a method or a header's name: tchar of RFC 9110 5.6.2 */
    OCTETS_TEXT = 2,  /* in a value or a reason: HTAB, SP, VCHAR, obs-text of RFC 9110 5.5 */
};

extern const uint8_t octets_kinds[256];

/* Bytes on which gcc and clang work all at once: in what is compared, 0xff where it holds. */
#define OCTETS_LANES 16
typedef uint8_t octets_lanes __attribute__((vector_size(OCTETS_LANES)));

/* Eight bytes, the first one lowest. */
#define OCTETS_WORD sizeof(uint64_t)
static inline uint64_t octets_word(const void *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

/* How many bytes are 0 before the first that is not. */
static inline size_t octets_zeros(octets_lanes lanes)
{
    uint64_t low = octets_word(&lanes), high = octets_word((const char *)&lanes + OCTETS_WORD);

    if (low != 0) {
        return (size_t)__builtin_ctzll(low) / 8;
    }
    return high != 0 ? OCTETS_WORD + (size_t)__builtin_ctzll(high) / 8 : OCTETS_LANES;
}

/* Which of sixteen bytes are not plainly of this kind: the table knows about those. */
static inline octets_lanes octets_unusual(enum octets_kind kind, const char *bytes)
{
    octets_lanes lanes;

    memcpy(&lanes, bytes, sizeof(lanes));
    if (kind == OCTETS_TEXT) {
        return (octets_lanes)((lanes < ' ') | (lanes == 0x7f));
    }
    octets_lanes letter = (lanes | 0x20) - 'a'; /* 0 to 25, in either case */
    return (octets_lanes)((letter > 'z' - 'a') & (lanes != '-'));
}

/* The first byte from `at` on that is not of this kind, or `end`. */
static inline const char *octets_run_end(enum octets_kind kind, const char *at, const char *end)
{
    while (end - at >= OCTETS_LANES) {
        size_t usual = octets_zeros(octets_unusual(kind, at));
        at += usual;
        if (usual < OCTETS_LANES) {
            if ((octets_kinds[(uint8_t)*at] & kind) == 0) {
                return at;
            }
            at++;
        }
    }
    while (at < end && (octets_kinds[(uint8_t)*at] & kind) != 0) {
        at++;
    }
    return at;
}

/* The same bytes as `lower`, eight from `index` on, in any case; 0: they are. */
static inline uint64_t octets_other(const char *text, const char *lower, size_t index)
{
    uint64_t small = octets_word(text + index) | UINT64_C(0x2020202020202020);

    return small ^ octets_word(lower + index);
}

/* Is this text without control characters, in any case, `lower` of small letters and '-'? */
static inline bool octets_is_name(const char *text, size_t size, const char *lower)
{
    uint64_t other = 0;

    if (size != strlen(lower)) {
        return false;
    }
    if (size < OCTETS_WORD) {
        return strncasecmp(text, lower, size) == 0;
    }
    for (size_t i = 0; i < size - OCTETS_WORD; i += OCTETS_WORD) {
        other |= octets_other(text, lower, i);
    }
    return (other | octets_other(text, lower, size - OCTETS_WORD)) == 0; /* they may overlap */
}

#endif
