/*
 * worker: the thread, and when a request begins. worker_end.c has how one ends.
 */
#include "bench/worker_parts.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#define LOOK_NS UINT64_C(100000000) /* no wait is longer, so that instants of others are seen */
#define WAKE_NS UINT64_C(60000)     /* what waking up takes at least: so much earlier it is awake */
#define WAKE_MAX_NS UINT64_C(400000)
#define EVENTS_MAX 256
#define BUSY_LEAST_NS UINT64_C(100000000) /* of less nobody can tell how busy a thread was */

/* --- What is due --- */

static const struct work_item *worker_pick(struct worker *worker)
{
    const struct work *work = worker->plan->work;
    uint64_t number = worker->sequence++ * worker->plan->threads + worker->index;

    if (worker->plan->random_order) {
        number = draw_bits(&worker->draw);
    }
    return &work->items[number % work->count];
}

/* The next request of the schedule. */
static void worker_next_due(struct worker *worker)
{
    const struct plan *plan = worker->plan;
    uint64_t index = worker->schedule.index;
    uint64_t due_ns = schedule_next(&worker->schedule);
    uint64_t most =
        plan->requests == UINT64_MAX ? UINT64_MAX : plan->warm_requests + plan->requests;

    worker->next_index = index;
    worker->next_due_ns = due_ns == SCHEDULE_NONE || index >= most
                              ? SCHEDULE_NONE
                              : load_look(&worker->load->start_ns) + due_ns;
}

/* Open loop: is there a request that is due before the end? */
static bool worker_has_due(const struct worker *worker)
{
    if (worker->next_due_ns == SCHEDULE_NONE) {
        return false;
    }
    uint64_t end_ns = load_look(&worker->load->end_ns);

    return worker->plan->requests != UINT64_MAX ? worker->next_due_ns <= end_ns
                                                : worker->next_due_ns < end_ns;
}

/* Closed loop: may one more begin that is due now? With -n that takes one of those there are. */
static bool worker_take_ticket(struct worker *worker, uint64_t due_ns, bool *measured_out)
{
    struct load *load = worker->load;
    uint64_t requests = worker->plan->requests;

    *measured_out = due_ns >= load_look(&load->begin_ns);
    if (due_ns >= load_look(&load->end_ns)) {
        return false;
    }
    if (!*measured_out || requests == UINT64_MAX) {
        return true;
    }
    uint64_t number = atomic_fetch_add(&load->started, 1);
    if (number + 1 == requests) { /* which may be due in a moment: never before T0 */
        load_end(load, (due_ns > worker->now_ns ? due_ns : worker->now_ns) + 1);
    }
    return number < requests;
}

/* May another begin: in this turn, or ever? */
static bool worker_may_begin(struct worker *worker)
{
    const struct load *load = worker->load;

    if (atomic_load_explicit(&load->stopped, memory_order_relaxed) ||
        worker->now_ns >= load_look(&load->over_ns)) {
        worker->no_more = true;
    }
    if (worker->plan->open_loop && !worker_has_due(worker)) {
        worker->no_more = true;
    }
    return !worker->no_more;
}

/* --- One request --- */

static enum quoit_stream worker_stream(const struct plan *plan, const struct work_item *item)
{
    if (plan->stream) {
        return QUOIT_SSE;
    }
    return item->form != STREAM_NONE ? QUOIT_WHOLE : QUOIT_DISCARD;
}

