/*
 * engine_resolve: literal addresses, look-ups in threads, and their end. getaddrinfo is replaced
 * here, so that a name can be slow, fail, or have addresses of any kind; only "localhost" goes to
 * the system. So is pthread_create, which can be refused.
 */
#include "engine/resolve.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define GATE_OPEN UINT32_MAX
#define WAIT_MAX_MS 20000 /* what should come at once may take this long on a busy machine */

/* -------- a getaddrinfo that does what its name says -------- */

struct fake_info {
    struct addrinfo info;
    struct sockaddr_storage address;
};

/* The gate behind which slow names wait. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    unsigned permits; /* how many may pass; GATE_OPEN: all */
    unsigned inside, inside_max, calls;
    bool signals_taken; /* a look-up's thread would take the host's signals */
} gate = { .mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static void gate_set(unsigned permits)
{
    pthread_mutex_lock(&gate.mutex);
    gate.permits = permits;
    gate.inside_max = 0;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.mutex);
}

static void gate_pass(void)
{
    pthread_mutex_lock(&gate.mutex);
    gate.inside++;
    gate.inside_max = gate.inside > gate.inside_max ? gate.inside : gate.inside_max;
    pthread_cond_broadcast(&gate.moved);
    while (gate.permits == 0) {
        pthread_cond_wait(&gate.moved, &gate.mutex);
    }
    gate.permits -= gate.permits != GATE_OPEN;
    gate.inside--;
    pthread_mutex_unlock(&gate.mutex);
}

/* Until so many look-ups wait behind the gate. */
static void gate_await(unsigned count)
{
    pthread_mutex_lock(&gate.mutex);
    while (gate.inside < count) {
        pthread_cond_wait(&gate.moved, &gate.mutex);
    }
    pthread_mutex_unlock(&gate.mutex);
}

/* One address of that family, 127.0.0.n or ::n. */
static struct addrinfo *fake_address(char family, unsigned n, uint16_t port)
{
    struct fake_info *fake = calloc(1, sizeof(*fake));

    if (fake == NULL) {
        abort();
    }
    fake->info.ai_addr = (struct sockaddr *)&fake->address;
    if (family == '4') {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + n);
        memcpy(&fake->address, &v4, sizeof(v4));
        fake->info.ai_addrlen = sizeof(v4);
    } else {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        v6.sin6_addr.s6_addr[15] = (uint8_t)n;
        memcpy(&fake->address, &v6, sizeof(v6));
        fake->info.ai_addrlen = sizeof(v6);
    }
    fake->info.ai_family = fake->address.ss_family;
    return &fake->info;
}

/* "has-4464": four addresses of these families in this order, numbered from 1. */
static struct addrinfo *fake_list(const char *families, uint16_t port)
{
    struct addrinfo *first = NULL;
    struct addrinfo **end = &first;

    for (unsigned n = 1; *families != '\0'; n++) {
        *end = fake_address(*families++, n, port);
        end = &(*end)->ai_next;
    }
    return first;
}

static void note_signals(void)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    pthread_mutex_lock(&gate.mutex);
    gate.calls++;
    if (!sigismember(&mask, SIGINT) || !sigismember(&mask, SIGALRM)) {
        gate.signals_taken = true;
    }
    pthread_mutex_unlock(&gate.mutex);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **found_out)
{
    uint16_t number = (uint16_t)strtoul(port, NULL, 10);

    note_signals();
    if (strncmp(host, "slow", 4) == 0) {
        gate_pass();
        *found_out = fake_list("4", number);
        return 0;
    }
    if (strncmp(host, "has-", 4) == 0) {
        *found_out = fake_list(host + 4, number);
        return 0;
    }
    if (strncmp(host, "lacks", 5) == 0) {
        *found_out = NULL;
        errno = (int)strtol(host + 5, NULL, 10);
        return EAI_SYSTEM;
    }
    if (strncmp(host, "error", 5) == 0) {
        *found_out = NULL;
        return (int)strtol(host + 5, NULL, 10);
    }
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    struct addrinfo *found = NULL;
    int error = real(host, port, hints, &found);
    if (error == 0) { /* copied, so that one freeaddrinfo does for all */
        struct addrinfo **end = found_out;
        for (struct addrinfo *each = found; each != NULL; each = each->ai_next) {
            *end = fake_address(each->ai_family == AF_INET ? '4' : '6', 1, number);
            end = &(*end)->ai_next;
        }
        void (*real_free)(struct addrinfo *);
        *(void **)&real_free = dlsym(RTLD_NEXT, "freeaddrinfo");
        real_free(found);
    }
    return error;
}

