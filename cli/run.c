/*
 * run: turning, settling, stopping.
 */
#include "cli/run.h"

#include "cli/interrupt.h"
#include "cli/judge.h"
#include "cli/remedy.h"
#include "llm/usage.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)
#define EVENTS_MAX 64
#define RUN_SILENCE_NS (30 * NS_PER_S)    /* until it is told that nothing ends */
#define COUNTED_MAX ((uint64_t)256 << 20) /* bytes of input that are counted, not sent */

/* No line will be written for this query. */
static void run_drop(struct run *run, struct query *query)
{
    run->summary->attempts += query->attempts;
    run->dropped++;
    output_skip(run->output, query->sequence);
    query_give_back(&run->pool, query);
}

static uint64_t run_grace_end(const struct run *run, enum run_stop why)
{
    uint64_t grace_ns = run->options->grace_ns;
    uint64_t now_ns = quoit_now_ns();

    if (why == RUN_INTERRUPTED) {
        return interrupt_end_ns();
    }
    if (grace_ns == OPTIONS_UNSET) {
        grace_ns = RUN_GRACE_NS;
    }
    return grace_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + grace_ns;
}

void run_stop(struct run *run, enum run_stop why)
{
    if (run->stop != RUN_GOING) {
        return;
    }
    run->stop = why;
    run->grace_end_ns = run_grace_end(run, why);
    while (run->waiting != NULL) {
        struct query *query = run->waiting;
        run->waiting = query->next;
        run_drop(run, query);
    }
    quoit_cancel_waiting(run->engine); /* for a rate limit, a retry, a server that is down */
    if (why == RUN_BROKEN && !run->all_cancelled) {
        run->all_cancelled = true;
        quoit_cancel_all(run->engine);
    }
}

void run_say_why(struct run *run, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(run->summary->stopped, sizeof(run->summary->stopped), format, arguments);
    va_end(arguments);
}

/* --- From ends to lines --- */

/* What came of the query, and what can be done about it. */
static void run_append_remedy(struct text *text, const struct query *query,
                              const struct quoit_result *result)
{
    if (result->error != QUOIT_OK) {
        text_append_string(text, quoit_error_message(result->error));
    } else {
        text_append_string(text, "status ");
        text_append_number(text, result->status);
    }
    if (result->error == QUOIT_OK || result->detail[0] != '\0') {
        text_append_string(text, ": ");
        remedy_append(text, result, query->has_key);
    }
}

/* Keep what can be done about the first hopeless answer, or about what this machine lacks; it is
 * told at the end, once. */
static void run_note_remedy(struct run *run, const struct query *query,
                            const struct quoit_result *result)
{
    struct text text;

    if (run->remedy[0] != '\0' || !(judge_is_hopeless(result) || judge_is_of_machine(result))) {
        return;
    }
    text_init(&text, 0);
    run_append_remedy(&text, query, result);
    if (!text.failed) {
        snprintf(run->remedy, sizeof(run->remedy), "%s", text.bytes);
    }
    text_free(&text);
}

/* The first answers are all hopeless: stop, and say why. */
static void run_stop_hopeless(struct run *run, const struct query *query,
                              const struct quoit_result *result)
{
    struct text text;

    text_init(&text, 0);
    run_append_remedy(&text, query, result);
    run_say_why(run, "the first %d answers were all 3xx, 401, 403, 404, 407 or none; the last: %s",
                WRITER_HELD_MAX, text.failed ? "" : text.bytes);
    text_free(&text);
    writer_forget(&run->writer);
    run_stop(run, RUN_HOPELESS);
}

/* What a good answer took, if it says so. */
static void run_count_tokens(struct run *run, const struct query *query,
                             const struct quoit_result *result)
{
    struct usage usage;

    if (usage_read((struct json_span){ result->body.bytes, result->body.size }, &usage)) {
        rates_settle(query->rates, query->id, &usage);
        run->summary->tokens_known = true;
        run->summary->tokens_in += usage.tokens_in;
        run->summary->tokens_out += usage.tokens_out;
    }
}

