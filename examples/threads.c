/*
 * threads: four threads ask one engine, and each gets its own answers.
 *
 *   cc threads.c -pthread $(pkg-config --cflags --libs quoit) -o threads
 *   ./threads http://127.0.0.1:8000/
 */
#include "adapters/quoit_threads.h"

#include <stdio.h>

#define THREADS 4
#define QUESTIONS 10

struct asker {
    pthread_t thread;
    struct quoit_mailbox *mailbox;
    const char *url;
    int answers;
};

static void *asker_run(void *context)
{
    struct asker *asker = context;
    struct quoit_request request = { .url = asker->url };
    struct quoit_replies *replies;
    int posted = 0;
    uint64_t id;

    if (quoit_replies_create(&replies) != QUOIT_OK) {
        return NULL;
    }
    while (posted < QUESTIONS && quoit_post(asker->mailbox, &request, replies, &id) == QUOIT_OK) {
        posted++;
    }
    for (int i = 0; i < posted; i++) {
        struct quoit_reply *reply = quoit_replies_next(replies, QUOIT_NEVER);
        asker->answers += reply->result->error == QUOIT_OK && reply->result->status == 200;
        quoit_reply_free(reply);
    }
    quoit_replies_destroy(replies);
    return NULL;
}

int main(int argc, char **argv)
{
    struct quoit_thread engine = { .options = NULL };
    struct asker askers[THREADS];
    int answers = 0;

    enum quoit_error error = quoit_thread_start(&engine);
    if (error != QUOIT_OK) {
        fprintf(stderr, "threads: %s\n", quoit_error_message(error));
        return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        askers[i] = (struct asker){ .mailbox = engine.mailbox,
                                    .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
        pthread_create(&askers[i].thread, NULL, asker_run, &askers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(askers[i].thread, NULL);
        printf("thread %d: %d answers\n", i + 1, askers[i].answers);
        answers += askers[i].answers;
    }
    quoit_thread_stop(&engine);
    return answers == THREADS * QUESTIONS ? 0 : 1;
}
