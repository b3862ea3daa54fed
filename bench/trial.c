/*
 * trial: the main thread's part: it only looks, so that nothing it does is in anybody's way.
 */
#include "bench/trial.h"

#include "bench/live.h"
#include "bench/worker.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/reach.h"
#include "cli/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)
#define LEAD_NS UINT64_C(2000000) /* from the word to the first request */
#define LOOK_NS UINT64_C(5000000) /* while the window has not begun */
#define LOOK_LATE_NS UINT64_C(100000000)
#define POINTS_WANTED 100

struct trial {
    const struct plan *plan;
    const struct trial_watch *watch;
    struct harvest *harvest;
    struct load load;
    struct worker **workers; /* owned */
    uint32_t started;        /* how many have a thread */
    struct live live;
    struct pulse_sum now; /* what all pulses say */
    bool begun;           /* the timeline has */
    bool stopped;         /* it has been looked at whether the server is saturated */
    unsigned marks;       /* how many of half, three quarters, whole have been looked at */
};

/* --- Workers --- */

static int trial_no_memory(void)
{
    fputs("quoit: out of memory\n", stderr);
    return EXIT_START;
}

/* All threads, with signals left to the main thread. */
static int trial_start_threads(struct trial *trial)
{
    sigset_t all, before;
    int os_error = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (os_error == 0 && trial->started < trial->plan->threads) {
        os_error = worker_start(trial->workers[trial->started]);
        trial->started += os_error == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (os_error != 0) {
        fprintf(stderr, "quoit: no thread: %s: fewer --threads, or raise ulimit -u\n",
                strerror(os_error));
        return EXIT_START;
    }
    return 0;
}

/* All engines are there, or one of them is not. */
static int trial_await_engines(struct trial *trial)
{
    int exit_code = 0;

    for (uint32_t i = 0; i < trial->started; i++) {
        while (sem_wait(&trial->load.ready) != 0) {
        }
    }
    for (uint32_t i = 0; exit_code == 0 && i < trial->started; i++) {
        if (trial->workers[i]->error != QUOIT_OK) {
            exit_code = reach_refuse_engine(trial->workers[i]->error);
        }
    }
    return exit_code;
}

/* When request `index` of the schedule is due, or the last before it if there are fewer. */
static uint64_t trial_due_ns(const struct plan *plan, uint64_t index)
{
    struct schedule schedule;
    uint64_t due_ns = 0;

    schedule_init(&schedule, &plan->schedule, 1, 0);
    for (uint64_t i = 0; i <= index && interrupt_count() == 0; i++) {
        uint64_t next_ns = schedule_next(&schedule);
        if (next_ns == SCHEDULE_NONE) {
            break;
        }
        due_ns = next_ns;
    }
    return due_ns;
}

/*
 * As much of the window as is known before it. Of an open loop that is all, since its schedule is;
 * a closed loop that warms up by requests finds out when that is done.
 */
static void trial_set_window(struct trial *trial, uint64_t start_ns)
{
    const struct plan *plan = trial->plan;
    uint64_t warm = plan->warm_requests;

    if (!plan->open_loop) {
        if (!plan->warm_slots && warm == 0) {
            load_begin(&trial->load, start_ns + plan->warm_ns);
        }
        return;
    }
    /* A window of a given length that began with an arrival would hold one too many. */
    bool by_time = plan->warm_ns != 0 && plan->duration_ns != UINT64_MAX;
    uint64_t warm_ns = warm == 0 ? 0 : trial_due_ns(plan, warm);
    load_begin(&trial->load, start_ns + (by_time ? plan->warm_ns : warm_ns));
    if (plan->requests != UINT64_MAX) {
        /* To where one more would be due: n intervals, of n requests. */
        load_end(&trial->load, start_ns + trial_due_ns(plan, warm + plan->requests));
    }
}

static void trial_give_start(struct trial *trial, bool really)
{
    if (really) {
        uint64_t start_ns = quoit_now_ns() + LEAD_NS;
        trial->harvest->started_at = (int64_t)time(NULL);
        trial_set_window(trial, start_ns);
        atomic_store(&trial->load.start_ns, start_ns);
    }
    for (uint32_t i = 0; i < trial->started; i++) {
        sem_post(&trial->load.start);
    }
}

/* --- Looking on --- */

static void trial_read_pulses(struct trial *trial)
{
    memset(&trial->now, 0, sizeof(trial->now));
    for (uint32_t i = 0; i < trial->started; i++) {
        pulse_read(&trial->now, &trial->workers[i]->pulse);
    }
}

static struct harvest_load trial_read_load(const struct trial *trial)
{
    struct harvest_load load = { 0 };

    for (uint32_t i = 0; i < trial->started; i++) {
        const struct pulse *pulse = &trial->workers[i]->pulse;
        uint64_t late_ns = atomic_load_explicit(&pulse->late_ns, memory_order_relaxed);
        load.in_flight += atomic_load_explicit(&pulse->in_flight, memory_order_relaxed);
        load.late_ns = late_ns > load.late_ns ? late_ns : load.late_ns;
    }
    return load;
}

/* How far the window has come when the next of the three marks is due. */
static uint64_t trial_mark_ns(const struct trial *trial)
{
    uint64_t begin_ns = load_look(&trial->load.begin_ns);
    uint64_t end_ns = load_look(&trial->load.end_ns);

    if (begin_ns == LOAD_UNKNOWN || end_ns == LOAD_UNKNOWN || trial->marks == 3) {
        return LOAD_UNKNOWN;
    }
    return begin_ns + (end_ns - begin_ns) / 4 * (trial->marks + 2);
}

/* What the shortest request so far took; if none has ended, nobody knows. */
static uint64_t trial_shortest_ns(struct trial *trial)
{
    trial_read_pulses(trial);
    return trial->now.counts[PULSE_SERVICE] == 0
               ? UINT64_MAX
               : (uint64_t)pulse_percentile(&trial->now, PULSE_SERVICE, 0);
}

static void trial_take_marks(struct trial *trial, uint64_t now_ns)
{
    struct harvest *harvest = trial->harvest;
    struct harvest_load *const places[] = { &harvest->half, &harvest->three_quarters,
                                            &harvest->whole };

    while (trial->marks < 3 && now_ns >= trial_mark_ns(trial)) {
        *places[trial->marks++] = trial_read_load(trial);
    }
    if (trial->marks == 3 && trial->plan->stops_if_saturated && !trial->stopped) {
        harvest->begin_ns = load_look(&trial->load.begin_ns);
        harvest->end_ns = load_look(&trial->load.end_ns);
        harvest->rate_asked = trial->plan->schedule.rate_to;
        if (harvest_is_growing(harvest, trial_shortest_ns(trial))) {
            atomic_store(&trial->load.over_ns, now_ns);
        }
        trial->stopped = true;
    }
}

static uint64_t trial_interval_ns(const struct plan *plan)
{
    static const uint64_t steps_ms[] = { 50, 100, 200, 500, 1000, 2000, 5000, 10000 };
    const size_t count = sizeof(steps_ms) / sizeof(steps_ms[0]);

    if (plan->duration_ns == UINT64_MAX) {
        return 100 * (NS_PER_S / 1000);
    }
    size_t i = 0;
    while (i + 1 < count && plan->duration_ns / (steps_ms[i] * 1000000) > POINTS_WANTED) {
        i++;
    }
    return steps_ms[i] * 1000000;
}

/* Without a warm-up nothing was before T0, and what came since then belongs to the window. */
static void trial_begin_timeline(struct trial *trial, uint64_t begin_ns, uint64_t now_ns)
{
    static const struct pulse_sum nothing;
    const struct plan *plan = trial->plan;
    struct timeline *timeline = trial->harvest->timeline;
    uint64_t interval_ns = trial_interval_ns(plan);

    if (plan_warms_up(plan)) {
        timeline_begin(timeline, interval_ns, begin_ns, now_ns, &trial->now);
    } else {
        timeline_begin(timeline, interval_ns, begin_ns, begin_ns, &nothing);
    }
    trial->begun = true;
}

static void trial_look(struct trial *trial, uint64_t now_ns)
{
    struct timeline *timeline = trial->harvest->timeline;
    uint64_t begin_ns = load_look(&trial->load.begin_ns);

    trial_take_marks(trial, now_ns);
    bool due = trial->begun ? now_ns >= timeline_due_ns(timeline) : now_ns >= begin_ns;
    if (due || progress_is_due(trial->watch->progress, now_ns)) {
        trial_read_pulses(trial);
    }
    if (due && trial->begun) {
        timeline_take(timeline, now_ns, &trial->now);
    } else if (due) {
        trial_begin_timeline(trial, begin_ns, now_ns);
    }
    if (progress_is_due(trial->watch->progress, now_ns)) {
        live_show(&trial->live, trial->watch->progress, &trial->now, now_ns);
    }
    if (trial->watch->csv != NULL && begin_ns != LOAD_UNKNOWN) {
        csv_write(trial->watch->csv, begin_ns);
    }
}

/* A signal: nothing new starts, and what is open has the grace. */
static void trial_note_signals(struct trial *trial, uint64_t now_ns)
{
    uint64_t grace_end_ns = interrupt_count() > 1 ? now_ns : interrupt_end_ns();

    if (interrupt_count() == 0) {
        return;
    }
    if (!trial->harvest->interrupted) {
        trial->harvest->interrupted = true;
        progress_say(trial->watch->progress, "interrupted: what is open may end; again: at once");
        atomic_store(&trial->load.stopped, true);
        if (load_look(&trial->load.begin_ns) > now_ns) { /* nothing was measured yet */
            atomic_store(&trial->load.begin_ns, now_ns);
        }
        load_end(&trial->load, now_ns);
        if (load_look(&trial->load.end_ns) > now_ns) {
            atomic_store(&trial->load.end_ns, now_ns);
        }
    }
    if (load_look(&trial->load.over_ns) > grace_end_ns) {
        atomic_store(&trial->load.over_ns, grace_end_ns);
    }
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* Until when there is nothing to look at. */
static uint64_t trial_next_look_ns(const struct trial *trial, uint64_t now_ns)
{
    uint64_t begin_ns = load_look(&trial->load.begin_ns);
    uint64_t until_ns = now_ns + (trial->begun ? LOOK_LATE_NS : LOOK_NS);

    if (trial->begun) {
        until_ns = earlier(until_ns, timeline_due_ns(trial->harvest->timeline));
    } else if (begin_ns > now_ns) {
        until_ns = earlier(until_ns, begin_ns);
    }
    return earlier(until_ns, trial_mark_ns(trial));
}

/* Until all workers have ended. */
static void trial_watch_workers(struct trial *trial)
{
    uint32_t done = 0;

    while (done < trial->started) {
        uint64_t now_ns = quoit_now_ns();
        trial_note_signals(trial, now_ns);
        trial_look(trial, now_ns);
        uint64_t until_ns = trial_next_look_ns(trial, now_ns);
        const struct timespec until = { (time_t)(until_ns / NS_PER_S),
                                        (long)(until_ns % NS_PER_S) };
        while (done < trial->started &&
               sem_clockwait(&trial->load.done, CLOCK_MONOTONIC, &until) == 0) {
            done++;
        }
    }
    trial_read_pulses(trial);
    if (trial->begun) {
        timeline_take(trial->harvest->timeline, quoit_now_ns(), &trial->now);
    }
    progress_clear(trial->watch->progress);
}

/* --- The end --- */

static int trial_refuse_server(const struct trial *trial)
{
    const struct load *load = &trial->load;
    const char *message = quoit_error_message(load->detail_error);
    bool says_more = load->detail[0] != '\0' && strcmp(load->detail, message) != 0;
    struct text url;

    text_init(&url, 0);
    server_append_url(&url, trial->plan->work->url);
    fprintf(stderr, "quoit: no answer from %s: %s%s%s\n", url.failed ? "the server" : url.bytes,
            message, says_more ? ": " : "", says_more ? load->detail : "");
    text_free(&url);
    return EXIT_START;
}

static int trial_sum_up(struct trial *trial)
{
    struct harvest *harvest = trial->harvest;
    const struct worker *first = trial->workers[0];
    struct tally_engine passed = { 0 };

    harvest->tally = trial->workers[0]->tally;
    trial->workers[0]->tally = NULL;
    for (uint32_t i = 1; i < trial->started; i++) {
        tally_merge(harvest->tally, trial->workers[i]->tally);
    }
    if (trial->watch->csv != NULL) {
        csv_write(trial->watch->csv, load_look(&trial->load.begin_ns));
    }
    harvest->begin_ns = load_look(&trial->load.begin_ns);
    harvest->end_ns = load_look(&trial->load.end_ns);
    if (harvest->begin_ns == LOAD_UNKNOWN || harvest->end_ns < harvest->begin_ns) {
        harvest->begin_ns = harvest->end_ns; /* it was interrupted before */
    }
    uint64_t start_ns = load_look(&trial->load.start_ns);
    harvest->warm_seconds =
        harvest->begin_ns > start_ns ? (double)(harvest->begin_ns - start_ns) / 1e9 : 0;
    harvest->io = first->stats.io;
    harvest->io_refusal = first->stats.io_refusal;
    passed = harvest->tally->engine;
    harvest_reckon(harvest, &passed);
    return 0;
}

static bool trial_init(struct trial *trial)
{
    const struct plan *plan = trial->plan;
    uint64_t warm = plan->warm_requests;

    if (plan->warm_slots) {
        warm = plan->slots;
    }
    trial->load = (struct load){
        .plan = plan,
        .start_ns = LOAD_UNKNOWN,
        .begin_ns = LOAD_UNKNOWN,
        .end_ns = LOAD_UNKNOWN,
        .over_ns = LOAD_UNKNOWN,
        .warm_left = warm,
    };
    sem_init(&trial->load.ready, 0, 0);
    sem_init(&trial->load.start, 0, 0);
    sem_init(&trial->load.done, 0, 0);
    trial->harvest->plan = plan;
    trial->harvest->timeline = calloc(1, sizeof(*trial->harvest->timeline));
    trial->workers = calloc(plan->threads, sizeof(struct worker *));
    if (trial->harvest->timeline == NULL || trial->workers == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < plan->threads; i++) {
        trial->workers[i] = worker_create(plan, &trial->load, trial->watch->csv, i);
        if (trial->workers[i] == NULL) {
            return false;
        }
    }
    return true;
}

static void trial_free(struct trial *trial)
{
    for (uint32_t i = 0; trial->workers != NULL && i < trial->plan->threads; i++) {
        worker_destroy(trial->workers[i]);
    }
    free(trial->workers);
    sem_destroy(&trial->load.ready);
    sem_destroy(&trial->load.start);
    sem_destroy(&trial->load.done);
    free(trial);
}

int trial_run(const struct plan *plan, const struct trial_watch *watch, struct harvest *harvest)
{
    struct trial *trial = calloc(1, sizeof(*trial));

    *harvest = (struct harvest){ .plan = plan };
    if (trial == NULL) {
        return trial_no_memory();
    }
    trial->plan = plan;
    trial->watch = watch;
    trial->harvest = harvest;
    int exit_code = trial_init(trial) ? 0 : trial_no_memory();
    if (exit_code == 0) {
        int threads = trial_start_threads(trial);
        int engines = trial_await_engines(trial);
        exit_code = threads != 0 ? threads : engines;
        trial_give_start(trial, exit_code == 0);
        if (exit_code == 0) {
            trial_watch_workers(trial);
        }
        for (uint32_t i = 0; i < trial->started; i++) {
            worker_join(trial->workers[i]);
        }
    }
    if (exit_code == 0) {
        exit_code =
            atomic_load(&trial->load.hopeless) ? trial_refuse_server(trial) : trial_sum_up(trial);
    }
    if (exit_code != 0) {
        harvest_free(harvest);
    }
    trial_free(trial);
    return exit_code;
}
