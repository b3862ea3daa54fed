/*
 * llm_torture_test: a batch of prompts while memory is refused, at each allocation in turn: either
 * there is no batch, or each prompt has an answer, good or with an error, and nothing is left
 * behind.
 */
#include "quoit_llm.h"
#include "tests/live/live.h"
#include "tests/torture/faults.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PROMPTS 5
#define PLACES_MIN 30  /* less, and nothing was tried */
#define PLACES_MAX 600 /* more, and it would not end */
#define RUN_LIMIT_S 20

static struct live_server server;

static const struct quoit_llm_prompt prompts[PROMPTS] = { [0 ... PROMPTS - 1] = { .text = "Hi" } };

/* Is it an answer that lack of memory may have? */
static void check_answer(const struct quoit_llm_answer *answer)
{
    CHECK(answer != NULL);
    if (answer != NULL && answer->good) {
        CHECK_EQ(answer->status, 200);
        CHECK(answer->content.size > 0 || answer->embedding_count > 0);
        CHECK_STR(answer->detail, "");
    } else if (answer != NULL) {
        CHECK(answer->error != QUOIT_OK);
        CHECK(*answer->detail != '\0');
    }
}

/* One batch, with the allocation `at` refused. Returns how many there were. */
static uint64_t run_once(const struct quoit_llm_options *options, uint64_t at, bool on)
{
    struct quoit_llm_batch *batch = NULL;
    char *body = NULL;

    alarm(RUN_LIMIT_S);
    faults_begin(
        &(struct faults_plan){ .kinds = FAULTS_MEMORY, .at = at, .error = ENOMEM, .on = on });
    enum quoit_error error = quoit_llm_body_create(&options->parameters, prompts, 1, &body);
    CHECK_EQ(error == QUOIT_OK, body != NULL);
    free(body);
    error = quoit_llm_batch_create(options, prompts, PROMPTS, &batch);
    if (error == QUOIT_OK) {
        quoit_llm_batch_wait(batch);
    } else {
        CHECK(at != 0);
        CHECK(batch == NULL);
    }
    uint64_t count = faults_end();
    for (size_t i = 0; i < PROMPTS && error == QUOIT_OK; i++) {
        check_answer(quoit_llm_batch_answer(batch, i));
        CHECK(at != 0 || quoit_llm_batch_answer(batch, i)->good);
    }
    quoit_llm_batch_destroy(batch);
    alarm(0);
    return count;
}

static void run_all(const struct quoit_llm_options *options, bool on)
{
    char name[64];
    uint64_t at = 1;

    run_once(options, 0, false); /* what is made once and kept is there from now on */
    int64_t live = faults_live();
    unsigned descriptors = live_descriptors();
    for (; at <= PLACES_MAX; at++) {
        snprintf(name, sizeof(name), "%s %llu", on ? "from" : "only", (unsigned long long)at);
        check_case(name);
        uint64_t count = run_once(options, at, on);
        CHECK_EQ(faults_live(), live);
        CHECK_EQ(live_descriptors(), descriptors);
        if (count < at || check_failures > 20) {
            break;
        }
    }
    CHECK(at > PLACES_MIN);
    CHECK(at <= PLACES_MAX);
    check_case("");
}

static void test_no_memory_for_a_chat(void)
{
    const struct quoit_llm_options options = {
        .parameters = { .model = "m", .system = "S", .members = "\"n\":1" },
        .base_url = server.url,
        .api_key = "sk-test",
        .in_flight_max = 2,
        .keep_bodies = true,
        .request = { .retries = QUOIT_NONE },
    };

    run_all(&options, false);
    run_all(&options, true);
}

static void test_no_memory_for_embeddings(void)
{
    const struct quoit_llm_options options = {
        .parameters = { .endpoint = QUOIT_LLM_EMBEDDINGS },
        .base_url = server.url,
        .api_key = "",
        .in_flight_max = 1,
        .batch_size = 3,
        .request = { .retries = QUOIT_NONE },
    };

    run_all(&options, false);
    run_all(&options, true);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_no_memory_for_a_chat);
    RUN(test_no_memory_for_embeddings);
    live_stop(&server);
    return check_done();
}
