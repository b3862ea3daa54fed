/*
 * tls_hostile_test: servers that mean ill, or break in the middle, over TLS and live (R22, R23),
 * and the rules of truncation (R04, R05): each ends in an error of its own or in an answer, none
 * hangs, none takes memory without bound, and what went wrong on one connection is forgotten with
 * it.
 *
 * What a session makes of single records stands in tests/unit/tls_hostile_test.c.
 */
#include "tests/live/check_ledger.h"
#include "tests/live/live.h"
#include "tests/live/tls_server.h"

#include <string.h>
#include <sys/socket.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define FLOOD_BYTES ((uint64_t)64 << 20) /* far more than sockets and the library may take */
#define FLOOD_TAKEN ((uint64_t)16 << 20)
#define FLOODS "the server floods the connection with what is no data"

/* Its allocator keeps what is freed, so there resident memory says nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED false
#endif

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct tls_server server;
static struct certificate authority, good;
static struct peer_file authority_file;
static struct quoit_tls *tls;

static void use(const struct tls_script *script)
{
    tls_server_use(&server, &good, NULL, script);
}

/* One request without retries, at that scheme; `limits` may be NULL. */
static const struct quoit_result *go_to(struct quoit_engine *engine, const char *scheme,
                                        const struct quoit_timeouts *limits)
{
    static const struct quoit_timeouts none;
    char url[100];

    snprintf(url, sizeof(url), "%s://127.0.0.1:%u/", scheme, server.port);
    quoit_turn(engine, 0);
    return live_run(engine, &(struct quoit_request){ .url = url,
                                                     .tls = tls,
                                                     .retries = QUOIT_NONE,
                                                     .replay = QUOIT_REPLAY_NO,
                                                     .timeouts = limits == NULL ? none : *limits });
}

static const struct quoit_result *go(struct quoit_engine *engine)
{
    return go_to(engine, "https", NULL);
}

/* -------- truncation: R04, R05 -------- */

enum framing { LENGTH, CHUNKED, CLOSE_DELIMITED, FRAMINGS };
enum cut { NOTHING, IN_HEAD, IN_BODY, WHOLE, CUTS };
enum ending { GOODBYE, RUDE, RESET, ENDINGS };

static const char *const framing_names[] = { "length", "chunked", "close-delimited" };
static const char *const cut_names[] = { "nothing", "in the head", "in the body", "whole" };
static const char *const ending_names[] = { "close_notify", "FIN", "RST" };

#define CHUNKED_TEXT                                                                               \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"

static const char *const framed[FRAMINGS] = {
    [LENGTH] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
    [CHUNKED] = CHUNKED_TEXT,
    [CLOSE_DELIMITED] = "HTTP/1.1 200 OK\r\n\r\n0123456789",
};

/* How much of it is said: in the body, up to "34", and no further. */
static size_t cut_size(const char *text, enum cut cut)
{
    switch (cut) {
    case NOTHING:
        return 0;
    case IN_HEAD:
        return 15;
    case IN_BODY:
        return (size_t)(strstr(text, "34") + 2 - text);
    case WHOLE:
        return strlen(text);
    case CUTS:
        break;
    }
    abort(); /* a cut without a case */
}

static void serve_cut(struct tls_visit *visit)
{
    uint64_t number = visit->server->script.number;
    const char *text = framed[number / 16];
    char said[200];

    if (!tls_visit_read(visit)) {
        return;
    }
    snprintf(said, sizeof(said), "%.*s", (int)cut_size(text, number / 4 % 4), text);
    if (*said != '\0') {
        tls_visit_say(visit, said);
    }
    visit->rude = number % 4 != GOODBYE;
    if (number % 4 == RESET) {
        tls_visit_reset(visit);
    }
}

static enum quoit_error cut_error(enum framing framing, enum cut cut, enum ending ending)
{
    switch (cut) {
    case NOTHING:
        return QUOIT_E_RESET;
    case IN_HEAD:
        return QUOIT_E_INCOMPLETE;
    case IN_BODY:
    case WHOLE:
        if (framing == CLOSE_DELIMITED) { /* only a goodbye says that this is all */
            return ending == GOODBYE ? QUOIT_OK : QUOIT_E_INCOMPLETE;
        }
        return cut == WHOLE ? QUOIT_OK : QUOIT_E_INCOMPLETE;
    case CUTS:
        break;
    }
    abort(); /* a cut without a case */
}

