/*
 * cases_reuse_test: R29: whatever a server says or does to end its connections, ten thousand
 * requests get their answers, and none is sent on a connection past its end. nginx_test does the
 * same with nginx's keepalive_requests.
 */
#include "tests/live/cases.h"

#define REQUESTS 2000 /* of each of the cases below: 12,000 */
#define REQUESTS_SECURE 300
#define IN_FLIGHT 16 /* so few that each connection is used as often as it may be */
#define REUSE_OPTIONS_MAX 8

struct reuse_case {
    const char *options[5];  /* of quoit-mock; NULL ends them */
    uint64_t per_connection; /* requests that the server takes on one */
    uint64_t used;           /* requests that one carries, till the client lets it go */
};

/* `max` may be what is left or what there was: the client takes the smaller, which is half of it.
 */
static const struct reuse_case reuse_cases[] = {
    { { "--max-requests-per-connection", "1", NULL }, 1, 1 }, /* Connection: close */
    { { "--max-requests-per-connection", "10", NULL }, 10, 10 },
    { { "--fault", "http10", NULL }, 1, 1 },
    { { "--fault", "close-delimited", NULL }, 1, 1 },
    { { "--keep-alive-max", "1", NULL }, 1, 1 }, /* only as a hint */
    { { "--keep-alive-timeout", "2s", "--keep-alive-max", "5", NULL }, 5, 3 },
};

/* Each answer good, at the first try. */
static void reuse_run(struct quoit_engine *engine, const struct live_server *server, uint32_t count)
{
    const struct quoit_request request = { .url = live_url(server, "/page"),
                                           .retries = QUOIT_NONE };
    uint32_t submitted = 0, good = 0;

    for (uint32_t done = 0; done < count;) {
        for (; submitted < count && submitted < done + 1000; submitted++) {
            live_submit(engine, &request);
        }
        struct quoit_event event = live_next(engine);
        good += event.result->error == QUOIT_OK && event.result->status == 200 &&
                event.result->body.size == 56 && event.result->attempts == 1;
        done++;
    }
    CHECK_EQ(good, count);
}

static void reuse_check(const struct reuse_case *wanted, bool secure, uint32_t count)
{
    const char *options[REUSE_OPTIONS_MAX + 2] = { "--no-bodies" };
    size_t options_count = 1;

    check_case(wanted->options[1]);
    for (size_t i = 0; wanted->options[i] != NULL; i++) {
        options[options_count++] = wanted->options[i];
    }
    if (secure) {
        options[options_count++] = "--tls-cert";
        options[options_count++] = certificate("server.pem");
        options[options_count++] = "--tls-key";
        options[options_count++] = certificate("server.key");
    }
    struct live_server server = live_start(options);
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .tls = cases_tls, .in_flight_max = IN_FLIGHT });
    reuse_run(engine, &server, count);
    CHECK_EQ(live_stats(engine).resent, 0);
    CHECK_EQ(live_stats(engine).failed, 0);
    CHECK_EQ(live_stats(engine).reused, count - live_stats(engine).opened);
    quoit_destroy(engine);
    CHECK_LEDGER_EQ(live_number(&server, "executions_total"), count);
    CHECK(wanted->used <= wanted->per_connection);
    CHECK_LEDGER_EQ(live_number(&server, "requests_per_connection_max"), wanted->used);
    uint64_t opened = live_number(&server, "connections_opened");
    CHECK_LEDGER(opened >= count / wanted->used);
    CHECK_LEDGER(opened <= count / wanted->used + IN_FLIGHT);
    live_stop(&server);
}

static void test_r29_ten_thousand_requests_without_an_error(void)
{
    for (size_t i = 0; i < COUNT_OF(reuse_cases); i++) {
        reuse_check(&reuse_cases[i], false, REQUESTS);
    }
}

static void test_r29_none_fails_over_tls(void)
{
    for (size_t i = 0; i < COUNT_OF(reuse_cases); i++) {
        reuse_check(&reuse_cases[i], true, REQUESTS_SECURE);
    }
}

