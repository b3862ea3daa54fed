/*
 * pool_test: which connections are used again, for how long, and which never: what servers say
 * (Connection, Keep-Alive, HTTP/1.0), what they do (close, reset, speak unasked), and our limits.
 * Each outcome is read from the server's ledger.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 256

/* Run so many GETs, one after the other; each must be a whole page. */
static void run_pages(struct quoit_engine *engine, const struct live_server *server, int count)
{
    for (int i = 0; i < count; i++) {
        const struct quoit_result *result = live_get(engine, live_url(server, "/page"));
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->body.size, 56);
        quoit_turn(engine, 0);
    }
}

static void test_one_connection_carries_all_that_follow_each_other(void)
{
    struct live_server server = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);

    run_pages(engine, &server, 300);
    CHECK_EQ(live_number(&server, "connections_opened"), 1);
    CHECK_EQ(live_number(&server, "requests_per_connection_max"), 300);
    CHECK_EQ(live_stats(engine).opened, 1);
    CHECK_EQ(live_stats(engine).reused, 299);
    quoit_destroy(engine);
    live_await_number(&server, "connections_open", 0);
    live_stop(&server);
}

/* Ten at once make ten; then one at a time uses the newest only, and the others reach their time.
 */
static void test_the_newest_is_taken_and_the_others_grow_old(void)
{
    struct live_server server = live_start((const char *[]){ "--latency", "10ms", NULL });
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .pool_idle_ns = 300 * LIVE_NS_PER_MS });

    for (int i = 0; i < 10; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    CHECK_EQ(live_drain(engine, 10), 10);
    CHECK_EQ(live_number(&server, "connections_open"), 10);
    uint64_t end_ns = quoit_now_ns() + 10 * LIVE_NS_PER_S;
    while (live_number(&server, "connections_open") > 1 && quoit_now_ns() < end_ns) {
        run_pages(engine, &server, 1);
    }
    CHECK_EQ(live_number(&server, "connections_opened"), 10);
    CHECK_EQ(live_number(&server, "connections_open"), 1);
    quoit_destroy(engine);
    live_stop(&server);
}

static void test_idle_time_closes_a_connection(void)
{
    struct live_server server = live_start((const char *[]){ NULL });
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .pool_idle_ns = 100 * LIVE_NS_PER_MS });
    uint64_t before_ns = quoit_now_ns();

    run_pages(engine, &server, 2);
    while (live_number(&server, "connections_open") > 0) {
        quoit_turn(engine, 10 * LIVE_NS_PER_MS);
        if (quoit_now_ns() - before_ns > 10 * LIVE_NS_PER_S) {
            live_give_up("an idle connection to close");
        }
    }
    CHECK(quoit_now_ns() - before_ns >= 100 * LIVE_NS_PER_MS);
    run_pages(engine, &server, 1);
    CHECK_EQ(live_number(&server, "connections_opened"), 2);
    CHECK_EQ(live_stats(engine).resent, 0);
    quoit_destroy(engine);
    live_stop(&server);
}

/* R29: the server closes a second after the last answer, and says so. */
static void test_a_hint_of_time_is_kept(void)
{
    struct live_server server = live_start((const char *[]){ "--keep-alive-timeout", "1s", NULL });
    struct quoit_engine *engine = live_engine(NULL);

    run_pages(engine, &server, 3);
    uint64_t end_ns = quoit_now_ns() + 700 * LIVE_NS_PER_MS; /* half of it is the margin */
    while (quoit_now_ns() < end_ns) {
        quoit_turn(engine, end_ns - quoit_now_ns());
    }
    CHECK_EQ(live_number(&server, "connections_open"), 0);
    run_pages(engine, &server, 1);
    CHECK_EQ(live_number(&server, "connections_opened"), 2);
    CHECK_EQ(live_stats(engine).resent, 0);
    quoit_destroy(engine);
    live_stop(&server);
}

/* R29: each server here ends a connection after a few requests, in a way of its own. */
static void test_no_connection_is_used_past_its_end(void)
{
    static const struct {
        const char *options[5];
        uint64_t per_connection, resent_max;
    } cases[] = {
        { { "--max-requests-per-connection", "1", NULL }, 1, 0 },
        { { "--max-requests-per-connection", "7", NULL }, 7, 0 },
        { { "--keep-alive-max", "5", NULL }, 5, 0 },
        { { "--keep-alive-timeout", "2s", "--keep-alive-max", "5", NULL }, 5, 0 },
        { { "--fault", "http10", NULL }, 1, 0 },
        { { "--fault", "close-delimited", NULL }, 1, 0 },
        { { "--fault", "close-after", NULL }, 1, 1000 },
        { { "--fault", "reset-after", NULL }, 1, 1000 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct live_server server = live_start(cases[i].options);
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 16 });
        check_case(cases[i].options[1]);
        for (int k = 0; k < 1000; k++) {
            live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                         .retries = QUOIT_NONE });
        }
        CHECK_EQ(live_drain(engine, 1000), 1000);
        CHECK(live_number(&server, "requests_per_connection_max") <= cases[i].per_connection);
        CHECK(live_stats(engine).resent <= cases[i].resent_max);
        CHECK_EQ(live_stats(engine).retries, 0);
        CHECK(live_number(&server, "connections_opened") >= 1000 / cases[i].per_connection);
        CHECK_EQ(live_number(&server, "executions_total"), 1000);
        quoit_destroy(engine);
        live_stop(&server);
    }
}

