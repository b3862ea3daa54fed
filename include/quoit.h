/*
 * quoit: throw HTTP requests, get every answer.
 *
 * An engine sends large numbers of HTTP/1.1 requests through one io_uring, or through epoll where
 * that is refused, and hands back each answer. It belongs to the thread that made it and starts no
 * event loop: the caller turns it.
 *
 *     struct quoit_engine *engine;
 *     struct quoit_request request = { .url = "http://127.0.0.1:8000/v1/models" };
 *     struct quoit_event event;
 *     uint64_t id;
 *
 *     if (quoit_create(NULL, &engine) == QUOIT_OK &&
 *         quoit_submit(engine, &request, &id) == QUOIT_OK) {
 *         while (quoit_next(engine, &event, 1) == 0) {
 *             quoit_turn(engine, QUOIT_NEVER);
 *         }
 *         printf("%u\n", event.result->status);
 *     }
 *     quoit_destroy(engine);
 *
 * Four verbs: submit queues a request, turn works, next hands out events, cancel gives up. The
 * library never calls the caller: there is no callback, so no call of this header can be entered
 * again from within another.
 *
 * Zero is the default of every field of every struct, never "off": { .url = u } is a whole
 * request. "No limit" is QUOIT_NEVER for a length of time, "none" is QUOIT_NONE for a count.
 * Structs are passed by pointer and end in `reserved`, which must be zero: fields that come later
 * are cut from it, so old binaries go on working.
 *
 * Each function says what it Copies, what it Borrows (and until when), when it Blocks, and its
 * errors with their causes; after an error nothing has changed and no *_out was written. Times are
 * nanoseconds: `*_ns` fields that are instants are of CLOCK_MONOTONIC, as quoit_now_ns gives them.
 *
 * Every engine call but quoit_wake belongs to the thread that called quoit_create. In another
 * thread it returns QUOIT_E_THREAD (or 0), in a forked child QUOIT_E_FORKED (or 0), and does
 * nothing. Other threads hand their requests to it by quoit_mailbox.h.
 *
 * C11 and C++17.
 */
#ifndef QUOIT_H
#define QUOIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QUOIT_VERSION_MAJOR 0
#define QUOIT_VERSION_MINOR 1
#define QUOIT_VERSION_PATCH 0

#define QUOIT_API __attribute__((visibility("default")))
#define QUOIT_MUST __attribute__((warn_unused_result))

#define QUOIT_NEVER UINT64_MAX /* a length of time or a size: no limit */
#define QUOIT_NONE UINT32_MAX  /* a count: none at all, since 0 is the default */

/*
 * Every way in which a call or a request can fail.
 *
 * X(number, name, transient, code, message). The numbers are ABI: append, never renumber, never
 * reuse. `transient` says that the same request may well succeed if it is sent again; whether it
 * may be sent twice is the request's `replay`. `code` is what batch files say (quoit_error_code).
 */
