/*
 * world: what all parts of the simulation share: the seed, the clock, chance, and the list of all
 * that can go wrong.
 *
 * There is one world at a time, so nothing here takes a handle. Everything that happens in it
 * follows from its seed: nobody reads a real clock or another source of chance.
 *
 * What may happen is drawn by world_happens, which counts it; what comes about by itself is counted
 * by world_note. So a run can say of each kind how often it was, and a kind that never was is seen.
 *
 * A promise that is broken ends the process by world_violation, with the seed and the command that
 * shows it again.
 */
#ifndef QUOIT_TESTS_SIM_WORLD_H
#define QUOIT_TESTS_SIM_WORLD_H

#include "base/bits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_NEVER UINT64_MAX

/*
 * X(name, calm, text). `calm` says that a network without faults does it too: it may cost time, and
 * never an answer.
 */
#define WORLD_FAULT_MAP(X)                                                                         \
    /* of the ring */                                                                              \
    X(RING_REFUSED, false, "no ring is to be had")                                                 \
    X(SOCKET_REFUSED, false, "no descriptor is left")                                              \
    X(SUBMIT_EARLY, true, "the submission queue is full and goes out at once")                     \
    X(SEND_SHORT, true, "a send takes a part")                                                     \
    X(SEND_NOTHING, true, "a quiet send finds no room")                                            \
    X(SEND_LATE, true, "an ordinary send waits although there is room")                            \
    X(SEND_BROKEN, false, "a send finds the connection broken")                                    \
    X(SEND_DEADLINE, false, "a send's deadline fires")                                             \
    X(SEND_DEADLINE_FIRST, false, "a send's deadline fires although there is room")                \
    X(RECV_SMALL, true, "a receive takes less than there is")                                      \
    X(RECV_ENDED, true, "a standing receive ends for no reason, with bytes")                       \
    X(RECV_NO_BUFFER, true, "a receive finds no buffer")                                           \
    X(RECV_LARGE, true, "a receive takes more than a small buffer holds")                          \
    X(RECV_NO_LARGE_BUFFER, true, "a receive finds no large buffer")                               \
    X(LARGE_REFUSED, true, "large buffers are not to be had")                                      \
    X(RECV_DEADLINE, true, "a receive's deadline fires, nothing was there")                        \
    X(DEADLINE_FIRST, true, "a receive's deadline fires and leaves bytes behind")                  \
    X(DATA_FIRST, true, "a receive's deadline fires just after bytes")                             \
    X(DEADLINE_LATE, true, "a deadline fires late")                                                \
    X(CANCEL_LOST, true, "a cancel finds that its target has ended")                               \
    X(CANCEL_TOO_LATE, true, "a cancel of what ended in this very turn")                           \
    X(CANCEL_WON, true, "a cancel ends its target")                                                \
    X(CANCEL_DATA_FIRST, true, "a cancelled receive still brings what was there")                  \
    X(CANCEL_RUNNING, true, "a cancel cannot stop its target (-EALREADY), only hurry it")          \
    X(CANCEL_NO_BUFFERS, true, "a cancelled receive ends with -ENOBUFS (before 6.5)")              \
    X(UNIX_END_MISSED, false, "the end on a unix socket is not told to a waiting receive")         \
    X(DONE_LATE, true, "the kernel does a part of its work in the next turn")                      \
    X(DONE_OVERFLOW, true, "the completion queue overflows: a turn does not bring all")            \
    X(DONE_REORDERED, true, "completions of several connections come in another order")            \
    X(TURN_LATE, true, "the program does something else for a while")                              \
    X(ACT_SLOW, true, "to act on what was received takes a while")                                 \
    X(CALLER_AWAY, true, "the caller is away between two turns, for up to 50 ms")                  \
    X(CALLER_GONE, false, "the caller is away between two turns, for up to five seconds")          \
    X(TURN_INTERRUPTED, true, "a signal ends a wait")                                              \
    /* of the network */                                                                           \
    X(CONNECT_SLOW, true, "a connect takes long")                                                  \
    X(CONNECT_REFUSED, false, "a connect is refused")                                              \
    X(CONNECT_UNREACHABLE, false, "a connect finds no route")                                      \
    X(CONNECT_BLACK_HOLE, false, "a connect hears nothing")                                        \
    X(CONNECT_TIMED_OUT, false, "the kernel gives up a connect")                                   \
    X(CONNECT_DEADLINE, false, "a connect's deadline fires")                                       \
    X(CONNECT_DEADLINE_FIRST, false, "a connect's deadline fires although it is there")            \
    X(SEND_BUFFER_SMALL, true, "a small send buffer")                                              \
    X(WINDOW_SMALL, true, "a small receive window")                                                \
    X(DRIP, true, "bytes come a few at a time")                                                    \
    X(DRIP_SLOW, false, "bytes come seconds apart")                                                \
    /* of the servers */                                                                           \
    X(READ_SLOW, true, "the server reads a request slowly")                                        \
    X(READ_NEVER, false, "the server does not read the rest of a request")                         \
    X(READ_FIN, false, "the server closes at some byte of a request")                              \
    X(READ_RST, false, "RST at some byte of a request")                                            \
    X(ANSWER_SLOW, true, "the answer takes a while")                                               \
    X(ANSWER_LATE, false, "the answer takes seconds to minutes")                                   \
    X(ANSWER_NEVER, false, "no answer, and the connection stays")                                  \
    X(ANSWER_CHUNKED, true, "chunked")                                                             \
    X(ANSWER_CLOSE_DELIMITED, true, "a body that ends with the connection")                        \
    X(ANSWER_INTERIM, true, "1xx first")                                                           \
    X(ANSWER_EMPTY, true, "204")                                                                   \
    X(ANSWER_GARBAGE, false, "no HTTP")                                                            \
    X(ANSWER_500, false, "500")                                                                    \
    X(ANSWER_429, false, "429")                                                                    \
    X(ANSWER_503_PACED, false, "503 that names a wait")                                            \
    X(ANSWER_WAIT_LONG, false, "a wait of more than 120 s")                                        \
    X(EARLY_READS_ON, true, "answered before the body was read; reads on")                         \
    X(EARLY_FIN, true, "answered before the body was read; FIN")                                   \
    X(EARLY_CLOSED, false, "answered before the body was read; closed, so that the rest resets")   \
    X(EARLY_RST, true, "answered before the body was read; RST")                                   \
    X(CLOSE_SAID, true, "Connection: close")                                                       \
    X(CLOSE_BY_VERSION, true, "HTTP/1.0")                                                          \
    X(KEEP_ALIVE_MAX, true, "Keep-Alive: max")                                                     \
    X(KEEP_ALIVE_TIMEOUT, true, "Keep-Alive: timeout")                                             \
    X(WHOLE_FIN, false, "a whole answer, then FIN unannounced")                                    \
    X(WHOLE_RST, false, "a whole answer, then RST")                                                \
    X(CUT_FIN, false, "an answer is cut by FIN")                                                   \
    X(CUT_RST, false, "an answer is cut by RST")                                                   \
    X(CUT_STALL, false, "an answer stands still")                                                  \
    X(REUSE_FIN, false, "FIN just as a kept connection is used again")                             \
    X(REUSE_RST, false, "RST just as a kept connection is used again")                             \
    X(REUSE_LOST, false, "a request on a kept connection is acted on, the answer lost")            \
    X(FRESH_LOST, false, "a request on a new connection is acted on, the answer lost")             \
    X(IDLE_FIN, false, "an idle connection is closed")                                             \
    X(UNASKED_IDLE, false, "a 408 on an idle connection, then FIN")                                \
    X(UNASKED_BEHIND, false, "a second answer right behind the first")                             \
    X(UNASKED_LATER, false, "a second answer a while after the first")                             \
    X(UNASKED_AT_ONCE, false, "a second answer at the very moment at which a request is sent")     \
    X(UNASKED_TAKEN, false, "unasked bytes raced with a request, and no client could know")

