/*
 * raw_test: the scripted raw server does what its script says, plain and over TLS, and its ledger
 * says what was done. The client here is OpenSSL or a bare socket, so that what other tests find
 * with this server is not judged by what they test.
 */
#include "tests/live/certificates.h"
#include "tests/live/check_ledger.h"
#include "tests/live/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST "GET /page HTTP/1.1\r\nHost: a\r\n\r\n"

static struct live_server plain, secure, secure12;

/* -------- a client -------- */

struct client {
    int fd;
    SSL_CTX *context; /* NULL: plain */
    SSL *ssl;
    int key_updates; /* seen */
};

static void client_see(const SSL *ssl, int where, int result)
{
    struct client *client = SSL_get_app_data(ssl);

    (void)result;
    client->key_updates +=
        where == SSL_CB_CONNECT_LOOP && SSL_get_state(ssl) == TLS_ST_CR_KEY_UPDATE;
}

static void client_open(struct client *client, const struct live_server *server)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(server->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    *client = (struct client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        live_give_up("a connection to the raw server");
    }
    if (strncmp(server->url, "https", 5) != 0) {
        return;
    }
    client->context = SSL_CTX_new(TLS_client_method());
    client->ssl = SSL_new(client->context);
    SSL_set_app_data(client->ssl, client);
    SSL_set_info_callback(client->ssl, client_see);
    SSL_set_tlsext_host_name(client->ssl, "good.test");
    SSL_set_fd(client->ssl, client->fd);
    if (SSL_connect(client->ssl) != 1) {
        live_give_up("a TLS connection to the raw server");
    }
}

static void client_close(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
    close(client->fd);
    ERR_clear_error();
}

static void client_write(struct client *client, const char *text)
{
    ssize_t sent = client->ssl == NULL ? write(client->fd, text, strlen(text))
                                       : SSL_write(client->ssl, text, (int)strlen(text));

    CHECK_EQ(sent, strlen(text));
}

/* One read of at most `size` bytes. */
static ssize_t client_read(struct client *client, char *text, size_t size)
{
    ERR_clear_error();
    return client->ssl == NULL ? read(client->fd, text, size)
                               : SSL_read(client->ssl, text, (int)size);
}

/* Until the end; NUL-ended. Returns what the last read has. */
static ssize_t client_read_all(struct client *client, char *text, size_t size)
{
    size_t at = 0;
    ssize_t got;

    while (at + 1 < size && (got = client_read(client, text + at, size - at - 1)) > 0) {
        at += (size_t)got;
    }
    text[at] = '\0';
    return got;
}

/* -------- promises -------- */

static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/page";

static void test_requests_are_answered_and_noted(void)
{
    const struct live_server *servers[] = { &plain, &secure, &secure12 };

    for (int i = 0; i < 3; i++) {
        struct client client;
        char text[1024];
        raw_script(servers[i], "connection 1: # the first\n"
                               "  repeat 2\n    read-request\n    answer\n  end\n"
                               "  close\n"
                               "connection *:\n  close\n");
        client_open(&client, servers[i]);
        client_write(&client, REQUEST);
        CHECK_EQ(client_read(&client, text, sizeof(text)), strlen(good));
        CHECK_MEM(text, strlen(good), good, strlen(good));
        client_write(&client, "POST /page HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc!!");
        CHECK_EQ(client_read_all(&client, text, sizeof(text)), 0);
        CHECK_STR(text, good);
        client_close(&client);
        struct raw_connection connection = raw_await_end(servers[i], 1);
        CHECK_LEDGER_STR(connection.end, "fin");
        CHECK_LEDGER_EQ(connection.requests, 2);
        CHECK_LEDGER_EQ(connection.bytes_after, 2);
        CHECK_LEDGER_STR(connection.sni, i == 0 ? "" : "good.test");
        CHECK_LEDGER_STR(connection.tls, i == 0 ? "" : i == 1 ? "TLSv1.3" : "TLSv1.2");
        struct raw_request request = raw_request(servers[i], 2);
        CHECK_LEDGER_STR(request.method, "POST");
        CHECK_LEDGER_STR(request.target, "/page");
        CHECK_LEDGER_STR(request.body_hash, raw_hash("abc", 3));
        CHECK_LEDGER_STR(raw_request_header(&request, "content-length"), "3");
        client_open(&client, servers[i]);
        CHECK_EQ(client_read(&client, text, sizeof(text)), 0);
        client_close(&client);
    }
}

/* The peer's program reads each piece before the next one is sent. */
static void test_pieces_come_one_by_one(void)
{
    const struct live_server *servers[] = { &plain, &secure };

    for (int i = 0; i < 2; i++) {
        struct client client;
        char text[64];
        raw_script(servers[i], "connection *:\n feed bytes\n send \"a\\x62c\"\n"
                               " feed cuts 7\n send 30 \"x\"\n"
                               " feed whole\n hold \"1\"\n send \"2\"\n close\n");
        client_open(&client, servers[i]);
        for (int k = 0; k < 3; k++) {
            CHECK_EQ(client_read(&client, text, sizeof(text)), 1);
            CHECK_EQ(text[0], 'a' + k);
            usleep(2000); /* for a server that does not wait to be caught */
        }
        ssize_t pieces = 0, got = 0;
        for (ssize_t all = 0; all < 30; all += got, pieces++) {
            got = client_read(&client, text, (size_t)(30 - all));
        }
        CHECK(pieces > 2);
        CHECK_EQ(client_read(&client, text, sizeof(text)), 2);
        client_close(&client);
    }
}

