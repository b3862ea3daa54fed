/*
 * gather: send three requests at once, and read the answers in the order of the questions.
 *
 *   cc gather.c $(pkg-config --cflags --libs quoit) -o gather && ./gather http://127.0.0.1:8000/
 */
#include <quoit.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    const char *url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/";
    const struct quoit_request requests[3] = { { .url = url }, { .url = url }, { .url = url } };
    struct quoit_engine *engine;
    struct quoit_batch *batch;
    int good = 0;

    enum quoit_error error = quoit_create(NULL, &engine);
    if (error != QUOIT_OK) {
        fprintf(stderr, "gather: %s\n", quoit_error_message(error));
        return 1;
    }
    if (quoit_batch_create(engine, requests, 3, &batch) == QUOIT_OK) {
        quoit_batch_wait(batch);
        for (size_t i = 0; i < 3; i++) {
            const struct quoit_result *result = quoit_batch_result(batch, i);
            good += result->error == QUOIT_OK && result->status == 200;
            printf("%zu: status %u, %zu bytes, %s %s\n", i, result->status, result->body.size,
                   quoit_error_message(result->error), result->detail);
        }
        quoit_batch_destroy(batch);
    }
    quoit_destroy(engine);
    return good == 3 ? 0 : 1;
}
