/*
 * origins_test: more servers than an engine remembers (1,024): those that nothing uses are
 * forgotten, and nothing that anybody waits for, or that is known against a server, goes with them.
 *
 * One quoit-mock plays them all: it is the proxy by which each is reached. What is remembered is
 * looked through when a request is submitted for a server that is not known, a part of it each
 * time; so many are submitted at once that all of it was. getaddrinfo is this file's own, so that a
 * name can be slow.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#define SERVERS 1200 /* more than are remembered, and enough to look through all of it */

static struct live_server server;

/* -------- names -------- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    bool over;      /* slow names are there */
    unsigned calls; /* look-ups */
} look_ups = { .mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static void look_ups_set(bool over)
{
    pthread_mutex_lock(&look_ups.mutex);
    look_ups.over = over;
    pthread_cond_broadcast(&look_ups.moved);
    pthread_mutex_unlock(&look_ups.mutex);
}

static unsigned look_ups_count(void)
{
    pthread_mutex_lock(&look_ups.mutex);
    unsigned calls = look_ups.calls;
    pthread_mutex_unlock(&look_ups.mutex);
    return calls;
}

/* Each name is 127.0.0.1, once its time has come. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));
    struct sockaddr_in *in = (struct sockaddr_in *)(info + 1);

    (void)host;
    (void)hints;
    pthread_mutex_lock(&look_ups.mutex);
    look_ups.calls++;
    while (!look_ups.over) {
        pthread_cond_wait(&look_ups.moved, &look_ups.mutex);
    }
    pthread_mutex_unlock(&look_ups.mutex);
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    info->ai_family = AF_INET;
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)in;
    info->ai_addrlen = sizeof(*in);
    *found = info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info);
}

/* A URL of that host, at the mock's port. Static. */
static const char *host_url(const char *host)
{
    static char url[100];

    snprintf(url, sizeof(url), "http://%s:%u/page", host, server.port);
    return url;
}

/* -------- many servers -------- */

/* Submit a request to each of SERVERS servers that the engine does not know. */
static void submit_to_new_servers(struct quoit_engine *engine)
{
    static unsigned number;
    char url[100];

    for (int i = 0; i < SERVERS; i++) {
        snprintf(url, sizeof(url), "http://server-%u.test/page", number++);
        live_submit(engine, &(struct quoit_request){ .url = url, .proxy_url = server.url });
    }
}

/* The same, but none is sent: to be submitted is enough to be known. All else is cancelled too. */
static void name_new_servers(struct quoit_engine *engine)
{
    submit_to_new_servers(engine);
    quoit_cancel_all(engine);
    CHECK_EQ(live_drain(engine, SERVERS), 0);
    quoit_turn(engine, 0);
}

/* An engine that knows more servers than it remembers. */
static struct quoit_engine *engine_of_many(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    name_new_servers(engine);
    return engine;
}

/* -------- what is kept -------- */

static void test_more_servers_than_are_remembered_are_all_served(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    live_set(&server, "");
    submit_to_new_servers(engine);
    submit_to_new_servers(engine); /* all of them have a request in line */
    CHECK_EQ(live_drain(engine, 2 * SERVERS), 2 * SERVERS);
    submit_to_new_servers(engine);
    CHECK_EQ(live_drain(engine, SERVERS), SERVERS);
    CHECK_EQ(live_number(&server, "executions_total"), 3 * SERVERS);
    quoit_destroy(engine);
}

/* Its name would be good for a minute, so a second look-up says that it was forgotten. */
static void test_a_server_that_nothing_uses_is_forgotten(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    unsigned before = look_ups_count();

    for (int i = 0; i < 2; i++) {
        CHECK_EQ(live_get(engine, host_url("idle.test"))->status, 200);
        CHECK_EQ(look_ups_count(), before + 1);
        quoit_turn(engine, 0);
    }
    for (int i = 0; i < 2; i++) { /* its connection has to make room first */
        submit_to_new_servers(engine);
        CHECK_EQ(live_drain(engine, SERVERS), SERVERS);
    }
    CHECK_EQ(live_get(engine, host_url("idle.test"))->status, 200);
    CHECK_EQ(look_ups_count(), before + 2);
    quoit_destroy(engine);
}

static void test_what_is_under_way_or_kept_goes_on(void)
{
    static const struct quoit_header header = { "X-Mock-Latency", "100ms" };
    struct quoit_engine *engine = engine_of_many();
    struct quoit_request request = { .url = host_url("kept.test"), .context = &request };
    uint64_t kept = live_submit(engine, &request);
    const struct quoit_result *result = live_next(engine).result;
    unsigned ends = 0;

    CHECK_EQ(result->status, 200);
    CHECK_EQ(quoit_keep(engine, kept), QUOIT_OK);
    request.url = host_url("later.test");
    request.start_ns = quoit_now_ns() + 200 * LIVE_NS_PER_MS;
    live_submit(engine, &request);
    request.url = host_url("slow.test");
    request.start_ns = 0;
    request.headers = &header;
    request.headers_count = 1;
    live_submit(engine, &request);
    live_turn_until_in_flight(engine, 1);
    submit_to_new_servers(engine);
    for (int i = 0; i < SERVERS + 2; i++) {
        struct quoit_event event = live_next(engine);
        CHECK_EQ(event.result->status, 200);
        ends += event.context == &request;
    }
    CHECK_EQ(ends, 2);
    CHECK_EQ(result->body.size, 56);
    CHECK_EQ(quoit_release(engine, kept), QUOIT_OK);
    quoit_destroy(engine);
}

/* Their time in the pool is over, and nothing else keeps their servers. */
static void test_connections_that_close_keep_their_servers(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .pool_idle_ns = 50 * LIVE_NS_PER_MS });

    for (int i = 0; i < 2; i++) {
        submit_to_new_servers(engine);
        CHECK_EQ(live_drain(engine, SERVERS), SERVERS);
        uint64_t end_ns = quoit_now_ns() + 60 * LIVE_NS_PER_MS;
        while (quoit_now_ns() < end_ns) {
        }
        quoit_turn(engine, 0); /* begins to close them, and goes no further */
    }
    name_new_servers(engine);
    quoit_destroy(engine);
}

