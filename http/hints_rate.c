/*
 * hints_rate: the rate-limit headers, see hints.h.
 *
 *     names --hints_sort--> a value for each source and field --> numbers --> two buckets
 */
#include "http/hints.h"

#include "base/bits.h"

#include <string.h>
#include <strings.h>

#define EPOCH_S_MIN 1e9
#define EPOCH_MS_MIN 1e12

/* Who speaks of which bucket. */
enum hints_source {
    SOURCE_REQUESTS,
    SOURCE_TOKENS,
    SOURCE_ANTHROPIC_REQUESTS,
    SOURCE_ANTHROPIC_TOKENS,
    SOURCE_ANTHROPIC_INPUT,
    SOURCE_ANTHROPIC_OUTPUT,
    SOURCE_PLAIN,
    SOURCE_IETF,
    SOURCES,
};

enum hints_field {
    FIELD_LIMIT,
    FIELD_REMAINING,
    FIELD_RESET,
    FIELDS,
};

struct hints_texts {
    const char *texts[SOURCES][FIELDS]; /* NULL: not there */
    const char *date;
    bool any;
};

/* -------- numbers -------- */

bool hints_parse_duration(const char *text, uint64_t *ns_out)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = { { "ns", 1 },   { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "\xce\xbcs", 1e3 },
                  { "ms", 1e6 }, { "s", 1e9 },  { "m", 60e9 },        { "h", 3600e9 } };
    char number[32];
    double value, sum_ns = 0;

    if (strcmp(text, "0") == 0) {
        *ns_out = 0;
        return true;
    }
    do {
        size_t size = strspn(text, "0123456789.");
        size_t unit = 0;
        if (size == 0 || size >= sizeof(number)) {
            return false;
        }
        memcpy(number, text, size);
        number[size] = '\0';
        text += size;
        while (unit < COUNT_OF(units) &&
               strncmp(text, units[unit].name, strlen(units[unit].name)) != 0) {
            unit++;
        }
        if (unit == COUNT_OF(units) || !hints_parse_number(number, &value)) {
            return false;
        }
        text += strlen(units[unit].name);
        sum_ns += value * units[unit].ns;
    } while (*text != '\0');
    *ns_out = sum_ns >= 18e18 ? HINTS_NONE - 1 : (uint64_t)sum_ns;
    return true;
}

/* Digits, at their end perhaps what draft-ietf-httpapi-ratelimit-headers adds: "100, 100;w=60". */
static uint64_t hints_count(const char *text)
{
    uint64_t count = 0;

    if (text == NULL || *text < '0' || *text > '9') {
        return HINTS_NONE;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        count = count > (HINTS_NONE - 1 - 9) / 10 ? HINTS_NONE - 1
                                                  : count * 10 + (uint64_t)(*text - '0');
    }
    return *text == '\0' || *text == ',' || *text == ';' ? count : HINTS_NONE;
}

/* How long after the answer's Date an instant is; 0 if it has passed. */
static uint64_t hints_after_date(const char *date, double unix_ms)
{
    int64_t date_s;

    if (date == NULL || !hints_parse_date(date, strlen(date), &date_s)) {
        return HINTS_NONE;
    }
    double wait_ns = (unix_ms - (double)date_s * 1000) * 1e6;
    return !(wait_ns > 0) ? 0 : wait_ns >= 18e18 ? HINTS_NONE - 1 : (uint64_t)wait_ns;
}

static uint64_t hints_reset_ns(const char *text, const char *date)
{
    uint64_t ns;
    int64_t unix_ms;
    double value;

    if (text == NULL) {
        return HINTS_NONE;
    }
    if (hints_parse_duration(text, &ns)) {
        return ns;
    }
    if (hints_parse_instant(text, &unix_ms)) {
        return hints_after_date(date, (double)unix_ms);
    }
    if (!hints_parse_number(text, &value) || !(value >= 0)) {
        return HINTS_NONE;
    }
    if (value >= EPOCH_MS_MIN) {
        return hints_after_date(date, value);
    }
    if (value >= EPOCH_S_MIN) {
        return hints_after_date(date, value * 1000);
    }
    return (uint64_t)(value * 1e9);
}

/* -------- names -------- */

/* The field that a whole name, or its begin, is; *name moves behind it. */
static enum hints_field hints_field(const char **name)
{
    static const char *const fields[FIELDS] = { "limit", "remaining", "reset" };

    for (enum hints_field field = 0; field < FIELDS; field++) {
        size_t size = strlen(fields[field]);
        if (strncasecmp(*name, fields[field], size) == 0) {
            *name += size;
            return field;
        }
    }
    return FIELDS;
}

/* x-ratelimit-FIELD, perhaps with a bucket behind it. */
static void hints_sort_open(struct hints_texts *texts, const struct quoit_header *header)
{
    const char *name = header->name + strlen("x-ratelimit-");
    enum hints_field field = hints_field(&name);
    enum hints_source source = SOURCES;

    if (*name == '\0') {
        source = SOURCE_PLAIN;
    } else if (strcasecmp(name, "-requests") == 0) {
        source = SOURCE_REQUESTS;
    } else if (strcasecmp(name, "-tokens") == 0) {
        source = SOURCE_TOKENS;
    }
    if (field != FIELDS && source != SOURCES && texts->texts[source][field] == NULL) {
        texts->texts[source][field] = header->value;
        texts->any = true;
    }
}

