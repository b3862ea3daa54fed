/*
 * digest: the known answers of SHA-256, whole and in pieces.
 */
#include "cli/digest.h"
#include "tests/unit/check.h"

static void test_known_answers_come_out_in_pieces_too(void)
{
    static const unsigned char abc[DIGEST_SIZE] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    };
    struct digest *digest = digest_create();
    unsigned char out[DIGEST_SIZE];

    for (int round = 0; round < 2; round++) { /* it can be used again */
        digest_begin(digest);
        digest_add(digest, "a", 1);
        digest_add(digest, NULL, 0);
        digest_add(digest, "bc", 2);
        digest_end(digest, out);
        CHECK_MEM((const char *)out, sizeof(out), (const char *)abc, sizeof(abc));
    }
    digest_destroy(digest);
}

int main(void)
{
    RUN(test_known_answers_come_out_in_pieces_too);
    return check_done();
}