/* How a stream ends as the client sees it: 0 is the proper end. */
static void test_each_end_is_what_it_is_called(void)
{
    static const struct {
        const char *step;
        bool secure;
        int read, error; /* of the client: errno or OpenSSL's reason */
    } cases[] = {
        { "close", false, 0, 0 },
        { "half-close", false, 0, 0 },
        { "rst", false, -1, ECONNRESET },
        { "close", true, 0, 0 },
        { "close-rude", true, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING },
        { "fin", true, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING },
        { "send-cut 3 \"abcdef\"\n close-rude", true, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING },
        { "alert\n close", true, 0, SSL_R_SSLV3_ALERT_BAD_RECORD_MAC },
        { "send-wire \"rubbish\"\n close", true, -1, SSL_R_WRONG_VERSION_NUMBER },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct live_server *server = cases[i].secure ? &secure : &plain;
        struct raw_text script = { 0 };
        struct client client;
        char text[64];
        check_case(cases[i].step);
        raw_add(&script, "connection *:\n read 1\n send \"x\"\n read 1\n %s\n", cases[i].step);
        raw_play(server, &script);
        client_open(&client, server);
        client_write(&client, "1");
        CHECK_EQ(client_read(&client, text, sizeof(text)), 1);
        client_write(&client, "2");
        ssize_t got = client_read(&client, text, sizeof(text));
        CHECK_EQ(got > 0, false);
        if (cases[i].secure) {
            CHECK_EQ(ERR_GET_REASON(ERR_peek_error()), cases[i].error);
        } else {
            CHECK_EQ(got, cases[i].read);
            CHECK(got == 0 || errno == cases[i].error);
        }
        client_close(&client);
        raw_await_end(server, 1);
        CHECK_LEDGER_EQ(live_number(server, "connections_open"), 0);
    }
}

static void test_a_renegotiation_is_made_where_the_client_agrees(void)
{
    for (int agrees = 0; agrees < 2; agrees++) {
        struct client client;
        char text[64];
        raw_script(&secure12, "connection *:\n read 1\n renegotiate\n send \"x\"\n close\n");
        client_open(&client, &secure12);
        if (!agrees) {
            SSL_set_options(client.ssl, SSL_OP_NO_RENEGOTIATION);
        }
        client_write(&client, "1");
        CHECK_EQ(client_read(&client, text, sizeof(text)) == 1, agrees);
        CHECK(client_read(&client, text, sizeof(text)) <= 0);
        client_close(&client);
        struct raw_connection connection = raw_await_end(&secure12, 1);
        CHECK_LEDGER_EQ(connection.handshakes, agrees ? 2 : 1);
        CHECK_LEDGER_STR(connection.end, agrees ? "fin" : "broken");
        CHECK_LEDGER_STR(connection.error, agrees ? "" : "no renegotiation");
    }
}

static void test_keys_are_updated_and_tickets_sent(void)
{
    struct client client;
    char text[64];

    raw_script(&secure, "connection *:\n read 1\n key-update\n key-update request\n ticket\n"
                        " records bytes\n send \"abc\"\n read 1\n send \"d\"\n close\n");
    client_open(&client, &secure);
    client_write(&client, "1");
    CHECK_EQ(client_read(&client, text, sizeof(text)), 3);
    CHECK_EQ(client.key_updates, 2);
    client_write(&client, "2");
    CHECK_EQ(client_read(&client, text, sizeof(text)), 1);
    client_close(&client);
    CHECK_LEDGER_STR(raw_await_end(&secure, 1).end, "fin");
}

static void test_a_pause_waits_for_the_test(void)
{
    struct client client;
    char text[64];

    raw_script(&plain, "connection *:\n pause\n send \"x\"\n await\n rst\n");
    client_open(&client, &plain);
    CHECK_EQ(recv(client.fd, text, sizeof(text), MSG_DONTWAIT), -1);
    raw_go(&plain);
    CHECK_EQ(client_read(&client, text, sizeof(text)), 1);
    client_write(&client, "four");
    CHECK_EQ(client_read(&client, text, sizeof(text)), -1);
    client_close(&client);
    struct raw_connection connection = raw_await_end(&plain, 1);
    CHECK_LEDGER_STR(connection.end, "ours");
    CHECK_LEDGER_EQ(connection.bytes_unread, 4);
}

int main(void)
{
    if (!certificates_make()) {
        printf("no openssl(1) here\n");
        return 77;
    }
    plain = raw_start((const char *[]){ NULL });
    secure = raw_start(
        (const char *[]){ "--tls", certificate("server.pem"), certificate("server.key"), NULL });
    secure12 = raw_start((const char *[]){ "--tls", certificate("server.pem"),
                                           certificate("server.key"), "--tls-max", "1.2", NULL });
    RUN(test_requests_are_answered_and_noted);
    RUN(test_pieces_come_one_by_one);
    RUN(test_each_end_is_what_it_is_called);
    RUN(test_a_renegotiation_is_made_where_the_client_agrees);
    RUN(test_keys_are_updated_and_tickets_sent);
    RUN(test_a_pause_waits_for_the_test);
    live_stop(&plain);
    live_stop(&secure);
    live_stop(&secure12);
    return check_ledger_done();
}
