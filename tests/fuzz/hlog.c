/*
 * hlog: any text as a histogram, any bytes as what is deflated in one, any line as one of a log. A
 * histogram that is taken counts what its buckets do, and its own text is taken again and says the
 * same.
 *
 *     input: flags, then the text, the plain bytes or the line
 *
 * Flags: 1 plain bytes, which the target deflates and wraps; 2 those behind a good head; 4 a line.
 */
#include "cli/hlog.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <zlib.h>

#define HEAD_SIZE 40
#define WRAP_SIZE 8

static struct histogram histogram, again;

static void put_number(uint8_t *at, uint64_t number, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(number >> 8 * (size - 1 - i));
    }
}

static void check_extremes(void)
{
    struct histogram_bucket bucket = { 0, 0, 0 };
    uint64_t index = 0, count = 0, to = 0;

    while (histogram_next(&histogram, &index, &bucket)) {
        FUZZ_HOLDS(count != 0 || bucket.from == histogram.min);
        FUZZ_HOLDS(bucket.count > 0 && bucket.from <= bucket.to);
        count += bucket.count;
        to = bucket.to;
    }
    FUZZ_HOLDS(count == histogram.count && count <= INT64_MAX);
    FUZZ_HOLDS(to == histogram.max);
    if (count != 0) {
        FUZZ_HOLDS(histogram.mean >= (double)histogram.min * 0.999);
        FUZZ_HOLDS(histogram.mean <= (double)histogram.max * 1.001);
    }
    FUZZ_HOLDS(isfinite(histogram_deviation(&histogram)));
}

static void check_text(struct json_span span)
{
    const char *reason = NULL;
    struct text text;

    if (!hdr_decode(span, &histogram, &reason)) {
        FUZZ_HOLDS(reason != NULL && histogram.count == 0);
        return;
    }
    check_extremes();
    text_init(&text, 0);
    FUZZ_HOLDS(hdr_encode(&histogram, &text));
    FUZZ_HOLDS(hdr_decode((struct json_span){ text.bytes, text.size }, &again, &reason));
    FUZZ_HOLDS(memcmp(&again, &histogram, sizeof(again)) == 0);
    text_free(&text);
}

/* Deflated, and with what stands before it. */
static void check_plain(const uint8_t *plain, size_t size)
{
    uLongf deflated_size = compressBound(size);
    uint8_t *deflated = malloc(WRAP_SIZE + deflated_size);
    struct text text;

    FUZZ_HOLDS(deflated != NULL);
    FUZZ_HOLDS(compress2(deflated + WRAP_SIZE, &deflated_size, plain, size, 1) == Z_OK);
    put_number(deflated, 0x1c849314, 4);
    put_number(deflated + 4, deflated_size, 4);
    text_init(&text, 0);
    text_append_base64(&text, (struct json_span){ (char *)deflated, WRAP_SIZE + deflated_size });
    check_text((struct json_span){ text.bytes, text.size });
    text_free(&text);
    free(deflated);
}

static void check_counts(const struct fuzz_input *counts)
{
    uint8_t *plain = calloc(1, HEAD_SIZE + counts->size);

    FUZZ_HOLDS(plain != NULL);
    put_number(plain, 0x1c849313, 4);
    put_number(plain + 4, counts->size, 4);
    put_number(plain + 12, 3, 4);
    put_number(plain + 16, 1, 8);
    if (counts->size != 0) {
        memcpy(plain + HEAD_SIZE, counts->bytes, counts->size);
    }
    check_plain(plain, HEAD_SIZE + counts->size);
    free(plain);
}

static void check_line(struct fuzz_input *input)
{
    char *text = fuzz_text(input);
    size_t size = strlen(text);
    char *exact = fuzz_copy(text, size + 1);
    struct hlog_line line;

    switch (hlog_read(exact, &line)) {
    case HLOG_INTERVAL:
        FUZZ_HOLDS(line.interval.tag.bytes >= exact);
        FUZZ_HOLDS(line.histogram.bytes + line.histogram.size <= exact + size);
        FUZZ_HOLDS(memchr(line.interval.tag.bytes, ',', line.interval.tag.size) == NULL);
        FUZZ_HOLDS(line.interval.length_seconds >= 0);
        FUZZ_HOLDS(isfinite(hlog_begin_of(&line.interval, 0, 0)));
        check_text(line.histogram);
        break;
    case HLOG_START_TIME:
    case HLOG_BASE_TIME:
        FUZZ_HOLDS(isfinite(line.epoch_seconds));
        break;
    case HLOG_REMARK:
    case HLOG_BROKEN:
        break;
    }
    free(exact);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    uint8_t flags = fuzz_byte(&input);
    char *exact = fuzz_copy(input.bytes, input.size);

    if ((flags & 4) != 0) {
        check_line(&input);
    } else if ((flags & 2) != 0) {
        check_counts(&input);
    } else if ((flags & 1) != 0) {
        check_plain((const uint8_t *)exact, input.size);
    } else {
        check_text((struct json_span){ exact, input.size });
    }
    free(exact);
    return 0;
}
