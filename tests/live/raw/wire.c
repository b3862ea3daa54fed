/* wire: see wire.h. */
#include "tests/live/raw/wire.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WIRE_TAKEN_MS 2000 /* a peer that reads nothing gets the next piece all the same */
#define WIRE_LOOKS 200     /* at the peer's socket in a row, before one each millisecond */
#define WIRE_EDGE 512      /* bytes at both ends of much, sent one by one */

void wire_init(struct wire *wire, int fd, int stop_fd, SSL_CTX *tls)
{
    int on = 1;

    *wire = (struct wire){ .fd = fd, .stop_fd = stop_fd };
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wire->diag_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (tls != NULL) {
        wire->ssl = SSL_new(tls);
        wire->in = BIO_new(BIO_s_mem());
        wire->out = BIO_new(BIO_s_mem());
        SSL_set_bio(wire->ssl, wire->in, wire->out);
        SSL_set_accept_state(wire->ssl);
    }
}

void wire_free(struct wire *wire)
{
    wire_close(wire);
    if (wire->diag_fd >= 0) {
        close(wire->diag_fd);
    }
    SSL_free(wire->ssl);
    wire->ssl = NULL;
}

/* -------- waiting -------- */

static uint64_t wire_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum wire_result wire_wait(struct wire *wire, short events, int timeout_ms)
{
    struct pollfd fds[2] = { { .fd = wire->stop_fd, .events = POLLIN },
                             { .fd = wire->fd, .events = events } };
    int ready = poll(fds, 2, timeout_ms);

    if (fds[0].revents != 0) {
        return WIRE_STOPPED;
    }
    return ready > 0 ? WIRE_OK : WIRE_LATE;
}

/* What sock_diag says of the peer's socket. */
union wire_diag {
    struct nlmsghdr head;
    char bytes[8192];
};

/* False: there is no such socket any more. */
static bool wire_look_at_peer(const struct wire *wire, union wire_diag *answer)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 request;
    } question = { .head = { .nlmsg_len = sizeof(question),
                             .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                             .nlmsg_flags = NLM_F_REQUEST },
                   .request = { .sdiag_family = AF_INET,
                                .sdiag_protocol = IPPROTO_TCP,
                                .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                                .idiag_states = UINT32_MAX } };
    struct inet_diag_sockid *id = &question.request.id;
    struct sockaddr_in ours, theirs;
    socklen_t size = sizeof(ours);

    if (getsockname(wire->fd, (struct sockaddr *)&ours, &size) != 0 ||
        getpeername(wire->fd, (struct sockaddr *)&theirs, &size) != 0) {
        return false;
    }
    id->idiag_sport = theirs.sin_port;
    id->idiag_dport = ours.sin_port;
    id->idiag_src[0] = theirs.sin_addr.s_addr;
    id->idiag_dst[0] = ours.sin_addr.s_addr;
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return send(wire->diag_fd, &question, sizeof(question), 0) >= 0 &&
           recv(wire->diag_fd, answer, sizeof(*answer), 0) >= (ssize_t)NLMSG_HDRLEN &&
           answer->head.nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

/* Has the peer's program read all that was ever sent? Yes too if nobody is left to read it. */
static bool wire_is_taken(const struct wire *wire)
{
    union wire_diag answer;

    if (!wire_look_at_peer(wire, &answer)) {
        return true;
    }
    const struct inet_diag_msg *peer = NLMSG_DATA(&answer.head);
    const char *at = (const char *)(peer + 1), *end = answer.bytes + answer.head.nlmsg_len;
    while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        const struct rtattr *attribute = (const void *)at;
        const struct tcp_info *info = RTA_DATA(attribute);
        if (attribute->rta_type == INET_DIAG_INFO) {
            return info->tcpi_bytes_received >= wire->sent && peer->idiag_rqueue == 0;
        }
        at += RTA_ALIGN(attribute->rta_len);
    }
    return true; /* a closed one has no more to tell */
}

/* Until the peer's program has all that was sent. */
static void wire_await_taken(struct wire *wire)
{
    uint64_t end_ms = wire_now_ms() + WIRE_TAKEN_MS;

    for (int looks = 0; !wire_is_taken(wire) && wire_now_ms() < end_ms; looks++) {
        if (wire_wait(wire, 0, looks < WIRE_LOOKS ? 0 : 1) == WIRE_STOPPED) {
            return;
        }
        sched_yield();
    }
}

/* -------- pieces -------- */

