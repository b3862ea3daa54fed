/*
 * llm_batch_ends_test: what goes wrong in a batch of prompts, and what is told of it: answers that
 * stop it, prompts and options that are refused, servers that answer in nonsense or not at all, and
 * secrets, which no text holds and no other server is sent.
 */
#include "quoit_llm.h"
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/raw.h"

#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define RESET                                                                                      \
    "latency 0\nstatus 200\nstatus-first 0\nfail-first 0\nheader none\nerror none\n"               \
    "error-code none\nretry-after none\n"
#define KEY "sk-0123456789abcdef"

static struct live_server server; /* quoit-mock */
static struct live_server raw;    /* the scripted one */

static const struct quoit_llm_prompt prompts[40] = { [0 ... 39] = { .text = "Hi" } };

static struct quoit_llm_batch *create(const struct quoit_llm_options *options, size_t count)
{
    struct quoit_llm_batch *batch = NULL;
    struct quoit_llm_options wanted = *options;

    wanted.base_url = wanted.base_url == NULL ? server.url : wanted.base_url;
    enum quoit_error error = quoit_llm_batch_create(&wanted, prompts, count, &batch);
    if (error != QUOIT_OK) {
        live_give_up(quoit_error_message(error));
    }
    return batch;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* -------- answers that stop it -------- */

struct stop_case {
    const char *name, *lines;
    uint32_t status;
    const char *code;
};

static const struct stop_case stop_cases[] = {
    { "no money left", "status 429\nerror-code insufficient_quota", 429, "insufficient_quota" },
    { "a wrong key", "status 401", 401, "invalid_api_key" },
};

static void test_an_answer_that_is_for_all_stops_the_batch(void)
{
    for (size_t i = 0; i < COUNT_OF(stop_cases); i++) {
        const struct stop_case *the = &stop_cases[i];
        char lines[512];
        check_case(the->name);
        snprintf(lines, sizeof(lines), RESET "%s", the->lines);
        live_set(&server, lines);
        struct quoit_llm_batch *batch =
            create(&(struct quoit_llm_options){ .in_flight_max = 1 }, 40);
        quoit_llm_batch_wait(batch);
        for (size_t k = 0; k < 40; k++) {
            const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, k);
            CHECK(!answer->good);
            CHECK_EQ(answer->error, QUOIT_OK);
            CHECK_EQ(answer->status, the->status);
            CHECK_STR(answer->code, the->code);
            CHECK(has(answer->detail, "the mock answers"));
            CHECK_EQ(has(answer->detail, "given up, as another prompt was answered: "), k > 0);
            CHECK_EQ(answer->attempts, k == 0);
        }
        CHECK_LEDGER_EQ(live_number(&server, "requests"), 1);
        quoit_llm_batch_destroy(batch);
    }
}

/* One is answered 500 and waits for an hour; the other's 401 ends that wait. */
static void test_what_waits_to_be_sent_again_ends_with_the_batch(void)
{
    raw_script(&raw,
               "connection 1:\nread-request\n"
               "send \"HTTP/1.1 500 No\\r\\nRetry-After: 100\\r\\nContent-Length: 0\\r\\n\\r\\n\"\n"
               "connection 2:\nread-request\npause\n"
               "send \"HTTP/1.1 401 No\\r\\nContent-Length: 0\\r\\n\\r\\n\"\n");
    struct quoit_llm_batch *batch =
        create(&(struct quoit_llm_options){ .base_url = raw.url, .in_flight_max = 2 }, 2);
    struct quoit_llm_counts counts = { .in_flight = 9 };

    while (counts.in_flight != 1 || live_number(&raw, "requests") < 2) {
        CHECK_EQ(quoit_llm_batch_next(batch, LIVE_NS_PER_MS), SIZE_MAX);
        quoit_llm_batch_counts(batch, &counts);
    }
    raw_go(&raw);
    quoit_llm_batch_wait(batch);
    size_t paused = quoit_llm_batch_answer(batch, 0)->detail[0] == 'g' ? 0 : 1;
    const struct quoit_llm_answer *waited = quoit_llm_batch_answer(batch, paused);
    CHECK_EQ(waited->status, 401);
    CHECK_EQ(waited->attempts, 1);
    CHECK_STR(waited->detail, "given up, as another prompt was answered: status 401");
    CHECK_STR(quoit_llm_batch_answer(batch, 1 - paused)->detail, "status 401");
    quoit_llm_batch_destroy(batch);
}

