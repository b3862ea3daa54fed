/*
 * result: see result.h. The numbers are read once, when a result is opened, and each point of the
 * timeline is looked at then, so that nothing that comes later can find something wrong.
 */
#include "bench/result.h"

#include "llm/number.h"

#include <math.h>
#include <stdio.h>

enum result_number {
    RESULT_NUMBER,
    RESULT_NONE,  /* null, or not there */
    RESULT_WRONG, /* something that is no such number */
};

/* --- One number --- */

static bool result_find_member(struct json_span object, const char *name,
                               struct walk_item *item_out)
{
    struct walk_item item;

    if (!walk_find(object, name, &item) || item.kind == JSON_NULL) {
        return false;
    }
    *item_out = item;
    return true;
}

bool result_find(const struct result *result, const char *object, const char *name,
                 struct walk_item *item_out)
{
    struct walk_item item = { .value = result->text };

    if (object != NULL && !result_find_member(result->text, object, &item)) {
        return false;
    }
    return result_find_member(item.value, name, item_out);
}

static enum result_number result_number(struct json_span object, const char *name,
                                        double *value_out)
{
    struct walk_item item;

    if (!result_find_member(object, name, &item)) {
        return RESULT_NONE;
    }
    if (item.kind != JSON_NUMBER) {
        return RESULT_WRONG;
    }
    double value = number_read(item.value);
    if (!(value >= 0 && value <= RESULT_NUMBER_MAX)) {
        return RESULT_WRONG;
    }
    *value_out = value;
    return RESULT_NUMBER;
}

/* `part` of `whole`, both members of an object, as percent. */
static enum result_number result_percent(double part, double whole, double *value_out)
{
    if (part > whole) {
        return RESULT_WRONG;
    }
    if (whole == 0) {
        return RESULT_NONE;
    }
    *value_out = 100 * part / whole;
    return RESULT_NUMBER;
}

/* Of what was asked. What could not even be sent is an error too. */
static enum result_number result_error_rate(struct json_span requests, double *value_out)
{
    double total = 0, good = 0;

    if (result_number(requests, "total", &total) != RESULT_NUMBER ||
        result_number(requests, "ok", &good) != RESULT_NUMBER || good > total) {
        return RESULT_WRONG;
    }
    return result_percent(total - good, total, value_out);
}

/* `enough` is how many must have been measured. */
static enum result_number result_measure(struct json_span text, const struct measure_row *row,
                                         double enough, double *value_out)
{
    struct walk_item item = { .value = text, .kind = JSON_OBJECT };
    double count = 0;

    if (row->object != NULL && !result_find_member(text, row->object, &item)) {
        return RESULT_NONE;
    }
    if (item.kind != JSON_OBJECT) {
        return RESULT_WRONG;
    }
    if (row->member == NULL) {
        return result_error_rate(item.value, value_out);
    }
    if (enough > 0) {
        enum result_number counted = result_number(item.value, "count", &count);
        if (counted != RESULT_NUMBER || count < enough) {
            return counted == RESULT_WRONG ? RESULT_WRONG : RESULT_NONE;
        }
    }
    return result_number(item.value, row->member, value_out);
}

/* --- The timeline --- */

/*
 * What is counted: only of an interval that ends within the window, and is not a rest of one. Its
 * length is what the clock said, where the point has it.
 */
static enum result_number result_point_per_second(const struct result *result,
                                                  struct json_span point, const char *name,
                                                  double *value_out)
{
    double begin = 0, count = 0, length = result->interval_seconds;
    enum result_number found = result_number(point, name, &count);

    if (found != RESULT_NUMBER || result_number(point, "seconds", &begin) != RESULT_NUMBER) {
        return found == RESULT_NONE ? RESULT_NONE : RESULT_WRONG;
    }
    if (result_number(point, "length", &length) == RESULT_WRONG) {
        return RESULT_WRONG;
    }
    if (length < result->interval_seconds / 2 || begin + length > result->seconds + 0.002) {
        return RESULT_NONE; /* 2 ms: both are rounded */
    }
    *value_out = count / length;
    return RESULT_NUMBER;
}

