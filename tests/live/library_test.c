/*
 * library_test: what the manual says of an engine, its calls, ids and lifetimes, held against a
 * quoit-mock. Cancelling is in cancel_test.c, batches in batch_test.c, connections in pool_test.c.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define PAGE_BODY "{\"mock\":\"page\",\"path\":\"/page\",\"body\":\"e3b0c44298fc1c14\"}"

static struct live_server server;

/* -------- one request -------- */

static void test_a_url_is_a_whole_request(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    int context;
    uint64_t before_ns = quoit_now_ns();
    uint64_t id = live_submit(
        engine, &(struct quoit_request){ .url = live_url(&server, "/page"), .context = &context });
    struct quoit_event event = live_next(engine);
    const struct quoit_result *result = event.result;

    CHECK(id != 0);
    CHECK(event.id == id);
    CHECK_EQ(event.kind, QUOIT_END);
    CHECK(event.context == &context);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->os_error, 0);
    CHECK_STR(result->detail, "");
    CHECK_EQ(result->status, 200);
    CHECK_EQ(result->attempts, 1);
    CHECK(!result->reused && !result->maybe_billed && !result->outage);
    CHECK_MEM(result->body.bytes, result->body.size, PAGE_BODY, strlen(PAGE_BODY));
    CHECK_EQ(result->headers_count, 3);
    CHECK_STR(result->headers[0].name, "Content-Type");
    CHECK_STR(quoit_result_header(result, "CONTENT-type"), "application/json");
    CHECK(quoit_result_header(result, "content") == NULL);
    CHECK(result->bytes_out > 0 && result->bytes_in > result->body.size);
    CHECK(event.at_ns >= before_ns && event.at_ns <= quoit_now_ns());
    quoit_destroy(engine);
}

static void test_the_times_are_in_order(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t before_ns = quoit_now_ns();
    struct quoit_times first = live_get(engine, live_url(&server, "/page"))->times;
    struct quoit_times second = live_get(engine, live_url(&server, "/page"))->times;

    CHECK(first.submitted_ns >= before_ns);
    CHECK(first.granted_ns >= first.submitted_ns);
    CHECK(first.connected_ns >= first.granted_ns);
    CHECK(first.sent_ns >= first.connected_ns);
    CHECK(first.first_byte_ns >= first.sent_ns);
    CHECK(first.end_ns >= first.first_byte_ns);
    CHECK(first.end_ns <= quoit_now_ns());
    CHECK_EQ(first.resolved_ns, 0); /* an address is no name */
    CHECK_EQ(first.secured_ns, 0);
    CHECK_EQ(second.connected_ns, 0); /* kept from the first */
    CHECK(second.sent_ns >= first.end_ns);
    quoit_destroy(engine);
}

static void test_a_name_is_looked_up(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char url[80];

    snprintf(url, sizeof(url), "http://LocalHost:%u/page", server.port);
    const struct quoit_result *result = live_get(engine, url);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK(result->times.resolved_ns >= result->times.granted_ns);
    CHECK(result->times.connected_ns >= result->times.resolved_ns);
    quoit_destroy(engine);
}

static void test_method_headers_and_body_arrive_as_given(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header headers[] = { { "X-First", "one, two" }, { "x-empty", "" } };
    const char body[] = "{\"a\": 9007199254740993, \"b\":\"\\u0000\"}\n";
    struct quoit_request request = { .url = live_url(&server, "/echo?q=1"),
                                     .headers = headers,
                                     .headers_count = 2,
                                     .body = { body, sizeof(body) - 1 } };

    live_set(&server, "");
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_MEM(result->body.bytes, result->body.size, body, sizeof(body) - 1);
    request.method = "PATCH";
    result = live_run(engine, &request);
    CHECK_MEM(result->body.bytes, result->body.size, body, sizeof(body) - 1);
    CHECK_EQ(live_tally(&server, "methods", "POST"), 1);
    CHECK_EQ(live_tally(&server, "methods", "PATCH"), 1);
    char *ledger = live_ask(&server, "GET", "/ledger", "");
    CHECK(strstr(ledger, "[\"X-First\",\"one, two\"]") != NULL);
    CHECK(strstr(ledger, "[\"x-empty\",\"\"]") != NULL);
    CHECK(strstr(ledger, "[\"Accept-Encoding\",\"identity\"]") != NULL);
    CHECK(strstr(ledger, "\"/echo?q=1\"") != NULL);
    free(ledger);
    quoit_destroy(engine);
}

