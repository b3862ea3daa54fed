/*
 * result: one result of `quoit bench` or `quoit batch --summary`, as its JSON text and the numbers
 * in it that can be compared.
 *
 * Happy path: result_read, then what is asked for. The text is not changed, not copied and not made
 * a tree of; so what a page shows of it is what stood in the file.
 *
 * It fails when the text is no such result: a sentence says what is wrong with it. A number that is
 * null or not there is none, and no fault; one that is a string, below 0 or beyond all sense is.
 */
#ifndef QUOIT_BENCH_RESULT_H
#define QUOIT_BENCH_RESULT_H

#include "bench/measure.h"
#include "bench/statistics.h"
#include "llm/walk.h"

#define RESULT_FAULT_SIZE 160
#define RESULT_SIZE_MAX ((size_t)16 << 20)
#define RESULT_POINTS_MAX 10000 /* of the timeline; quoit bench writes 300 */
#define RESULT_NUMBER_MAX 1e15  /* of milliseconds that is 30,000 years */

struct result {
    struct json_span text;   /* borrowed */
    double values[MEASURES]; /* NAN: it has none */
    double seconds;          /* 0: not said */
    double interval_seconds; /* of the timeline; 0: there is none */
    struct json_span points; /* of the timeline; an array of objects */
    bool is_batch;           /* of `quoit batch`, which counts latency from the slot */
};

/*
 * Look at a text that json_check has found good.
 *
 *   Borrows  text, as long as the result is used.
 *
 * False: what is wrong is in `fault`; *result_out is of no use.
 */
bool result_read(struct json_span text, struct result *result_out, char fault[RESULT_FAULT_SIZE]);

/*
 * Add, for each interval of the timeline that has enough requests, what it says of `measure`. Of
 * what is counted per second only whole intervals say something.
 */
void result_add_intervals(const struct result *result, enum measure measure,
                          struct statistics *statistics);

/* The member `name` of the object `object` (NULL: of the result). False: none, or null. */
bool result_find(const struct result *result, const char *object, const char *name,
                 struct walk_item *item_out);

#endif