static void check_cut(int version, enum framing framing, enum cut cut, enum ending ending)
{
    struct quoit_engine *engine = live_engine(NULL);
    char name[100];

    snprintf(name, sizeof(name), "%s, %s, %s", framing_names[framing], cut_names[cut],
             ending_names[ending]);
    check_case(name);
    use(&(struct tls_script){
        .serve = serve_cut, .version = version, .number = framing * 16u + cut * 4u + ending });
    for (uint64_t round = 1; round <= 2; round++) {
        const struct quoit_result *result = go(engine);
        CHECK_EQ(result->error, cut_error(framing, cut, ending));
        CHECK_EQ(*result->detail != '\0', result->error != QUOIT_OK);
        CHECK_MEM(result->body.bytes, result->body.size, "0123456789",
                  cut == WHOLE     ? 10
                  : cut == IN_BODY ? 5
                                   : 0);
        CHECK_EQ(result->reused, false); /* it is never pooled */
        CHECK_LEDGER_EQ(server.ledger.connections, round);
        CHECK_LEDGER_EQ(server.ledger.requests, round); /* nor sent again by itself */
        tls_server_await_quiet(&server);                /* what ended without a word has ended */
    }
    quoit_destroy(engine);
}

static void test_only_a_proper_end_makes_an_answer_whole(void) /* R04, R05 */
{
    for (int i = 0; i < FRAMINGS * CUTS * ENDINGS; i++) {
        int version = versions[i % 2]; /* each of them with both, by what follows */
        enum framing framing = (enum framing)(i / (CUTS * ENDINGS));
        enum cut cut = (enum cut)(i / ENDINGS % CUTS);
        check_cut(version, framing, cut, (enum ending)(i % ENDINGS));
    }
}

/* -------- what is no TLS of today: R22 -------- */

static void test_an_old_version_is_called_so(void) /* R22 */
{
    static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };

    for (size_t i = 0; i < COUNT_OF(old); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        use(&(struct tls_script){ .serve = tls_serve_hello, .version = old[i] });
        const struct quoit_result *result = go(engine);
        CHECK_EQ(result->error, QUOIT_E_TLS);
        CHECK_STR(result->detail, "alert from the server: protocol version (70); "
                                  "the server speaks no TLS 1.2 or later");
        CHECK_LEDGER_EQ(server.ledger.request_bytes, 0);
        quoit_destroy(engine);
    }
}

static void test_h2_is_not_spoken(void) /* R22 */
{
    for (size_t v = 0; v < COUNT_OF(versions); v++) {
        struct quoit_engine *engine = live_engine(NULL);
        use(&(struct tls_script){
            .serve = tls_serve_hello, .protocol = "h2", .version = versions[v] });
        const struct quoit_result *result = go(engine);
        CHECK_EQ(result->error, QUOIT_E_TLS);
        CHECK_STR(result->detail, "the server chose an ALPN protocol other than http/1.1");
        CHECK_LEDGER_EQ(server.ledger.request_bytes, 0);
        quoit_destroy(engine);
    }
}

