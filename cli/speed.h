/*
 * speed: the self-test as a whole: every measurement on every back end that is to be measured, a
 * table of it for people, and the same as JSON.
 *
 *     speed_run    starts a stand-in, measures, prints each row as it comes, stops the stand-in
 *
 * Client and stand-in get a processor of their own each where the process has two, not two halves
 * of one core if that can be helped; afterwards the client may run where it could before.
 */
#ifndef QUOIT_CLI_SPEED_H
#define QUOIT_CLI_SPEED_H

#include "cli/facts.h"
#include "cli/finding.h"
#include "cli/self_test.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#define SPEED_BACKENDS_MAX 2
#define SPEED_WAITS 6 /* three lengths, each with the thread's slack and with the least */

/* What was measured on one back end. */
struct speed_backend {
    enum quoit_io io;
    struct self_test_load one, many, events;
    struct self_test_wait waits[SPEED_WAITS];
};

struct speed {
    /* Set before. */
    enum quoit_io ios[SPEED_BACKENDS_MAX];
    size_t ios_count;
    uint64_t duration_ns; /* of each measurement */
    uint32_t in_flight;   /* of those with many, and streams */

    /* What came of it. */
    struct speed_backend backends[SPEED_BACKENDS_MAX];
    size_t count;                /* of those that were measured whole */
    int client_cpu, standin_cpu; /* STANDIN_NO_CPU: one for both */
    uint64_t throttled;          /* how often the control group stopped us meanwhile */
};

/* Adds findings: what could not be measured, and what is worse than it could be. */
void speed_run(struct speed *speed, const struct facts *facts, struct findings *findings, FILE *to);

/* An object; the caller's. NULL: out of memory. */
cJSON *speed_to_json(const struct speed *speed);

#endif
