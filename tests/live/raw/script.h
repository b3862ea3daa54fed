/*
 * script: what the raw server does on each of its connections, step by step. This is its language.
 *
 *     connection 1:                # the first that is accepted; also "2-5:" and "6+:"
 *         read-request
 *         send "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
 *         close
 *     connection *:                # all others; without such a part they are held open
 *         loop
 *             read-request
 *             answer
 *         end
 *
 * A step a line; `#` begins a comment. TEXT stands in double quotes and knows \r \n \t \0 \xHH \"
 * and
 * \\; a number before it repeats it: send 1000 "x". When the steps are over, the connection is read
 * until the peer ends it, and what comes then is counted as bytes_after.
 *
 *   read-head              a request's head, and note it; if none comes, the steps are over
 *   read-body              its body, by its Content-Length, and note size and hash
 *   read-request           both
 *   read N                 so many bytes, whatever they are
 *   read-end               whatever comes until the peer's end: bytes_after
 *   await                  until bytes or the peer's end are there, and read nothing
 *   pause                  until the test says POST /go, once for each pause
 *   sleep MS
 *
 *   send [N] TEXT          as `feed` says
 *   send-file PATH
 *   hold [N] TEXT          sent with what the next send or answer sends, in one piece with it
 *   answer [TEXT]          a 200 whose body is TEXT, or the target of the request
 *   feed MODE              how what follows is cut: `whole` (in one write), `bytes` (one by one; of
 *                          more than 4096 the middle is in larger pieces), `cuts SEED` (at random
 *                          places) or `split SIZE` (in two, the first of SIZE). Each piece is
 *                          sent when the peer's program has taken the last one.
 *
 *   notify                 TLS: close_notify and nothing else
 *   fin                    end our side of the TCP stream, without close_notify
 *   half-close             notify, fin
 *   close                  notify, fin, read-end
 *   close-rude             fin, read-end: over TLS an end without close_notify
 *   rst                    end with RST
 *   drop                   close the socket as it is: RST if anything is unread
 *
 * For TLS, which is there from the first step that needs it:
 *   records MODE           as `feed`, but cuts what goes over the wire, not the plain text
 *   no-tls                 first step: this connection speaks none
 *   send-wire [N] TEXT     these bytes, beside TLS
 *   send-cut N TEXT        a record with TEXT, without its last N bytes
 *   hello-request          TLS 1.2: ask for a renegotiation, and go on
 *   renegotiate            the same, and read until it is done, refused, or the peer has gone
 *   key-update [request]   TLS 1.3: a KeyUpdate, which may ask for one in return
 *   ticket                 TLS 1.3: one more NewSessionTicket
 *   alert                  a fatal alert (bad_record_mac), as if the peer had sent rubbish
 *
 *   repeat N ... end       that often; loop ... end: until the peer goes
 */
#ifndef QUOIT_TESTS_RAW_SCRIPT_H
#define QUOIT_TESTS_RAW_SCRIPT_H

#include "tests/live/raw/wire.h"

#include <stddef.h>
#include <stdint.h>

#define SCRIPT_DEPTH_MAX 8 /* repeat and loop inside each other */
#define SCRIPT_FOREVER UINT64_MAX

/* X(verb, name, what stands behind it) */
#define SCRIPT_VERB_MAP(X)                                                                         \
    X(READ_HEAD, "read-head", NOTHING)                                                             \
    X(READ_BODY, "read-body", NOTHING)                                                             \
    X(READ_REQUEST, "read-request", NOTHING)                                                       \
    X(READ, "read", NUMBER)                                                                        \
    X(READ_END, "read-end", NOTHING)                                                               \
    X(AWAIT, "await", NOTHING)                                                                     \
    X(PAUSE, "pause", NOTHING)                                                                     \
    X(SLEEP, "sleep", NUMBER)                                                                      \
    X(SEND, "send", TEXT)                                                                          \
    X(SEND_FILE, "send-file", WORD)                                                                \
    X(HOLD, "hold", TEXT)                                                                          \
    X(ANSWER, "answer", MAYBE_TEXT)                                                                \
    X(FEED, "feed", MODE)                                                                          \
    X(NOTIFY, "notify", NOTHING)                                                                   \
    X(FIN, "fin", NOTHING)                                                                         \
    X(HALF_CLOSE, "half-close", NOTHING)                                                           \
    X(CLOSE, "close", NOTHING)                                                                     \
    X(CLOSE_RUDE, "close-rude", NOTHING)                                                           \
    X(RST, "rst", NOTHING)                                                                         \
    X(DROP, "drop", NOTHING)                                                                       \
    X(RECORDS, "records", MODE)                                                                    \
    X(NO_TLS, "no-tls", NOTHING)                                                                   \
    X(SEND_WIRE, "send-wire", TEXT)                                                                \
    X(SEND_CUT, "send-cut", NUMBER_AND_TEXT)                                                       \
    X(HELLO_REQUEST, "hello-request", NOTHING)                                                     \
    X(RENEGOTIATE, "renegotiate", NOTHING)                                                         \
    X(KEY_UPDATE, "key-update", MAYBE_WORD)                                                        \
    X(TICKET, "ticket", NOTHING)                                                                   \
    X(ALERT, "alert", NOTHING)                                                                     \
    X(REPEAT, "repeat", NUMBER)                                                                    \
    X(LOOP, "loop", NOTHING)                                                                       \
    X(END, "end", NOTHING)

enum script_verb {
#define X(verb, name, behind) SCRIPT_##verb,
    SCRIPT_VERB_MAP(X)
#undef X
        SCRIPT_VERBS,
};

struct script_step {
    enum script_verb verb;
    uint64_t number;        /* N, or how often a repeat goes round */
    char *text;             /* owned; TEXT, PATH, "request"; NUL-ended; NULL: none */
    size_t size;            /* bytes of text */
    struct wire_feed feed;  /* of feed and records */
    uint32_t partner_index; /* a repeat's or loop's end, and the reverse */
};

/* What one set of connections does: steps[first, end). */
struct script_part {
    uint32_t connection_min, connection_max;
    uint32_t first, end;
};

struct script {
    struct script_step *steps;
    struct script_part *parts;
    uint32_t steps_count, parts_count;
};

/* Read a script. NULL, or what is wrong in which line, static; then it is empty. */
const char *script_parse(struct script *script, const char *text);
void script_free(struct script *script);

/* What connection number `connection`, from 1, does; NULL: nothing. */
const struct script_part *script_part_of(const struct script *script, uint32_t connection);

#endif
