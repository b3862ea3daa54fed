/*
 * The submission queue has no room: at each turn of a run in turn, once and from there on (R34,
 * R35).
 *
 * Room for two entries is the least that an operation and its deadline need. With no more than that
 * each operation is submitted by itself, in the middle of a turn, and nothing may change but the
 * number of kernel entries: same answers, each request once at the server.
 */
#include "engine/engine.h"
#include "engine/ring_uring.h"

#include "tests/io.h"
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define ASKS 12
#define IN_FLIGHT 4
#define ROOM_MIN 2
#define NEVER_SHORT UINT64_MAX

static char body[300000]; /* more than a quiet send takes at once */
static uint64_t turns_short_enough;

/* Between two turns: as if the queue were that small. What is in it stays. */
static void make_room(struct quoit_engine *engine, unsigned room)
{
    struct io_uring *queues = &ring_uring_of(engine->ring)->queues;
    unsigned ready = io_uring_sq_ready(queues);

    queues->sq.ring_entries = ready > room ? ready : room;
}

/* One run, short of room at turn `at`. Returns how many turns it took. */
static uint64_t run_short(const struct live_server *server, struct quoit_tls *tls, uint64_t at,
                          bool on)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){
        .requests_max = ASKS, .in_flight_max = IN_FLIGHT, .tls = tls, .spin_max_ns = QUOIT_NEVER });
    unsigned room = ring_uring_of(engine->ring)->queues.sq.ring_entries;
    uint64_t turns = 0, entries = 0;
    struct quoit_event event;

    live_set(server, "latency 0\n");
    for (int i = 0; i < ASKS; i++) {
        bool echo = i % 3 == 0;
        live_submit(engine,
                    &(struct quoit_request){ .url = live_url(server, echo ? "/echo" : "/page"),
                                             .body = { body, echo ? sizeof(body) : 0 },
                                             .retries = QUOIT_NONE });
    }
    for (int ended = 0; ended < ASKS;) {
        bool is_short = on ? turns >= at : turns == at;
        make_room(engine, is_short ? ROOM_MIN : room);
        entries = live_stats(engine).entries;
        quoit_turn(engine, LIVE_NS_PER_S);
        turns_short_enough += is_short && live_stats(engine).entries > entries + 1;
        turns++;
        while (quoit_next(engine, &event, 1) == 1) {
            CHECK_EQ(event.result->error, QUOIT_OK);
            CHECK_EQ(event.result->status, 200);
            CHECK_EQ(event.result->attempts, 1);
            ended++;
        }
    }
    quoit_destroy(engine);
    CHECK_EQ(live_number(server, "requests"), ASKS);
    CHECK_EQ(live_number(server, "answers"), ASKS);
    return turns;
}

static void run_all(const struct live_server *server, struct quoit_tls *tls)
{
    char name[40];
    unsigned descriptors = live_descriptors();

    for (int on = 0; on < 2; on++) {
        uint64_t turns = run_short(server, tls, NEVER_SHORT, false);
        turns_short_enough = 0;
        /* A run is not always of as many turns: on until one is over before its turn comes. */
        for (uint64_t at = 0; at < turns; at++) {
            snprintf(name, sizeof(name), "%s turn %llu", on ? "from" : "at",
                     (unsigned long long)at);
            check_case(name);
            turns = run_short(server, tls, at, on);
        }
        check_case("");
        CHECK(turns_short_enough > 0); /* or nothing was ever short */
        CHECK_EQ(live_descriptors(), descriptors);
    }
}

static void plain_requests_survive_a_full_queue(void)
{
    struct live_server server = live_start((const char *[]){ "--no-bodies", NULL });

    run_all(&server, NULL);
    live_stop(&server);
}

static void tls_requests_survive_a_full_queue(void)
{
    struct live_server server =
        live_start((const char *[]){ "--no-bodies", "--tls-cert", certificate("server.pem"),
                                     "--tls-key", certificate("server.key"), NULL });
    const struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };
    struct quoit_tls *tls = NULL;

    CHECK_EQ(quoit_tls_create(&trust, &tls), QUOIT_OK);
    run_all(&server, tls);
    quoit_tls_destroy(tls);
    live_stop(&server);
}

int main(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    bool uring = live_stats(engine).io == QUOIT_IO_URING;

    quoit_destroy(engine);
    if (!uring || !certificates_make()) {
        printf("skipped: %s\n", uring ? "no openssl(1)" : "epoll has no such queue");
        return 77;
    }
    RUN(plain_requests_survive_a_full_queue);
    RUN(tls_requests_survive_a_full_queue);
    return check_done();
}