static void test_what_is_copied_may_go_at_once(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char *url = strdup(live_url(&server, "/echo"));
    char *name = strdup("x-name"), *value = strdup("value"), *method = strdup("PUT");
    struct quoit_header *headers = calloc(1, sizeof(*headers));
    struct quoit_request *request = calloc(1, sizeof(*request));

    headers[0] = (struct quoit_header){ name, value };
    *request = (struct quoit_request){
        .url = url, .method = method, .headers = headers, .headers_count = 1, .body = { "x", 1 }
    };
    live_submit(engine, request);
    memset(url, '?', strlen(url));
    memset(name, '?', strlen(name));
    free(url);
    free(name);
    free(value);
    free(method);
    free(headers);
    free(request);
    CHECK_EQ(live_drain(engine, 1), 1);
    quoit_destroy(engine);
}

/* R11 */
static void test_answers_without_a_body_leave_the_connection_in_step(void)
{
    static const struct {
        const char *method, *status, *fault;
        uint32_t wanted;
        size_t size;
    } cases[] = {
        { "HEAD", "200", "none", 200, 0 },    { "GET", "204", "none", 204, 0 },
        { "GET", "304", "none", 304, 0 },     { "GET", "200", "informational:3", 200, 56 },
        { "HEAD", "200", "chunked", 200, 0 }, { "GET", "200", "chunked", 200, 56 }
    };
    struct quoit_engine *engine = live_engine(NULL);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct quoit_header headers[] = { { "X-Mock-Status", cases[i].status },
                                                { "X-Mock-Fault", cases[i].fault } };
        struct quoit_request request = { .url = live_url(&server, "/page"),
                                         .method = cases[i].method,
                                         .headers = headers,
                                         .headers_count = 2 };
        check_case(cases[i].fault);
        const struct quoit_result *result = live_run(engine, &request);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, cases[i].wanted);
        CHECK_EQ(result->body.size, cases[i].size);
        CHECK(result->body.bytes != NULL);
        result = live_get(engine, live_url(&server, "/page"));
        CHECK_MEM(result->body.bytes, result->body.size, PAGE_BODY, strlen(PAGE_BODY));
        CHECK(result->reused);
    }
    CHECK_EQ(live_stats(engine).opened, 1);
    quoit_destroy(engine);
}

static void test_redirects_and_errors_are_results(void)
{
    static const char *const statuses[] = { "301", "400", "401", "404", "418" };
    struct quoit_engine *engine = live_engine(NULL);

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        const struct quoit_header header = { "X-Mock-Status", statuses[i] };
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1 });
        check_case(statuses[i]);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, strtoul(statuses[i], NULL, 10));
        CHECK_EQ(result->attempts, 1);
    }
    quoit_destroy(engine);
}

/*
 * R26: each redirect is the answer, wherever it points: to another path, port, host, to itself, or
 * to nothing. Nobody else hears of the request, or of its credentials.
 */
