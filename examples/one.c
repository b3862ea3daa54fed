/*
 * one: send one request, wait for it, and print what came back.
 *
 *   cc one.c $(pkg-config --cflags --libs quoit) -o one && ./one http://127.0.0.1:8000/
 */
#include <quoit.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct quoit_request request = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
    struct quoit_engine *engine;
    struct quoit_event event;
    uint64_t id;

    enum quoit_error error = quoit_create(NULL, &engine);
    if (error != QUOIT_OK) {
        fprintf(stderr, "one: %s\n", quoit_error_message(error));
        return 1;
    }
    error = quoit_submit(engine, &request, &id);
    if (error == QUOIT_OK) {
        while (quoit_next(engine, &event, 1) == 0) {
            quoit_turn(engine, QUOIT_NEVER);
        }
        error = event.result->error; /* not asked for as a stream, a request has one event: END */
        if (error == QUOIT_OK) {
            printf("status %u\n%.*s\n", event.result->status, (int)event.result->body.size,
                   event.result->body.bytes);
        }
    }
    if (error != QUOIT_OK) {
        fprintf(stderr, "one: %s\n", quoit_error_message(error));
    }
    quoit_destroy(engine);
    return error == QUOIT_OK ? 0 : 1;
}
