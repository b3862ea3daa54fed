/*
 * timeouts_test: each timeout made to fire alone, with its own error, not before its time, and with
 * the connection gone from the server.
 *
 * The upper bounds are generous on purpose: they are to find a timeout that does not fire, not to
 * measure a busy machine.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LATE_NS (5 * LIVE_NS_PER_S)
#define BODY_SIZE ((size_t)16 << 20)
#define DEADLINES 5000

static struct live_server server, silent, deaf, no_accept;

struct timeout_case {
    const char *name;
    const struct live_server *where;
    const char *fault;
    struct quoit_timeouts timeouts;
    enum quoit_error error;
    bool has_body; /* more than the kernel takes in */
    uint32_t status;
    uint32_t attempts;
    bool billed;
};

#define MS(number) ((number)*LIVE_NS_PER_MS)

static const struct timeout_case cases[] = {
    { "connect",
      &no_accept,
      "none",
      { .connect_ns = MS(100) },
      QUOIT_E_TIMEOUT_CONNECT,
      .attempts = 0 },
    { "handshake", &silent, "none", { .tls_ns = MS(100) }, QUOIT_E_TIMEOUT_TLS, .attempts = 0 },
    { "write",
      &deaf,
      "none",
      { .write_ns = MS(100) },
      QUOIT_E_TIMEOUT_WRITE,
      .has_body = true,
      .attempts = 1 },
    { "first byte",
      &server,
      "stall-before",
      { .first_byte_ns = MS(100) },
      QUOIT_E_TIMEOUT_FIRST_BYTE,
      .attempts = 1,
      .billed = true },
    { "first byte is of the final answer",
      &server,
      "informational:3,stall-mid-body:0",
      { .idle_ns = MS(100) },
      QUOIT_E_TIMEOUT_IDLE,
      .status = 200,
      .attempts = 1,
      .billed = true },
    { "idle in the head",
      &server,
      "stall-head",
      { .idle_ns = MS(100) },
      QUOIT_E_TIMEOUT_IDLE,
      .attempts = 1,
      .billed = true },
    { "idle in the body",
      &server,
      "stall-mid-body:10",
      { .idle_ns = MS(100) },
      QUOIT_E_TIMEOUT_IDLE,
      .status = 200,
      .attempts = 1,
      .billed = true },
    { "attempt, before the answer",
      &server,
      "stall-before",
      { .attempt_ns = MS(100) },
      QUOIT_E_TIMEOUT_TOTAL,
      .attempts = 1,
      .billed = true },
    { "attempt, in a drip that never pauses for long", /* R15 */
      &server,
      "drip:5ms:1",
      { .attempt_ns = MS(100), .idle_ns = MS(90) },
      QUOIT_E_TIMEOUT_TOTAL,
      .attempts = 1,
      .billed = true },
    { "attempt, while connecting",
      &no_accept,
      "none",
      { .attempt_ns = MS(100) },
      QUOIT_E_TIMEOUT_TOTAL,
      .attempts = 0 },
    { "attempt, in the handshake",
      &silent,
      "none",
      { .attempt_ns = MS(100) },
      QUOIT_E_TIMEOUT_TOTAL,
      .attempts = 0 },
    { "attempt, while writing",
      &deaf,
      "none",
      { .attempt_ns = MS(100) },
      QUOIT_E_TIMEOUT_TOTAL,
      .has_body = true,
      .attempts = 1 },
    { "deadline, before the answer",
      &server,
      "stall-before",
      { .deadline_ns = MS(100) },
      QUOIT_E_TIMEOUT_DEADLINE,
      .attempts = 1,
      .billed = true },
    { "deadline, in the body",
      &server,
      "stall-mid-body:10",
      { .deadline_ns = MS(100) },
      QUOIT_E_TIMEOUT_DEADLINE,
      .status = 200,
      .attempts = 1,
      .billed = true },
    { "deadline, while connecting",
      &no_accept,
      "none",
      { .deadline_ns = MS(100) },
      QUOIT_E_TIMEOUT_DEADLINE,
      .attempts = 0 },
    { "deadline, in the handshake",
      &silent,
      "none",
      { .deadline_ns = MS(100) },
      QUOIT_E_TIMEOUT_DEADLINE,
      .attempts = 0 },
    { "deadline, while writing",
      &deaf,
      "none",
      { .deadline_ns = MS(100) },
      QUOIT_E_TIMEOUT_DEADLINE,
      .has_body = true,
      .attempts = 1 },
};

static char *big_body;

static void timeout_case_run(const struct timeout_case *the, struct quoit_engine *engine,
                             const struct quoit_timeouts *timeouts)
{
    const struct quoit_header header = { "X-Mock-Fault", the->fault };
    struct quoit_request request = { .url = live_url(the->where, "/page"),
                                     .method = "PUT",
                                     .headers = &header,
                                     .headers_count = 1,
                                     .timeouts = *timeouts,
                                     .retries = QUOIT_NONE };

    if (the->has_body) {
        request.body = (struct quoit_span){ big_body, BODY_SIZE };
    }
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result = live_run(engine, &request);
    uint64_t took_ns = quoit_now_ns() - before_ns;

    CHECK_STR(quoit_error_name(result->error), quoit_error_name(the->error));
    CHECK(took_ns >= MS(100));
    CHECK(took_ns < LATE_NS);
    CHECK_EQ(result->status, the->status);
    CHECK_EQ(result->attempts, the->attempts);
    CHECK_EQ(result->maybe_billed, the->billed);
    CHECK(result->times.end_ns >= before_ns + MS(100));
    live_await_number(&server, "connections_open", 0);
    CHECK_EQ(live_stats(engine).in_flight, 0);
}

