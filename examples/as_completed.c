/*
 * as_completed: send many requests, eight at a time, and take each answer as it comes.
 *
 *   cc as_completed.c $(pkg-config --cflags --libs quoit) -o as_completed
 *   ./as_completed http://127.0.0.1:8000/
 */
#include <quoit.h>
#include <stdio.h>

#define COUNT 100

int main(int argc, char **argv)
{
    struct quoit_options options = { .in_flight_max = 8 };
    struct quoit_request requests[COUNT];
    struct quoit_engine *engine;
    struct quoit_batch *batch;
    size_t index, done = 0, good = 0;

    for (size_t i = 0; i < COUNT; i++) {
        requests[i] = (struct quoit_request){
            .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/",
        };
    }
    enum quoit_error error = quoit_create(&options, &engine);
    if (error == QUOIT_OK) {
        error = quoit_batch_create(engine, requests, COUNT, &batch);
        if (error == QUOIT_OK) {
            while ((index = quoit_batch_next(batch, QUOIT_NEVER)) != SIZE_MAX) {
                const struct quoit_result *result = quoit_batch_result(batch, index);
                good += result->error == QUOIT_OK && result->status == 200;
                printf("%3zu of %d: request %zu, status %u, %s\n", ++done, COUNT, index,
                       result->status, quoit_error_message(result->error));
            }
            quoit_batch_destroy(batch);
        }
        quoit_destroy(engine);
    }
    if (error != QUOIT_OK) {
        fprintf(stderr, "as_completed: %s\n", quoit_error_message(error));
    }
    return good == COUNT ? 0 : 1;
}
