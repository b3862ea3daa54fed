/*
 * live: what the live tests share: servers of their own to talk to, their ledgers, and short ways
 * to run requests.
 *
 * A server is a child process: it is waited for until it says where it listens, it dies with the
 * test, and live_stop ends it by its id. What it was asked is read from its ledger over a plain
 * socket that has nothing to do with the library. Every wait is bounded by LIVE_WAIT_MS; a test
 * that meets the bound stops with a line that says what it has waited for.
 */
#ifndef QUOIT_TESTS_LIVE_H
#define QUOIT_TESTS_LIVE_H

#include "quoit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LIVE_WAIT_MS 20000
#define LIVE_NS_PER_MS UINT64_C(1000000)
#define LIVE_NS_PER_S UINT64_C(1000000000)
#define LIVE_ARGUMENTS_MAX 40

/* A quoit-mock that runs. */
struct live_server {
    pid_t pid;
    uint16_t port;       /* 0: it listens on a unix socket */
    uint16_t plain_port; /* where its ledger is asked for */
    char url[64];        /* http://127.0.0.1:PORT, or https:// */
    char unix_path[108]; /* "": none */
};

/* What is under way, for live_give_up to name; borrowed until the next call. */
void live_doing(const char *what);

/* Print why, and end the test program: nothing after it could say anything true. */
void live_give_up(const char *what) __attribute__((noreturn));

/*
 * Start quoit-mock with these options (NULL ends them; at most LIVE_ARGUMENTS_MAX), and wait until
 * it listens: on any port unless they say another.
 */
struct live_server live_start(const char *const *options);
void live_stop(struct live_server *server);

/* Start a program; live_program_stop ends it by its id. `output`: its stdout; -1: ours.
 */
pid_t live_program_start(const char *const *command, int output);
void live_program_stop(pid_t pid);

/* A line that such a program prints, without its end; `fd` is the pipe's other end. */
void live_read_line(int fd, char *line, size_t size);

/* A path below the folder of this build: "quoit-mock". Static. */
const char *live_build_path(const char *name);

/* A folder of this program's own, which goes when it ends. */
const char *live_folder(void);

/* One request through a plain socket. The caller frees the answer's body, which is NUL-ended. */
char *live_ask(const struct live_server *server, const char *method, const char *target,
               const char *body);

/* Change what the mock does, by lines of "name value"; the ledger begins anew. */
void live_set(const struct live_server *server, const char *lines);

/* A number of the ledger, by its name; or of one of its tallies ("paths", "/v1"), 0 if not there.
 */
uint64_t live_number(const struct live_server *server, const char *name);
uint64_t live_tally(const struct live_server *server, const char *tally, const char *key);

/* Ask the ledger until that number is `wanted`. The bound ends the test. */
void live_await_number(const struct live_server *server, const char *name, uint64_t wanted);

/* Open descriptors of this process. */
unsigned live_descriptors(void);

/* Wait until there are no more of them than that. The bound ends the test. */
void live_await_descriptors(unsigned wanted);

/* Resident memory of this process, in bytes. */
size_t live_memory(void);

/* server->url and path. Good until the eighth call that follows. */
const char *live_url(const struct live_server *server, const char *path);

/* A port on 127.0.0.1 on which nobody listens. */
uint16_t live_free_port(void);

/* -------- through the library -------- */

/* An engine on what this run is for (tests/io.h), or the end of the test. options may be NULL. */
struct quoit_engine *live_engine(const struct quoit_options *options);

/* quoit_submit, or the end of the test. */
uint64_t live_submit(struct quoit_engine *engine, const struct quoit_request *request);

/* Turn until there is an event, and take one. The bound ends the test. */
struct quoit_event live_next(struct quoit_engine *engine);

/* Take events, and drop them, until `count` ENDs have come. Returns how many of them were good. */
uint32_t live_drain(struct quoit_engine *engine, uint32_t count);

/* Submit one and wait for its END; other events are dropped. Good until the next turn. */
const struct quoit_result *live_run(struct quoit_engine *engine,
                                    const struct quoit_request *request);

/* The same for a GET of that URL without retries. */
const struct quoit_result *live_get(struct quoit_engine *engine, const char *url);

/* Turn until so many are in flight. */
void live_turn_until_in_flight(struct quoit_engine *engine, uint64_t count);

struct quoit_stats live_stats(const struct quoit_engine *engine);

#endif
