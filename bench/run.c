/*
 * run: the main thread's part: it only looks, so that nothing it does is in anybody's way.
 */
#include "bench/run.h"

#include "bench/live.h"
#include "bench/worker.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/reach.h"

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

struct run {
    const struct plan *plan;
    const struct run_watch *watch;
    struct outcome *outcome;
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

static int run_no_memory(void)
{
    fputs("quoit: out of memory\n", stderr);
    return EXIT_START;
}

/* All threads, with signals left to the main thread. */
static int run_start_threads(struct run *run)
{
    sigset_t all, before;
    int os_error = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (os_error == 0 && run->started < run->plan->threads) {
        os_error = worker_start(run->workers[run->started]);
        run->started += os_error == 0;
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
static int run_await_engines(struct run *run)
{
    int exit_code = 0;

    for (uint32_t i = 0; i < run->started; i++) {
        while (sem_wait(&run->load.ready) != 0) {
        }
    }
    for (uint32_t i = 0; exit_code == 0 && i < run->started; i++) {
        if (run->workers[i]->error != QUOIT_OK) {
            exit_code = reach_refuse_engine(run->workers[i]->error);
        }
    }
    return exit_code;
}

/* When request `index` of the schedule is due, or the last before it if there are fewer. */
static uint64_t run_due_ns(const struct plan *plan, uint64_t index)
{
    struct schedule schedule;
    uint64_t due_ns = 0;

    schedule_init(&schedule, &plan->schedule, 1, 0);
    for (uint64_t i = 0; i <= index; i++) {
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
static void run_set_window(struct run *run, uint64_t start_ns)
{
    const struct plan *plan = run->plan;
    uint64_t warm = plan->warm_requests;

    if (!plan->open_loop) {
        if (!plan->warm_slots && warm == 0) {
            load_begin(&run->load, start_ns + plan->warm_ns);
        }
        return;
    }
    load_begin(&run->load, start_ns + (warm == 0 ? 0 : run_due_ns(plan, warm)));
    if (plan->requests != UINT64_MAX) {
        load_end(&run->load, start_ns + run_due_ns(plan, warm + plan->requests - 1));
    }
}

static void run_give_start(struct run *run, bool really)
{
    if (really) {
        uint64_t start_ns = quoit_now_ns() + LEAD_NS;
        run->outcome->started_at = (int64_t)time(NULL);
        run_set_window(run, start_ns);
        atomic_store(&run->load.start_ns, start_ns);
    }
    for (uint32_t i = 0; i < run->started; i++) {
        sem_post(&run->load.start);
    }
}

/* --- Looking on --- */

static void run_read_pulses(struct run *run)
{
    memset(&run->now, 0, sizeof(run->now));
    for (uint32_t i = 0; i < run->started; i++) {
        pulse_read(&run->now, &run->workers[i]->pulse);
    }
}

static struct outcome_load run_read_load(const struct run *run)
{
    struct outcome_load load = { 0 };

    for (uint32_t i = 0; i < run->started; i++) {
        const struct pulse *pulse = &run->workers[i]->pulse;
        uint64_t late_ns = atomic_load_explicit(&pulse->late_ns, memory_order_relaxed);
        load.in_flight += atomic_load_explicit(&pulse->in_flight, memory_order_relaxed);
        load.late_ns = late_ns > load.late_ns ? late_ns : load.late_ns;
    }
    return load;
}

/* How far the window has come when the next of the three marks is due. */
static uint64_t run_mark_ns(const struct run *run)
{
    uint64_t begin_ns = load_look(&run->load.begin_ns);
    uint64_t end_ns = load_look(&run->load.end_ns);

    if (begin_ns == LOAD_UNKNOWN || end_ns == LOAD_UNKNOWN || run->marks == 3) {
        return LOAD_UNKNOWN;
    }
    return begin_ns + (end_ns - begin_ns) / 4 * (run->marks + 2);
}

static void run_take_marks(struct run *run, uint64_t now_ns)
{
    struct outcome *outcome = run->outcome;
    struct outcome_load *const places[] = { &outcome->half, &outcome->three_quarters,
                                            &outcome->whole };

    while (run->marks < 3 && now_ns >= run_mark_ns(run)) {
        *places[run->marks++] = run_read_load(run);
    }
    if (run->marks == 3 && run->plan->stops_if_saturated && !run->stopped) {
        outcome->begin_ns = load_look(&run->load.begin_ns);
        outcome->end_ns = load_look(&run->load.end_ns);
        outcome->rate_asked = run->plan->schedule.rate_to;
        if (outcome_is_growing(outcome, 0)) {
            atomic_store(&run->load.over_ns, now_ns);
        }
        run->stopped = true;
    }
}

static uint64_t run_interval_ns(const struct plan *plan)
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

static void run_look(struct run *run, uint64_t now_ns)
{
    struct timeline *timeline = run->outcome->timeline;
    uint64_t begin_ns = load_look(&run->load.begin_ns);

    run_take_marks(run, now_ns);
    bool due = run->begun ? now_ns >= timeline_due_ns(timeline) : now_ns >= begin_ns;
    if (due || progress_is_due(run->watch->progress, now_ns)) {
        run_read_pulses(run);
    }
    if (due && run->begun) {
        timeline_take(timeline, now_ns, &run->now);
    } else if (due) {
        timeline_begin(timeline, run_interval_ns(run->plan), begin_ns, now_ns, &run->now);
        run->begun = true;
    }
    if (progress_is_due(run->watch->progress, now_ns)) {
        live_show(&run->live, run->watch->progress, &run->now, now_ns);
    }
    if (run->watch->csv != NULL && begin_ns != LOAD_UNKNOWN) {
        csv_write(run->watch->csv, begin_ns);
    }
}

/* A signal: nothing new starts, and what is open has the grace. */
static void run_note_signals(struct run *run, uint64_t now_ns)
{
    uint64_t grace_end_ns = interrupt_count() > 1 ? now_ns : interrupt_end_ns();

    if (interrupt_count() == 0) {
        return;
    }
    if (!run->outcome->interrupted) {
        run->outcome->interrupted = true;
        progress_say(run->watch->progress, "interrupted: what is open may end; again: at once");
        atomic_store(&run->load.stopped, true);
        if (load_look(&run->load.begin_ns) > now_ns) { /* nothing was measured yet */
            atomic_store(&run->load.begin_ns, now_ns);
        }
        load_end(&run->load, now_ns);
        if (load_look(&run->load.end_ns) > now_ns) {
            atomic_store(&run->load.end_ns, now_ns);
        }
    }
    if (load_look(&run->load.over_ns) > grace_end_ns) {
        atomic_store(&run->load.over_ns, grace_end_ns);
    }
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* Until when there is nothing to look at. */
static uint64_t run_next_look_ns(const struct run *run, uint64_t now_ns)
{
    uint64_t begin_ns = load_look(&run->load.begin_ns);
    uint64_t until_ns = now_ns + (run->begun ? LOOK_LATE_NS : LOOK_NS);

    if (run->begun) {
        until_ns = earlier(until_ns, timeline_due_ns(run->outcome->timeline));
    } else if (begin_ns > now_ns) {
        until_ns = earlier(until_ns, begin_ns);
    }
    return earlier(until_ns, run_mark_ns(run));
}

/* Until all workers have ended. */
static void run_watch_workers(struct run *run)
{
    uint32_t done = 0;

    while (done < run->started) {
        uint64_t now_ns = quoit_now_ns();
        run_note_signals(run, now_ns);
        run_look(run, now_ns);
        uint64_t until_ns = run_next_look_ns(run, now_ns);
        const struct timespec until = { (time_t)(until_ns / NS_PER_S),
                                        (long)(until_ns % NS_PER_S) };
        while (done < run->started &&
               sem_clockwait(&run->load.done, CLOCK_MONOTONIC, &until) == 0) {
            done++;
        }
    }
    run_read_pulses(run);
    if (run->begun) {
        timeline_take(run->outcome->timeline, quoit_now_ns(), &run->now);
    }
    progress_clear(run->watch->progress);
}

/* --- The end --- */

static int run_refuse_server(const struct run *run)
{
    const struct load *load = &run->load;
    const char *detail =
        load->detail[0] != '\0' ? load->detail : quoit_error_message(load->detail_error);

    fprintf(stderr, "quoit: no answer from the server: %s: %s\n",
            quoit_error_message(load->detail_error), detail);
    return EXIT_START;
}

static int run_sum_up(struct run *run)
{
    struct outcome *outcome = run->outcome;
    const struct worker *first = run->workers[0];
    struct tally_engine passed = { 0 };

    outcome->tally = run->workers[0]->tally;
    run->workers[0]->tally = NULL;
    for (uint32_t i = 1; i < run->started; i++) {
        tally_merge(outcome->tally, run->workers[i]->tally);
    }
    if (run->watch->csv != NULL) {
        csv_write(run->watch->csv, load_look(&run->load.begin_ns));
    }
    outcome->begin_ns = load_look(&run->load.begin_ns);
    outcome->end_ns = load_look(&run->load.end_ns);
    if (outcome->begin_ns == LOAD_UNKNOWN || outcome->end_ns < outcome->begin_ns) {
        outcome->begin_ns = outcome->end_ns; /* it was interrupted before */
    }
    uint64_t start_ns = load_look(&run->load.start_ns);
    outcome->warm_seconds =
        outcome->begin_ns > start_ns ? (double)(outcome->begin_ns - start_ns) / 1e9 : 0;
    outcome->io = first->stats.io;
    outcome->io_refusal = first->stats.io_refusal;
    passed = outcome->tally->engine;
    outcome_reckon(outcome, &passed);
    return 0;
}

static bool run_init(struct run *run)
{
    const struct plan *plan = run->plan;
    uint64_t warm = plan->warm_requests;

    if (plan->warm_slots) {
        warm = plan->slots;
    }
    run->load = (struct load){
        .plan = plan,
        .start_ns = LOAD_UNKNOWN,
        .begin_ns = LOAD_UNKNOWN,
        .end_ns = LOAD_UNKNOWN,
        .over_ns = LOAD_UNKNOWN,
        .warm_left = warm,
    };
    sem_init(&run->load.ready, 0, 0);
    sem_init(&run->load.start, 0, 0);
    sem_init(&run->load.done, 0, 0);
    run->outcome->plan = plan;
    run->outcome->timeline = calloc(1, sizeof(*run->outcome->timeline));
    run->workers = calloc(plan->threads, sizeof(struct worker *));
    if (run->outcome->timeline == NULL || run->workers == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < plan->threads; i++) {
        run->workers[i] = worker_create(plan, &run->load, run->watch->csv, i);
        if (run->workers[i] == NULL) {
            return false;
        }
    }
    return true;
}

static void run_free(struct run *run)
{
    for (uint32_t i = 0; run->workers != NULL && i < run->plan->threads; i++) {
        worker_destroy(run->workers[i]);
    }
    free(run->workers);
    sem_destroy(&run->load.ready);
    sem_destroy(&run->load.start);
    sem_destroy(&run->load.done);
    free(run);
}

int run_go(const struct plan *plan, const struct run_watch *watch, struct outcome *outcome)
{
    struct run *run = calloc(1, sizeof(*run));

    *outcome = (struct outcome){ .plan = plan };
    if (run == NULL) {
        return run_no_memory();
    }
    run->plan = plan;
    run->watch = watch;
    run->outcome = outcome;
    int exit_code = run_init(run) ? 0 : run_no_memory();
    if (exit_code == 0) {
        int threads = run_start_threads(run);
        int engines = run_await_engines(run);
        exit_code = threads != 0 ? threads : engines;
        run_give_start(run, exit_code == 0);
        if (exit_code == 0) {
            run_watch_workers(run);
        }
        for (uint32_t i = 0; i < run->started; i++) {
            worker_join(run->workers[i]);
        }
    }
    if (exit_code == 0) {
        exit_code = atomic_load(&run->load.hopeless) ? run_refuse_server(run) : run_sum_up(run);
    }
    if (exit_code != 0) {
        outcome_free(outcome);
    }
    run_free(run);
    return exit_code;
}
