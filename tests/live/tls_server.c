/*
 * tls_server: see tls_server.h. Who changes the script waits for the end of all visits first, so no
 * late byte of an old one stands in a new ledger.
 */
#include "tests/live/tls_server.h"

#include "tests/live/live.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVER_ASK_MS 1 /* between two looks at a number */

static const char answer_hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/* -------- OpenSSL's side -------- */

static int server_on_protocols(SSL *ssl, const unsigned char **out, unsigned char *size_out,
                               const unsigned char *offered, unsigned size, void *of)
{
    const struct tls_server *server = of;

    (void)ssl;
    (void)offered;
    (void)size;
    *out = (const unsigned char *)server->script.protocol;
    *size_out = (unsigned char)strlen(server->script.protocol);
    return SSL_TLSEXT_ERR_OK;
}

static int server_on_name(SSL *ssl, int *alert, void *of)
{
    struct tls_server *server = of;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    snprintf(server->ledger.server_name, sizeof(server->ledger.server_name), "%s",
             name == NULL ? "" : name);
    return SSL_TLSEXT_ERR_OK;
}

/* Notes the alerts that the client sends. */
static void server_on_event(const SSL *ssl, int where, int what)
{
    struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (where == SSL_CB_READ_ALERT && (what & 0xff) == SSL_AD_CLOSE_NOTIFY) {
        server->ledger.goodbyes++;
    } else if (where == SSL_CB_READ_ALERT) {
        server->ledger.alert = what & 0xff;
    }
}

static int server_on_certificate(int good, X509_STORE_CTX *context)
{
    (void)good;
    (void)context;
    return 1; /* whoever it is */
}

/* Looks at the extensions of a ClientHello for what resumes: pre_shared_key, or a ticket. */
static int server_on_hello(SSL *ssl, int *alert, void *of)
{
    struct tls_server *server = of;
    const unsigned char *bytes;
    size_t size;

    (void)alert;
    bool has_key = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &bytes, &size) == 1;
    bool has_ticket =
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &bytes, &size) == 1 && size > 0;
    server->ledger.offered += has_key || has_ticket;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static SSL_CTX *server_context(struct tls_server *server, const struct certificate *certificate,
                               STACK_OF(X509) * chain)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_app_data(context, server);
    SSL_CTX_set_info_callback(context, server_on_event);
    SSL_CTX_set_client_hello_cb(context, server_on_hello, server);
    SSL_CTX_set_tlsext_servername_callback(context, server_on_name);
    SSL_CTX_set_tlsext_servername_arg(context, server);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"test", 4);
    SSL_CTX_set_security_level(context, 0); /* what is weak is for the client to refuse */
    SSL_CTX_set_min_proto_version(context, server->script.version);
    SSL_CTX_set_max_proto_version(context, server->script.version);
    if (server->script.asks) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, server_on_certificate);
    }
    if (server->script.protocol != NULL) {
        SSL_CTX_set_alpn_select_cb(context, server_on_protocols, server);
    }
    if (certificate == NULL) {
        return context;
    }
    if (SSL_CTX_use_certificate(context, certificate->x509) != 1 ||
        SSL_CTX_use_PrivateKey(context, certificate->key) != 1 ||
        (chain != NULL && SSL_CTX_set1_chain(context, chain) != 1)) {
        live_give_up("a server with that certificate");
    }
    return context;
}

/* -------- visits -------- */

static void visit_shake_hands(struct tls_visit *visit)
{
    struct tls_ledger *ledger = &visit->server->ledger;
    SSL *ssl = SSL_new(visit->server->context);

    SSL_set_fd(ssl, visit->fd);
    if (visit->server->script.forged) {
        forge_watch(&visit->forge, ssl);
    }
    if (SSL_accept(ssl) != 1) {
        ledger->refused++;
        SSL_free(ssl);
        return;
    }
    if (visit->server->script.forged) {
        forge_begin(&visit->forge, ssl);
        visit->rude = true; /* OpenSSL does not know what has been sent */
    }
    ledger->resumed += SSL_session_reused(ssl) == 1;
    ledger->shown += SSL_get0_peer_certificate(ssl) != NULL;
    ledger->secured++;
    visit->ssl = ssl;
}

/* Does the client begin with anything but the record of a handshake? */
static bool visit_is_plain(const struct tls_visit *visit)
{
    unsigned char first = 0;

    return visit->server->script.plain ||
           (visit->server->script.either && recv(visit->fd, &first, 1, MSG_PEEK) == 1 &&
            first != FORGE_HANDSHAKE);
}

