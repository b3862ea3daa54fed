/* server: see server.h. */
#include "mock/server.h"

#include "mock/client.h"
#include "mock/listener.h"
#include "mock/secure.h"
#include "mock/text.h"

#include <assert.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVER_EVENTS_MAX 1024
#define SERVER_ACCEPTS_MAX 16 /* at a time, so that those who are there are served too */
#define SERVER_TIMERS_MAX 16  /* the same */
#define SERVER_LISTENERS 2

struct server {
    struct shared shared;
    struct listener listeners[SERVER_LISTENERS]; /* the main one, and --plain-port */
    int epoll;
    sigset_t mask;          /* while it waits: signals arrive only then */
    bool broken;            /* it cannot wait for events, and ends */
    bool accepts;           /* the listeners are in the epoll; not while descriptors are out */
    struct client *clients; /* owned; all that are not freed */
};

static volatile sig_atomic_t server_stopped;

static void server_on_signal(int signal_number)
{
    server_stopped = signal_number;
}

uint64_t shared_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void shared_stall(struct shared *shared, uint64_t from_ns, uint64_t length_ns)
{
    shared->stall_from_ns = from_ns;
    shared->stall_until_ns = from_ns + length_ns;
}

static void server_watch_listeners(struct server *server, bool accepts)
{
    for (uint64_t i = 0; i < SERVER_LISTENERS; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };
        if (server->listeners[i].fd >= 0 && server->listeners[i].mode != MODE_NO_ACCEPT) {
            epoll_ctl(server->epoll, accepts ? EPOLL_CTL_ADD : EPOLL_CTL_DEL,
                      server->listeners[i].fd, &event);
        }
    }
    server->accepts = accepts;
}

static void server_add_client(struct server *server, const struct listener *listener, int fd)
{
    bool secure = listener->context != NULL && listener->mode == MODE_SERVE;
    SSL *ssl = secure ? secure_accept(listener->context, fd) : NULL;
    struct client *client = client_create(&server->shared, fd, ssl, listener->mode);

    if (client == NULL) {
        return;
    }
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = client,
    };
    client->next = server->clients;
    if (client->next != NULL) {
        client->next->previous = client;
    }
    server->clients = client;
    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        client_close(client);
    }
}

static void server_accept(struct server *server, const struct listener *listener)
{
    for (int i = 0; i < SERVER_ACCEPTS_MAX; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            server_add_client(server, listener, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            fprintf(stderr, "quoit-mock: accept: %s\n", strerror(errno));
            server_watch_listeners(server, false); /* until somebody leaves */
        }
        return;
    }
}

/* Free those who are gone. No event that was read can name them any more. */
static void server_free_gone(struct server *server)
{
    if (server->shared.gone == NULL) {
        return;
    }
    while (server->shared.gone != NULL) {
        struct client *client = server->shared.gone;
        server->shared.gone = client->gone_next;
        if (client->previous != NULL) {
            client->previous->next = client->next;
        } else {
            server->clients = client->next;
        }
        if (client->next != NULL) {
            client->next->previous = client->previous;
        }
        client_destroy(client);
    }
    if (!server->accepts) {
        server_watch_listeners(server, true);
    }
}

static void server_on_event(struct server *server, const struct epoll_event *event)
{
    if (event->data.u64 < SERVER_LISTENERS) {
        server_accept(server, &server->listeners[event->data.u64]);
        return;
    }
    client_on_event(event->data.ptr, (event->events & EPOLLIN) != 0,
                    (event->events & EPOLLOUT) != 0, (event->events & EPOLLRDHUP) != 0,
                    (event->events & (EPOLLHUP | EPOLLERR)) != 0);
}

static struct timespec server_timespec(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };
}

/* Wait for events, or until shortly before the next timer is due. */
static int server_wait(struct server *server, struct epoll_event *events)
{
    uint64_t next_ns = timers_next_ns(&server->shared.timers);
    uint64_t awake_ns = server->shared.options->spin_ns;
    uint64_t now_ns = next_ns == UINT64_MAX ? 0 : shared_now_ns();
    uint64_t wait_ns = next_ns > now_ns + awake_ns ? next_ns - now_ns - awake_ns : 0;
    struct timespec wait = server_timespec(wait_ns);

    return epoll_pwait2(server->epoll, events, SERVER_EVENTS_MAX,
                        next_ns == UINT64_MAX ? NULL : &wait, &server->mask);
}

/* Do nothing, if this is the time for that. */
static void server_stall(struct server *server)
{
    struct shared *shared = &server->shared;
    uint64_t now_ns = shared->stall_until_ns == 0 ? 0 : shared_now_ns();

    if (now_ns < shared->stall_from_ns || now_ns >= shared->stall_until_ns) {
        return;
    }
    shared->ledger.stalls++;
    while (server_stopped == 0 && now_ns < shared->stall_until_ns) {
        struct timespec wait = server_timespec(shared->stall_until_ns - now_ns);
        ppoll(NULL, 0, &wait, &server->mask);
        now_ns = shared_now_ns();
    }
}

static void server_fire_timers(struct server *server)
{
    struct shared *shared = &server->shared;

    for (int i = 0; i < SERVER_TIMERS_MAX && shared->timers.count > 0; i++) {
        struct timer *timer = timers_take_due(&shared->timers, shared_now_ns());
        if (timer == NULL) {
            return;
        }
        shared->ledger.timers_fired++;
        client_on_timer((struct client *)timer);
    }
}

/* What does not wait until all events are done: what is due is sent in time, or nearly. */
static void server_attend(struct server *server)
{
    struct client *client = NULL;

    server_stall(server);
    server_fire_timers(server);
    while ((client = slots_next(&server->shared.slots)) != NULL) {
        client_on_slot(client);
    }
}

