/*
 * run_fill: from lines to requests.
 *
 * As many requests are submitted as may be in flight. Those that wait for another attempt do not
 * count, so that the others go on meanwhile. Nothing lies in the engine that was never sent: when
 * the run stops, what is there is in flight.
 */
#include "cli/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)
#define QUERY_BYTES_MAX ((uint64_t)16 << 20) /* lines under way beyond those in flight */
#define PASSED_MAX 4096       /* lines that need no request, before others have their turn */
#define PROBATION_SENT_MAX 80 /* before anything but hopeless answers came */
#define PROBATION_NS NS_PER_S

uint64_t run_requests_max(uint64_t concurrency)
{
    uint64_t most = 16 * concurrency + 64 < 8192 ? 16 * concurrency + 64 : 8192;

    return most > 2 * concurrency + 64 ? most : 2 * concurrency + 64;
}

/* The query ends without having been sent. */
static void run_refuse(struct run *run, struct query *query, const char *code, const char *message)
{
    if (run->options->verbose) {
        progress_say(run->progress, "line %ju: %s: %s", (uintmax_t)query->number, code, message);
    }
    writer_put_error(&run->writer, query, code, message);
    run->settled++;
    query_give_back(&run->pool, query);
}

static void run_refuse_error(struct run *run, struct query *query, enum quoit_error error)
{
    run->summary->errors[error]++;
    run_refuse(run, query, quoit_error_code(error), quoit_error_message(error));
}

/* The output of an earlier run has its answer. */
static void run_pass(struct run *run, struct query *query)
{
    run->summary->resumed++;
    run->summary->resumed_failed += run->prepare->done_failed;
    run->settled++;
    output_pass(run->output, query->sequence);
    query_give_back(&run->pool, query);
}

/*
 * In the order of the input nothing may be put between answers that are there. Nothing was sent
 * yet: all lines before it are done.
 */
static void run_refuse_order(struct run *run, struct query *query)
{
    run_say_why(run,
                "line %ju has changed or has no answer, and line %ju has one: --order input cannot "
                "go on; leave it out",
                (uintmax_t)query->number, (uintmax_t)run->ordered_until);
    output_skip(run->output, query->sequence);
    query_give_back(&run->pool, query);
    run_stop(run, RUN_UNFIT);
}

/* Hand the query to the engine. False: there is no slot just now; it stays with the caller. */
static bool run_submit(struct run *run, struct query *query)
{
    enum prepare_verdict verdict = prepare_request(run->prepare, query);
    if (verdict != PREPARE_DONE && query->number <= run->ordered_until) {
        run_refuse_order(run, query);
        return true;
    }
    switch (verdict) {
    case PREPARE_GOOD:
        break;
    case PREPARE_DONE:
        run_pass(run, query);
        return true;
    case PREPARE_INVALID:
        run->summary->invalid_lines++;
        run_refuse(run, query, "invalid_input_line", run->prepare->message);
        return true;
    case PREPARE_NO_MEMORY:
        run_refuse_error(run, query, QUOIT_E_NO_MEMORY);
        return true;
    }
    query->rates = rates_name(run->rates, &run->prepare->request);
    enum quoit_error error = query->rates == NULL
                                 ? QUOIT_E_NO_MEMORY
                                 : quoit_submit(run->engine, &run->prepare->request, &query->id);
    if (error == QUOIT_E_NO_SLOT) {
        return false;
    }
    if (error == QUOIT_OK) {
        run->open++;
        if (query->server != SERVERS_NONE) {
            servers_begin(&run->servers, query->server);
        }
    } else {
        run_refuse_error(run, query, error);
    }
    return true;
}

/* The run ends for a reason that lies on this side of it. */
static void run_break(struct run *run, int os_error)
{
    run->input_error = os_error;
    if (os_error == ENOMEM) {
        run_say_why(run, "out of memory");
    } else {
        run_say_why(run, "the input cannot be read: %s", strerror(os_error));
    }
    run_stop(run, RUN_BROKEN);
    run->input_done = true;
}

/* The next line that is not blank. False: none now, or no more at all. */
static bool run_read_line(struct run *run, struct input_line *line)
{
    run->input_late = false;
    if (run->input_done || run->sequence == run->options->limit) {
        run->input_done = true;
        return false;
    }
    do {
        switch (input_next(run->input, line)) {
        case INPUT_LINE:
            break;
        case INPUT_LATER:
            run->input_late = true;
            return false;
        case INPUT_FAILED:
            run_break(run, run->input->os_error);
            return false;
        case INPUT_END:
            run->input_done = true;
            return false;
        }
        if (run->reread != NULL && !reread_note(run->reread, line->number, line->offset)) {
            run_break(run, ENOMEM);
            return false;
        }
    } while (!line->too_long && batch_line_is_blank(line->bytes));
    return true;
}

