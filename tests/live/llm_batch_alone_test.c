/*
 * llm_batch_alone_test: a request of several prompts that the server refuses is asked again prompt
 * by prompt, so that only a bad one fails; what is no refusal of that kind is not.
 */
#include "quoit_llm.h"
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"

#include <stdlib.h>

#define PROMPTS 20
#define BATCH_SIZE 7 /* so that there are requests of 7, 7 and 6 prompts */
#define REQUESTS 3
#define RESET                                                                                      \
    "latency 0\nstatus 200\nstatus-first 0\nerror-code none\nheader none\nrefuse-body none\n"

static struct live_server server;
static char base_url[80];
static char texts[PROMPTS][32];
static struct quoit_llm_prompt prompts[PROMPTS];

static struct quoit_llm_batch *create(struct quoit_llm_options options)
{
    struct quoit_llm_batch *batch = NULL;

    options.base_url = base_url;
    options.batch_size = BATCH_SIZE;
    options.parameters.endpoint = QUOIT_LLM_COMPLETIONS;
    enum quoit_error error = quoit_llm_batch_create(&options, prompts, PROMPTS, &batch);
    if (error != QUOIT_OK) {
        live_give_up(quoit_error_message(error));
    }
    return batch;
}

/* Answers are good but for prompt 9, which was refused by itself. */
static void check_only_nine_failed(const struct quoit_llm_batch *batch, uint32_t status)
{
    for (size_t i = 0; i < PROMPTS; i++) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
        CHECK_EQ(answer->good, i != 9);
        CHECK_EQ(answer->status, i != 9 ? 200 : status);
        CHECK_EQ(answer->attempts, 1);
        CHECK_EQ(answer->error, QUOIT_OK);
        CHECK_EQ(answer->content.size != 0, i != 9);
        CHECK_EQ(*answer->detail == '\0', i != 9);
    }
}

static void test_a_bad_prompt_fails_alone(void)
{
    static const uint32_t statuses[] = { 400, 413, 422 };
    static const uint32_t in_flight[] = { 1, 2, 64 };

    for (size_t i = 0; i < 3; i++) {
        struct quoit_llm_counts counts;
        char lines[256];
        snprintf(lines, sizeof(lines), RESET "latency 1ms\nrefuse-body %u:<9>", statuses[i]);
        live_set(&server, lines);
        struct quoit_llm_batch *batch =
            create((struct quoit_llm_options){ .in_flight_max = in_flight[i] });
        quoit_llm_batch_wait(batch);
        check_only_nine_failed(batch, statuses[i]);
        quoit_llm_batch_counts(batch, &counts);
        CHECK_EQ(counts.good, PROMPTS - 1);
        CHECK_EQ(counts.attempts, REQUESTS + BATCH_SIZE);
        CHECK_LEDGER_EQ(live_number(&server, "requests"), REQUESTS + BATCH_SIZE);
        CHECK_LEDGER_EQ(live_number(&server, "in_flight_max") <= in_flight[i], true);
        quoit_llm_batch_destroy(batch);
    }
}

static void test_each_is_given_once_although_some_are_asked_twice(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .in_flight_max = 2, .requests_max = 2 });
    bool seen[PROMPTS] = { false };

    live_set(&server, RESET "refuse-body 400:<9>");
    struct quoit_llm_batch *batch = create((struct quoit_llm_options){ .engine = engine });
    for (size_t i = 0; i < PROMPTS; i++) {
        size_t index = quoit_llm_batch_next(batch, QUOIT_NEVER);
        CHECK(index < PROMPTS && !seen[index]);
        seen[index < PROMPTS ? index : 0] = true;
    }
    CHECK_EQ(quoit_llm_batch_next(batch, QUOIT_NEVER), SIZE_MAX);
    check_only_nine_failed(batch, 400);
    quoit_llm_batch_destroy(batch);
    quoit_destroy(engine);
}

struct split_case {
    const char *name, *lines;
    uint64_t requests;
};

static const struct split_case split_cases[] = {
    { "all are refused: each prompt is asked once more", "status 400", REQUESTS + PROMPTS },
    { "a 404", "status 404", REQUESTS },
    { "a 403", "status 403", REQUESTS },
    { "no money left", "status 400\nerror-code insufficient_quota", REQUESTS },
    { "the server wants it again as it is",
      "status 400\nheader x-should-retry: true\nheader retry-after-ms: 1", 2 * REQUESTS },
    { "the server does not want it again as it is", "status 422\nheader x-should-retry: false",
      REQUESTS + PROMPTS },
};

static void test_only_a_refusal_is_asked_again_and_only_once(void)
{
    for (size_t i = 0; i < sizeof(split_cases) / sizeof(split_cases[0]); i++) {
        const struct split_case *the = &split_cases[i];
        char lines[256];
        check_case(the->name);
        snprintf(lines, sizeof(lines), RESET "%s", the->lines);
        live_set(&server, lines);
        struct quoit_llm_batch *batch =
            create((struct quoit_llm_options){ .request = { .retries = 1 } });
        quoit_llm_batch_wait(batch);
        for (size_t k = 0; k < PROMPTS; k++) {
            CHECK(!quoit_llm_batch_answer(batch, k)->good);
            CHECK(quoit_llm_batch_answer(batch, k)->status >= 400);
        }
        CHECK_LEDGER_EQ(live_number(&server, "requests"), the->requests);
        quoit_llm_batch_destroy(batch);
    }
}

/* One at a time: the first request is refused, its first prompt answered, and then it ends. */
static void test_what_waits_to_be_asked_alone_can_be_cancelled(void)
{
    live_set(&server, RESET "refuse-body 400:<3>");
    struct quoit_llm_batch *batch = create((struct quoit_llm_options){ .in_flight_max = 1 });
    CHECK_EQ(quoit_llm_batch_next(batch, QUOIT_NEVER), 0);
    quoit_llm_batch_cancel(batch);
    quoit_llm_batch_wait(batch);
    CHECK(quoit_llm_batch_answer(batch, 0)->good);
    for (size_t i = 1; i < PROMPTS; i++) {
        CHECK_EQ(quoit_llm_batch_answer(batch, i)->error, QUOIT_E_CANCELLED);
    }
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 2);
    quoit_llm_batch_destroy(batch);
}

static void test_a_key_that_is_taken_back_ends_what_waits_to_be_asked_alone(void)
{
    live_set(&server, RESET "status-first 1:400\nstatus 401");
    struct quoit_llm_batch *batch = create((struct quoit_llm_options){ .in_flight_max = 1 });
    quoit_llm_batch_wait(batch);
    for (size_t i = 0; i < PROMPTS; i++) {
        const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
        CHECK_EQ(answer->status, 401);
        CHECK_EQ(answer->attempts, i == 0);
    }
    CHECK_LEDGER_EQ(live_number(&server, "requests"), 2);
    quoit_llm_batch_destroy(batch);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    snprintf(base_url, sizeof(base_url), "%s/v1", server.url);
    unsetenv("OPENAI_API_KEY");
    for (size_t i = 0; i < PROMPTS; i++) {
        snprintf(texts[i], sizeof(texts[i]), "prompt <%zu>", i);
        prompts[i].text = texts[i];
    }
    RUN(test_a_bad_prompt_fails_alone);
    RUN(test_each_is_given_once_although_some_are_asked_twice);
    RUN(test_only_a_refusal_is_asked_again_and_only_once);
    RUN(test_what_waits_to_be_asked_alone_can_be_cancelled);
    RUN(test_a_key_that_is_taken_back_ends_what_waits_to_be_asked_alone);
    live_stop(&server);
    return check_ledger_done();
}