/* -------- what is known against a server -------- */

static void test_a_server_that_is_down_stays_so(void)
{
    struct quoit_engine *engine = engine_of_many();
    struct quoit_request request = { .retries = QUOIT_NONE };
    char url[60];
    unsigned outages = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", live_free_port());
    request.url = url;
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(live_run(engine, &request)->error, QUOIT_E_CONNECT);
    }
    CHECK_EQ(live_stats(engine).outages, 1);
    quoit_turn(engine, 0); /* nobody uses that server now */
    name_new_servers(engine);
    for (int i = 0; i < 8; i++) {
        live_submit(engine, &request);
    }
    for (int i = 0; i < 8; i++) {
        outages += live_next(engine).result->outage;
    }
    CHECK(outages >= 7); /* one may have been the probe */
    CHECK_EQ(live_stats(engine).outages, 1);
    quoit_destroy(engine);
}

static void test_the_pace_of_a_server_is_kept(void)
{
    static const struct quoit_header headers[] = { { "X-Mock-Status", "429" },
                                                   { "X-Mock-Retry-After", "1" },
                                                   { "X-Mock-Fault", "http10" } };
    struct quoit_engine *engine = engine_of_many();
    struct quoit_request request = { .url = host_url("paced.test"),
                                     .headers = headers,
                                     .headers_count = 3 };

    uint64_t begin_ns = quoit_now_ns();
    uint64_t id = live_submit(engine, &request);
    while (live_stats(engine).paced == 0) { /* which is no event */
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    CHECK_EQ(live_drain(engine, 1), 0);
    quoit_turn(engine, 0); /* nobody uses that server now, and no connection to it is kept */
    name_new_servers(engine);
    request.headers_count = 0;
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->status, 200);
    CHECK(result->times.sent_ns >= begin_ns + LIVE_NS_PER_S);
    quoit_destroy(engine);
}

/* Who asked has given up, but the answer will come: it is whoever asks next that it is for. */
static void test_a_look_up_under_way_is_not_begun_again(void)
{
    struct quoit_engine *engine = engine_of_many();
    struct quoit_request request = { .url = host_url("slow.test") };
    unsigned before = look_ups_count();

    look_ups_set(false);
    uint64_t id = live_submit(engine, &request);
    live_turn_until_in_flight(engine, 1);
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    CHECK_EQ(live_drain(engine, 1), 0);
    quoit_turn(engine, 0);
    name_new_servers(engine);
    live_submit(engine, &request);
    live_turn_until_in_flight(engine, 1);
    look_ups_set(true);
    CHECK_EQ(live_drain(engine, 1), 1);
    CHECK_EQ(look_ups_count(), before + 1);
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    look_ups_set(true);
    RUN(test_more_servers_than_are_remembered_are_all_served);
    RUN(test_a_server_that_nothing_uses_is_forgotten);
    RUN(test_what_is_under_way_or_kept_goes_on);
    RUN(test_connections_that_close_keep_their_servers);
    RUN(test_a_server_that_is_down_stays_so);
    RUN(test_the_pace_of_a_server_is_kept);
    RUN(test_a_look_up_under_way_is_not_begun_again);
    live_stop(&server);
    return check_done();
}
