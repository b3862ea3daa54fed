/*
 * hdr: every count comes back, the bytes are those of HdrHistogram's own Java, and no other bytes
 * are taken.
 */
#include "cli/hdr.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <zlib.h>

/*
 * As the Java of HdrHistogram 2.1.11 writes it, plain and compressed: new Histogram(1, 3600 x 10^9,
 * 3) with JAVA_VALUES and 10^12 times 50,000.
 */
static const char java_plain[] =
    "1c84931300000018000000000000000300000000000000010000034630b8a0003ff00000000000000204f91f0204b1"
    "4880c0a8ca9a3a8b4606813902cfa20202";
static const char java_text[] = "HISTFAAAADp4nJNpmSzMwMAgwQABzFCaEch0M9ixgMH+A0SAieWnPBPLRo+GAyt"
                                "OzbLqdmNrtGQ6v4iJCQAnXg0O";
static const uint64_t java_values[] = { 0,       1,       1,       2047,     2048,         2049,
                                        1000000, 1000000, 1000000, 12345678, 3599999999999 };

static struct histogram histogram, again;
static struct text text;
static const char *reason;

static struct json_span span_of(const struct text *from)
{
    return (struct json_span){ from->bytes, from->size };
}

static void begin(void)
{
    histogram = (struct histogram){ .count = 0 };
    text_reset(&text);
}

static void java_counts(void)
{
    begin();
    for (size_t i = 0; i < sizeof(java_values) / sizeof(java_values[0]); i++) {
        histogram_add(&histogram, java_values[i]);
    }
    histogram_add(&histogram, 50000);
    histogram.count += UINT64_C(999999999999);
    histogram.buckets[5 * HISTOGRAM_HALF + (50000 >> 5)] += UINT64_C(999999999999);
}

/* Encoded and decoded, all counts are the same, but for those above 2^63. */
static void check_there_and_back(void)
{
    text_reset(&text);
    CHECK(hdr_encode(&histogram, &text));
    CHECK(hdr_decode(span_of(&text), &again, &reason));
    CHECK_EQ(again.count, histogram.count);
    CHECK(memcmp(again.buckets, histogram.buckets,
                 sizeof(uint64_t) * HISTOGRAM_HALF * HISTOGRAM_POWERS) == 0);
}

/* The text of these plain bytes, with so many bytes too many behind what is deflated. */
static void wrap_and(const uint8_t *plain, size_t size, size_t too_many)
{
    static uint8_t deflated[1 << 20];
    uLongf deflated_size = sizeof(deflated) - 8 - too_many;

    CHECK_EQ(compress2(deflated + 8, &deflated_size, plain, size, 1), Z_OK);
    deflated_size += too_many;
    for (unsigned i = 0; i < 4; i++) {
        deflated[i] = (uint8_t)(0x1c849314 >> (24 - 8 * i));
        deflated[4 + i] = (uint8_t)(deflated_size >> (24 - 8 * i));
    }
    text_reset(&text);
    text_append_base64(&text, (struct json_span){ (char *)deflated, 8 + deflated_size });
}

static void wrap(const uint8_t *plain, size_t size)
{
    wrap_and(plain, size, 0);
}

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        CHECK_EQ(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

/* What is in our text, as hex: how it was deflated is zlib's affair. */
static const char *plain_of(const struct text *from)
{
    static uint8_t deflated[4096], plain[4096];
    static char hex[2 * sizeof(plain) + 1];
    uLongf size = sizeof(plain);
    char command[] = "/tmp/quoit-hdr-XXXXXX", line[256];
    int fd = mkstemp(command);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    CHECK(file != NULL);
    fwrite(from->bytes, 1, from->size, file);
    fclose(file);
    snprintf(line, sizeof(line), "base64 -d <%s", command);
    FILE *pipe = popen(line, "r");
    size_t got = fread(deflated, 1, sizeof(deflated), pipe);
    CHECK_EQ(pclose(pipe), 0);
    remove(command);
    CHECK_EQ(uncompress(plain, &size, deflated + 8, got - 8), Z_OK);
    for (size_t i = 0; i < size; i++) {
        snprintf(hex + 2 * i, 3, "%02x", plain[i]);
    }
    return hex;
}

static void test_the_bytes_are_those_of_hdrhistogram_itself(void)
{
    java_counts();
    CHECK(hdr_encode(&histogram, &text));
    CHECK_STR(plain_of(&text), java_plain);
    CHECK_MEM(text.bytes, 7, "HISTFAA", 7);
}

static void test_one_empty_bucket_is_a_count_and_more_are_a_run(void)
{
    begin();
    histogram.buckets[0] = 1;
    histogram.buckets[2] = 64;
    histogram.buckets[5] = INT64_MAX;
    histogram.count = 1 + 64 + (uint64_t)INT64_MAX;
    histogram.max = 5;
    CHECK(hdr_encode(&histogram, &text));
    CHECK_STR(plain_of(&text) + 80, "02"
                                    "00"
                                    "8001"
                                    "03"
                                    "feffffffffffffffff");
}

static void test_what_hdrhistogram_wrote_is_read(void)
{
    java_counts();
    CHECK(hdr_decode((struct json_span){ java_text, strlen(java_text) }, &again, &reason));
    CHECK(memcmp(again.buckets, histogram.buckets, sizeof(again.buckets)) == 0);
    CHECK_EQ(again.count, 1000000000011);
    CHECK_EQ(again.min, 0);
    CHECK_EQ(again.max, 3601330077695);
    CHECK(again.mean > 50003.6002 && again.mean < 50003.6003);
    double deviation = histogram_deviation(&again);
    CHECK(deviation > 3600256.28 && deviation < 3600256.29);
}

static void test_no_count_at_the_edges_is_lost_or_moved(void)
{
    static const uint64_t values[] = {
        0, 1, 2047, 2048, UINT64_C(1) << 53, (UINT64_C(1) << 53) + 1, INT64_MAX - 1, INT64_MAX
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        begin();
        histogram_add(&histogram, values[i]);
        check_there_and_back();
        CHECK(again.min <= values[i]);
        CHECK(again.max >= values[i]);
    }
    begin();
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        histogram_add(&histogram, values[i]);
    }
    check_there_and_back();
}