/* -------- prompts and options that are refused -------- */

static void test_a_prompt_that_cannot_be_sent_stops_no_other(void)
{
    static const struct quoit_llm_prompt mixed[] = {
        { .text = "a" },  { .text = "\xff" }, { .text = "b" },
        { .text = NULL }, { .text = "c" },    { .text = "d" },
    };
    struct quoit_llm_options options = { .parameters = { .endpoint = QUOIT_LLM_COMPLETIONS },
                                         .base_url = server.url,
                                         .batch_size = 4 };
    struct quoit_llm_batch *batch;

    live_set(&server, RESET);
    CHECK_EQ(quoit_llm_batch_create(&options, mixed, COUNT_OF(mixed), &batch), QUOIT_OK);
    quoit_llm_batch_wait(batch);
    for (size_t i = 0; i < COUNT_OF(mixed); i++) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
        bool good = i != 1 && i != 3;
        CHECK_EQ(answer->good, good);
        CHECK_EQ(answer->error, good ? QUOIT_OK : QUOIT_E_ARGUMENT);
        CHECK_EQ(answer->attempts, good);
    }
    CHECK_STR(quoit_llm_batch_answer(batch, 1)->detail,
              "an argument is out of range: the prompt is not UTF-8");
    CHECK_STR(quoit_llm_batch_answer(batch, 3)->detail,
              "an argument is out of range: the prompt needs either text or messages");
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 3); /* a; b; c and d */
    quoit_llm_batch_destroy(batch);
}

static const struct quoit_header nameless = { NULL, "x" };

struct refusal {
    const char *name;
    struct quoit_llm_options options; /* base_url NULL: the mock's */
    enum quoit_error error;
};

static const struct refusal refusals[] = {
    { "parameters", { .parameters = { .members = "x" } }, QUOIT_E_ARGUMENT },
    { "stream", { .parameters = { .stream = true } }, QUOIT_E_ARGUMENT },
    { "stream as a member", { .parameters = { .members = "\"stream\":true" } }, QUOIT_E_ARGUMENT },
    { "two prompts in a chat", { .batch_size = 2 }, QUOIT_E_ARGUMENT },
    { "reserved", { .reserved = { [7] = 1 } }, QUOIT_E_ARGUMENT },
    { "a key with a line end", { .api_key = KEY "\n" }, QUOIT_E_ARGUMENT },
    { "a header without a name",
      { .request = { .headers = &nameless, .headers_count = 1 } },
      QUOIT_E_ARGUMENT },
    { "too many in flight", { .in_flight_max = 1000001 }, QUOIT_E_ARGUMENT },
    { "no url", { .base_url = "" }, QUOIT_E_URL },
    { "a relative url", { .base_url = "/v1" }, QUOIT_E_URL },
    { "another scheme", { .base_url = "ftp://127.0.0.1/" }, QUOIT_E_URL },
    { "a user name", { .base_url = "http://user:" KEY "@127.0.0.1/" }, QUOIT_E_URL },
    { "a host written oddly", { .base_url = "http://127.0.0.1\\@evil/" }, QUOIT_E_URL },
    { "a path to elsewhere", { .path = "http://127.0.0.2/v1" }, QUOIT_E_URL },
    { "a path that is none", { .path = "v1" }, QUOIT_E_URL },
    { "a path as part of a host", { .path = "" }, QUOIT_E_URL },
};

