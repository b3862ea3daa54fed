/*
 * timeouts_test: each timeout made to fire alone, plain and over TLS, with its own error, not
 * before its time, and with the connection gone from the server (R15). deadline_test has the answer
 * that comes just then.
 *
 * The upper bounds are generous on purpose: they are to find a timeout that does not fire, not to
 * measure a busy machine.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/live/raw.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LATE_NS (MS(100) + LIVE_NS_PER_S)
#define BODY_SIZE ((size_t)16 << 20)

#define MS(number) ((number)*LIVE_NS_PER_MS)

static struct live_server server, silent, deaf, no_accept;
static struct live_server secure; /* TLS; port 0: there is no openssl(1) to make it */
static struct quoit_tls *identity;

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

/* What was refused its time has left nothing behind: the next one has its place. */
static void check_next_request(struct quoit_engine *engine, const struct live_server *where)
{
    struct quoit_timeouts never = { QUOIT_NEVER, QUOIT_NEVER, QUOIT_NEVER, QUOIT_NEVER,
                                    QUOIT_NEVER, QUOIT_NEVER, QUOIT_NEVER };
    struct quoit_request request = { .url = live_url(where, "/page"),
                                     .tls = identity,
                                     .timeouts = never };

    CHECK_EQ(live_run(engine, &request)->status, 200);
    CHECK_EQ(live_stats(engine).reused, 0);
}

static void timeout_case_run(const struct timeout_case *the, const struct live_server *where,
                             struct quoit_engine *engine, const struct quoit_timeouts *timeouts)
{
    const struct live_server *ledger = where == &secure ? &secure : &server;
    const struct quoit_header header = { "X-Mock-Fault", the->fault };
    struct quoit_request request = { .url = live_url(where, "/page"),
                                     .tls = identity,
                                     .method = "PUT",
                                     .headers = &header,
                                     .headers_count = 1,
                                     .timeouts = *timeouts,
                                     .retries = QUOIT_NONE };

    if (the->has_body) {
        request.body = (struct quoit_span){ big_body, BODY_SIZE };
    }
    live_set(ledger, "");
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
    live_await_number(ledger, "connections_open", 0);
    CHECK_EQ(live_number(ledger, "requests"), where == ledger ? the->attempts : 0);
    CHECK_EQ(live_stats(engine).in_flight, 0);
    check_next_request(engine, ledger);
}

static void timeout_cases_run(bool over_tls)
{
    const struct quoit_timeouts none = { 0 };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct live_server *where = cases[i].where;
        if (over_tls && where != &server) {
            continue; /* it gets to no TLS */
        }
        where = over_tls ? &secure : where;
        struct quoit_engine *engine = live_engine(NULL);
        check_case(cases[i].name);
        timeout_case_run(&cases[i], where, engine, &cases[i].timeouts);
        quoit_destroy(engine);
        /* The same as the engine's own timeouts. */
        engine = live_engine(&(struct quoit_options){ .timeouts = cases[i].timeouts });
        timeout_case_run(&cases[i], where, engine, &none);
        quoit_destroy(engine);
    }
}

/* R15 */
static void test_each_timeout_fires_alone_with_its_own_error(void)
{
    unsigned before = live_descriptors();

    timeout_cases_run(false);
    check_case("");
    CHECK_EQ(live_descriptors(), before);
}

/* R15 */
static void test_each_timeout_fires_alone_over_tls_too(void)
{
    unsigned before = live_descriptors();

    if (secure.port == 0) {
        printf("skipped: no openssl(1), so nothing over TLS\n");
        return;
    }
    timeout_cases_run(true);
    check_case("");
    CHECK_EQ(live_descriptors(), before);
}

/*
 * first_byte_ns and times.first_byte_ns are of the final answer. A server that says early that it
 * is at work has not begun it, and the time until it does is no standing still.
 */
static void test_an_interim_answer_is_not_the_first_byte(void)
{
    struct live_server raw = raw_start((const char *[]){ NULL });
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_request request = { .url = live_url(&raw, "/"),
                                     .timeouts = { .first_byte_ns = MS(100), .idle_ns = MS(50) },
                                     .retries = QUOIT_NONE };

    raw_script(&raw,
               "connection 1:\n read-request\n send \"HTTP/1.1 103 E\\r\\n\\r\\n\"\n read-end\n"
               "connection 2:\n read-request\n send \"HTTP/1.1 102 P\\r\\n\\r\\n\"\n"
               " pause\n answer \"done\"\n close\n");
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_STR(quoit_error_name(result->error), "QUOIT_E_TIMEOUT_FIRST_BYTE");
    CHECK(quoit_now_ns() - before_ns >= MS(100));
    CHECK(result->maybe_billed);
    CHECK_EQ(result->times.first_byte_ns, 0);

    request.timeouts.first_byte_ns = QUOIT_NEVER;
    live_submit(engine, &request);
    uint64_t go_ns = quoit_now_ns() + MS(200); /* the idle timeout, and more */
    while (quoit_now_ns() < go_ns) {
        CHECK_EQ(quoit_turn(engine, go_ns - quoit_now_ns()), 0);
    }
    raw_go(&raw);
    result = live_next(engine).result;
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 200);
    CHECK(result->times.first_byte_ns >= go_ns);
    quoit_destroy(engine);
    live_stop(&raw);
}

