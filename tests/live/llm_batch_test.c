/*
 * llm_batch_test: batches of prompts against quoit-mock: order, as they come, arrays in one
 * request, embeddings, exactly so many in flight, retries, cancelling, an engine that stays. What
 * was sent is what the server's ledger says. llm_batch_ends_test has what goes wrong.
 */
#include "quoit_llm.h"
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/raw.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdlib.h>

#define PROMPTS_MAX 200
#define RESET "latency 0\nstatus 200\nstatus-first 0\nfail-first 0\nheader none\nerror none\n"

static struct live_server server;
static char base_url[80];
static char texts[PROMPTS_MAX][32];
static struct quoit_llm_prompt prompts[PROMPTS_MAX];

static struct quoit_llm_batch *create(const struct quoit_llm_options *options, size_t count)
{
    struct quoit_llm_batch *batch = NULL;
    struct quoit_llm_options wanted = *options;

    wanted.base_url = wanted.base_url == NULL ? base_url : wanted.base_url;
    enum quoit_error error = quoit_llm_batch_create(&wanted, prompts, count, &batch);
    if (error != QUOIT_OK) {
        live_give_up(quoit_error_message(error));
    }
    return batch;
}

/* The text that the mock begins its answer to a body with. */
static const char *mock_begin(const char *body)
{
    static char begin[64];

    snprintf(begin, sizeof(begin), "Answer to %s:", raw_hash(body, strlen(body)));
    return begin;
}

static char *body_of(const struct quoit_llm_parameters *parameters, size_t first, size_t count)
{
    char *body = NULL;

    CHECK_EQ(quoit_llm_body_create(parameters, &prompts[first], count, &body), QUOIT_OK);
    return body;
}

/* Is it the mock's answer to this prompt's own request? */
static void check_chat_answer(const struct quoit_llm_parameters *parameters,
                              const struct quoit_llm_answer *answer, size_t index)
{
    char *body = body_of(parameters, index, 1);
    const char *begin = mock_begin(body);

    CHECK(answer != NULL && answer->good);
    if (answer != NULL && answer->good) {
        CHECK_EQ(answer->error, QUOIT_OK);
        CHECK_EQ(answer->status, 200);
        CHECK_EQ(answer->attempts, 1);
        CHECK_STR(answer->detail, "");
        CHECK_STR(answer->code, "");
        CHECK(strncmp(answer->content.bytes, begin, strlen(begin)) == 0);
        CHECK_EQ(strlen(answer->content.bytes), answer->content.size);
        CHECK_EQ(answer->tokens_in, strlen(body) / 4 + 1);
        CHECK_EQ(answer->body.size, 0);
        CHECK(answer->embedding == NULL);
    }
    free(body);
}

/* -------- all of them -------- */

static void test_answers_stand_in_the_order_of_the_prompts(void)
{
    const struct quoit_llm_parameters parameters = { .model = "m", .max_tokens = 9 };
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 16 });
    struct quoit_llm_counts counts;

    live_set(&server, RESET "latency uniform:1ms:20ms");
    struct quoit_llm_batch *batch =
        create(&(struct quoit_llm_options){ .parameters = parameters, .engine = engine }, 200);
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 0);
    CHECK(quoit_llm_batch_answer(batch, 0) == NULL);
    quoit_llm_batch_wait(batch);
    for (size_t i = 0; i < 200; i++) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
        check_chat_answer(&parameters, answer, i);
        CHECK_STR(answer->finish_reason, "length");
        CHECK_EQ(answer->tokens_out, 9);
        CHECK(answer->latency_ns >= LIVE_NS_PER_MS);
    }
    CHECK(quoit_llm_batch_answer(batch, 200) == NULL);
    quoit_llm_batch_counts(batch, &counts);
    CHECK_EQ(counts.prompts, 200);
    CHECK_EQ(counts.ended, 200);
    CHECK_EQ(counts.good, 200);
    CHECK_EQ(counts.in_flight, 0);
    CHECK_EQ(counts.attempts, 200);
    CHECK_EQ(counts.tokens_out, 200 * 9);
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 200);
    CHECK_LEDGER_EQ(live_number(&server, "in_flight_max"), 16);
    quoit_llm_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_an_engine_of_its_own_keeps_exactly_so_many_in_flight(void)
{
    static const uint32_t in_flight[] = { 1, 7, 64 };

    for (size_t i = 0; i < sizeof(in_flight) / sizeof(in_flight[0]); i++) {
        live_set(&server, RESET "latency 10ms");
        struct quoit_llm_batch *batch =
            create(&(struct quoit_llm_options){ .in_flight_max = i == 2 ? 0 : in_flight[i] },
                   in_flight[i] * 2 + 2);
        quoit_llm_batch_wait(batch);
        CHECK_LEDGER_EQ(live_number(&server, "in_flight_max"), in_flight[i]);
        CHECK_LEDGER_EQ(live_number(&server, "requests"), in_flight[i] * 2 + 2);
        quoit_llm_batch_destroy(batch);
    }
}

