/*
 * worker: one thread of a run, with an engine of its own.
 *
 *     due? --> slot free? --> quoit_submit     s due, g when the slot was free
 *      ^                           |
 *      |                      quoit_turn       w, c, b, z as the engine stamps them
 *      +-- slot free <-- END <-- quoit_next    t1..tk of each event
 *
 * Happy path: worker_create, worker_start, then the thread turns until the load is over and nothing
 * is in flight; worker_join; what it counted is in `tally`.
 *
 * The promise is about time. A request's due time was fixed before (open loop), or is the moment at
 * which its slot came free (closed loop); a worker that comes late to it books that as lag, which
 * the verdict looks at, and never as less latency. A request that finds no slot is granted the slot
 * that comes free first, at the moment at which it did, whenever the worker looks.
 *
 * It fails before it starts (no engine, no thread, no memory), with an error. Later every failure
 * is a request's.
 */
#ifndef QUOIT_BENCH_WORKER_H
#define QUOIT_BENCH_WORKER_H

#include "bench/csv.h"
#include "bench/load.h"
#include "bench/pulse.h"
#include "bench/schedule.h"
#include "bench/slots.h"
#include "bench/tally.h"

#include <pthread.h>

struct worker {
    /* To be read: pulse at any time, the others after worker_join. */
    struct pulse pulse;
    struct tally *tally;
    enum quoit_error error; /* why there is no engine */
    struct quoit_stats stats;

    /* Private. */
    const struct plan *plan;
    struct load *load;
    struct csv *csv; /* NULL: none */
    uint32_t index;
    struct quoit_engine *engine;
    pthread_t thread;
    struct quoit_options options;
    struct slots slots;
    uint32_t in_flight;
    struct schedule schedule; /* of an open loop */
    uint64_t next_due_ns;     /* CLOCK_MONOTONIC; SCHEDULE_NONE: none any more */
    uint64_t next_index;      /* of that request, over all threads */
    uint64_t sequence;        /* requests begun here; picks the item */
    struct draw draw;         /* of items */
    uint64_t now_ns;          /* read once a turn */
    uint64_t wake_ns;         /* so long before a request is due it does not sleep any more */
    uint64_t spin_ns;         /* awake before a request was due */
    uint64_t ended;           /* requests, measured or not */
    uint64_t full_since_ns;
    struct tally_engine at_begin, second; /* second: when the one at hand began */
    bool has_begun, has_ended, gave_up, no_more;
};

/* NULL: no memory. `csv` may be NULL. */
struct worker *worker_create(const struct plan *plan, struct load *load, struct csv *csv,
                             uint32_t index);
void worker_destroy(struct worker *worker);

/*
 * Start the thread, which makes its engine, posts load->ready, and waits for load->start. Returns 0
 * or an errno.
 */
int worker_start(struct worker *worker);

void worker_join(struct worker *worker);

#endif
