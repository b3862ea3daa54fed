/*
 * figures: see figures.h.
 */
#include "cli/figures.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void figures_add_number(cJSON *object, const char *name, double number)
{
    (void)cJSON_AddNumberToObject(object, name, number); /* memory is asked for at the end */
}

void figures_add_count(cJSON *object, const char *name, uint64_t count)
{
    figures_add_number(object, name, (double)count);
}

void figures_add_milliseconds(cJSON *object, const char *name, double ns)
{
    char text[32];

    if (isnan(ns)) {
        (void)cJSON_AddNullToObject(object, name);
        return;
    }
    snprintf(text, sizeof(text), "%.3f", ns / 1e6);
    (void)cJSON_AddRawToObject(object, name, text);
}

const double figures_fractions[FIGURES_PERCENTILES] = { 0.5, 0.75, 0.9, 0.95, 0.99, 0.999 };

bool figures_may_tell(uint64_t count, double fraction)
{
    return (double)count * (1 - fraction) >= 1 - 1e-9;
}

void figures_add_values(cJSON *object, const char *name, const struct figures_values *values)
{
    static const char *const names[FIGURES_PERCENTILES] = { "p50", "p75", "p90",
                                                            "p95", "p99", "p99.9" };
    cJSON *out = cJSON_AddObjectToObject(object, name);

    figures_add_count(out, "count", values->count);
    if (values->count == 0) {
        return;
    }
    figures_add_milliseconds(out, "min", values->min);
    figures_add_milliseconds(out, "mean", values->mean);
    figures_add_milliseconds(out, "std", values->std);
    for (unsigned i = 0; i < FIGURES_PERCENTILES; i++) {
        figures_add_milliseconds(out, names[i], values->percentiles[i]);
    }
    figures_add_milliseconds(out, "max", values->max);
}

struct figures_values figures_begin(const struct histogram *histogram)
{
    return (struct figures_values){
        .count = histogram->count,
        .min = (double)histogram->min,
        .mean = histogram->mean,
        .std = histogram_deviation(histogram),
        .max = (double)histogram->max,
    };
}

void figures_add_histogram(cJSON *object, const char *name, const struct histogram *histogram)
{
    struct figures_values values = figures_begin(histogram);

    for (unsigned i = 0; i < FIGURES_PERCENTILES; i++) {
        double fraction = figures_fractions[i];
        values.percentiles[i] = figures_may_tell(histogram->count, fraction)
                                    ? (double)histogram_percentile(histogram, fraction)
                                    : NAN;
    }
    figures_add_values(object, name, &values);
}

void figures_add_date(cJSON *object, const char *name, int64_t seconds_since_1970)
{
    char text[32] = "";
    struct tm date;
    time_t seconds = (time_t)seconds_since_1970;

    if (gmtime_r(&seconds, &date) != NULL) {
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &date);
    }
    (void)cJSON_AddStringToObject(object, name, text);
}

void figures_add_error(cJSON *errors, const char *code, uint64_t count)
{
    cJSON *there = cJSON_GetObjectItemCaseSensitive(errors, code);

    if (there != NULL) {
        cJSON_SetNumberValue(there, there->valuedouble + (double)count);
    } else {
        figures_add_count(errors, code, count);
    }
}

bool figures_write(cJSON *root, int fd)
{
    char *text = errno == ENOMEM ? NULL : cJSON_Print(root);
    size_t size = text == NULL ? 0 : strlen(text);
    size_t done = 0;

    cJSON_Delete(root);
    if (text == NULL) {
        errno = ENOMEM;
        return false;
    }
    text[size++] = '\n'; /* in place of the NUL */
    while (done < size) {
        ssize_t count = write(fd, text + done, size - done);
        if (count < 0 && errno != EINTR) {
            break;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    cJSON_free(text);
    return done == size;
}
