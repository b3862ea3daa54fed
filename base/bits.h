/*
 * bits: the constants and one-line helpers that every layer uses.
 */
#ifndef QUOIT_BASE_BITS_H
#define QUOIT_BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

#define BIT(n) (1u << (n))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of type `type` whose member `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* instant + length, where UINT64_MAX means never for both. */
static inline uint64_t after_ns(uint64_t instant_ns, uint64_t length_ns)
{
    return length_ns > UINT64_MAX - instant_ns ? UINT64_MAX : instant_ns + length_ns;
}

/* How long from now until an instant; 0 if it has passed. */
static inline uint64_t until_ns(uint64_t instant_ns, uint64_t now_ns)
{
    return instant_ns > now_ns ? instant_ns - now_ns : 0;
}

#endif
