/*
 * stream: ask a model that answers in pieces, and print each server-sent event as it comes.
 *
 *   cc stream.c $(pkg-config --cflags --libs quoit) -o stream
 *   ./stream http://127.0.0.1:8000/v1/chat/completions
 */
#include <quoit.h>
#include <stdio.h>
#include <string.h>

static const char question[] = "{\"model\":\"m\",\"stream\":true,\"max_tokens\":8,"
                               "\"messages\":[{\"role\":\"user\",\"content\":\"Tell me.\"}]}";

static void print_event(const struct quoit_event *event)
{
    switch (event->kind) {
    case QUOIT_HEAD:
        printf("head: status %u\n", event->result->status);
        return;
    case QUOIT_PIECE: /* for QUOIT_PIECES, which gives the bytes as they come */
        return;
    case QUOIT_MESSAGE:
        printf("message: %.*s\n", (int)event->bytes.size, event->bytes.bytes);
        return;
    case QUOIT_END: /* an answer that is no stream has its body here */
        printf("end: status %u, %s\n%.*s", event->result->status,
               quoit_error_message(event->result->error), (int)event->result->body.size,
               event->result->body.bytes);
        return;
    }
}

int main(int argc, char **argv)
{
    const struct quoit_header type = { "Content-Type", "application/json" };
    struct quoit_request request = {
        .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/v1/chat/completions",
        .headers = &type,
        .headers_count = 1,
        .body = { question, sizeof(question) - 1 },
        .stream = QUOIT_SSE,
        .timeouts = { .idle_ns = 30000000000 }, /* a stream that stands still for 30 s */
    };
    struct quoit_event event = { .kind = QUOIT_HEAD };
    struct quoit_engine *engine;
    uint64_t id;

    enum quoit_error error = quoit_create(NULL, &engine);
    if (error != QUOIT_OK) {
        fprintf(stderr, "stream: %s\n", quoit_error_message(error));
        return 1;
    }
    error = quoit_submit(engine, &request, &id);
    while (error == QUOIT_OK && event.kind != QUOIT_END) {
        quoit_turn(engine, QUOIT_NEVER); /* what earlier events pointed to ends here */
        while (event.kind != QUOIT_END && quoit_next(engine, &event, 1) == 1) {
            print_event(&event);
        }
    }
    bool good = error == QUOIT_OK && event.result->error == QUOIT_OK && event.result->status == 200;
    quoit_destroy(engine);
    return good ? 0 : 1;
}