static void run_tell_failure(struct run *run, const struct query *query,
                             const struct quoit_result *result)
{
    if (!run->options->verbose) {
        return;
    }
    if (result->error == QUOIT_OK) {
        progress_say(run->progress, "line %ju: status %u", (uintmax_t)query->number,
                     result->status);
    } else {
        progress_say(run->progress, "line %ju: %s: %s%s%s", (uintmax_t)query->number,
                     quoit_error_code(result->error), quoit_error_message(result->error),
                     result->detail[0] != '\0' ? ": " : "", result->detail);
    }
}

/* The outcome is final: its line is written, or held back while the run is on probation. */
static void run_settle(struct run *run, struct query *query, const struct quoit_result *result,
                       enum output_kind kind)
{
    bool hopeless = judge_is_hopeless(result);

    summary_count(run->summary, result);
    run->summary->attempts += query->attempts;
    if (result->error != QUOIT_OK) {
        run->settled++;
    }
    if (kind == OUTPUT_FAILED) {
        run_tell_failure(run, query, result);
        run_note_remedy(run, query, result);
    } else {
        run_count_tokens(run, query, result);
    }
    if (run->stop == RUN_HOPELESS && hopeless) {
        run_drop(run, query);
        return;
    }
    if (run->on_probation && hopeless && run->stop == RUN_GOING) {
        writer_hold(&run->writer, query, result);
        if (run->writer.held_count == WRITER_HELD_MAX) {
            run_stop_hopeless(run, query, result);
        }
    } else {
        writer_put(&run->writer, query, result, kind);
    }
    query_give_back(&run->pool, query);
}

void run_send_again(struct run *run, struct query *query, const struct quoit_result *result)
{
    query->attempts += result->attempts;
    query->retries += result->retries;
    query->billed |= result->maybe_billed;
    query->next = run->waiting;
    run->waiting = query;
}

/* A key that lives an hour may have been renewed: send the query again with the newer one? */
static bool run_renew_key(struct run *run, struct query *query, const struct quoit_result *result)
{
    if (result->error != QUOIT_OK || result->status != 401 || !query->at_base ||
        query->key_renewed || run->stop != RUN_GOING) {
        return false;
    }
    keys_refresh(run->keys, true);
    if (run->keys->generation == query->key_generation) {
        return false;
    }
    query->key_renewed = true;
    run_send_again(run, query, result);
    return true;
}

/*
 * Our key is not taken, so it will not be for any other query. Another one's is that line's affair,
 * and with none at all the first answers tell (run_stop_hopeless).
 */
static bool run_is_key_refused(const struct query *query, const struct quoit_result *result)
{
    return result->error == QUOIT_OK && result->status == 401 && query->has_our_key;
}

static void run_stop_key(struct run *run, const struct query *query,
                         const struct quoit_result *result)
{
    struct text text;

    if (run->stop == RUN_GOING) {
        text_init(&text, 0);
        run_append_remedy(&text, query, result);
        run_say_why(run, "%s", text.failed ? "status 401" : text.bytes);
        text_free(&text);
    }
    run_stop(run, RUN_KEY);
}

static void run_stop_quota(struct run *run)
{
    if (run->stop == RUN_GOING) {
        run_say_why(run, "the quota is spent (quota_exhausted: the server answers 429 "
                         "insufficient_quota)");
    }
    run_stop(run, RUN_QUOTA);
}

static void run_stop_outage(struct run *run, const struct quoit_result *result)
{
    if (run->stop == RUN_GOING) {
        run_say_why(run, "the server is down, for longer than --wait-for-server: %s%s%s",
                    quoit_error_message(result->error), result->detail[0] != '\0' ? ": " : "",
                    result->detail);
    }
    run_stop(run, RUN_OUTAGE);
}

/* Any answer that is not hopeless ends the probation. */
static void run_end_probation(struct run *run, const struct quoit_result *result)
{
    if (run->on_probation && result->error == QUOIT_OK && !judge_is_hopeless(result)) {
        run->on_probation = false;
        writer_release(&run->writer);
    }
}