static void *visit_run(void *of)
{
    struct tls_visit *visit = of;
    struct tls_server *server = visit->server;
    struct timeval bound = { .tv_sec = LIVE_WAIT_MS / 1000 };
    int on = 1;

    setsockopt(visit->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* none on a unix socket */
    setsockopt(visit->fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
    setsockopt(visit->fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
    bool plain = visit_is_plain(visit);
    if (!plain) {
        visit_shake_hands(visit);
    }
    if (plain || visit->ssl != NULL) {
        server->script.serve(visit);
    }
    if (visit->ssl != NULL && !visit->rude) {
        SSL_shutdown(visit->ssl);
    }
    SSL_free(visit->ssl);
    close(visit->fd);
    free(visit);
    OPENSSL_thread_stop();

    pthread_mutex_lock(&server->lock);
    server->visits--;
    pthread_cond_broadcast(&server->quiet);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void server_receive(struct tls_server *server, int fd)
{
    struct tls_visit *visit = calloc(1, sizeof(*visit));
    pthread_t thread;

    visit->server = server;
    visit->fd = fd;
    pthread_mutex_lock(&server->lock);
    server->visits++;
    server->ledger.connections++;
    pthread_mutex_unlock(&server->lock);
    if (pthread_create(&thread, NULL, visit_run, visit) != 0) {
        live_give_up("a thread for a connection");
    }
    pthread_detach(thread);
}

static void *server_run(void *of)
{
    struct tls_server *server = of;
    struct pollfd polled[3] = { { server->listeners[0], POLLIN, 0 },
                                { server->listeners[1], POLLIN, 0 },
                                { server->wake[0], POLLIN, 0 } };

    while (poll(polled, 3, -1) > 0 && polled[2].revents == 0) {
        for (int i = 0; i < 2; i++) {
            int fd = polled[i].revents == 0 ? -1 : accept(polled[i].fd, NULL, NULL);
            if (fd >= 0) {
                server_receive(server, fd);
            }
        }
    }
    return NULL;
}

/* The same under the lock. */
static void server_await_quiet(struct tls_server *server)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += LIVE_WAIT_MS / 1000 + 5;
    while (server->visits > 0) {
        if (pthread_cond_timedwait(&server->quiet, &server->lock, &end) != 0) {
            live_give_up("the end of all visits: does a client still hold a connection?");
        }
    }
}

/* -------- starting -------- */

static int server_listen(const struct sockaddr *address, socklen_t size)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, address, size) != 0 || listen(fd, 16) != 0) {
        live_give_up("a server in a thread");
    }
    return fd;
}

