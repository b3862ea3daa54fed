/*
 * run: a batch under way: lines become requests, ends become lines.
 *
 *     input --> query --> prepare --> quoit_submit
 *                 ^                        |
 *                 | a newer key            v
 *                 +------------------- quoit_next --> judge --> writer --> output
 *                                          |            |
 *                                          +-- again <--+
 *
 * Happy path: set the borrowed fields, run_go, and what it came to is in summary and output.
 *
 * A run can stop before its input ends: a signal, first answers that say that nothing will succeed,
 * a key that is not taken, a spent quota, servers that stay down, --max-failures, --max-time, an
 * output that cannot be written. All go one way: nothing new is read or sent, what is in flight may
 * end within the grace, the rest is cancelled, and no line is written for it.
 *
 * The promise: when run_go returns, every line that was read has ended in one output_put or
 * output_skip, and the library holds nothing of this run.
 */
#ifndef QUOIT_CLI_RUN_H
#define QUOIT_CLI_RUN_H

#include "cli/input.h"
#include "cli/judge.h"
#include "cli/output.h"
#include "cli/prepare.h"
#include "cli/progress.h"
#include "cli/query.h"
#include "cli/rates.h"
#include "cli/reread.h"
#include "cli/run_stream.h"
#include "cli/server.h"
#include "cli/summary.h"
#include "cli/writer.h"

/* How long what is in flight may still take, if nobody says; after SIGTERM and SIGHUP less, since
 * whoever sends those will not wait long. */
#define RUN_GRACE_NS UINT64_C(30000000000)
#define RUN_TERM_GRACE_NS UINT64_C(20000000000)

enum run_stop {
    RUN_GOING,
    RUN_INTERRUPTED, /* by a signal */
    RUN_HOPELESS,    /* the first answers are all like that: judge_is_hopeless */
    RUN_KEY,         /* the server does not take our key */
    RUN_QUOTA,       /* the quota is spent */
    RUN_OUTAGE,      /* the servers were down for longer than --wait-for-server */
    RUN_FAILURES,    /* as many lines failed as --max-failures says */
    RUN_TIME,        /* --max-time is over */
    RUN_UNFIT,       /* what an earlier run has left is not a beginning of --order input */
    RUN_BROKEN,      /* the input cannot be read, or the output not be written */
};

struct run {
    /* Set by the caller, who owns them. */
    struct quoit_engine *engine;
    const struct options *options;
    const struct server *server;
    struct keys *keys;
    struct input *input;
    struct output *output;
    struct progress *progress;
    struct summary *summary;
    struct prepare *prepare;
    struct rates *rates;
    struct reread *reread;  /* is told where lines begin; or NULL */
    uint64_t ordered_until; /* in the order of the input: all lines up to this have an answer */
    uint64_t requests_max;  /* queries under way, whatever they wait for */

    /* To be read. */
    enum run_stop stop;
    int input_error; /* errno, if the input could not be read */

    /* Private. */
    struct writer writer;
    struct servers servers;
    struct query_pool pool;
    struct run_stream streams;
    struct query *waiting; /* to be submitted before anything else; owned */
    bool input_done, input_late;
    bool passing;      /* more lines that need no request may follow at once */
    uint64_t open;     /* submitted, END not seen yet */
    uint64_t sequence; /* of the next line */
    uint64_t held;     /* queued after the last turn: they wait for a rate limit, or a server */
    uint64_t dropped;  /* queries that have no line */
    uint64_t settled;  /* queries that ended otherwise than in an answer */
    bool on_probation; /* no other answer was seen yet */
    char remedy[256];  /* against the first answer that all others may be like; "": none came */
    uint64_t outages_told;
    uint64_t answered_ns, silence_ns; /* when the last request ended; when that is told */
    uint64_t begin_ns, time_end_ns;   /* the latter: of --max-time */
    uint64_t grace_end_ns;            /* once it stops */
    bool all_cancelled;
};

/* How many requests the engine must be able to hold for `concurrency` in flight. */
uint64_t run_requests_max(uint64_t concurrency);

void run_go(struct run *run);

/* --- Between run.c and run_fill.c --- */

/* Submit what may be submitted now. */
void run_fill(struct run *run);

/* Send nothing new from here on. The first reason counts. */
void run_stop(struct run *run, enum run_stop why);

/* What to tell people of it. */
__attribute__((format(printf, 2, 3))) void run_say_why(struct run *run, const char *format, ...);

/* Send the query once more, as a request of its own. */
void run_send_again(struct run *run, struct query *query, const struct quoit_result *result);

/* --- Several servers: run_servers.c --- */

/*
 * Is the query to go to another server? It is, if this one is down; for a retry, or after its third
 * 429 here, if another one does better; and once at most after an error that nobody will be billed
 * for, of which the library has tried again what it could.
 */
bool run_may_move(const struct run *run, const struct query *query,
                  const struct quoit_result *result, enum judge_verdict verdict);

/* The query is no longer at its server, of which people hear when it is found to be down. */
void run_leave_server(struct run *run, const struct query *query, const struct quoit_result *result,
                      uint64_t now_ns);

void run_move(struct run *run, struct query *query, const struct quoit_result *result);

#endif
