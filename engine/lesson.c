/*
 * lesson: see lesson.h.
 */
#include "engine/lesson.h"

#include "base/bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LESSON_RESERVE_NS 1e9               /* of refill */
#define LESSON_PROBE_NS NS_PER_S            /* between requests that ask what a new window holds */
#define LESSON_ROUNDING_NS (1500 * NS_PER_MS) /* resets are told in whole seconds by some */
#define LESSON_REFUSALS 2

static bool is_said(uint64_t value)
{
    return value != HINTS_NONE;
}

static double min_double(double a, double b)
{
    return a < b ? a : b;
}

static double max_double(double a, double b)
{
    return a > b ? a : b;
}

static double lesson_reserve(const struct lesson *lesson)
{
    return min_double(lesson->per_ns * LESSON_RESERVE_NS, lesson->capacity / 2);
}

/* Is it a 429, and may it be by this bucket? */
static bool lesson_has_refused(const struct lesson_answer *answer)
{
    uint64_t remaining = answer->said->remaining;

    return answer->refused && (!is_said(remaining) || (double)remaining < answer->cost);
}

/* -------- the bucket -------- */

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The lower one, where there are two in the middle: rather slow than refused. */
static double lesson_median(const struct lesson *lesson)
{
    double sorted[LESSON_RATES];
    size_t count = min_u64(lesson->rates_count, LESSON_RATES);

    memcpy(sorted, lesson->rates, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_doubles);
    return sorted[(count - 1) / 2];
}

static void lesson_note_rate(struct lesson *lesson, const struct lesson_answer *answer)
{
    const struct hints_bucket *said = answer->said;

    if (is_said(said->limit) && (double)said->limit != lesson->capacity) {
        lesson->capacity = (double)said->limit; /* another bucket: nothing of the old one holds */
        lesson->rates_count = 0;
        lesson->state = LESSON_UNKNOWN;
    }
    if (!is_said(said->limit) || !is_said(said->remaining) || !is_said(said->reset_ns) ||
        said->remaining >= said->limit || said->reset_ns == 0) {
        return;
    }
    double missing = (double)(said->limit - said->remaining);
    lesson->rates[lesson->rates_count++ % LESSON_RATES] = missing / (double)said->reset_ns;
    if (lesson->rates_count == 2 * LESSON_RATES) { /* it stays full, and never overflows */
        lesson->rates_count = LESSON_RATES;
    }
    lesson->per_ns = lesson_median(lesson);
    if (lesson->state == LESSON_UNKNOWN) {
        lesson->state = LESSON_BUCKET;
        lesson->known_ns = answer->now_ns;
        lesson->order = 0;
        lesson->refusals = 0;
        lesson->level = lesson->capacity;
        lesson->read_ns = answer->now_ns;
    }
}

/* The server's level is never below 0, so ours is not by more than what may still reach it. */
static void bucket_raise(struct lesson *lesson, double in_flight)
{
    lesson->level = max_double(lesson->level, -in_flight - lesson_reserve(lesson));
}

static void bucket_refill(struct lesson *lesson, uint64_t now_ns)
{
    double passed_ns = (double)until_ns(now_ns, lesson->read_ns);
    double full = lesson->capacity - lesson_reserve(lesson);

    lesson->level = min_double(lesson->level + passed_ns * lesson->per_ns, full);
    lesson->read_ns = max_u64(now_ns, lesson->read_ns);
}

static void bucket_read(struct lesson *lesson, const struct lesson_answer *answer)
{
    double age_ns = (double)until_ns(answer->now_ns, answer->before_ns);

    bucket_refill(lesson, answer->now_ns);
    if (answer->order < lesson->order) {
        return; /* a newer one has spoken */
    }
    if (is_said(answer->said->remaining)) {
        double more = max_double(0, answer->entered - lesson->per_ns * age_ns);
        lesson->order = answer->order;
        lesson->level = (double)answer->said->remaining - more - lesson_reserve(lesson);
        bucket_raise(lesson, answer->in_flight);
    }
    if (lesson_has_refused(answer)) {
        lesson->level = min_double(lesson->level, 0);
    }
}

/* -------- the window -------- */

static void window_begin(struct lesson *lesson, const struct lesson_answer *answer)
{
    lesson->state = LESSON_WINDOW;
    lesson->low = (double)answer->said->remaining;
    lesson->begin_ns = 0;
    lesson->end_ns = lesson->end_max_ns + answer->jitter_ns;
}

