/*
 * resolve: host names into addresses, each look-up in a thread of its own, so that a slow name
 * delays no other (getaddrinfo blocks, and a wait in it cannot be ended).
 *
 * Happy path: resolve_parse for a literal address; else resolve_start, and once the wake descriptor
 * has been written, resolve_next until it gives false. At most RESOLVE_THREADS_MAX look-ups run;
 * more wait in order. Addresses come in the order of RFC 6724 with the families alternating (RFC
 * 8305 4).
 *
 * It fails by an answer without addresses and a reason. A look-up that hangs is left behind by
 * resolve_destroy, which does not wait: what its thread needs is counted.
 */
#ifndef QUOIT_ENGINE_RESOLVE_H
#define QUOIT_ENGINE_RESOLVE_H

#include "quoit.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define RESOLVE_ADDRESSES_MAX 16
#define RESOLVE_THREADS_MAX 8

struct resolve_address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } as;
};

struct resolve_answer {
    void *context;          /* of resolve_start */
    uint32_t count;         /* 0: it failed */
    enum quoit_error error; /* of a failure: DNS, or what there was none of */
    const char *reason;     /* static: why it failed */
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
};

struct resolver;

/*
 * wake_fd, a socket or the like, gets a byte when an answer is there; duplicated. NULL with
 * *error_out: NO_MEMORY, NO_DESCRIPTOR.
 */
struct resolver *resolve_create(int wake_fd, enum quoit_error *error_out);
void resolve_destroy(struct resolver *resolver); /* NULL is allowed; never waits */

/* A literal IPv4 or IPv6 address, or a socket path. False: it is none, or is too long. */
bool resolve_parse(const char *host, uint16_t port, struct resolve_address *address_out);
bool resolve_path(const char *path, struct resolve_address *address_out);

/* Copies host. QUOIT_OK, NO_MEMORY, or NO_THREAD. */
QUOIT_MUST enum quoit_error resolve_start(struct resolver *resolver, const char *host,
                                          uint16_t port, void *context);

/* One answer that has come. False: none now. */
bool resolve_next(struct resolver *resolver, struct resolve_answer *answer_out);

#endif