void freeaddrinfo(struct addrinfo *found)
{
    while (found != NULL) {
        struct addrinfo *next = found->ai_next;
        free(CONTAINER_OF(found, struct fake_info, info));
        found = next;
    }
}

static bool threads_refused;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *),
                   void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (threads_refused) {
        return EAGAIN;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, work, argument);
}

/* -------- literal addresses and paths -------- */

static void test_literal_addresses_are_taken_as_they_are(void)
{
    struct resolve_address address;
    struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

    CHECK(resolve_parse("127.0.0.1", 8080, &address));
    CHECK_EQ(address.size, sizeof(struct sockaddr_in));
    CHECK_EQ(address.as.any.sa_family, AF_INET);
    CHECK_EQ(address.as.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    CHECK_EQ(address.as.v4.sin_port, htons(8080));
    CHECK(resolve_parse("::1", 65535, &address));
    CHECK_EQ(address.size, sizeof(struct sockaddr_in6));
    CHECK_EQ(address.as.any.sa_family, AF_INET6);
    CHECK(memcmp(&address.as.v6.sin6_addr, &loopback, sizeof(loopback)) == 0);
    CHECK_EQ(address.as.v6.sin6_port, htons(65535));
    CHECK_EQ(address.as.v6.sin6_scope_id, 0);
    CHECK(resolve_parse("::ffff:127.0.0.1", 1, &address));
    CHECK_EQ(address.as.any.sa_family, AF_INET6);
}

static void test_what_is_no_literal_address_is_refused_and_nothing_is_touched(void)
{
    static const char *const hosts[] = { "",           "localhost",  "127.1",   "127.0.0.256",
                                         "127.0.0.1 ", "[::1]",      "::g",     "1::2::3",
                                         "::1%lo",     "0x7f.0.0.1", "127.0.0", "2130706433" };

    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        struct resolve_address address = { .size = 4711 };
        check_case(hosts[i]);
        CHECK(!resolve_parse(hosts[i], 80, &address));
        CHECK_EQ(address.size, 4711);
    }
    check_case("");
}

static void test_a_socket_path_fits_or_is_refused(void)
{
    struct resolve_address address = { .size = 4711 };
    char path[sizeof(address.as.local.sun_path) + 1];

    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0'; /* one too long: no room for its NUL */
    CHECK(!resolve_path(path, &address));
    CHECK(!resolve_path("", &address));
    CHECK_EQ(address.size, 4711);
    path[sizeof(path) - 2] = '\0';
    CHECK(resolve_path(path, &address));
    CHECK_STR(address.as.local.sun_path, path);
    CHECK_EQ(address.as.any.sa_family, AF_UNIX);
    CHECK(resolve_path("/run/a b.sock", &address));
    CHECK_STR(address.as.local.sun_path, "/run/a b.sock");
    CHECK(address.size >= offsetof(struct sockaddr_un, sun_path) + sizeof("/run/a b.sock"));
    CHECK(address.size <= sizeof(struct sockaddr_un));
}

/* -------- look-ups -------- */

static struct resolver *resolver;
static int wake_fd = -1, waker_fd = -1;
static enum quoit_error error;

