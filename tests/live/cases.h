/*
 * cases: one response from a scripted server, sent in many ways, and what must come of it.
 *
 * A row is bytes and their outcome. cases_check plays it plain and over TLS, in each mode: in one
 * write, byte by byte, at random cuts (taken whole and as a stream), joined to an interim response
 * before it, joined to the full answer before it, and over TLS with the records cut byte by byte.
 * Each time an engine asks for the row and then for one thing more, which must be answered right:
 * on the same connection if the row leaves it usable, on a new one if not. Both are looked up in
 * the server's ledger.
 *
 * Behind a full answer the row is something that nobody asked for, whatever it is: that answer is
 * given, and the connection not used again (R01).
 *
 * cases_check_splits sends an accepted row once for every place where it can be cut in two (R31).
 */
#ifndef QUOIT_TESTS_CASES_H
#define QUOIT_TESTS_CASES_H

#include "base/bits.h"
#include "tests/live/certificates.h"
#include "tests/live/check_ledger.h"
#include "tests/live/raw.h"

#include <stdlib.h>

#define CASES_BYTES(text) .bytes = (text), .size = sizeof(text) - 1
#define CASES_SPLIT_MAX 600 /* bytes of a row that is cut everywhere */

/* What the server does behind the row's bytes. */
enum cases_end {
    CASES_HELD,  /* waits for the next request, or for the client to close */
    CASES_CLOSE, /* over TLS with close_notify */
    CASES_RUDE,  /* FIN, over TLS without close_notify */
    CASES_RST,   /* when the client has all bytes */
};

struct cases_row {
    const char *name; /* with the case's id */
    const char *bytes;
    size_t size;
    enum cases_end end;
    const char *method; /* NULL: GET */
    struct quoit_options limits;
    bool at_once;    /* its surplus, if it came late, could only be taken for the next answer */
    bool no_interim; /* another interim response before it would change the outcome */

    /* The outcome. */
    enum quoit_error error;
    uint32_t status;    /* 0: refused in its head, of which nothing is shown */
    const char *body;   /* what is there of it in any case; NULL: none */
    size_t body_size;   /* 0: strlen(body) */
    bool closes;        /* the connection may not be used again */
    bool secure_is_cut; /* over TLS it is INCOMPLETE */
    const char *header; /* "Name: value" of a header that is there; NULL: not looked at */
    const char *detail; /* of the error; NULL: not looked at */
};

enum cases_before { CASES_NOTHING, CASES_INTERIM, CASES_ANSWER };

struct cases_mode {
    const char *name;
    const char *feed; /* a step of the script */
    enum cases_before before;
    enum quoit_stream stream;
    bool plain_only, secure_only;
};

static const struct cases_mode cases_modes[] = {
    { .name = "in one write", .feed = "feed whole" },
    { .name = "byte by byte", .feed = "feed bytes" },
    { .name = "at random cuts", .feed = "feed cuts 20261122" },
    { .name = "as a stream", .feed = "feed cuts 7", .stream = QUOIT_PIECES, .plain_only = true },
    { .name = "behind an interim response", .feed = "feed whole", .before = CASES_INTERIM },
    { .name = "behind an answer", .feed = "feed whole", .before = CASES_ANSWER },
    { .name = "records byte by byte", .feed = "records bytes", .secure_only = true },
};

#define CASES_INTERIM_BYTES "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define CASES_ANSWER_BODY "asked for"
#define CASES_ANSWER_BYTES "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" CASES_ANSWER_BODY

/* The servers and identities of a program. */
static struct live_server cases_plain, cases_secure;
static struct quoit_tls *cases_tls;

/* False: there is no openssl(1) to make certificates. */
static inline bool cases_start(void)
{
    if (!certificates_make()) {
        printf("no openssl(1) here\n");
        return false;
    }
    const struct quoit_tls_options options = { .ca_file = certificate("authority.pem") };
    cases_plain = raw_start((const char *[]){ NULL });
    cases_secure = raw_start(
        (const char *[]){ "--tls", certificate("server.pem"), certificate("server.key"), NULL });
    if (quoit_tls_create(&options, &cases_tls) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    return true;
}

static inline int cases_done(void)
{
    quoit_tls_destroy(cases_tls);
    live_stop(&cases_plain);
    live_stop(&cases_secure);
    return check_ledger_done();
}

/* -------- one run -------- */

/* What came of a row; the same whether it was taken whole or as a stream. */
struct cases_outcome {
    enum quoit_error error;
    uint32_t status, attempts, headers_count;
    char *body; /* owned */
    size_t body_size;
    char header[128]; /* value of row->header's name */
    char detail[160];
    bool has_header;
    bool head_shown; /* a HEAD event */
};

static inline void cases_take_piece(struct cases_outcome *outcome, struct quoit_span piece)
{
    if (piece.size > 0) {
        outcome->body = realloc(outcome->body, outcome->body_size + piece.size);
        memcpy(outcome->body + outcome->body_size, piece.bytes, piece.size);
        outcome->body_size += piece.size;
    }
}

static inline void cases_take_end(struct cases_outcome *outcome, const struct quoit_result *result,
                                  const char *header)
{
    char name[128] = "";

    outcome->error = result->error;
    outcome->status = result->status;
    outcome->attempts = result->attempts;
    outcome->headers_count = result->headers_count;
    cases_take_piece(outcome, result->body);
    snprintf(outcome->detail, sizeof(outcome->detail), "%s", result->detail);
    if (header != NULL) {
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(header, ":"), header);
    }
    const char *value = quoit_result_header(result, name);
    outcome->has_header = value != NULL;
    snprintf(outcome->header, sizeof(outcome->header), "%s", value == NULL ? "" : value);
}