/* What a server without TLS says to a ClientHello, and how it goes on. */
static const struct first_words {
    const char *name, *text;
    size_t size;
    bool stays;
    enum quoit_error error;
    const char *detail;
} first_words[] = {
    { "HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", 47, false, QUOIT_E_TLS,
      "the server speaks no TLS; is it http:// and not https://?" },
    { "SSH", "SSH-2.0-x\r\n", 11, true, QUOIT_E_TLS,
      "the server speaks no TLS; is it http:// and not https://?" },
    { "a version of last century",
      "\x16\3\1\0\x2c\2\0\0\x28\3\1"
      "0123456789abcdef0123456789abcdef"
      "\0\0\x2f\0\0\0",
      49, true, QUOIT_E_TLS, "the server speaks no TLS 1.2 or later" },
    { "nothing, and FIN", "", 0, false, QUOIT_E_RESET, "during the TLS handshake" },
    { "half a record, and FIN", "\x16\3\3\0\x40\2", 6, false, QUOIT_E_RESET,
      "during the TLS handshake" },
    { "half a record, and silence", "\x16\3\3\0\x40\2", 6, true, QUOIT_E_TIMEOUT_TLS, "" },
    { "nothing, and silence", "", 0, true, QUOIT_E_TIMEOUT_TLS, "" },
    { "an alert", "\x15\3\3\0\2\2\x28", 7, true, QUOIT_E_TLS,
      "alert from the server: handshake failure (40)" },
    { "not of that name", "\x15\3\3\0\2\2\x70", 7, true, QUOIT_E_TLS,
      "alert from the server: unrecognized name (112); is the host of the URL right?" },
    { "a goodbye", "\x15\3\3\0\2\1\0", 7, true, QUOIT_E_TLS,
      "the server said goodbye during the handshake" },
};

static void serve_first_words(struct tls_visit *visit)
{
    const struct first_words *the = &first_words[visit->server->script.number];
    char hello[4096];

    /* The whole ClientHello is one segment, and read: so what follows is a FIN and no RST. */
    if (recv(visit->fd, hello, sizeof(hello), 0) > 0) {
        tls_visit_send(visit, the->text, the->size);
    }
    if (the->stays) {
        tls_visit_linger(visit);
    }
}

static void test_what_speaks_no_tls_is_named(void) /* R22 */
{
    const struct quoit_timeouts limits = { .tls_ns = 300 * LIVE_NS_PER_MS };

    for (size_t i = 0; i < COUNT_OF(first_words); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        check_case(first_words[i].name);
        use(&(struct tls_script){ .serve = serve_first_words, .plain = true, .number = i });
        const struct quoit_result *result = go_to(engine, "https", &limits);
        CHECK_EQ(result->error, first_words[i].error);
        CHECK_STR(result->detail, first_words[i].detail);
        CHECK_LEDGER_EQ(server.ledger.connections, 1);
        quoit_destroy(engine);
    }
}

/* An alert, as most servers say it; OpenSSL's knows a plain request, and closes without a word. */
static void serve_alert_to_plain(struct tls_visit *visit)
{
    if (tls_visit_read(visit)) {
        tls_visit_send(visit, "\x15\3\1\0\2\2\x16", 7);
    }
}

static void test_tls_where_none_was_asked_for_is_named(void) /* R22 */
{
    struct quoit_engine *engine = live_engine(NULL);

    use(&(struct tls_script){ .serve = serve_alert_to_plain, .plain = true });
    const struct quoit_result *result = go_to(engine, "http", NULL);
    CHECK_EQ(result->error, QUOIT_E_PROTOCOL);
    CHECK_STR(result->detail, "not an HTTP response; is it https:// and not http://?");
    quoit_destroy(engine);

    engine = live_engine(NULL);
    use(&(struct tls_script){ .serve = tls_serve_hello });
    CHECK_EQ(go_to(engine, "http", NULL)->error, QUOIT_E_RESET);
    tls_server_await(&server.ledger.refused, 1);
    CHECK_LEDGER_EQ(server.ledger.requests, 0);
    quoit_destroy(engine);
}

/* -------- in the middle of an answer: R22 -------- */

enum middle { FATAL_ALERT, HALF_A_RECORD, RUBBISH, HELLO_REQUEST, MIDDLES };

static const char *const middle_names[] = { "a fatal alert", "half a record, and FIN", "rubbish",
                                            "HelloRequest, and silence" };

