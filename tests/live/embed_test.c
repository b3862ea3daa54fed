/*
 * embed_test: an engine inside an event loop that knows nothing but quoit_fd: whatever happens is
 * told by the fd, none of it is forgotten, and the loop is never held up for it.
 *
 * The loop is epoll_wait on that one fd. Were a wake-up lost, it would wait for HOST_WAIT_MS, and
 * the test says what it has waited for.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOST_WAIT_MS 10000
#define EVENTS_MAX 64

static struct live_server server;

/* -------- a host -------- */

struct host {
    struct quoit_engine *engine;
    int fd, epoll_fd;
    uint64_t chance;   /* of splitmix64 */
    bool stays_away;   /* at random, between being called and turning */
    uint64_t wake_ups; /* how often the fd was readable */
    uint64_t ended, answered, messages;
    uint64_t bytes; /* in pieces */
    enum quoit_error last_error;
    uint32_t last_status;
    uint64_t refill; /* so many more are to be submitted, one for each that ends */
    struct quoit_request request;
};

static void host_begin(struct host *host, const struct quoit_options *options)
{
    *host = (struct host){ .engine = live_engine(options), .chance = 4711 };
    host->fd = quoit_fd(host->engine);
    CHECK(host->fd >= 0);
    host->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    CHECK_EQ(epoll_ctl(host->epoll_fd, EPOLL_CTL_ADD, host->fd, &event), 0);
}

static void host_end(struct host *host)
{
    close(host->epoll_fd);
    quoit_destroy(host->engine);
}

static uint64_t host_draw(struct host *host, uint64_t below)
{
    uint64_t z = host->chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

/* Other work of the host, which it does awake: mostly none, sometimes some, rarely much. */
static void host_be_busy(struct host *host)
{
    uint64_t lot = host_draw(host, 1000);
    uint64_t busy_ns = lot < 700   ? 0
                       : lot < 998 ? host_draw(host, 200000)
                                   : host_draw(host, 20 * LIVE_NS_PER_MS);
    uint64_t end_ns = quoit_now_ns() + busy_ns;

    while (quoit_now_ns() < end_ns) {
    }
}

static void host_take(struct host *host, const struct quoit_event *event)
{
    host->messages += event->kind == QUOIT_MESSAGE;
    host->bytes += event->kind == QUOIT_PIECE ? event->bytes.size : 0;
    if (event->kind != QUOIT_END) {
        return;
    }
    host->ended++;
    host->last_error = event->result->error;
    host->last_status = event->result->status;
    host->answered += event->result->error == QUOIT_OK && event->result->status == 200;
    if (host->refill > 0) {
        host->refill--;
        live_submit(host->engine, &host->request);
    }
}

/* What quoit_fd's comment asks for, once it is readable, or after a submit. */
static void host_turn(struct host *host)
{
    struct quoit_event events[EVENTS_MAX];
    uint32_t count = 0;
    bool submitted;

    do {
        uint64_t left = host->refill;
        quoit_turn(host->engine, 0);
        while ((count = quoit_next(host->engine, events, EVENTS_MAX)) > 0) {
            for (uint32_t i = 0; i < count; i++) {
                host_take(host, &events[i]);
            }
        }
        submitted = host->refill != left;
    } while (submitted);
}

/* Sleep until the fd calls. False: a signal. */
static bool host_sleep(struct host *host)
{
    struct epoll_event event;
    int count = epoll_wait(host->epoll_fd, &event, 1, HOST_WAIT_MS);

    if (count == 0) {
        live_give_up("a wake-up of quoit_fd: it was lost");
    }
    host->wake_ups += count > 0;
    return count > 0;
}

static void host_run_until(struct host *host, uint64_t ended)
{
    host_turn(host);
    while (host->ended < ended) {
        if (host_sleep(host)) {
            if (host->stays_away) {
                host_be_busy(host);
            }
            host_turn(host);
        }
    }
}

/* -------- nothing is forgotten -------- */

static void run_many(uint64_t count, uint32_t in_flight, bool stays_away)
{
    struct host host;

    host_begin(&host, &(struct quoit_options){ .in_flight_max = in_flight });
    host.stays_away = stays_away;
    host.request = (struct quoit_request){ .url = live_url(&server, "/page") };
    host.refill = count - in_flight;
    for (uint32_t i = 0; i < in_flight; i++) {
        live_submit(host.engine, &host.request);
    }
    host_run_until(&host, count);
    CHECK_EQ(host.answered, count);
    printf("# %llu requests, %u in flight: %.3f wake-ups each, none lost\n",
           (unsigned long long)count, in_flight, (double)host.wake_ups / (double)count);
    host_end(&host);
}

static void test_60000_answers_and_a_host_that_stays_away_at_random(void)
{
    live_doing("60,000 requests by the fd alone");
    live_set(&server, "latency 0");
    run_many(15000, 64, true);
    run_many(10000, 1, true);
    live_set(&server, "latency uniform:0:4ms");
    run_many(25000, 64, true);
    run_many(10000, 500, false);
}

/* Each deadline is a linked timeout in the kernel; hundreds of them fire in one moment. */
static void test_deadlines_that_fire_together_are_all_told(void)
{
    static const struct quoit_header header = { "X-Mock-Fault", "stall-before" };
    struct host host;

    live_doing("deadlines that fire together");
    host_begin(&host, &(struct quoit_options){ .in_flight_max = 500 });
    for (int round = 1; round <= 3; round++) {
        for (uint32_t i = 0; i < 500; i++) {
            live_submit(host.engine,
                        &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                 .headers = &header,
                                                 .headers_count = 1,
                                                 .retries = QUOIT_NONE,
                                                 .timeouts.attempt_ns = 150 * LIVE_NS_PER_MS });
        }
        host_run_until(&host, 500 * (uint64_t)round);
        CHECK_EQ(host.answered, 0);
        CHECK_EQ(host.last_error, QUOIT_E_TIMEOUT_TOTAL);
    }
    host_end(&host);
}

