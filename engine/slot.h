/*
 * slot: the fixed table of the requests that the engine has accepted.
 *
 * A slot is taken when the caller submits and released when the caller has had its result:
 * requests_max bounds memory. Load is bounded by in_flight_max, the number of ACTIVE slots. Each
 * state is a list: where a slot is and what it is doing cannot disagree. (QUEUED is many lists, one
 * a lane; the lane is the engine's.)
 *
 *     FREE --> QUEUED --> ACTIVE --> DONE --> HANDED --> FREE
 *                ^ |^       |         ^         ||         ^
 *                | ||       v         |         |+-> KEPT -+
 *                | |`--- WAITING -----+         |
 *                | `--------|---------+         |     cancelled, or too late
 *                |          ^                   |
 *                +----------+--------again------+
 *
 * What an answer needs grows in the slot's buffers and is kept for its next request, up to
 * SLOT_ROOM_KEPT bytes each.
 */
#ifndef QUOIT_ENGINE_SLOT_H
#define QUOIT_ENGINE_SLOT_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/timer.h"
#include "engine/limiter.h"
#include "quoit.h"

#define SLOT_NONE UINT32_MAX
#define SLOT_ROOM_KEPT (16 * 1024)
#define SLOT_DETAIL_SIZE 200

enum slot_state {
    SLOT_FREE,    /* holds no request */
    SLOT_QUEUED,  /* waits for a connection, in its lane; oldest first */
    SLOT_WAITING, /* for an instant: back-off, the server's pace, start_ns; its timer runs */
    SLOT_ACTIVE,  /* a connection works on it; the kernel may hold pointers into it */
    SLOT_DONE,    /* has its result; END has not been handed out */
    SLOT_HANDED,  /* END is in the caller's hands until the next turn */
    SLOT_KEPT,    /* the same, until quoit_release */
    SLOT_STATES,
};

struct lane;
struct sse;

struct slot {
    enum slot_state state;
    uint32_t index;
    uint32_t generation; /* counts releases; the high half of the id; never 0 */
    struct list link;    /* in its state's list; QUEUED: in its lane's */
    struct list ready;   /* in the engine's list of slots that have events, or in none */
    struct timer timer;  /* runs for what the state waits for */

    /* The request; constant from submit to release. */
    struct lane *lane;              /* the engine's: its origin and limit */
    struct buffer head;             /* owned; encoded */
    struct quoit_span body;         /* borrowed from the caller until END is handed out */
    void *context;                  /* the caller's */
    struct list *taker;             /* NULL, or who is given its END: a list of slots, by `ready` */
    size_t taker_index;             /* its place there */
    struct quoit_timeouts timeouts; /* lengths, defaults filled in */
    uint64_t start_ns;              /* an instant */
    uint64_t deadline_ns;           /* an instant; UINT64_MAX: none */
    uint64_t body_size_max, stream_size_max;
    uint32_t retries_max;
    uint32_t limit_tokens; /* what an attempt takes from its limit */
    enum quoit_stream stream;
    bool to_head; /* the method is HEAD */
    bool replayable;
    bool judge;

    /* The attempts so far. */
    bool cancelled;                 /* by the caller: whatever comes, nothing is tried again */
    bool counted;                   /* among the budget's first sends */
    bool limited;                   /* its limit has let it in, for this attempt */
    uint64_t limit_held;            /* tokens that the last attempt took and has not given back */
    struct limiter_mark limit_mark; /* when it did */
    bool resent;                    /* the free resend is used up */
    bool fresh;                     /* the next attempt takes no kept connection */
    bool probe;                     /* the attempt is its origin's probe */
    bool awaits_budget;             /* WAITING for the retry budget */
    uint32_t retries, late;
    uint64_t paced_ns; /* held up by 429s so far */

    /* The attempt under way; meaningful in ACTIVE. */
    uint32_t conn, rival;  /* the connection; while it opens, another that races it */
    uint32_t address_next; /* of its origin, to be tried next */
    uint64_t attempt_ns;   /* an instant: when it is over at the latest */
    uint64_t connect_ns;   /* the same, of resolve and connect */
    bool resolving;        /* waits for its origin's name */
    bool sending;          /* the request was given to `conn`: what follows is the exchange */
    uint64_t granted_ns, resolved_ns;

    /* The answer. */
    struct quoit_result result;
    char detail[SLOT_DETAIL_SIZE];
    struct buffer text, headers;   /* owned; result->headers points into them */
    struct buffer answer;          /* owned; the body, or the pieces not yet handed out */
    struct buffer messages;        /* owned; SSE: records that are cut, see engine_event.c */
    size_t messages_read;          /* bytes of `messages` handed out */
    size_t answer_due;             /* bytes of a stream's `answer` to be handed out as pieces */
    size_t answer_read;            /* of those, bytes that were */
    enum quoit_error stream_error; /* its events could not be cut or kept */
    struct sse *sse;               /* owned; made by the first SSE stream */
    uint64_t piece_ns, head_ns;    /* when the newest piece, the head, came */
    bool streams;                  /* a 2xx to a stream: events instead of a whole body */
    bool head_waits, head_told;    /* HEAD is to be handed out; has been */
    struct list touched; /* events point into it: in the list to tidy up at the next turn */
    bool paused, full;   /* held back by the caller; by stream_buffer_max */
};

/* An answer that has left its slot, buffers and all. */
struct slot_answer {
    struct quoit_result result;         /* points into what follows */
    struct buffer text, headers, bytes; /* owned */
    char *detail;                       /* owned, or NULL: there is none */
};

struct slot_table {
    struct slot *slots;  /* owned; never moves */
    uint32_t slots_made; /* those before it were used at some time; no others touch memory */
    uint32_t slots_max;
    uint32_t counts[SLOT_STATES];   /* FREE's: also of those that were not made yet */
    struct list lists[SLOT_STATES]; /* QUEUED's stays empty: its slots are in their lanes */
};

/* False: out of memory, and nothing is left behind. */
QUOIT_MUST bool slot_table_init(struct slot_table *table, uint32_t slots_max);
void slot_table_free(struct slot_table *table);

/* The FREE slot that was used last; it stays FREE until it is moved. NULL: there is none. */
struct slot *slot_first_free(struct slot_table *table);

/*
 * Move a slot into a state. Into QUEUED: behind the last of `queue`, or before the first (for a
 * request that had its turn already); else queue is NULL.
 */
void slot_move(struct slot_table *table, struct slot *slot, enum slot_state to);
void slot_queue(struct slot_table *table, struct slot *slot, struct list *queue, bool first);

uint64_t slot_id(const struct slot *slot);

/* Does the caller want more of its answer than END? */
static inline bool slot_wants_events(const struct slot *slot)
{
    return slot->stream == QUOIT_PIECES || slot->stream == QUOIT_SSE;
}

/* The slot of that id unless it was released; NULL: there is none. */
struct slot *slot_find(struct slot_table *table, uint64_t id);

/* Forget the request and its answer; the slot must be on its way to FREE. */
void slot_reset(struct slot *slot);

/* Forget the answer only: another attempt follows. */
void slot_reset_answer(struct slot *slot);

/* Take the answer out of a slot that is DONE. Without memory it has no detail. */
void slot_take_answer(struct slot *slot, struct slot_answer *answer_out);
void slot_answer_free(struct slot_answer *answer);

#endif