static void worker_begin(struct worker *worker, struct bench_slot *slot, uint64_t due_ns,
                         bool measured)
{
    const struct plan *plan = worker->plan;
    const struct work_item *item = worker_pick(worker);
    const struct quoit_request request = {
        .method = item->method,
        .url = item->url,
        .unix_path = plan->work->unix_socket,
        .proxy_url = item->proxy_url,
        .headers = item->headers,
        .headers_count = item->headers_count,
        .body = item->body,
        .context = slot,
        .start_ns = due_ns > worker->now_ns ? due_ns : 0, /* a slot that has to pause */
        .retries = QUOIT_NONE,
        .stream = worker_stream(plan, item),
        .replay = QUOIT_REPLAY_YES,
        .judge = true, /* an answer is one, whatever it says: nothing is tried again */
    };
    uint64_t id = 0;

    slots_take(&worker->slots);
    if (worker->slots.free_count == 0) {
        worker->full_since_ns = worker->now_ns;
    }
    slot->granted_ns = due_ns > slot->free_ns ? due_ns : slot->free_ns;
    slot->due_ns = due_ns;
    slot->item = item;
    slot->measured = measured;
    slot->streamed = false;
    slot->sent_ns = slot->last_read_ns = 0;
    slot->tokens_count = 0;
    slot->incomplete = false;
    worker->in_flight++;
    pulse_count(&worker->pulse.sent, 1);
    if (worker->in_flight > worker->tally->in_flight_max) {
        worker->tally->in_flight_max = worker->in_flight;
    }
    enum quoit_error error = quoit_submit(worker->engine, &request, &id);
    if (error != QUOIT_OK) {
        worker_refuse(worker, slot, error);
    }
}

/* Begin all that may begin now. */
static void worker_begin_due(struct worker *worker)
{
    uint64_t start_ns = load_look(&worker->load->start_ns);
    struct bench_slot *slot = NULL;
    uint32_t left = worker->slots.count; /* one that fails at once is not begun again at once */

    while (left-- > 0 && worker_may_begin(worker) && (slot = slots_peek(&worker->slots)) != NULL) {
        bool measured = false;
        uint64_t due_ns = slot->free_ns > start_ns ? slot->free_ns : start_ns;
        if (!worker->plan->open_loop) {
            if (!worker_take_ticket(worker, due_ns, &measured)) {
                worker->no_more = true;
                return;
            }
        } else {
            due_ns = worker->next_due_ns;
            if (due_ns > worker->now_ns) {
                return;
            }
            measured = worker->next_index >= worker->plan->warm_requests &&
                       due_ns >= load_look(&worker->load->begin_ns);
            worker_next_due(worker);
        }
        worker_begin(worker, slot, due_ns, measured);
    }
}

/* What was due and will never begin. */
static void worker_count_unsent(struct worker *worker)
{
    if (!worker->plan->open_loop) {
        return;
    }
    while (worker_has_due(worker)) {
        worker->tally->unsent += worker->next_index >= worker->plan->warm_requests &&
                                 worker->next_due_ns >= load_look(&worker->load->begin_ns);
        worker_next_due(worker);
    }
}

/* --- The clock --- */

static void worker_read_engine(const struct worker *worker, struct tally_engine *out)
{
    struct quoit_stats stats = { 0 };
    struct timespec cpu = { 0 };

    quoit_stats_read(worker->engine, &stats);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    *out = (struct tally_engine){
        .at_ns = worker->now_ns,
        .cpu_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec,
        .spin_ns = stats.spin_ns + worker->spin_ns,
        .ended = worker->ended,
        .sqes = stats.sqes,
        .cqes = stats.cqes,
        .entries = stats.entries,
        .no_buffers = stats.no_buffers,
        .cq_overflows = stats.cq_overflows,
        .opened = stats.opened,
    };
}

/* How much of a core was used since `second`, if that was long enough to tell. */
static void worker_note_busy(struct worker *worker, const struct tally_engine *now, uint64_t least)
{
    struct tally_engine passed;

    tally_engine_subtract(&passed, now, &worker->second);
    if (passed.at_ns < least) {
        return;
    }
    uint64_t idle_ns = passed.spin_ns < passed.cpu_ns ? passed.spin_ns : passed.cpu_ns;
    double share = (double)(passed.cpu_ns - idle_ns) / (double)passed.at_ns;
    if (share > worker->tally->busiest) {
        worker->tally->busiest = share;
    }
    worker->second = *now;
}

void worker_note_full(struct worker *worker)
{
    if (worker->slots.free_count == 0) {
        if (worker->has_begun && !worker->has_ended) {
            worker->tally->full_ns += worker->now_ns - worker->full_since_ns;
        }
        worker->full_since_ns = worker->now_ns;
    }
}

