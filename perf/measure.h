/*
 * measure: one measured window of a perf program, and its report.
 *
 *     measure_start, measure_latency for each request, measure_end, measure_print
 *
 * The programs here count the same things in the same way, so that their figures may be divided.
 * Everything is per window: time, CPU of the process (getrusage), the ring's counts (the caller
 * gives totals at both ends), and heap allocations (counted here, see below). Latencies go into a
 * histogram of fixed size whose buckets are 0.4 % wide, so that the millionth request costs what
 * the first one did.
 *
 * This header belongs into one file of a program, the one with main: it defines malloc and its kin
 * as a count and a call of glibc's. Where that cannot be (another libc, sanitizers), allocations
 * are reported as unknown.
 */
#ifndef QUOIT_PERF_MEASURE_H
#define QUOIT_PERF_MEASURE_H

#include "perf/options.h"

#include <assert.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <time.h>

#if defined(__has_feature)
#define MEASURE_HAS_FEATURE(name) __has_feature(name)
#else
#define MEASURE_HAS_FEATURE(name) 0
#endif

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !MEASURE_HAS_FEATURE(address_sanitizer)
#define MEASURE_COUNTS_ALLOCATIONS true
#else
#define MEASURE_COUNTS_ALLOCATIONS false
#endif

#define MEASURE_STEPS_LOG2 8 /* steps from one power of two to the next */
#define MEASURE_STEPS (1u << MEASURE_STEPS_LOG2)
#define MEASURE_LOG2_MAX 42 /* 2^42 ns are 73 minutes */
#define MEASURE_BUCKETS ((MEASURE_LOG2_MAX - MEASURE_STEPS_LOG2 + 1) * MEASURE_STEPS)

/* Totals of the ring at one moment. */
struct measure_counts {
    uint64_t sqes, cqes, entries, spin_ns, no_buffers;
};

struct measure_histogram {
    uint32_t counts[MEASURE_BUCKETS];
};

struct measure {
    uint64_t requests, failed;
    uint64_t tokens; /* of streams; see perf/tokens.h */
    uint64_t at_ns;  /* of measure_start; after measure_end: how long it took */
    uint64_t cpu_ns; /* likewise */
    uint64_t allocations;
    struct measure_counts counts;
    struct measure_histogram latencies, first_tokens, gaps;
};

/* By all threads, since the program began. */
static uint64_t measure_allocations;