static void test_a_redirect_is_delivered_and_never_followed(void)
{
    static const char *const statuses[] = { "301", "302", "303", "307", "308" };
    static const char *const targets[] = {
        "%s/page", "//127.0.0.1:%s", "/page", "https://other.test/%s", "javascript:alert", ""
    };
    struct live_server elsewhere = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);
    char value[200], location[220];
    struct quoit_header headers[] = { { "X-Mock-Status", NULL },
                                      { "X-Mock-Header", location },
                                      { "Authorization", "Bearer key" },
                                      { "Cookie", "c=key" } };

    live_set(&server, "");
    for (size_t i = 0; i < 5 * 6; i++) {
        char target[100];
        snprintf(target, sizeof(target), "%s", targets[i / 5]);
        char *at = strstr(target, "%s");
        if (at != NULL) {
            *at = '\0';
        }
        snprintf(value, sizeof(value), "%s%s%s", target, at == NULL ? "" : elsewhere.url,
                 at == NULL ? "" : at + 2);
        snprintf(location, sizeof(location), "Location: %s", value);
        headers[0].value = statuses[i % 5];
        struct quoit_request request = { .url = live_url(&server, "/page"),
                                         .method = i % 2 == 0 ? "GET" : "POST",
                                         .headers = headers,
                                         .headers_count = 4,
                                         .replay = QUOIT_REPLAY_YES };
        const struct quoit_result *result = live_run(engine, &request);
        check_case(location);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, strtoul(statuses[i % 5], NULL, 10));
        CHECK_EQ(result->attempts, 1);
        CHECK_STR(quoit_result_header(result, "location"), value);
    }
    CHECK_EQ(live_number(&server, "requests"), 30);
    CHECK_EQ(live_number(&elsewhere, "connections_opened"), 0);
    CHECK_EQ(live_number(&elsewhere, "requests"), 0);
    CHECK_EQ(live_number(&elsewhere, "authorization") + live_number(&elsewhere, "cookies"), 0);
    quoit_destroy(engine);
    live_stop(&elsewhere);
}

static void test_a_unix_socket_is_used_whatever_the_host(void)
{
    char path[100];
    snprintf(path, sizeof(path), "%.80s/mock.sock", live_folder());
    struct live_server local = live_start((const char *[]){ "--unix-socket", path, NULL });
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_request request = { .url = "http://any.invalid:81/page", .unix_path = path };

    for (int i = 0; i < 3; i++) {
        const struct quoit_result *result = live_run(engine, &request);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->reused, i > 0);
    }
    CHECK_EQ(live_tally(&local, "hosts", "any.invalid:81"), 3);
    CHECK_EQ(live_number(&local, "connections_opened"), 1);
    quoit_destroy(engine);
    live_stop(&local);
}

/* -------- what is refused -------- */

struct refusal {
    const char *name;
    struct quoit_request request; /* url NULL: the mock's */
    enum quoit_error error;
};

#define BAD_URL(text)                                                                              \
    {                                                                                              \
        text, { .url = text }, QUOIT_E_URL                                                         \
    }
#define BAD_HEADER(name, value)                                                                    \
    {                                                                                              \
        "header " name,                                                                            \
            { .headers = (const struct quoit_header[]){ { name, value } }, .headers_count = 1 },   \
            QUOIT_E_HEADER                                                                         \
    }

static const char long_path[200] = { [0 ... 198] = 'a' };

