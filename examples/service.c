/*
 * service: a thread and an engine for each core; work is dealt out to them, and all replies come to
 * one queue.
 *
 *   cc service.c -pthread $(pkg-config --cflags --libs quoit) -o service
 *   ./service http://127.0.0.1:8000/ 10000
 */
#include "adapters/quoit_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENGINES_MAX 64

static struct quoit_thread engines[ENGINES_MAX];

/* Start an engine a core. Returns how many there are: as many as the machine lets us have. */
static size_t start_engines(const struct quoit_options *options)
{
    size_t count = (size_t)sysconf(_SC_NPROCESSORS_ONLN);

    for (size_t i = 0; i < count && i < ENGINES_MAX; i++) {
        engines[i].options = options;
        enum quoit_error error = quoit_thread_start(&engines[i]);
        if (error != QUOIT_OK) {
            fprintf(stderr, "service: engine %zu: %s\n", i + 1, quoit_error_message(error));
            return i;
        }
    }
    return count < ENGINES_MAX ? count : ENGINES_MAX;
}

/* Take one reply. Returns whether it is a good one. */
static bool take_reply(struct quoit_replies *replies)
{
    struct quoit_reply *reply = quoit_replies_next(replies, QUOIT_NEVER);
    bool good = reply->result->error == QUOIT_OK && reply->result->status == 200;

    if (!good) {
        fprintf(stderr, "service: status %u, %s %s\n", reply->result->status,
                quoit_error_message(reply->result->error), reply->result->detail);
    }
    quoit_reply_free(reply);
    return good;
}

int main(int argc, char **argv)
{
    const struct quoit_options options = { .in_flight_max = 32 };
    struct quoit_request request = { .url = argc > 1 ? argv[1] : "http://127.0.0.1:8000/" };
    size_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    size_t engines_count = start_engines(&options);
    size_t posted = 0, taken = 0, good = 0;
    struct quoit_replies *replies;
    uint64_t id;

    if (engines_count == 0 || quoit_replies_create(&replies) != QUOIT_OK) {
        return 1;
    }
    while (taken < count) {
        struct quoit_mailbox *mailbox = engines[posted % engines_count].mailbox;
        if (posted < count && quoit_post(mailbox, &request, replies, &id) == QUOIT_OK) {
            posted++;
        } else if (taken < posted) { /* that mailbox is full, or all is posted */
            good += take_reply(replies);
            taken++;
        } else {
            break; /* nothing is under way, and still it cannot be posted */
        }
    }
    printf("%zu requests over %zu engines, %zu good answers\n", posted, engines_count, good);
    for (size_t i = 0; i < engines_count; i++) {
        quoit_thread_stop(&engines[i]);
    }
    quoit_replies_destroy(replies);
    return good == count ? 0 : 1;
}