#if MEASURE_COUNTS_ALLOCATIONS
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *bytes, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static inline void measure_count_allocation(void)
{
    __atomic_fetch_add(&measure_allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    measure_count_allocation();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    measure_count_allocation();
    return __libc_calloc(count, size);
}

void *realloc(void *bytes, size_t size)
{
    measure_count_allocation();
    return __libc_realloc(bytes, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    measure_count_allocation();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **bytes_out, size_t alignment, size_t size)
{
    measure_count_allocation();
    void *bytes = __libc_memalign(alignment, size);
    if (bytes == NULL) {
        return ENOMEM;
    }
    *bytes_out = bytes;
    return 0;
}
#endif

static inline uint64_t measure_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t measure_cpu_ns(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    uint64_t seconds = (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    uint64_t microseconds = (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    return seconds * 1000000000 + microseconds * 1000;
}

/* Buckets of 1 ns below MEASURE_STEPS, then MEASURE_STEPS of them to each doubling. */
static inline uint32_t measure_bucket(uint64_t latency_ns)
{
    if (latency_ns < MEASURE_STEPS) {
        return (uint32_t)latency_ns;
    }
    if (latency_ns >> MEASURE_LOG2_MAX != 0) {
        return MEASURE_BUCKETS - 1;
    }
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(latency_ns) - MEASURE_STEPS_LOG2;
    return (shift << MEASURE_STEPS_LOG2) + (uint32_t)(latency_ns >> shift);
}

static inline double measure_bucket_middle_ns(uint32_t bucket)
{
    if (bucket < MEASURE_STEPS) {
        return bucket;
    }
    uint32_t shift = (bucket >> MEASURE_STEPS_LOG2) - 1;
    uint64_t step = (bucket & (MEASURE_STEPS - 1)) + MEASURE_STEPS;
    return (double)(step << shift) + (double)(UINT64_C(1) << shift) / 2;
}

static inline void measure_note(struct measure_histogram *histogram, uint64_t latency_ns)
{
    histogram->counts[measure_bucket(latency_ns)]++;
}

static inline void measure_latency(struct measure *measure, uint64_t latency_ns)
{
    measure_note(&measure->latencies, latency_ns);
}

/* What `percent` of the values do not exceed; 0 if there are none. */
static inline double measure_percentile_us(const struct measure_histogram *histogram,
                                           double percent)
{
    uint64_t total = 0;
    uint64_t seen = 0;

    for (uint32_t i = 0; i < MEASURE_BUCKETS; i++) {
        total += histogram->counts[i];
    }
    for (uint32_t i = 0; i < MEASURE_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen != 0 && (double)seen >= (double)total * percent / 100) {
            return measure_bucket_middle_ns(i) / 1000;
        }
    }
    return 0;
}

static inline void measure_start(struct measure *measure, const struct measure_counts *totals)
{
    memset(measure, 0, sizeof(*measure));
    measure->counts = *totals;
    measure->allocations = __atomic_load_n(&measure_allocations, __ATOMIC_RELAXED);
    measure->cpu_ns = measure_cpu_ns();
    measure->at_ns = measure_now_ns();
}

static inline void measure_end(struct measure *measure, const struct measure_counts *totals)
{
    struct measure_counts *counts = &measure->counts;

    measure->at_ns = measure_now_ns() - measure->at_ns;
    measure->cpu_ns = measure_cpu_ns() - measure->cpu_ns;
    measure->allocations =
        __atomic_load_n(&measure_allocations, __ATOMIC_RELAXED) - measure->allocations;
    counts->sqes = totals->sqes - counts->sqes;
    counts->cqes = totals->cqes - counts->cqes;
    counts->entries = totals->entries - counts->entries;
    counts->spin_ns = totals->spin_ns - counts->spin_ns;
    counts->no_buffers = totals->no_buffers - counts->no_buffers;
}

static inline void measure_print_text(const char *name, double value, int decimals)
{
    printf("%-24s %.*f\n", name, decimals, value);
}

static inline void measure_print_json(const char *name, double value, int decimals)
{
    printf(",\"%s\":%.*f", name, decimals, value);
}

/* The same figures for people, or as one JSON object. */
static inline void measure_print(const struct measure *measure, const struct options *options)
{
    double requests = (double)measure->requests;
    double seconds = (double)measure->at_ns / 1e9;
    const struct {
        const char *name;
        double value;
        int decimals;
    } rows[] = {
        { "requests", requests, 0 },
        { "failed", (double)measure->failed, 0 },
        { "seconds", seconds, 4 },
        { "requests_per_second", requests / seconds, 0 },
        { "cpu_us_per_request", (double)measure->cpu_ns / 1e3 / requests, 3 },
        { "spin_us_per_request", (double)measure->counts.spin_ns / 1e3 / requests, 3 },
        { "sqes_per_request", (double)measure->counts.sqes / requests, 4 },
        { "cqes_per_request", (double)measure->counts.cqes / requests, 4 },
        { "enters_per_request", (double)measure->counts.entries / requests, 4 },
        { "no_buffers", (double)measure->counts.no_buffers, 0 },
        { "p50_us", measure_percentile_us(&measure->latencies, 50), 2 },
        { "p99_us", measure_percentile_us(&measure->latencies, 99), 2 },
        { "p99_9_us", measure_percentile_us(&measure->latencies, 99.9), 2 },
        { "tokens", (double)measure->tokens, 0 },
        { "ttft_p50_us", measure_percentile_us(&measure->first_tokens, 50), 2 },
        { "ttft_p99_us", measure_percentile_us(&measure->first_tokens, 99), 2 },
        { "itl_p50_us", measure_percentile_us(&measure->gaps, 50), 2 },
        { "itl_p99_us", measure_percentile_us(&measure->gaps, 99), 2 },
        { "allocations_per_request", (double)measure->allocations / requests, 4 },
    };
    size_t rows_count = sizeof(rows) / sizeof(rows[0]) - !MEASURE_COUNTS_ALLOCATIONS;

    assert(measure->requests != 0);
    if (options->json) {
        printf("{\"program\":\"%s\"", options->program);
    }
    for (size_t i = 0; i < rows_count; i++) {
        (options->json ? measure_print_json : measure_print_text)(rows[i].name, rows[i].value,
                                                                  rows[i].decimals);
    }
    if (!MEASURE_COUNTS_ALLOCATIONS) {
        fputs(options->json ? ",\"allocations_per_request\":null"
                            : "allocations_per_request  not counted in this build\n",
              stdout);
    }
    fputs(options->json ? "}\n" : "", stdout);
}

#endif
