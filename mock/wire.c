/* wire: see wire.h. */
#include "mock/wire.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a return value of OpenSSL that is not success means. */
static ssize_t wire_result_of(struct wire *wire, int returned)
{
    int error = SSL_get_error(wire->ssl, returned);

    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ) {
        wire->readable = false;
        return WIRE_BLOCKED;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
        wire->writable = false;
        return WIRE_BLOCKED;
    }
    return error == SSL_ERROR_ZERO_RETURN ? WIRE_END : WIRE_BROKEN;
}

int wire_secure(struct wire *wire)
{
    ERR_clear_error();
    int returned = SSL_do_handshake(wire->ssl);

    if (returned == 1) {
        return 1;
    }
    return wire_result_of(wire, returned) == WIRE_BLOCKED ? WIRE_BLOCKED : WIRE_BROKEN;
}

ssize_t wire_read(struct wire *wire, char *bytes, size_t size)
{
    if (wire->ssl != NULL) {
        ERR_clear_error();
        int returned = SSL_read(wire->ssl, bytes, size > INT_MAX ? INT_MAX : (int)size);
        return returned > 0 ? returned : wire_result_of(wire, returned);
    }
    ssize_t count = recv(wire->fd, bytes, size, 0);
    if (count < 0) {
        wire->readable = false;
        return errno == EAGAIN || errno == EINTR ? WIRE_BLOCKED : WIRE_BROKEN;
    }
    /* A short read has emptied the socket; what comes later is a new edge. */
    if (count > 0 && (size_t)count < size) {
        wire->readable = false;
    }
    return count;
}

ssize_t wire_write(struct wire *wire, const char *bytes, size_t size)
{
    if (wire->ssl != NULL) {
        ERR_clear_error();
        int returned = SSL_write(wire->ssl, bytes, size > INT_MAX ? INT_MAX : (int)size);
        return returned > 0 ? returned : wire_result_of(wire, returned);
    }
    ssize_t count = send(wire->fd, bytes, size, MSG_NOSIGNAL);
    if (count < 0) {
        wire->writable = false;
        return errno == EAGAIN || errno == EINTR ? WIRE_BLOCKED : WIRE_BROKEN;
    }
    return count;
}

void wire_finish(struct wire *wire, bool quiet)
{
    if (wire->ssl != NULL && !quiet && SSL_is_init_finished(wire->ssl)) {
        SSL_shutdown(wire->ssl);
        ERR_clear_error();
    }
    shutdown(wire->fd, SHUT_WR);
}

void wire_break_record(struct wire *wire)
{
    static const char record[] = "\x17\x03\x03\x01\x00half of it";

    if (send(wire->fd, record, sizeof(record) - 1, MSG_NOSIGNAL) < 0) {
        wire->writable = false; /* the peer is gone or slow; the FIN tells it as much */
    }
}

void wire_update_key(struct wire *wire)
{
    if (wire->ssl != NULL && SSL_version(wire->ssl) == TLS1_3_VERSION &&
        SSL_key_update(wire->ssl, SSL_KEY_UPDATE_REQUESTED) == 1) {
        SSL_do_handshake(wire->ssl);
        ERR_clear_error();
    }
}

void wire_close(struct wire *wire, bool reset)
{
    if (reset) {
        struct linger linger = { .l_onoff = 1, .l_linger = 0 };
        setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    SSL_free(wire->ssl);
    wire->ssl = NULL;
    close(wire->fd);
    wire->fd = -1;
}
