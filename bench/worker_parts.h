/*
 * worker_parts: between worker.c, where a request begins, and worker_end.c, where it ends.
 */
#ifndef QUOIT_BENCH_WORKER_PARTS_H
#define QUOIT_BENCH_WORKER_PARTS_H

#include "bench/worker.h"

/* Act on what the engine hands out. */
void worker_on_event(struct worker *worker, const struct quoit_event *event);

/* The engine would not take the request: it has failed. */
void worker_refuse(struct worker *worker, struct bench_slot *slot, enum quoit_error error);

/* Count the time in which no slot was free, up to now. */
void worker_note_full(struct worker *worker);

#endif
