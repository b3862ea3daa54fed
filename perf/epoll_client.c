/*
 * epoll_client: the simplest good HTTP/1.1 client on epoll: what quoit is compared with where the
 * question is what io_uring, or all that the engine does besides, costs or saves.
 *
 *     epoll_wait -> recv -> llhttp -> next request by send -> ... -> epoll_wait
 *
 * A connection has one request under way. The request is sent at once; only what the socket does
 * not take waits for EPOLLOUT. Bytes go through one buffer into llhttp; when it says that the
 * answer is whole, the next request leaves on the same connection, or on a new one if the server
 * will not keep this one. --stream counts the tokens of the events on their way.
 *
 * No TLS, no retries, no timeouts, no pool, one address: exit 1 if a request failed, also in the
 * warm-up; a connection that fails is not opened again.
 */
#include "perf/tokens.h"

#include <llhttp.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_EVENTS 256
#define CLIENT_BUFFER_SIZE (256u * 1024)
#define CLIENT_HEAD_MAX 2048

struct peer {
    llhttp_t parser; /* its `data` is this peer */
    struct client *client;
    struct tokens tokens;
    uint64_t sent_at_ns;
    size_t sent; /* of the request */
    int fd;      /* -1: none */
    bool busy, waits_to_send;
    bool whole, keep_alive; /* of the answer */
};

struct client {
    const struct options *options;
    llhttp_settings_t callbacks;
    struct sockaddr_storage address;
    socklen_t address_size;
    int epoll;
    char *request;
    size_t request_size;
    char *buffer;
    struct peer *peers;
    uint64_t to_start, under_way, done; /* requests of the present run */
    uint64_t entries;                   /* of epoll_wait */
    struct measure measure;
};

static _Noreturn void client_die(const char *what)
{
    fputs("epoll_client: ", stderr);
    perror(what);
    exit(1);
}

/* --- What is known before the first connection --- */

static void client_find(struct client *client, const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        client_die(host);
    }
    memcpy(&client->address, found->ai_addr, found->ai_addrlen);
    client->address_size = found->ai_addrlen;
    freeaddrinfo(found);
}

static void client_find_unix(struct client *client, const char *path)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&client->address;

    if (strlen(path) >= sizeof(address->sun_path)) {
        client_die(path);
    }
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    client->address_size = sizeof(*address);
}

/* The bytes of the request, which is the same each time. */
static void client_encode(struct client *client, const char *authority, const char *path)
{
    const struct options *options = client->options;
    size_t body_size = 0;
    char *body = NULL;
    char length[96] = "";

    if (options->post != NULL) {
        body = options_file("epoll_client", options->post, &body_size);
        snprintf(length, sizeof(length),
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_size);
    }
    client->request = malloc(CLIENT_HEAD_MAX + body_size);
    if (client->request == NULL) {
        client_die("the request");
    }
    int size = snprintf(client->request, CLIENT_HEAD_MAX, "%s /%s HTTP/1.1\r\nHost: %s\r\n%s\r\n",
                        body == NULL ? "GET" : "POST", path, authority, length);
    if (size < 0 || size >= CLIENT_HEAD_MAX) {
        options_refuse("epoll_client", "too long: ", options->url);
    }
    client->request_size = (size_t)size;
    if (body != NULL) {
        memcpy(client->request + size, body, body_size);
        client->request_size += body_size;
    }
    free(body);
}

static void client_read_url(struct client *client)
{
    const struct options *options = client->options;
    char authority[256], host[256], port[8] = "80", path[1024] = "";

    if (sscanf(options->url, "http://%255[^/]/%1023s", authority, path) < 1 ||
        sscanf(authority, "%255[^:]:%7s", host, port) < 1) {
        options_refuse("epoll_client", "not an http URL: ", options->url);
    }
    if (options->unix_path != NULL) {
        client_find_unix(client, options->unix_path);
    } else {
        client_find(client, host, port);
    }
    client_encode(client, authority, path);
}

/* --- One connection --- */

static void peer_watch(struct peer *peer, int operation, uint32_t what)
{
    struct epoll_event event = { .events = what, .data.ptr = peer };

    if (epoll_ctl(peer->client->epoll, operation, peer->fd, &event) != 0) {
        client_die("epoll_ctl");
    }
}

static void peer_close(struct peer *peer)
{
    close(peer->fd);
    peer->fd = -1;
}

/* The request under way has ended. */
static void peer_end(struct peer *peer, bool good)
{
    struct client *client = peer->client;

    client->measure.failed += !good;
    measure_latency(&client->measure, measure_now_ns() - peer->sent_at_ns);
    peer->busy = false;
    client->under_way--;
    client->done++;
}

static void peer_fail(struct peer *peer, const char *why)
{
    if (peer->client->measure.failed == 0) {
        fprintf(stderr, "epoll_client: a request failed: %s\n", why);
    }
    peer_close(peer);
    peer_end(peer, false);
}

