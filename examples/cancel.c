/*
 * cancel: ask the same of three servers, keep the first answer, and give the others up.
 *
 *   cc cancel.c $(pkg-config --cflags --libs quoit) -o cancel
 *   ./cancel http://127.0.0.1:8000/ http://127.0.0.1:8001/ http://127.0.0.1:8002/
 */
#include <quoit.h>
#include <stdio.h>

#define SERVERS_MAX 3

/* Until each request has its END: what was cancelled has one too, and then nothing of it is left.
 */
static int race(struct quoit_engine *engine, int under_way)
{
    struct quoit_event event;
    bool won = false;

    while (under_way > 0) {
        quoit_turn(engine, QUOIT_NEVER);
        while (quoit_next(engine, &event, 1) == 1) {
            const char *url = event.context;
            under_way--;
            if (event.result->error != QUOIT_OK) {
                printf("%s: %s\n", url, quoit_error_message(event.result->error));
            } else if (!won) {
                printf("%s: the first answer, status %u\n", url, event.result->status);
                quoit_cancel_all(engine);
                won = true;
            }
        }
    }
    return won ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct quoit_engine *engine;
    int under_way = 0;
    uint64_t id;

    enum quoit_error error = quoit_create(NULL, &engine);
    if (error != QUOIT_OK) {
        fprintf(stderr, "cancel: %s\n", quoit_error_message(error));
        return 1;
    }
    for (int i = 1; i < argc && i <= SERVERS_MAX; i++) {
        struct quoit_request request = { .url = argv[i], .context = argv[i] };
        error = quoit_submit(engine, &request, &id);
        if (error == QUOIT_OK) {
            under_way++;
        } else {
            fprintf(stderr, "cancel: %s: %s\n", argv[i], quoit_error_message(error));
        }
    }
    int code = race(engine, under_way);
    quoit_destroy(engine);
    return code;
}