enum world_fault {
#define WORLD_X(name, calm, text) WORLD_##name,
    WORLD_FAULT_MAP(WORLD_X)
#undef WORLD_X
        WORLD_FAULTS,
    WORLD_SERVER_FIRST = WORLD_READ_SLOW, /* from here on it is the servers' doing */
};

struct world_profile {
    uint32_t permille[WORLD_FAULTS]; /* how often each happens where it can */
};

/* A calm world, and one in which everything may happen; seeds differ in what does. */
struct world_profile world_profile_calm(uint64_t seed);
struct world_profile world_profile_rough(uint64_t seed);

/*
 * Begin a world. `command` runs it again, but for the seed and the count; NULL: whoever runs it
 * watches it, and signals stay as they are.
 */
void world_begin(uint64_t seed, const struct world_profile *profile, const char *command);

/*
 * From now on chance is what these bytes say, for a fuzzer; when they are used up, each draw is the
 * highest, with which nothing happens. Borrowed until the next world_begin.
 */
void world_feed(const uint8_t *bytes, size_t size);

/* From now on no fault happens but by world_note; what a test does to hear the last of it. */
void world_change(const struct world_profile *profile);

bool world_happens(enum world_fault fault);
void world_note(enum world_fault fault);
uint64_t world_count(enum world_fault fault); /* in all worlds of this process */
const char *world_fault_name(enum world_fault fault);
bool world_fault_is_calm(enum world_fault fault);

/* Uniform: below `bound` (which is above 0), and from low to high. */
uint64_t world_below(uint64_t bound);
uint64_t world_between(uint64_t low, uint64_t high);

/* From 0 to high, small ones as likely as large ones. */
uint64_t world_size(uint64_t high);

uint64_t world_now_ns(void);
void world_advance_to(uint64_t instant_ns); /* an instant that has passed changes nothing */

void world_violation(const char *format, ...) __attribute__((noreturn, cold, format(printf, 1, 2)));

/* On stderr, with the time; only if world_trace_on. */
extern bool world_trace_on;
#define world_trace(...)                                                                           \
    do {                                                                                           \
        if (world_trace_on) {                                                                      \
            world_trace_line(__VA_ARGS__);                                                         \
        }                                                                                          \
    } while (0)
void world_trace_line(const char *format, ...) __attribute__((cold, format(printf, 1, 2)));

/*
 * Bytes by which everybody knows whose they are: letters and digits that follow from the world's
 * seed, `owner` and `part`. At most WORLD_PATTERN_SIZE of them; static.
 */
#define WORLD_PATTERN_SIZE (1024 * 1024)
const char *world_pattern(uint64_t owner, uint64_t part);

#endif