#define QUOIT_ERROR_MAP(X)                                                                         \
    /* of calls */                                                                                 \
    X(1, NO_MEMORY, true, "resource", "out of memory")                                             \
    X(2, NO_SLOT, false, "resource", "every request slot is taken")                                \
    X(3, ARGUMENT, false, "invalid_request", "an argument is out of range")                        \
    X(4, URL, false, "invalid_request", "not an absolute http or https URL")                       \
    X(5, HEADER, false, "invalid_request", "a header or the method may not be sent")               \
    X(6, TLS_FILE, false, "tls_error", "a certificate or key file cannot be used")                 \
    X(7, NO_URING, false, "resource",                                                              \
      "io_uring is refused: kernel older than 6.1, a container's seccomp filter, or sysctl "       \
      "kernel.io_uring_disabled")                                                                  \
    X(8, LOCKED_MEMORY, false, "resource",                                                         \
      "no locked memory left for io_uring: raise RLIMIT_MEMLOCK (ulimit -l)")                      \
    X(9, THREAD, false, "resource", "called from a thread that did not create the engine")         \
    X(10, FORKED, false, "resource", "called in a forked child of the engine's process")           \
    X(11, STALE, false, "resource", "no request of that id is there any more")                     \
    X(12, FINAL, false, "resource", "the request has no attempt left")                             \
    /* of results */                                                                               \
    X(20, DNS, true, "dns_error", "the host name was not found")                                   \
    X(21, CONNECT, true, "connect_error", "no connection to the server")                           \
    X(22, RESET, true, "connection_reset", "the server closed the connection")                     \
    X(23, TLS, false, "tls_error", "the TLS connection failed")                                    \
    X(24, PROTOCOL, false, "protocol_error", "the answer is not valid HTTP/1.1")                   \
    X(25, INCOMPLETE, true, "incomplete_response", "the answer ended too early")                   \
    X(26, TOO_LARGE, false, "too_large", "the answer is larger than the limit")                    \
    X(27, TIMEOUT_CONNECT, true, "timeout_connect", "no connection in time")                       \
    X(28, TIMEOUT_TLS, true, "timeout_tls", "no TLS handshake in time")                            \
    X(29, TIMEOUT_WRITE, true, "timeout_write", "the server did not take the request in time")     \
    X(30, TIMEOUT_FIRST_BYTE, true, "timeout_first_byte", "no answer began in time")               \
    X(31, TIMEOUT_IDLE, true, "timeout_idle", "the answer stood still for too long")               \
    X(32, TIMEOUT_TOTAL, true, "timeout_total", "the attempt took too long")                       \
    X(33, TIMEOUT_DEADLINE, false, "timeout_deadline", "the request's deadline passed")            \
    X(34, CANCELLED, false, "cancelled", "cancelled by the caller")                                \
    X(35, NO_DESCRIPTOR, true, "resource", "no file descriptor or port is left")                   \
    X(36, PROXY, false, "proxy_refused", "the proxy opens no way to the server")                   \
    X(37, NO_THREAD, true, "resource",                                                             \
      "no thread for a name look-up: raise RLIMIT_NPROC (ulimit -u) or the container's pids "      \
      "limit")                                                                                     \
    /* of what an answer says, by those who read it */                                             \
    X(38, STREAM, false, "stream_error", "the events hold no answer")

enum quoit_error {
    QUOIT_OK = 0,
#define QUOIT_X(number, name, transient, code, message) QUOIT_E_##name = number,
    QUOIT_ERROR_MAP(QUOIT_X)
#undef QUOIT_X
};

struct quoit_engine; /* opaque; belongs to the thread that made it */
struct quoit_tls;    /* opaque, counted: one TLS identity; any thread, any number of engines */
struct quoit_limit;  /* opaque: rate limits shared by all requests that name it; one engine's */
struct quoit_batch;  /* opaque: an array of requests under way; one engine's */

/* Some bytes, not terminated. What the library hands out never has NULL for bytes. */
struct quoit_span {
    const char *bytes;
    size_t size;
};

struct quoit_header {
    const char *name, *value; /* NUL-terminated */
};

/*
 * How long each part of a request may take. 0 in a request: the engine's; 0 in the engine's
 * options: the default named here; QUOIT_NEVER: no limit. Each has an error of its own.
 */
struct quoit_timeouts {
    uint64_t connect_ns;    /* name look-up, all addresses tried, a proxy's tunnel: 5 s */
    uint64_t tls_ns;        /* TLS handshake: 10 s */
    uint64_t write_ns;      /* without the server taking a byte of the request: 60 s */
    uint64_t first_byte_ns; /* all sent until the final answer begins: no limit */
    uint64_t idle_ns;       /* between two bytes of an answer: 5 min */
    uint64_t attempt_ns;    /* one attempt, from its slot to its last byte: 1 h */
    uint64_t deadline_ns;   /* all attempts, queue and waits included; final: no limit */
};

struct quoit_tls_options {
    const char *ca_file, *ca_path;    /* PEM; in place of the system's trust, not beside it */
    const char *cert_file, *key_file; /* PEM, the client's own; both or neither */
    const char *server_name;          /* SNI, and the name that must match; NULL: the URL's host */
    bool insecure;                    /* do not verify the server at all */
    bool x509_strict;                 /* OpenSSL's X509_V_FLAG_X509_STRICT */
    uint64_t reserved[4];
};

/*
 * By which calls an engine reaches the network. Both keep all that is said here. A lack of memory
 * or descriptors is an error on both, and never a reason for AUTO to take epoll.
 */