/* R15 */
static void test_each_timeout_fires_alone_with_its_own_error(void)
{
    const struct quoit_timeouts none = { 0 };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        check_case(cases[i].name);
        timeout_case_run(&cases[i], engine, &cases[i].timeouts);
        quoit_destroy(engine);
        /* The same as the engine's own timeouts. */
        engine = live_engine(&(struct quoit_options){ .timeouts = cases[i].timeouts });
        timeout_case_run(&cases[i], engine, &none);
        quoit_destroy(engine);
    }
}

/* A unix socket that listens; its address goes to *address. */
static int listen_local(const char *name, int backlog, struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(address->sun_path, sizeof(address->sun_path), "%.80s/%s", live_folder(), name);
    if (bind(fd, (struct sockaddr *)address, sizeof(*address)) != 0 || listen(fd, backlog) != 0) {
        live_give_up("a unix socket that listens");
    }
    return fd;
}

/* There a connect waits in the kernel, where a TCP connect would be under way. */
static void test_a_unix_socket_whose_backlog_is_full_is_given_up_in_time(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct sockaddr_un address;
    int listener = listen_local("full.sock", 0, &address);
    int fillers[8];
    size_t count = 0;

    do {
        fillers[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    } while (connect(fillers[count++], (struct sockaddr *)&address, sizeof(address)) == 0 &&
             count < 8);
    uint64_t before_ns = quoit_now_ns();
    for (int i = 0; i < 3; i++) {
        live_submit(engine, &(struct quoit_request){ .url = "http://local/",
                                                     .unix_path = address.sun_path,
                                                     .timeouts = { .connect_ns = MS(200) },
                                                     .retries = QUOIT_NONE });
    }
    for (int i = 0; i < 3; i++) {
        const struct quoit_result *result = live_next(engine).result;
        CHECK_STR(quoit_error_name(result->error), "QUOIT_E_TIMEOUT_CONNECT");
        CHECK_EQ(result->attempts, 0);
        CHECK(quoit_now_ns() - before_ns >= MS(200));
        CHECK(quoit_now_ns() - before_ns < LATE_NS);
    }
    quoit_destroy(engine);
    while (count > 0) {
        close(fillers[--count]);
    }
    close(listener);
}

/* It may still answer, so the lost send alone ends nothing; but not for ever. */
static void test_a_server_that_stops_reading_and_stays_silent_is_given_up_in_time(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct sockaddr_un address;
    int listener = listen_local("shut.sock", 1, &address);

    live_submit(engine, &(struct quoit_request){ .url = "http://local/",
                                                 .unix_path = address.sun_path,
                                                 .body = { big_body, BODY_SIZE },
                                                 .timeouts = { .write_ns = MS(200) },
                                                 .retries = QUOIT_NONE });
    live_turn_until_in_flight(engine, 1);
    int server_fd = accept(listener, NULL, NULL);
    CHECK(server_fd >= 0);
    CHECK_EQ(shutdown(server_fd, SHUT_RD), 0);
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result = live_next(engine).result;
    CHECK_STR(quoit_error_name(result->error), "QUOIT_E_TIMEOUT_WRITE");
    CHECK_EQ(result->attempts, 1);
    CHECK(quoit_now_ns() - before_ns < LATE_NS);
    quoit_destroy(engine);
    close(server_fd);
    close(listener);
}

static void test_progress_keeps_the_idle_timeout_away(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header header = { "X-Mock-Fault", "drip:5ms:10" };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = &header,
                                     .headers_count = 1,
                                     .timeouts = { .idle_ns = MS(80) },
                                     .retries = QUOIT_NONE };
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result = live_run(engine, &request);

    /* 180 bytes, ten at a time: longer than the timeout as a whole, never in one place. */
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->body.size, 56);
    CHECK(quoit_now_ns() - before_ns > MS(80));
    quoit_destroy(engine);
}

static void test_never_is_no_limit(void)
{
    struct quoit_timeouts short_ones = { MS(50), MS(50), MS(50), MS(50), MS(50), MS(50), MS(50) };
    struct quoit_timeouts never = { QUOIT_NEVER, QUOIT_NEVER, QUOIT_NEVER, QUOIT_NEVER,
                                    QUOIT_NEVER, QUOIT_NEVER, QUOIT_NEVER };
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .timeouts = short_ones });
    const struct quoit_header header = { "X-Mock-Latency", "150ms" };
    struct quoit_request request = {
        .url = live_url(&server, "/page"), .headers = &header, .headers_count = 1, .timeouts = never
    };

    CHECK_EQ(live_run(engine, &request)->error, QUOIT_OK);
    quoit_turn(engine, 0);
    CHECK_EQ(live_run(engine, &request)->error, QUOIT_OK); /* on the kept connection */
    CHECK_EQ(live_stats(engine).opened, 1);
    quoit_destroy(engine);
}

