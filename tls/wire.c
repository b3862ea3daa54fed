/*
 * wire: see wire.h.
 */
#include "tls/wire.h"

#include <string.h>

static int wire_read(BIO *bio, char *out, int room)
{
    struct tls_wire *wire = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (room <= 0) {
        return 0;
    }
    if (wire->fed_size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t size = wire->fed_size < (size_t)room ? wire->fed_size : (size_t)room;
    memcpy(out, wire->fed, size);
    wire->fed += size;
    wire->fed_size -= size;
    return (int)size;
}

static int wire_write(BIO *bio, const char *bytes, int size)
{
    struct tls_wire *wire = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (size <= 0) {
        return 0;
    }
    if (!buffer_append(&wire->out, bytes, (size_t)size)) {
        wire->out_of_memory = true;
        return -1;
    }
    return size;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* to everything else: no */
}

BIO_METHOD *tls_wire_method_create(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "quoit wire");

    if (method == NULL) {
        return NULL;
    }
    if (BIO_meth_set_read(method, wire_read) != 1 || BIO_meth_set_write(method, wire_write) != 1 ||
        BIO_meth_set_ctrl(method, wire_control) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

BIO *tls_wire_bio_create(struct tls_wire *wire, const BIO_METHOD *method)
{
    BIO *bio = BIO_new(method);

    if (bio == NULL) {
        return NULL;
    }
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}