enum quoit_io {
    QUOIT_IO_AUTO,  /* io_uring; epoll where the kernel refuses io_uring or is too old for it */
    QUOIT_IO_URING, /* io_uring, or QUOIT_E_NO_URING */
    QUOIT_IO_EPOLL, /* epoll: any kernel */
};

struct quoit_options {
    uint32_t requests_max;             /* submitted and not yet released: 4096 */
    uint32_t in_flight_max;            /* requests that hold a connection: 64 */
    uint32_t in_flight_per_origin_max; /* the same, to one origin: in_flight_max */
    uint32_t headers_max;              /* of an answer: 256 */
    uint32_t head_size_max;            /* bytes of status lines, headers, trailers: 64 KiB */
    uint32_t retry_budget_percent;     /* retries per first sends of the last 10 s: 20; 10 more */
    uint64_t body_size_max;            /* bytes of an answer's body: 64 MiB */
    uint64_t stream_buffer_max;        /* bytes that a stream holds for you: 256 KiB; soft */
    uint64_t sse_line_max;             /* bytes: 1 MiB */
    uint64_t sse_event_max;            /* bytes: 8 MiB */
    uint64_t pool_idle_ns;             /* a connection may wait for its next request: 60 s */
    uint64_t spin_max_ns;              /* busy wait when little is in flight: 50 us */
    uint64_t outage_wait_ns;           /* requests wait for an origin that is down: 0, fail */
    struct quoit_timeouts timeouts;    /* of requests that set none */
    struct quoit_tls *tls;             /* of requests without one; NULL: system trust, verified */
    enum quoit_io io;                  /* what the engine runs on */
    bool no_outages;                   /* an origin is never down: whatever fails, the next */
                                       /* request is sent there (load tests) */
    uint64_t reserved[7];
};

enum quoit_stream {
    QUOIT_WHOLE,   /* one event, END, with the whole body */
    QUOIT_PIECES,  /* HEAD, PIECE as the bytes come, END; holds for 2xx, else as QUOIT_WHOLE */
    QUOIT_SSE,     /* HEAD, MESSAGE for each server-sent event, END; holds for a 2xx whose */
                   /* Content-Type is not JSON, else as QUOIT_WHOLE */
    QUOIT_DISCARD, /* END, with an empty body: its bytes are counted, judged against */
                   /* body_size_max, and not kept; holds for 2xx, else as QUOIT_WHOLE */
};

/* May a request be sent again although the server may have acted on it? */
enum quoit_replay {
    QUOIT_REPLAY_METHOD, /* GET HEAD PUT DELETE OPTIONS TRACE may (RFC 9110 9.2.2) */
    QUOIT_REPLAY_YES,    /* also a POST */
    QUOIT_REPLAY_NO,
};

/*
 * One request.
 *
 * With a proxy_url, http://[USER[:PASSWORD]@]HOST[:PORT] (port 80 if it names none), connections
 * are opened to that proxy, and only its name is looked up. An https URL is reached through a
 * tunnel (CONNECT), within connect_ns; for an http one the proxy itself is sent the request. USER
 * and PASSWORD are percent-decoded, sent to the proxy as Proxy-Authorization: Basic, and shown
 * nowhere. Connections and resumed TLS sessions are shared only by requests to the same server with
 * the same proxy_url, to the letter.
 */
struct quoit_request {
    const char *method;                 /* NULL: GET, or POST with a body */
    const char *url;                    /* absolute, http:// or https://; required */
    const char *unix_path;              /* connect to this socket, whatever the host */
    const char *proxy_url;              /* NULL: none; not beside unix_path */
    struct quoit_tls *tls;              /* NULL: the engine's; counted until END */
    const struct quoit_header *headers; /* Host, Content-Length, Transfer-Encoding, Connection, */
                                        /* Proxy-Authorization are the library's: E_HEADER */
    struct quoit_span body;             /* sent as it is; size 0: none */
    void *context;                      /* yours; back in each event */
    uint64_t start_ns;                  /* an instant before which it is not sent; 0: now */
    uint64_t body_size_max;             /* of the answer; 0: the engine's */
    struct quoit_timeouts timeouts;
    struct quoit_limit *limit; /* NULL: none */
    uint32_t headers_count;
    uint32_t retries;      /* at most; 0: 2; QUOIT_NONE: none */
    uint32_t limit_tokens; /* what it will take of limit's tokens: an estimate */
    enum quoit_stream stream;
    enum quoit_replay replay;
    bool judge;               /* what an answer says makes no retry by itself: */
                              /* you decide at END, with quoit_again */
    uint64_t stream_size_max; /* in place of body_size_max once a stream has begun: of all its */
                              /* bytes, also those that were handed out; 0: body_size_max */
    uint64_t reserved[7];
};

