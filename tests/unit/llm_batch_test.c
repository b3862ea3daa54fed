/*
 * Lines of a batch file (R33): what each says, or why it is invalid. From buffers of exact size.
 *
 * The lines of QUOIT_SHARED/data/gsm8k_batch.jsonl (default ../shared) are read too, if it is
 * there.
 */
#include "llm/batch.h"

#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ID "\"custom_id\":\"a\","
#define SENT ",\"body\":{}}"

static struct json_span exact_copy(const char *bytes, size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);

    memcpy(copy, bytes, size);
    return (struct json_span){ copy, size };
}

/* Read `text` into a new line; line_close gives back both. */
static enum batch_verdict line_open(struct batch_line *line, struct json_span *bytes_out,
                                    const char *text)
{
    *bytes_out = exact_copy(text, strlen(text));
    batch_line_init(line);
    return batch_line_read(line, *bytes_out);
}

static void line_close(struct batch_line *line, struct json_span bytes)
{
    batch_line_free(line);
    free((char *)bytes.bytes);
}

static void check_span(struct json_span span, const char *wanted)
{
    CHECK_MEM(span.size == 0 ? "" : span.bytes, span.size, wanted, strlen(wanted));
}

static void test_a_line_says_its_request(void)
{
    struct batch_line line;
    struct json_span bytes;

    CHECK_EQ(line_open(&line, &bytes,
                       "{\"custom_id\": \"req-1\", \"method\": \"POST\", "
                       "\"url\": \"/v1/chat/completions\", \"body\": {\"model\": \"m\"}}"),
             BATCH_GOOD);
    check_span(line.id_raw, "\"req-1\"");
    check_span(line.id, "req-1");
    CHECK_STR(line.method, "POST");
    CHECK_STR(line.url, "/v1/chat/completions");
    check_span(line.method_raw, "POST");
    check_span(line.url_raw, "/v1/chat/completions");
    CHECK(line.has_body);
    check_span(line.body, "{\"model\": \"m\"}");
    check_span(line.body_raw, "{\"model\": \"m\"}");
    CHECK_EQ(line.headers_count, 0);
    CHECK_STR(line.message, "");
    line_close(&line, bytes);
}

static void test_a_body_keeps_its_bytes(void)
{
    static const char *const bodies[] = {
        "{\"seed\":9007199254740993}",
        "{\"x\":1e400,\"y\":-0.0,\"z\":1E+007}",
        "{\"x\":\"\\u0000\"}",
        "{\"a\":1,\"a\":2,\"model\":\"x\",\"model\":\"y\"}",
        "{  \"a\"\t:\r[ 1 ,2 ]  }",
        "{\"x\":\"\\ud800 \\/ \\u00e9 \xC3\xA9\"}",
        "[1,2]",
        "\"text\\n\"",
        "3.0",
        "null",
        "true",
        "{\"stream\":false}",
        "{\"stream\":\"true\"}",
        "{\"x\":{\"stream\":true}}",
        "[{\"stream\":true}]",
    };

    for (size_t i = 0; i < COUNT(bodies); i++) {
        char text[256];
        struct batch_line line;
        struct json_span bytes;

        check_case(bodies[i]);
        snprintf(text, sizeof(text), "{" ID "\"body\": %s }\r\n", bodies[i]);
        CHECK_EQ(line_open(&line, &bytes, text), BATCH_GOOD);
        CHECK(line.has_body);
        check_span(line.body, bodies[i]);
        check_span(line.body_raw, bodies[i]);
        CHECK(line.body.bytes > bytes.bytes); /* a span of the line, not a copy */
        CHECK(line.body.bytes < bytes.bytes + bytes.size);
        line_close(&line, bytes);
    }
}

struct valid_case {
    const char *text;
    const char *method;
    const char *url;  /* NULL: none */
    const char *body; /* NULL: none */
};

