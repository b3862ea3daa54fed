/*
 * lesson: what a server's answers teach of one of its buckets, and how much may enter by it. Pure
 * arithmetic; time is an argument. Units are requests or tokens.
 *
 *     unknown --limit, remaining and reset of an answer--> bucket --two odd 429s--> window
 *                                                            ^                        |
 *                                                            +--- its end moves on ---+
 *
 * Unknown: nothing is limited.
 *
 * Bucket: the refill is (limit - remaining) / reset, the median of the last 16 answers. The level
 * is reckoned from what enters and what is refilled, and kept within what the newest answer allows
 * (that of the request that entered last, for answers overtake each other):
 *
 *     high = remaining + min(0, refill - entered)     both since that request
 *     low  = the same, less what entered in the second before that request
 *
 * The server counted at some moment between that request's sending and its answer. If at the
 * first, then neither what entered since nor what was refilled since is in `remaining`; if later,
 * a part of both is, and of what entered we cannot know which. In steady flow both are equal and it
 * does not matter; where more entered, it is taken for not counted; where less did, the difference
 * is not claimed. So the level is never above what the server said, and an answer that took
 * minutes says as much as a quick one. And of what was sent before that request some may not have
 * been counted, since requests overlap on their way, which takes less than a second: at most all
 * of it, hence low. Between the two our own reckoning knows best.
 *
 * A request enters when its units are there, and a reserve with them: what is refilled in a second,
 * or half of the bucket if that is less. It stands for all that is known too late. A level that is
 * not 0 costs no rate, only a bucket that overflows does; so the reserve costs its size once.
 *
 * Window: fixed windows look like buckets whose level is right and whose rate is not. Two 429s that
 * should not have been, after answers that told quite different rates, tell them apart. Then
 * nothing is refilled before the window's end: what may enter is the least `remaining` of this
 * window less what is in flight (what is answered is in the least of them). When the window ends,
 * one request a second enters until an answer tells what the new one holds. The end of a window
 * stands still: if it moves, it is none, and the lesson is a bucket again.
 *
 * It fails by 429s, never by standing still: waits are bounded by the refill, and those for an
 * instant that the server named by LESSON_WINDOW_MAX_NS.
 */
#ifndef QUOIT_ENGINE_LESSON_H
#define QUOIT_ENGINE_LESSON_H

#include "http/hints.h"

#define LESSON_RATES 16
#define LESSON_WINDOW_MAX_NS (3600 * UINT64_C(1000000000))

enum lesson_state { LESSON_UNKNOWN, LESSON_BUCKET, LESSON_WINDOW };

struct lesson {
    enum lesson_state state;
    uint64_t known_ns; /* since when it limits */
    uint64_t order;    /* of the newest request whose answer was heeded */
    double capacity;   /* `limit`; 0: not said yet */

    /* BUCKET; the rates go on in WINDOW. */
    double level;   /* at read_ns: what would be left, were all in flight counted */
    double ceiling; /* the same by the newest answer alone */
    uint64_t read_ns;
    double per_ns;
    double rates[LESSON_RATES]; /* a ring */
    uint32_t rates_count;
    double rate_min, rate_max; /* of answers that told it well */
    uint32_t refusals;         /* 429s that should not have been */

    /* WINDOW. */
    double low;        /* the least `remaining` of this window */
    uint64_t begin_ns; /* not known better than: after the last one */
    uint64_t end_ns;   /* UINT64_MAX: it has just begun, and no answer of it is here */
    uint64_t probe_ns; /* then: when the next request may enter */
};

/* An answer, as it concerns one bucket. */
struct lesson_answer {
    const struct hints_bucket *said;
    double cost;         /* what its request took */
    double entered;      /* what entered since then, less what was given back since */
    double entered_most; /* the same, with it: some of it may have entered before */
    double crowd;        /* what entered in the second before, itself too */
    double in_flight;    /* what has no answer yet, perhaps this one too */
    uint64_t order;      /* how many requests had entered before it */
    uint64_t sent_ns;    /* when it entered */
    uint64_t now_ns;
    uint64_t jitter_ns; /* added to instants that others may have been told as well */
    bool refused;       /* a 429 */
};

/* How long until `units` may enter; 0: now. `in_flight`: of which there are no answers yet. */
uint64_t lesson_wait_ns(struct lesson *lesson, double units, double in_flight, uint64_t now_ns);

/* They enter. lesson_wait_ns has just said 0. */
void lesson_take(struct lesson *lesson, double units, uint64_t now_ns);

/* So many more were taken. */
void lesson_charge(struct lesson *lesson, double units);

/* So many were not taken after all: at most to what the newest answer allows. */
void lesson_give_back(struct lesson *lesson, double units);

void lesson_learn(struct lesson *lesson, const struct lesson_answer *answer);

#endif
