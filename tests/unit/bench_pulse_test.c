/*
 * pulse: every bucket by brute force, percentiles against sorted values, and a reader in another
 * thread.
 */
#include "bench/draw.h"
#include "bench/pulse.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define VALUES 20000
#define WRITES 200000
#define SIXTY_FOURTH (1.0 / 64)

/* These are too large for a stack. */
static struct pulse pulse;
static struct pulse_sum sum, before, after, passed;

static const struct pulse_sum *read_now(struct pulse_sum *into)
{
    memset(into, 0, sizeof(*into));
    pulse_read(into, &pulse);
    return into;
}

/* The only bucket that is not empty, after `value` alone. */
static unsigned bucket_of(uint64_t value)
{
    static const struct pulse_sum zero;
    unsigned index = 0;

    memset(&pulse, 0, sizeof(pulse));
    pulse_add(&pulse, PULSE_SERVICE, value);
    pulse_subtract(&sum, read_now(&after), &zero);
    CHECK_EQ(sum.counts[PULSE_SERVICE], 1);
    CHECK_EQ(sum.sums_ns[PULSE_SERVICE], value);
    while (index < PULSE_BUCKETS && sum.buckets[PULSE_SERVICE][index] == 0) {
        index++;
    }
    assert(index < PULSE_BUCKETS);
    return index;
}

static void check_bucket(uint64_t value)
{
    unsigned index = bucket_of(value);
    double begin = pulse_percentile(&sum, PULSE_SERVICE, 0);
    double end = pulse_percentile(&sum, PULSE_SERVICE, 1);

    if (begin > (double)value || end <= (double)value ||
        (end - begin > 1 && end - begin > begin * SIXTY_FOURTH)) {
        CHECK_FAIL("%ju is in a bucket from %.17g to %.17g", (uintmax_t)value, begin, end);
    }
    CHECK(value == 0 || bucket_of(value - 1) == index || bucket_of(value - 1) + 1 == index);
}

static void test_each_value_is_within_its_bucket_which_is_narrow(void)
{
    for (uint64_t value = 0; value <= 600; value++) {
        check_bucket(value);
    }
    for (unsigned power = 9; power < 42; power++) {
        for (uint64_t step = 0; step < 64; step += 21) {
            uint64_t edge = (UINT64_C(1) << power) + (step << power) / 64;
            check_bucket(edge - 1);
            check_bucket(edge);
            check_bucket(edge + 1);
        }
    }
}

static void test_the_last_bucket_holds_all_that_is_longer(void)
{
    CHECK_EQ(bucket_of((UINT64_C(1) << 42) - 1), PULSE_BUCKETS - 1);
    CHECK_EQ(bucket_of(UINT64_C(1) << 42), PULSE_BUCKETS - 1);
    CHECK_EQ(bucket_of(UINT64_C(1) << 63), PULSE_BUCKETS - 1);
    CHECK_EQ(bucket_of(UINT64_MAX), PULSE_BUCKETS - 1);
}

static int compare(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

    return a < b ? -1 : a > b;
}

