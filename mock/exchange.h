/*
 * exchange: one request and its answer, from the moment the request is whole.
 *
 *     begin --> turn --> send what is open --> turn --> ... --> done: do what comes `after`
 *
 * It knows what is to be sent and when, and has no socket: the client asks for the next step and
 * says what the kernel has taken. Latency, tokens, drips, cuts and stalls are all made here.
 */
#ifndef QUOIT_MOCK_EXCHANGE_H
#define QUOIT_MOCK_EXCHANGE_H

#include "mock/shared.h"
#include "mock/stream.h"

#define EXCHANGE_DUE_MAX 64 /* tokens made at once */

enum exchange_step {
    EXCHANGE_SEND,  /* bytes from `sent` up to `open` */
    EXCHANGE_WAIT,  /* until wake_ns */
    EXCHANGE_STALL, /* for ever */
    EXCHANGE_DONE,  /* everything that is to be sent was */
};

/* What becomes of the connection when the answer is done. */
enum exchange_after {
    AFTER_KEEP,
    AFTER_CLOSE,       /* FIN */
    AFTER_CLOSE_QUIET, /* FIN, without TLS close_notify */
    AFTER_RESET,       /* RST */
    AFTER_STALL,       /* nothing, until the client leaves */
    AFTER_LATE,        /* kept, and an answer that nobody asked for comes late_ns later */
    AFTER_HALF_RECORD, /* a TLS record begins, then FIN */
    AFTER_KEY_UPDATE,  /* a TLS 1.3 KeyUpdate, and kept */
};

struct exchange {
    struct question question;
    struct plan plan;
    struct answer_request request;
    struct stream stream;
    bool streamed;
    bool counted; /* it is in the ledger */
    bool cut;     /* a fault keeps part of the answer back */
    enum exchange_after after;
    uint64_t late_ns;

    struct blob out;
    size_t sent; /* of out */
    size_t open; /* of out, to be sent now */
    size_t stop; /* of out, nothing is sent beyond it; SIZE_MAX: no such place */
    uint64_t begin_ns;
    uint64_t event_ns; /* when the next piece of a stream is due */
    uint64_t piece_ns; /* when a drip sends its next piece */
    uint64_t wake_ns;  /* meaningful after EXCHANGE_WAIT */
    uint64_t free_ns;  /* since then the kernel has taken at once whatever it was given */
    bool held_up;      /* it has not taken all that it was given */
    uint64_t due_ns[EXCHANGE_DUE_MAX]; /* what is in `out`, was due then and was not sent yet */
    uint32_t due_count;
    char hint[64]; /* of the Keep-Alive header */
};

/*
 * Answer a request that is whole. Borrows `incoming` until the exchange is done.
 * `connection_request` is its number on its connection, from 1.
 */
void exchange_begin(struct exchange *exchange, struct shared *shared,
                    const struct incoming *incoming, uint64_t connection_request, uint64_t now_ns);

/*
 * Answer a request of which only the head is there, if a fault wants that. Returns whether it
 * does; the answer is then begun.
 */
bool exchange_begin_early(struct exchange *exchange, struct shared *shared,
                          const struct incoming *incoming, uint64_t connection_request,
                          uint64_t now_ns);

/* Refuse what could not be read. */
void exchange_begin_refusal(struct exchange *exchange, uint16_t status, uint64_t now_ns);

/* What is to be done now. */
enum exchange_step exchange_turn(struct exchange *exchange, uint64_t now_ns);

/*
 * The kernel was given all that is open and had taken `size` bytes of it at now_ns: what was due
 * is with it, and its lag goes into the ledger.
 */
void exchange_on_sent(struct exchange *exchange, size_t size, struct ledger *ledger,
                      uint64_t now_ns);

void exchange_free(struct exchange *exchange);

#endif