/* Half of an answer, by framing, and then something else. */
static void serve_middle(struct tls_visit *visit)
{
    uint64_t number = visit->server->script.number;
    const char *text = framed[number / 4];
    unsigned char record[FORGE_FLOOD_MAX];
    char said[200];
    size_t size = 0;

    if (!tls_visit_read(visit)) {
        return;
    }
    snprintf(said, sizeof(said), "%.*s", (int)cut_size(text, IN_BODY), text);
    tls_visit_forge(visit, said);
    switch ((enum middle)(number % 4)) {
    case FATAL_ALERT:
        size = forge_record(&visit->forge, FORGE_ALERT, "\2\x50", 2, record);
        break;
    case HALF_A_RECORD:
        size = forge_record(&visit->forge, FORGE_DATA, "56789", 5, record) - 1;
        break;
    case RUBBISH:
        size = forge_record(&visit->forge, FORGE_DATA, "56789", 5, record);
        record[size - 1] ^= 1;
        break;
    case HELLO_REQUEST:
        size = forge_one(&visit->forge, FORGE_HELLO_REQUESTS, record);
        break;
    case MIDDLES:
        abort(); /* a middle without a case */
    }
    tls_visit_send(visit, record, size);
    if (number % 4 != HALF_A_RECORD) {
        tls_visit_linger(visit);
    }
}

static void check_middle(int version, enum framing framing, enum middle middle)
{
    static const enum quoit_error errors[MIDDLES] = { QUOIT_E_TLS, QUOIT_E_INCOMPLETE, QUOIT_E_TLS,
                                                      QUOIT_E_TIMEOUT_IDLE };
    static const char *const details[MIDDLES] = { "alert from the server: internal error (80)",
                                                  NULL, "decryption failed or bad record mac", "" };
    const struct quoit_timeouts limits = { .idle_ns = 100 * LIVE_NS_PER_MS };
    struct quoit_engine *engine = live_engine(NULL);
    char name[100];

    snprintf(name, sizeof(name), "%s, %s", framing_names[framing], middle_names[middle]);
    check_case(name);
    use(&(struct tls_script){ .serve = serve_middle,
                              .forged = true,
                              .version = version,
                              .number = framing * 4u + middle });
    for (uint64_t round = 1; round <= 2; round++) {
        const struct quoit_result *result = go_to(engine, "https", &limits);
        CHECK_EQ(result->error, errors[middle]);
        CHECK(details[middle] == NULL || strcmp(result->detail, details[middle]) == 0);
        CHECK_MEM(result->body.bytes, result->body.size, "01234", 5);
        CHECK_LEDGER_EQ(server.ledger.connections, round);
        CHECK_LEDGER_EQ(server.ledger.requests, round);
    }
    quoit_destroy(engine);
}

static void test_what_breaks_an_answer_in_the_middle_is_named(void) /* R22 */
{
    for (int i = 0; i < FRAMINGS * MIDDLES; i++) {
        enum framing framing = (enum framing)(i / MIDDLES);
        enum middle middle = (enum middle)(i % MIDDLES);
        check_middle(TLS1_2_VERSION, framing, middle);
        if (middle != HELLO_REQUEST) {
            check_middle(TLS1_3_VERSION, framing, middle);
        }
    }
}

/* -------- while nobody asks: R23 -------- */

static atomic_uint_fast64_t said; /* bytes of what came between two answers, and its end */

#define BETWEEN 5 /* of each, between two answers */

/* An answer, and behind it what a server may say at any time. */
static void serve_between(struct tls_visit *visit)
{
    unsigned char record[FORGE_FLOOD_MAX];

    while (tls_visit_read(visit)) {
        tls_visit_forge(visit, framed[LENGTH]);
        for (int i = 0; i < BETWEEN; i++) {
            size_t size =
                forge_one(&visit->forge, (enum forge_flood)visit->server->script.number, record);
            tls_visit_send(visit, record, size);
        }
        said++;
    }
}

/*
 * Whether it comes in the segment of the answer or to an idle connection is up to the machine; the
 * second request waits until it is said, so both happen, and both are right.
 */
static void check_between(int version, enum forge_flood what)
{
    struct quoit_engine *engine = live_engine(NULL);

    check_case(forge_flood_name(what));
    said = 0;
    use(&(struct tls_script){
        .serve = serve_between, .forged = true, .version = version, .number = what });
    for (uint64_t round = 1; round <= 20; round++) {
        const struct quoit_result *result = go(engine);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_MEM(result->body.bytes, result->body.size, "0123456789", 10);
        CHECK_EQ(result->reused, round > 1);
        tls_server_await(&said, round);
        quoit_turn(engine, LIVE_NS_PER_MS); /* it comes to the idle connection */
    }
    CHECK_LEDGER_EQ(server.ledger.connections, 1);
    CHECK_LEDGER_EQ(server.ledger.requests, 20);
    quoit_destroy(engine);
}