static inline struct cases_outcome
cases_ask(struct quoit_engine *engine, const struct quoit_request *request, const char *header)
{
    struct cases_outcome outcome = { 0 };

    live_submit(engine, request);
    for (;;) {
        struct quoit_event event = live_next(engine);
        if (event.kind == QUOIT_END) {
            cases_take_end(&outcome, event.result, header);
            return outcome;
        }
        outcome.head_shown = true;
        cases_take_piece(&outcome, event.bytes);
    }
}

/* -------- scripts -------- */

static inline const char *cases_end_step(enum cases_end end)
{
    switch (end) {
    case CASES_HELD:
        return "loop\n read-request\n answer\n end";
    case CASES_CLOSE:
        return "close";
    case CASES_RUDE:
        return "close-rude";
    case CASES_RST:
        return "feed bytes\n rst"; /* `feed`: what was sent is taken first */
    }
    abort(); /* an end without a step */
}

static inline void cases_play(const struct live_server *server, const struct cases_row *row,
                              const struct cases_mode *mode)
{
    struct raw_text script = { 0 };

    raw_add(&script, "connection 1:\nread-request\n%s\n", mode->feed);
    switch (mode->before) {
    case CASES_NOTHING:
        break;
    case CASES_INTERIM:
        raw_add_bytes(&script, "hold", CASES_INTERIM_BYTES, sizeof(CASES_INTERIM_BYTES) - 1);
        break;
    case CASES_ANSWER:
        raw_add_bytes(&script, "hold", CASES_ANSWER_BYTES, sizeof(CASES_ANSWER_BYTES) - 1);
        break;
    }
    raw_add_bytes(&script, "send", row->bytes, row->size);
    raw_add(&script, "feed whole\n%s\n", cases_end_step(row->end));
    raw_add(&script, "connection *:\nloop\nread-request\nanswer\nend\n");
    raw_play(server, &script);
}

/* -------- checks -------- */

static inline void cases_check_body(const struct cases_outcome *got, const char *body, size_t size)
{
    CHECK_EQ(got->body_size, size);
    CHECK(got->body_size == size && (size == 0 || memcmp(got->body, body, size) == 0));
}

static inline void cases_check_header(const struct cases_outcome *got, const char *header)
{
    const char *value = header + strcspn(header, ":");

    CHECK(got->has_header);
    CHECK_STR(got->header, *value == '\0' ? "" : value + 2);
}

/* The row itself. */
static inline void cases_check_outcome(const struct cases_outcome *got, const struct cases_row *row,
                                       bool secure)
{
    bool is_cut = secure && row->secure_is_cut;
    size_t size = row->body == NULL ? 0 : row->body_size != 0 ? row->body_size : strlen(row->body);

    CHECK_EQ(got->error, is_cut ? QUOIT_E_INCOMPLETE : row->error);
    CHECK_EQ(got->status, row->status);
    CHECK_EQ(got->attempts, 1);
    cases_check_body(got, row->body, size);
    if (row->status == 0) {
        CHECK_EQ(got->headers_count, 0);
        CHECK(!got->head_shown);
    }
    if (row->header != NULL) {
        cases_check_header(got, row->header);
    }
    if (row->detail != NULL) {
        CHECK_STR(got->detail, row->detail);
    }
}

/* Who asked for what on which connection, and that the client has closed what it must not use. */
static inline void cases_check_ledger(const struct live_server *server, const struct cases_row *row,
                                      bool closes)
{
    if (closes) {
        struct raw_connection first = raw_await_end(server, 1);
        CHECK_LEDGER_EQ(first.requests, 1);
        CHECK_LEDGER(strcmp(first.end, "fin") == 0 || strcmp(first.end, "reset") == 0 ||
                     (row->end == CASES_RST && strcmp(first.end, "ours") == 0));
    }
    char *ledger = raw_ledger(server);
    struct raw_request asked = raw_ledger_request(ledger, 1);
    struct raw_request next = raw_ledger_request(ledger, 2);
    CHECK_LEDGER_EQ(raw_ledger_number(ledger, "requests"), 2);
    CHECK_LEDGER_EQ(raw_ledger_number(ledger, "connections_accepted"), closes ? 2 : 1);
    CHECK_LEDGER_STR(asked.target, "/row");
    CHECK_LEDGER_STR(next.target, "/next");
    CHECK_LEDGER_EQ(next.connection, closes ? 2 : 1);
    free(ledger);
}