/* PREFIX-FIELD, where that is the whole name. */
static void hints_sort_named(struct hints_texts *texts, const struct quoit_header *header,
                             size_t prefix, enum hints_source source)
{
    const char *name = header->name + prefix;
    enum hints_field field = hints_field(&name);

    if (field != FIELDS && *name == '\0' && texts->texts[source][field] == NULL) {
        texts->texts[source][field] = header->value;
        texts->any = true;
    }
}

static void hints_sort_anthropic(struct hints_texts *texts, const struct quoit_header *header)
{
    static const struct {
        const char *name;
        enum hints_source source;
    } buckets[] = { { "requests-", SOURCE_ANTHROPIC_REQUESTS },
                    { "tokens-", SOURCE_ANTHROPIC_TOKENS },
                    { "input-tokens-", SOURCE_ANTHROPIC_INPUT },
                    { "output-tokens-", SOURCE_ANTHROPIC_OUTPUT } };
    size_t prefix = strlen("anthropic-ratelimit-");

    for (size_t i = 0; i < COUNT_OF(buckets); i++) {
        size_t size = strlen(buckets[i].name);
        if (strncasecmp(header->name + prefix, buckets[i].name, size) == 0) {
            hints_sort_named(texts, header, prefix + size, buckets[i].source);
        }
    }
}

static bool hints_begins(const char *name, const char *with)
{
    return strncasecmp(name, with, strlen(with)) == 0;
}

/* The first byte tells nearly all others apart. */
static void hints_sort(struct hints_texts *texts, const struct quoit_header *header)
{
    const char *name = header->name;

    switch (name[0] | 0x20) {
    case 'x':
        if (hints_begins(name, "x-ratelimit-")) {
            hints_sort_open(texts, header);
        }
        return;
    case 'a':
        if (hints_begins(name, "anthropic-ratelimit-")) {
            hints_sort_anthropic(texts, header);
        }
        return;
    case 'r':
        if (hints_begins(name, "ratelimit-")) {
            hints_sort_named(texts, header, strlen("ratelimit-"), SOURCE_IETF);
        }
        return;
    case 'd':
        if (texts->date == NULL && strcasecmp(name, "date") == 0) {
            texts->date = header->value;
        }
        return;
    }
}

/* -------- buckets -------- */

static bool bucket_is_said(const struct hints_bucket *bucket)
{
    return bucket->limit != HINTS_NONE || bucket->remaining != HINTS_NONE ||
           bucket->reset_ns != HINTS_NONE;
}

static struct hints_bucket hints_bucket(const struct hints_texts *texts, enum hints_source source)
{
    const char *const *said = texts->texts[source];
    struct hints_bucket bucket = {
        .limit = hints_count(said[FIELD_LIMIT]),
        .remaining = hints_count(said[FIELD_REMAINING]),
        .reset_ns = hints_reset_ns(said[FIELD_RESET], texts->date),
    };

    if (bucket.limit == 0) {
        bucket.limit = HINTS_NONE;
    }
    if (bucket.limit == HINTS_NONE && said[FIELD_LIMIT] != NULL && bucket.remaining == 0) {
        bucket.remaining = HINTS_NONE;
    }
    return bucket;
}

/* The share that is left; 1 where that is not said. */
static double bucket_share(const struct hints_bucket *bucket)
{
    if (bucket->limit == HINTS_NONE || bucket->remaining == HINTS_NONE) {
        return 1;
    }
    return (double)bucket->remaining / (double)bucket->limit;
}

static struct hints_bucket hints_tokens(const struct hints_texts *texts)
{
    struct hints_bucket bucket = hints_bucket(texts, SOURCE_TOKENS);

    if (bucket_is_said(&bucket)) {
        return bucket;
    }
    bucket = hints_bucket(texts, SOURCE_ANTHROPIC_TOKENS);
    if (bucket_is_said(&bucket)) {
        return bucket;
    }
    bucket = hints_bucket(texts, SOURCE_ANTHROPIC_INPUT);
    struct hints_bucket output = hints_bucket(texts, SOURCE_ANTHROPIC_OUTPUT);
    bool other = !bucket_is_said(&bucket) || bucket_share(&output) < bucket_share(&bucket);
    return other ? output : bucket;
}

static struct hints_bucket hints_requests(const struct hints_texts *texts)
{
    static const enum hints_source sources[] = { SOURCE_REQUESTS, SOURCE_ANTHROPIC_REQUESTS,
                                                 SOURCE_PLAIN, SOURCE_IETF };
    struct hints_bucket bucket = { HINTS_NONE, HINTS_NONE, HINTS_NONE };

    for (size_t i = 0; i < COUNT_OF(sources) && !bucket_is_said(&bucket); i++) {
        bucket = hints_bucket(texts, sources[i]);
    }
    return bucket;
}

bool hints_rate_read(const struct quoit_header *headers, uint32_t count,
                     struct hints_rate *rate_out)
{
    struct hints_texts texts = { .any = false };

    for (uint32_t i = 0; i < count; i++) {
        hints_sort(&texts, &headers[i]);
    }
    if (!texts.any) {
        return false;
    }
    *rate_out = (struct hints_rate){ hints_requests(&texts), hints_tokens(&texts) };
    return bucket_is_said(&rate_out->requests) || bucket_is_said(&rate_out->tokens);
}