static void test_each_answer_is_given_once_as_it_comes(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 50 });
    struct quoit_llm_counts counts = { 0 };
    bool seen[50] = { false };
    size_t in_order = 0;

    live_set(&server, RESET "latency uniform:1ms:100ms");
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .engine = engine }, 50);
    CHECK_EQ(quoit_llm_batch_next(batch, 0), SIZE_MAX);
    for (size_t i = 0; i < 50; i++) {
        size_t index = quoit_llm_batch_next(batch, QUOIT_NEVER);
        if (index >= 50) {
            CHECK(false);
            break;
        }
        CHECK(!seen[index]);
        seen[index] = true;
        in_order += index == i;
        CHECK(quoit_llm_batch_answer(batch, index)->good);
        quoit_llm_batch_counts(batch, &counts);
        CHECK(counts.ended > i && counts.ended <= 50);
        CHECK(counts.ended + counts.in_flight <= 50);
    }
    CHECK(in_order < 50);
    CHECK_EQ(quoit_llm_batch_next(batch, QUOIT_NEVER), SIZE_MAX);
    quoit_llm_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_no_prompts_are_answered_at_once(void)
{
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .in_flight_max = 1 }, 0);

    quoit_llm_batch_wait(batch);
    CHECK_EQ(quoit_llm_batch_next(batch, QUOIT_NEVER), SIZE_MAX);
    CHECK(quoit_llm_batch_answer(batch, 0) == NULL);
    quoit_llm_batch_destroy(batch);
    quoit_llm_batch_destroy(NULL);
}

/* -------- many prompts in one request -------- */

/* The body that the mock gives for these prompts, asked without the library. */
static cJSON *ask_mock(const struct quoit_llm_parameters *parameters, const char *path,
                       size_t first, size_t count)
{
    char *body = body_of(parameters, first, count);
    char *answer = live_ask(&server, "POST", path, body);
    cJSON *json = cJSON_Parse(answer);

    CHECK(json != NULL);
    free(body);
    free(answer);
    return json;
}

static const uint32_t batch_sizes[] = { 1, 7, 64 };

static void check_completions(const struct quoit_llm_parameters *parameters, uint32_t batch_size)
{
    struct quoit_llm_options options = {
        .parameters = *parameters, .in_flight_max = 3, .batch_size = batch_size, .keep_bodies = true
    };
    uint64_t requests = (100 + batch_size - 1) / batch_size;
    const cJSON *choices = NULL;
    cJSON *json = NULL;

    live_set(&server, RESET "latency 2ms");
    struct quoit_llm_batch *batch = create(&options, 100);
    quoit_llm_batch_wait(batch);
    CHECK_LEDGER_EQ(live_number(&server, "requests"), requests);
    CHECK_LEDGER_EQ(live_number(&server, "in_flight_max"), requests < 3 ? requests : 3);
    for (size_t i = 0; i < 100; i++) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
        size_t place = i % batch_size;
        if (place == 0) {
            size_t count = 100 - i < batch_size ? 100 - i : batch_size;
            cJSON_Delete(json);
            json = ask_mock(parameters, "/v1/completions", i, count);
            choices = cJSON_GetObjectItem(json, "choices");
            CHECK_EQ(cJSON_GetArraySize(choices), count);
            CHECK_EQ(answer->tokens_out, 16 * count);
            CHECK(answer->body.size > 100);
        } else {
            CHECK_EQ(answer->tokens_out + answer->tokens_in + answer->body.size, 0);
        }
        const cJSON *choice = cJSON_GetArrayItem(choices, (int)place);
        CHECK(answer->good);
        CHECK_STR(answer->content.bytes, cJSON_GetStringValue(cJSON_GetObjectItem(choice, "text")));
        CHECK_STR(answer->finish_reason, "stop");
    }
    cJSON_Delete(json);
    quoit_llm_batch_destroy(batch);
}

