/*
 * verdict_sim: what client_sim remembers of one request, and whether what came of it is what the
 * servers' ledger says that it must be.
 */
#ifndef QUOIT_TESTS_SIM_VERDICT_SIM_H
#define QUOIT_TESTS_SIM_VERDICT_SIM_H

#include "quoit.h"
#include "tests/sim/server_sim.h"

struct ask {
    uint32_t number;
    uint64_t id; /* 0: not submitted */
    bool ended, cancelled, paused, kept;
    bool stubborn; /* once paused, it stays so: its timeouts must end it */
    enum quoit_stream stream;
    enum quoit_replay replay;
    bool judge;
    enum ledger_method method;
    uint64_t deadline_ns; /* a length; 0: none */
    uint64_t start_ns, submitted_ns, cancelled_ns;
    char *body; /* owned; scribbled over and freed at END */
    uint32_t agains;

    /* Of the stream under way. */
    bool head_seen;
    uint32_t try_index;
    bool is_tainted;   /* what comes says nothing */
    uint64_t received; /* bytes of pieces */
    uint32_t messages;

    const struct quoit_result *result; /* while kept */
    char url[64], path[32], secret[48], mark[16];
    struct quoit_header headers[3];
};

/*
 * The try that an answer belongs to; one of somebody else is a violation. NULL: it says nothing,
 * since its connection was tainted (then ask->is_tainted is set), or an error came without a head.
 */
const struct ledger_try *verdict_find_try(struct ask *ask, const struct quoit_result *result);

/* Are the bytes of a body, perhaps cut short, those of that try? */
void verdict_check_body(const struct ask *ask, const struct quoit_result *result,
                        const struct ledger_try *try);

/* Was it acted on no more often than its replay allows? */
void verdict_check_executed(const struct ask *ask);

/* All that can be said of a result at END. */
void verdict_check(struct ask *ask, const struct quoit_result *result, bool calm);

#endif
