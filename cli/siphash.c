/*
 * siphash: after Aumasson and Bernstein, "SipHash: a fast short-input PRF". Words are
 * little-endian.
 */
#include "cli/siphash.h"

#include <endian.h>
#include <string.h>

struct siphash_state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void siphash_rounds(struct siphash_state *state, int rounds)
{
    for (; rounds > 0; rounds--) {
        state->v0 += state->v1;
        state->v2 += state->v3;
        state->v1 = rotate(state->v1, 13) ^ state->v0;
        state->v3 = rotate(state->v3, 16) ^ state->v2;
        state->v0 = rotate(state->v0, 32);
        state->v2 += state->v1;
        state->v0 += state->v3;
        state->v1 = rotate(state->v1, 17) ^ state->v2;
        state->v3 = rotate(state->v3, 21) ^ state->v0;
        state->v2 = rotate(state->v2, 32);
    }
}

static void siphash_take(struct siphash_state *state, uint64_t word)
{
    state->v3 ^= word;
    siphash_rounds(state, 2);
    state->v0 ^= word;
}

static uint64_t siphash_finish(struct siphash_state *state)
{
    siphash_rounds(state, 4);
    return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

struct siphash siphash_of(const struct siphash_key *key, const void *bytes, size_t size)
{
    struct siphash_state state = {
        key->low ^ UINT64_C(0x736f6d6570736575),
        key->high ^ UINT64_C(0x646f72616e646f6d) ^ 0xee, /* 128 bits are asked for */
        key->low ^ UINT64_C(0x6c7967656e657261),
        key->high ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *at = bytes;
    size_t left = size;
    uint64_t word = 0;

    for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        siphash_take(&state, le64toh(word));
    }
    word = 0;
    if (left != 0) {
        memcpy(&word, at, left);
    }
    siphash_take(&state, le64toh(word) | (uint64_t)size << 56);
    state.v2 ^= 0xee;
    uint64_t low = siphash_finish(&state);
    state.v1 ^= 0xdd;
    return (struct siphash){ low, siphash_finish(&state) };
}