static enum result_number result_point(const struct result *result, struct json_span point,
                                       enum measure measure, double *value_out)
{
    const struct measure_row *row = &measure_rows[measure];
    double good = 0, failed = 0;

    if (row->point_count != NULL) {
        return result_point_per_second(result, point, row->point_count, value_out);
    }
    if (measure != MEASURE_ERROR_RATE) {
        return result_measure(point, row, row->point_min, value_out);
    }
    enum result_number good_found = result_number(point, "ok", &good);
    enum result_number failed_found = result_number(point, "failed", &failed);
    if (good_found == RESULT_NUMBER && failed_found == RESULT_NUMBER) {
        return result_percent(failed, good + failed, value_out);
    }
    return good_found == RESULT_WRONG || failed_found == RESULT_WRONG ? RESULT_WRONG : RESULT_NONE;
}

void result_add_intervals(const struct result *result, enum measure measure,
                          struct statistics *statistics)
{
    struct walk walk;
    struct walk_item item;
    double value = 0;

    if (result->points.size == 0) {
        return; /* it has no timeline */
    }
    walk_begin(&walk, result->points);
    while (walk_next(&walk, &item)) {
        if (result_point(result, item.value, measure, &value) == RESULT_NUMBER) {
            statistics_add(statistics, value);
        }
    }
}

/* --- A whole result --- */

static bool result_refuse(char fault[RESULT_FAULT_SIZE], const char *what, const char *why)
{
    snprintf(fault, RESULT_FAULT_SIZE, "%s %s", what, why);
    return false;
}

static bool result_check_points(const struct result *result, char fault[RESULT_FAULT_SIZE])
{
    struct walk walk;
    struct walk_item item;
    size_t count = 0;
    double value = 0;

    if (result->points.size == 0) {
        return true; /* it has no timeline */
    }
    walk_begin(&walk, result->points);
    while (walk_next(&walk, &item)) {
        if (item.kind != JSON_OBJECT || ++count > RESULT_POINTS_MAX) {
            return result_refuse(fault, "its timeline", "is not one of quoit bench");
        }
        for (unsigned measure = 0; measure < MEASURES; measure++) {
            if (result_point(result, item.value, (enum measure)measure, &value) == RESULT_WRONG) {
                return result_refuse(fault, measure_rows[measure].name,
                                     "in its timeline is no number that it can be");
            }
        }
    }
    return true;
}

static bool result_read_timeline(struct result *result, char fault[RESULT_FAULT_SIZE])
{
    struct walk_item timeline, points;

    if (!result_find_member(result->text, "timeline", &timeline)) {
        return true;
    }
    if (timeline.kind != JSON_OBJECT ||
        result_number(timeline.value, "interval_seconds", &result->interval_seconds) !=
            RESULT_NUMBER ||
        result->interval_seconds == 0 || !result_find_member(timeline.value, "points", &points) ||
        points.kind != JSON_ARRAY) {
        return result_refuse(fault, "its timeline", "is not one of quoit bench");
    }
    result->points = points.value;
    return result_check_points(result, fault);
}

bool result_read(struct json_span text, struct result *result_out, char fault[RESULT_FAULT_SIZE])
{
    struct result result = { .text = text };
    struct walk_item item;

    if (json_kind_of(text) != JSON_OBJECT || !result_find(&result, NULL, "requests", &item) ||
        !result_find(&result, NULL, "latency_ms", &item)) {
        return result_refuse(fault, "it", "is no result of quoit bench or quoit batch --summary");
    }
    result.is_batch = !result_find(&result, NULL, "client", &item);
    if (result_number(text, "seconds", &result.seconds) == RESULT_WRONG) {
        return result_refuse(fault, "seconds", "is no number that it can be");
    }
    for (unsigned measure = 0; measure < MEASURES; measure++) {
        double *value = &result.values[measure];
        *value = NAN;
        if (result_measure(text, &measure_rows[measure], 0, value) == RESULT_WRONG) {
            return result_refuse(fault, measure_rows[measure].name, "is no number that it can be");
        }
    }
    if (!result_read_timeline(&result, fault)) {
        return false;
    }
    *result_out = result;
    return true;
}
