/*
 * self_test: how fast the client itself is on this machine, on one of its back ends.
 *
 *     self_test_requests   a ceiling of requests, kept in flight one by one or many at a time
 *     self_test_events     a ceiling of server-sent events, of many streams at once
 *     self_test_wait       how much too late a wait ends
 *
 * The server is a standin, so the numbers hold for both together: `limit` says which of the two had
 * no time left. Each measurement makes an engine of its own, goes through a warm-up that is not
 * counted, and is over soon after its duration, whatever the stand-in does.
 */
#ifndef QUOIT_CLI_SELF_TEST_H
#define QUOIT_CLI_SELF_TEST_H

#include "cli/standin.h"
#include "quoit.h"

enum self_test_limit {
    SELF_TEST_CLIENT,
    SELF_TEST_STANDIN,
    SELF_TEST_BOTH,    /* on one processor, or each of them full */
    SELF_TEST_OTHERS,  /* neither: other processes had their processors */
    SELF_TEST_LATENCY, /* neither: it is the way there and back */
};

/* What one measurement of load found. */
struct self_test_load {
    uint64_t count, failed;   /* requests that were answered, or events; and failed ones */
    uint64_t elapsed_ns;      /* of the part that counts */
    uint64_t cpu_ns, spin_ns; /* the client's; busy waits are in cpu_ns too */
    uint64_t standin_cpu_ns;  /* the other process's */
    uint64_t delay_ns, standin_delay_ns; /* each could run, and another had the processor */
    uint64_t p50_ns, p99_ns;             /* of a request, from its sending to its end; events: 0 */
    uint64_t sqes, cqes, entries;        /* as in struct quoit_stats */
    enum self_test_limit limit;
    char detail[160]; /* of the first failure; "": there was none */
};

/* How late the waits of one length ended. */
struct self_test_wait {
    uint64_t wait_ns, slack_ns; /* slack_ns: the timer slack of the thread */
    uint64_t count, p50_ns, p99_ns, max_ns;
};

struct self_test {
    enum quoit_io io; /* not AUTO */
    uint64_t duration_ns;
    bool own_cpus; /* client and stand-in have a processor each */
    const struct standin *standin;
};

/* Returns QUOIT_OK, or what quoit_create or the first quoit_submit said; then nothing was measured.
 */
enum quoit_error self_test_requests(const struct self_test *test, uint32_t in_flight,
                                    struct self_test_load *load_out);
enum quoit_error self_test_events(const struct self_test *test, uint32_t streams,
                                  struct self_test_load *load_out);

/* `slack_ns` 0: the thread's own. Takes a third of the test's duration, but at least one wait. */
enum quoit_error self_test_wait(const struct self_test *test, uint64_t wait_ns, uint64_t slack_ns,
                                struct self_test_wait *wait_out);

/* Processor time of the client without busy waits: what it had to do. */
uint64_t self_test_busy_ns(const struct self_test_load *load);

#endif