static void test_what_is_refused_makes_no_batch(void)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct quoit_llm_options options = refusals[i].options;
        struct quoit_llm_batch *batch = NULL;
        check_case(refusals[i].name);
        options.base_url = options.base_url == NULL ? server.url : options.base_url;
        CHECK_EQ(quoit_llm_batch_create(&options, prompts, 1, &batch), refusals[i].error);
        CHECK(batch == NULL);
    }
}

static void test_an_engine_has_to_be_free(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_llm_options options = { .base_url = server.url, .engine = engine };
    struct quoit_llm_batch *batch = NULL;

    live_set(&server, RESET);
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    CHECK_EQ(quoit_llm_batch_create(&options, prompts, 1, &batch), QUOIT_E_ARGUMENT);
    live_drain(engine, 1);
    quoit_turn(engine, 0);
    CHECK_EQ(quoit_llm_batch_create(&options, prompts, 1, &batch), QUOIT_OK);
    quoit_llm_batch_wait(batch);
    CHECK(quoit_llm_batch_answer(batch, 0)->good);
    quoit_llm_batch_destroy(batch);
    quoit_destroy(engine);
}

/* -------- servers -------- */

struct answer_case {
    const char *name, *answer; /* as a script's step */
    const char *detail;
};

#define OK_JSON(text) "answer \"" text "\"\n"

static const struct answer_case answer_cases[] = {
    { "nothing", OK_JSON(""), "status 200: it is not JSON" },
    { "no JSON", OK_JSON("<html>"), "status 200: it is not JSON" },
    { "another object", OK_JSON("{}"), "status 200: there is no answer to this prompt in it" },
    { "no choices", OK_JSON("{\\\"choices\\\":[]}"),
      "status 200: there is no answer to this prompt in it" },
    { "an error with a 200", OK_JSON("{\\\"error\\\":{\\\"message\\\":\\\"a\\\\nb\\\"}}"),
      "status 200: a b" },
    { "a coding",
      "send \"HTTP/1.1 200 OK\\r\\nContent-Encoding: gzip\\r\\nContent-Length: 2\\r\\n\\r\\n{}\"\n",
      "status 200: it is in a coding that was not asked for" },
    { "an error as a text", "send \"HTTP/1.1 422 No\\r\\nContent-Length: 4\\r\\n\\r\\nOops\"\n",
      "status 422" },
    { "no answer", "close\n", "the server closed the connection" },
    { "no HTTP", "send \"SSH-2.0\\r\\n\"\n", "the answer is not valid HTTP/1.1" },
};

static void test_what_is_no_answer_is_told_so(void)
{
    for (size_t i = 0; i < COUNT_OF(answer_cases); i++) {
        const struct answer_case *the = &answer_cases[i];
        struct quoit_llm_options options = { .base_url = raw.url,
                                             .request = { .retries = QUOIT_NONE } };
        char script[512];
        check_case(the->name);
        snprintf(script, sizeof(script), "connection *:\nread-request\n%s", the->answer);
        raw_script(&raw, script);
        struct quoit_llm_batch *batch = create(&options, 1);
        quoit_llm_batch_wait(batch);
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, 0);
        CHECK(!answer->good);
        CHECK_EQ(answer->content.size, 0);
        CHECK(strncmp(answer->detail, the->detail, strlen(the->detail)) == 0);
        CHECK_EQ(answer->error == QUOIT_OK, answer->status != 0);
        quoit_llm_batch_destroy(batch);
    }
}

