/*
 * names_test: a name with several addresses, slow names, and names that are not there.
 *
 * getaddrinfo is this file's own, so that names mean what a test wants: addresses of 127.0.0.0/8,
 * of which 127.0.0.1 answers, 127.0.0.2 takes no connection and refuses none, and the others
 * refuse. So is socket, which can be refused: what an address needs and the machine lacks.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RACE_NS (250 * LIVE_NS_PER_MS) /* RFC 8305 5 */
#define ADDRESSES_MAX 3
#define HOLE_MAX 16

static struct live_server server;
static int hole[HOLE_MAX]; /* the listener of 127.0.0.2, and what fills its queue */

struct name {
    const char *host;
    const char *addresses[ADDRESSES_MAX + 1];
};

static const struct name names[] = {
    { "good.test", { "127.0.0.1" } },
    { "slow.test", { "127.0.0.1" } },
    { "new.test", { "127.0.0.1" } },
    { "dark-first.test", { "127.0.0.2", "127.0.0.1" } },
    { "dark-then-refused.test", { "127.0.0.2", "127.0.0.3" } },
    { "refused-first.test", { "127.0.0.3", "127.0.0.4", "127.0.0.1" } },
    { "refused.test", { "127.0.0.3", "127.0.0.4" } },
    { "dark.test", { "127.0.0.2", "127.0.0.2", "127.0.0.2" } },
    { "six-first.test", { "::1", "127.0.0.1" } },
    { "six.test", { "::1" } },
};

/* -------- what is refused -------- */

static int lacking;            /* the errno of look-ups */
static unsigned lacking_count; /* that so many of them have */
static bool no_six;            /* the machine does not speak IPv6 */
static unsigned sockets_left = ~0u;

int socket(int family, int type, int protocol)
{
    if (no_six && family == AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (sockets_left == 0) {
        errno = EMFILE;
        return -1;
    }
    sockets_left -= sockets_left != ~0u;
    return (int)syscall(SYS_socket, family, type, protocol);
}

/* -------- what names mean -------- */

static bool new_is_there; /* new.test has its address; until then it is not there */

/* Look-ups of slow.test wait for this. */
static pthread_mutex_t slow_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t slow_over = PTHREAD_COND_INITIALIZER;
static bool slow_is_over;

static void slow_wait(void)
{
    pthread_mutex_lock(&slow_mutex);
    while (!slow_is_over) {
        pthread_cond_wait(&slow_over, &slow_mutex);
    }
    pthread_mutex_unlock(&slow_mutex);
}

static void slow_set(bool over)
{
    pthread_mutex_lock(&slow_mutex);
    slow_is_over = over;
    pthread_cond_broadcast(&slow_over);
    pthread_mutex_unlock(&slow_mutex);
}

static struct addrinfo *name_address(const char *address, const char *port)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in6));
    struct sockaddr_in *in = (struct sockaddr_in *)(info + 1);
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(info + 1);

    in->sin_port = htons((uint16_t)strtoul(port, NULL, 10)); /* where IPv6 has it too */
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)in;
    if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
        info->ai_family = AF_INET;
        info->ai_addrlen = sizeof(*in);
    } else {
        inet_pton(AF_INET6, address, &in6->sin6_addr);
        info->ai_family = AF_INET6;
        info->ai_addrlen = sizeof(*in6);
    }
    info->ai_addr->sa_family = (sa_family_t)info->ai_family;
    return info;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found)
{
    struct addrinfo **end = found;

    (void)hints;
    *found = NULL;
    if (lacking_count > 0) {
        lacking_count--;
        errno = lacking;
        return EAI_SYSTEM;
    }
    if (strcmp(host, "slow.test") == 0) {
        slow_wait();
    }
    if (strcmp(host, "new.test") == 0 && !new_is_there) {
        return EAI_NONAME;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t k = 0; strcmp(names[i].host, host) == 0 && names[i].addresses[k]; k++) {
            *end = name_address(names[i].addresses[k], port);
            end = &(*end)->ai_next;
        }
    }
    return *found == NULL && strcmp(host, "empty.test") != 0 ? EAI_NONAME : 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        free(info);
        info = next;
    }
}