/*
 * When things happened; 0: they did not. Of the last attempt, but submitted and granted are the
 * first's. sent and first_byte are read beside the kernel entry that sent or brought the byte.
 */
struct quoit_times {
    uint64_t submitted_ns, granted_ns; /* queued; given a connection or the right to open one */
    uint64_t resolved_ns, connected_ns, secured_ns;
    uint64_t sent_ns;       /* just before the kernel entry that hands over the first byte */
    uint64_t written_ns;    /* its last byte was handed over */
    uint64_t first_byte_ns; /* of the final answer's head */
    uint64_t end_ns;
};

/* How a request ended. QUOIT_OK and any status is an answer; an error may have part of one. */
struct quoit_result {
    enum quoit_error error;
    int os_error;       /* errno, or 0 */
    const char *detail; /* a line for people, never NULL; holds no secret */
    uint32_t status;    /* 0: no answer */
    uint32_t attempts;  /* all that were sent, free resends too */
    uint32_t retries;   /* those of the retry policy: at most the request's */
    uint32_t headers_count;
    const struct quoit_header *headers; /* of the final answer, without trailers */
    struct quoit_span body;             /* as sent by the server; empty for a stream, and if */
                                        /* discarded */
    struct quoit_times times;
    uint64_t bytes_out, bytes_in; /* of the last attempt: HTTP, not TLS */
    bool reused;                  /* the last attempt had a kept connection */
    bool maybe_billed;            /* in some attempt it was sent in full, the answer lost */
    bool outage;                  /* its origin was down, and stayed so for too long */
};

enum quoit_event_kind { QUOIT_HEAD, QUOIT_PIECE, QUOIT_MESSAGE, QUOIT_END };

/*
 * What quoit_next hands out: [HEAD (PIECE* | MESSAGE*)] END for each request. It and all that it
 * points to are good until the next quoit_turn (END's result: or until quoit_release, after
 * quoit_keep).
 */
struct quoit_event {
    enum quoit_event_kind kind;
    uint64_t id;
    uint64_t at_ns;                    /* right after the kernel entry that brought the bytes */
    void *context;                     /* the request's */
    struct quoit_span bytes;           /* PIECE: of the body, joined if you are slow; */
                                       /* MESSAGE: its data */
    struct quoit_span name;            /* MESSAGE: its `event` field; empty if it has none */
    const struct quoit_result *result; /* HEAD: status, headers, times; END: all; else NULL */
};

/* Counts. The first four are now, the others since quoit_create. */
struct quoit_stats {
    uint64_t queued, waiting, in_flight, done;
    uint64_t submitted, succeeded, failed, cancelled; /* succeeded: an answer of any status */
    uint64_t retries, resent;     /* by the policy; by itself, after a dead kept connection */
    uint64_t opened, reused;      /* connections opened; exchanges on a kept one */
    uint64_t sqes, cqes, entries; /* io_uring: of its queues, and io_uring_enter; epoll: */
                                  /* operations started, their completions, epoll_wait */
    uint64_t spin_ns;             /* spent in busy waits */
    uint64_t no_buffers;          /* receives that found no buffer */
    uint64_t cq_overflows;
    uint64_t bytes_in, bytes_out; /* HTTP, of ended attempts */
    uint64_t paced;               /* waits that a server asked for: 429, 503 with Retry-After */
    uint64_t outages;             /* times that an origin was found to be down */
    enum quoit_io io;             /* what the engine runs on: URING or EPOLL */
    int io_refusal;               /* AUTO took EPOLL: the errno that io_uring gave; else 0 */
    uint64_t posted, post_wakes;  /* requests of other threads; times that those woke the engine */
    uint64_t reserved[7];
};

