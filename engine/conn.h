/*
 * conn: one connection to one server, carrying one request at a time.
 *
 *                        .--> TUNNELLING --.
 *                        |        |        v
 *     FREE --open--> CONNECTING --|--> SECURING --> IDLE --send--> BUSY --> IDLE ...
 *      ^                 |  `-----|--------|-------->^ |             |
 *      +---- CLOSING <---+--------+--------+-----------+-------------+
 *
 * Happy path: open, connect, ask for a tunnel where a proxy stands before a server with TLS, shake
 * hands where there is TLS, go IDLE; send a request, receive its answer, go IDLE again. A standing
 * receive listens from the opening to the end, so that the next entry into the kernel tells of a
 * server that has closed, or spoken unasked; until then nobody knows (DESIGN.md 3.1). The only
 * place where bytes, TLS and the kernel meet.
 *
 * It can fail anywhere: refused, reset, late, not HTTP, cancelled. All of them go one way, through
 * CLOSING, which takes back every operation from the kernel before it closes the socket. So when
 * the engine reads CONN_CLOSED, nothing points into the request any more, and its memory may go
 * back to the caller. An answer that is complete on a connection that cannot be used again is a
 * success that closes: CONN_CLOSED with QUOIT_OK.
 *
 * Time: `deadline_ns` is the earliest instant at which the current state has failed, and
 * `deadline_error` what it is called then. The kernel's timer, linked to the receive, is armed at
 * `armed_ns`, never later than the deadline; a deadline that moves later costs nothing, since a
 * timer that fires early is armed again (DESIGN.md 3.4).
 */
#ifndef QUOIT_ENGINE_CONN_H
#define QUOIT_ENGINE_CONN_H

#include "base/buffer.h"
#include "base/list.h"
#include "engine/ring.h"
#include "http/response.h"
#include "http/tunnel.h"
#include "quoit.h"
#include "tls/session.h"

#define CONN_NONE UINT32_MAX
#define CONN_DETAIL_SIZE 160

struct sockaddr;
struct origin;

enum conn_state {
    CONN_FREE,       /* no socket */
    CONN_CONNECTING, /* connect in flight, and nothing else */
    CONN_TUNNELLING, /* CONNECT to a proxy, and its answer */
    CONN_SECURING,   /* TLS handshake */
    CONN_IDLE,       /* open, no request; the standing receive listens for the end */
    CONN_BUSY,       /* a request: sending, receiving, or both at once */
    CONN_CLOSING,    /* no new work; waits for the kernel, then for the close */
    CONN_STATES,
};

/* What the engine has to do after a completion. */
enum conn_verdict {
    CONN_WORKING,  /* nothing; more completions will come */
    CONN_OPENED,   /* IDLE for the first time: give it a request */
    CONN_PROGRESS, /* more of the answer's head or body is in the exchange's buffers */
    CONN_ANSWERED, /* IDLE again: the answer is complete; take it, then give the next */
    CONN_CLOSED,   /* FREE: conn->error says why; QUOIT_OK: the answer is complete */
};

/* What all connections of an engine share; owned by the engine. */
struct conn_shared {
    struct ring *ring;
    uint64_t now_ns;     /* the clock after the last kernel entry; at a submit, of the submit */
    uint64_t arm_max_ns; /* timers are armed no further away than this */
    uint64_t heard_ns; /* all that had come by then was handed out; 0: one may not be listened to */
    char *plain;       /* scratch for decrypted bytes: CONN_PLAIN_SIZE */
    struct list hungry[RING_GROUPS]; /* connections whose receive has to be armed, by the group */
                                     /* that had no buffer, by conn.hungry_link */
};

#define CONN_PLAIN_SIZE (16 * 1024)

/* One request on its way. Spans and buffers are borrowed until ANSWERED or CLOSED. */
struct conn_exchange {
    struct quoit_span head, body;
    struct response_options answer;
    uint64_t write_ns, first_byte_ns, idle_ns; /* lengths */
    uint64_t attempt_ns, deadline_ns;          /* instants */
    bool bulk; /* nobody waits for parts of its answer, or may hold them back */
};

struct conn {
    enum conn_state state;
    uint32_t index;     /* in the engine's table; the tag's name for it */
    int fd;             /* -1 in FREE */
    unsigned in_flight; /* BIT(verb) of what the kernel holds and will complete */
    bool quiet;         /* a quiet send was started in round quiet_round, and not refuted */
    uint64_t quiet_round;
    struct conn_shared *shared; /* borrowed: the engine's, for ever */

    /* Why it is closing or closed. */
    enum quoit_error error;
    int os_error;
    char detail[CONN_DETAIL_SIZE];

