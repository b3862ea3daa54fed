/*
 * tls_wire_test: the BIO alone, without TLS.
 */
#include "tls/wire.h"

#include "tests/unit/check.h"

#include <stdint.h>

static struct tls_wire wire;
static BIO_METHOD *method;
static BIO *bio;

static void wire_begin(void)
{
    wire = (struct tls_wire){ 0 };
    method = tls_wire_method_create();
    bio = tls_wire_bio_create(&wire, method);
    CHECK(method != NULL && bio != NULL);
}

static void wire_end(void)
{
    BIO_free(bio);
    BIO_meth_free(method);
    buffer_free(&wire.out);
}

static void test_what_is_fed_is_read_once_and_in_order(void)
{
    char out[8];

    wire_begin();
    wire.fed = "abcdefg";
    wire.fed_size = 5;
    CHECK_EQ(BIO_read(bio, out, 2), 2);
    CHECK_MEM(out, (size_t)2, "ab", 2);
    CHECK_EQ(BIO_read(bio, out, 8), 3);
    CHECK_MEM(out, (size_t)3, "cde", 3);
    CHECK_EQ(wire.fed_size, 0);
    wire_end();
}

static void test_an_empty_wire_asks_to_come_again_and_never_ends(void)
{
    char out[8];

    wire_begin();
    CHECK(BIO_read(bio, out, 8) < 0);
    CHECK(BIO_should_read(bio));
    CHECK(!BIO_eof(bio));

    wire.fed = "x";
    wire.fed_size = 1;
    CHECK_EQ(BIO_read(bio, out, 8), 1);
    CHECK(!BIO_should_retry(bio));
    wire_end();
}

static void test_what_is_written_collects(void)
{
    wire_begin();
    CHECK_EQ(BIO_write(bio, "one", 3), 3);
    CHECK_EQ(BIO_write(bio, "two", 3), 3);
    CHECK_EQ(BIO_flush(bio), 1);
    CHECK_MEM(wire.out.bytes, wire.out.size, "onetwo", 6);
    CHECK(!wire.out_of_memory);
    wire_end();
}

static void test_without_memory_a_write_fails_and_says_so(void)
{
    wire_begin();
    /* So full that no room can be asked for; nothing is there to be touched. */
    wire.out.size = SIZE_MAX / 2;
    wire.out.room = SIZE_MAX / 2;
    CHECK(BIO_write(bio, "one", 3) < 0);
    CHECK(!BIO_should_retry(bio));
    CHECK(wire.out_of_memory);
    wire.out = (struct buffer){ 0 };
    wire_end();
}

int main(void)
{
    RUN(test_what_is_fed_is_read_once_and_in_order);
    RUN(test_an_empty_wire_asks_to_come_again_and_never_ends);
    RUN(test_what_is_written_collects);
    RUN(test_without_memory_a_write_fails_and_says_so);
    return check_done();
}