static void test_what_comes_between_answers_costs_no_connection(void) /* R23 */
{
    check_between(TLS1_3_VERSION, FORGE_KEY_UPDATES);
    check_between(TLS1_3_VERSION, FORGE_KEY_UPDATES_ASKING);
    check_between(TLS1_3_VERSION, FORGE_TICKETS);
    check_between(TLS1_3_VERSION, FORGE_EMPTY_RECORDS);
    check_between(TLS1_2_VERSION, FORGE_EMPTY_RECORDS);
}

/* Data in records of `number` bytes, and the records in segments of one byte if that is 1. */
static void serve_records(struct tls_visit *visit)
{
    static char body[(1 << 20) + 100];
    size_t piece = visit->server->script.number;
    size_t body_size = piece == 1 ? 100 : 1 << 20;

    while (tls_visit_read(visit)) {
        size_t size = (size_t)snprintf(body, sizeof(body),
                                       "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body_size);
        memset(body + size, 'x', body_size);
        size += body_size;
        for (size_t at = 0; at < size; at += piece) {
            unsigned char record[16384 + FORGE_OVERHEAD];
            size_t part = size - at < piece ? size - at : piece;
            size_t whole = forge_record(&visit->forge, FORGE_DATA, body + at, part, record);
            for (size_t i = 0; i < whole; i += piece == 1 ? 1 : whole) {
                tls_visit_send(visit, record + i, piece == 1 ? 1 : whole);
            }
        }
    }
}

static void test_records_of_every_size_are_one_answer(void) /* R23 */
{
    static const size_t sizes[] = { 1, 1000, 16384 };

    for (size_t i = 0; i < COUNT_OF(sizes) * COUNT_OF(versions); i++) {
        struct quoit_engine *engine = live_engine(NULL);
        size_t piece = sizes[i / COUNT_OF(versions)];
        use(&(struct tls_script){ .serve = serve_records,
                                  .forged = true,
                                  .version = versions[i % COUNT_OF(versions)],
                                  .number = piece });
        for (int round = 0; round < 3; round++) {
            const struct quoit_result *result = go(engine);
            CHECK_EQ(result->error, QUOIT_OK);
            CHECK_EQ(result->body.size, piece == 1 ? 100 : 1 << 20);
            CHECK_EQ(result->reused, round > 0);
        }
        CHECK_LEDGER_EQ(server.ledger.connections, 1);
        CHECK_LEDGER_EQ(server.ledger.requests, 3);
        quoit_destroy(engine);
    }
}

/* -------- floods: R22, R23 -------- */

enum moment { IN_PLACE_OF_AN_ANSWER, IN_A_BODY, WHILE_IDLE, BETWEEN_BYTES, MOMENTS };

static const char *const moment_names[] = { "in place of an answer", "in a body", "while idle",
                                            "between the bytes of a body" };

/* Until the client has enough. Nothing that it says is read. */
static void serve_flood(struct tls_visit *visit)
{
    enum forge_flood flood = (enum forge_flood)(visit->server->script.number / 4);
    enum moment moment = (enum moment)(visit->server->script.number % 4);
    unsigned char records[64 * FORGE_FLOOD_MAX];
    size_t size;

    if (!tls_visit_read(visit)) {
        return;
    }
    if (moment != IN_PLACE_OF_AN_ANSWER) {
        tls_visit_forge(visit, moment == WHILE_IDLE ? framed[LENGTH] : framed[CLOSE_DELIMITED]);
    }
    do {
        size = 0;
        for (int i = 0; i < 32; i++) {
            size += forge_one(&visit->forge, flood, records + size);
            if (moment == BETWEEN_BYTES) {
                size += forge_record(&visit->forge, FORGE_DATA, "x", 1, records + size);
            }
        }
    } while (visit->server->ledger.said_bytes < FLOOD_BYTES &&
             tls_visit_send(visit, records, size));
}

static const char *flood_detail(enum forge_flood flood)
{
    return flood == FORGE_EMPTY_RECORDS ? "record too small"
           : flood == FORGE_WARNINGS    ? "too many warn alerts"
                                        : FLOODS;
}

static void check_flood(int version, enum forge_flood flood, enum moment moment)
{
    struct quoit_engine *engine = live_engine(NULL);
    size_t before = live_memory();
    char name[100];

    snprintf(name, sizeof(name), "%s %s", forge_flood_name(flood), moment_names[moment]);
    check_case(name);
    use(&(struct tls_script){
        .serve = serve_flood, .forged = true, .version = version, .number = flood * 4u + moment });
    const struct quoit_result *result = go(engine);
    if (moment == WHILE_IDLE) {
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_MEM(result->body.bytes, result->body.size, "0123456789", 10);
        while (server.ledger.said_bytes < FLOOD_BYTES && live_stats(engine).opened == 1 &&
               go(engine)->reused) { /* it can be cut off only as it comes */
        }
        CHECK_EQ(live_stats(engine).opened, 2);
    } else {
        CHECK_EQ(result->error, QUOIT_E_TLS);
        CHECK_STR(result->detail, flood_detail(flood));
        CHECK_LEDGER_EQ(server.ledger.connections, 1);
    }
    CHECK_LEDGER(server.ledger.said_bytes < FLOOD_TAKEN);
    quoit_destroy(engine);
    CHECK(SANITIZED || live_memory() < before + FLOOD_TAKEN);
}

static void test_a_flood_is_cut_off(void) /* R22, R23 */
{
    for (enum forge_flood flood = 0; flood < FORGE_FLOODS; flood++) {
        struct forge old = { .modern = false }, modern = { .modern = true };
        for (enum moment moment = 0; moment < BETWEEN_BYTES; moment++) {
            if (forge_may(&old, flood)) {
                check_flood(TLS1_2_VERSION, flood, moment);
            }
            if (forge_may(&modern, flood)) {
                check_flood(TLS1_3_VERSION, flood, moment);
            }
        }
    }
}

/* A server that asks and asks, sends data as well, and reads no answer: memory is what it is after.
 */
static void test_a_server_that_reads_no_answers_is_cut_off(void) /* R22, R23 */
{
    check_flood(TLS1_2_VERSION, FORGE_HELLO_REQUESTS, BETWEEN_BYTES);
    check_flood(TLS1_3_VERSION, FORGE_KEY_UPDATES_ASKING, BETWEEN_BYTES);
}

int main(void)
{
    struct certificate_wish wish = { .common_name = "authority", .authority = true };

    setenv("OPENSSL_CONF", "/dev/null", 1); /* the same on every machine */
    authority = certificate_make(&wish, NULL);
    good = certificate_make(&(struct certificate_wish){ .names = "IP:127.0.0.1" }, &authority);
    authority_file = peer_certificate_file("authority.pem", &authority);
    if (quoit_tls_create(&(struct quoit_tls_options){ .ca_file = authority_file.path }, &tls) !=
        QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    tls_server_start(&server);
    RUN(test_only_a_proper_end_makes_an_answer_whole);
    RUN(test_an_old_version_is_called_so);
    RUN(test_h2_is_not_spoken);
    RUN(test_what_speaks_no_tls_is_named);
    RUN(test_tls_where_none_was_asked_for_is_named);
    RUN(test_what_breaks_an_answer_in_the_middle_is_named);
    RUN(test_what_comes_between_answers_costs_no_connection);
    RUN(test_records_of_every_size_are_one_answer);
    RUN(test_a_flood_is_cut_off);
    RUN(test_a_server_that_reads_no_answers_is_cut_off);
    tls_server_stop(&server);
    quoit_tls_destroy(tls);
    unlink(authority_file.path);
    rmdir(peer_directory());
    certificate_free(&good);
    certificate_free(&authority);
    return check_ledger_done();
}