static void test_choices_in_any_order_find_their_prompts(void)
{
    struct quoit_llm_options options = { .parameters = { .endpoint = QUOIT_LLM_COMPLETIONS },
                                         .base_url = raw.url,
                                         .batch_size = 3 };

    raw_script(&raw, "connection *:\nread-request\nanswer \"{\\\"choices\\\":["
                     "{\\\"index\\\":2,\\\"text\\\":\\\"c\\\"},"
                     "{\\\"index\\\":0,\\\"text\\\":\\\"a\\\"},"
                     "{\\\"index\\\":7,\\\"text\\\":\\\"x\\\"}]}\"\n");
    struct quoit_llm_batch *batch = create(&options, 3);
    quoit_llm_batch_wait(batch);
    CHECK_STR(quoit_llm_batch_answer(batch, 0)->content.bytes, "a");
    CHECK(!quoit_llm_batch_answer(batch, 1)->good);
    CHECK_STR(quoit_llm_batch_answer(batch, 2)->content.bytes, "c");
    quoit_llm_batch_destroy(batch);
}

static void test_a_server_that_is_slow_or_away_ends_in_its_error(void)
{
    struct quoit_llm_options options = {
        .request = { .retries = QUOIT_NONE, .timeouts = { .first_byte_ns = 50 * LIVE_NS_PER_MS } },
    };
    char away[64];

    live_set(&server, RESET "latency 1h");
    struct quoit_llm_batch *batch = create(&options, 3);
    quoit_llm_batch_wait(batch);
    CHECK_EQ(quoit_llm_batch_answer(batch, 2)->error, QUOIT_E_TIMEOUT_FIRST_BYTE);
    CHECK_EQ(quoit_llm_batch_answer(batch, 2)->status, 0);
    CHECK(has(quoit_llm_batch_answer(batch, 2)->detail, "no answer began in time"));
    CHECK(quoit_llm_batch_answer(batch, 2)->latency_ns >= 50 * LIVE_NS_PER_MS);
    quoit_llm_batch_destroy(batch);

    snprintf(away, sizeof(away), "http://127.0.0.1:%u", live_free_port());
    options.base_url = away;
    batch = create(&options, 3);
    quoit_llm_batch_wait(batch);
    CHECK_EQ(quoit_llm_batch_answer(batch, 0)->error, QUOIT_E_CONNECT);
    CHECK(has(quoit_llm_batch_answer(batch, 0)->detail, "no connection to the server"));
    quoit_llm_batch_destroy(batch);
}

/* -------- secrets and headers -------- */

static void test_no_text_holds_a_secret(void)
{
    const struct quoit_header headers[] = { { "X-Secret", "hush-hush" },
                                            { "Authorization", "Basic dXNlcjpwYXNz" } };
    struct quoit_llm_options options = {
        .base_url = raw.url,
        .api_key = KEY,
        .request = { .headers = headers, .headers_count = COUNT_OF(headers) },
    };
    char script[2048], filler[426];

    memset(filler, 'x', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    for (int with_headers = 0; with_headers < 2; with_headers++) {
        options.request.headers_count = with_headers ? COUNT_OF(headers) : 0;
        /* The last one stands where the line is cut. */
        snprintf(
            script, sizeof(script),
            "connection *:\nread-request\nsend \"HTTP/1.1 400 No\\r\\nConnection: close\\r\\n\\r\\n"
            "{\\\"error\\\":{\\\"code\\\":\\\"bad %s\\\",\\\"message\\\":\\\"key %s %s %s %s "
            "%s\\\"}}\"\n"
            "close\n",
            KEY, KEY, "Bearer " KEY, with_headers ? "hush-hush dXNlcjpwYXNz" : "", filler, KEY);
        raw_script(&raw, script);
        struct quoit_llm_batch *batch = create(&options, 1);
        quoit_llm_batch_wait(batch);
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, 0);
        CHECK_EQ(answer->status, 400);
        CHECK(has(answer->detail, "status 400: key "));
        CHECK(!has(answer->detail, "hush") && !has(answer->detail, "dXNl"));
        CHECK(strlen(answer->detail) <= 500);
        if (!with_headers) {
            CHECK_STR(answer->code, "bad ***");
            CHECK(has(answer->detail, "status 400: key *** *** "));
            CHECK(!has(answer->detail, "sk-"));
        }
        quoit_llm_batch_destroy(batch);
    }
}

