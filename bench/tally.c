/*
 * tally: sums of everything.
 */
#include "bench/tally.h"

#include <stdlib.h>

struct tally *tally_create(void)
{
    struct tally *tally = calloc(1, sizeof(*tally));

    if (tally != NULL) {
        tally->workers = 1;
        tally->metered = true;
    }
    return tally;
}

void tally_destroy(struct tally *tally)
{
    if (tally == NULL) {
        return;
    }
    for (unsigned metric = 0; metric < METRICS; metric++) {
        spread_free(&tally->metrics[metric]);
    }
    free(tally);
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static void tally_engine_add(struct tally_engine *into, const struct tally_engine *from)
{
    into->at_ns = larger(into->at_ns, from->at_ns);
    into->cpu_ns += from->cpu_ns;
    into->spin_ns += from->spin_ns;
    into->ended += from->ended;
    into->sqes += from->sqes;
    into->cqes += from->cqes;
    into->entries += from->entries;
    into->no_buffers += from->no_buffers;
    into->cq_overflows += from->cq_overflows;
    into->opened += from->opened;
}

void tally_engine_subtract(struct tally_engine *out, const struct tally_engine *later,
                           const struct tally_engine *earlier)
{
    *out = (struct tally_engine){
        .at_ns = later->at_ns - earlier->at_ns,
        .cpu_ns = later->cpu_ns - earlier->cpu_ns,
        .spin_ns = later->spin_ns - earlier->spin_ns,
        .ended = later->ended - earlier->ended,
        .sqes = later->sqes - earlier->sqes,
        .cqes = later->cqes - earlier->cqes,
        .entries = later->entries - earlier->entries,
        .no_buffers = later->no_buffers - earlier->no_buffers,
        .cq_overflows = later->cq_overflows - earlier->cq_overflows,
        .opened = later->opened - earlier->opened,
    };
}

void tally_merge(struct tally *into, const struct tally *from)
{
    for (unsigned metric = 0; metric < METRICS; metric++) {
        spread_merge(&into->metrics[metric], &from->metrics[metric]);
    }
    for (unsigned phase = 0; phase < PHASES; phase++) {
        histogram_merge(&into->phases[phase], &from->phases[phase]);
    }
    into->ok += from->ok;
    into->failed += from->failed;
    into->unsent += from->unsent;
    into->resent += from->resent;
    for (unsigned i = 0; i < TALLY_STATUSES; i++) {
        into->statuses[i] += from->statuses[i];
    }
    for (unsigned i = 0; i < TALLY_ERRORS; i++) {
        into->errors[i] += from->errors[i];
    }
    into->tokens_in += from->tokens_in;
    into->tokens_out += from->tokens_out;
    into->tokens_known = into->tokens_known || from->tokens_known;
    into->metered = into->metered && from->metered;
    into->within_limits += from->within_limits;
    into->window_ok += from->window_ok;
    into->window_within_limits += from->window_within_limits;
    into->window_tokens_in += from->window_tokens_in;
    into->window_tokens_out += from->window_tokens_out;
    into->due_sent += from->due_sent;
    into->warm_requests += from->warm_requests;
    into->last_end_ns = larger(into->last_end_ns, from->last_end_ns);
    into->messages += from->messages;
    into->reads += from->reads;
    into->full_ns += from->full_ns;
    into->in_flight_max += from->in_flight_max;
    into->busiest = into->busiest > from->busiest ? into->busiest : from->busiest;
    tally_engine_add(&into->engine, &from->engine);
    into->workers += from->workers;
}

uint64_t tally_total(const struct tally *tally)
{
    return tally->ok + tally->failed + tally->unsent;
}

double tally_error_rate(const struct tally *tally)
{
    uint64_t total = tally_total(tally);

    return total == 0 ? 0 : (double)(tally->failed + tally->unsent) / (double)total;
}