    /* Time. */
    uint64_t deadline_ns;
    enum quoit_error deadline_error;
    uint64_t armed_ns;          /* when the receive's own timer fires */
    uint64_t progress_ns;       /* the last byte of the request taken, or of the answer received */
    uint64_t tls_ns;            /* length: the handshake may take that long */
    uint64_t end_ns;            /* latest end of what is under way: opening, or time in the pool */
    enum quoit_error end_error; /* what the opening is called then; QUOIT_OK once it is open */
    bool recv_taken_back;       /* we have cancelled the receive */
    bool paused;                /* no receive until conn_pause(false) */
    enum ring_group group;      /* the buffers that the next receive to be armed is fed from */
    uint32_t misfits;           /* receives in a row that the other group would have suited */
    struct list hungry_link;    /* in shared->hungry: armed when there are buffers */

    struct tunnel *tunnel; /* owned; the proxy's answer, until there is one; NULL: no proxy */

    /* TLS; NULL and empty on a plain connection, but that `out` may hold what a proxy is told. */
    struct tls_session *session;
    struct tls_ticket *ticket; /* owned; what conn_take_ticket gives once session is gone */
    struct buffer out;         /* ciphertext that the kernel may read */
    size_t out_sent;

    /* The request and its answer; meaningful in BUSY and after it, until the next conn_send. */
    struct conn_exchange exchange;
    size_t sent;          /* bytes of head and body handed over (encrypted, if TLS) */
    bool handed_over;     /* the kernel has taken a byte of the request: an answer may come */
    bool sending_stopped; /* the peer takes no more; what it says still counts */
    bool answered;        /* the answer is complete */
    bool reused;          /* this exchange is not the connection's first */
    bool has_parser;      /* response was initialised */
    struct response response;
    uint64_t received;     /* bytes of the answer, plain */
    uint64_t connected_ns; /* to the server; until there is a tunnel: to the proxy */
    uint64_t secured_ns, sent_ns, first_byte_ns, answered_ns;
    uint64_t written_ns; /* 0 also where a quiet send took all of it at once */

    /* The owner's. */
    struct origin *origin; /* whose it is */
    uint32_t slot;         /* the request it works for; CONN_NONE: none */
    uint32_t address;      /* of its origin's, the one it was opened to */
    uint64_t exchanges;    /* requests it has carried */
};

/* A FREE connection in place `index` of a table. */
void conn_init(struct conn *conn, uint32_t index, struct conn_shared *shared);

/* Frees what hangs on it. It must be FREE. */
void conn_free(struct conn *conn);

/* Where and how to connect. Copied, but address: borrowed until the next turn. */
struct conn_target {
    const struct sockaddr *address;
    uint32_t address_size;
    struct quoit_tls *tls;            /* NULL: plain */
    const char *host;                 /* for TLS: SNI and verification */
    struct quoit_span tunnel;         /* what asks the proxy for a way to host; size 0: no proxy */
    struct tls_ticket *ticket;        /* to resume; may be NULL */
    uint64_t connect_ns;              /* instant by which it must be connected, tunnel included */
    uint64_t tls_ns;                  /* length: the handshake may take that long */
    uint64_t attempt_ns, deadline_ns; /* instants: of the request that it is opened for */
};

/*
 * Begin to connect. QUOIT_OK: CONNECTING. Else the connection is still FREE: NO_DESCRIPTOR, CONNECT
 * (the machine does not speak that family; both with os_error), NO_MEMORY.
 */
QUOIT_MUST enum quoit_error conn_open(struct conn *conn, const struct conn_target *target);

/* A line for people about why a connection could not be opened, with the remedy if there is one. */
const char *conn_os_detail(int os_error);

/*
 * Send a request on an IDLE connection. The exchange is copied, what it points to borrowed.
 *
 * All that the ring has handed out must have been acted on, and ring_has_more be false: else bytes
 * that came before could be taken for its answer.
 */
void conn_send(struct conn *conn, const struct conn_exchange *exchange);

/* It waits in the pool from now on, until that instant. It must be IDLE. */
void conn_rest(struct conn *conn, uint64_t until_ns);

/* Take in a completion. The engine gives its buffer back. */
enum conn_verdict conn_on_done(struct conn *conn, const struct ring_done *done);

/*
 * Begin to close, for that reason; CONN_CLOSED follows, always. In CLOSING already: nothing. An
 * answer that is complete stays a success.
 */
void conn_close(struct conn *conn, enum quoit_error error);

/* Hold the receiving back, or go on. BUSY only. */
void conn_pause(struct conn *conn, bool paused);

/* Arm the receive of a connection in shared->hungry, and take it out of there. */
void conn_feed_hungry(struct conn *conn);

/* The newest ticket for resuming that the server gave, or NULL; the caller owns it. */
struct tls_ticket *conn_take_ticket(struct conn *conn);

/* Has the whole request been handed to the kernel? */
bool conn_has_sent_all(const struct conn *conn);

#endif