static void begin(void)
{
    int ends[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    wake_fd = ends[0];
    waker_fd = ends[1];
    resolver = resolve_create(waker_fd, &error);
    CHECK(resolver != NULL);
}

static void end(void)
{
    resolve_destroy(resolver);
    close(wake_fd);
    close(waker_fd);
}

/* Waits for the wake descriptor, as the engine does, until an answer is there. */
static bool await_answer(struct resolve_answer *answer)
{
    while (!resolve_next(resolver, answer)) {
        struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
        char bytes[64];
        if (poll(&wake, 1, WAIT_MAX_MS) != 1) {
            CHECK_FAIL("no wake-up came");
            return false;
        }
        CHECK(read(wake_fd, bytes, sizeof(bytes)) > 0);
    }
    return true;
}

static bool look_up(const char *host, uint16_t port, struct resolve_answer *answer)
{
    int context = 0;

    memset(answer, 0, sizeof(*answer));
    if (resolve_start(resolver, host, port, &context) != QUOIT_OK || !await_answer(answer)) {
        CHECK_FAIL("no answer for %s", host);
        return false;
    }
    CHECK(answer->context == &context);
    return true;
}

static void test_localhost_is_found_by_the_system(void)
{
    struct resolve_answer answer;

    begin();
    if (look_up("localhost", 8080, &answer)) {
        CHECK(answer.count >= 1);
        for (uint32_t i = 0; i < answer.count; i++) {
            CHECK(answer.addresses[i].as.any.sa_family == AF_INET ||
                  answer.addresses[i].as.any.sa_family == AF_INET6);
            CHECK_EQ(answer.addresses[i].as.v4.sin_port, htons(8080)); /* where v6 has it too */
        }
    }
    CHECK(!resolve_next(resolver, &answer)); /* one start, one answer */
    end();
}

static void test_no_answer_is_there_before_one_was_asked_for(void)
{
    struct resolve_answer answer;
    struct pollfd wake = { .events = POLLIN };

    begin();
    wake.fd = wake_fd;
    CHECK(!resolve_next(resolver, &answer));
    CHECK_EQ(poll(&wake, 1, 0), 0);
    end();
}

/* The numbers of the addresses, in their order: 'a' for 1, upper case for IPv6. */
static void order_of(const struct resolve_answer *answer, char *order)
{
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct resolve_address *address = &answer->addresses[i];
        if (address->as.any.sa_family == AF_INET) {
            CHECK_EQ(address->size, sizeof(struct sockaddr_in));
            *order++ =
                (char)('a' - 1 + (ntohl(address->as.v4.sin_addr.s_addr) - INADDR_LOOPBACK + 1));
        } else {
            CHECK_EQ(address->size, sizeof(struct sockaddr_in6));
            *order++ = (char)('A' - 1 + address->as.v6.sin6_addr.s6_addr[15]);
        }
    }
    *order = '\0';
}

static void test_the_families_take_turns_and_the_first_stays_first(void)
{
    static const struct {
        const char *host, *order;
    } cases[] = {
        { "has-4", "a" },
        { "has-6", "A" },
        { "has-44", "ab" },
        { "has-46", "aB" },
        { "has-64", "Ab" },
        { "has-6644", "AcBd" },
        { "has-4466", "aCbD" },
        { "has-6666444", "AeBfCgD" },
        { "has-64444", "Abcde" },
        { "has-46666", "aBCDE" },
        { "has-464646", "aBcDeF" },
        { "has-66646", "AdBCE" },
        { "has-4444444444444444", "abcdefghijklmnop" },
        { "has-44444444444444444444", "abcdefghijklmnop" },    /* 16 are enough */
        { "has-66666666666666666666444", "AuBvCwDEFGHIJKLM" }, /* of both */
    };

    begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct resolve_answer answer;
        char order[RESOLVE_ADDRESSES_MAX + 1];
        check_case(cases[i].host);
        if (look_up(cases[i].host, 443, &answer)) {
            order_of(&answer, order);
            CHECK_STR(order, cases[i].order);
            CHECK_EQ(answer.addresses[0].as.v4.sin_port, htons(443));
        }
    }
    check_case("");
    end();
}

static void test_a_failure_says_why(void)
{
    static const int errors[] = { EAI_NONAME, EAI_FAIL,   EAI_AGAIN,
                                  EAI_MEMORY, EAI_SYSTEM, EAI_SERVICE };

    begin();
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct resolve_answer answer;
        char host[32];
        snprintf(host, sizeof(host), "error%d", errors[i]);
        check_case(host);
        if (look_up(host, 80, &answer)) {
            CHECK_EQ(answer.count, 0);
            CHECK_STR(answer.reason, gai_strerror(errors[i]));
        }
    }
    check_case("no address");
    struct resolve_answer answer;
    if (look_up("has-", 80, &answer)) {
        CHECK_EQ(answer.count, 0);
        CHECK(answer.reason != NULL && *answer.reason != '\0');
    }
    check_case("");
    end();
}

