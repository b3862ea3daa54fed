/*
 * relay: see relay.h. It dies with the test: PR_SET_PDEATHSIG, for its children too.
 */
#include "tests/live/relay.h"

#include "tests/live/live.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELAY_HEAD_MAX 8192

static const char relay_opened[] = "HTTP/1.1 200 Connection established\r\n\r\n";

/* What one connection works with. */
struct relay_work {
    int client;
    uint16_t to_port;
    const char *answer;
    int log;
};

static int relay_connect(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        _exit(1);
    }
    return fd;
}

static void relay_write(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put <= 0) {
            _exit(0);
        }
        bytes += put;
        size -= (size_t)put;
    }
}

/* Carry what is there. False: that side has ended. */
static bool relay_carry(int from, int to)
{
    char bytes[65536];
    ssize_t got = read(from, bytes, sizeof(bytes));

    if (got <= 0) {
        shutdown(to, SHUT_WR);
        return false;
    }
    relay_write(to, bytes, (size_t)got);
    return true;
}

static void relay_carry_all(int client, int server)
{
    struct pollfd sides[2] = { { .fd = client, .events = POLLIN },
                               { .fd = server, .events = POLLIN } };

    while ((sides[0].fd >= 0 || sides[1].fd >= 0) && poll(sides, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            int to = i == 0 ? server : client;
            if (sides[i].fd >= 0 && sides[i].revents != 0 && !relay_carry(sides[i].fd, to)) {
                sides[i].fd = -1;
            }
        }
    }
}

static void relay_serve(const struct relay_work *work)
{
    char head[RELAY_HEAD_MAX + 1] = "";
    size_t size = 0;

    while (strstr(head, "\r\n\r\n") == NULL) {
        ssize_t got = read(work->client, head + size, RELAY_HEAD_MAX - size);
        if (got <= 0) {
            return;
        }
        size += (size_t)got;
        head[size] = '\0';
    }
    relay_write(work->log, head, size);
    bool tunnel = strncmp(head, "CONNECT ", 8) == 0;
    if (tunnel && work->answer != NULL) {
        relay_write(work->client, work->answer, strlen(work->answer));
        while (read(work->client, head, sizeof(head)) > 0) {
        }
        return;
    }
    int server = relay_connect(work->to_port);
    relay_write(tunnel ? work->client : server, tunnel ? relay_opened : head,
                tunnel ? strlen(relay_opened) : size);
    relay_carry_all(work->client, server);
}

static void relay_run(int listener, struct relay_work work)
{
    pid_t parent = getpid();

    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while ((work.client = accept(listener, NULL, NULL)) >= 0) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(listener);
            if (getppid() == parent) {
                relay_serve(&work);
            }
            _exit(0);
        }
        close(work.client);
    }
    _exit(1);
}

struct relay relay_start(uint16_t to_port, const char *answer)
{
    static unsigned number;
    struct relay relay = { .port = 0 };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    pid_t parent = getpid();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(relay.log_path, sizeof(relay.log_path), "%s/relay-%u", live_folder(), number++);
    int log = open(relay.log_path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 64) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        live_give_up("a relay");
    }
    relay.port = ntohs(address.sin_port);
    snprintf(relay.url, sizeof(relay.url), "http://127.0.0.1:%u", relay.port);
    snprintf(relay.with_user, sizeof(relay.with_user), "http://us%%65r:p%%40ss@127.0.0.1:%u",
             relay.port);
    relay.pid = fork();
    if (relay.pid < 0) {
        live_give_up("fork");
    }
    if (relay.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            relay_run(listener, (struct relay_work){ -1, to_port, answer, log });
        }
        _exit(0);
    }
    close(listener);
    close(log);
    return relay;
}

void relay_stop(struct relay *relay)
{
    live_program_stop(relay->pid);
    relay->pid = 0;
}

char *relay_heads(const struct relay *relay)
{
    const size_t room = 1 << 20;
    char *heads = calloc(1, room);
    int fd = open(relay->log_path, O_RDONLY | O_CLOEXEC);

    if (heads == NULL || fd < 0 || read(fd, heads, room - 1) < 0) {
        live_give_up("what a relay has noted");
    }
    close(fd);
    return heads;
}

unsigned relay_count(const struct relay *relay)
{
    char *heads = relay_heads(relay);
    unsigned count = 0;

    for (const char *end = heads; (end = strstr(end, "\r\n\r\n")) != NULL; end += 4) {
        count++;
    }
    free(heads);
    return count;
}
