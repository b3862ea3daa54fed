/*
 * comparable: see comparable.h. One sentence for all runs of a variant that have the same to say.
 */
#include "bench/comparable.h"

#include "llm/json_string.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPARABLE_VALUE_MAX 100 /* bytes of a value that is shown */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Values that two results should share, by where they stand. */
struct comparable_place {
    const char *object, *name;
};

void warnings_add(struct warnings *warnings, const char *format, ...)
{
    va_list arguments;

    if (warnings->count == WARNINGS_MAX) {
        warnings->dropped++;
        return;
    }
    va_start(arguments, format);
    vsnprintf(warnings->lines[warnings->count++], WARNINGS_LINE_SIZE, format, arguments);
    va_end(arguments);
}

/* " (2 of 5 runs)", or nothing where all are meant. */
static const char *comparable_share(char share[64], size_t count, const struct runs *runs)
{
    share[0] = '\0';
    if (count != runs->count) {
        snprintf(share, 64, " (%zu of %zu runs)", count, runs->count);
    }
    return share;
}

/* --- Each for itself --- */

static bool comparable_has_verdict(const struct result *result, const char *verdict)
{
    struct walk_item item;

    return result_find(result, "client", "verdict", &item) && item.kind == JSON_STRING &&
           json_string_is(item.value, verdict);
}

static void comparable_check_verdicts(const struct runs *runs, struct warnings *warnings)
{
    static const struct {
        const char *verdict, *meaning;
    } rows[] = {
        { "client_limited", "its latency is the client's, not the server's" },
        { "slots_limited", "requests waited for one of the -c slots" },
        { "saturated", "the server fell behind the rate, so its latency grows with the duration" },
    };
    char share[64];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t count = 0;
        for (size_t j = 0; j < runs->count; j++) {
            count += comparable_has_verdict(&runs->items[j].result, rows[i].verdict);
        }
        if (count > 0) {
            warnings_add(warnings, "%s is %s%s: %s", runs->name, rows[i].verdict,
                         comparable_share(share, count, runs), rows[i].meaning);
        }
    }
}

void comparable_check_runs(const struct runs *runs, struct warnings *warnings)
{
    struct walk_item item;
    size_t interrupted = 0, stopped = 0;
    char share[64];

    comparable_check_verdicts(runs, warnings);
    for (size_t i = 0; i < runs->count; i++) {
        const struct result *result = &runs->items[i].result;
        interrupted += result_find(result, NULL, "interrupted", &item) && item.kind == JSON_TRUE;
        stopped += result_find(result, NULL, "stopped", &item); /* null where it was not */
    }
    if (interrupted > 0) {
        warnings_add(warnings, "%s was interrupted%s: it is a part of a run", runs->name,
                     comparable_share(share, interrupted, runs));
    }
    if (stopped > 0) {
        warnings_add(warnings, "%s stopped early%s: it is a part of a run", runs->name,
                     comparable_share(share, stopped, runs));
    }
}

/* --- Against the base --- */

static struct json_span comparable_value(const struct result *result,
                                         const struct comparable_place *place)
{
    struct walk_item item;

    if (!result_find(result, place->object, place->name, &item)) {
        return (struct json_span){ "null", 4 };
    }
    return item.value;
}

static bool comparable_is_same(struct json_span one, struct json_span other)
{
    return one.size == other.size && memcmp(one.bytes, other.bytes, one.size) == 0;
}

/* As it stands in the JSON, in which no control character can stand. */
static const char *comparable_show(char shown[COMPARABLE_VALUE_MAX + 1], struct json_span value)
{
    if (value.size > COMPARABLE_VALUE_MAX) {
        return "another";
    }
    memcpy(shown, value.bytes, value.size);
    shown[value.size] = '\0';
    return shown;
}

static void comparable_check_place(const struct runs *base, const struct runs *other,
                                   const struct comparable_place *place, struct warnings *warnings)
{
    struct json_span wanted = comparable_value(&base->items[0].result, place);
    struct json_span first = wanted;
    char shown[COMPARABLE_VALUE_MAX + 1], wanted_shown[COMPARABLE_VALUE_MAX + 1], share[64];
    size_t count = 0;

    for (size_t i = 0; i < other->count; i++) {
        struct json_span value = comparable_value(&other->items[i].result, place);
        if (!comparable_is_same(value, wanted)) {
            first = count == 0 ? value : first;
            count++;
        }
    }
    if (count > 0) {
        warnings_add(warnings, "%s of %s is %s%s, that of %s is %s", place->name, other->name,
                     comparable_show(shown, first), comparable_share(share, count, other),
                     other == base ? "its first run" : base->name,
                     comparable_show(wanted_shown, wanted));
    }
}

void comparable_check_sides(const struct runs *base, const struct runs *other,
                            struct warnings *warnings)
{
    static const struct comparable_place places[] = {
        { "server", "url" },     { "config", "concurrency" }, { "config", "rate" },
        { "config", "arrival" }, { "config", "requests" },    { "config", "duration_seconds" },
        { "config", "threads" }, { "config", "stream" },      { NULL, "percentiles" },
    };
    size_t others = 0;

    for (size_t i = 0; i < other->count; i++) {
        others += other->items[i].result.is_batch != base->items[0].result.is_batch;
    }
    if (others > 0) {
        warnings_add(warnings,
                     "%s and %s are not both of quoit bench: quoit batch counts latency from the "
                     "moment at which a request was begun, not from that at which it was due",
                     base->name, other->name);
        return; /* nothing else in them is alike */
    }
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        comparable_check_place(base, other, &places[i], warnings);
    }
}
