/*
 * http_octets: every byte in every place of a run, and names in every case. Each text lies in a
 * block of its size, so that ASan sees a byte too far.
 */
#include "http/octets.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define RUN_SIZE_MAX 40 /* two times sixteen bytes, and some */

static bool is_token(int byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static bool is_text(int byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

static char *block_create(size_t size)
{
    char *block = malloc(size == 0 ? 1 : size);

    if (block == NULL) {
        abort();
    }
    return block;
}

static void test_the_table_is_that_of_rfc_9110(void)
{
    for (int byte = 0; byte < 256; byte++) {
        CHECK_EQ((octets_kinds[byte] & OCTETS_TOKEN) != 0, is_token(byte));
        CHECK_EQ((octets_kinds[byte] & OCTETS_TEXT) != 0, is_text(byte));
    }
}

/* One byte among letters: the run ends there, or nowhere. */
static void test_a_run_ends_at_the_first_byte_of_another_kind(void)
{
    for (size_t size = 1; size <= RUN_SIZE_MAX; size++) {
        char *bytes = block_create(size);
        for (size_t place = 0; place < size; place++) {
            for (int byte = 0; byte < 256; byte++) {
                memset(bytes, 'm', size);
                bytes[place] = (char)byte;
                size_t token = is_token(byte) ? size : place, text = is_text(byte) ? size : place;
                const char *end = bytes + size;
                CHECK_EQ((size_t)(octets_run_end(OCTETS_TOKEN, bytes, end) - bytes), token);
                CHECK_EQ((size_t)(octets_run_end(OCTETS_TEXT, bytes, end) - bytes), text);
            }
        }
        free(bytes);
    }
}

/* All bytes of a kind in turn, and one that is not behind them. */
static void test_a_run_may_be_of_any_bytes_of_its_kind(void)
{
    static const enum octets_kind kinds[] = { OCTETS_TOKEN, OCTETS_TEXT };

    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        for (size_t start = 0; start < 256; start++) {
            char bytes[257];
            size_t size = 0;
            for (size_t i = 0; i < 256; i++) {
                int byte = (int)((start + i) % 256);
                if (kinds[k] == OCTETS_TOKEN ? is_token(byte) : is_text(byte)) {
                    bytes[size++] = (char)byte;
                }
            }
            CHECK(octets_run_end(kinds[k], bytes, bytes + size) == bytes + size);
            bytes[size] = '\0';
            CHECK(octets_run_end(kinds[k], bytes, bytes + size + 1) == bytes + size);
        }
    }
}

static void test_a_name_is_known_in_any_case_and_by_nothing_less(void)
{
    static const char *const names[] = { "host",           "close",      "keep-alive",
                                         "content-length", "connection", "transfer-encoding" };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t size = strlen(names[i]);
        char *bytes = block_create(size);
        check_case(names[i]);
        for (size_t place = 0; place < size; place++) {
            for (int byte = ' '; byte < 0x7f; byte++) {
                bool same = byte == names[i][place] ||
                            (byte >= 'A' && byte <= 'Z' && byte + 'a' - 'A' == names[i][place]);
                memcpy(bytes, names[i], size);
                bytes[place] = (char)byte;
                CHECK_EQ(octets_is_name(bytes, size, names[i]), same);
            }
        }
        CHECK(!octets_is_name(names[i], size - 1, names[i]));
        CHECK(!octets_is_name(names[i], size, names[(i + 1) % COUNT_OF(names)]));
        free(bytes);
    }
}

int main(void)
{
    RUN(test_the_table_is_that_of_rfc_9110);
    RUN(test_a_run_ends_at_the_first_byte_of_another_kind);
    RUN(test_a_run_may_be_of_any_bytes_of_its_kind);
    RUN(test_a_name_is_known_in_any_case_and_by_nothing_less);
    return check_done();
}