/* Without descriptors or memory even a good name is not found: that is not the name's fault. */
static void test_a_failure_for_want_of_something_says_of_what(void)
{
    static const struct {
        int os_error;
        enum quoit_error error;
    } cases[] = {
        { EMFILE, QUOIT_E_NO_DESCRIPTOR },
        { ENFILE, QUOIT_E_NO_DESCRIPTOR },
        { ENOMEM, QUOIT_E_NO_MEMORY },
        { ECONNREFUSED, QUOIT_E_DNS },
    };

    begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct resolve_answer answer;
        char host[32];
        snprintf(host, sizeof(host), "lacks%d", cases[i].os_error);
        check_case(host);
        if (look_up(host, 80, &answer)) {
            CHECK_EQ(answer.count, 0);
            CHECK_EQ(answer.error, cases[i].error);
        }
    }
    check_case("");
    end();
}

/* A thread that is refused matters only where no other could take the name up. */
static void test_a_name_waits_for_a_thread_that_runs_where_no_more_is_to_be_had(void)
{
    struct resolve_answer answer;
    int contexts[2];

    begin();
    threads_refused = true;
    CHECK_EQ(resolve_start(resolver, "has-4", 80, NULL), QUOIT_E_NO_THREAD);
    threads_refused = false;
    gate_set(0);
    CHECK_EQ(resolve_start(resolver, "slow", 80, &contexts[0]), QUOIT_OK);
    gate_await(1);
    threads_refused = true;
    CHECK_EQ(resolve_start(resolver, "has-44", 80, &contexts[1]), QUOIT_OK);
    threads_refused = false;
    CHECK(!resolve_next(resolver, &answer));
    gate_set(GATE_OPEN);
    CHECK(await_answer(&answer) && answer.context == &contexts[0] && answer.count == 1);
    CHECK(await_answer(&answer) && answer.context == &contexts[1] && answer.count == 2);
    CHECK(!resolve_next(resolver, &answer)); /* what was refused has left nothing */
    end();
}

static void test_the_host_is_copied(void)
{
    struct resolve_answer answer;
    char host[] = "slow-then-changed";

    begin();
    gate_set(0);
    CHECK_EQ(resolve_start(resolver, "slow-first", 80, NULL), QUOIT_OK);
    gate_await(1);
    for (int i = 1; i < RESOLVE_THREADS_MAX; i++) {
        CHECK_EQ(resolve_start(resolver, "slow-filler", 80, NULL), QUOIT_OK);
    }
    gate_await(RESOLVE_THREADS_MAX);
    CHECK_EQ(resolve_start(resolver, host, 80, &answer),
             QUOIT_OK); /* waits: nobody has read it yet */
    snprintf(host, sizeof(host), "error%d", EAI_FAIL);
    gate_set(GATE_OPEN);
    for (int i = 0; i < RESOLVE_THREADS_MAX + 1; i++) {
        if (await_answer(&answer)) {
            CHECK_EQ(answer.count, 1);
        }
    }
    end();
}

static void test_a_slow_name_delays_no_other(void)
{
    struct resolve_answer answer;

    begin();
    gate_set(0);
    for (int i = 1; i < RESOLVE_THREADS_MAX; i++) {
        CHECK_EQ(resolve_start(resolver, "slow", 80, NULL), QUOIT_OK);
    }
    for (int i = 0; i < 20; i++) {
        if (look_up("has-46", 80, &answer)) {
            CHECK_EQ(answer.count, 2);
        }
    }
    gate_set(GATE_OPEN);
    for (int i = 1; i < RESOLVE_THREADS_MAX; i++) {
        if (await_answer(&answer)) {
            CHECK_EQ(answer.count, 1);
        }
    }
    end();
}

static void test_at_most_eight_look_ups_run_and_more_wait_in_order(void)
{
    int contexts[20];
    struct resolve_answer answer;

    begin();
    gate_set(0);
    for (int i = 0; i < RESOLVE_THREADS_MAX; i++) {
        CHECK_EQ(resolve_start(resolver, "slow", 80, NULL), QUOIT_OK);
    }
    gate_await(RESOLVE_THREADS_MAX);
    for (size_t i = 0; i < COUNT_OF(contexts); i++) {
        CHECK_EQ(resolve_start(resolver, "has-4", 80, &contexts[i]),
                 QUOIT_OK); /* fast, but all are busy */
    }
    CHECK(!resolve_next(resolver, &answer));
    pthread_mutex_lock(&gate.mutex);
    CHECK_EQ(gate.inside_max, RESOLVE_THREADS_MAX);
    pthread_mutex_unlock(&gate.mutex);
    gate_set(1); /* one thread goes on, and does all the others */
    CHECK(await_answer(&answer) && answer.context == NULL);
    for (size_t i = 0; i < COUNT_OF(contexts); i++) {
        CHECK(await_answer(&answer) && answer.context == &contexts[i]);
    }
    CHECK(!resolve_next(resolver, &answer));
    gate_set(GATE_OPEN);
    for (int i = 1; i < RESOLVE_THREADS_MAX; i++) {
        CHECK(await_answer(&answer) && answer.count == 1);
    }
    end();
}

