/*
 * raw_server: a server for tests that does what a script says, byte by byte, and keeps a ledger.
 *
 *     raw_server [--tls CERT KEY] [--tls-min V] [--tls-max V] [--alpn NAME] [--script FILE]
 *
 * It listens on two free ports of 127.0.0.1 and prints each as a line: the one where the script
 * plays (raw/script.h), with TLS if asked to, and the one that a test orders through
 * (raw/control.h). V is 1.2 or 1.3. It shares no code with what it tests, and serves until killed.
 *
 * The main thread accepts and takes orders; each connection has a thread. A new script first makes
 * the stop descriptor readable, which ends every wait of every connection, and waits until all have
 * gone: nothing of the old one is in the new ledger.
 */
#include "tests/live/raw/control.h"
#include "tests/live/raw/ledger.h"
#include "tests/live/raw/player.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_STACK_SIZE (512 << 10)
#define SERVER_BACKLOG 1024

static struct player_shared shared;
static const char *server_alpn; /* NULL: none */

/* How many connections are being played. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t none;
    uint32_t count;
} playing = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 };

static void server_give_up(const char *what)
{
    fprintf(stderr, "raw_server: %s\n", what);
    exit(2);
}

/* -------- connections -------- */

/* What a new thread is told. */
struct server_job {
    int fd;
    uint32_t connection;
};

static void *server_play(void *argument)
{
    struct server_job job = *(struct server_job *)argument;

    free(argument);
    player_run(&shared, job.fd, job.connection);
    pthread_mutex_lock(&playing.lock);
    if (--playing.count == 0) {
        pthread_cond_signal(&playing.none);
    }
    pthread_mutex_unlock(&playing.lock);
    return NULL;
}

static void server_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    pthread_attr_t attributes;
    pthread_t thread;

    if (fd < 0) {
        return;
    }
    struct server_job *job = malloc(sizeof(*job));
    *job = (struct server_job){ fd, ledger_open() };
    pthread_mutex_lock(&playing.lock);
    playing.count++;
    pthread_mutex_unlock(&playing.lock);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, SERVER_STACK_SIZE);
    if (pthread_create(&thread, &attributes, server_play, job) != 0) {
        server_give_up("no thread");
    }
    pthread_attr_destroy(&attributes);
}

/* End all connections. */
static void server_stop_playing(void)
{
    uint64_t count = 1;

    if (write(shared.stop_fd, &count, sizeof(count)) != sizeof(count)) {
        server_give_up("eventfd");
    }
    pthread_mutex_lock(&playing.lock);
    while (playing.count > 0) {
        pthread_cond_wait(&playing.none, &playing.lock);
    }
    pthread_mutex_unlock(&playing.lock);
    if (read(shared.stop_fd, &count, sizeof(count)) != sizeof(count)) {
        server_give_up("eventfd");
    }
    while (read(shared.go_fd, &count, sizeof(count)) == sizeof(count)) {
    }
}

/* -------- orders -------- */

/* NULL, or what is wrong with it; then it plays nothing. */
static const char *server_set_script(const char *text)
{
    server_stop_playing();
    script_free(&shared.script);
    ledger_reset();
    return script_parse(&shared.script, text);
}

static void server_obey(int listener)
{
    struct control_request request;
    const char *wrong = NULL;
    char *ledger = NULL;
    size_t size = 0;
    uint64_t one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        return;
    }
    control_read(fd, &request);
    switch (request.order) {
    case CONTROL_LEDGER:
        ledger = ledger_text(&size);
        control_answer(fd, 200, ledger, size);
        free(ledger);
        break;
    case CONTROL_SCRIPT:
        wrong = server_set_script(request.body);
        control_answer(fd, wrong == NULL ? 200 : 400, wrong == NULL ? "" : wrong,
                       wrong == NULL ? 0 : strlen(wrong));
        break;
    case CONTROL_GO:
        control_answer(fd, write(shared.go_fd, &one, sizeof(one)) > 0 ? 200 : 400, "", 0);
        break;
    case CONTROL_UNKNOWN:
        control_answer(fd, 404, "", 0);
        break;
    }
    free(request.body);
}

/* -------- start -------- */

/* On a free port, which is printed. */
static int server_listen(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, SERVER_BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        server_give_up("no port");
    }
    printf("%u\n", ntohs(address.sin_port));
    return fd;
}

static int server_version(const char *name)
{
    if (strcmp(name, "1.2") != 0 && strcmp(name, "1.3") != 0) {
        server_give_up("a version is 1.2 or 1.3");
    }
    return strcmp(name, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/* The one protocol of --alpn, whatever was offered. */
static int server_choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *size,
                                  const unsigned char *offered, unsigned offered_size, void *name)
{
    (void)ssl;
    (void)offered;
    (void)offered_size;
    *chosen = name;
    *size = (unsigned char)strlen(server_alpn);
    return SSL_TLSEXT_ERR_OK;
}

static void server_use_tls(const char *cert, const char *key)
{
    shared.tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(shared.tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(shared.tls, key, SSL_FILETYPE_PEM) != 1) {
        server_give_up("certificate or key");
    }
    SSL_CTX_set_mode(shared.tls, SSL_MODE_AUTO_RETRY);
    SSL_CTX_clear_options(shared.tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static void server_use_alpn(const char *name)
{
    server_alpn = name;
    SSL_CTX_set_alpn_select_cb(shared.tls, server_choose_protocol, (void *)(uintptr_t)name);
}

static void server_use_script(const char *path)
{
    static char text[1 << 20];
    FILE *stream = fopen(path, "rb");

    if (stream == NULL) {
        server_give_up("no script");
    }
    text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
    fclose(stream);
    const char *wrong = script_parse(&shared.script, text);
    if (wrong != NULL) {
        server_give_up(wrong);
    }
}

static void server_read_options(char **argument)
{
    for (; *argument != NULL; argument += 2) {
        const char *name = argument[0], *value = argument[1];
        if (value == NULL) {
            server_give_up("an option without its value");
        } else if (strcmp(name, "--tls") == 0 && argument[2] != NULL) {
            server_use_tls(value, argument[2]);
            argument++;
        } else if (strcmp(name, "--tls-min") == 0 && shared.tls != NULL) {
            SSL_CTX_set_min_proto_version(shared.tls, server_version(value));
        } else if (strcmp(name, "--tls-max") == 0 && shared.tls != NULL) {
            SSL_CTX_set_max_proto_version(shared.tls, server_version(value));
        } else if (strcmp(name, "--alpn") == 0 && shared.tls != NULL) {
            server_use_alpn(value);
        } else if (strcmp(name, "--script") == 0) {
            server_use_script(value);
        } else {
            server_give_up("an option that is not known, or before --tls");
        }
    }
}

int main(int argc, char **argv)
{
    struct pollfd fds[2];

    (void)argc;
    shared.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    shared.go_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    server_read_options(argv + 1);
    fds[0] = (struct pollfd){ .fd = server_listen(), .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = server_listen(), .events = POLLIN };
    fflush(stdout);
    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            continue;
        }
        if (fds[0].revents != 0) {
            server_accept(fds[0].fd);
        }
        if (fds[1].revents != 0) {
            server_obey(fds[1].fd);
        }
    }
}
