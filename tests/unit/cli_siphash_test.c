/*
 * siphash: the results of its authors.
 */
#include "cli/siphash.h"

#include "tests/unit/check.h"

#include <endian.h>

/* Key 00 01 .. 0f, text 00 01 .. of that size. */
static void test_the_results_are_those_of_the_authors(void)
{
    static const struct {
        size_t size;
        unsigned char result[16];
    } cases[] = {
        { 0,
          { 0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55,
            0x02, 0x93 } },
        { 1,
          { 0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22,
            0xfc, 0x45 } },
    };
    const struct siphash_key key = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
    unsigned char text[16];

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (unsigned char)i;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct siphash hash = siphash_of(&key, text, cases[i].size);
        uint64_t got[2] = { htole64(hash.low), htole64(hash.high) };
        CHECK(memcmp(got, cases[i].result, sizeof(got)) == 0);
    }
}

static void test_every_byte_counts(void)
{
    const struct siphash_key key = { 1, 2 };
    char text[40] = { 0 };

    for (size_t size = 1; size <= sizeof(text); size++) {
        struct siphash plain = siphash_of(&key, text, size);
        CHECK(siphash_of(&key, text, size - 1).low != plain.low);
        for (size_t i = 0; i < size; i++) {
            text[i] = 1;
            struct siphash other = siphash_of(&key, text, size);
            CHECK(other.low != plain.low);
            CHECK(other.high != plain.high);
            text[i] = 0;
        }
    }
}

int main(void)
{
    RUN(test_the_results_are_those_of_the_authors);
    RUN(test_every_byte_counts);
    return check_done();
}