/* R01, R04, R05: no connection that said too much, or anything wrong, carries another request. */
static void test_a_connection_that_misbehaved_is_never_used_again(void)
{
    static const struct {
        const char *fault;
        enum quoit_error error;
    } cases[] = {
        { "second-response", QUOIT_OK },
        { "late-response:30ms", QUOIT_OK },
        { "garbage", QUOIT_E_PROTOCOL },
        { "close-mid-head", QUOIT_E_INCOMPLETE },
        { "close-mid-body", QUOIT_E_INCOMPLETE },
        { "reset-mid-body", QUOIT_E_INCOMPLETE },
        { "chunked,close-mid-body", QUOIT_E_INCOMPLETE },
        { "close-before", QUOIT_E_RESET },
        { "reset", QUOIT_E_RESET },
        { "close-after", QUOIT_OK },
        { "reset-after", QUOIT_OK },
        { "early:401", QUOIT_OK },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct live_server server = live_start((const char *[]){ NULL });
        struct quoit_engine *engine = live_engine(NULL);
        const struct quoit_header header = { "X-Mock-Fault", cases[i].fault };
        check_case(cases[i].fault);
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1,
                                                      .retries = QUOIT_NONE });
        CHECK_EQ(result->error, cases[i].error);
        if (cases[i].error == QUOIT_OK && result->status == 200) {
            CHECK_EQ(result->body.size, 56);
        }
        CHECK_EQ(result->attempts, 1);
        /* The late one comes while the connection is idle, and is seen by this turn. */
        while (live_number(&server, "connections_open") > 0) {
            quoit_turn(engine, 10 * LIVE_NS_PER_MS);
        }
        quoit_turn(engine, 0); /* what the server has done by now is known after it */
        run_pages(engine, &server, 2);
        CHECK_EQ(live_number(&server, "connections_opened"), 2);
        CHECK_EQ(live_stats(engine).resent, 0);
        quoit_destroy(engine);
        live_stop(&server);
    }
}

/* R01, with no time to notice: the next request goes at once, on a connection that is about to go.
 */
static void test_no_byte_of_one_exchange_is_in_another(void)
{
    static const char *const faults[] = { "second-response", "close-after", "reset-after",
                                          "chunked,cut" };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct live_server server = live_start((const char *[]){ "--fault", faults[i], NULL });
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 8 });
        static char bodies[500][20];
        uint32_t good = 0;
        check_case(faults[i]);
        for (int k = 0; k < 500; k++) {
            snprintf(bodies[k], sizeof(bodies[k]), "%d", k);
            live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/echo"),
                                                         .body = { bodies[k], strlen(bodies[k]) },
                                                         .context = bodies[k],
                                                         .replay = QUOIT_REPLAY_YES });
        }
        for (int k = 0; k < 500; k++) {
            struct quoit_event event = live_next(engine);
            const struct quoit_span *body = &event.result->body;
            good += event.result->error == QUOIT_OK && body->size == strlen(event.context) &&
                    memcmp(body->bytes, event.context, body->size) == 0;
        }
        CHECK_EQ(good, 500);
        quoit_destroy(engine);
        live_stop(&server);
    }
}

/* R30 */
static void test_an_answer_that_comes_before_the_body_is_read_is_given(void)
{
    static const char *const faults[] = { "early:413", "early:401", "early-reset:413" };
    size_t size = (size_t)4 << 20;
    char *body = calloc(1, size);

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct live_server server = live_start((const char *[]){ "--fault", faults[i], NULL });
        unsigned before = live_descriptors();
        check_case(faults[i]);
        for (int k = 0; k < 20; k++) {
            struct quoit_engine *engine = live_engine(NULL);
            const struct quoit_result *result =
                live_run(engine, &(struct quoit_request){ .url = live_url(&server, "/echo"),
                                                          .body = { body, size },
                                                          .retries = QUOIT_NONE });
            /* An RST may throw away what the kernel had received. */
            bool was_reset = i == 2 && result->error == QUOIT_E_RESET;
            CHECK(was_reset || result->error == QUOIT_OK);
            CHECK(was_reset || result->status == 413 || result->status == 401);
            CHECK_EQ(result->attempts, 1);
            quoit_destroy(engine);
        }
        CHECK_EQ(live_descriptors(), before);
        live_stop(&server);
    }
    free(body);
}