static const struct valid_case valid_cases[] = {
    { "{" ID "\"body\":{}}", "POST", NULL, "{}" },
    { "{" ID "\"url\":\"/v1/x\",\"body\":{}}", "POST", "/v1/x", "{}" },
    { "{" ID "\"method\":\"GET\",\"url\":\"/v1/models\"}", "GET", "/v1/models", NULL },
    { "{" ID "\"method\":\"GET\",\"body\":null}", "GET", NULL, NULL },
    { "{" ID "\"method\":\"DELETE\",\"url\":\"/v1/x/1\",\"body\":{}}", "DELETE", "/v1/x/1", "{}" },
    { "{" ID "\"method\":\"x-tra!\",\"url\":\"/\"}", "x-tra!", "/", NULL },
    { "{" ID "\"method\":\"PO\\u0053T\",\"url\":\"\\/a\",\"body\":1}", "POST", "/a", "1" },
    { "{" ID "\"method\":null,\"url\":null,\"headers\":null,\"body_encoding\":null,\"body\":1}",
      "POST", NULL, "1" },
    { "{" ID "\"url\":\"http://h:1/x?a=b\",\"body\":1}", "POST", "http://h:1/x?a=b", "1" },
    { "{" ID "\"url\":\"HTTPS://h\",\"body\":1}", "POST", "HTTPS://h", "1" },
    { "{" ID "\"url\":\"/caf\\u00e9\",\"body\":1}", "POST", "/caf\xC3\xA9", "1" },
    { "{" ID "\"body\":\"a\\n\\\"b\",\"body_encoding\":\"text\"}", "POST", NULL, "a\n\"b" },
    { "{" ID "\"body_encoding\":\"te\\u0078t\",\"body\":\"plain\"}", "POST", NULL, "plain" },
    { "{" ID "\"body_encoding\":\"text\",\"body\":\"\"}", "POST", NULL, "" },
    { "{" ID "\"body_encoding\":\"text\",\"body\":\"{\\\"stream\\\":true\"}", "POST", NULL,
      "{\"stream\":true" },
    { "{" ID "\"unknown\":1,\"unknown\":2,\"body\":1,\"Body\":2}", "POST", NULL, "1" },
    { "{\"b\\u006fdy\":1,\"custom\\u005fid\":\"a\"}", "POST", NULL, "1" },
    { "  {" ID "\"body\":1}  \r\n", "POST", NULL, "1" },
};

static void test_what_a_line_may_hold_is_taken(void)
{
    for (size_t i = 0; i < COUNT(valid_cases); i++) {
        const struct valid_case *wanted = &valid_cases[i];
        struct batch_line line;
        struct json_span bytes;

        check_case(wanted->text);
        CHECK_EQ(line_open(&line, &bytes, wanted->text), BATCH_GOOD);
        CHECK_STR(line.message, "");
        check_span(line.id, "a");
        CHECK_STR(line.method, wanted->method);
        CHECK_STR(line.url == NULL ? "none" : line.url, wanted->url == NULL ? "none" : wanted->url);
        CHECK_EQ(line.has_body, wanted->body != NULL);
        check_span(line.body, wanted->body == NULL ? "" : wanted->body);
        line_close(&line, bytes);
    }
}

struct invalid_case {
    const char *text;
    const char *message;
    bool id; /* known all the same */
};