/* What a header of the last request was. */
static const char *header_sent(const char *name)
{
    struct raw_request request = raw_request(&raw, 1);

    return raw_request_header(&request, name);
}

static void ask_raw(const struct quoit_llm_options *options)
{
    raw_script(&raw, "connection *:\nloop\nread-request\nanswer\nend\n");
    struct quoit_llm_batch *batch = create(options, 1);
    quoit_llm_batch_wait(batch);
    quoit_llm_batch_destroy(batch);
}

static void test_headers_of_the_caller_win(void)
{
    const struct quoit_header headers[] = { { "authorization", "Basic x" }, { "Accept", "*/*" } };
    struct quoit_llm_options options = { .base_url = raw.url, .api_key = KEY };
    char agent[64];

    snprintf(agent, sizeof(agent), "quoit/%s", quoit_version());
    ask_raw(&options);
    CHECK_LEDGER_STR(header_sent("Authorization"), "Bearer " KEY);
    CHECK_LEDGER_STR(header_sent("Content-Type"), "application/json");
    CHECK_LEDGER_STR(header_sent("Accept"), "application/json");
    CHECK_LEDGER_STR(header_sent("User-Agent"), agent);
    options.request.headers = headers;
    options.request.headers_count = 2;
    ask_raw(&options);
    CHECK_LEDGER_STR(header_sent("authorization"), "Basic x");
    CHECK_LEDGER_STR(header_sent("Authorization"), "");
    CHECK_LEDGER_STR(header_sent("Accept"), "*/*");
}

static void test_url_and_key_come_from_the_environment(void)
{
    char base[96];

    snprintf(base, sizeof(base), "%s/v1beta/openai/?a=b", raw.url);
    setenv("OPENAI_BASE_URL", base, 1);
    setenv("OPENAI_API_KEY", KEY, 1);
    raw_script(&raw, "connection *:\nloop\nread-request\nanswer\nend\n");
    struct quoit_llm_batch *batch = NULL;
    CHECK_EQ(quoit_llm_batch_create(NULL, prompts, 1, &batch), QUOIT_OK);
    quoit_llm_batch_wait(batch);
    quoit_llm_batch_destroy(batch);
    CHECK_LEDGER_STR(raw_request(&raw, 1).method, "POST");
    CHECK_LEDGER_STR(raw_request(&raw, 1).target, "/v1beta/openai/chat/completions?a=b");
    CHECK_LEDGER_STR(header_sent("Authorization"), "Bearer " KEY);

    /* What the caller says wins. */
    ask_raw(&(struct quoit_llm_options){
        .base_url = raw.url, .path = "/chat/completions?c=d", .api_key = "" });
    CHECK_LEDGER_STR(raw_request(&raw, 1).target, "/chat/completions?c=d");
    CHECK_LEDGER_STR(header_sent("Authorization"), "");
    unsetenv("OPENAI_BASE_URL");
    unsetenv("OPENAI_API_KEY");
}

int main(void)
{
    unsetenv("OPENAI_BASE_URL");
    unsetenv("OPENAI_API_KEY");
    server = live_start((const char *[]){ NULL });
    raw = raw_start((const char *[]){ NULL });
    RUN(test_an_answer_that_is_for_all_stops_the_batch);
    RUN(test_what_waits_to_be_sent_again_ends_with_the_batch);
    RUN(test_a_prompt_that_cannot_be_sent_stops_no_other);
    RUN(test_what_is_refused_makes_no_batch);
    RUN(test_an_engine_has_to_be_free);
    RUN(test_what_is_no_answer_is_told_so);
    RUN(test_choices_in_any_order_find_their_prompts);
    RUN(test_a_server_that_is_slow_or_away_ends_in_its_error);
    RUN(test_no_text_holds_a_secret);
    RUN(test_headers_of_the_caller_win);
    RUN(test_url_and_key_come_from_the_environment);
    live_stop(&server);
    live_stop(&raw);
    return check_ledger_done();
}