static void test_prompts_may_share_a_request(void)
{
    const struct quoit_llm_parameters parameters = { .endpoint = QUOIT_LLM_COMPLETIONS };

    for (size_t i = 0; i < sizeof(batch_sizes) / sizeof(batch_sizes[0]); i++) {
        check_completions(&parameters, batch_sizes[i]);
    }
}

static void test_embeddings_are_numbers_in_order(void)
{
    const struct quoit_llm_parameters parameters = { .endpoint = QUOIT_LLM_EMBEDDINGS,
                                                     .model = "e" };

    live_set(&server, RESET);
    for (size_t b = 0; b < sizeof(batch_sizes) / sizeof(batch_sizes[0]); b++) {
        struct quoit_llm_options options = { .parameters = parameters,
                                             .batch_size = batch_sizes[b] };
        struct quoit_llm_batch *batch = create(&options, 70);
        quoit_llm_batch_wait(batch);
        for (size_t i = 0; i < 70; i++) {
            const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
            size_t first = i - i % batch_sizes[b];
            size_t count = 70 - first < batch_sizes[b] ? 70 - first : batch_sizes[b];
            cJSON *json = ask_mock(&parameters, "/v1/embeddings", first, count);
            const cJSON *data = cJSON_GetObjectItem(json, "data");
            const cJSON *numbers =
                cJSON_GetObjectItem(cJSON_GetArrayItem(data, (int)(i - first)), "embedding");
            CHECK(answer->good);
            CHECK_EQ(answer->embedding_count, cJSON_GetArraySize(numbers));
            CHECK_EQ(answer->embedding_count, 8);
            for (size_t k = 0; k < answer->embedding_count; k++) {
                double wanted = cJSON_GetArrayItem(numbers, (int)k)->valuedouble;
                CHECK(answer->embedding[k] == (float)wanted);
            }
            CHECK_EQ(answer->content.size, 0);
            cJSON_Delete(json);
        }
        quoit_llm_batch_destroy(batch);
    }
}

static void test_of_several_choices_each_prompt_gets_its_first(void)
{
    const struct quoit_llm_parameters parameters = { .endpoint = QUOIT_LLM_COMPLETIONS,
                                                     .members = "\"n\":3" };

    live_set(&server, RESET);
    struct quoit_llm_batch *batch =
        create(&(struct quoit_llm_options){ .parameters = parameters, .batch_size = 4 }, 4);
    quoit_llm_batch_wait(batch);
    cJSON *json = ask_mock(&parameters, "/v1/completions", 0, 4);
    const cJSON *choices = cJSON_GetObjectItem(json, "choices");
    CHECK_EQ(cJSON_GetArraySize(choices), 12);
    for (size_t i = 0; i < 4; i++) {
        const cJSON *choice = cJSON_GetArrayItem(choices, (int)(3 * i));
        CHECK_STR(quoit_llm_batch_answer(batch, i)->content.bytes,
                  cJSON_GetStringValue(cJSON_GetObjectItem(choice, "text")));
    }
    cJSON_Delete(json);
    quoit_llm_batch_destroy(batch);
}

/* -------- retries -------- */

static void test_what_fails_for_the_moment_is_sent_again(void)
{
    struct quoit_llm_options options = { .request = { .retries = 2 } };

    live_set(&server, RESET "fail-first 2:500\nheader retry-after-ms: 5");
    struct quoit_llm_batch *batch = create(&options, 3);
    quoit_llm_batch_wait(batch);
    for (size_t i = 0; i < 3; i++) {
        CHECK(quoit_llm_batch_answer(batch, i)->good);
        CHECK_EQ(quoit_llm_batch_answer(batch, i)->attempts, 3);
    }
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 9);
    quoit_llm_batch_destroy(batch);
}

struct status_case {
    const char *name, *lines;
    uint32_t status, attempts;
};

static const struct status_case status_cases[] = {
    { "400", "status 400", 400, 1 },
    { "404", "status 404", 404, 1 },
    { "408", "status 408", 408, 2 },
    { "409", "status 409", 409, 2 },
    { "500", "status 500", 500, 2 },
    { "502", "status 502", 502, 2 },
    { "the server says no", "status 500\nheader x-should-retry: false", 500, 1 },
    { "the server says yes", "status 400\nheader x-should-retry: true", 400, 2 },
};