/* SplitMix64: the next of a row of random numbers that begins with the seed. */
static uint64_t wire_chance(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* How many of the bytes from `at` on go next. */
static size_t wire_piece(struct wire_feed *feed, size_t at, size_t size)
{
    size_t left = size - at, piece = left;

    switch (feed->cut) {
    case WIRE_WHOLE:
        break;
    case WIRE_BYTES:
        if (size <= WIRE_BYTES_MAX || at < WIRE_EDGE || left <= WIRE_EDGE) {
            piece = 1;
        } else {
            piece = left - WIRE_EDGE < WIRE_BYTES_MAX ? left - WIRE_EDGE : WIRE_BYTES_MAX;
        }
        break;
    case WIRE_CUTS:
        piece = 1 + wire_chance(&feed->seed) % (size / 8 + 8);
        break;
    case WIRE_SPLIT:
        piece = at == 0 && feed->seed > 0 ? feed->seed : left;
        break;
    }
    return piece < left ? piece : left;
}

static enum wire_result wire_write(struct wire *wire, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(wire->fd, bytes + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            done += (size_t)sent;
            wire->sent += (uint64_t)sent;
        } else if (errno == EAGAIN) {
            enum wire_result result = wire_wait(wire, POLLOUT, WIRE_WAIT_MS);
            if (result != WIRE_OK) {
                return result;
            }
        } else if (errno != EINTR) {
            return WIRE_RESET;
        }
    }
    return WIRE_OK;
}

static enum wire_result wire_write_cut(struct wire *wire, struct wire_feed *feed, const char *bytes,
                                       size_t size)
{
    enum wire_result result = WIRE_OK;

    for (size_t at = 0; at < size && result == WIRE_OK;) {
        size_t piece = wire_piece(feed, at, size);
        if (feed->cut != WIRE_WHOLE) {
            wire_await_taken(wire);
        }
        result = wire_write(wire, bytes + at, piece);
        at += piece;
    }
    return result;
}

enum wire_result wire_send_raw(struct wire *wire, const char *bytes, size_t size)
{
    return wire_write_cut(wire, wire->ssl == NULL ? &wire->feed : &wire->records, bytes, size);
}

/* -------- TLS -------- */

/* What OpenSSL wants to send, less the last bytes. */
static enum wire_result wire_pump_out(struct wire *wire, size_t missing)
{
    char *bytes;
    long size = BIO_get_mem_data(wire->out, &bytes);
    enum wire_result result = WIRE_OK;

    if (size > (long)missing) {
        result = wire_send_raw(wire, bytes, (size_t)size - missing);
    }
    (void)BIO_reset(wire->out);
    return result;
}

/* Some bytes of the peer, as they came. */
static enum wire_result wire_receive(struct wire *wire, char *bytes, size_t size, size_t *size_out)
{
    for (;;) {
        ssize_t got = recv(wire->fd, bytes, size, MSG_DONTWAIT);
        if (got > 0) {
            *size_out = (size_t)got;
            return WIRE_OK;
        }
        if (got == 0) {
            return WIRE_ENDED;
        }
        if (errno == EAGAIN) {
            enum wire_result result = wire_wait(wire, POLLIN, WIRE_WAIT_MS);
            if (result != WIRE_OK) {
                return result;
            }
        } else if (errno != EINTR) {
            return WIRE_RESET;
        }
    }
}

/* OpenSSL has returned this. WIRE_OK: it has what it wanted by now, ask it again. */
static enum wire_result wire_tls_wants(struct wire *wire, int returned)
{
    char bytes[16384];
    size_t size = 0;
    int why = SSL_get_error(wire->ssl, returned);
    unsigned long error = ERR_peek_error();
    enum wire_result result = wire_pump_out(wire, 0); /* an alert too */

    if (why == SSL_ERROR_WANT_READ) {
        result = result == WIRE_OK ? wire_receive(wire, bytes, sizeof(bytes), &size) : result;
        BIO_write(wire->in, bytes, (int)size);
        return result;
    }
    if (why == SSL_ERROR_ZERO_RETURN) {
        wire->goodbye = true;
        return WIRE_ENDED;
    }
    const char *reason = ERR_reason_error_string(error);
    snprintf(wire->error, sizeof(wire->error), "%s", reason == NULL ? "unknown" : reason);
    ERR_clear_error();
    return WIRE_BROKEN;
}

/* A handshake that is whole has left another Finished. */
static void wire_count_handshake(struct wire *wire)
{
    unsigned char finished[sizeof(wire->finished)] = { 0 };

    if (SSL_is_init_finished(wire->ssl) &&
        SSL_get_peer_finished(wire->ssl, finished, sizeof(finished)) > 0 &&
        memcmp(finished, wire->finished, sizeof(finished)) != 0) {
        memcpy(wire->finished, finished, sizeof(finished));
        wire->handshakes++;
    }
}

enum wire_result wire_handshake(struct wire *wire)
{
    enum wire_result result = WIRE_OK;

    while (result == WIRE_OK && !SSL_is_init_finished(wire->ssl)) {
        ERR_clear_error();
        int returned = SSL_do_handshake(wire->ssl);
        result = returned == 1 ? wire_pump_out(wire, 0) : wire_tls_wants(wire, returned);
    }
    wire_count_handshake(wire);
    return result;
}