/* One row in one mode over one transport. */
static inline void cases_run(const struct live_server *server, const struct cases_row *row,
                             const struct cases_mode *mode)
{
    bool secure = server == &cases_secure;
    bool poison = mode->before == CASES_ANSWER;
    struct quoit_options options = row->limits;
    struct quoit_request request = { .url = live_url(server, "/row"),
                                     .method = row->method,
                                     .stream = mode->stream,
                                     .retries = QUOIT_NONE };
    static char name[256];

    snprintf(name, sizeof(name), "%s, %s, %s", row->name, secure ? "TLS" : "plain", mode->name);
    check_case(name);
    live_doing(name);
    options.tls = cases_tls;
    struct quoit_engine *engine = live_engine(&options);
    cases_play(server, row, mode);
    struct cases_outcome got = cases_ask(engine, &request, row->header);
    if (poison) {
        CHECK_EQ(got.error, QUOIT_OK);
        CHECK_EQ(got.attempts, 1);
        cases_check_body(&got, CASES_ANSWER_BODY, strlen(CASES_ANSWER_BODY));
    } else {
        cases_check_outcome(&got, row, secure);
    }
    free(got.body);
    request = (struct quoit_request){ .url = live_url(server, "/next"), .retries = QUOIT_NONE };
    got = cases_ask(engine, &request, NULL);
    CHECK_EQ(got.error, QUOIT_OK);
    CHECK_EQ(got.status, 200);
    cases_check_body(&got, "/next", strlen("/next"));
    free(got.body);
    cases_check_ledger(server, row, poison || row->closes || row->error != QUOIT_OK);
    quoit_destroy(engine);
    check_case("");
}

static inline bool cases_mode_suits(const struct cases_mode *mode, const struct cases_row *row,
                                    bool secure)
{
    bool is_head = row->method != NULL && strcmp(row->method, "HEAD") == 0;

    if (secure ? mode->plain_only : mode->secure_only) {
        return false;
    }
    if (row->at_once && strcmp(mode->feed, "feed whole") != 0) {
        return false;
    }
    return !(mode->before == CASES_INTERIM && row->no_interim) &&
           !(mode->before == CASES_ANSWER && is_head);
}

static inline void cases_check(const struct cases_row *row)
{
    const struct live_server *servers[] = { &cases_plain, &cases_secure };

    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        for (size_t m = 0; m < COUNT_OF(cases_modes); m++) {
            if (cases_mode_suits(&cases_modes[m], row, i == 1)) {
                cases_run(servers[i], row, &cases_modes[m]);
            }
        }
    }
}

static inline void cases_check_all(const struct cases_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cases_check(&rows[i]);
    }
}

/* -------- every place to cut -------- */

/* The k-th time it is cut behind byte k: on one connection, or on one each. */
static inline void cases_play_splits(const struct cases_row *row, bool closes)
{
    struct raw_text script = { 0 };

    for (size_t cut = 1; cut < row->size; cut++) {
        if (cut == 1 || closes) {
            raw_add(&script, "connection %zu:\n", cut);
        }
        raw_add(&script, "read-request\nfeed split %zu\n", cut);
        raw_add_bytes(&script, "send", row->bytes, row->size);
        if (closes) {
            raw_add(&script, "%s\n",
                    row->end == CASES_HELD ? "read-end" : cases_end_step(row->end));
        }
    }
    raw_play(&cases_plain, &script);
}

static inline void cases_check_splits(const struct cases_row *row)
{
    bool closes = row->closes;
    struct quoit_options options = row->limits;
    struct quoit_request request = { .url = live_url(&cases_plain, "/row"),
                                     .method = row->method,
                                     .retries = QUOIT_NONE };
    static char name[256];

    if (row->error != QUOIT_OK || row->size > CASES_SPLIT_MAX || row->end == CASES_RST ||
        row->at_once) {
        return;
    }
    struct quoit_engine *engine = live_engine(&options);
    cases_play_splits(row, closes);
    for (size_t cut = 1; cut < row->size; cut++) {
        snprintf(name, sizeof(name), "R31, %s, cut behind byte %zu", row->name, cut);
        check_case(name);
        live_doing(name);
        struct cases_outcome got = cases_ask(engine, &request, row->header);
        cases_check_outcome(&got, row, false);
        free(got.body);
    }
    check_case(row->name);
    CHECK_LEDGER_EQ(live_number(&cases_plain, "requests"), row->size - 1);
    CHECK_LEDGER_EQ(live_number(&cases_plain, "connections_accepted"), closes ? row->size - 1 : 1);
    CHECK_LEDGER_EQ(live_number(&cases_plain, "bytes_after"), 0);
    quoit_destroy(engine);
    check_case("");
}

static inline void cases_check_all_splits(const struct cases_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cases_check_splits(&rows[i]);
    }
}

#endif