/* Listen on 127.0.0.2 beside the server, with a full queue: whoever connects hears nothing. */
static void hole_dig(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(server.port) };

    inet_pton(AF_INET, "127.0.0.2", &at.sin_addr);
    for (size_t i = 0; i < HOLE_MAX; i++) {
        hole[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct pollfd connected = { .fd = hole[i], .events = POLLOUT };
        if (i == 0) {
            if (bind(hole[i], (struct sockaddr *)&at, sizeof(at)) != 0 || listen(hole[i], 0) != 0) {
                live_give_up("a listener on 127.0.0.2");
            }
        } else if (connect(hole[i], (struct sockaddr *)&at, sizeof(at)) != 0 &&
                   errno == EINPROGRESS && poll(&connected, 1, 200) == 0) {
            return;
        }
    }
    live_give_up("a full queue on 127.0.0.2");
}

static const char *name_url(const char *host)
{
    static char url[100];

    snprintf(url, sizeof(url), "http://%s:%u/page", host, server.port);
    return url;
}

/* One request that wants no connection kept. */
static const struct quoit_result *name_get(struct quoit_engine *engine, const char *host,
                                           uint64_t connect_ns)
{
    const struct quoit_request request = { .url = name_url(host),
                                           .timeouts = { .connect_ns = connect_ns },
                                           .retries = QUOIT_NONE };

    return live_run(engine, &request);
}

/* RFC 8305 5: the second address gets its chance when the first has not opened in 250 ms. */
static void test_an_address_that_does_not_answer_is_raced_and_then_avoided(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t begin_ns = quoit_now_ns();
    const struct quoit_result *result = name_get(engine, "dark-first.test", 0);

    CHECK_EQ(result->status, 200);
    CHECK(quoit_now_ns() - begin_ns >= RACE_NS);
    CHECK_EQ(result->attempts, 1);
    CHECK_EQ(live_stats(engine).opened, 2);

    /* The next connection goes to the address that won, though it is the second one. */
    live_set(&server, "fault close-after");
    CHECK_EQ(name_get(engine, "dark-first.test", 0)->status, 200);
    live_set(&server, "fault none");
    live_await_number(&server, "connections_open", 0);
    CHECK_EQ(name_get(engine, "dark-first.test", 0)->status, 200);
    CHECK_EQ(live_stats(engine).opened, 3);
    quoit_destroy(engine);
}

static void test_a_refused_address_costs_no_wait_for_the_next(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_result *result = name_get(engine, "refused-first.test", 0);

    CHECK_EQ(result->status, 200);
    CHECK_EQ(live_stats(engine).opened, 3);
    quoit_destroy(engine);
}

static void test_it_fails_when_the_last_address_has_failed(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    CHECK_EQ(name_get(engine, "nowhere.test", 0)->error, QUOIT_E_DNS);
    unsigned descriptors = live_descriptors(); /* with what look-ups need */
    const struct quoit_result *result = name_get(engine, "refused.test", 0);

    CHECK_EQ(result->error, QUOIT_E_CONNECT);
    CHECK_EQ(result->os_error, ECONNREFUSED);
    CHECK_EQ(live_stats(engine).opened, 2);
    result = name_get(engine, "dark.test", 600 * LIVE_NS_PER_MS);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_CONNECT);
    CHECK_EQ(live_stats(engine).in_flight, 0);
    CHECK_EQ(live_descriptors(), descriptors);
    quoit_destroy(engine);
}

/* RFC 8305 5: the next address, at once. */
static void test_an_address_of_a_family_that_the_machine_lacks_is_passed_over(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    no_six = true;
    const struct quoit_result *result = name_get(engine, "six-first.test", 0);
    CHECK_EQ(result->status, 200);
    CHECK_EQ(result->attempts, 1);
    CHECK_EQ(live_stats(engine).opened, 1);
    result = name_get(engine, "six.test", 0);
    CHECK_EQ(result->error, QUOIT_E_CONNECT);
    CHECK_EQ(result->os_error, EAFNOSUPPORT);
    CHECK_EQ(live_stats(engine).in_flight, 0);
    no_six = false;
    quoit_destroy(engine);
}

