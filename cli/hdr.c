/*
 * hdr: see hdr.h. Limits are those of a histogram whose every bucket has the largest count.
 */
#include "cli/hdr.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HDR_COOKIE 0x1c849303
#define HDR_COOKIE_DEFLATED 0x1c849304
#define HDR_COOKIE_MASK (~(uint32_t)0xf0)
#define HDR_WORDS 0x10 /* in a cookie: the counts are LEB128 */
#define HDR_DIGITS 3
#define HDR_HIGHEST (UINT64_C(3600) * 1000000000) /* at least: readers make their tables of it */
#define HDR_RATIO UINT64_C(0x3ff0000000000000)    /* 1.0 */

#define HDR_BUCKETS ((uint64_t)HISTOGRAM_HALF * HISTOGRAM_POWERS) /* those below 2^63 */
#define HDR_COUNT_SIZE_MAX 9
#define HDR_HEAD_SIZE 40
#define HDR_HEAD_DEFLATED_SIZE 8
#define HDR_PLAIN_MAX (HDR_HEAD_SIZE + HDR_BUCKETS * HDR_COUNT_SIZE_MAX)
#define HDR_DEFLATED_MAX (HDR_PLAIN_MAX + 16384) /* bytes that get longer by it, and the head */
#define HDR_TEXT_MAX (HDR_DEFLATED_MAX / 3 * 4)

struct hdr_room {
    uint8_t plain[HDR_PLAIN_MAX];
    uint8_t deflated[HDR_DEFLATED_MAX];
};

/* --- Writing --- */

static uint8_t *hdr_put_number(uint8_t *at, uint64_t number, unsigned size)
{
    while (size-- > 0) {
        *at++ = (uint8_t)(number >> 8 * size);
    }
    return at;
}

/* The ninth byte has no mark of an end, and so eight bits. */
static uint8_t *hdr_put_count(uint8_t *at, int64_t count)
{
    uint64_t rest = (uint64_t)count << 1 ^ (uint64_t)(count >> 63);

    for (unsigned i = 1; i < HDR_COUNT_SIZE_MAX && rest > 0x7f; i++, rest >>= 7) {
        *at++ = (uint8_t)(rest | 0x80);
    }
    *at++ = (uint8_t)rest;
    return at;
}