/*
 * Make an engine.
 *
 *   Copies   options and what its strings point to; counts options->tls. NULL: all defaults.
 *   Blocks   briefly: it makes the ring and all its fixed memory.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_NO_MEMORY      the tables could not be allocated.
 *   QUOIT_E_NO_DESCRIPTOR  RLIMIT_NOFILE leaves none for the ring.
 *   QUOIT_E_ARGUMENT       a field is out of range (in_flight_max above 1,000,000, ...).
 *   QUOIT_E_NO_URING       the kernel refuses io_uring or is too old (floor: 6.1), and options->io
 *                          is QUOIT_IO_URING.
 *   QUOIT_E_LOCKED_MEMORY  RLIMIT_MEMLOCK is too small for even the smallest ring.
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_create(const struct quoit_options *options,
                                                   struct quoit_engine **engine_out);

/*
 * Cancel what is in flight, wait until the kernel holds nothing of it, drop results that were not
 * taken, and free the engine. Its limits, batches and mailbox must be destroyed first. NULL is
 * allowed.
 *
 *   Blocks   for milliseconds while connections close.
 */
QUOIT_API void quoit_destroy(struct quoit_engine *engine);

/*
 * Make a TLS identity: whom to trust, who to be, what to check. Connections and resumed sessions
 * are shared only by requests of the same identity. TLS 1.2 and up.
 *
 *   Copies   options. NULL: system trust, verified.
 *   Blocks   while files are read.
 *   Threads  any; the identity may be used by engines of several threads.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_TLS_FILE   a file is missing, unreadable, not PEM, encrypted, or the key does not fit.
 *   QUOIT_E_ARGUMENT   a certificate without a key, or the reverse; a server_name that is empty,
 *                      longer than 255 bytes, or begins with a dot; reserved is not zero.
 *   QUOIT_E_NO_MEMORY
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_tls_create(const struct quoit_tls_options *options,
                                                       struct quoit_tls **tls_out);

/* Give up the caller's hold; freed when its last request and engine are done. NULL is allowed. */
QUOIT_API void quoit_tls_destroy(struct quoit_tls *tls);

/*
 * Queue one request.
 *
 *   Copies   request, its strings and headers; counts request->tls.
 *   Borrows  request->body.bytes, until its END has been handed out by quoit_next (after
 *            quoit_again: until the next END).
 *   Blocks   never; makes no system call. The request starts at the next quoit_turn, so before
 *            you sleep in a loop of your own, call quoit_turn(engine, 0).
 *   Costs    one encoding of the head; allocates nothing once the engine is warm.
 *
 * Stores the request's id: never 0, and not seen again until four billion more requests have gone
 * through the same slot.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_NO_SLOT    requests_max requests wait for you: turn, and take results first.
 *   QUOIT_E_URL        request->url is not an absolute http or https URL, or holds a user name.
 *   QUOIT_E_HEADER     the method or a header name is no token (RFC 9110 5.6.2), a value holds CR,
 *                      LF, NUL or another control character, or the header is the library's.
 *   QUOIT_E_ARGUMENT   an enum out of range; a body or headers at NULL that are not of size 0; a
 *                      unix_path too long, or beside a proxy_url; a proxy_url that is not as above,
 *                      has more than 512 bytes of USER:PASSWORD, or control characters in them.
 *   QUOIT_E_NO_MEMORY
 *   QUOIT_E_THREAD, QUOIT_E_FORKED
 */
QUOIT_API QUOIT_MUST enum quoit_error
quoit_submit(struct quoit_engine *engine, const struct quoit_request *request, uint64_t *id_out);

/*
 * Hand over what was submitted, and work until an event is ready, quoit_wake is called, a signal
 * arrives, or wait_ns has passed. What earlier events pointed to ends here.
 *
 *   Blocks   up to wait_ns; 0 never blocks nor spins; QUOIT_NEVER: until something happens.
 *
 * Returns how many requests have events to hand out; 0 is normal.
 */
QUOIT_API uint32_t quoit_turn(struct quoit_engine *engine, uint64_t wait_ns);