static const struct invalid_case invalid_cases[] = {
    { "", "not JSON: the text ends too early (at offset 0)", false },
    { "x", "not JSON: no JSON value begins like this (at offset 0)", false },
    { "{" ID "\"body\":{}", "not JSON: the text ends too early (at offset 26)", false },
    { "{" ID "\"body\":01}", "not JSON: a number with a leading zero (at offset 25)", false },
    { "{" ID "\"body\":\"\xFF\"}", "not JSON: not UTF-8 (at offset 25)", false },
    { "\xEF\xBB\xBF{" ID "\"body\":{}}",
      "not JSON: no JSON value begins like this (a byte order mark?) (at offset 0)", false },
    { "{" ID "\"body\":{}} {}", "not JSON: more behind the end of the JSON text (at offset 28)",
      false },
    { "[]", "the line is an array, not an object", false },
    { "[", "not JSON: the text ends too early (at offset 1)", false },
    { " \"a\"", "the line is a string, not an object", false },
    { "null", "the line is null, not an object", false },
    { "17", "the line is a number, not an object", false },
    { "{}", "custom_id is missing", false },
    { "{\"body\":{\"custom_id\":\"a\"}}", "custom_id is missing", false },
    { "{\"custom_id\":\"\"" SENT, "custom_id is empty", false },
    { "{\"custom_id\":17" SENT, "custom_id is a number: quote it", false },
    { "{\"custom_id\":null" SENT, "custom_id is null, not a string", false },
    { "{\"custom_id\":[\"a\"]" SENT, "custom_id is an array, not a string", false },
    { "{\"custom_id\":true" SENT, "custom_id is true, not a string", false },
    { "{" ID "\"custom_id\":\"a\"" SENT, "custom_id stands there twice", false },
    { "{" ID "\"custom\\u005fid\":\"b\"" SENT, "custom_id stands there twice", false },
    { "{" ID "\"url\":\"/a\",\"url\":\"/b\"" SENT, "url stands there twice", true },
    { "{" ID "\"body\":{}" SENT, "body stands there twice", true },
    { "{" ID "\"method\":7" SENT, "method is a number, not a string", true },
    { "{" ID "\"method\":\"\"" SENT, "method is not a token as GET or POST are", true },
    { "{" ID "\"method\":\"GET /\"" SENT, "method is not a token as GET or POST are", true },
    { "{" ID "\"method\":\"GET\\r\\n\"" SENT, "method is not a token as GET or POST are", true },
    { "{" ID "\"method\":\"GET\\u0000\"" SENT, "method is not a token as GET or POST are", true },
    { "{" ID "\"method\":\"G\xC3\x89T\"" SENT, "method is not a token as GET or POST are", true },
    { "{" ID "\"url\":1" SENT, "url is a number, not a string", true },
    { "{" ID "\"url\":{}" SENT, "url is an object, not a string", true },
    { "{" ID "\"url\":\"\"" SENT, "url begins neither with / nor with http:// or https://", true },
    { "{" ID "\"url\":\"v1/x\"" SENT, "url begins neither with / nor with http:// or https://",
      true },
    { "{" ID "\"url\":\"ftp://h/\"" SENT, "url begins neither with / nor with http:// or https://",
      true },
    { "{" ID "\"url\":\"/a b\"" SENT,
      "url holds a space, a control character or half of a surrogate pair", true },
    { "{" ID "\"url\":\"/a\\r\\nX: y\"" SENT,
      "url holds a space, a control character or half of a surrogate pair", true },
    { "{" ID "\"url\":\"/a\\u0000b\"" SENT,
      "url holds a space, a control character or half of a surrogate pair", true },
    { "{" ID "\"url\":\"/\\ud800\"" SENT,
      "url holds a space, a control character or half of a surrogate pair", true },
    { "{" ID "\"url\":\"/\x7F\"" SENT,
      "url holds a space, a control character or half of a surrogate pair", true },
    { "{" ID "\"method\":\"POST\"}", "body is missing, and POST needs one", true },
    { "{" ID "\"url\":\"/x\"}", "body is missing, and POST needs one", true },
    { "{" ID "\"method\":\"PUT\"}", "body is missing, and PUT needs one", true },
    { "{" ID "\"method\":\"PATCH\"}", "body is missing, and PATCH needs one", true },
    { "{" ID "\"body_encoding\":\"text\",\"body\":\"{\\\"stream\\\":true}\"}",
      "body says \"stream\":true: say --stream", true },
    { "{" ID "\"body\":{\"a\":1,\"stream\":true}}", "body says \"stream\":true: say --stream",
      true },
    { "{" ID "\"body\":{\"str\\u0065am\":true,\"stream\":false}}",
      "body says \"stream\":true: say --stream", true },
    { "{" ID "\"body_encoding\":\"base64\",\"body\":\"\"}", "body_encoding is not \"text\"", true },
    { "{" ID "\"body_encoding\":1,\"body\":\"\"}", "body_encoding is not \"text\"", true },
    { "{" ID "\"body_encoding\":\"text\",\"body\":{}}",
      "body_encoding is \"text\", and body is an object, not a string", true },
    { "{" ID "\"body_encoding\":\"text\",\"body\":null}",
      "body_encoding is \"text\", and body is null, not a string", true },
    { "{" ID "\"body_encoding\":\"text\"}",
      "body_encoding is \"text\", and body is missing, not a string", true },
    { "{" ID "\"body_encoding\":\"text\",\"body\":\"\\ud800\"}",
      "body holds half of a surrogate pair: no text can say it", true },
    { "{" ID "\"headers\":[]" SENT, "headers is an array, not an object", true },
    { "{" ID "\"headers\":{\"X-A\":1}" SENT, "header X-A is a number, not a string", true },
    { "{" ID "\"headers\":{\"X A\":\"\"}" SENT, "a header's name is not a token", true },
    { "{" ID "\"headers\":{\"\":\"\"}" SENT, "a header's name is not a token", true },
    { "{" ID "\"headers\":{\"X\\u0000\":\"\"}" SENT, "a header's name is not a token", true },
    { "{" ID "\"headers\":{\"X:\":\"\"}" SENT, "a header's name is not a token", true },
    { "{" ID "\"headers\":{\"hOST\":\"h\"}" SENT, "header hOST cannot be set", true },
    { "{" ID "\"headers\":{\"Content-Length\":\"1\"}" SENT, "header Content-Length cannot be set",
      true },
    { "{" ID "\"headers\":{\"transfer-encoding\":\"x\"}" SENT,
      "header transfer-encoding cannot be set", true },
    { "{" ID "\"headers\":{\"connection\":\"close\"}" SENT, "header connection cannot be set",
      true },
    { "{" ID "\"headers\":{\"Proxy-Authorization\":\"x\"}" SENT,
      "header Proxy-Authorization cannot be set", true },
    { "{" ID "\"headers\":{\"X\":\"a\\r\\nY: b\"}" SENT,
      "header X holds a control character or half of a surrogate pair", true },
    { "{" ID "\"headers\":{\"X\":\"a\\u0000\"}" SENT,
      "header X holds a control character or half of a surrogate pair", true },
    { "{" ID "\"headers\":{\"X\":\"\\udc00\"}" SENT,
      "header X holds a control character or half of a surrogate pair", true },
};

static void test_an_invalid_line_says_why(void)
{
    for (size_t i = 0; i < COUNT(invalid_cases); i++) {
        struct batch_line line;
        struct json_span bytes;

        check_case(invalid_cases[i].text);
        CHECK_EQ(line_open(&line, &bytes, invalid_cases[i].text), BATCH_INVALID);
        CHECK_STR(line.message, invalid_cases[i].message);
        check_span(line.id, invalid_cases[i].id ? "a" : "");
        check_span(line.id_raw, invalid_cases[i].id ? "\"a\"" : "");
        line_close(&line, bytes);
    }
}

static void test_ids_are_equal_when_they_say_the_same(void)
{
    struct batch_line line;
    struct json_span bytes;

    CHECK_EQ(line_open(&line, &bytes, "{\"custom_id\":\"\\u0061\\u0000\\/\",\"body\":1}"),
             BATCH_GOOD);
    CHECK_MEM(line.id.bytes, line.id.size, "a\0/", 3);
    check_span(line.id_raw, "\"\\u0061\\u0000\\/\"");
    line_close(&line, bytes);
    CHECK_EQ(line_open(&line, &bytes, "{\"custom_id\":\"\\ud800\",\"body\":1}"), BATCH_GOOD);
    CHECK_MEM(line.id.bytes, line.id.size, "\xED\xA0\x80", 3);
    line_close(&line, bytes);
}