/* R24; llm_batch_test and batch_hostile_test.py have NUL, which no C string holds. */
static const struct refusal refusals[] = {
    BAD_URL(""),
    BAD_URL("/page"),
    BAD_URL("127.0.0.1/page"),
    BAD_URL("ftp://127.0.0.1/"),
    BAD_URL("http://"),
    BAD_URL("http://user@127.0.0.1/"),
    BAD_URL("http://user:secret@127.0.0.1/"),
    BAD_URL("http://127.0.0.1:99999/"),
    BAD_URL("http://127.0.0.1:x/"),
    BAD_URL("http://127.0.0.1/a b"),
    BAD_URL("http://127.0.0.1/\r\nX: y"),
    BAD_URL("http://127.0.0.1/a\rb"),
    BAD_URL("http://127.0.0.1/a\nb"),
    BAD_URL("http://127.0.0.1/?a\tb"),
    BAD_URL("http://127.0.0.1\r\nX: y/"),
    BAD_URL("http://127.0.0.1\n/"),
    BAD_URL("http://127.0.0.1 /"),
    BAD_URL("http://127 .0.0.1/"),
    BAD_URL("https://127.0.0.1/a b"),
    BAD_URL("https://127.0.0.1\r\n/"),
    BAD_URL("http://[::1/"),
    BAD_HEADER("", "x"),
    BAD_HEADER("a b", "x"),
    BAD_HEADER("a:", "x"),
    BAD_HEADER("a\r\nb", "x"),
    BAD_HEADER("x-cr", "a\rb"),
    BAD_HEADER("x-lf", "a\nb"),
    BAD_HEADER("x-control", "a\001b"),
    BAD_HEADER("x-delete", "a\177b"),
    BAD_HEADER("x\ny", "x"),
    BAD_HEADER("x\ry", "x"),
    BAD_HEADER("x-end", "a\r\n"),
    BAD_HEADER("x-two", "a\r\nHost: evil"),
    BAD_HEADER("Host", "x"),
    BAD_HEADER("hOST", "x"),
    BAD_HEADER("CONTENT-Length", "0"),
    BAD_HEADER("transfer-encoding", "identity"),
    BAD_HEADER("content-length", "1"),
    BAD_HEADER("TRANSFER-encoding", "chunked"),
    BAD_HEADER("connection", "close"),
    BAD_HEADER("proxy-Authorization", "Basic eDp5"),
    { "method with a space", { .method = "GE T" }, QUOIT_E_HEADER },
    { "method with a line", { .method = "GET\r\nX: y" }, QUOIT_E_HEADER },
    { "method with a bare LF", { .method = "GET\n" }, QUOIT_E_HEADER },
    { "empty method", { .method = "" }, QUOIT_E_HEADER },
    { "stream", { .stream = (enum quoit_stream)77 }, QUOIT_E_ARGUMENT },
    { "replay", { .replay = (enum quoit_replay)77 }, QUOIT_E_ARGUMENT },
    { "body at NULL", { .body = { NULL, 1 } }, QUOIT_E_ARGUMENT },
    { "headers at NULL", { .headers_count = 1 }, QUOIT_E_ARGUMENT },
    { "long unix path", { .unix_path = long_path }, QUOIT_E_ARGUMENT },
    { "https proxy", { .proxy_url = "https://127.0.0.1:1" }, QUOIT_E_ARGUMENT },
    { "socks proxy", { .proxy_url = "socks5://127.0.0.1:1" }, QUOIT_E_ARGUMENT },
    { "empty proxy", { .proxy_url = "" }, QUOIT_E_ARGUMENT },
    { "proxy with a line", { .proxy_url = "http://u:p%0a@127.0.0.1:1" }, QUOIT_E_ARGUMENT },
    { "proxy and unix path",
      { .proxy_url = "http://127.0.0.1:1", .unix_path = "/x" },
      QUOIT_E_ARGUMENT },
};

static void test_what_is_refused_changes_nothing(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    live_set(&server, "");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct quoit_request request = refusals[i].request;
        uint64_t id = 4711;
        if (request.url == NULL) {
            request.url = live_url(&server, "/page");
        }
        check_case(refusals[i].name);
        CHECK_EQ(quoit_submit(engine, &request, &id), refusals[i].error);
        CHECK_EQ(id, 4711);
        if (refusals[i].request.url == NULL) {
            request.url = "https://127.0.0.1/page";
            CHECK_EQ(quoit_submit(engine, &request, &id), refusals[i].error);
        }
    }
    uint64_t id = 4711;
    CHECK_EQ(quoit_submit(engine, &(struct quoit_request){ .url = NULL }, &id), QUOIT_E_URL);
    CHECK_EQ(id, 4711);
    struct quoit_stats stats = live_stats(engine);
    CHECK_EQ(stats.submitted + stats.queued + stats.done, 0);
    CHECK_EQ(quoit_turn(engine, 0), 0);
    CHECK_EQ(stats.opened, 0);
    CHECK_EQ(live_number(&server, "requests"), 0);
    CHECK_EQ(live_number(&server, "connections_opened"), 0);
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_destroy(engine);
}

static void test_options_out_of_range_make_no_engine(void)
{
    static const struct quoit_options options[] = {
        { .in_flight_max = 1000001 },
        { .requests_max = 16000001 },
        { .io = (enum quoit_io)77 },
    };
    struct quoit_engine *engine = NULL;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        CHECK_EQ(quoit_create(&options[i], &engine), QUOIT_E_ARGUMENT);
        CHECK(engine == NULL);
    }
    quoit_destroy(engine); /* NULL is allowed */
}