static void test_the_deadline_counts_the_queue(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 1 });
    const struct quoit_header header = { "X-Mock-Fault", "stall-before" };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = &header,
                                     .headers_count = 1,
                                     .timeouts = { .attempt_ns = MS(300) },
                                     .retries = QUOIT_NONE };

    live_submit(engine, &request);
    request.timeouts = (struct quoit_timeouts){ .deadline_ns = MS(100) };
    uint64_t before_ns = quoit_now_ns();
    uint64_t id = live_submit(engine, &request);
    struct quoit_event event = live_next(engine);
    CHECK(event.id == id);
    CHECK_EQ(event.result->error, QUOIT_E_TIMEOUT_DEADLINE);
    CHECK_EQ(event.result->attempts, 0);
    CHECK_EQ(event.result->times.granted_ns, 0);
    CHECK(quoit_now_ns() - before_ns >= MS(100));
    CHECK_EQ(live_next(engine).result->error, QUOIT_E_TIMEOUT_TOTAL);
    quoit_destroy(engine);
}

/* A request with a short timeout on a connection whose timer is armed far away, and back. */
static void test_each_request_has_its_own_timeouts_on_one_connection(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_header slow = { "X-Mock-Latency", "60ms" };
    struct quoit_request request = { .url = live_url(&server, "/page"),
                                     .headers = &slow,
                                     .headers_count = 1,
                                     .retries = QUOIT_NONE };

    for (int i = 0; i < 6; i++) {
        request.timeouts.first_byte_ns = i % 2 == 0 ? 0 : MS(2000);
        request.timeouts.deadline_ns = i % 3 == 0 ? 0 : MS(1000 + 300 * (uint64_t)i);
        const struct quoit_result *result = live_run(engine, &request);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->reused, i > 0);
        quoit_turn(engine, 0);
    }
    request.timeouts = (struct quoit_timeouts){ .first_byte_ns = MS(20) };
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_FIRST_BYTE);
    CHECK(result->reused);
    quoit_destroy(engine);
}

/*
 * R16: answers that come at the deadline, a little before or a little after. Each is whole or a
 * timeout, never both, and no late answer is taken for another request's.
 */
static void test_answers_at_the_deadline_have_one_outcome(void)
{
    static char bodies[DEADLINES][24];
    struct quoit_engine *engine = live_engine(&(struct quoit_options){
        .requests_max = DEADLINES, .in_flight_max = 50, .timeouts = { .attempt_ns = MS(10) } });
    unsigned good = 0, late = 0, wrong = 0;

    live_set(&server, "latency uniform:8ms:12ms");
    for (int i = 0; i < DEADLINES; i++) {
        snprintf(bodies[i], sizeof(bodies[i]), "%d", i);
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/echo"),
                                                     .body = { bodies[i], strlen(bodies[i]) },
                                                     .context = bodies[i],
                                                     .retries = QUOIT_NONE });
    }
    for (int i = 0; i < DEADLINES; i++) {
        struct quoit_event event = live_next(engine);
        const struct quoit_span *body = &event.result->body;
        bool is_good = event.result->error == QUOIT_OK;
        good += is_good;
        late += event.result->error == QUOIT_E_TIMEOUT_TOTAL && event.result->status == 0;
        wrong += is_good && (body->size != strlen(event.context) ||
                             memcmp(body->bytes, event.context, body->size) != 0);
    }
    /* Eight timeouts in a row are an outage, and those behind it fail at once: they have failed. */
    CHECK_EQ(wrong, 0);
    CHECK_EQ(good + late, DEADLINES);
    CHECK(late > 0);
    live_set(&server, "latency 0");
    live_await_number(&server, "in_flight", 0);
    quoit_destroy(engine);
}

int main(void)
{
    big_body = calloc(1, BODY_SIZE);
    server = live_start((const char *[]){ NULL });
    silent = live_start((const char *[]){ "--mode", "silent", NULL });
    snprintf(silent.url, sizeof(silent.url), "https://127.0.0.1:%u", silent.port);
    deaf = live_start((const char *[]){ "--mode", "deaf", NULL });
    no_accept = live_start((const char *[]){ "--mode", "no-accept", NULL });
    RUN(test_each_timeout_fires_alone_with_its_own_error);
    RUN(test_a_unix_socket_whose_backlog_is_full_is_given_up_in_time);
    RUN(test_a_server_that_stops_reading_and_stays_silent_is_given_up_in_time);
    RUN(test_progress_keeps_the_idle_timeout_away);
    RUN(test_never_is_no_limit);
    RUN(test_the_deadline_counts_the_queue);
    RUN(test_each_request_has_its_own_timeouts_on_one_connection);
    RUN(test_answers_at_the_deadline_have_one_outcome);
    live_stop(&server);
    live_stop(&silent);
    live_stop(&deaf);
    live_stop(&no_accept);
    free(big_body);
    return check_done();
}