/* A line that is too long ends here. */
static void run_settle_unread(struct run *run, struct query *query)
{
    if (prepare_unread(run->prepare, query, run->input->line_max) == PREPARE_DONE) {
        run_pass(run, query);
    } else if (query->number <= run->ordered_until) {
        run_refuse_order(run, query);
    } else {
        run->summary->invalid_lines++;
        run_refuse(run, query, "invalid_input_line", run->prepare->message);
    }
}

/* A query of the next line that can be one. NULL: none now, or no more at all. */
static struct query *run_read(struct run *run)
{
    struct input_line line;

    while (run_read_line(run, &line)) {
        struct query *query = query_take(&run->pool, line.bytes);
        if (query == NULL) {
            run_break(run, ENOMEM);
            return NULL;
        }
        query->number = line.number;
        query->offset = line.offset;
        query->sequence = run->sequence++;
        query->read_ns = quoit_now_ns();
        if (!line.too_long) {
            return query;
        }
        run_settle_unread(run, query);
    }
    return NULL;
}

/*
 * How many more queries may be begun on probation. Fewer than a hundred requests are to find out
 * that a key is wrong; but a slow server shall not hold back those who asked for more in flight.
 */
static uint64_t run_probation_room(const struct run *run)
{
    uint64_t sent = run->sequence - run->settled;
    uint64_t most = PROBATION_SENT_MAX;
    uint64_t wanted = run->options->concurrency + run->options->concurrency / 4;

    if (quoit_now_ns() - run->begin_ns > PROBATION_NS && wanted > most) {
        most = wanted;
    }
    return sent < most ? most - sent : 0;
}

/* A run that waits for its server should not look as if it hung. */
static void run_tell_outage(struct run *run, const struct quoit_stats *stats)
{
    char wait[32];

    if (stats->outages == run->outages_told || run->servers.count > 1) {
        return;
    }
    run->outages_told = stats->outages;
    progress_format_time(wait, sizeof(wait), run->options->wait_for_server_ns);
    if (run->options->wait_for_server_ns == UINT64_MAX) {
        progress_say(run->progress, "the server is down: waiting for it");
    } else if (run->options->wait_for_server_ns != 0) {
        progress_say(run->progress, "the server is down: waiting for it, at most %s", wait);
    }
}

/* How many more requests may be submitted. */
static uint64_t run_room(struct run *run)
{
    struct quoit_stats stats;

    quoit_stats_read(run->engine, &stats);
    run_tell_outage(run, &stats);
    run->held = stats.queued;
    uint64_t busy = stats.in_flight + stats.queued;
    uint64_t room = run->options->concurrency > busy ? run->options->concurrency - busy : 0;
    uint64_t free = run->requests_max > run->open ? run->requests_max - run->open : 0;
    room = room < free ? room : free;
    if (run->open >= run->options->concurrency && run->pool.bytes > QUERY_BYTES_MAX) {
        return 0;
    }
    if (run->on_probation) {
        uint64_t trial = run_probation_room(run);
        room = room < trial ? room : trial;
    }
    return room;
}

/*
 * The window is full. If nothing is under way that could move it on, then it waits for answers that
 * are held back.
 */
static void run_release_window(struct run *run)
{
    if (run->open == 0 && run->on_probation) {
        run->on_probation = false;
        writer_release(&run->writer);
    }
}

/* No server may have another query: some are busy, or all have been down for too long. */
static void run_await_servers(struct run *run, uint64_t now_ns)
{
    uint64_t since_ns = run->servers.since_ns;
    uint64_t wait_ns = run->options->wait_for_server_ns;

    if (since_ns != 0 && now_ns > since_ns && now_ns - since_ns > wait_ns) {
        run_say_why(run, "all servers are down, for longer than --wait-for-server");
        run_stop(run, RUN_OUTAGE);
    }
}

void run_fill(struct run *run)
{
    uint64_t room = run->stop == RUN_GOING ? run_room(run) : 0;
    uint64_t now_ns = quoit_now_ns();
    uint64_t passed = 0;

    run->passing = false;
    while (room > 0 && run->stop == RUN_GOING) {
        struct query *query = run->waiting;
        size_t before = query == NULL ? SERVERS_NONE : query->server;
        size_t server = servers_pick(&run->servers, before, now_ns);
        if (server == SERVERS_NONE) {
            run_await_servers(run, now_ns);
            return;
        }
        uint64_t open = run->open;
        if (query != NULL) {
            run->waiting = query->next;
        } else if (!output_has_room(run->output, run->sequence)) {
            run_release_window(run);
            return;
        } else {
            query = run_read(run);
        }
        if (query == NULL) {
            return;
        }
        query->server = server;
        if (!run_submit(run, query)) {
            query->next = run->waiting;
            run->waiting = query;
            return;
        }
        room -= run->open != open;
        passed += run->open == open;
        run->passing = passed == PASSED_MAX;
        if (run->output->failed || run->passing) {
            return;
        }
    }
}