static void test_without_options_an_engine_has_the_defaults(void)
{
    struct quoit_engine *engine = NULL;
    struct quoit_request later = { .url = live_url(&server, "/page"),
                                   .start_ns = quoit_now_ns() + 3600 * LIVE_NS_PER_S };
    uint64_t id;

    CHECK_EQ(quoit_create(NULL, &engine), QUOIT_OK);
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_turn(engine, 0);
    for (int i = 0; i < 4096; i++) {
        live_submit(engine, &later);
    }
    CHECK_EQ(quoit_submit(engine, &later, &id), QUOIT_E_NO_SLOT);
    quoit_destroy(engine);
}

/* -------- slots and ids -------- */

static void test_a_slot_comes_back_with_the_turn_after_its_end(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 2 });
    struct quoit_request request = { .url = live_url(&server, "/page") };
    struct quoit_event events[2];
    uint64_t id = 4711;

    live_submit(engine, &request);
    live_submit(engine, &request);
    CHECK_EQ(quoit_submit(engine, &request, &id), QUOIT_E_NO_SLOT);
    while (live_stats(engine).done < 2) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    CHECK_EQ(quoit_submit(engine, &request, &id), QUOIT_E_NO_SLOT);
    CHECK_EQ(quoit_next(engine, events, 2), 2);
    CHECK_EQ(quoit_submit(engine, &request, &id), QUOIT_E_NO_SLOT);
    CHECK_EQ(id, 4711);
    quoit_turn(engine, 0);
    CHECK_EQ(quoit_submit(engine, &request, &id), QUOIT_OK);
    CHECK_EQ(live_drain(engine, 1), 1);
    quoit_destroy(engine);
}

static void test_ids_are_not_seen_again(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 1 });
    uint64_t ids[50];

    for (size_t i = 0; i < 50; i++) {
        ids[i] = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
        CHECK(ids[i] != 0);
        for (size_t k = 0; k < i; k++) {
            CHECK(ids[k] != ids[i]);
            CHECK_EQ(quoit_cancel(engine, ids[k]), QUOIT_E_STALE);
        }
        CHECK_EQ(live_drain(engine, 1), 1);
        quoit_turn(engine, 0);
    }
    CHECK_EQ(quoit_cancel(engine, 0), QUOIT_E_STALE);
    CHECK_EQ(quoit_cancel(engine, UINT64_MAX), QUOIT_E_STALE);
    quoit_destroy(engine);
}

static void test_keep_holds_the_result_until_release(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .requests_max = 2 });
    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });

    CHECK_EQ(quoit_keep(engine, id), QUOIT_E_STALE);
    const struct quoit_result *result = live_next(engine).result;
    CHECK_EQ(quoit_release(engine, id), QUOIT_E_STALE);
    CHECK_EQ(quoit_keep(engine, id), QUOIT_OK);
    CHECK_EQ(quoit_keep(engine, id), QUOIT_E_STALE);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(live_get(engine, live_url(&server, "/missing"))->status, 404);
        quoit_turn(engine, 0);
    }
    CHECK_MEM(result->body.bytes, result->body.size, PAGE_BODY, strlen(PAGE_BODY));
    CHECK_STR(quoit_result_header(result, "content-length"), "56");
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_E_STALE);
    CHECK_EQ(quoit_release(engine, id), QUOIT_OK);
    CHECK_EQ(quoit_release(engine, id), QUOIT_E_STALE);
    quoit_turn(engine, 0);
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    CHECK_EQ(live_drain(engine, 2), 2);
    CHECK_EQ(quoit_keep(engine, id), QUOIT_E_STALE);
    quoit_destroy(engine);
}