static void test_percentiles_are_right_to_less_than_two_per_cent(void)
{
    static const double fractions[] = { 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
    static uint64_t values[VALUES];
    static const struct pulse_sum zero;
    struct draw draw = { 3 };

    memset(&pulse, 0, sizeof(pulse));
    for (size_t i = 0; i < VALUES; i++) { /* 1 us to 1 h */
        values[i] = (uint64_t)(1e3 * exp(draw_share(&draw) * log(3.6e9)));
        pulse_add(&pulse, PULSE_TTFT, values[i]);
    }
    qsort(values, VALUES, sizeof(values[0]), compare);
    pulse_subtract(&sum, read_now(&after), &zero);
    for (size_t i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
        double wanted = (double)values[(size_t)ceil(fractions[i] * VALUES) - 1];
        double got = pulse_percentile(&sum, PULSE_TTFT, fractions[i]);
        if (fabs(got - wanted) > 0.016 * wanted) {
            CHECK_FAIL("p%g is %g, wanted %g", 100 * fractions[i], got, wanted);
        }
    }
    CHECK(pulse_percentile(&sum, PULSE_ITL, 0.5) == 0); /* of none */
}

static void test_a_difference_holds_what_came_between_and_two_join_to_one(void)
{
    memset(&pulse, 0, sizeof(pulse));
    pulse_count(&pulse.sent, 5);
    pulse_count(&pulse.ok, 4);
    pulse_add(&pulse, PULSE_LATENCY, 1000);
    read_now(&before);
    pulse_count(&pulse.sent, 30);
    pulse_count(&pulse.ok, 20);
    pulse_count(&pulse.failed, 3);
    pulse_count(&pulse.tokens_out, 700);
    pulse_add(&pulse, PULSE_LATENCY, 2000);
    pulse_add(&pulse, PULSE_ITL, 50);
    atomic_store(&pulse.in_flight, 12);
    read_now(&after);
    pulse_subtract(&passed, &after, &before);
    CHECK_EQ(passed.sent, 30);
    CHECK_EQ(passed.ok, 20);
    CHECK_EQ(passed.failed, 3);
    CHECK_EQ(passed.tokens_out, 700);
    CHECK_EQ(passed.in_flight, 12);
    CHECK_EQ(passed.counts[PULSE_LATENCY], 1);
    CHECK_EQ(passed.counts[PULSE_ITL], 1);
    CHECK_EQ(passed.sums_ns[PULSE_LATENCY], 2000);

    pulse_count(&pulse.failed, 1);
    pulse_add(&pulse, PULSE_LATENCY, 4000);
    atomic_store(&pulse.in_flight, 2);
    pulse_subtract(&sum, read_now(&before), &after);
    pulse_join(&passed, &sum);
    CHECK_EQ(passed.failed, 4);
    CHECK_EQ(passed.ok, 20);
    CHECK_EQ(passed.in_flight, 2);
    CHECK_EQ(passed.counts[PULSE_LATENCY], 2);
    CHECK_EQ(passed.sums_ns[PULSE_LATENCY], 6000);
    CHECK(fabs(pulse_percentile(&passed, PULSE_LATENCY, 1) - 4000) <= 64);
}

static void test_a_bucket_may_count_further_than_its_four_billion(void)
{
    unsigned index = bucket_of(1000);

    atomic_store(&pulse.buckets[PULSE_ITL][index], UINT32_MAX - 1);
    read_now(&before);
    for (int i = 0; i < 5; i++) {
        pulse_add(&pulse, PULSE_ITL, 1000);
    }
    pulse_subtract(&passed, read_now(&after), &before);
    CHECK_EQ(passed.counts[PULSE_ITL], 5);
    CHECK(fabs(pulse_percentile(&passed, PULSE_ITL, 0.5) - 1000) <= 16);
}

static void *write_values(void *done)
{
    for (uint64_t i = 0; i < WRITES; i++) {
        pulse_count(&pulse.sent, 1);
        pulse_add(&pulse, PULSE_LATENCY, i);
        pulse_count(&pulse.ok, 1);
        atomic_store_explicit(&pulse.in_flight, i % 7, memory_order_relaxed);
    }
    atomic_store((_Atomic bool *)done, true);
    return NULL;
}

static void test_a_reader_in_another_thread_sees_numbers_that_only_grow(void)
{
    static const struct pulse_sum zero;
    _Atomic bool done = false;
    pthread_t thread;

    memset(&pulse, 0, sizeof(pulse));
    memset(&before, 0, sizeof(before));
    assert(pthread_create(&thread, NULL, write_values, &done) == 0);
    for (bool last = false; !last;) {
        last = atomic_load(&done);
        pulse_subtract(&passed, read_now(&after), &before);
        CHECK(passed.sent <= WRITES);
        CHECK(passed.ok <= WRITES);
        CHECK(passed.counts[PULSE_LATENCY] <= WRITES);
        CHECK(after.in_flight < 7);
        before = after;
    }
    assert(pthread_join(thread, NULL) == 0);
    pulse_subtract(&sum, &after, &zero);
    CHECK_EQ(sum.sent, WRITES);
    CHECK_EQ(sum.ok, WRITES);
    CHECK_EQ(sum.counts[PULSE_LATENCY], WRITES);
    CHECK_EQ(sum.sums_ns[PULSE_LATENCY], (uint64_t)WRITES * (WRITES - 1) / 2);
}

int main(void)
{
    RUN(test_each_value_is_within_its_bucket_which_is_narrow);
    RUN(test_the_last_bucket_holds_all_that_is_longer);
    RUN(test_percentiles_are_right_to_less_than_two_per_cent);
    RUN(test_a_difference_holds_what_came_between_and_two_join_to_one);
    RUN(test_a_bucket_may_count_further_than_its_four_billion);
    RUN(test_a_reader_in_another_thread_sees_numbers_that_only_grow);
    return check_done();
}