/*
 * Take up to events_max events, those of the request that has waited longest first.
 *
 *   Blocks   never.
 *
 * Returns how many were stored. A request's slot is given back by the quoit_turn that follows its
 * END, unless quoit_keep or quoit_again was called.
 */
QUOIT_API uint32_t quoit_next(struct quoit_engine *engine, struct quoit_event *events,
                              uint32_t events_max);

/*
 * Give up a request in whatever state it is. END still comes, with QUOIT_E_CANCELLED or with the
 * answer that was there first; when it comes, the kernel holds nothing of the request.
 *
 * Returns QUOIT_OK, or QUOIT_E_STALE: its END was handed out already, or it never was.
 */
QUOIT_API enum quoit_error quoit_cancel(struct quoit_engine *engine, uint64_t id);

/* quoit_cancel for every request whose END has not been handed out. */
QUOIT_API void quoit_cancel_all(struct quoit_engine *engine);

/* quoit_cancel for every request that is not in flight: it was not sent, or awaits a retry. */
QUOIT_API void quoit_cancel_waiting(struct quoit_engine *engine);

/*
 * After END and before the next quoit_turn: send the request once more, with the same id and in the
 * same slot. Its body is borrowed again, and what END pointed to stays good until the next
 * quoit_turn or quoit_cancel. A 429, or a 503 that names a wait, spends no retry.
 *
 *   why      why the answer is none: an error, or QUOIT_OK for "its status".
 *   wait_ns  0: what the retry policy and the answer's Retry-After say.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_FINAL  no retry is left, its deadline would pass, the wait that the server asks for is
 *                  above 120 s, or it was cancelled.
 *   QUOIT_E_STALE  its END is not in your hands.
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_again(struct quoit_engine *engine, uint64_t id,
                                                  enum quoit_error why, uint64_t wait_ns);

/*
 * Hold one stream back, or let it go on: while it is paused nothing more is received, and TCP slows
 * the server. Its idle timeout stands still, its other timeouts do not.
 *
 * Returns QUOIT_OK, or QUOIT_E_STALE: no stream of that id is under way.
 */
QUOIT_API enum quoit_error quoit_pause(struct quoit_engine *engine, uint64_t id, bool paused);

/*
 * After END and before the next quoit_turn: keep END's result and its slot until quoit_release.
 *
 * Returns QUOIT_OK, or QUOIT_E_STALE: its END is not in your hands.
 */
QUOIT_API enum quoit_error quoit_keep(struct quoit_engine *engine, uint64_t id);

/* Give back what quoit_keep kept. Returns QUOIT_OK, or QUOIT_E_STALE: nothing is kept under id. */
QUOIT_API enum quoit_error quoit_release(struct quoit_engine *engine, uint64_t id);

/*
 * End a quoit_turn that waits, or the next one. Any thread, any signal handler; not once
 * quoit_destroy has begun.
 */
QUOIT_API void quoit_wake(struct quoit_engine *engine);

/*
 * One fd for an event loop of your own (epoll, poll, asyncio, libuv, GLib ...). Watch it for
 * reading, level-triggered; when it is readable, call quoit_turn(engine, 0), and quoit_next until
 * that gives 0. It covers all: answers, deadlines, retries, rate limits, names, quoit_wake. There
 * is nothing else to watch and no timer to keep.
 *
 * It tells of what comes while you are away. So before you go back to your loop: quoit_turn(engine,
 * 0) after a quoit_submit, quoit_cancel, quoit_again or quoit_pause, and quoit_next until it gives
 * 0. Neither reading from it nor closing it is yours. It is the same at each call, and goes with
 * quoit_destroy.
 *
 * From the first call on each quoit_turn ends with whatever the fd needs: one system call more, and
 * with wait_ns 0 as many rounds as there is something to do, at most 16. You may still wait in
 * quoit_turn, also inside the loop.
 *
 *   Blocks   never.
 *
 * Returns -1 in another thread or a forked child, or if there is no descriptor or memory for it.
 */
QUOIT_API int quoit_fd(struct quoit_engine *engine);