static void test_threads_leave_signals_to_the_host(void)
{
    struct resolve_answer answer;
    sigset_t mask;

    begin();
    gate.signals_taken = false;
    look_up("has-4", 80, &answer);
    pthread_mutex_lock(&gate.mutex);
    CHECK(!gate.signals_taken);
    pthread_mutex_unlock(&gate.mutex);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGINT)); /* and the host has its own mask again */
    end();
}

/*
 * Destroy with look-ups that hang, others that wait and answers that nobody took. A pipe in the
 * socket's place shows when the last thread has let go of what it shares: then it ends.
 */
static void test_destroy_does_not_wait_and_the_last_thread_frees_all(void)
{
    int ends[2];
    char bytes[64];

    CHECK_EQ(pipe(ends), 0);
    resolver = resolve_create(ends[1], &error);
    CHECK(resolver != NULL);
    close(ends[1]); /* it has its own */
    gate_set(0);
    CHECK_EQ(resolve_start(resolver, "has-4", 80, NULL), QUOIT_OK);
    CHECK_EQ(read(ends[0], bytes, 8), 1); /* an answer is there; it is left there */
    for (int i = 0; i < RESOLVE_THREADS_MAX + 5; i++) {
        CHECK_EQ(resolve_start(resolver, "slow", 80, NULL), QUOIT_OK);
    }
    gate_await(RESOLVE_THREADS_MAX);
    pthread_mutex_lock(&gate.mutex);
    unsigned calls = gate.calls;
    pthread_mutex_unlock(&gate.mutex);
    resolve_destroy(resolver); /* the gate is closed: it would wait for ever */
    struct pollfd wake = { .fd = ends[0], .events = POLLIN };
    CHECK_EQ(poll(&wake, 1, 0), 0);
    gate_set(GATE_OPEN);
    ssize_t size = 1;
    while (size > 0 && poll(&wake, 1, WAIT_MAX_MS) == 1) {
        size = read(ends[0], bytes, sizeof(bytes));
    }
    CHECK_EQ(size, 0);
    pthread_mutex_lock(&gate.mutex);
    CHECK_EQ(gate.calls, calls); /* those that waited were never looked up */
    pthread_mutex_unlock(&gate.mutex);
    close(ends[0]);
    resolve_destroy(NULL);
}

static void test_a_descriptor_that_cannot_be_duplicated_is_an_error(void)
{
    CHECK(resolve_create(-1, &error) == NULL);
    CHECK_EQ(error, QUOIT_E_NO_DESCRIPTOR);
}

int main(void)
{
    RUN(test_literal_addresses_are_taken_as_they_are);
    RUN(test_what_is_no_literal_address_is_refused_and_nothing_is_touched);
    RUN(test_a_socket_path_fits_or_is_refused);
    RUN(test_localhost_is_found_by_the_system);
    RUN(test_no_answer_is_there_before_one_was_asked_for);
    RUN(test_the_families_take_turns_and_the_first_stays_first);
    RUN(test_a_failure_says_why);
    RUN(test_a_failure_for_want_of_something_says_of_what);
    RUN(test_a_name_waits_for_a_thread_that_runs_where_no_more_is_to_be_had);
    RUN(test_the_host_is_copied);
    RUN(test_a_slow_name_delays_no_other);
    RUN(test_at_most_eight_look_ups_run_and_more_wait_in_order);
    RUN(test_threads_leave_signals_to_the_host);
    RUN(test_destroy_does_not_wait_and_the_last_thread_frees_all);
    RUN(test_a_descriptor_that_cannot_be_duplicated_is_an_error);
    return check_done();
}