/* What each answer says of its connection, and how many requests that may then carry. */
static void test_r29_each_way_to_say_the_end_is_understood(void)
{
    static const struct {
        const char *head;
        uint64_t per_connection;
    } cases[] = {
        { "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n", 1 },
        { "HTTP/1.1 200 OK\\r\\nconnection: foo , CLOSE\\r\\n", 1 },
        { "HTTP/1.1 200 OK\\r\\nConnection: keep-alive\\r\\nConnection: close\\r\\n", 1 },
        { "HTTP/1.0 200 OK\\r\\n", 1 },
        { "HTTP/1.0 200 OK\\r\\nConnection: keep-alive, close\\r\\n", 1 },
        { "HTTP/1.1 200 OK\\r\\nKeep-Alive: timeout=0\\r\\n", 1 },
        { "HTTP/1.1 200 OK\\r\\nKeep-Alive: timeout=5, max=0\\r\\n", 1 },
        { "HTTP/1.1 200 OK\\r\\nKeep-Alive: timeout=5, max=3\\r\\n", 3 },
        { "HTTP/1.1 200 OK\\r\\n", 6 },
        { "HTTP/1.0 200 OK\\r\\nConnection: Keep-Alive\\r\\n", 6 },
        { "HTTP/1.1 200 OK\\r\\nConnection: closed\\r\\n", 6 },
        { "HTTP/1.1 200 OK\\r\\nKeep-Alive: timeout=60, max=100\\r\\n", 6 },
    };
    const struct live_server *servers[] = { &cases_plain, &cases_secure };

    for (size_t i = 0; i < 2 * COUNT_OF(cases); i++) {
        const struct live_server *server = servers[i % 2];
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = cases_tls });
        struct raw_text script = { 0 };
        check_case(cases[i / 2].head);
        raw_add(
            &script,
            "connection *:\nloop\nread-request\nsend \"%sContent-Length: 1\\r\\n\\r\\nx\"\nend\n",
            cases[i / 2].head);
        raw_play(server, &script);
        for (int k = 0; k < 6; k++) {
            CHECK_EQ(live_get(engine, live_url(server, "/page"))->error, QUOIT_OK);
        }
        CHECK_EQ(live_stats(engine).resent, 0);
        CHECK_LEDGER_EQ(live_number(server, "requests"), 6);
        CHECK_LEDGER_EQ(live_number(server, "requests_per_connection_max"),
                        cases[i / 2].per_connection);
        quoit_destroy(engine);
    }
}

/* The server ends a connection a second after an answer, and says so: by then nobody uses it. */
static void test_r29_no_connection_is_used_when_its_hint_is_over(void)
{
    const struct live_server *servers[] = { &cases_plain, &cases_secure };

    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .tls = cases_tls });
        raw_script(servers[i], "connection *:\nread-request\n"
                               "send \"HTTP/1.1 200 OK\\r\\nKeep-Alive: timeout=1\\r\\n"
                               "Content-Length: 1\\r\\n\\r\\nx\"\nread-end\n");
        CHECK_EQ(live_get(engine, live_url(servers[i], "/one"))->error, QUOIT_OK);
        uint64_t end_ns = quoit_now_ns() + LIVE_NS_PER_S;
        while (live_number(servers[i], "connections_open") > 0 && quoit_now_ns() < end_ns) {
            quoit_turn(engine, 10 * LIVE_NS_PER_MS);
        }
        CHECK_LEDGER_EQ(live_number(servers[i], "connections_open"), 0);
        CHECK_LEDGER_STR(raw_connection(servers[i], 1).end, "fin");
        CHECK_EQ(live_get(engine, live_url(servers[i], "/two"))->error, QUOIT_OK);
        CHECK_LEDGER_EQ(live_number(servers[i], "connections_accepted"), 2);
        CHECK_LEDGER_EQ(live_number(servers[i], "bytes_after"), 0);
        quoit_destroy(engine);
    }
}

int main(void)
{
    if (!cases_start()) {
        return 77;
    }
    RUN(test_r29_ten_thousand_requests_without_an_error);
    RUN(test_r29_none_fails_over_tls);
    RUN(test_r29_each_way_to_say_the_end_is_understood);
    RUN(test_r29_no_connection_is_used_when_its_hint_is_over);
    return cases_done();
}