/* More idle connections than in_flight_max + 64 are never open at once. */
static void test_the_oldest_idle_connection_makes_room(void)
{
    struct live_server servers[3];
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 40 });
    uint64_t open = 0;

    for (int i = 0; i < 3; i++) {
        servers[i] = live_start((const char *[]){ "--latency", "20ms", NULL });
        for (int k = 0; k < 40; k++) {
            live_submit(engine, &(struct quoit_request){ .url = live_url(&servers[i], "/page") });
        }
        CHECK_EQ(live_drain(engine, 40), 40);
    }
    for (int i = 0; i < 3; i++) {
        open += live_number(&servers[i], "connections_open");
    }
    CHECK(open <= 104);
    CHECK_EQ(live_number(&servers[2], "connections_open"), 40);
    CHECK_EQ(live_stats(engine).opened, 120);
    quoit_destroy(engine);
    for (int i = 0; i < 3; i++) {
        live_stop(&servers[i]);
    }
}

/* Answers come faster than the ring takes them in: none is taken for one that nobody asked for. */
static void test_a_thousand_at_once_keep_their_connections(void)
{
    struct live_server server = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 1000 });

    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 1000; i++) {
            live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                         .retries = QUOIT_NONE });
        }
        CHECK_EQ(live_drain(engine, 1000), 1000);
    }
    CHECK(live_stats(engine).opened <= 1000);
    CHECK(live_number(&server, "connections_opened") <= 1000);
    CHECK_EQ(live_stats(engine).resent, 0);
    quoit_destroy(engine);
    live_stop(&server);
}

/* Others of this process have taken all descriptors, and give them back: no connection of ours
 * closes meanwhile, nothing tells us. */
static void test_requests_go_on_when_descriptors_come_back(void)
{
    static const struct quoit_header stall = { "X-Mock-Fault", "stall-before" };
    struct live_server server = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);
    struct rlimit before;
    int taken[DESCRIPTORS_MAX];
    int count = 0;

    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                               .headers = &stall,
                                                               .headers_count = 1 });
    live_turn_until_in_flight(engine, 1);
    quoit_turn(engine, 50 * LIVE_NS_PER_MS);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ DESCRIPTORS_MAX, before.rlim_max }), 0);
    while ((taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        count++;
    }
    for (int i = 0; i < 3; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    }
    quoit_turn(engine, 50 * LIVE_NS_PER_MS);
    CHECK_EQ(live_stats(engine).queued, 3);
    while (count > 0) {
        close(taken[--count]);
    }
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    uint64_t before_ns = quoit_now_ns();
    CHECK_EQ(live_drain(engine, 3), 3);
    CHECK(quoit_now_ns() - before_ns < LIVE_NS_PER_S);
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    quoit_destroy(engine);
    live_stop(&server);
}

/* R21: the host as it is written, the port and the socket make the origin. */
static void test_origins_share_no_connection(void)
{
    struct live_server server = live_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);
    char url[3][80];

    snprintf(url[0], sizeof(url[0]), "http://127.0.0.1:%u/page", server.port);
    snprintf(url[1], sizeof(url[1]), "http://localhost:%u/page", server.port);
    snprintf(url[2], sizeof(url[2]), "http://LOCALHOST:%u/page", server.port);
    for (int i = 0; i < 9; i++) {
        CHECK_EQ(live_get(engine, url[i % 3])->status, 200);
        quoit_turn(engine, 0);
    }
    CHECK_EQ(live_number(&server, "connections_opened"), 2);
    quoit_destroy(engine);
    live_stop(&server);
}

static void test_origins_by_the_thousand_come_and_go(void)
{
    char path[100], url[60];
    snprintf(path, sizeof(path), "%.80s/mock.sock", live_folder());
    struct live_server server = live_start((const char *[]){ "--unix-socket", path, NULL });
    struct quoit_engine *engine = live_engine(NULL);

    for (int i = 0; i < 6000; i++) {
        snprintf(url, sizeof(url), "http://host%d.test/page", i % 3000);
        struct quoit_request request = { .url = url, .unix_path = path };
        CHECK_EQ(live_run(engine, &request)->status, 200);
        quoit_turn(engine, 0);
    }
    CHECK_EQ(live_number(&server, "executions_total"), 6000);
    CHECK(live_number(&server, "connections_open") <= 128);
    quoit_destroy(engine);
    live_await_number(&server, "connections_open", 0);
    live_stop(&server);
}

int main(void)
{
    RUN(test_one_connection_carries_all_that_follow_each_other);
    RUN(test_the_newest_is_taken_and_the_others_grow_old);
    RUN(test_idle_time_closes_a_connection);
    RUN(test_a_hint_of_time_is_kept);
    RUN(test_no_connection_is_used_past_its_end);
    RUN(test_a_connection_that_misbehaved_is_never_used_again);
    RUN(test_no_byte_of_one_exchange_is_in_another);
    RUN(test_an_answer_that_comes_before_the_body_is_read_is_given);
    RUN(test_the_oldest_idle_connection_makes_room);
    RUN(test_a_thousand_at_once_keep_their_connections);
    RUN(test_requests_go_on_when_descriptors_come_back);
    RUN(test_origins_share_no_connection);
    RUN(test_origins_by_the_thousand_come_and_go);
    return check_done();
}
