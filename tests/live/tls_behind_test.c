/*
 * tls_behind_test: what a server says behind a whole answer, or behind its handshake, in a record
 * of its own and in the same segment, so that it is read in one go with what stands before (R01,
 * R05). The answer is good, what is behind it is nobody's, and the connection carries no other
 * request.
 */
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/tls_server.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct tls_server server;
static struct certificate authority, good;
static struct quoit_tls *tls;
static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static const char whole_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";

/* What stands behind a whole answer, in a record of its own and in the same segment. */
enum behind { SECOND_ANSWER, ONE_BYTE, BAD_RECORD, BAD_ALERT, GOODBYE, BEHINDS };
static const char *const behind_names[] = { "a second answer", "one byte", "a record that is none",
                                            "a fatal alert", "close_notify" };

static size_t forge_behind(struct forge *forge, enum behind behind, unsigned char *out)
{
    static const char second[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
    size_t size;

    switch (behind) {
    case SECOND_ANSWER:
        return forge_record(forge, FORGE_DATA, second, sizeof(second) - 1, out);
    case ONE_BYTE:
        return forge_record(forge, FORGE_DATA, "H", 1, out);
    case BAD_RECORD:
        size = forge_record(forge, FORGE_DATA, "56789", 5, out);
        out[size - 1] ^= 1;
        return size;
    case BAD_ALERT:
        return forge_record(forge, FORGE_ALERT, "\2\x50", 2, out);
    case GOODBYE:
        return forge_record(forge, FORGE_ALERT, "\1\0", 2, out);
    case BEHINDS:
        break;
    }
    abort(); /* a behind without a case */
}

static void serve_behind(struct tls_visit *visit)
{
    unsigned char records[4096];
    const char *answer = whole_answer;

    if (!tls_visit_read(visit)) {
        return;
    }
    size_t size = forge_record(&visit->forge, FORGE_DATA, answer, strlen(answer), records);
    size += forge_behind(&visit->forge, (enum behind)visit->server->script.number, records + size);
    tls_visit_send(visit, records, size);
    tls_visit_linger(visit);
}

/* The answer is whole, so it is good; what is behind it is nobody's, and ends the connection. */
static void test_what_stands_behind_an_answer_is_nobodys(void) /* R01, R05 */
{
    for (size_t i = 0; i < BEHINDS * COUNT_OF(versions); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        char url[100];
        snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
        check_case(behind_names[i / COUNT_OF(versions)]);
        tls_server_use(&server, &good, NULL,
                       &(struct tls_script){ .serve = serve_behind,
                                             .forged = true,
                                             .version = versions[i % COUNT_OF(versions)],
                                             .number = i / COUNT_OF(versions) });
        for (uint64_t round = 1; round <= 3; round++) {
            const struct quoit_result *result = live_run(
                engine, &(struct quoit_request){ .url = url, .tls = tls, .retries = QUOIT_NONE });
            CHECK_EQ(result->error, QUOIT_OK);
            CHECK_MEM(result->body.bytes, result->body.size, "0123456789", 10);
            CHECK(!result->reused);
            CHECK_LEDGER_EQ(server.ledger.connections, round);
            CHECK_LEDGER_EQ(server.ledger.requests, round);
        }
        quoit_destroy(engine);
    }
}

/* A handshake whose last segment ends in an answer to what was not asked yet. */
static void serve_early(struct tls_visit *visit)
{
    SSL *ssl = SSL_new(visit->server->context);
    BIO *from = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
    char bytes[4096], *out;
    ssize_t size;

    SSL_set_bio(ssl, from, to);
    while (!SSL_is_init_finished(ssl) && (size = read(visit->fd, bytes, sizeof(bytes))) > 0) {
        BIO_write(from, bytes, (int)size);
        if (SSL_accept(ssl) == 1) {
            visit->server->ledger.secured++;
            SSL_write(ssl, whole_answer, sizeof(whole_answer) - 1);
        }
        size_t out_size = (size_t)BIO_get_mem_data(to, &out);
        tls_visit_send(visit, out, out_size);
        (void)BIO_reset(to);
    }
    tls_visit_linger(visit);
    SSL_free(ssl);
}

static void test_what_is_said_before_a_request_is_no_answer_to_it(void) /* R01 */
{
    char url[100];

    snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    tls_server_use(
        &server, &good, NULL,
        &(struct tls_script){ .serve = serve_early, .plain = true, .version = TLS1_2_VERSION });
    for (uint64_t round = 1; round <= 3; round++) {
        struct quoit_engine *engine = live_engine(NULL); /* with no session to resume */
        const struct quoit_result *result = live_run(
            engine, &(struct quoit_request){ .url = url, .tls = tls, .retries = QUOIT_NONE });
        CHECK_EQ(result->error, QUOIT_E_RESET);
        CHECK_STR(result->detail, "the server spoke unasked");
        CHECK_EQ(result->attempts, 0);
        CHECK_EQ(result->status, 0);
        CHECK_LEDGER_EQ(server.ledger.secured, round);
        quoit_destroy(engine);
    }
}

int main(void)
{
    struct certificate_wish wish = { .common_name = "authority", .authority = true };

    authority = certificate_make(&wish, NULL);
    good = certificate_make(&(struct certificate_wish){ .names = "IP:127.0.0.1" }, &authority);
    struct peer_file authority_file = peer_certificate_file("authority.pem", &authority);
    if (quoit_tls_create(&(struct quoit_tls_options){ .ca_file = authority_file.path }, &tls) !=
        QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    tls_server_start(&server);
    RUN(test_what_stands_behind_an_answer_is_nobodys);
    RUN(test_what_is_said_before_a_request_is_no_answer_to_it);
    tls_server_stop(&server);
    quoit_tls_destroy(tls);
    unlink(authority_file.path);
    rmdir(peer_directory());
    certificate_free(&good);
    certificate_free(&authority);
    return check_ledger_done();
}
