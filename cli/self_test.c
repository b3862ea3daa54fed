/*
 * self_test: see self_test.h.
 *
 * Happy path of a load: an engine is made, as many requests as shall be in flight are submitted,
 * and each that ends is submitted again (a stream does not end); after the warm-up the counts are
 * noted, and again when the time is over; what is still in flight goes with the engine.
 *
 * A request that fails is not submitted again, so a stand-in that is gone ends a measurement early.
 */
#include "cli/self_test.h"

#include "cli/facts.h"
#include "cli/histogram.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define EVENTS_AT_ONCE 256
#define PATIENCE_NS (5 * NS_PER_S) /* with a measurement in which nothing came */
#define WARM_UP_PART 10            /* of the duration: a tenth more */
#define SATURATED_PERCENT 90       /* of its processor, above which a side has no time left */
#define DELAYED_PERCENT 10         /* of the time, above which others were in the way */

/* A measurement under way. */
struct self_test_run {
    struct quoit_engine *engine;
    struct quoit_request request;
    struct self_test_load *load;
    struct histogram *latency;
    uint64_t running; /* requests that have not ended */
    bool counting;
};

static uint64_t cpu_now_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

/* How long a process has waited for a processor; proc(5), schedstat. 0 where that is not told. */
static uint64_t delay_now_ns(pid_t pid)
{
    const struct facts here = { .root = "" };
    char path[64], line[FACTS_LINE_MAX];
    uint64_t ran_ns = 0, delay_ns = 0;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
    if (!facts_line(&here, path, line) ||
        sscanf(line, "%" SCNu64 " %" SCNu64, &ran_ns, &delay_ns) != 2) {
        return 0;
    }
    return delay_ns;
}

static void run_note_failure(struct self_test_run *run, const char *detail)
{
    if (run->load->failed++ == 0) {
        snprintf(run->load->detail, sizeof(run->load->detail), "%s", detail);
    }
}

static enum quoit_error run_submit(struct self_test_run *run)
{
    uint64_t id = 0;
    enum quoit_error error = quoit_submit(run->engine, &run->request, &id);

    run->running += error == QUOIT_OK;
    return error;
}

static void run_take_end(struct self_test_run *run, const struct quoit_result *result)
{
    run->running--;
    if (result->error != QUOIT_OK || result->status != 200) {
        run_note_failure(run, result->detail);
        return;
    }
    if (run->counting) {
        run->load->count++;
        histogram_add(run->latency, result->times.end_ns - result->times.sent_ns);
    }
    enum quoit_error error = run_submit(run);
    if (error != QUOIT_OK) {
        run_note_failure(run, quoit_error_message(error));
    }
}

/* Turn until that moment, or until nothing is left that could happen. */
static void run_until(struct self_test_run *run, uint64_t end_ns)
{
    struct quoit_event events[EVENTS_AT_ONCE];
    uint64_t now_ns = quoit_now_ns();

    while (now_ns < end_ns && run->running > 0) {
        uint32_t count = quoit_next(run->engine, events, EVENTS_AT_ONCE);
        for (uint32_t i = 0; i < count; i++) {
            if (events[i].kind == QUOIT_END) {
                run_take_end(run, events[i].result);
            } else if (events[i].kind == QUOIT_MESSAGE) {
                run->load->count += run->counting;
            }
        }
        if (count < EVENTS_AT_ONCE) {
            quoit_turn(run->engine, end_ns - now_ns);
        }
        now_ns = quoit_now_ns();
    }
}

/* Between the two calls lies what counts: `sign` is -1 at its begin and 1 at its end. */
static void run_take_counts(struct self_test_run *run, const struct standin *standin, int sign)
{
    struct self_test_load *load = run->load;
    const uint64_t times = (uint64_t)(int64_t)sign; /* unsigned: -1 subtracts, by wrapping around */
    struct quoit_stats stats = { 0 };

    quoit_stats_read(run->engine, &stats);
    load->elapsed_ns += times * quoit_now_ns();
    load->cpu_ns += times * cpu_now_ns();
    load->standin_cpu_ns += times * standin_cpu_ns(standin);
    load->delay_ns += times * delay_now_ns(getpid());
    load->standin_delay_ns += times * delay_now_ns(standin->pid);
    load->spin_ns += times * stats.spin_ns;
    load->sqes += times * stats.sqes;
    load->cqes += times * stats.cqes;
    load->entries += times * stats.entries;
}

uint64_t self_test_busy_ns(const struct self_test_load *load)
{
    /* The clock went on while another process had the processor in the midst of a busy wait. */
    uint64_t spin_ns = load->spin_ns > load->delay_ns ? load->spin_ns - load->delay_ns : 0;

    return load->cpu_ns > spin_ns ? load->cpu_ns - spin_ns : 0;
}

static enum self_test_limit load_limit(const struct self_test_load *load, bool own_cpus)
{
    const uint64_t full_ns = load->elapsed_ns / 100 * SATURATED_PERCENT;
    const uint64_t client_ns = self_test_busy_ns(load), standin_ns = load->standin_cpu_ns;
    const uint64_t delay_max_ns = load->elapsed_ns / 100 * DELAYED_PERCENT;