/* A server that shakes hands, and then reads no more. */
struct tls_deaf {
    SSL_CTX *context;
    int listener;
    int end[2]; /* a byte in it ends the server */
};

static void *tls_deaf_run(void *argument)
{
    const struct tls_deaf *deaf_one = argument;
    int fd = accept(deaf_one->listener, NULL, NULL);
    SSL *ssl = SSL_new(deaf_one->context);
    char byte;

    CHECK_EQ(SSL_set_fd(ssl, fd), 1);
    CHECK_EQ(SSL_accept(ssl), 1);
    CHECK_EQ(read(deaf_one->end[0], &byte, 1), 1);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void tls_deaf_case(struct tls_deaf *deaf_one, const char *url,
                          const struct quoit_timeouts *timeouts, const char *error)
{
    struct quoit_engine *engine = live_engine(NULL);
    pthread_t thread;

    check_case(error);
    CHECK_EQ(pthread_create(&thread, NULL, tls_deaf_run, deaf_one), 0);
    uint64_t before_ns = quoit_now_ns();
    const struct quoit_result *result =
        live_run(engine, &(struct quoit_request){ .url = url,
                                                  .tls = identity,
                                                  .body = { big_body, BODY_SIZE },
                                                  .timeouts = *timeouts,
                                                  .retries = QUOIT_NONE });
    CHECK_STR(quoit_error_name(result->error), error);
    CHECK_EQ(result->attempts, 1);
    CHECK(!result->maybe_billed); /* it was not sent in full */
    CHECK(quoit_now_ns() - before_ns >= MS(300));
    CHECK(quoit_now_ns() - before_ns < LATE_NS + MS(200));
    CHECK_EQ(write(deaf_one->end[1], "", 1), 1);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    quoit_destroy(engine);
}

/* R15 */
static void test_a_server_that_reads_no_more_over_tls_is_given_up_in_time(void)
{
    const struct quoit_timeouts write = { .write_ns = MS(300) }, total = { .attempt_ns = MS(300) },
                                last = { .deadline_ns = MS(300) };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    struct tls_deaf deaf_one = { .context = SSL_CTX_new(TLS_server_method()) };
    char url[60];

    if (secure.port == 0) {
        SSL_CTX_free(deaf_one.context);
        return;
    }
    CHECK_EQ(SSL_CTX_use_certificate_chain_file(deaf_one.context, certificate("server.pem")), 1);
    CHECK_EQ(
        SSL_CTX_use_PrivateKey_file(deaf_one.context, certificate("server.key"), SSL_FILETYPE_PEM),
        1);
    CHECK_EQ(pipe2(deaf_one.end, O_CLOEXEC), 0);
    deaf_one.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(deaf_one.listener, (struct sockaddr *)&address, size), 0);
    CHECK_EQ(listen(deaf_one.listener, 4), 0);
    CHECK_EQ(getsockname(deaf_one.listener, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", ntohs(address.sin_port));
    tls_deaf_case(&deaf_one, url, &write, "QUOIT_E_TIMEOUT_WRITE");
    tls_deaf_case(&deaf_one, url, &total, "QUOIT_E_TIMEOUT_TOTAL");
    tls_deaf_case(&deaf_one, url, &last, "QUOIT_E_TIMEOUT_DEADLINE");
    close(deaf_one.listener);
    close(deaf_one.end[0]);
    close(deaf_one.end[1]);
    SSL_CTX_free(deaf_one.context);
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

int main(void)
{
    big_body = calloc(1, BODY_SIZE);
    server = live_start((const char *[]){ NULL });
    silent = live_start((const char *[]){ "--mode", "silent", NULL });
    snprintf(silent.url, sizeof(silent.url), "https://127.0.0.1:%u", silent.port);
    deaf = live_start((const char *[]){ "--mode", "deaf", NULL });
    no_accept = live_start((const char *[]){ "--mode", "no-accept", NULL });
    if (certificates_make()) {
        secure = live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                              certificate("server.key"), NULL });
        const struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };
        CHECK_EQ(quoit_tls_create(&trust, &identity), QUOIT_OK);
    }
    RUN(test_each_timeout_fires_alone_with_its_own_error);
    RUN(test_each_timeout_fires_alone_over_tls_too);
    RUN(test_an_interim_answer_is_not_the_first_byte);
    RUN(test_a_server_that_reads_no_more_over_tls_is_given_up_in_time);
    RUN(test_a_unix_socket_whose_backlog_is_full_is_given_up_in_time);
    RUN(test_a_server_that_stops_reading_and_stays_silent_is_given_up_in_time);
    RUN(test_progress_keeps_the_idle_timeout_away);
    RUN(test_never_is_no_limit);
    RUN(test_the_deadline_counts_the_queue);
    RUN(test_each_request_has_its_own_timeouts_on_one_connection);
    live_stop(&server);
    live_stop(&silent);
    live_stop(&deaf);
    live_stop(&no_accept);
    live_stop(&secure);
    quoit_tls_destroy(identity);
    free(big_body);
    return check_done();
}
