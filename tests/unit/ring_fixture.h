/*
 * ring_fixture: one real ring, and sockets whose other ends the test holds itself.
 *
 * ring_begin, then start operations through engine/ring.h and read their ends with await_done, then
 * ring_end, which holds the test to having ended everything. Completions are handed out one by one
 * in the order in which ring_turn gave them.
 */
#ifndef QUOIT_TESTS_RING_FIXTURE_H
#define QUOIT_TESTS_RING_FIXTURE_H

#include "engine/ring.h"

#include "base/bits.h"
#include "tests/io.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DONE_MAX 512
#define PATIENCE_NS (30 * NS_PER_S) /* for what should come at once, on a busy machine */

static struct ring *ring;
static struct ring_done done_queue[DONE_MAX];
static uint32_t done_first, done_count;

static inline void fixture_begin(uint32_t conns_max)
{
    const struct ring_options options = { .io = test_io(), .conns_max = conns_max };
    enum quoit_error error = QUOIT_OK;

    ring = ring_create(&options, &error);
    if (ring == NULL) {
        printf("no ring: %s\n", quoit_error_message(error));
        exit(1);
    }
    CHECK_EQ(error, QUOIT_OK);
    done_first = done_count = 0;
}

static inline void fixture_end(void)
{
    CHECK_EQ(done_count, 0);
    ring_destroy(ring);
    ring = NULL;
}

/* The next completion; false: none came within wait_ns. */
static inline bool next_done(struct ring_done *done, uint64_t wait_ns)
{
    uint64_t end_ns = ring_now_ns(ring) + wait_ns;

    while (done_count == 0) {
        uint64_t left_ns = until_ns(end_ns, ring_now_ns(ring));
        done_first = 0;
        done_count = ring_turn(ring, done_queue, DONE_MAX, left_ns, false);
        if (left_ns == 0) {
            break;
        }
    }
    if (done_count == 0) {
        return false;
    }
    *done = done_queue[done_first++];
    done_count--;
    return true;
}

/* The next completion, which must be that one. */
static inline struct ring_done await_done(enum ring_verb verb, uint32_t conn)
{
    struct ring_done done = { .buffer = RING_NO_BUFFER };

    if (!next_done(&done, PATIENCE_NS)) {
        CHECK_FAIL("no end of verb %d of connection %u came", verb, conn);
        exit(1); /* it would come in the middle of another test */
    }
    CHECK_EQ(done.tag.verb, verb);
    CHECK_EQ(done.tag.conn, conn);
    return done;
}

/* Nothing is handed out in that time. */
static inline void check_silence(uint64_t wait_ns)
{
    struct ring_done done;

    if (next_done(&done, wait_ns)) {
        CHECK_FAIL("verb %d of connection %u said %d", done.tag.verb, done.tag.conn, done.result);
    }
}

static inline void give_back(const struct ring_done *done)
{
    if (done->buffer != RING_NO_BUFFER) {
        ring_give_back(ring, done->buffer);
    }
}

/* End a standing receive, whatever it still has to say. */
static inline void end_recv(uint32_t conn)
{
    ring_cancel(ring, (struct ring_tag){ RING_RECV, conn });
    for (;;) {
        struct ring_done done = await_done(RING_RECV, conn);
        give_back(&done);
        if (!done.more) {
            return;
        }
    }
}

static inline void close_conn(uint32_t conn, int fd)
{
    ring_close(ring, conn, fd);
    struct ring_done done = await_done(RING_CLOSE, conn);
    CHECK_EQ(done.result, 0);
    CHECK(!done.more);
}

/* Two connected sockets: fds[0] for the ring, fds[1] for the test, which must never wait there. */
static inline void make_pair(int fds[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
}

/* A listener on a loopback port of its own; *address_out is where. */
static inline int make_listener(struct sockaddr_in *address_out, int backlog)
{
    socklen_t size = sizeof(*address_out);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address_out =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    CHECK_EQ(bind(fd, (struct sockaddr *)address_out, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)address_out, &size), 0);
    CHECK_EQ(listen(fd, backlog), 0);
    return fd;
}

/* Read exactly that much from the test's end of a connection. */
static inline void read_fully(int fd, char *bytes, size_t size)
{
    while (size > 0) {
        struct pollfd readable = { .fd = fd, .events = POLLIN };
        if (poll(&readable, 1, (int)(PATIENCE_NS / NS_PER_MS)) != 1) {
            CHECK_FAIL("%zu bytes have not come", size);
            return;
        }
        ssize_t count = read(fd, bytes, size);
        if (count <= 0) {
            CHECK_FAIL("%zu bytes will not come", size);
            return;
        }
        bytes += count;
        size -= (size_t)count;
    }
}

static inline void write_fully(int fd, const char *bytes, size_t size)
{
    CHECK_EQ(write(fd, bytes, size), size);
}

/* True if the peer has closed, and all it sent was read. */
static inline bool at_end(int fd)
{
    struct pollfd readable = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&readable, 1, (int)(PATIENCE_NS / NS_PER_MS)) == 1 &&
           recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Byte number n of a stream in which a lost, repeated or moved byte is seen. */
static inline char stream_byte(uint64_t n)
{
    return (char)((n * UINT64_C(2654435761)) >> 16);
}

static inline void stream_fill(char *bytes, size_t size, uint64_t from)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = stream_byte(from + i);
    }
}

static inline void stream_check(const char *bytes, size_t size, uint64_t from)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != stream_byte(from + i)) {
            CHECK_FAIL("byte %llu is wrong", (unsigned long long)(from + i));
            return;
        }
    }
}

/* Write into the ring's end until nothing more fits. Returns how much it was. */
static inline uint64_t fill_socket(int fd)
{
    static char bytes[4096];
    uint64_t sum = 0;
    ssize_t count;

    stream_fill(bytes, sizeof(bytes), 0);
    while ((count = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        sum += (uint64_t)count;
    }
    while (send(fd, bytes, 1, MSG_DONTWAIT) > 0) {
        sum++;
    }
    return sum;
}

#endif
