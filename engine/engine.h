/*
 * engine: requests in, events out; everything that lives in time meets here.
 *
 * Happy path: a submitted request is QUEUED in the lane of its origin and limit. Each turn acts on
 * what the ring brought, and then assigns: the first request of each lane that may go takes the
 * newest idle connection of its origin, or opens one. The answer makes it DONE, and an event.
 *
 * Failures end an attempt; engine_end.c decides between the next attempt and DONE. Cancelling,
 * deadlines and destroy take the same road: the connection closes, and only then is the request
 * over.
 *
 * The parts: engine.c the turn; engine_assign.c who may go, connections and races; engine_end.c how
 * attempts end; engine_event.c what is handed out; engine_origin.c origins, names, lanes; api.c and
 * api_batch.c the calls of quoit.h; api_mailbox.c, post.c and replies.c those of quoit_mailbox.h.
 */
#ifndef QUOIT_ENGINE_ENGINE_H
#define QUOIT_ENGINE_ENGINE_H

#include "base/list.h"
#include "base/timer.h"
#include "engine/conn.h"
#include "engine/limiter.h"
#include "engine/pool.h"
#include "engine/resolve.h"
#include "engine/retry.h"
#include "engine/ring.h"
#include "engine/slot.h"
#include "engine/spare.h"
#include "http/proxy.h"
#include "http/url.h"
#include "quoit.h"

#define ENGINE_DONE_MAX 4096
#define ENGINE_AWAY_NS (100 * NS_PER_US) /* nothing was heard for so long: ask before sending */
#define ENGINE_ENTRY_BRINGS 20 /* pieces of task work that an entry runs at most (kernel 6.13) */
#define ENGINE_ENTRIES_MIN 16  /* to catch up, and more where there are many connections */
#define ENGINE_ROUNDS_MAX 16   /* of a turn in somebody's event loop, which has others to serve */
#define ENGINE_OPENS_MAX 8 /* connections that a round opens: 30 us each before any is sent on */
#define ENGINE_CALM_MAX 4  /* in flight, at most, for a busy wait to pay */
#define ENGINE_ORIGIN_LISTS 64
#define ORIGIN_TICKETS_MAX 16
#define ENGINE_DOUBT_SHARE 16                 /* of in_flight_max: see engine_doubts */
#define ENGINE_SOCKETS_SPARE 64               /* beyond in_flight_max: idle, closing, racing */
#define ENGINE_STARVED_NS UINT64_C(100000000) /* until a socket is asked for again */
#define ENGINE_RACE_NS UINT64_C(250000000)    /* RFC 8305 5: Connection Attempt Delay */

/* Requests to one origin under one limit; they go in order. */
struct lane {
    struct list link;     /* in origin->lanes */
    struct list runnable; /* in engine->runnable, or in none: nothing waits, or it may not go yet */
    struct list queue;    /* QUEUED slots, oldest first */
    struct timer timer;   /* when it may go again, if time decides */
    struct origin *origin;
    struct quoit_limit *limit; /* NULL: none */
};

/* One server, as one TLS identity sees it through one proxy. Never shared between settings. */
struct origin {
    struct list link; /* in its list of engine->origins */
    uint64_t hash;
    bool secure;
    uint16_t port;
    char *host;            /* owned; lower case, without brackets */
    char *unix_path;       /* owned, or NULL */
    struct quoit_tls *tls; /* held, or NULL for http */
    struct proxy *proxy;   /* owned, or NULL; its name is looked up, not the host's */
    struct buffer tunnel;  /* owned; https through a proxy: what asks for the way */
    struct list lanes;
    struct pool_shelf shelf;
    uint32_t in_flight;
    uint32_t opening; /* of them have no connection yet */
    bool reached;     /* a connection was opened, and after it none failed to */

    bool resolving;                                 /* a look-up is under way */
    uint64_t addresses_ns;                          /* they are good until then; 0: none yet */
    struct resolve_answer addresses;                /* count 0: the look-up failed */
    uint32_t address_first;                         /* the one that worked last */
    struct tls_ticket *tickets[ORIGIN_TICKETS_MAX]; /* owned: to resume; each is used once */
    uint32_t tickets_count;