static void test_events_of_streams_are_told_as_they_come(void)
{
    struct host host;

    live_doing("streams by the fd alone");
    live_set(&server, "ttft 5ms\ngap 1ms\ntokens 40");
    host_begin(&host, NULL);
    host.stays_away = true;
    host.request = (struct quoit_request){
        .url = live_url(&server, "/v1/chat/completions"),
        .body = { "{\"model\":\"m\",\"stream\":true,\"messages\":[]}", 42 },
        .stream = QUOIT_SSE,
    };
    host.request.body.size = strlen(host.request.body.bytes);
    for (int i = 0; i < 50; i++) {
        live_submit(host.engine, &host.request);
    }
    host_run_until(&host, 50);
    CHECK_EQ(host.answered, 50);
    CHECK(host.messages >= 50 * 40);
    host_end(&host);
}

/* No completion tells that it may go on: that its buffer was read does. */
static void test_a_stream_that_was_held_back_goes_on_once_it_is_read(void)
{
    static const struct quoit_header header = { "X-Mock-Body-Size", "16MiB" };
    struct host host;

    live_doing("a stream that fills its buffer again and again");
    host_begin(&host, &(struct quoit_options){ .stream_buffer_max = 64 * 1024 });
    live_submit(host.engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1,
                                                      .stream = QUOIT_PIECES });
    host_run_until(&host, 1);
    CHECK_EQ(host.answered, 1);
    CHECK_EQ(host.bytes, 16 << 20);
    host_end(&host);
}

/* -------- what only time brings -------- */

static void test_retries_wait_without_a_timer_of_the_host(void)
{
    static const struct quoit_header header = { "X-Mock-Status", "500" };
    struct host host;

    live_doing("a retry by the fd alone");
    host_begin(&host, NULL);
    uint64_t before_ns = quoit_now_ns();
    live_submit(host.engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                      .headers = &header,
                                                      .headers_count = 1,
                                                      .retries = 1 });
    host_run_until(&host, 1);
    CHECK_EQ(host.last_status, 500);
    CHECK(quoit_now_ns() - before_ns >= 300 * LIVE_NS_PER_MS); /* 0.5 s, less up to a quarter */
    CHECK(host.wake_ups < 50);
    host_end(&host);
}

static void test_a_start_in_the_future_an_earlier_one_and_pacing(void)
{
    struct quoit_limit *limit = NULL;
    struct host host;

    live_doing("pacing by the fd alone");
    host_begin(&host, NULL);
    CHECK_EQ(quoit_limit_create(host.engine, 0, 60000, &limit), QUOIT_OK);
    struct quoit_request request = { .url = live_url(&server, "/page") };
    uint64_t now_ns = quoit_now_ns();
    request.start_ns = now_ns + 1200 * LIVE_NS_PER_MS;
    live_submit(host.engine, &request);
    quoit_turn(host.engine, 0);
    request.start_ns = now_ns + 100 * LIVE_NS_PER_MS; /* the alarm has to come sooner now */
    live_submit(host.engine, &request);
    host_run_until(&host, 1);
    CHECK(quoit_now_ns() - now_ns >= 100 * LIVE_NS_PER_MS);
    CHECK(quoit_now_ns() - now_ns < 1200 * LIVE_NS_PER_MS);
    host_run_until(&host, 2);
    CHECK(quoit_now_ns() - now_ns >= 1200 * LIVE_NS_PER_MS);
    now_ns = quoit_now_ns();
    request = (struct quoit_request){ .url = request.url, .limit = limit, .limit_tokens = 60000 };
    live_submit(host.engine, &request); /* all there is */
    request.limit_tokens = 200;         /* a fifth of a second */
    live_submit(host.engine, &request);
    host_run_until(&host, 4);
    CHECK(quoit_now_ns() - now_ns >= 190 * LIVE_NS_PER_MS);
    CHECK_EQ(host.answered, 4);
    CHECK(host.wake_ups < 60);
    quoit_turn(host.engine, 0);
    quoit_limit_destroy(limit);
    host_end(&host);
}