/*
 * Make a rate limit: two buckets, of requests and of tokens. A request that names it enters when
 * one request and its limit_tokens are there; those to one server enter in order.
 *
 *   requests_per_minute, tokens_per_minute   the rule for that bucket, which starts full and
 *                                            refills evenly; 0: it is learned.
 *
 * A bucket that is learned limits nothing until answers tell what the server allows, in the headers
 * x-ratelimit-*, anthropic-ratelimit-* or ratelimit-*; then requests enter as fast as it does, and
 * 429s become rare. Where the headers are not there nothing is learned, and only a 429 slows down.
 * So name one limit for what the server counts together: mostly a key and a model.
 *
 * A request that is answered with 429 gives its tokens back by itself, and so does an attempt that
 * is made again and cannot have been billed: it was not sent, or answered with an error.
 *
 * Returns QUOIT_OK, or QUOIT_E_NO_MEMORY.
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_limit_create(struct quoit_engine *engine,
                                                         uint64_t requests_per_minute,
                                                         uint64_t tokens_per_minute,
                                                         struct quoit_limit **limit_out);

/* Give up a limit; requests that name it must have ended. NULL is allowed. */
QUOIT_API void quoit_limit_destroy(struct quoit_limit *limit);

/*
 * Replace the estimate of a request whose END is in your hands by what it really took. A later
 * attempt (quoit_again) takes the estimate anew.
 */
QUOIT_API void quoit_limit_settle(struct quoit_limit *limit, uint64_t id, uint64_t tokens);

/*
 * Send an array of requests: quoit_batch_wait gives all (gather), quoit_batch_next gives each as it
 * ends. Requests are submitted as slots come free. Events of requests outside the batch wait in the
 * engine meanwhile.
 *
 *   Borrows  requests, what they point to, and their bodies, until quoit_batch_destroy. Each is
 *            sent as QUOIT_WHOLE and without judge, whatever it says.
 *
 * Each call of a batch that waits counts as a quoit_turn: it ends what earlier events pointed to. A
 * request ends with QUOIT_E_NO_SLOT if all slots hold results that only you can take or release.
 *
 * Returns QUOIT_OK, or QUOIT_E_NO_MEMORY, QUOIT_E_THREAD, QUOIT_E_FORKED. A request that cannot be
 * submitted ends with that error as its result.
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_batch_create(struct quoit_engine *engine,
                                                         const struct quoit_request *requests,
                                                         size_t count,
                                                         struct quoit_batch **batch_out);

/* Blocks until all are done. */
QUOIT_API void quoit_batch_wait(struct quoit_batch *batch);

/*
 * The index of one more request that has ended, in the order in which they end. Blocks up to
 * wait_ns, also over signals and quoit_wake. SIZE_MAX: none in that time, or all have been given.
 */
QUOIT_API size_t quoit_batch_next(struct quoit_batch *batch, uint64_t wait_ns);

/* The result of request `index`, good until quoit_batch_destroy. NULL: it has not ended. */
QUOIT_API const struct quoit_result *quoit_batch_result(const struct quoit_batch *batch,
                                                        size_t index);

/* Cancel what is left, wait until the kernel holds nothing of it, free. NULL is allowed. */
QUOIT_API void quoit_batch_destroy(struct quoit_batch *batch);

/*
 * Counts as of now. Never blocks. In another thread, or a forked child, *stats_out is left alone.
 */
QUOIT_API void quoit_stats_read(const struct quoit_engine *engine, struct quoit_stats *stats_out);

/* The first header of that name, in any case; NULL if there is none. Good as long as result. */
QUOIT_API const char *quoit_result_header(const struct quoit_result *result, const char *name);

/* Static strings. For an unknown number: "unknown". */
QUOIT_API const char *quoit_error_name(enum quoit_error error);    /* "QUOIT_E_RESET" */
QUOIT_API const char *quoit_error_code(enum quoit_error error);    /* "connection_reset" */
QUOIT_API const char *quoit_error_message(enum quoit_error error); /* lower case, no full stop */
QUOIT_API bool quoit_error_is_transient(enum quoit_error error);

/* "0.1.0" */
QUOIT_API const char *quoit_version(void);

/* One line: versions of liburing, OpenSSL and llhttp, and how it was built. Static. */
QUOIT_API const char *quoit_build_info(void);

/* CLOCK_MONOTONIC, in nanoseconds. */
QUOIT_API uint64_t quoit_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif
