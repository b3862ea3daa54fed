/*
 * http_corpora: the raw responses that others have collected, each against the verdict given there,
 * fed whole, in pieces of each small size, cut in two at every place, and with another response
 * behind it; and nothing is taken that the reference parser refuses (R10 R31). They lie in
 * $QUOIT_SHARED/corpora (../shared); where that is missing, this is skipped.
 */
#include "tests/fuzz/reference.h"
#include "tests/unit/http_exchange.h"

#include "base/bits.h"

#define CORPORA_FILE_MAX 65536
#define CORPORA_NAME_MAX 128
#define CORPORA_PATH_MAX 4096

static const char *corpora_folder(void)
{
    const char *shared = getenv("QUOIT_SHARED");

    return shared != NULL ? shared : "../shared";
}

/* A file of the corpora; 0: it is not there. */
static size_t corpora_read(const char *name, char *bytes, size_t room)
{
    char path[CORPORA_PATH_MAX];

    snprintf(path, sizeof(path), "%s/corpora/%s", corpora_folder(), name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

/*
 * Does a client that reads answer after answer from these bytes find them all valid? Bytes behind
 * the last answer that the connection may carry are a fault. An answer may be cut short.
 */
static bool corpora_accepts(struct exchange *exchange, const char *bytes, size_t size,
                            size_t piece_size, bool to_head)
{
    const struct exchange_case plain = { .to_head = to_head };
    enum response_progress progress = RESPONSE_INCOMPLETE;

    exchange_begin(exchange, &plain);
    for (size_t done = 0; done < size;) {
        size_t piece = piece_size < size - done ? piece_size : size - done;
        size_t consumed = 0;
        if (progress == RESPONSE_COMPLETE) {
            if (!exchange->response.keep_alive) {
                return false;
            }
            exchange_begin(exchange, &plain);
        }
        progress = exchange_feed(exchange, bytes + done, piece, &consumed);
        if (progress == RESPONSE_INVALID) {
            return false;
        }
        done += consumed;
    }
    return true;
}

/* What is complete for the codec is so for the reference, and with the same body. */
static void check_reference(const struct exchange_outcome *got, const char *bytes, size_t size,
                            bool to_head)
{
    static struct reference_response reference;
    static uint8_t body[CORPORA_FILE_MAX];
    const struct reference_limits limits = {
        .body_size_max = 1 << 20,
        .head_size_max = 1 << 16,
        .lines_max = 256,
        .interim_max = RESPONSE_INTERIM_MAX,
        .extension_max = RESPONSE_CHUNK_EXTENSION_MAX,
        .to_head = to_head,
        .end = REFERENCE_CLOSED,
    };

    reference_read_response((const uint8_t *)bytes, size, &limits, &reference, body);
    if (got->progress == RESPONSE_COMPLETE) {
        CHECK_EQ(reference.verdict, REFERENCE_COMPLETE);
        CHECK_EQ(reference.size, got->consumed);
        CHECK_EQ(reference.status, got->status);
        CHECK_EQ(reference.keep_alive, got->keep_alive);
        CHECK_MEM(got->body, got->body_kept, body, reference.body_size);
    }
}

/* The first answer in these bytes, up to the connection's end: cut anywhere it is the same. */
static void check_first(struct exchange *exchange, const char *bytes, size_t size, bool to_head)
{
    const struct exchange_case first = {
        .bytes = bytes, .size = size, .end = END_CLEAN, .to_head = to_head
    };
    struct exchange_outcome whole = exchange_run(exchange, &first, bytes, size, SIZE_MAX, SIZE_MAX);
    struct exchange_outcome bytewise = exchange_run(exchange, &first, bytes, size, 1, 1);

    exchange_check_same(&bytewise, &whole);
    for (size_t cut = 1; cut < size; cut++) {
        struct exchange_outcome in_two = exchange_run(exchange, &first, bytes, size, cut, SIZE_MAX);
        exchange_check_same(&in_two, &whole);
    }
    if (whole.progress == RESPONSE_COMPLETE && !whole.ends_with_close && whole.consumed == size) {
        exchange_check_joined(exchange, &first, &whole);
    }
    check_reference(&whole, bytes, size, to_head);
}

/* The verdict, which must not depend on the pieces. */
static bool corpora_verdict(struct exchange *exchange, const char *bytes, size_t size, bool to_head)
{
    bool whole = corpora_accepts(exchange, bytes, size, SIZE_MAX, to_head);

    for (size_t piece = 1; piece <= 17; piece++) {
        CHECK_EQ(corpora_accepts(exchange, bytes, size, piece, to_head), whole);
    }
    check_first(exchange, bytes, size, to_head);
    return whole;
}

/* Reject at least what llhttp 9.3.1 rejects, and a NUL anywhere. */
static void test_wpt_responses_are_refused_where_they_must_be(void)
{
    static char table[CORPORA_FILE_MAX], bytes[CORPORA_FILE_MAX];
    struct exchange exchange;
    char *line_end;
    uint32_t count = 0;

    exchange_init(&exchange);
    table[corpora_read("wpt-h1-parsing.verdicts.tsv", table, sizeof(table) - 1)] = '\0';
    for (char *line = strchr(table, '\n'); line != NULL && line[1] != '\0'; line = line_end) {
        char name[CORPORA_NAME_MAX], path[2 * CORPORA_NAME_MAX], verdict[16];
        line_end = strchr(line + 1, '\n');
        CHECK_EQ(sscanf(line + 1, "%127s %*s %15s", name, verdict), 2);
        snprintf(path, sizeof(path), "wpt-h1-parsing/%s", name);
        size_t size = corpora_read(path, bytes, sizeof(bytes));
        check_case(name);
        CHECK(size != 0);
        bool accepted = corpora_verdict(&exchange, bytes, size, false);
        if (strcmp(verdict, "REJECT") == 0 || memchr(bytes, '\0', size) != NULL) {
            CHECK(!accepted);
        } else if (strcmp(name, "CR_first") != 0 && strcmp(name, "LF_first") != 0) {
            CHECK(accepted); /* those two are a bare CR and a bare LF: stricter on purpose */
        }
        count++;
    }
    check_case("");
    CHECK_EQ(count, 102);
    exchange_free(&exchange);
}

/* Where we are stricter than llhttp's own tests. */
static const struct corpora_exception {
    const char *name;
    const char *why;
} corpora_exceptions[] = {
    { "connection-06", "bytes behind Connection: close (needs llhttp to be lenient)" },
    { "connection-08", "bytes behind Connection: close (needs llhttp to be lenient)" },
    { "connection-09", "101, unasked" },
    { "connection-10", "101, unasked" },
    { "invalid-08", "a bare CR (needs llhttp to be lenient)" },
    { "invalid-16", "bare LFs (needs llhttp to be lenient)" },
    { "invalid-18", "bare LFs (needs llhttp to be lenient)" },
    { "lenient-version-00", "HTTP/5.6 (needs llhttp to be lenient)" },
    { "sample-01", "RTSP/1.1" },
    { "sample-02", "ICE/1.0" },
    { "sample-11", "bare LFs (needs llhttp to be lenient)" },
    { "sample-17", "HTTP/0.9" },
    { "transfer-encoding-01", "Transfer-Encoding: chunked, deflate" },
    { "transfer-encoding-02", "Transfer-Encoding: chunked, and another line" },
    { "transfer-encoding-03", "Transfer-Encoding: chunkedchunked" },
    { "transfer-encoding-09", "a folded header (needs llhttp to be lenient)" },
};

static bool corpora_is_stricter(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(corpora_exceptions); i++) {
        if (strcmp(corpora_exceptions[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The index is JSON: rows of ["name", "kind", "VERDICT", "title", {...}], of which we want two. */
static void test_the_responses_of_llhttp_are_judged_as_there_or_more_strictly(void)
{
    static char index[CORPORA_FILE_MAX], bytes[CORPORA_FILE_MAX];
    struct exchange exchange;
    uint32_t count = 0;

    exchange_init(&exchange);
    index[corpora_read("llhttp-response.index.json", index, sizeof(index) - 1)] = '\0';
    for (const char *row = strstr(index, "\"response"); row != NULL;) {
        char name[CORPORA_NAME_MAX], path[2 * CORPORA_NAME_MAX], verdict[16];
        const char *start = row;
        while (*start != '[') {
            start--;
        }
        CHECK_EQ(sscanf(start, "[ \"%127[^\"]\" , \"%*[^\"]\" , \"%15[^\"]\"", name, verdict), 2);
        snprintf(path, sizeof(path), "llhttp-response/%s", name);
        size_t size = corpora_read(path, bytes, sizeof(bytes));
        const char *row_end = strchr(row, '}');
        const char *skip = strstr(row, "skipBody");
        check_case(name);
        CHECK(row_end != NULL);
        bool accepted = corpora_verdict(&exchange, bytes, size, skip != NULL && skip < row_end);
        bool wanted = strcmp(verdict, "ACCEPT") == 0 && !corpora_is_stricter(name);
        CHECK_EQ(accepted, wanted);
        count++;
        row = row_end == NULL ? NULL : strstr(row_end, "\"response");
    }
    check_case("");
    CHECK_EQ(count, 85);
    exchange_free(&exchange);
}

int main(void)
{
    char first;

    if (corpora_read("wpt-h1-parsing.verdicts.tsv", &first, 1) == 0 ||
        corpora_read("llhttp-response.index.json", &first, 1) == 0) {
        printf("skipped: no corpora in %s (set QUOIT_SHARED)\n", corpora_folder());
        return 77;
    }
    RUN(test_wpt_responses_are_refused_where_they_must_be);
    RUN(test_the_responses_of_llhttp_are_judged_as_there_or_more_strictly);
    return check_done();
}