    struct retry_budget budget;
    struct outage outage;
    enum quoit_error down_error; /* of the failure that the outage was seen by */
    char down_detail[SLOT_DETAIL_SIZE];
    uint32_t paces;   /* 429s and their like in a row */
    uint64_t rest_ns; /* nothing new goes before that instant */
};

struct quoit_limit {
    struct quoit_engine *engine;
    struct limiter limiter;
};

/* The last request's URL and where it led: batches ask the same one again and again. */
struct engine_memo {
    struct buffer text; /* owned: the URL; `url` points into it */
    struct url url;
    struct quoit_tls *tls; /* as the request named it; compared only */
    struct quoit_limit *limit;
    struct lane *lane; /* NULL: nothing is remembered; its origin tells the rest */
};

struct quoit_engine {
    struct quoit_options options; /* defaults filled in; its strings and tls are ours */
    uint64_t thread;              /* whose it is: a number of api.c's */
    char *fork_guard;             /* a page of its own, zero in a forked child */

    struct ring *ring;
    struct conn_shared shared;
    struct conn *conns; /* never moves */
    uint32_t conns_max;
    uint32_t *free_conns; /* a stack */
    uint32_t free_count;
    struct pool *pool;
    struct slot_table slots;
    struct spare spare;
    struct timer_heap timers;
    uint32_t timers_count;     /* that may run: slots and lanes */
    struct resolver *resolver; /* made by the first name */
    struct list origins[ENGINE_ORIGIN_LISTS];
    uint32_t origins_count;
    struct engine_memo memo;
    struct quoit_mailbox *mailbox; /* borrowed; NULL: there is none */

    struct list runnable; /* lanes that may go, in turn */
    struct list ready;    /* slots with events, by `ready` */
    uint32_t ready_count;
    struct list touched; /* slots whose events were handed out, by `touched` */
    uint32_t in_flight;
    struct timer starved_timer; /* asks again, should no socket of ours close */
    bool embedded;              /* quoit_fd was called: turns end as an event loop needs it */
    bool owes_turn;             /* engine_owe_turn was called since the last one */
    bool lacks_slot;            /* a batch or a post has found none free */
    bool starved;               /* no socket to be had: wait for one to close */
    struct ring_done *done;
    uint32_t *started; /* connections whose request goes with the next entry */
    uint32_t started_count;
    uint32_t opening;    /* requests that have no connection yet */
    uint32_t opens_left; /* of engine_opens_max, in this round */
    bool busy;           /* the last entry has brought something */
    uint64_t chance;     /* splitmix64 */
    struct quoit_stats stats;
};

/* api.c */

/* QUOIT_OK, or why the caller may not use the engine: another thread, or a forked child. */
enum quoit_error api_check(const struct quoit_engine *engine);

/* quoit_submit, but it gives the slot. */
QUOIT_MUST enum quoit_error engine_submit(struct quoit_engine *engine,
                                          const struct quoit_request *request,
                                          struct slot **slot_out);

/* engine.c */
uint64_t engine_chance(struct quoit_engine *engine);
void engine_turn(struct quoit_engine *engine, const struct list *ready, uint64_t wait_ns);

/*
 * A call between turns has left something that only a turn can do, though its caller need not know:
 * an event loop that watches quoit_fd comes back for it.
 */
void engine_owe_turn(struct quoit_engine *engine);

/* A slot has come free between turns, or will with the next one: who lacked one is owed a turn. */
void engine_note_free_slot(struct quoit_engine *engine);

/* Close all connections, and wait until the kernel holds nothing. All requests must be over. */
void engine_join(struct quoit_engine *engine);

/* engine_origin.c */

/*
 * The lane for a request, whose identity is `tls` (NULL for http) and whose proxy_url, if any, is
 * good; made if need be. NULL: out of memory.
 */
struct lane *engine_lane(struct quoit_engine *engine, const struct url *url,
                         const struct quoit_request *request, struct quoit_tls *tls);

/* Does the request go where that origin's connections lead: over that socket, by that proxy? */
bool origin_is_on_way(const struct origin *origin, const char *unix_path, const char *proxy_url);

/* The host that its connections are opened to: its own, or its proxy's. */
const char *origin_peer(const struct origin *origin);
void engine_origins_free(struct quoit_engine *engine);
void engine_limit_forget(struct quoit_engine *engine, const struct quoit_limit *limit);

