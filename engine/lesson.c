/*
 * lesson: see lesson.h.
 */
#include "engine/lesson.h"

#include "base/bits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LESSON_RESERVE_NS 1e9    /* of refill */
#define LESSON_RESERVE_MIN 0.5   /* units: `remaining` is told in whole ones */
#define LESSON_PROBE_NS NS_PER_S /* between requests that ask what a new window holds */
#define LESSON_ROUNDING_NS (1500 * NS_PER_MS) /* resets are told in whole seconds by some */
#define LESSON_REFUSALS 2
#define LESSON_WINDOW_SPREAD 1.5 /* between the refills that one window seems to have */
#define LESSON_TELLING 8         /* a rate is a good one when that part of the limit is missing */

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
    double reserve = max_double(lesson->per_ns * LESSON_RESERVE_NS, LESSON_RESERVE_MIN);

    return min_double(reserve, lesson->capacity / 2);
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

/* Nothing speaks against a bucket. */
static void lesson_trust(struct lesson *lesson)
{
    lesson->refusals = 0;
    lesson->rate_min = INFINITY;
    lesson->rate_max = 0;
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
    if (answer->refused && lesson->state != LESSON_UNKNOWN) {
        return; /* nearly a whole unit may be there, which `remaining` does not tell */
    }
    double missing = (double)(said->limit - said->remaining);
    double rate = missing / (double)said->reset_ns;
    lesson->rates[lesson->rates_count++ % LESSON_RATES] = rate;
    if (lesson->rates_count == 2 * LESSON_RATES) { /* it stays full, and never overflows */
        lesson->rates_count = LESSON_RATES;
    }
    lesson->per_ns = lesson_median(lesson);
    if (missing * LESSON_TELLING >= lesson->capacity) {
        lesson->rate_min = min_double(lesson->rate_min, rate);
        lesson->rate_max = max_double(lesson->rate_max, rate);
    }
    if (lesson->state == LESSON_UNKNOWN) {
        lesson->state = LESSON_BUCKET;
        lesson->known_ns = answer->now_ns;
        lesson->order = 0;
        lesson_trust(lesson);
        lesson->level = -lesson->capacity; /* as little as the first reading allows */
        lesson->ceiling = lesson->capacity;
        lesson->read_ns = answer->now_ns;
    }
}

static void bucket_refill(struct lesson *lesson, uint64_t now_ns)
{
    double passed_ns = (double)until_ns(now_ns, lesson->read_ns);

    double refill = passed_ns * lesson->per_ns;

    lesson->level = min_double(lesson->level + refill, lesson->capacity);
    lesson->ceiling = min_double(lesson->ceiling + refill, lesson->capacity);
    lesson->read_ns = max_u64(now_ns, lesson->read_ns);
}

/* The server's level is never below 0, so ours is not by more than what may still reach it. */
static void bucket_raise(struct lesson *lesson, double in_flight)
{
    lesson->level = max_double(lesson->level, -in_flight);
}

static void bucket_read(struct lesson *lesson, const struct lesson_answer *answer)
{
    double refilled = lesson->per_ns * (double)until_ns(answer->now_ns, answer->sent_ns);

    bucket_refill(lesson, answer->now_ns);
    if (answer->order < lesson->order) {
        return; /* a newer one has spoken */
    }
    lesson->order = answer->order;
    if (is_said(answer->said->remaining)) {
        double remaining = (double)answer->said->remaining;
        double high = remaining + min_double(0, refilled - answer->entered);
        double low = remaining + min_double(0, refilled - answer->entered_most) - answer->crowd;
        lesson->ceiling = high;
        lesson->level = min_double(max_double(lesson->level, low), high);
    }
    if (lesson_has_refused(answer)) {
        lesson->ceiling = min_double(lesson->ceiling, 0);
        lesson->level = min_double(lesson->level, 0);
    }
    bucket_raise(lesson, answer->in_flight);
}

/* -------- the window -------- */

/*
 * A 429 although there should have been enough. A bucket whose refill was told as one thing and
 * then as quite another is a window: the same end, told with more and more missing.
 */
static void lesson_doubt(struct lesson *lesson, const struct lesson_answer *answer)
{
    const struct hints_bucket *said = answer->said;

    if (!lesson_has_refused(answer) || answer->sent_ns < lesson->known_ns ||
        !is_said(said->remaining) || !is_said(said->reset_ns)) {
        return; /* not by this bucket, or from before it was known */
    }
    lesson->refusals++;
    if (lesson->refusals < LESSON_REFUSALS ||
        lesson->rate_max < LESSON_WINDOW_SPREAD * lesson->rate_min) {
        return;
    }
    lesson->state = LESSON_WINDOW;
    lesson->low = (double)said->remaining;
    lesson->begin_ns = 0;
    lesson->end_ns =
        after_ns(answer->now_ns + answer->jitter_ns, min_u64(said->reset_ns, LESSON_WINDOW_MAX_NS));
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
        lesson_trust(lesson);
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
    double reserve = lesson_reserve(lesson);
    double needed = min_double(units, lesson->capacity - reserve) + reserve;
    if (lesson->level >= needed) {
        return 0;
    }
    double wait_ns = (needed - lesson->level) / lesson->per_ns + 1;
    return wait_ns < (double)LESSON_WINDOW_MAX_NS ? (uint64_t)wait_ns : LESSON_WINDOW_MAX_NS;
}

void lesson_take(struct lesson *lesson, double units, uint64_t now_ns)
{
    bucket_refill(lesson, now_ns);
    lesson_charge(lesson, units);
    if (lesson->state == LESSON_WINDOW && lesson->end_ns == UINT64_MAX) {
        lesson->probe_ns = now_ns + LESSON_PROBE_NS;
    }
}

void lesson_charge(struct lesson *lesson, double units)
{
    lesson->level = max_double(lesson->level - units, -lesson->capacity);
    lesson->ceiling = max_double(lesson->ceiling - units, -lesson->capacity);
}

void lesson_give_back(struct lesson *lesson, double units)
{
    lesson->level = min_double(lesson->level + units, lesson->ceiling);
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
