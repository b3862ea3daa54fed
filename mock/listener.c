/* listener: see listener.h. */
#include "mock/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENER_BACKLOG 4096
#define LISTENER_FILLERS_MAX 16
#define LISTENER_FULL_MS 100 /* a connection that takes longer found no place */
#define LISTENER_DEAF_BYTES 4096

/* The address of a unix or IP listener. */
struct listener_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t size;
};

static bool listener_fail(struct listener *listener, const char *what)
{
    fprintf(stderr, "quoit-mock: %s: %s\n", what, strerror(errno));
    listener_close(listener);
    return false;
}

/* Only loopback: the mock answers anybody who asks, so nobody else may. */
static bool listener_parse_host(const char *host, uint16_t port, struct listener_address *address)
{
    *address = (struct listener_address){ .size = sizeof(address->v4) };
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->size = sizeof(address->v6);
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr) != 0;
    }
    return false;
}

/* One connection of our own; false when it found no place in the backlog. */
static bool listener_fill_one(struct listener *listener, const struct listener_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return false;
    }
    listener->fillers[listener->fillers_count++] = fd;
    if (connect(fd, &address->any, address->size) == 0) {
        return true;
    }
    struct pollfd connected = { .fd = fd, .events = POLLOUT };
    return errno == EINPROGRESS && poll(&connected, 1, LISTENER_FULL_MS) == 1;
}

/*
 * Fill the backlog. The connection that finds no place stays and goes on trying, so the place of
 * one that were to leave would not be free for long.
 */
static bool listener_fill(struct listener *listener)
{
    struct listener_address address = { .size = sizeof(struct sockaddr_un) };

    if (getsockname(listener->fd, &address.any, &address.size) != 0) {
        return listener_fail(listener, "getsockname");
    }
    listener->fillers = calloc(LISTENER_FILLERS_MAX, sizeof(*listener->fillers));
    if (listener->fillers == NULL) {
        return listener_fail(listener, "--mode no-accept");
    }
    while (listener->fillers_count < LISTENER_FILLERS_MAX) {
        if (!listener_fill_one(listener, &address)) {
            return true;
        }
    }
    errno = EBUSY;
    return listener_fail(listener, "--mode no-accept: the backlog does not fill");
}

static bool listener_open(struct listener *listener, const struct listener_address *address,
                          enum options_mode mode, const char *name)
{
    int one = 1;
    int few = LISTENER_DEAF_BYTES;

    *listener = (struct listener){ .mode = mode };
    listener->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return listener_fail(listener, name);
    }
    if (address->any.sa_family != AF_UNIX) {
        setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* inherited */
    }
    if (mode == MODE_DEAF) {
        setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof(few)); /* inherited */
    }
    if (bind(listener->fd, &address->any, address->size) != 0 ||
        listen(listener->fd, mode == MODE_NO_ACCEPT ? 0 : LISTENER_BACKLOG) != 0) {
        return listener_fail(listener, name);
    }
    return mode != MODE_NO_ACCEPT || listener_fill(listener);
}

bool listener_open_tcp(struct listener *listener, const char *host, uint16_t port,
                       enum options_mode mode)
{
    struct listener_address address;
    char name[80];

    snprintf(name, sizeof(name), "%.60s port %u", host, port);
    if (!listener_parse_host(host, port, &address)) {
        fprintf(stderr, "quoit-mock: --host %s is not a loopback address\n", host);
        listener->fd = -1;
        return false;
    }
    if (!listener_open(listener, &address, mode, name)) {
        return false;
    }
    if (getsockname(listener->fd, &address.any, &address.size) != 0) {
        return listener_fail(listener, name);
    }
    /* The port is at the same place in both kinds of address. */
    listener->port = ntohs(address.v4.sin_port);
    return true;
}

bool listener_open_unix(struct listener *listener, const char *path, enum options_mode mode)
{
    struct listener_address address = { .size = sizeof(address.local) };

    *listener = (struct listener){ .fd = -1 };
    if (strlen(path) >= sizeof(address.local.sun_path)) {
        errno = ENAMETOOLONG;
        return listener_fail(listener, path);
    }
    address.local.sun_family = AF_UNIX;
    strncpy(address.local.sun_path, path, sizeof(address.local.sun_path) - 1);
    unlink(path); /* what a killed mock has left behind */
    return listener_open(listener, &address, mode, path);
}

void listener_close(struct listener *listener)
{
    for (unsigned i = 0; i < listener->fillers_count; i++) {
        close(listener->fillers[i]);
    }
    free(listener->fillers);
    SSL_CTX_free(listener->context);
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    *listener = (struct listener){ .fd = -1 };
}

bool listener_write_port(uint16_t port, const char *file)
{
    char fresh[4096];

    if (snprintf(fresh, sizeof(fresh), "%s.new", file) >= (int)sizeof(fresh)) {
        errno = ENAMETOOLONG;
        fprintf(stderr, "quoit-mock: %s: %s\n", file, strerror(errno));
        return false;
    }
    FILE *stream = fopen(fresh, "w");
    bool good = stream != NULL && fprintf(stream, "%u\n", port) > 0;
    good = (stream != NULL && fclose(stream) == 0) && good && rename(fresh, file) == 0;
    if (!good) {
        fprintf(stderr, "quoit-mock: %s: %s\n", file, strerror(errno));
    }
    return good;
}
