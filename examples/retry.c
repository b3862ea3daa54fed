/*
 * retry: what the engine tries again by itself, and what only you can judge.
 *
 *   cc retry.c $(pkg-config --cflags --libs quoit) -o retry
 *   ./retry http://127.0.0.1:8000/v1/chat/completions
 *
 * By itself it tries again what failed for the moment: no connection, a timeout, 408, 409, 429, 500
 * and above, each after a wait that grows or that the server names, up to `retries` times. A POST
 * that the server may have acted on is sent again only if `replay` says so. What only the caller
 * can know, here that a 200 holds an error, is for quoit_again, which spends the same retries.
 */
#include <quoit.h>
#include <stdio.h>
#include <string.h>

static const char question[] = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                               "\"content\":\"Tell me.\"}]}";

/* The answer to the request that is under way, which may take several ENDs. */
static enum quoit_error ask(struct quoit_engine *engine)
{
    static const char bad[] = "{\"error\"";
    enum quoit_error error = QUOIT_OK;

    while (error == QUOIT_OK) {
        struct quoit_event event;
        quoit_turn(engine, QUOIT_NEVER);
        if (quoit_next(engine, &event, 1) == 0) {
            continue;
        }
        const struct quoit_result *result = event.result;
        struct quoit_span body = result->body;
        printf("%u attempts, %u retries: status %u, %s\n%.*s\n", result->attempts, result->retries,
               result->status, quoit_error_message(result->error), (int)body.size, body.bytes);
        if (result->error != QUOIT_OK || result->status != 200) {
            return QUOIT_E_FINAL; /* it was tried again by itself, if that was any use */
        }
        if (body.size < sizeof(bad) - 1 || memcmp(body.bytes, bad, sizeof(bad) - 1) != 0) {
            return QUOIT_OK;
        }
        error = quoit_again(engine, event.id, QUOIT_E_INCOMPLETE, 0);
    }
    return error;
}

int main(int argc, char **argv)
{
    struct quoit_request request = {
        .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/v1/chat/completions",
        .body = { question, sizeof(question) - 1 },
        .retries = 4,
        .replay = QUOIT_REPLAY_YES,
        .timeouts = { .deadline_ns = 60000000000 }, /* all attempts and waits together */
    };
    struct quoit_engine *engine;
    uint64_t id;

    enum quoit_error error = quoit_create(NULL, &engine);
    if (error != QUOIT_OK) {
        fprintf(stderr, "retry: %s\n", quoit_error_message(error));
        return 1;
    }
    error = quoit_submit(engine, &request, &id);
    if (error == QUOIT_OK) {
        error = ask(engine);
    }
    if (error != QUOIT_OK) {
        fprintf(stderr, "retry: %s\n", quoit_error_message(error));
    }
    quoit_destroy(engine);
    return error == QUOIT_OK ? 0 : 1;
}