/* A 429 although the bucket was thought to hold enough: is it a window, whose end stands still? */
static void lesson_doubt(struct lesson *lesson, const struct lesson_answer *answer)
{
    const struct hints_bucket *said = answer->said;

    if (!lesson_has_refused(answer) || answer->sent_ns < lesson->known_ns ||
        !is_said(said->remaining) || !is_said(said->reset_ns)) {
        return; /* not by this bucket, or from before it was known */
    }
    uint64_t reset_ns = min_u64(said->reset_ns, LESSON_WINDOW_MAX_NS);
    uint64_t min_ns = answer->sent_ns + reset_ns;
    uint64_t max_ns = answer->now_ns + reset_ns;
    bool same = lesson->refusals > 0 && min_ns <= lesson->end_max_ns + LESSON_ROUNDING_NS &&
                lesson->end_min_ns <= max_ns + LESSON_ROUNDING_NS;
    lesson->refusals = same ? lesson->refusals + 1 : 1;
    lesson->end_min_ns = same ? max_u64(lesson->end_min_ns, min_ns) : min_ns;
    lesson->end_max_ns = same ? min_u64(lesson->end_max_ns, max_ns) : max_ns;
    if (lesson->refusals == LESSON_REFUSALS) {
        window_begin(lesson, answer);
    }
}

/* Has the window ended? Then nothing is known of the next one yet. */
static void window_turn(struct lesson *lesson, uint64_t now_ns)
{
    if (now_ns >= lesson->end_ns) {
        lesson->begin_ns = lesson->end_ns;
        lesson->end_ns = UINT64_MAX;
        lesson->probe_ns = now_ns;
    }
}

static uint64_t window_wait_ns(struct lesson *lesson, double units, double in_flight,
                               uint64_t now_ns)
{
    window_turn(lesson, now_ns);
    if (lesson->end_ns == UINT64_MAX) {
        return until_ns(lesson->probe_ns, now_ns);
    }
    double needed = min_double(units, lesson->capacity);
    return lesson->low - in_flight >= needed ? 0 : until_ns(lesson->end_ns, now_ns);
}

static void window_read(struct lesson *lesson, const struct lesson_answer *answer)
{
    const struct hints_bucket *said = answer->said;

    window_turn(lesson, answer->now_ns);
    if (answer->sent_ns < lesson->begin_ns || !is_said(said->remaining) ||
        !is_said(said->reset_ns)) {
        return; /* it speaks of the last window, or of none */
    }
    uint64_t reset_ns = min_u64(said->reset_ns, LESSON_WINDOW_MAX_NS);
    uint64_t end_ns = answer->now_ns + reset_ns + answer->jitter_ns;
    double remaining = (double)said->remaining;
    if (lesson->end_ns == UINT64_MAX) {
        lesson->low = remaining;
        lesson->end_ns = end_ns;
    } else if (answer->sent_ns + reset_ns > lesson->end_ns + LESSON_ROUNDING_NS) {
        lesson->state = LESSON_BUCKET;
        lesson->refusals = 0;
        lesson->read_ns = answer->now_ns;
        bucket_read(lesson, answer);
    } else {
        lesson->low = min_double(lesson->low, remaining);
        lesson->end_ns = min_u64(lesson->end_ns, end_ns);
    }
}

/* -------- both -------- */

uint64_t lesson_wait_ns(struct lesson *lesson, double units, double in_flight, uint64_t now_ns)
{
    if (units <= 0) {
        return 0;
    }
    switch (lesson->state) {
    case LESSON_UNKNOWN:
        return 0;
    case LESSON_BUCKET:
        break;
    case LESSON_WINDOW:
        return window_wait_ns(lesson, units, in_flight, now_ns);
    }
    bucket_refill(lesson, now_ns);
    bucket_raise(lesson, in_flight);
    double needed = min_double(units, lesson->capacity - lesson_reserve(lesson));
    if (lesson->level >= needed) {
        return 0;
    }
    double wait_ns = (needed - lesson->level) / lesson->per_ns + 1;
    return wait_ns < (double)LESSON_WINDOW_MAX_NS ? (uint64_t)wait_ns : LESSON_WINDOW_MAX_NS;
}

void lesson_take(struct lesson *lesson, double units, uint64_t now_ns)
{
    switch (lesson->state) {
    case LESSON_UNKNOWN:
        return;
    case LESSON_BUCKET:
        bucket_refill(lesson, now_ns);
        lesson->level = max_double(lesson->level - units, -lesson->capacity);
        return;
    case LESSON_WINDOW:
        if (lesson->end_ns == UINT64_MAX) {
            lesson->probe_ns = now_ns + LESSON_PROBE_NS;
        }
        return;
    }
}

void lesson_learn(struct lesson *lesson, const struct lesson_answer *answer)
{
    lesson_note_rate(lesson, answer);
    switch (lesson->state) {
    case LESSON_UNKNOWN:
        return;
    case LESSON_BUCKET:
        bucket_read(lesson, answer);
        lesson_doubt(lesson, answer);
        return;
    case LESSON_WINDOW:
        window_read(lesson, answer);
        return;
    }
}