static void server_turn(struct server *server)
{
    static struct epoll_event events[SERVER_EVENTS_MAX];
    const uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    int count = server_wait(server, events);

    if (count < 0 && errno != EINTR) {
        fprintf(stderr, "quoit-mock: epoll_pwait2: %s\n", strerror(errno));
        server->broken = true; /* an old kernel, or a tool that stands in for one */
        return;
    }
    server_attend(server);
    for (int i = 0; i < count; i++) {
        if ((events[i].events & ends) != 0) {
            server_on_event(server, &events[i]);
            server_attend(server);
        }
    }
    for (int i = 0; i < count; i++) {
        if ((events[i].events & ends) == 0) {
            server_on_event(server, &events[i]);
            server_attend(server);
        }
    }
    server_free_gone(server);
}

static bool server_open(struct server *server)
{
    const struct options *options = server->shared.options;
    struct listener *main_one = &server->listeners[0];

    if (options->unix_path != NULL) {
        if (!listener_open_unix(main_one, options->unix_path, options->mode)) {
            return false;
        }
    } else if (!listener_open_tcp(main_one, options->host, options->port, options->mode)) {
        return false;
    }
    if (options->tls_cert != NULL) {
        main_one->context = secure_create(options);
        if (main_one->context == NULL) {
            return false;
        }
    }
    return !options->has_plain_port ||
           listener_open_tcp(&server->listeners[1], options->host, options->plain_port, MODE_SERVE);
}

/* Tell the world where to connect: it may, from now on. */
static bool server_announce(const struct server *server)
{
    const struct options *options = server->shared.options;
    const struct listener *main_one = &server->listeners[0];
    const struct listener *plain = &server->listeners[1];

    if (options->unix_path != NULL) {
        printf("%s\n", options->unix_path);
    } else {
        printf("%u\n", main_one->port);
    }
    if (plain->fd >= 0) {
        printf("%u\n", plain->port);
    }
    fflush(stdout);
    if (options->plain_port_file != NULL &&
        !listener_write_port(plain->port, options->plain_port_file)) {
        return false;
    }
    return options->port_file == NULL || listener_write_port(main_one->port, options->port_file);
}

static void server_raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    prctl(PR_SET_TIMERSLACK, 1ul); /* else every token may come 50 us late */
}

/* Signals arrive only while the loop waits, so none is missed between looking and waiting. */
static void server_catch_signals(sigset_t *mask_out)
{
    struct sigaction action = { .sa_handler = server_on_signal };
    sigset_t held;

    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGINT);
    sigprocmask(SIG_BLOCK, &held, mask_out);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    sigdelset(mask_out, SIGTERM);
    sigdelset(mask_out, SIGINT);
}

static bool server_init(struct server *server, const struct options *options)
{
    struct shared *shared = &server->shared;
    uint64_t now_ns = shared_now_ns();

    *server = (struct server){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
    server_catch_signals(&server->mask);
    for (int i = 0; i < SERVER_LISTENERS; i++) {
        server->listeners[i].fd = -1;
    }
    shared->options = options;
    shared->slots.max = options->slots_max;
    shared->behaviour = options->behaviour;
    shared->scratch = malloc(SHARED_SCRATCH_SIZE);
    ledger_init(&shared->ledger, options->keeps_bodies, now_ns);
    quota_init(&shared->requests, options->requests_per_minute, options->requests_burst, now_ns);
    quota_init(&shared->tokens, options->tokens_per_minute, options->tokens_burst, now_ns);
    if (options->log_file != NULL) {
        shared->log = fopen(options->log_file, "w");
        if (shared->log == NULL) {
            fprintf(stderr, "quoit-mock: %s: %s\n", options->log_file, strerror(errno));
            return false;
        }
    }
    return server->epoll >= 0 && shared->scratch != NULL;
}

static void server_free(struct server *server)
{
    for (struct client *client = server->clients; client != NULL; client = client->next) {
        if (client->state != CLIENT_GONE) {
            client_close(client);
        }
    }
    server->accepts = true; /* there is no need to listen again */
    server_free_gone(server);
    for (int i = 0; i < SERVER_LISTENERS; i++) {
        listener_close(&server->listeners[i]);
    }
    if (server->shared.options->unix_path != NULL) {
        unlink(server->shared.options->unix_path);
    }
    if (server->shared.log != NULL) {
        fclose(server->shared.log);
    }
    ledger_free(&server->shared.ledger);
    timers_free(&server->shared.timers);
    free(server->shared.scratch);
    close(server->epoll);
}

/* The ledger as it is now, before the end of the mock closes what is open. */
static bool server_write_ledger(struct server *server)
{
    const char *file = server->shared.options->ledger_file;
    struct blob json = { 0 };

    if (file == NULL) {
        return true;
    }
    ledger_write(&server->shared.ledger, &json, shared_now_ns());
    FILE *stream = fopen(file, "w");
    bool good = stream != NULL && fwrite(json.bytes, 1, json.size, stream) == json.size;
    good = (stream != NULL && fclose(stream) == 0) && good;
    if (!good) {
        fprintf(stderr, "quoit-mock: %s: %s\n", file, strerror(errno));
    }
    blob_free(&json);
    return good;
}

int server_run(const struct options *options)
{
    static struct server server;
    bool good = false;

    server_raise_limits();
    if (server_init(&server, options) && server_open(&server)) {
        server_watch_listeners(&server, true);
        good = server_announce(&server);
    }
    if (good) {
        while (server_stopped == 0 && !server.broken) {
            server_turn(&server);
        }
        good = server_write_ledger(&server) && !server.broken;
    }
    server_free(&server);
    return good ? 0 : 3;
}