enum wire_result wire_read(struct wire *wire, char *bytes, size_t size, size_t *size_out)
{
    enum wire_result result = WIRE_OK;

    if (wire->ssl == NULL) {
        return wire_receive(wire, bytes, size, size_out);
    }
    while (result == WIRE_OK) {
        ERR_clear_error();
        int returned = SSL_read(wire->ssl, bytes, (int)size);
        wire_count_handshake(wire);
        if (returned > 0) {
            *size_out = (size_t)returned;
            return wire_pump_out(wire, 0);
        }
        result = wire_tls_wants(wire, returned);
    }
    return result;
}

/* Into TLS, in records of one piece each, and out of it. */
static enum wire_result wire_send_tls(struct wire *wire, const char *bytes, size_t size)
{
    enum wire_result result = WIRE_OK;

    for (size_t at = 0; at < size && result == WIRE_OK;) {
        size_t piece = wire_piece(&wire->feed, at, size);
        if (wire->feed.cut != WIRE_WHOLE) {
            wire_await_taken(wire);
        }
        ERR_clear_error();
        int returned = SSL_write(wire->ssl, bytes + at, (int)piece);
        result = returned > 0 ? wire_pump_out(wire, 0) : wire_tls_wants(wire, returned);
        at += piece;
    }
    return result;
}

enum wire_result wire_send(struct wire *wire, const char *bytes, size_t size)
{
    return wire->ssl == NULL ? wire_send_raw(wire, bytes, size) : wire_send_tls(wire, bytes, size);
}

enum wire_result wire_send_cut(struct wire *wire, const char *bytes, size_t size, size_t missing)
{
    if (wire->ssl == NULL) {
        return wire_send_raw(wire, bytes, size > missing ? size - missing : 0);
    }
    if (SSL_write(wire->ssl, bytes, (int)size) <= 0) {
        return WIRE_BROKEN;
    }
    return wire_pump_out(wire, missing);
}

enum wire_result wire_notify(struct wire *wire)
{
    if (wire->ssl == NULL) {
        return WIRE_OK;
    }
    SSL_shutdown(wire->ssl);
    ERR_clear_error();
    return wire_pump_out(wire, 0);
}

/* Something that OpenSSL sends by itself, with the next step of its handshake machine. */
static enum wire_result wire_tell(struct wire *wire, bool accepted)
{
    if (!accepted || SSL_do_handshake(wire->ssl) != 1) {
        snprintf(wire->error, sizeof(wire->error), "%s", "not possible in this version of TLS");
        ERR_clear_error();
        return WIRE_BROKEN;
    }
    return wire_pump_out(wire, 0);
}

enum wire_result wire_hello_request(struct wire *wire)
{
    return wire->ssl == NULL ? WIRE_OK : wire_tell(wire, SSL_renegotiate(wire->ssl) == 1);
}

enum wire_result wire_await_handshake(struct wire *wire)
{
    uint64_t before = wire->handshakes;
    enum wire_result result = WIRE_OK;
    char byte;

    while (wire->ssl != NULL && result == WIRE_OK) {
        ERR_clear_error();
        int returned = SSL_peek(wire->ssl, &byte, 1);
        wire_count_handshake(wire);
        if (returned > 0 || wire->handshakes != before) {
            return wire_pump_out(wire, 0);
        }
        result = wire_tls_wants(wire, returned);
    }
    return result;
}

enum wire_result wire_key_update(struct wire *wire, bool request)
{
    int kind = request ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;

    return wire->ssl == NULL ? WIRE_OK : wire_tell(wire, SSL_key_update(wire->ssl, kind) == 1);
}

enum wire_result wire_ticket(struct wire *wire)
{
    return wire->ssl == NULL ? WIRE_OK : wire_tell(wire, SSL_new_session_ticket(wire->ssl) == 1);
}

/* OpenSSL sends no alert on demand, but it answers a record that cannot be deciphered with one. */
enum wire_result wire_alert(struct wire *wire)
{
    static const char rubbish[37] = "\x17\x03\x03\x00\x20";
    char byte;

    if (wire->ssl == NULL) {
        return WIRE_OK;
    }
    BIO_write(wire->in, rubbish, sizeof(rubbish));
    SSL_read(wire->ssl, &byte, 1);
    ERR_clear_error();
    return wire_pump_out(wire, 0);
}

/* -------- ends -------- */

void wire_fin(struct wire *wire)
{
    shutdown(wire->fd, SHUT_WR);
}

void wire_reset(struct wire *wire)
{
    struct linger none = { .l_onoff = 1 };

    setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    wire_close(wire);
}

void wire_close(struct wire *wire)
{
    if (wire->fd >= 0) {
        close(wire->fd);
        wire->fd = -1;
    }
}

size_t wire_unread(const struct wire *wire)
{
    int count = 0;

    return wire->fd >= 0 && ioctl(wire->fd, FIONREAD, &count) == 0 ? (size_t)count : 0;
}