/* There is a descriptor for the first address, which refuses, and none for the next. */
static void test_without_a_descriptor_the_last_address_that_was_tried_is_told(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    sockets_left = 1;
    const struct quoit_result *result = name_get(engine, "refused-first.test", 0);
    sockets_left = ~0u;
    CHECK_EQ(result->error, QUOIT_E_CONNECT);
    CHECK_EQ(result->os_error, ECONNREFUSED);
    CHECK_EQ(live_stats(engine).opened, 1);
    CHECK_EQ(live_stats(engine).in_flight, 0);
    CHECK_EQ(name_get(engine, "refused-first.test", 0)->status, 200);
    quoit_destroy(engine);
}

/* The rival loses at once; the first one goes on alone until its own time is up. */
static void test_a_rival_that_is_refused_ends_nothing(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    uint64_t begin_ns = quoit_now_ns();
    const struct quoit_result *result =
        name_get(engine, "dark-then-refused.test", 400 * LIVE_NS_PER_MS);

    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_CONNECT);
    CHECK(quoit_now_ns() - begin_ns >= 400 * LIVE_NS_PER_MS);
    CHECK_EQ(live_stats(engine).opened, 2);
    quoit_destroy(engine);
}

static void test_a_cancelled_race_leaves_nothing(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    CHECK_EQ(name_get(engine, "nowhere.test", 0)->error, QUOIT_E_DNS);
    unsigned descriptors = live_descriptors(); /* with what look-ups need */
    const struct quoit_request request = { .url = name_url("dark.test") };
    uint64_t id = live_submit(engine, &request);

    while (live_stats(engine).opened < 2) {
        (void)quoit_turn(engine, LIVE_NS_PER_S);
    }
    CHECK_EQ(live_descriptors(), descriptors + 2);
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    struct quoit_event event = live_next(engine);
    CHECK_EQ(event.kind, QUOIT_END);
    CHECK_EQ(event.result->error, QUOIT_E_CANCELLED);
    CHECK_EQ(live_stats(engine).in_flight, 0);
    CHECK_EQ(live_descriptors(), descriptors);
    quoit_destroy(engine);
}

static void test_a_name_that_takes_too_long_is_a_connection_that_does(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    slow_set(false);
    const struct quoit_result *result = name_get(engine, "slow.test", 100 * LIVE_NS_PER_MS);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_CONNECT);
    CHECK_STR(result->detail, "resolving slow.test");
    /* Its thread still waits, and another name does not wait for it. */
    CHECK_EQ(name_get(engine, "good.test", 0)->status, 200);
    slow_set(true);
    CHECK_EQ(name_get(engine, "slow.test", 0)->status, 200);
    quoit_destroy(engine);
}

static void test_names_are_looked_up_side_by_side(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    slow_set(false);
    uint64_t slow = live_submit(engine, &(struct quoit_request){ .url = name_url("slow.test") });
    uint64_t good = live_submit(engine, &(struct quoit_request){ .url = name_url("good.test") });
    struct quoit_event event = live_next(engine);
    CHECK(event.id == good);
    CHECK_EQ(event.result->status, 200);
    CHECK_EQ(live_stats(engine).in_flight, 1);
    slow_set(true);
    event = live_next(engine);
    CHECK(event.id == slow);
    CHECK_EQ(event.result->status, 200);
    quoit_destroy(engine);
}