/* Was it answered as if it had been done, or may it have been? */
static bool run_is_billed(const struct quoit_result *result)
{
    bool good = result->error == QUOIT_OK && result->status >= 200 && result->status < 300;

    return good || result->maybe_billed;
}

static void run_settle_failed(struct run *run, struct query *query,
                              const struct quoit_result *result)
{
    if (run_is_key_refused(query, result)) {
        summary_count(run->summary, result);
        run_stop_key(run, query, result);
        run_drop(run, query);
    } else {
        run_settle(run, query, result, OUTPUT_FAILED);
    }
}

static void run_on_end(struct run *run, const struct quoit_event *event)
{
    struct query *query = event->context;
    enum judge_verdict verdict;
    const struct quoit_result *result =
        run_stream_end(&run->streams, query, event->result, &verdict);

    assert(event->kind == QUOIT_END);
    run_end_probation(run, result);
    bool moves = run_may_move(run, query, result, verdict);
    if (verdict == JUDGE_AGAIN && run->stop == RUN_GOING && !moves &&
        quoit_again(run->engine, event->id, result->error, 0) == QUOIT_OK) {
        return;
    }
    run->open--;
    run->answered_ns = event->at_ns;
    run->silence_ns = RUN_SILENCE_NS;
    if (verdict != JUDGE_GOOD && !run_is_billed(result)) {
        rates_give_back(query->rates, query->id);
    }
    run_leave_server(run, query, result, event->at_ns);
    if (moves) {
        run_move(run, query, result);
        return;
    }
    if (result->outage) {
        summary_count(run->summary, result);
        run_stop_outage(run, result);
        run_drop(run, query);
        return;
    }
    switch (verdict) {
    case JUDGE_GOOD:
        run_settle(run, query, result, OUTPUT_GOOD);
        return;
    case JUDGE_QUOTA:
        summary_count(run->summary, result);
        run_stop_quota(run);
        run_drop(run, query);
        return;
    case JUDGE_AGAIN:
    case JUDGE_FAILED:
        if (result->error == QUOIT_E_CANCELLED ||
            (verdict == JUDGE_AGAIN && run->stop != RUN_GOING)) {
            summary_count(run->summary, result); /* it has no line, and was sent all the same */
            run_drop(run, query);
        } else if (!run_renew_key(run, query, result)) {
            run_settle_failed(run, query, result);
        }
        return;
    }
    abort(); /* a verdict without a case */
}

static void run_take_events(struct run *run)
{
    struct quoit_event events[EVENTS_MAX];

    for (uint32_t count; (count = quoit_next(run->engine, events, EVENTS_MAX)) != 0;) {
        for (uint32_t i = 0; i < count; i++) {
            if (events[i].kind == QUOIT_END) {
                run_on_end(run, &events[i]);
            } else if (!run_stream_take(events[i].context, &events[i], run->options->body_max)) {
                (void)quoit_cancel(run->engine, events[i].id);
            }
        }
    }
}

/* --- The loop --- */

static const char *run_signal_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}

/* Stop for a signal; and end the grace when it is over, or when there is nothing to wait for. */
static void run_look_at_signals(struct run *run, uint64_t now_ns)
{
    struct quoit_stats stats;
    int number = interrupt_signal();

    quoit_stats_read(run->engine, &stats);
    if (number != 0 && run->stop == RUN_GOING) {
        run_say_why(run, "interrupted by %s", run_signal_name(number));
        run->summary->interrupted = true;
        run_stop(run, RUN_INTERRUPTED);
        progress_say(run->progress,
                     "%s: nothing new is sent; %ju in flight may end; again to stop at once",
                     run->summary->stopped, (uintmax_t)stats.in_flight);
    }
    if (run->stop == RUN_GOING || run->all_cancelled) {
        return;
    }
    /* What is not in flight waits for another attempt, or for a server that is down. */
    bool impatient = interrupt_count() > (run->stop == RUN_INTERRUPTED ? 1 : 0);
    if (impatient || stats.in_flight == 0 || now_ns >= run->grace_end_ns) {
        run->all_cancelled = true;
        quoit_cancel_all(run->engine);
    }
}