static uint64_t hdr_count_at(const struct histogram *histogram, uint64_t index)
{
    uint64_t count = histogram->buckets[index];

    for (uint64_t i = HDR_BUCKETS; index == HDR_BUCKETS - 1 && i < HISTOGRAM_BUCKETS; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

/* One that is empty has one count, of 0, as HdrHistogram writes it. */
static uint8_t *hdr_put_counts(uint8_t *at, const struct histogram *histogram)
{
    int64_t empty = 0;

    for (uint64_t i = 0; i < HDR_BUCKETS; i++) {
        uint64_t count = hdr_count_at(histogram, i);
        if (count == 0) {
            empty++;
            continue;
        }
        assert(count <= INT64_MAX);
        if (empty > 0) {
            at = hdr_put_count(at, empty == 1 ? 0 : -empty);
        }
        at = hdr_put_count(at, (int64_t)count);
        empty = 0;
    }
    return histogram->count == 0 ? hdr_put_count(at, 0) : at;
}

static size_t hdr_put_plain(uint8_t *plain, const struct histogram *histogram)
{
    uint8_t *counts = plain + HDR_HEAD_SIZE;
    uint8_t *end = hdr_put_counts(counts, histogram);
    uint64_t highest = histogram->max > HDR_HIGHEST ? histogram->max : HDR_HIGHEST;
    uint8_t *at = hdr_put_number(plain, HDR_COOKIE | HDR_WORDS, 4);

    at = hdr_put_number(at, (uint64_t)(end - counts), 4);
    at = hdr_put_number(at, 0, 4); /* an offset of the first bucket */
    at = hdr_put_number(at, HDR_DIGITS, 4);
    at = hdr_put_number(at, 1, 8);
    at = hdr_put_number(at, highest < INT64_MAX ? highest : INT64_MAX, 8);
    at = hdr_put_number(at, HDR_RATIO, 8);
    assert(at == counts);
    return (size_t)(end - plain);
}

bool hdr_encode(const struct histogram *histogram, struct text *text)
{
    struct hdr_room *room = malloc(sizeof(*room));
    uLongf size = HDR_DEFLATED_MAX - HDR_HEAD_DEFLATED_SIZE;

    if (room == NULL) {
        return false;
    }
    size_t plain_size = hdr_put_plain(room->plain, histogram);
    bool good = compress2(room->deflated + HDR_HEAD_DEFLATED_SIZE, &size, room->plain, plain_size,
                          Z_DEFAULT_COMPRESSION) == Z_OK;
    if (good) {
        uint8_t *at = hdr_put_number(room->deflated, HDR_COOKIE_DEFLATED | HDR_WORDS, 4);
        hdr_put_number(at, size, 4);
        text_append_base64(text, (struct json_span){ (const char *)room->deflated,
                                                     HDR_HEAD_DEFLATED_SIZE + size });
    }
    free(room);
    return good && !text->failed;
}

/* --- Reading --- */

struct hdr_rest {
    const uint8_t *bytes;
    size_t size;
};

/* The caller has seen that they are there. */
static uint64_t hdr_take_number(struct hdr_rest *rest, unsigned size)
{
    uint64_t number = 0;

    assert(rest->size >= size);
    for (unsigned i = 0; i < size; i++) {
        number = number << 8 | rest->bytes[i];
    }
    rest->bytes += size;
    rest->size -= size;
    return number;
}

/* False: it is torn. */
static bool hdr_take_count(struct hdr_rest *rest, int64_t *count_out)
{
    uint64_t zigzag = 0;

    for (unsigned i = 0; i < HDR_COUNT_SIZE_MAX && rest->size > 0; i++) {
        uint64_t byte = hdr_take_number(rest, 1);
        bool is_last = i == HDR_COUNT_SIZE_MAX - 1 || byte < 0x80;
        zigzag |= (i == HDR_COUNT_SIZE_MAX - 1 ? byte : byte & 0x7f) << 7 * i;
        if (is_last) {
            *count_out = (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
            return true;
        }
    }
    return false;
}

/* NULL, or why not. */
static const char *hdr_take_counts(struct hdr_rest *rest, struct histogram *histogram)
{
    uint64_t index = 0, total = 0;
    int64_t count = 0;

    while (rest->size > 0) {
        if (!hdr_take_count(rest, &count)) {
            return "its last count is torn";
        }
        uint64_t buckets = count < 0 ? 0 - (uint64_t)count : 1;
        if (buckets > HDR_BUCKETS - index) {
            return "it has more buckets than 63 bits need";
        }
        if (count > 0) {
            histogram->buckets[index] = (uint64_t)count;
            total += (uint64_t)count;
        }
        if (total > INT64_MAX) {
            return "its counts do not fit 63 bits";
        }
        index += buckets;
    }
    histogram_recount(histogram);
    return NULL;
}

/*
 * What is skipped changes no count: an offset, which writers have applied already, the highest
 * value, and the ratio, which is for histograms of fractions.
 */
static const char *hdr_take_plain(struct hdr_rest *rest, struct histogram *histogram)
{
    if (rest->size < HDR_HEAD_SIZE || (hdr_take_number(rest, 4) & HDR_COOKIE_MASK) != HDR_COOKIE) {
        return "it is not in HdrHistogram's V2 encoding";
    }
    uint64_t size = hdr_take_number(rest, 4);
    (void)hdr_take_number(rest, 4);
    uint64_t digits = hdr_take_number(rest, 4);
    uint64_t lowest = hdr_take_number(rest, 8);
    (void)hdr_take_number(rest, 8);
    (void)hdr_take_number(rest, 8);
    if (digits != HDR_DIGITS || lowest != 1) {
        return "its values are not counted to 3 digits from 1 on, as quoit's are";
    }
    return size == rest->size ? hdr_take_counts(rest, histogram) : "its size is not what it tells";
}

static const char *hdr_inflate(struct hdr_room *room, size_t deflated_size, size_t *plain_size_out)
{
    struct hdr_rest rest = { room->deflated, deflated_size };
    uLongf plain_size = sizeof(room->plain);

    if (rest.size < HDR_HEAD_DEFLATED_SIZE ||
        (hdr_take_number(&rest, 4) & HDR_COOKIE_MASK) != HDR_COOKIE_DEFLATED) {
        return "it is not in HdrHistogram's V2 encoding, compressed";
    }
    if (hdr_take_number(&rest, 4) != rest.size) {
        return "its compressed size is not what it tells";
    }
    uLong used = rest.size;
    if (uncompress2(room->plain, &plain_size, rest.bytes, &used) != Z_OK || used != rest.size) {
        return "it is damaged, and cannot be inflated";
    }
    *plain_size_out = plain_size;
    return NULL;
}

/* -1: no sign of base64. */
static int hdr_base64_value(char sign)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = memchr(signs, sign, sizeof(signs) - 1);

    return found == NULL ? -1 : (int)(found - signs);
}

/* With its padding. `bytes` has room for 3 of each 4. False: it is not base64. */
static bool hdr_unwrap(struct json_span text, uint8_t *bytes, size_t *size_out)
{
    uint32_t bits = 0;
    size_t size = 0, signs = text.size;

    while (signs > 0 && text.size - signs < 2 && text.bytes[signs - 1] == '=') {
        signs--;
    }
    for (size_t i = 0; i < signs; i++) {
        int value = hdr_base64_value(text.bytes[i]);
        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            bytes[size++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *size_out = size;
    return text.size % 4 == 0;
}

static const char *hdr_read(struct hdr_room *room, struct json_span text,
                            struct histogram *histogram)
{
    struct hdr_rest plain = { .bytes = room->plain };
    size_t deflated_size = 0;

    if (text.size > HDR_TEXT_MAX) {
        return "it is longer than any histogram";
    }
    if (!hdr_unwrap(text, room->deflated, &deflated_size)) {
        return "it is not base64";
    }
    const char *reason = hdr_inflate(room, deflated_size, &plain.size);
    return reason != NULL ? reason : hdr_take_plain(&plain, histogram);
}

bool hdr_decode(struct json_span text, struct histogram *histogram_out, const char **reason_out)
{
    struct hdr_room *room = malloc(sizeof(*room));

    memset(histogram_out, 0, sizeof(*histogram_out));
    *reason_out = room == NULL ? "no memory" : hdr_read(room, text, histogram_out);
    free(room);
    if (*reason_out != NULL) {
        memset(histogram_out, 0, sizeof(*histogram_out));
    }
    return *reason_out == NULL;
}
