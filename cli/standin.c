/*
 * standin: see standin.h. The server below runs in the child only; what goes wrong with one
 * connection closes that connection, and what goes wrong with epoll ends the child.
 */
#include "cli/standin.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define HEAD_SIZE_MAX 2048
#define READY_MAX 64
#define STREAM_BUFFER_SIZE 16384 /* of a socket: few events wait in it, and memory is bounded */

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Content-Length: 13\r\n\r\nHello, world!";
static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";
/* Of the form and size that a token has. */
#define EVENT                                                                                      \
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":"               \
    "[{\"index\":0,\"delta\":{\"content\":\" token\"},\"n\":0}]}\n\n"
static const char stream_event[] = "77\r\n" EVENT "\r\n";
_Static_assert(sizeof(EVENT) - 1 == 0x77, "the size of the chunk");

/* A connection; `listening` is the socket that they come from. */
struct standin_conn {
    int fd; /* -1: free */
    bool listening;
    uint32_t received;
    char head[HEAD_SIZE_MAX];
};

struct standin_server {
    int epoll_fd;
    struct standin_conn listener;
    struct standin_conn conns[STANDIN_CONNS_MAX];
};

static void server_close(struct standin_conn *conn)
{
    close(conn->fd); /* which takes it out of the epoll too */
    conn->fd = -1;
}

/* Send all of it at once, or give up the connection: the socket was writable, and it is little. */
static void server_send(struct standin_conn *conn, const char *bytes, size_t size)
{
    if (send(conn->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size) {
        server_close(conn);
    }
}

static bool server_watch(struct standin_server *server, struct standin_conn *conn, int verb,
                         uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = conn };

    return epoll_ctl(server->epoll_fd, verb, conn->fd, &event) == 0;
}

static void server_accept(struct standin_server *server)
{
    int fd = accept4(server->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int on = 1;

    for (size_t i = 0; i < STANDIN_CONNS_MAX && fd >= 0; i++) {
        struct standin_conn *conn = &server->conns[i];
        if (conn->fd < 0) {
            conn->fd = fd;
            conn->received = 0;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            if (!server_watch(server, conn, EPOLL_CTL_ADD, EPOLLIN)) {
                server_close(conn);
            }
            return;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* A whole head has been read. */
static void server_answer(struct standin_server *server, struct standin_conn *conn)
{
    static const char stream[] = "GET /stream ";
    int size = STREAM_BUFFER_SIZE;

    conn->received = 0;
    if (memcmp(conn->head, stream, strlen(stream)) != 0) {
        server_send(conn, answer, sizeof(answer) - 1);
        return;
    }
    setsockopt(conn->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    server_send(conn, stream_head, sizeof(stream_head) - 1);
    if (conn->fd >= 0 && !server_watch(server, conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT)) {
        server_close(conn);
    }
}

static void server_read(struct standin_server *server, struct standin_conn *conn)
{
    ssize_t size = recv(conn->fd, conn->head + conn->received, HEAD_SIZE_MAX - conn->received, 0);

    if (size <= 0) {
        server_close(conn);
        return;
    }
    conn->received += (uint32_t)size;
    if (conn->received > 16 && memcmp(conn->head + conn->received - 4, "\r\n\r\n", 4) == 0) {
        server_answer(server, conn);
    } else if (conn->received == HEAD_SIZE_MAX) {
        server_close(conn);
    }
}

static void server_turn(struct standin_server *server)
{
    struct epoll_event ready[READY_MAX];
    int count = epoll_wait(server->epoll_fd, ready, READY_MAX, -1);

    if (count < 0 && errno != EINTR) {
        _exit(1);
    }
    for (int i = 0; i < count; i++) {
        struct standin_conn *conn = ready[i].data.ptr;
        if (conn->listening) {
            server_accept(server);
        } else if ((ready[i].events & ~(uint32_t)EPOLLOUT) != 0) {
            server_read(server, conn);
        } else {
            server_send(conn, stream_event, sizeof(stream_event) - 1);
        }
    }
}

/* The child. What our parent has open is not ours, stderr excepted, where a sanitizer speaks. */
static _Noreturn void server_run(int listen_fd, int cpu)
{
    static struct standin_server server;
    cpu_set_t own;

    CPU_ZERO(&own);
    if (cpu != STANDIN_NO_CPU) {
        CPU_SET((size_t)cpu, &own);
        sched_setaffinity(0, sizeof(own), &own); /* without, it is measured all the same */
    }
    for (int fd = 0; fd < listen_fd; fd++) {
        if (fd != STDERR_FILENO) {
            close(fd);
        }
    }
    close_range((unsigned)listen_fd + 1, ~0U, 0);
    server.listener = (struct standin_conn){ .fd = listen_fd, .listening = true };
    for (size_t i = 0; i < STANDIN_CONNS_MAX; i++) {
        server.conns[i].fd = -1;
    }
    server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server.epoll_fd < 0 || !server_watch(&server, &server.listener, EPOLL_CTL_ADD, EPOLLIN)) {
        _exit(1);
    }
    for (;;) {
        server_turn(&server);
    }
}

/* A socket that listens on 127.0.0.1; -1 with errno. */
static int standin_listen(uint16_t *port_out)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 &&
        (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, STANDIN_CONNS_MAX) != 0 ||
         getsockname(fd, (struct sockaddr *)&address, &size) != 0)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    *port_out = ntohs(address.sin_port);
    return fd;
}

int standin_start(struct standin *standin, int cpu)
{
    pid_t parent = getpid();
    uint16_t port = 0;
    int listen_fd = standin_listen(&port);

    if (listen_fd < 0) {
        return errno;
    }
    pid_t pid = fork();
    int error = errno;
    if (pid == 0) {
        /* If the parent has ended before this was said, nobody would tell. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
            _exit(1);
        }
        server_run(listen_fd, cpu);
    }
    close(listen_fd);
    if (pid < 0) {
        return error;
    }
    standin->pid = pid;
    snprintf(standin->url, sizeof(standin->url), "http://127.0.0.1:%u/", port);
    snprintf(standin->stream_url, sizeof(standin->stream_url), "http://127.0.0.1:%u/stream", port);
    return 0;
}

uint64_t standin_cpu_ns(const struct standin *standin)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(standin->pid, &clock) != 0 || clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

void standin_stop(struct standin *standin)
{
    kill(standin->pid, SIGKILL);
    while (waitpid(standin->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