/* What the whole input would be, if the rest of it is like what was read. */
static uint64_t run_total(const struct run *run, bool *guess_out)
{
    uint64_t total = run->sequence;

    *guess_out = false;
    if (!run->input_done && run->input->size != 0 && run->input->bytes_read != 0) {
        double size = (double)run->input->size;
        total = (uint64_t)((double)total * size / (double)run->input->bytes_read);
        *guess_out = true;
    } else if (!run->input_done) {
        return 0;
    }
    if (total >= run->options->limit) {
        *guess_out = false;
        return run->options->limit;
    }
    return total;
}

static void run_show(struct run *run, uint64_t now_ns)
{
    struct quoit_stats stats;

    if (run->progress->wait_ns == UINT64_MAX) {
        return;
    }
    quoit_stats_read(run->engine, &stats);
    uint64_t most = run->options->concurrency;
    /* What was queued since the last turn goes with the next one. */
    uint64_t in_flight = stats.in_flight + stats.queued;
    in_flight -= run->held < stats.queued ? run->held : stats.queued;
    struct progress_counts counts = {
        .done = run->output->good + run->output->failed_lines,
        .failed = run->output->failed_lines,
        .in_flight = in_flight < most ? in_flight : most,
        .retries = stats.retries,
        .tokens = run->summary->tokens_out,
        .tokens_known = run->summary->tokens_known,
    };
    counts.total = run_total(run, &counts.total_is_guess);
    counts.total -= counts.total < run->summary->resumed ? counts.total : run->summary->resumed;
    progress_show(run->progress, &counts, now_ns);
}

/* A run that waits should not look as if it hung. Told after a while, and then ever more rarely. */
static void run_tell_silence(struct run *run, uint64_t now_ns)
{
    struct quoit_stats stats;
    char silence[32];

    if (run->open == 0 || now_ns - run->answered_ns < run->silence_ns) {
        return;
    }
    quoit_stats_read(run->engine, &stats);
    progress_format_time(silence, sizeof(silence), run->silence_ns);
    progress_say(run->progress,
                 "nothing has ended for %s: %ju in flight; %ju wait for a rate limit, another "
                 "attempt or a server",
                 silence, (uintmax_t)stats.in_flight, (uintmax_t)(stats.waiting + stats.queued));
    run->silence_ns *= 4;
}

/* The limits that people set to a run. */
static void run_look_at_limits(struct run *run, uint64_t now_ns)
{
    uint64_t failed = output_failed_so_far(run->output);

    if (run->stop == RUN_GOING && failed >= run->options->max_failures) {
        run_say_why(run, "%ju lines failed (--max-failures)", (uintmax_t)failed);
        run_stop(run, RUN_FAILURES);
    }
    if (run->stop == RUN_GOING && now_ns >= run->time_end_ns) {
        run_say_why(run, "--max-time is over");
        run_stop(run, RUN_TIME);
    }
}

/* How long a turn may wait: until somebody here wants to look at something. */
static uint64_t run_wait_ns(const struct run *run, uint64_t now_ns)
{
    if (run->passing) {
        return 0;
    }
    uint64_t wait_ns = run->progress->wait_ns < NS_PER_S ? run->progress->wait_ns : NS_PER_S;

    if (run->stop != RUN_GOING && !run->all_cancelled && run->grace_end_ns != UINT64_MAX) {
        uint64_t left_ns = run->grace_end_ns > now_ns ? run->grace_end_ns - now_ns : 0;
        wait_ns = left_ns < wait_ns ? left_ns : wait_ns;
    }
    if (run->stop == RUN_GOING) { /* a server that rests; the end of the run's time */
        uint64_t wake_ns = servers_wake_ns(&run->servers);
        wake_ns = wake_ns < run->time_end_ns ? wake_ns : run->time_end_ns;
        uint64_t left_ns = wake_ns > now_ns ? wake_ns - now_ns : NS_PER_MS;
        wait_ns = left_ns < wait_ns ? left_ns : wait_ns;
    }
    if (run->on_probation && wait_ns > 100 * NS_PER_MS) {
        wait_ns = 100 * NS_PER_MS;
    }
    if (run->input_late && run->stop == RUN_GOING && wait_ns > 10 * NS_PER_MS) {
        wait_ns = 10 * NS_PER_MS; /* a pipe does not wake the engine */
    }
    return wait_ns;
}