/* It is not the name that was not found: so that is not remembered, and who can wait does. */
static void test_a_look_up_without_a_descriptor_says_nothing_of_the_name(void)
{
    static const int errors[] = { EMFILE, ENFILE };

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        lacking = errors[i];
        lacking_count = 1;
        CHECK_EQ(name_get(engine, "good.test", 0)->error, QUOIT_E_NO_DESCRIPTOR);
        CHECK_EQ(name_get(engine, "good.test", 0)->status, 200);
        lacking_count = 2; /* its connection is open, and could be closed for this one */
        CHECK_EQ(name_get(engine, "slow.test", 0)->status, 200);
        CHECK_EQ(lacking_count, 0);
        quoit_destroy(engine);
    }
}

/* The thread finds out on its own that nobody wants its answer any more, and frees it. */
static void test_an_engine_that_goes_does_not_wait_for_a_slow_name(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_request request = { .url = name_url("slow.test") };

    slow_set(false);
    (void)live_submit(engine, &request);
    (void)quoit_turn(engine, 0);
    CHECK_EQ(live_stats(engine).in_flight, 1);
    quoit_destroy(engine);
    slow_set(true);
}

static void test_a_name_without_an_address_says_so(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    const struct quoit_result *result = name_get(engine, "nowhere.test", 0);

    CHECK_EQ(result->error, QUOIT_E_DNS);
    CHECK_STR(result->detail, gai_strerror(EAI_NONAME));
    result = name_get(engine, "empty.test", 0);
    CHECK_EQ(result->error, QUOIT_E_DNS);
    CHECK_STR(result->detail, "it has no address");
    quoit_destroy(engine);
}

static void test_that_a_name_was_not_there_is_forgotten_within_a_second(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    CHECK_EQ(name_get(engine, "new.test", 0)->error, QUOIT_E_DNS);
    uint64_t begin_ns = quoit_now_ns();
    new_is_there = true;
    while (quoit_now_ns() - begin_ns < LIVE_NS_PER_S) {
        (void)poll(NULL, 0, 20);
    }
    CHECK_EQ(name_get(engine, "new.test", 0)->status, 200);
    quoit_destroy(engine);
}

/* What is looked up and connected to is the proxy: so its line is about that. */
static void test_a_proxy_that_is_not_found_or_not_reached_is_named_as_what_failed(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char nowhere[100], dark[100], detail[100];
    struct quoit_request request = { .url = "http://server.test/page",
                                     .proxy_url = nowhere,
                                     .timeouts = { .connect_ns = 100 * LIVE_NS_PER_MS },
                                     .retries = QUOIT_NONE };

    snprintf(nowhere, sizeof(nowhere), "http://nowhere.test:%u", server.port);
    snprintf(dark, sizeof(dark), "http://127.0.0.2:%u", server.port);
    snprintf(detail, sizeof(detail), "the proxy: %s", gai_strerror(EAI_NONAME));
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_DNS);
    CHECK_STR(result->detail, detail);
    request.proxy_url = dark;
    result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_CONNECT);
    CHECK_STR(result->detail, "the proxy");
    quoit_destroy(engine);
}

int main(void)
{
    server = live_start((const char *const[]){ NULL });
    hole_dig();
    RUN(test_an_address_that_does_not_answer_is_raced_and_then_avoided);
    RUN(test_a_refused_address_costs_no_wait_for_the_next);
    RUN(test_it_fails_when_the_last_address_has_failed);
    RUN(test_an_address_of_a_family_that_the_machine_lacks_is_passed_over);
    RUN(test_without_a_descriptor_the_last_address_that_was_tried_is_told);
    RUN(test_a_rival_that_is_refused_ends_nothing);
    RUN(test_a_cancelled_race_leaves_nothing);
    RUN(test_a_name_that_takes_too_long_is_a_connection_that_does);
    RUN(test_names_are_looked_up_side_by_side);
    RUN(test_a_look_up_without_a_descriptor_says_nothing_of_the_name);
    RUN(test_an_engine_that_goes_does_not_wait_for_a_slow_name);
    RUN(test_a_name_without_an_address_says_so);
    RUN(test_that_a_name_was_not_there_is_forgotten_within_a_second);
    RUN(test_a_proxy_that_is_not_found_or_not_reached_is_named_as_what_failed);
    live_stop(&server);
    return check_done();
}