/* The second one would have to wait for a minute, had the first one taken what it asked for. */
static void test_tokens_that_are_given_back_let_others_go_at_once(void)
{
    struct quoit_limit *limit = NULL;
    struct epoll_event told;
    struct quoit_event event;
    struct host host;

    live_doing("a request that waits for tokens");
    host_begin(&host, NULL);
    CHECK_EQ(quoit_limit_create(host.engine, 0, 1000, &limit), QUOIT_OK);
    for (int i = 0; i < 2; i++) {
        live_submit(host.engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                          .limit = limit,
                                                          .limit_tokens = 1000 });
    }
    while (quoit_turn(host.engine, 0) == 0) {
        host_sleep(&host);
    }
    while (epoll_wait(host.epoll_fd, &told, 1, 20) != 0) { /* what else it has to tell */
        quoit_turn(host.engine, 0);
    }
    CHECK_EQ(quoit_next(host.engine, &event, 1), 1);
    quoit_limit_settle(limit, event.id, 0);
    CHECK_EQ(quoit_next(host.engine, &event, 1), 0);
    while (host.ended < 1) {
        host_sleep(&host);
        host_turn(&host);
    }
    CHECK_EQ(host.answered, 1);
    quoit_turn(host.engine, 0);
    quoit_limit_destroy(limit);
    host_end(&host);
}

static void test_a_name_is_told_when_it_is_known(void)
{
    struct host host;
    char url[64];

    live_doing("a name by the fd alone");
    snprintf(url, sizeof(url), "http://localhost:%u/page", server.port);
    host_begin(&host, NULL);
    live_submit(host.engine, &(struct quoit_request){ .url = url });
    host_run_until(&host, 1);
    CHECK_EQ(host.answered, 1);
    host_end(&host);
}