/* Something has changed for that origin: look at its lanes again. */
void engine_wake_lanes(struct quoit_engine *engine, struct origin *origin);
void engine_wake_lane(struct quoit_engine *engine, struct lane *lane);
void engine_wake_limit(struct quoit_engine *engine, const struct quoit_limit *limit);

/* Are there addresses, good now? If not, begin to look them up. False: they are on their way. */
bool engine_resolve(struct quoit_engine *engine, struct origin *origin);
void engine_take_names(struct quoit_engine *engine);

/* Keep what the server gave for resuming; NULL is allowed. The caller's hold goes over. */
void origin_put_ticket(struct origin *origin, struct tls_ticket *ticket);

/* The newest one, which is the caller's then; or NULL. */
struct tls_ticket *origin_take_ticket(struct origin *origin);

/* engine_assign.c */

/*
 * Give connections to requests for as long as both are there, and open some where there are none.
 * True: others may be opened when these are on their way, so that the first ones do not wait for
 * the last.
 */
bool engine_assign(struct quoit_engine *engine);
void engine_enqueue(struct quoit_engine *engine, struct slot *slot, bool first);
void engine_on_opened(struct quoit_engine *engine, struct conn *conn);
void engine_on_named(struct quoit_engine *engine, struct slot *slot);
void engine_on_slot_timer(struct quoit_engine *engine, struct slot *slot);

/* A connection that was opened for a request, and never sent it, is gone. */
void engine_on_open_failed(struct quoit_engine *engine, struct slot *slot, struct conn *conn);
void engine_give_back_conn(struct quoit_engine *engine, struct conn *conn);

/* engine_end.c */

/* How an attempt ended; conn is NULL if it never had one. */
struct attempt_end {
    struct conn *conn;
    enum quoit_error error;
    int os_error;
    const char *detail;
};

/* The attempt is over, and the kernel holds nothing of it: the next one, or DONE. */
void engine_end_attempt(struct quoit_engine *engine, struct slot *slot,
                        const struct attempt_end *end);

/* DONE, without an attempt under way. */
void engine_end_slot(struct quoit_engine *engine, struct slot *slot, enum quoit_error error,
                     const char *detail);
void engine_cancel(struct quoit_engine *engine, struct slot *slot);

/* Give up the attempt under way for that reason; its end follows. */
void engine_abort(struct quoit_engine *engine, struct slot *slot, enum quoit_error error);
enum quoit_error engine_again(struct quoit_engine *engine, struct slot *slot, enum quoit_error why,
                              uint64_t wait_ns);

/* The budget has nothing for a retry whose time has come. */
void engine_refuse_retry(struct quoit_engine *engine, struct slot *slot);

/* engine_event.c */
void engine_make_ready(struct quoit_engine *engine, struct slot *slot);
void engine_on_progress(struct quoit_engine *engine, struct slot *slot, struct conn *conn);
uint32_t engine_next(struct quoit_engine *engine, struct quoit_event *events, uint32_t events_max);
void engine_tidy(struct quoit_engine *engine);
void engine_set_paused(struct quoit_engine *engine, struct slot *slot, bool paused);

/* Out of HANDED, KEPT or (at destroy) DONE: the slot is free. */
void engine_release(struct quoit_engine *engine, struct slot *slot);

/* What result.headers points to, where the answer's head is there. */
void engine_show_head(struct slot *slot, const struct conn *conn);

/* api_mailbox.c */

/* Take what other threads have posted, and submit it as far as slots are free. */
void engine_take_posts(struct quoit_engine *engine);

/*
 * Hand out the replies of posts that have ended, and submit others to their slots. True: some of
 * those waited, and engine_assign may have more to do.
 */
bool engine_answer_posts(struct quoit_engine *engine);

/* A post has found no slot until its deadline. */
void engine_on_post_timer(struct quoit_engine *engine, struct timer *timer);

static inline struct slot *engine_slot(struct quoit_engine *engine, uint32_t index)
{
    return &engine->slots.slots[index];
}

static inline uint64_t engine_now_ns(const struct quoit_engine *engine)
{
    return engine->shared.now_ns;
}

#endif