static bool run_is_over(const struct run *run)
{
    bool nothing_more = run->stop != RUN_GOING || (run->input_done && run->waiting == NULL);

    return nothing_more && run->open == 0;
}

/*
 * Count what has no line in the output; lines that were not even read, if that takes no time. True:
 * nothing is left, as far as was read or counted.
 */
static bool run_count_left(struct run *run)
{
    struct input_line line;
    uint64_t room = run->options->limit - run->sequence;
    uint64_t unread = 0;

    run->summary->left =
        run->sequence - run->summary->resumed - run->output->good - run->output->failed_lines;
    if (run->stop == RUN_GOING || run->stop == RUN_BROKEN || run->input_done ||
        run->input->size == 0 || run->input->size - run->input->bytes_read > COUNTED_MAX) {
        return run->dropped == 0 && (run->input_done || run->sequence == run->options->limit);
    }
    while (room > 0 && input_next(run->input, &line) == INPUT_LINE) {
        bool counts = line.too_long || !batch_line_is_blank(line.bytes);
        unread += counts;
        room -= counts;
    }
    struct ids_counts answered = { .unmet = 0 };
    if (run->prepare->ids != NULL) {
        ids_count(run->prepare->ids, &answered);
    }
    run->summary->left += unread > answered.unmet ? unread - answered.unmet : 0;
    return run->dropped == 0 && unread == 0;
}

/* A limit that was met when there was nothing more to be stopped has not stopped the run. */
static void run_look_back(struct run *run)
{
    bool complete = run_count_left(run);

    if (complete && (run->stop == RUN_TIME || run->stop == RUN_FAILURES)) {
        run->stop = RUN_GOING;
        run->summary->stopped[0] = '\0';
    }
}

void run_go(struct run *run)
{
    writer_init(&run->writer, run->output, run->options->details);
    run_stream_init(&run->streams);
    run->on_probation = true;
    run->begin_ns = run->answered_ns = quoit_now_ns();
    run->silence_ns = RUN_SILENCE_NS;
    run->time_end_ns = run->options->max_time_ns > UINT64_MAX - run->begin_ns
                           ? UINT64_MAX
                           : run->begin_ns + run->options->max_time_ns;
    servers_init(&run->servers, run->server->count, run->options->concurrency);
    for (;;) {
        uint64_t now_ns = quoit_now_ns();
        run_look_at_signals(run, now_ns);
        run_look_at_limits(run, now_ns);
        run_tell_silence(run, now_ns);
        if (run->output->failed) {
            run_stop(run, RUN_BROKEN);
        }
        keys_refresh(run->keys, false);
        run_fill(run);
        if (run_is_over(run)) {
            break;
        }
        run_show(run, now_ns);
        if (run->open == 0 && run->waiting == NULL && run->input_late) {
            input_wait(run->input, 100);
            continue;
        }
        (void)quoit_turn(run->engine, run->output->failed ? 0 : run_wait_ns(run, now_ns));
        run_take_events(run);
        output_update(run->output);
    }
    writer_release(&run->writer); /* an input of fewer lines than a probation has */
    run_look_back(run);
    progress_clear(run->progress);
    if (run->remedy[0] != '\0' && run->stop != RUN_HOPELESS) { /* else it is why the run stopped */
        progress_warn(run->progress, "%s", run->remedy);
    }
    quoit_stats_read(run->engine, &run->summary->stats);
    writer_free(&run->writer);
    run_stream_free(&run->streams);
    query_pool_free(&run->pool);
}
