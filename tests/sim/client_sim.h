/*
 * client_sim: a caller of quoit.h that asks for random things, takes every liberty that the header
 * gives, and checks every word that comes back against the servers' ledger.
 *
 * Happy path: begin with an engine, submit, turn the engine, take the events; when client_is_done,
 * check the whole. It cancels, pauses, keeps, asks again and wakes at random, and scribbles over
 * each string and body as soon as the header says that it may.
 *
 * Violations: an event out of order, a second END, an answer that is not the one that was meant for
 * that very request, a request acted on more often than allowed, a deadline not kept, a secret in a
 * detail; in a calm world, anything but success at the first try.
 */
#ifndef QUOIT_TESTS_SIM_CLIENT_SIM_H
#define QUOIT_TESTS_SIM_CLIENT_SIM_H

#include "quoit.h"

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_SECRET "5ecret"
#define CLIENT_ASKS_MAX 64 /* of a plan */
#define CLIENT_ERRORS 64   /* above every number of enum quoit_error */

struct client_plan {
    struct quoit_engine *engine;
    struct quoit_limit *limit; /* NULL: none */
    uint32_t asks;             /* requests in all */
    uint32_t servers;
    uint64_t body_size_max; /* of answers, as the engine was told; 0: its default */
    bool calm;
    bool leaves_alone; /* no cancel, no pause */
};

/* Of all worlds: how often each error was an outcome, and how often the caller did what. */
struct client_counts {
    uint64_t outcomes[CLIENT_ERRORS];
    uint64_t submitted, cancels, cancels_all, pauses, agains, keeps, wakes, no_slots;
    uint64_t pieces, messages, resent, retried, reused, tainted;
};
extern struct client_counts client_counts;

void client_begin(const struct client_plan *plan);

/* Submit some of what is left. */
void client_submit_some(void);

/* Take all events that are there, and check them. */
void client_take_events(void);

/* Perhaps cancel, pause, wake. */
void client_disturb(void);

/* Cancel all that has not ended. */
void client_cancel_all(void);

/* How long the next quoit_turn may wait. */
uint64_t client_wait_ns(void);

/* All were submitted, and all have ended. */
bool client_is_done(void);

/* Give back what was kept. Before quoit_destroy. */
void client_release_all(void);

/* After quoit_destroy: what the ledger must say in the end. Frees everything. */
void client_finish(void);

/* The same request and check for those who ask by quoit_batch: request of a number, its result. */
void client_make(uint32_t number, struct quoit_request *request);
void client_check_result(uint32_t number, const struct quoit_result *result);

#endif