static void test_what_63_bits_cannot_tell_is_counted_in_their_last_bucket(void)
{
    begin();
    histogram_add(&histogram, INT64_MAX);
    histogram_add(&histogram, UINT64_C(1) << 63);
    histogram_add(&histogram, UINT64_MAX);
    CHECK(hdr_encode(&histogram, &text));
    CHECK(hdr_decode(span_of(&text), &again, &reason));
    CHECK_EQ(again.count, 3);
    CHECK_EQ(again.max, INT64_MAX);
    CHECK_EQ(again.buckets[HISTOGRAM_HALF * HISTOGRAM_POWERS - 1], 3);
}

static void test_an_empty_histogram_stays_empty(void)
{
    begin();
    check_there_and_back();
    CHECK_EQ(again.count, 0);
    CHECK_EQ(again.max, 0);
    text_reset(&text);
    CHECK(hdr_encode(&histogram, &text));
    CHECK_EQ(strlen(plain_of(&text)), 2 * 41); /* one count, of 0 */
}

static uint64_t chance_next(void)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 11;
}

static void test_counts_of_any_size_and_runs_of_any_length_come_back(void)
{
    for (unsigned turn = 0; turn < 50; turn++) {
        begin();
        for (uint64_t i = chance_next() % 3; i < HISTOGRAM_HALF * HISTOGRAM_POWERS;
             i += 1 + (chance_next() >> (chance_next() % 53))) {
            histogram.buckets[i] = (chance_next() >> (12 + chance_next() % 41)) + 1;
        }
        histogram_recount(&histogram);
        check_there_and_back();
        CHECK(again.min == histogram.min);
        CHECK(again.max == histogram.max);
        CHECK(again.mean == histogram.mean);
    }
}

static void test_the_largest_of_all_has_room(void)
{
    begin();
    for (uint64_t i = 0; i < HISTOGRAM_HALF * HISTOGRAM_POWERS; i++) {
        histogram.buckets[i] = INT64_MAX / (HISTOGRAM_HALF * HISTOGRAM_POWERS) - (i * 7919 & 4095);
    }
    histogram_recount(&histogram);
    check_there_and_back();
}

/* Plain bytes in hex, behind a head that is good where the row has none. */
struct refused_row {
    const char *name, *plain, *reason;
};

#define HEAD_OF(size, digits, lowest)                                                              \
    "1c849313" size "00000000" digits lowest "0000034630b8a0003ff0000000000000"
#define HEAD(size) HEAD_OF(size, "00000003", "0000000000000001")
#define LAST "ffffffffffffffff"

static void test_what_is_not_a_histogram_is_refused(void)
{
    static const struct refused_row rows[] = {
        { "nothing", "", "it is not in HdrHistogram's V2 encoding" },
        { "a torn head", "1c849313000000", "it is not in HdrHistogram's V2 encoding" },
        { "V1",
          "1c849301"
          "00000000"
          "00000000"
          "00000003"
          "0000000000000001"
          "0000034630b8a000"
          "3ff0000000000000",
          "it is not in HdrHistogram's V2 encoding" },
        { "2 digits", HEAD_OF("00000001", "00000002", "0000000000000001") "02",
          "its values are not counted to 3 digits from 1 on, as quoit's are" },
        { "from 1,000 on", HEAD_OF("00000001", "00000003", "00000000000003e8") "02",
          "its values are not counted to 3 digits from 1 on, as quoit's are" },
        { "more than there is", HEAD("00000002") "02", "its size is not what it tells" },
        { "less than there is", HEAD("00000001") "0202", "its size is not what it tells" },
        { "much more", HEAD("ffffffff") "02", "its size is not what it tells" },
        { "a torn count", HEAD("00000001") "80", "its last count is torn" },
        { "8 bytes of a count", HEAD("00000008") LAST, "its last count is torn" },
        { "a run that is too long", HEAD("00000003") "83e006",
          "it has more buckets than 63 bits need" },
        { "the longest run", HEAD("00000009") LAST "ff", "it has more buckets than 63 bits need" },
        { "a bucket too many", HEAD("00000004") "ffdf0602",
          "it has more buckets than 63 bits need" },
        { "counts of 2^63 in all",
          HEAD("0000000a") "fe"
                           "ffffffffffffff"
                           "ff"
                           "02",
          "its counts do not fit 63 bits" },
    };
    uint8_t plain[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_case(rows[i].name);
        wrap(plain, from_hex(rows[i].plain, plain));
        CHECK(!hdr_decode(span_of(&text), &again, &reason));
        CHECK_STR(reason == NULL ? "taken" : reason, rows[i].reason);
        CHECK_EQ(again.count, 0);
        CHECK_EQ(again.buckets[0], 0);
    }
}

