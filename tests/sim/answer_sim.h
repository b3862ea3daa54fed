/*
 * answer_sim: the bytes of one answer, as a server of the simulation would write them.
 *
 * Pure but for chance: the same answer is written with other chunks, interim responses and
 * trailers each time. What it means is in struct answer and nowhere else.
 */
#ifndef QUOIT_TESTS_SIM_ANSWER_SIM_H
#define QUOIT_TESTS_SIM_ANSWER_SIM_H

#include "quoit.h"

enum answer_framing { ANSWER_LENGTH, ANSWER_CHUNKS, ANSWER_UNTIL_CLOSE, ANSWER_NO_BODY };

struct answer {
    uint32_t number, try_index, serial;
    uint16_t status;
    enum answer_framing framing;
    bool to_head;     /* of a HEAD request: the framing is said, the body left out */
    bool sse;         /* the body is `events` events; else body_size bytes of world_pattern */
    bool says_close;  /* Connection: close */
    bool old_version; /* HTTP/1.0 */
    uint32_t keep_alive_max; /* UINT32_MAX: not said */
    uint32_t keep_alive_s;   /* 0: not said */
    char wait[48];           /* a whole header line that names a wait, or empty */
    uint64_t body_size;
    uint32_t events;
};

/*
 * Choose the status (unless there is one), the framing and the size of an answer of which the rest
 * is filled in. `early`: the request's body was not read.
 */
void answer_choose(struct answer *answer, bool early, uint64_t body_size_max);

/* Does it say: too many requests? Then the request was not acted on. */
bool answer_turns_away(const struct answer *answer);

/* Static, until the next call. Stores body_size of an event stream. */
struct quoit_span answer_write(struct answer *answer);

/* What a server may say that nobody asked for: a whole answer; with `last`, one that says close. */
struct quoit_span answer_unasked(uint32_t serial, bool last);

#endif