/* Without a warm-up all counts since the start are the window's: one turn may be all of it. */
static void worker_mark_begin(struct worker *worker)
{
    if (plan_warms_up(worker->plan)) {
        worker_read_engine(worker, &worker->at_begin);
    } else {
        worker->at_begin.at_ns = load_look(&worker->load->begin_ns);
    }
    worker->second = worker->at_begin;
    worker_note_full(worker);
    worker->has_begun = true;
}

/*
 * Counts at T0, each second, and at T1, or when there is nothing more to do: with -n a closed loop
 * is measured until its last request has ended, as its rate is.
 */
static void worker_mark(struct worker *worker, bool is_last)
{
    const uint64_t second_ns = UINT64_C(1000000000);
    bool counts_all = !worker->plan->open_loop && worker->plan->requests != UINT64_MAX;
    struct tally *tally = worker->tally;
    struct tally_engine now;

    if (!worker->has_begun && worker->now_ns >= load_look(&worker->load->begin_ns)) {
        worker_mark_begin(worker);
    }
    if (!worker->has_begun || worker->has_ended) {
        return;
    }
    bool at_end = is_last || (!counts_all && worker->now_ns >= load_look(&worker->load->end_ns));
    if (at_end || worker->now_ns - worker->second.at_ns >= second_ns) {
        worker_read_engine(worker, &now);
        uint64_t window_ns = now.at_ns - worker->at_begin.at_ns;
        uint64_t least_ns = window_ns > BUSY_LEAST_NS ? window_ns : BUSY_LEAST_NS;
        worker_note_busy(worker, &now, least_ns < second_ns ? least_ns : second_ns);
        if (at_end) {
            tally_engine_subtract(&tally->engine, &now, &worker->at_begin);
            worker_note_full(worker);
            worker->has_ended = true;
        }
    }
}

/* How long the next turn may wait; *awake_out: it is so short that sleeping would be too long. */
static uint64_t worker_wait(const struct worker *worker, bool *awake_out)
{
    uint64_t over_ns = load_look(&worker->load->over_ns);
    uint64_t wait_ns = LOOK_NS;

    *awake_out = false;
    if (over_ns > worker->now_ns && over_ns - worker->now_ns < wait_ns) {
        wait_ns = over_ns - worker->now_ns;
    }
    if (!worker->plan->open_loop || worker->no_more || worker->slots.free_count == 0) {
        return wait_ns;
    }
    uint64_t due_in_ns =
        worker->next_due_ns > worker->now_ns ? worker->next_due_ns - worker->now_ns : 0;
    if (due_in_ns >= wait_ns) {
        return wait_ns;
    }
    if (!worker->plan->spins) {
        return due_in_ns;
    }
    *awake_out = due_in_ns <= worker->wake_ns;
    return *awake_out ? 0 : due_in_ns - worker->wake_ns;
}

/* How long waking up takes, from a sleep that nothing but the clock has ended. */
static void worker_learn_wake(struct worker *worker, uint64_t late_ns)
{
    uint64_t wanted_ns = late_ns + late_ns / 4;

    if (wanted_ns > worker->wake_ns) {
        worker->wake_ns = wanted_ns < WAKE_MAX_NS ? wanted_ns : WAKE_MAX_NS;
    } else if (worker->wake_ns > WAKE_NS) {
        worker->wake_ns -= worker->wake_ns / 64;
    }
}

/* What is waiting, for the thread that looks on. */
static void worker_publish(struct worker *worker)
{
    uint64_t late_ns = 0;

    if (worker->plan->open_loop && !worker->no_more && worker->now_ns > worker->next_due_ns) {
        late_ns = worker->now_ns - worker->next_due_ns;
    }
    atomic_store_explicit(&worker->pulse.late_ns, late_ns, memory_order_relaxed);
    atomic_store_explicit(&worker->pulse.in_flight, worker->in_flight, memory_order_relaxed);
}