static void test_results_are_good_until_the_next_turn(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_event events[8];
    uint32_t count = 0;

    for (int i = 0; i < 8; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    while (live_stats(engine).done < 8) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    CHECK_EQ(quoit_turn(engine, QUOIT_NEVER), 8); /* waits for nothing: events are there */
    CHECK_EQ(quoit_next(engine, events, 0), 0);
    for (uint32_t got; (got = quoit_next(engine, events + count, 3)) > 0; count += got) {
        CHECK(got <= 3);
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    CHECK_EQ(count, 8);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_MEM(events[i].result->body.bytes, events[i].result->body.size, PAGE_BODY,
                  strlen(PAGE_BODY));
        CHECK_EQ(quoit_cancel(engine, events[i].id), QUOIT_E_STALE);
    }
    quoit_destroy(engine); /* with three requests that no turn has seen */
}

static void test_events_come_in_the_order_in_which_requests_end(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 1 });
    uint64_t ids[20];

    for (int i = 0; i < 20; i++) {
        ids[i] = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    for (int i = 0; i < 20; i++) {
        CHECK(live_next(engine).id == ids[i]);
    }
    quoit_destroy(engine);
}

static void test_a_request_does_not_start_before_its_instant(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t start_ns = quoit_now_ns() + 100 * LIVE_NS_PER_MS;
    struct quoit_request request = { .url = live_url(&server, "/page"), .start_ns = start_ns };

    live_submit(engine, &request);
    CHECK_EQ(live_stats(engine).waiting, 1);
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    struct quoit_event event = live_next(engine);
    CHECK(event.result->times.end_ns < start_ns);
    event = live_next(engine);
    CHECK_EQ(event.result->error, QUOIT_OK);
    CHECK(event.result->times.sent_ns >= start_ns);
    CHECK(event.result->times.granted_ns >= start_ns);

    request.start_ns = quoit_now_ns() + 3600 * LIVE_NS_PER_S;
    request.timeouts.deadline_ns = 50 * LIVE_NS_PER_MS;
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_DEADLINE);
    CHECK_EQ(result->attempts, 0);
    CHECK(quoit_now_ns() - before_ns >= 50 * LIVE_NS_PER_MS);
    quoit_destroy(engine);
}

static void test_the_counts_add_up(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 4 });

    for (int i = 0; i < 100; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    CHECK_EQ(live_stats(engine).queued, 100);
    CHECK_EQ(live_drain(engine, 100), 100);
    struct quoit_stats stats = live_stats(engine);
    CHECK_EQ(stats.queued + stats.waiting + stats.in_flight + stats.done, 0);
    CHECK_EQ(stats.submitted, 100);
    CHECK_EQ(stats.succeeded, 100);
    CHECK_EQ(stats.failed + stats.cancelled + stats.retries + stats.resent, 0);
    CHECK(stats.opened >= 1 && stats.opened <= 4);
    CHECK_EQ(stats.opened + stats.reused, 100);
    CHECK(stats.sqes > 0 && stats.cqes > 0 && stats.entries > 0);
    CHECK(stats.bytes_in > 5500 && stats.bytes_out > 100);
    CHECK_EQ(live_get(engine, live_url(&server, "/missing"))->status, 404);
    CHECK_EQ(live_stats(engine).succeeded, 101); /* an answer of any status */
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_a_url_is_a_whole_request);
    RUN(test_the_times_are_in_order);
    RUN(test_a_name_is_looked_up);
    RUN(test_method_headers_and_body_arrive_as_given);
    RUN(test_what_is_copied_may_go_at_once);
    RUN(test_answers_without_a_body_leave_the_connection_in_step);
    RUN(test_redirects_and_errors_are_results);
    RUN(test_a_redirect_is_delivered_and_never_followed);
    RUN(test_a_unix_socket_is_used_whatever_the_host);
    RUN(test_what_is_refused_changes_nothing);
    RUN(test_options_out_of_range_make_no_engine);
    RUN(test_without_options_an_engine_has_the_defaults);
    RUN(test_a_slot_comes_back_with_the_turn_after_its_end);
    RUN(test_ids_are_not_seen_again);
    RUN(test_keep_holds_the_result_until_release);
    RUN(test_results_are_good_until_the_next_turn);
    RUN(test_events_come_in_the_order_in_which_requests_end);
    RUN(test_a_request_does_not_start_before_its_instant);
    RUN(test_the_counts_add_up);
    live_stop(&server);
    return check_done();
}