static void peer_open(struct peer *peer)
{
    struct client *client = peer->client;

    peer->fd = socket(client->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0) {
        client_die("socket");
    }
    if (connect(peer->fd, (struct sockaddr *)&client->address, client->address_size) != 0 &&
        errno != EINPROGRESS) {
        client_die("connect");
    }
    peer->waits_to_send = true; /* until it is connected */
    peer_watch(peer, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void peer_send(struct peer *peer)
{
    const struct client *client = peer->client;
    size_t left = client->request_size - peer->sent;
    ssize_t size = send(peer->fd, client->request + peer->sent, left, MSG_NOSIGNAL);

    if (size < 0 && errno != EAGAIN) {
        peer_fail(peer, strerror(errno));
        return;
    }
    peer->sent += size > 0 ? (size_t)size : 0;
    bool waits = peer->sent < client->request_size;
    if (waits != peer->waits_to_send) {
        peer->waits_to_send = waits;
        peer_watch(peer, EPOLL_CTL_MOD, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void peer_start(struct peer *peer)
{
    struct client *client = peer->client;

    client->to_start--;
    client->under_way++;
    peer->busy = true;
    peer->whole = false;
    peer->sent = 0;
    peer->sent_at_ns = measure_now_ns();
    tokens_reset(&peer->tokens, peer->sent_at_ns);
    if (peer->fd < 0) {
        peer_open(peer);
    } else {
        peer_send(peer);
    }
}

/* --- An answer --- */

static int peer_on_body(llhttp_t *parser, const char *bytes, size_t size)
{
    struct peer *peer = parser->data;

    if (peer->client->options->stream) {
        tokens_feed(&peer->tokens, &peer->client->measure, bytes, size);
    }
    return 0;
}

static int peer_on_whole(llhttp_t *parser)
{
    struct peer *peer = parser->data;

    peer->whole = true;
    peer->keep_alive = llhttp_should_keep_alive(parser); /* only here does it know */
    return 0;
}

static void peer_feed(struct peer *peer, size_t size)
{
    const struct options *options = peer->client->options;

    if (!peer->busy || llhttp_execute(&peer->parser, peer->client->buffer, size) != HPE_OK) {
        peer_fail(peer, "not an answer in HTTP/1.1");
        return;
    }
    if (!peer->whole) {
        return;
    }
    if (!peer->keep_alive) {
        peer_close(peer);
    }
    peer_end(peer, peer->parser.status_code / 100 == 2 && (!options->stream || peer->tokens.ended));
    llhttp_reset(&peer->parser);
    if (peer->client->to_start != 0) {
        peer_start(peer);
    }
}

/* One recv: level-triggered, so what is left comes with the next epoll_wait. */
static void peer_receive(struct peer *peer)
{
    ssize_t size = recv(peer->fd, peer->client->buffer, CLIENT_BUFFER_SIZE, 0);

    if (size > 0) {
        peer_feed(peer, (size_t)size);
    } else if (size == 0 || errno != EAGAIN) {
        if (peer->busy) {
            peer_fail(peer, size == 0 ? "closed before its answer" : strerror(errno));
        } else {
            peer_close(peer); /* an idle one, which the server may close */
        }
    }
}

/* --- All of them --- */

static void client_open(struct client *client)
{
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->buffer = malloc(CLIENT_BUFFER_SIZE);
    client->peers = calloc(client->options->in_flight, sizeof(*client->peers));
    if (client->epoll < 0 || client->buffer == NULL || client->peers == NULL) {
        client_die("the tables");
    }
    llhttp_settings_init(&client->callbacks);
    client->callbacks.on_body = peer_on_body;
    client->callbacks.on_message_complete = peer_on_whole;
    for (uint64_t i = 0; i < client->options->in_flight; i++) {
        struct peer *peer = &client->peers[i];
        llhttp_init(&peer->parser, HTTP_RESPONSE, &client->callbacks);
        peer->parser.data = peer;
        peer->client = client;
        peer->fd = -1;
    }
}

static void client_run(struct client *client, uint64_t requests)
{
    struct epoll_event events[CLIENT_EVENTS];

    client->to_start = requests;
    client->done = 0;
    for (uint64_t i = 0; i < client->options->in_flight && client->to_start != 0; i++) {
        peer_start(&client->peers[i]);
    }
    while (client->under_way != 0) {
        int count = epoll_wait(client->epoll, events, CLIENT_EVENTS, -1);
        client->entries++;
        for (int i = 0; i < count; i++) {
            struct peer *peer = events[i].data.ptr;
            if (peer->waits_to_send && (events[i].events & EPOLLOUT) != 0) {
                peer_send(peer);
            }
            if (peer->fd >= 0 && (events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
                peer_receive(peer);
            }
        }
    }
}

int main(int count, char **words)
{
    struct options options = options_read("epoll_client", count, words);
    static struct client client;
    struct measure_counts totals = { 0 };

    if (options.ca_file != NULL || options.body_size != 0) {
        options_refuse("epoll_client", "no --cacert or --body-size here", "");
    }
    client.options = &options;
    client_read_url(&client);
    client_open(&client);
    client_run(&client, options.warmup);
    uint64_t failed = client.measure.failed;

    totals.entries = client.entries;
    measure_start(&client.measure, &totals);
    client_run(&client, options.requests);
    totals.entries = client.entries;
    measure_end(&client.measure, &totals);
    client.measure.requests = client.done;
    measure_print(&client.measure, &options);
    for (uint64_t i = 0; i < options.in_flight; i++) {
        if (client.peers[i].fd >= 0) {
            peer_close(&client.peers[i]);
        }
    }
    free(client.peers);
    free(client.buffer);
    free(client.request);
    return failed + client.measure.failed != 0;
}