static void test_the_status_decides_on_retries(void)
{
    for (size_t i = 0; i < sizeof(status_cases) / sizeof(status_cases[0]); i++) {
        const struct status_case *the = &status_cases[i];
        struct quoit_llm_options options = { .request = { .retries = 1 } };
        char lines[256], begin[64];
        check_case(the->name);
        snprintf(lines, sizeof(lines), RESET "%s\nheader retry-after-ms: 5", the->lines);
        live_set(&server, lines);
        struct quoit_llm_batch *batch = create(&options, 1);
        quoit_llm_batch_wait(batch);
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, 0);
        CHECK(!answer->good);
        CHECK_EQ(answer->error, QUOIT_OK);
        CHECK_EQ(answer->status, the->status);
        CHECK_EQ(answer->attempts, the->attempts);
        snprintf(begin, sizeof(begin), "status %u: the mock answers %u to ", the->status,
                 the->status);
        CHECK(strncmp(answer->detail, begin, strlen(begin)) == 0);
        CHECK(*answer->code != '\0');
        CHECK_LEDGER_EQ(live_number(&server, "requests"), the->attempts);
        quoit_llm_batch_destroy(batch);
    }
}

/* -------- cancelling -------- */

static void check_all_cancelled(struct quoit_llm_batch *batch, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t index = quoit_llm_batch_next(batch, QUOIT_NEVER);
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, index);
        CHECK(answer != NULL);
        if (answer != NULL) {
            CHECK(!answer->good);
            CHECK_EQ(answer->error, QUOIT_E_CANCELLED);
            CHECK_STR(answer->detail, "cancelled by the caller");
        }
    }
    CHECK_EQ(quoit_llm_batch_next(batch, QUOIT_NEVER), SIZE_MAX);
}

static void test_cancel_ends_what_has_not_ended(void)
{
    live_set(&server, RESET "latency 1h");
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .in_flight_max = 8 }, 50);

    CHECK_EQ(quoit_llm_batch_next(batch, 1), SIZE_MAX);
    while (live_number(&server, "in_flight") < 8) {
        CHECK_EQ(quoit_llm_batch_next(batch, LIVE_NS_PER_MS), SIZE_MAX);
    }
    quoit_llm_batch_cancel(batch);
    check_all_cancelled(batch, 50);
    live_await_number(&server, "aborted", 8);
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 8);
    quoit_llm_batch_cancel(batch);
    quoit_llm_batch_destroy(batch);
}

static void *cancel_when_it_waits(void *argument)
{
    live_await_number(&server, "in_flight", 4);
    quoit_llm_batch_cancel(argument);
    return NULL;
}

static void test_another_thread_may_cancel_a_wait(void)
{
    pthread_t thread;

    live_set(&server, RESET "latency 1h");
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .in_flight_max = 4 }, 10);
    CHECK_EQ(pthread_create(&thread, NULL, cancel_when_it_waits, batch), 0);
    quoit_llm_batch_wait(batch);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    check_all_cancelled(batch, 10);
    quoit_llm_batch_destroy(batch);
}

static void test_a_batch_may_be_destroyed_at_any_time(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 8 });

    live_set(&server, RESET "latency uniform:0:20ms");
    for (size_t given = 0; given < 20; given += 3) {
        struct quoit_llm_batch *batch =
            create(&(struct quoit_llm_options){ .engine = engine }, 100);
        for (size_t i = 0; i < given; i++) {
            CHECK(quoit_llm_batch_next(batch, QUOIT_NEVER) < 100);
        }
        quoit_llm_batch_destroy(batch);
        struct quoit_stats stats = live_stats(engine);
        CHECK_EQ(stats.queued + stats.waiting + stats.in_flight, 0);
    }
    quoit_destroy(engine);
}

static void *call_from_elsewhere(void *argument)
{
    struct quoit_llm_counts counts = { .prompts = 4711 };

    CHECK_EQ(quoit_llm_batch_next(argument, QUOIT_NEVER), SIZE_MAX);
    quoit_llm_batch_wait(argument);
    quoit_llm_batch_counts(argument, &counts);
    CHECK_EQ(counts.prompts, 4711);
    quoit_llm_batch_destroy(argument);
    return NULL;
}

