/*
 * load: what the threads of one run share: the window, how far it has come, and whether to stop.
 *
 *     begin (T0)           end (T1)        over
 *     ---|--------------------|--------------|
 *     warm-up    measured        what is open may end
 *
 * Instants that are not known yet are UINT64_MAX. Each is written once, by whoever finds it out.
 * All fields but the pulses' are atomics; the workers look at them in each turn.
 */
#ifndef QUOIT_BENCH_LOAD_H
#define QUOIT_BENCH_LOAD_H

#include "bench/plan.h"
#include "quoit.h"

#include <semaphore.h>
#include <stdatomic.h>

#define LOAD_UNKNOWN UINT64_MAX
#define LOAD_DETAIL_SIZE 256

struct load {
    const struct plan *plan;
    _Atomic uint64_t start_ns;     /* the first request may be sent; UNKNOWN: wait */
    _Atomic uint64_t begin_ns;     /* T0 */
    _Atomic uint64_t end_ns;       /* T1 */
    _Atomic uint64_t over_ns;      /* what is open then is given up */
    _Atomic uint64_t started;      /* measured requests of a closed loop with -n */
    _Atomic uint64_t warm_left;    /* slots, or requests, until the warm-up is over */
    _Atomic uint64_t answers;      /* of any status */
    _Atomic uint64_t unreachable;  /* requests that found no server, as long as answers is 0 */
    _Atomic bool hopeless;         /* so many, that the run has ended */
    _Atomic bool stopped;          /* nothing new starts: a signal */
    sem_t ready, start, done;      /* one post a worker; start: by who set start_ns */
    char detail[LOAD_DETAIL_SIZE]; /* why hopeless; written by who set it */
    enum quoit_error detail_error;
};

/* T0 is known. T1 follows from it where the window has a length. */
void load_begin(struct load *load, uint64_t begin_ns);

/* T1 is known, if it was not; what is open has until the end of the grace. */
void load_end(struct load *load, uint64_t end_ns);

static inline uint64_t load_look(const _Atomic uint64_t *instant)
{
    return atomic_load_explicit(instant, memory_order_acquire);
}

#endif