/* `began`: a request did, since the last turn. */
static void worker_turn(struct worker *worker, bool began)
{
    struct quoit_event events[EVENTS_MAX];
    bool awake = false;
    uint64_t wait_ns = worker_wait(worker, &awake);
    uint64_t before_ns = worker->now_ns;
    uint32_t count = 0;
    uint32_t all = 0;

    worker_publish(worker);
    (void)quoit_turn(worker->engine, wait_ns);
    worker->now_ns = quoit_now_ns();
    while ((count = quoit_next(worker->engine, events, EVENTS_MAX)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            worker_on_event(worker, &events[i]);
        }
        all += count;
    }
    uint64_t passed_ns = worker->now_ns - before_ns;
    if (awake && all == 0 && !began) { /* to send one is work */
        worker->spin_ns += passed_ns;
    }
    if (all == 0 && wait_ns != 0 && passed_ns > wait_ns) {
        worker_learn_wake(worker, passed_ns - wait_ns);
    }
}

/* --- The thread --- */

static bool worker_is_over(struct worker *worker)
{
    if (!worker->gave_up && worker->now_ns >= load_look(&worker->load->over_ns)) {
        worker->gave_up = true;
        worker->no_more = true;
        quoit_cancel_all(worker->engine);
    }
    return worker->no_more && worker->in_flight == 0;
}

static void worker_run(struct worker *worker)
{
    worker->now_ns = quoit_now_ns();
    if (worker->plan->open_loop) {
        worker_next_due(worker);
    }
    worker_read_engine(worker, &worker->at_begin);
    for (;;) {
        uint64_t before = worker->sequence;
        worker_begin_due(worker); /* first: it may find that there is no more to wait for */
        if (worker_is_over(worker)) {
            break;
        }
        worker_turn(worker, worker->sequence != before);
        worker_mark(worker, false);
    }
    worker_mark(worker, true);
    worker_publish(worker);
    worker_count_unsent(worker);
    if (worker->csv != NULL) {
        csv_flush(worker->csv, worker->index);
    }
}

static void *worker_thread(void *argument)
{
    struct worker *worker = argument;
    struct load *load = worker->load;

    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* ns: to wake up when it is time */
    worker->error = quoit_create(&worker->options, &worker->engine);
    if (worker->error == QUOIT_OK) {
        quoit_stats_read(worker->engine, &worker->stats);
    }
    sem_post(&load->ready);
    while (sem_wait(&load->start) != 0) {
    }
    if (worker->error == QUOIT_OK && load_look(&load->start_ns) != LOAD_UNKNOWN) {
        worker_run(worker);
        quoit_stats_read(worker->engine, &worker->stats);
    }
    quoit_destroy(worker->engine);
    sem_post(&load->done);
    return NULL;
}

int worker_start(struct worker *worker)
{
    return pthread_create(&worker->thread, NULL, worker_thread, worker);
}

void worker_join(struct worker *worker)
{
    (void)pthread_join(worker->thread, NULL);
}

struct worker *worker_create(const struct plan *plan, struct load *load, struct csv *csv,
                             uint32_t index)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    uint32_t slots = plan->slots / plan->threads + (index < plan->slots % plan->threads);

    if (worker == NULL) {
        return NULL;
    }
    worker->plan = plan;
    worker->wake_ns = WAKE_NS;
    worker->load = load;
    worker->csv = csv;
    worker->index = index;
    /* Not the draws of the schedule, which has the plan's seed itself. */
    worker->draw.state = ~plan->seed - index;
    worker->options = plan->engine;
    worker->options.in_flight_max = slots;
    worker->options.in_flight_per_origin_max = slots;
    worker->options.requests_max = 2 * slots + 64; /* one that has ended is free a turn later */
    if (plan->open_loop) {
        schedule_init(&worker->schedule, &plan->schedule, plan->threads, index);
    }
    worker->tally = tally_create();
    if (worker->tally == NULL || !slots_init(&worker->slots, slots)) {
        worker_destroy(worker);
        return NULL;
    }
    return worker;
}

void worker_destroy(struct worker *worker)
{
    if (worker != NULL) {
        slots_free(&worker->slots);
        tally_destroy(worker->tally);
        free(worker);
    }
}