static void test_limits_themselves_are_taken(void)
{
    static const char *const rows[] = {
        HEAD("00000000"),                      /* no counts at all */
        HEAD("00000003") "ffdf06",             /* all buckets, and all empty */
        HEAD("00000009") "feffffffffffffffff", /* 2^63 - 1 */
        HEAD("00000002") "0102",               /* a run of one */
    };
    uint8_t plain[64];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_case(rows[i]);
        wrap(plain, from_hex(rows[i], plain));
        CHECK(hdr_decode(span_of(&text), &again, &reason));
    }
    CHECK_EQ(again.buckets[0], 0);
    CHECK_EQ(again.buckets[1], 1);
}

static void test_a_text_that_was_cut_or_changed_is_refused(void)
{
    size_t size = strlen(java_text);
    char *copy = malloc(size);

    for (size_t cut = 0; cut < size; cut++) {
        char *exact = malloc(cut + 1);
        memcpy(exact, java_text, cut);
        CHECK(!hdr_decode((struct json_span){ exact, cut }, &again, &reason));
        free(exact);
        memcpy(copy, java_text, size);
        copy[cut] = copy[cut] == 'A' ? 'B' : 'A';
        bool taken = hdr_decode((struct json_span){ copy, size }, &again, &reason);
        CHECK(!taken || again.count == 1000000000011); /* cookies have bits of no account */
        for (const char *sign = " =-\n"; *sign != '\0'; sign++) {
            copy[cut] = *sign;
            CHECK(!hdr_decode((struct json_span){ copy, size }, &again, &reason));
        }
    }
    free(copy);
}

static void test_bytes_behind_what_is_deflated_are_refused(void)
{
    uint8_t plain[64];
    size_t size = from_hex(HEAD("00000001") "02", plain);

    wrap_and(plain, size, 0);
    CHECK(hdr_decode(span_of(&text), &again, &reason));
    wrap_and(plain, size, 1);
    CHECK(!hdr_decode(span_of(&text), &again, &reason));
    CHECK_STR(reason == NULL ? "taken" : reason, "it is damaged, and cannot be inflated");
}

static void test_a_text_longer_than_any_histogram_is_not_looked_at(void)
{
    size_t size = (size_t)1 << 22;
    char *bytes = malloc(size);

    memset(bytes, 'A', size);
    CHECK(!hdr_decode((struct json_span){ bytes, size }, &again, &reason));
    CHECK_STR(reason == NULL ? "taken" : reason, "it is longer than any histogram");
    free(bytes);
}

static void test_what_inflates_without_end_is_refused(void)
{
    size_t size = (size_t)8 << 20;
    uint8_t *zeros = calloc(1, size);

    wrap(zeros, size);
    CHECK(text.size < 100000);
    CHECK(!hdr_decode(span_of(&text), &again, &reason));
    CHECK_STR(reason == NULL ? "taken" : reason, "it is damaged, and cannot be inflated");
    free(zeros);
}

int main(void)
{
    text_init(&text, 0);
    RUN(test_the_bytes_are_those_of_hdrhistogram_itself);
    RUN(test_one_empty_bucket_is_a_count_and_more_are_a_run);
    RUN(test_what_hdrhistogram_wrote_is_read);
    RUN(test_no_count_at_the_edges_is_lost_or_moved);
    RUN(test_what_63_bits_cannot_tell_is_counted_in_their_last_bucket);
    RUN(test_an_empty_histogram_stays_empty);
    RUN(test_counts_of_any_size_and_runs_of_any_length_come_back);
    RUN(test_the_largest_of_all_has_room);
    RUN(test_what_is_not_a_histogram_is_refused);
    RUN(test_limits_themselves_are_taken);
    RUN(test_a_text_that_was_cut_or_changed_is_refused);
    RUN(test_bytes_behind_what_is_deflated_are_refused);
    RUN(test_a_text_longer_than_any_histogram_is_not_looked_at);
    RUN(test_what_inflates_without_end_is_refused);
    text_free(&text);
    return check_done();
}