static void test_an_idle_engine_leaves_its_host_alone(void)
{
    struct epoll_event event;
    struct host host;

    live_doing("an idle engine");
    host_begin(&host, NULL);
    live_submit(host.engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    host_run_until(&host, 1);
    uint64_t end_ns = quoit_now_ns() + 100 * LIVE_NS_PER_MS;
    int called = 0;
    while (quoit_now_ns() < end_ns && called <= 0) { /* what an engine left may interrupt it */
        called = epoll_wait(host.epoll_fd, &event, 1, 10);
    }
    CHECK(called <= 0);
    host_end(&host);
}

/* -------- the host's freedom -------- */

static void test_the_fd_stays_and_tells_of_what_was_there_before_it(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    live_doing("an fd that is asked for late");
    live_set(&server, "latency 30ms");
    live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
    live_turn_until_in_flight(engine, 1);
    struct host host = { .engine = engine, .fd = quoit_fd(engine) };
    CHECK(host.fd >= 0);
    CHECK_EQ(quoit_fd(engine), host.fd);
    host.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    CHECK_EQ(epoll_ctl(host.epoll_fd, EPOLL_CTL_ADD, host.fd, &event), 0);
    while (host.ended < 1) { /* without a turn before */
        host_sleep(&host);
        host_turn(&host);
    }
    CHECK_EQ(host.answered, 1);
    CHECK_EQ(quoit_fd(engine), host.fd);
    host_end(&host);
}

static void test_a_host_may_also_wait_in_the_turn(void)
{
    struct host host;

    live_doing("a host that waits in the turn");
    live_set(&server, "latency 3ms");
    host_begin(&host, NULL);
    for (int i = 1; i <= 100; i++) {
        live_submit(host.engine, &(struct quoit_request){ .url = live_url(&server, "/page") });
        if (i % 2 == 0) {
            CHECK_EQ(live_drain(host.engine, 1), 1);
            host.ended++;
        } else {
            host_run_until(&host, (uint64_t)i);
        }
    }
    CHECK_EQ(host.answered, 50);
    host_end(&host);
}

static void *waker_run(void *context)
{
    quoit_wake(context);
    return NULL;
}

static void test_a_wake_makes_the_fd_readable(void)
{
    struct host host;
    pthread_t thread;

    live_doing("a wake by the fd alone");
    host_begin(&host, NULL);
    for (int i = 0; i < 200; i++) {
        host_turn(&host);
        CHECK_EQ(pthread_create(&thread, NULL, waker_run, host.engine), 0);
        host_sleep(&host);
        pthread_join(thread, NULL);
        if (i % 3 == 0) {
            quoit_wake(host.engine);
        }
    }
    host_end(&host);
}

static void on_signal(int number)
{
    (void)number;
}

static void test_signals_all_the_time_lose_nothing(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct itimerval often = { { 0, 700 }, { 0, 700 } };

    live_doing("requests between signals");
    live_set(&server, "latency 0");
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    run_many(5000, 32, true);
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

/* Away for a third of a second in the middle of large bodies: more than any buffer holds. */
static void test_a_host_that_stalls_gets_all_bytes_later(void)
{
    static const struct quoit_header header = { "X-Mock-Body-Size", "8MiB" };
    struct timespec away = { .tv_nsec = 330000000 };
    struct host host;

    live_doing("a host that stalls");
    host_begin(&host, NULL);
    host.request = (struct quoit_request){ .url = live_url(&server, "/page"),
                                           .headers = &header,
                                           .headers_count = 1 };
    for (int i = 0; i < 8; i++) {
        live_submit(host.engine, &host.request);
    }
    host_turn(&host);
    host_sleep(&host);
    host_turn(&host);
    nanosleep(&away, NULL);
    host_run_until(&host, 8);
    CHECK_EQ(host.answered, 8);
    host_end(&host);
}

/* -------- fork -------- */

/* The child lives on with all our sockets in its hands; it gets errors, and we do not notice. */
static void test_a_forked_child_changes_nothing_for_its_parent(void)
{
    struct host host;
    int hold[2], told[2];
    char byte = 0;

    live_doing("a host that forks");
    live_set(&server, "latency 20ms");
    host_begin(&host, NULL);
    host.request = (struct quoit_request){ .url = live_url(&server, "/page") };
    for (int i = 0; i < 20; i++) {
        live_submit(host.engine, &host.request);
    }
    live_turn_until_in_flight(host.engine, 20);
    CHECK_EQ(pipe(hold) | pipe(told), 0);
    pid_t child = fork();
    if (child == 0) {
        uint64_t id = 0;
        bool good = quoit_fd(host.engine) == -1 && quoit_turn(host.engine, 0) == 0 &&
                    quoit_submit(host.engine, &host.request, &id) == QUOIT_E_FORKED;
        close(hold[1]);
        byte = good ? 'y' : 'n';
        good = write(told[1], &byte, 1) == 1 && read(hold[0], &byte, 1) == 0;
        _exit(good ? 0 : 1);
    }
    close(hold[0]);
    CHECK_EQ(read(told[0], &byte, 1), 1);
    CHECK_EQ(byte, 'y');
    host_run_until(&host, 20);
    CHECK_EQ(host.answered, 20);
    quoit_destroy(host.engine);
    live_await_number(&server, "connections_open", 0); /* the child has their descriptors still */
    close(hold[1]);
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    close(host.epoll_fd);
    close(told[0]);
    close(told[1]);
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_60000_answers_and_a_host_that_stays_away_at_random);
    RUN(test_deadlines_that_fire_together_are_all_told);
    RUN(test_events_of_streams_are_told_as_they_come);
    RUN(test_a_stream_that_was_held_back_goes_on_once_it_is_read);
    RUN(test_retries_wait_without_a_timer_of_the_host);
    RUN(test_a_start_in_the_future_an_earlier_one_and_pacing);
    RUN(test_tokens_that_are_given_back_let_others_go_at_once);
    RUN(test_a_name_is_told_when_it_is_known);
    RUN(test_an_idle_engine_leaves_its_host_alone);
    RUN(test_the_fd_stays_and_tells_of_what_was_there_before_it);
    RUN(test_a_host_may_also_wait_in_the_turn);
    RUN(test_a_wake_makes_the_fd_readable);
    RUN(test_signals_all_the_time_lose_nothing);
    RUN(test_a_host_that_stalls_gets_all_bytes_later);
    RUN(test_a_forked_child_changes_nothing_for_its_parent);
    live_stop(&server);
    return check_done();
}