static void test_headers_are_decoded_in_their_order(void)
{
    struct batch_line line;
    struct json_span bytes;

    CHECK_EQ(line_open(&line, &bytes,
                       "{" ID "\"headers\":{\"X-A\":\"1\",\"x-\\u0062\":\"a\\tb \\u00e9\","
                       "\"X-A\":\"\"},\"body\":\"\\n\",\"body_encoding\":\"text\"}"),
             BATCH_GOOD);
    CHECK_EQ(line.headers_count, 3);
    CHECK_STR(line.headers[0].name, "X-A");
    CHECK_STR(line.headers[0].value, "1");
    CHECK_STR(line.headers[1].name, "x-b");
    CHECK_STR(line.headers[1].value, "a\tb \xC3\xA9");
    CHECK_STR(line.headers[2].name, "X-A");
    CHECK_STR(line.headers[2].value, "");
    check_span(line.body, "\n");
    line_close(&line, bytes);
}

static void test_headers_have_a_limit(void)
{
    for (size_t count = BATCH_HEADERS_MAX; count <= BATCH_HEADERS_MAX + 1; count++) {
        struct text text;
        struct batch_line line;
        struct json_span bytes;

        text_init(&text, 0);
        text_append_string(&text, "{" ID "\"headers\":{");
        for (size_t i = 0; i < count; i++) {
            text_append_string(&text, i == 0 ? "\"X\":\"y\"" : ",\"X\":\"y\"");
        }
        text_append_string(&text, "}" SENT);
        enum batch_verdict verdict = line_open(&line, &bytes, text.bytes);
        CHECK_EQ(verdict, count <= BATCH_HEADERS_MAX ? BATCH_GOOD : BATCH_INVALID);
        CHECK_EQ(line.headers_count, BATCH_HEADERS_MAX);
        line_close(&line, bytes);
        text_free(&text);
    }
}

static void test_who_allows_streams_is_given_them(void)
{
    static const char *const lines[] = {
        "{" ID "\"body\":{\"stream\":true}}",
        "{" ID "\"body_encoding\":\"text\",\"body\":\"{\\\"stream\\\":true}\"}",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct batch_line line;
        struct json_span bytes;
        CHECK_EQ(line_open(&line, &bytes, lines[i]), BATCH_INVALID);
        line.may_stream = true;
        for (int twice = 0; twice < 2; twice++) { /* it is not forgotten with the line */
            CHECK_EQ(batch_line_read(&line, bytes), BATCH_GOOD);
            check_span(line.body, "{\"stream\":true}");
        }
        line_close(&line, bytes);
    }
}

static void test_a_line_read_again_remembers_nothing(void)
{
    static const char full[] = "{" ID "\"method\":\"GET\",\"url\":\"/x\",\"headers\":{\"X\":\"y\"},"
                               "\"body\":\"\\n\",\"body_encoding\":\"text\"}";
    struct batch_line line;
    struct json_span bytes;

    CHECK_EQ(line_open(&line, &bytes, full), BATCH_GOOD);
    CHECK_EQ(batch_line_read(&line, (struct json_span){ "{", 1 }), BATCH_INVALID);
    check_span(line.id_raw, "");
    check_span(line.id, "");
    CHECK_STR(line.method, "POST");
    CHECK(line.url == NULL);
    CHECK(!line.has_body);
    check_span(line.body, "");
    CHECK_EQ(line.headers_count, 0);
    CHECK_EQ(batch_line_read(&line, bytes), BATCH_GOOD);
    CHECK_STR(line.message, "");
    CHECK_STR(line.headers[0].value, "y");
    line_close(&line, bytes);
}