static void test_another_thread_can_do_nothing_else(void)
{
    pthread_t thread;

    live_set(&server, RESET);
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .in_flight_max = 4 }, 3);
    CHECK_EQ(pthread_create(&thread, NULL, call_from_elsewhere, batch), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 0);
    quoit_llm_batch_wait(batch);
    CHECK(quoit_llm_batch_answer(batch, 2)->good);
    quoit_llm_batch_destroy(batch);
}

/* -------- an engine of the caller's -------- */

static void test_an_engine_keeps_its_connections_for_the_next_batch(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 4 });

    live_set(&server, RESET "latency 2ms");
    for (int i = 0; i < 5; i++) {
        struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .engine = engine }, 20);
        quoit_llm_batch_wait(batch);
        CHECK(quoit_llm_batch_answer(batch, 19)->good);
        quoit_llm_batch_destroy(batch);
    }
    CHECK_LEDGER_EQ(live_number(&server, "connections_opened"), 4);
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 100);
    quoit_destroy(engine);
}

static void test_the_smallest_engine_is_enough(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .requests_max = 1, .in_flight_max = 1 });

    live_set(&server, RESET);
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .engine = engine }, 30);
    quoit_llm_batch_wait(batch);
    for (size_t i = 0; i < 30; i++) {
        CHECK(quoit_llm_batch_answer(batch, i)->good);
    }
    quoit_llm_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_slots_that_only_the_caller_can_release_end_a_batch(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .requests_max = 1, .in_flight_max = 1 });

    live_set(&server, RESET);
    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    live_next(engine);
    CHECK_EQ(quoit_keep(engine, id), QUOIT_OK);
    struct quoit_llm_batch *batch = create(&(struct quoit_llm_options){ .engine = engine }, 2);
    quoit_llm_batch_wait(batch);
    CHECK_EQ(quoit_llm_batch_answer(batch, 0)->error, QUOIT_E_NO_SLOT);
    CHECK_EQ(quoit_llm_batch_answer(batch, 1)->error, QUOIT_E_NO_SLOT);
    quoit_llm_batch_destroy(batch);
    quoit_destroy(engine);
}

static void test_a_limit_gets_back_what_was_estimated_too_high(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 1 });
    struct quoit_limit *limit = NULL;
    struct quoit_llm_options options = { .parameters = { .max_tokens = 50000 }, .engine = engine };

    /* Two estimates of 50,000 do not go in at once; what two answers take does. */
    CHECK_EQ(quoit_limit_create(engine, 0, 60000, &limit), QUOIT_OK);
    live_set(&server, RESET);
    options.request.limit = limit;
    struct quoit_llm_batch *batch = create(&options, 3);
    quoit_llm_batch_wait(batch);
    for (size_t i = 0; i < 3; i++) {
        CHECK(quoit_llm_batch_answer(batch, i)->good);
        CHECK(quoit_llm_batch_answer(batch, i)->latency_ns < 10 * LIVE_NS_PER_S);
    }
    quoit_llm_batch_destroy(batch);
    quoit_limit_destroy(limit);
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    snprintf(base_url, sizeof(base_url), "%s/v1", server.url);
    unsetenv("OPENAI_API_KEY");
    for (size_t i = 0; i < PROMPTS_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "prompt \"%zu\"\n", i);
        prompts[i].text = texts[i];
    }
    RUN(test_answers_stand_in_the_order_of_the_prompts);
    RUN(test_an_engine_of_its_own_keeps_exactly_so_many_in_flight);
    RUN(test_each_answer_is_given_once_as_it_comes);
    RUN(test_no_prompts_are_answered_at_once);
    RUN(test_prompts_may_share_a_request);
    RUN(test_embeddings_are_numbers_in_order);
    RUN(test_of_several_choices_each_prompt_gets_its_first);
    RUN(test_what_fails_for_the_moment_is_sent_again);
    RUN(test_the_status_decides_on_retries);
    RUN(test_cancel_ends_what_has_not_ended);
    RUN(test_another_thread_may_cancel_a_wait);
    RUN(test_a_batch_may_be_destroyed_at_any_time);
    RUN(test_another_thread_can_do_nothing_else);
    RUN(test_an_engine_keeps_its_connections_for_the_next_batch);
    RUN(test_the_smallest_engine_is_enough);
    RUN(test_slots_that_only_the_caller_can_release_end_a_batch);
    RUN(test_a_limit_gets_back_what_was_estimated_too_high);
    live_stop(&server);
    return check_ledger_done();
}
