/*
 * run_servers: what ends of requests say about their servers, and which queries go on at another.
 */
#include "cli/run.h"

#define RUN_TURNED_AWAY 3 /* attempts at one server that ended in 429s */

/* What the end of a request says about its server. */
static enum servers_end run_server_end(const struct quoit_result *result)
{
    if (result->outage) {
        return SERVERS_DOWN;
    }
    if (result->error == QUOIT_OK) {
        bool busy = result->status == 429;
        return result->status >= 500 ? SERVERS_BAD : busy ? SERVERS_SILENT : SERVERS_GOOD;
    }
    bool on_the_way = quoit_error_is_transient(result->error) && !judge_is_of_machine(result);
    return on_the_way ? SERVERS_BAD : SERVERS_SILENT;
}

/* Is it a 429, and not the first one here? That it spends no retry is no reason to wait for ever.
 */
static bool run_is_turned_away(const struct quoit_result *result)
{
    return result->error == QUOIT_OK && result->status == 429 &&
           result->attempts >= RUN_TURNED_AWAY;
}

bool run_may_move(const struct run *run, const struct query *query,
                  const struct quoit_result *result, enum judge_verdict verdict)
{
    if (run->stop != RUN_GOING || query->server == SERVERS_NONE || run->servers.count == 1) {
        return false;
    }
    if (result->outage) {
        return true;
    }
    if (!servers_has_better(&run->servers, query->server)) {
        return false;
    }
    if (run_is_turned_away(result)) {
        return query->turned_away + 1 < run->servers.count;
    }
    if (run_server_end(result) != SERVERS_BAD) {
        return false;
    }
    if (result->error == QUOIT_OK) {
        return verdict == JUDGE_AGAIN && query->retries + result->retries < run->options->retries;
    }
    return !query->moved && !result->maybe_billed;
}

void run_leave_server(struct run *run, const struct query *query, const struct quoit_result *result,
                      uint64_t now_ns)
{
    struct text url;

    if (query->server == SERVERS_NONE) {
        return;
    }
    bool was_down = run->servers.items[query->server].down;
    servers_end(&run->servers, query->server, run_server_end(result), now_ns);
    if (run->servers.count == 1 || was_down || !run->servers.items[query->server].down) {
        return;
    }
    text_init(&url, 0);
    server_append_url(&url, run->server->base_urls[query->server]);
    progress_say(run->progress, "%s is down (%s); %s", url.failed ? "a server" : url.bytes,
                 quoit_error_message(result->error),
                 run->servers.since_ns == 0 ? "its queries go to the others"
                                            : "and so are all others: waiting for them");
    text_free(&url);
}

void run_move(struct run *run, struct query *query, const struct quoit_result *result)
{
    if (run_is_turned_away(result)) { /* which spends no retry, and neither does an outage */
        query->turned_away++;
    } else if (!result->outage) {
        query->retries += result->error == QUOIT_OK;
        query->moved |= result->error != QUOIT_OK;
        run->summary->moved++;
    }
    run_send_again(run, query, result);
}