static void test_a_line_cut_anywhere_is_invalid(void)
{
    static const char full[] = "{" ID "\"method\":\"GET\",\"url\":\"/x\",\"headers\":{\"X\":\"y\"},"
                               "\"body\":\"\\u00e9\xC3\xA9\",\"body_encoding\":\"text\"}";

    for (size_t cut = 0; cut < strlen(full); cut++) {
        struct batch_line line;
        struct json_span bytes = exact_copy(full, cut);

        batch_line_init(&line);
        CHECK_EQ(batch_line_read(&line, bytes), BATCH_INVALID);
        CHECK_EQ(line.id_raw.size, 0);
        line_close(&line, bytes);
    }
}

static void test_without_memory_a_line_says_so(void)
{
    static const char text[] = "{" ID "\"url\":\"/x\",\"body\":1}";
    struct batch_line line;

    batch_line_init(&line);
    line.storage.size_max = 4;
    CHECK_EQ(batch_line_read(&line, (struct json_span){ text, strlen(text) }), BATCH_NO_MEMORY);
    line.storage.size_max = 64;
    CHECK_EQ(batch_line_read(&line, (struct json_span){ text, strlen(text) }), BATCH_GOOD);
    batch_line_free(&line);
}

static void test_blank_lines_are_known(void)
{
    CHECK(batch_line_is_blank((struct json_span){ NULL, 0 }));
    CHECK(batch_line_is_blank((struct json_span){ " \t\r\n", 4 }));
    CHECK(!batch_line_is_blank((struct json_span){ " {", 2 }));
    CHECK(!batch_line_is_blank((struct json_span){ "\0", 1 }));
    CHECK(!batch_line_is_blank((struct json_span){ "\f", 1 }));
}

static void test_every_line_of_the_real_file_is_good(void)
{
    const char *shared = getenv("QUOIT_SHARED");
    char path[4096], *text = NULL;
    size_t room = 0, lines = 0;
    ssize_t size;
    struct batch_line line;

    snprintf(path, sizeof(path), "%s/data/gsm8k_batch.jsonl",
             shared == NULL ? "../shared" : shared);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        printf("skipped: %s is not there (set QUOIT_SHARED)\n", path);
        return;
    }
    batch_line_init(&line);
    while ((size = getline(&text, &room, file)) > 0) {
        struct json_span bytes = exact_copy(text, (size_t)size);
        char id[32];

        snprintf(id, sizeof(id), "gsm8k-%04zu", lines++);
        CHECK_EQ(batch_line_read(&line, bytes), BATCH_GOOD);
        check_span(line.id, id);
        CHECK_STR(line.url, "/v1/chat/completions");
        /* The body is the line's last member: it ends one brace before the end. */
        CHECK_EQ(line.body.bytes + line.body.size + 1 - bytes.bytes, size - 1);
        CHECK_EQ(line.body.bytes - bytes.bytes, strstr(text, "\"body\": ") + 8 - text);
        free((char *)bytes.bytes);
    }
    CHECK_EQ(lines, 1319);
    batch_line_free(&line);
    free(text);
    fclose(file);
}

int main(void)
{
    RUN(test_a_line_says_its_request);
    RUN(test_a_body_keeps_its_bytes);
    RUN(test_what_a_line_may_hold_is_taken);
    RUN(test_an_invalid_line_says_why);
    RUN(test_ids_are_equal_when_they_say_the_same);
    RUN(test_headers_are_decoded_in_their_order);
    RUN(test_headers_have_a_limit);
    RUN(test_who_allows_streams_is_given_them);
    RUN(test_a_line_read_again_remembers_nothing);
    RUN(test_a_line_cut_anywhere_is_invalid);
    RUN(test_without_memory_a_line_says_so);
    RUN(test_blank_lines_are_known);
    RUN(test_every_line_of_the_real_file_is_good);
    return check_done();
}
