/*
 * batch_bench: what the engine costs, through include/quoit.h and nothing else.
 *
 *     submit until -c requests are under way -> quoit_turn -> quoit_next -> ...
 *
 * It sends the same request again and again over kept connections: first the warm-up, which opens
 * them, then the measured ones. Ring counts are differences of quoit_stats_read, CPU and heap
 * allocations are the whole process's, and a latency runs from the kernel entry that sent the
 * request to the one that brought the answer's last byte, as in perf/floor.c and wrk.
 *
 * What is no 2xx counts as failed. Without retries or repairs: exit 1 if any request failed, also
 * in the warm-up.
 */
#include "perf/measure.h"

#include <poll.h>

#define BENCH_EVENTS 64

struct bench {
    const struct options *options;
    struct quoit_engine *engine;
    struct quoit_request request;
    uint64_t submitted, done; /* of the present run */
    uint64_t wake_ups;        /* embedded: how often the fd ended a sleep */
    struct measure measure;
};

static _Noreturn void bench_die(const char *what, enum quoit_error error)
{
    fprintf(stderr, "batch_bench: %s: %s\n", what, quoit_error_message(error));
    exit(1);
}

/* Trust options->ca_file alone, if there is one. */
static struct quoit_tls *bench_trust(const struct options *options)
{
    struct quoit_tls_options tls_options = { .ca_file = options->ca_file };
    struct quoit_tls *tls = NULL;
    enum quoit_error error = QUOIT_OK;

    if (options->ca_file != NULL) {
        error = quoit_tls_create(&tls_options, &tls);
    }
    if (error != QUOIT_OK) {
        bench_die(options->ca_file, error);
    }
    return tls;
}

static void bench_open(struct bench *bench)
{
    const struct options *options = bench->options;
    /* A slot is given back by the turn after its END, so twice as many keep -c under way. */
    struct quoit_options engine_options = {
        .in_flight_max = (uint32_t)options->in_flight,
        .requests_max = 2 * (uint32_t)options->in_flight,
        .spin_max_ns = options->spin_ns,
        .io = options->io,
        .tls = bench_trust(options),
    };
    enum quoit_error error = quoit_create(&engine_options, &bench->engine);
    quoit_tls_destroy(engine_options.tls); /* the engine has counted it */

    if (error != QUOIT_OK) {
        bench_die("no engine", error);
    }
    bench->request = (struct quoit_request){
        .url = options->url,
        .unix_path = options->unix_path,
        .retries = QUOIT_NONE,
    };
    if (options->body_size != 0) {
        char *body = malloc(options->body_size);
        if (body == NULL) {
            bench_die("the body", QUOIT_E_NO_MEMORY);
        }
        memset(body, 'x', options->body_size);
        bench->request.body = (struct quoit_span){ .bytes = body, .size = options->body_size };
    }
}

static void bench_submit(struct bench *bench, uint64_t requests, uint64_t under_way_max)
{
    uint64_t id;

    while (bench->submitted < requests && bench->submitted - bench->done < under_way_max) {
        enum quoit_error error = quoit_submit(bench->engine, &bench->request, &id);
        if (error == QUOIT_E_NO_SLOT && under_way_max > bench->options->in_flight) {
            return; /* in the warm-up: those that have just ended hold theirs for a turn more */
        }
        if (error != QUOIT_OK) {
            bench_die("submit", error);
        }
        bench->submitted++;
    }
}

static void bench_take(struct bench *bench, const struct quoit_result *result)
{
    bool good = result->error == QUOIT_OK && result->status / 100 == 2;

    if (!good && bench->measure.failed++ == 0) {
        fprintf(stderr, "batch_bench: a request failed: status %u, %s (%s)\n", result->status,
                quoit_error_message(result->error), result->detail);
    }
    if (result->times.sent_ns != 0 && result->times.end_ns >= result->times.sent_ns) {
        measure_latency(&bench->measure, result->times.end_ns - result->times.sent_ns);
    }
    bench->done++;
}

static uint64_t bench_take_all(struct bench *bench)
{
    struct quoit_event events[BENCH_EVENTS];
    uint64_t before = bench->done;

    for (uint32_t count; (count = quoit_next(bench->engine, events, BENCH_EVENTS)) != 0;) {
        for (uint32_t i = 0; i < count; i++) {
            bench_take(bench, events[i].result);
        }
    }
    return bench->done - before;
}

/* As an event loop does it: sleep until the fd is readable, if something is under way at all. */
static void bench_turn_embedded(struct bench *bench)
{
    struct pollfd readable = { .fd = quoit_fd(bench->engine), .events = POLLIN };

    quoit_turn(bench->engine, 0);
    if (bench_take_all(bench) == 0 && bench->submitted > bench->done) {
        bench->wake_ups += poll(&readable, 1, -1) == 1;
    }
}

/* Send `requests`, keeping `under_way_max` of them submitted, until all have ended. */
static void bench_run(struct bench *bench, uint64_t requests, uint64_t under_way_max)
{
    bench->submitted = 0;
    bench->done = 0;
    bench->wake_ups = 0;
    while (bench->done < requests) {
        bench_submit(bench, requests, under_way_max);
        if (bench->options->embedded) {
            bench_turn_embedded(bench);
        } else {
            quoit_turn(bench->engine, QUOIT_NEVER);
            bench_take_all(bench);
        }
    }
}

static struct measure_counts bench_totals(const struct bench *bench)
{
    struct quoit_stats stats;

    quoit_stats_read(bench->engine, &stats);
    return (struct measure_counts){
        .sqes = stats.sqes,
        .cqes = stats.cqes,
        .entries = stats.entries,
        .spin_ns = stats.spin_ns,
        .no_buffers = stats.no_buffers,
    };
}

int main(int count, char **words)
{
    struct options options = options_read("batch_bench", count, words);
    static struct bench bench;

    if (options.post != NULL || options.stream) {
        options_refuse("batch_bench", "no --post or --stream here: `quoit bench` has them", "");
    }
    bench.options = &options;
    bench_open(&bench);
    /* Twice as many as may be in flight, so that each slot has been used: a cold one allocates. */
    bench_run(&bench, options.warmup, 2 * options.in_flight);
    uint64_t failed = bench.measure.failed;

    struct measure_counts totals = bench_totals(&bench);
    measure_start(&bench.measure, &totals);
    bench_run(&bench, options.requests, options.in_flight);
    totals = bench_totals(&bench);
    measure_end(&bench.measure, &totals);

    bench.measure.requests = bench.done;
    measure_print(&bench.measure, &options);
    if (options.embedded) {
        fprintf(stderr, "batch_bench: %.3f wake-ups a request\n",
                (double)bench.wake_ups / (double)bench.done);
    }
    quoit_destroy(bench.engine);
    free((void *)(uintptr_t)bench.request.body.bytes);
    return failed + bench.measure.failed != 0;
}