void tls_server_start(struct tls_server *server)
{
    static int number;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    socklen_t size = sizeof(address);
    sigset_t pipes, before;

    *server = (struct tls_server){ 0 };
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->quiet, NULL);
    snprintf(server->unix_path, sizeof(server->unix_path), "%.80s/server-%d", live_folder(),
             number++);
    snprintf(local.sun_path, sizeof(local.sun_path), "%s", server->unix_path);
    server->listeners[0] = server_listen((struct sockaddr *)&address, size);
    server->listeners[1] = server_listen((struct sockaddr *)&local, sizeof(local));
    getsockname(server->listeners[0], (struct sockaddr *)&address, &size);
    server->port = ntohs(address.sin_port);

    /* OpenSSL writes with write(): its SIGPIPE, which comes to the thread, must end no test. */
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, &before);
    if (pipe(server->wake) != 0 || pthread_create(&server->thread, NULL, server_run, server) != 0) {
        live_give_up("a server in a thread");
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void tls_server_stop(struct tls_server *server)
{
    close(server->wake[1]);
    pthread_join(server->thread, NULL);
    tls_server_await_quiet(server);
    close(server->wake[0]);
    close(server->listeners[0]);
    close(server->listeners[1]);
    unlink(server->unix_path);
    SSL_CTX_free(server->context);
    pthread_cond_destroy(&server->quiet);
    pthread_mutex_destroy(&server->lock);
}

void tls_server_use(struct tls_server *server, const struct certificate *certificate,
                    STACK_OF(X509) * chain, const struct tls_script *script)
{
    pthread_mutex_lock(&server->lock);
    server_await_quiet(server);
    SSL_CTX_free(server->context);
    server->script = *script;
    server->context = server_context(server, certificate, chain);
    memset(&server->ledger, 0, sizeof(server->ledger));
    server->ledger.alert = -1;
    pthread_mutex_unlock(&server->lock);
}

void tls_server_await_quiet(struct tls_server *server)
{
    pthread_mutex_lock(&server->lock);
    server_await_quiet(server);
    pthread_mutex_unlock(&server->lock);
}

void tls_server_await(const atomic_uint_fast64_t *number, uint64_t wanted)
{
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;

    while (*number < wanted) {
        if (quoit_now_ns() > end_ns) {
            live_give_up("the server in a thread to see it");
        }
        poll(NULL, 0, SERVER_ASK_MS); /* a ledger has no event to wait for */
    }
}

/* -------- for scripts -------- */

static ssize_t visit_read_some(struct tls_visit *visit, char *out, size_t room)
{
    ssize_t size =
        visit->ssl == NULL ? read(visit->fd, out, room) : SSL_read(visit->ssl, out, (int)room);

    if (size > 0) {
        visit->server->ledger.request_bytes += (uint64_t)size;
    }
    return size;
}

bool tls_visit_read(struct tls_visit *visit)
{
    char head[4096];
    size_t size = 0;

    for (;;) {
        ssize_t got = visit_read_some(visit, head + size, sizeof(head) - 1 - size);
        if (got <= 0) {
            return false;
        }
        size += (size_t)got;
        head[size] = '\0';
        if (strstr(head, "\r\n\r\n") != NULL) {
            visit->server->ledger.requests++;
            return true;
        }
    }
}

bool tls_visit_say(struct tls_visit *visit, const char *text)
{
    size_t size = strlen(text);

    return visit->ssl == NULL ? tls_visit_send(visit, text, size)
                              : SSL_write(visit->ssl, text, (int)size) == (int)size;
}

bool tls_visit_send(struct tls_visit *visit, const void *bytes, size_t size)
{
    const char *next = bytes;

    while (size > 0) {
        ssize_t sent = send(visit->fd, next, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        next += sent;
        size -= (size_t)sent;
        visit->server->ledger.said_bytes += (uint64_t)sent;
    }
    return true;
}

bool tls_visit_forge(struct tls_visit *visit, const char *text)
{
    unsigned char record[4096 + FORGE_OVERHEAD];
    size_t size = strlen(text);

    if (size > 4096) {
        live_give_up("a forged record of that size");
    }
    size = forge_record(&visit->forge, FORGE_DATA, text, size, record);
    return tls_visit_send(visit, record, size);
}

void tls_visit_linger(struct tls_visit *visit)
{
    char room[4096];

    if (visit->ssl != NULL && !visit->rude) {
        while (visit_read_some(visit, room, sizeof(room)) > 0) {
        }
        return;
    }
    while (read(visit->fd, room, sizeof(room)) > 0) {
    }
}

#define SERVER_FILES_MAX 256 /* descriptors that are looked at */

/* Bytes that have come to the client's end of a connection, which is in this process, unread. */
static int unread_at(const struct sockaddr_in *client)
{
    for (int fd = 0; fd < SERVER_FILES_MAX; fd++) {
        struct sockaddr_in local = { 0 };
        socklen_t size = sizeof(local);
        int unread = 0;
        if (getsockname(fd, (struct sockaddr *)&local, &size) == 0 && local.sin_family == AF_INET &&
            local.sin_port == client->sin_port && ioctl(fd, FIONREAD, &unread) == 0) {
            return unread;
        }
    }
    return 0;
}

void tls_visit_reset(struct tls_visit *visit)
{
    struct linger now = { .l_onoff = 1 };
    struct sockaddr_in peer;
    socklen_t size = sizeof(peer);
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;
    int unsent = 0;

    if (getpeername(visit->fd, (struct sockaddr *)&peer, &size) == 0) {
        while (quoit_now_ns() < end_ns &&
               ((ioctl(visit->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0) || unread_at(&peer) > 0)) {
            poll(NULL, 0, SERVER_ASK_MS); /* there is no event to wait for */
        }
    }
    setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    visit->rude = true;
}

void tls_serve_hello(struct tls_visit *visit)
{
    while (tls_visit_read(visit) && tls_visit_say(visit, answer_hello)) {
    }
}

void tls_serve_hello_once(struct tls_visit *visit)
{
    if (tls_visit_read(visit)) {
        tls_visit_say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
                             "hello");
    }
}