    if (own_cpus && client_ns >= full_ns) {
        return standin_ns >= full_ns ? SELF_TEST_BOTH : SELF_TEST_CLIENT;
    }
    if (own_cpus && standin_ns >= full_ns) {
        return SELF_TEST_STANDIN;
    }
    if (!own_cpus && client_ns + standin_ns >= full_ns) {
        return SELF_TEST_BOTH;
    }
    return load->delay_ns > delay_max_ns || load->standin_delay_ns > delay_max_ns
               ? SELF_TEST_OTHERS
               : SELF_TEST_LATENCY;
}

static void run_measure(struct self_test_run *run, const struct self_test *test)
{
    uint64_t begin_ns = quoit_now_ns() + test->duration_ns / WARM_UP_PART;
    uint64_t end_ns = begin_ns + test->duration_ns;
    struct self_test_load *load = run->load;

    run_until(run, begin_ns);
    run_take_counts(run, test->standin, -1);
    run->counting = true;
    run_until(run, end_ns);
    /* On a machine that is overloaded a short one may have passed without a turn of either. */
    while (load->count == 0 && run->running > 0 && quoit_now_ns() < end_ns + PATIENCE_NS) {
        run_until(run, quoit_now_ns() + PATIENCE_NS / 100);
    }
    run_take_counts(run, test->standin, 1);
    load->p50_ns = histogram_percentile(run->latency, 0.5);
    load->p99_ns = histogram_percentile(run->latency, 0.99);
    load->limit = load_limit(load, test->own_cpus);
}

static enum quoit_error self_test_load(const struct self_test *test, uint32_t in_flight,
                                       const char *url, enum quoit_stream stream,
                                       struct self_test_load *load_out)
{
    /* A slot comes free with the turn that follows its end, so there are two for each. */
    const struct quoit_options options = { .requests_max = 2 * in_flight,
                                           .in_flight_max = in_flight,
                                           .io = test->io };
    struct self_test_load load = { 0 };
    struct self_test_run run = {
        .request = { .url = url,
                     .stream = stream,
                     .stream_size_max = QUOIT_NEVER,
                     .retries = QUOIT_NONE },
        .load = &load,
        .latency = calloc(1, sizeof(*run.latency)),
    };
    enum quoit_error error =
        run.latency == NULL ? QUOIT_E_NO_MEMORY : quoit_create(&options, &run.engine);

    for (uint32_t i = 0; i < in_flight && error == QUOIT_OK; i++) {
        error = run_submit(&run);
    }
    if (error == QUOIT_OK) {
        run_measure(&run, test);
        *load_out = load;
    }
    quoit_destroy(run.engine);
    free(run.latency);
    return error;
}

enum quoit_error self_test_requests(const struct self_test *test, uint32_t in_flight,
                                    struct self_test_load *load_out)
{
    return self_test_load(test, in_flight, test->standin->url, QUOIT_WHOLE, load_out);
}

enum quoit_error self_test_events(const struct self_test *test, uint32_t streams,
                                  struct self_test_load *load_out)
{
    return self_test_load(test, streams, test->standin->stream_url, QUOIT_SSE, load_out);
}

/* Waits of that length, one after the other. */
static void wait_measure(struct quoit_engine *engine, uint64_t duration_ns, struct histogram *late,
                         struct self_test_wait *wait)
{
    uint64_t begin_ns = quoit_now_ns(), now_ns = begin_ns;

    do {
        uint64_t due_ns = quoit_now_ns() + wait->wait_ns;
        quoit_turn(engine, wait->wait_ns);
        now_ns = quoit_now_ns();
        histogram_add(late, now_ns > due_ns ? now_ns - due_ns : 0);
    } while (now_ns - begin_ns < duration_ns);
    wait->count = late->count;
    wait->p50_ns = histogram_percentile(late, 0.5);
    wait->p99_ns = histogram_percentile(late, 0.99);
    wait->max_ns = late->max;
}

enum quoit_error self_test_wait(const struct self_test *test, uint64_t wait_ns, uint64_t slack_ns,
                                struct self_test_wait *wait_out)
{
    const struct quoit_options options = { .requests_max = 1,
                                           .in_flight_max = 1,
                                           .spin_max_ns = QUOIT_NEVER, /* what sleeps is measured */
                                           .io = test->io };
    struct histogram *late = calloc(1, sizeof(*late));
    struct quoit_engine *engine = NULL;
    enum quoit_error error = late == NULL ? QUOIT_E_NO_MEMORY : quoit_create(&options, &engine);

    if (error == QUOIT_OK) {
        int slack_before_ns = prctl(PR_GET_TIMERSLACK);
        if (slack_ns != 0) {
            prctl(PR_SET_TIMERSLACK, slack_ns);
        }
        struct self_test_wait wait = { .wait_ns = wait_ns,
                                       .slack_ns = (uint64_t)prctl(PR_GET_TIMERSLACK) };
        wait_measure(engine, test->duration_ns / 3, late, &wait);
        prctl(PR_SET_TIMERSLACK, (unsigned long)slack_before_ns);
        *wait_out = wait;
    }
    quoit_destroy(engine);
    free(late);
    return error;
}
