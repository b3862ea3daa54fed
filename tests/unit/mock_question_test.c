/* Tests of mock/question.h and mock/incoming.h: requests, cut anywhere, and what they ask. */
#include "mock/hash.h"
#include "mock/incoming.h"
#include "mock/question.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define BODY_MAX 4096

static const char request_text[] =
    "POST http://h/p/v1/chat/completions?api-version=1 HTTP/1.1\r\nHost: h\r\nX-Custom-Id: k\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
    "8\r\n{\"model\"\r\n2b\r\n: \"m\\\"1\", \"n\":2,\"stream\" :true ,\"x\":[{},1]}\r\n0\r\n\r\n"
    "GET /next";

/* Feed the first `size` bytes as a block of just that size. */
static enum incoming_progress feed(struct incoming *incoming, const char *bytes, size_t size,
                                   size_t *consumed_out)
{
    char *block = malloc(size);
    memcpy(block, bytes, size);
    enum incoming_progress progress = incoming_feed(incoming, block, size, consumed_out);
    free(block);
    return progress;
}

static void check_request(const struct incoming *incoming)
{
    struct question question;
    size_t path_size = 0;
    const char *path = question_path(incoming, &path_size);

    question_read(&question, incoming);
    CHECK_MEM(path, path_size, "/p/v1/chat/completions", 22);
    CHECK_STR(incoming_method(incoming), "POST");
    CHECK_STR(incoming_header(incoming, "x-custom-id"), "k");
    CHECK_EQ(question.kind, QUESTION_CHAT);
    CHECK(question.is_object);
    CHECK(question.stream);
    CHECK(!question.include_usage);
    CHECK_EQ(question.choices, 2);
    CHECK_MEM(question.model, question.model_size, "m\\\"1", 4);
}

static void test_a_request_cut_anywhere_is_the_same_request(void)
{
    size_t size = strlen(request_text);
    size_t request_size = size - strlen("GET /next");

    for (size_t cut = 1; cut < request_size; cut++) {
        struct incoming incoming;
        size_t consumed = 0;
        incoming_init(&incoming, BODY_MAX);
        enum incoming_progress progress = feed(&incoming, request_text, cut, &consumed);
        CHECK(progress == INCOMING_MORE || progress == INCOMING_HEAD);
        CHECK_EQ(consumed, cut);
        progress = feed(&incoming, request_text + cut, size - cut, &consumed);
        if (progress == INCOMING_HEAD) {
            CHECK(false); /* the rest of the head brings the body along */
        }
        CHECK_EQ(progress, INCOMING_WHOLE);
        CHECK_EQ(consumed, request_size - cut);
        check_request(&incoming);
        incoming_free(&incoming);
    }
}

static void test_a_second_request_follows_the_first(void)
{
    static const char twice[] =
        "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /bc HTTP/1.1\r\nHost: h\r\n\r\n";
    struct incoming incoming;
    size_t first = 0;
    size_t second = 0;

    incoming_init(&incoming, BODY_MAX);
    CHECK_EQ(feed(&incoming, twice, strlen(twice), &first), INCOMING_WHOLE);
    CHECK_MEM(incoming.target.bytes, incoming.target.size, "/a", 2);
    incoming_reset(&incoming);
    CHECK_EQ(feed(&incoming, twice + first, strlen(twice) - first, &second), INCOMING_WHOLE);
    CHECK_MEM(incoming.target.bytes, incoming.target.size, "/bc", 3);
    CHECK_EQ(first + second, strlen(twice));
    incoming_free(&incoming);
}

static void test_what_is_too_large_or_no_http_is_refused(void)
{
    static const struct {
        const char *text;
        uint16_t status;
    } cases[] = {
        { "POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n", 0 },
        { "GET /x y HTTP/1.1\r\n\r\n", 400 },
        { "hello\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct incoming incoming;
        size_t consumed = 0;
        check_case(cases[i].text);
        incoming_init(&incoming, BODY_MAX);
        enum incoming_progress progress =
            feed(&incoming, cases[i].text, strlen(cases[i].text), &consumed);
        if (cases[i].status == 0) {
            static const char body[BODY_MAX + 1];
            CHECK_EQ(progress, INCOMING_HEAD);
            CHECK_EQ(feed(&incoming, body, sizeof(body), &consumed), INCOMING_BAD);
            CHECK_EQ(incoming.error_status, 413);
        } else {
            CHECK_EQ(progress, INCOMING_BAD);
            CHECK_EQ(incoming.error_status, cases[i].status);
        }
        incoming_free(&incoming);
    }
}

static void test_any_bytes_can_be_a_body(void)
{
    static const char *const bodies[] = { "{",
                                          "{\"",
                                          "{\"a",
                                          "{\"a\\",
                                          "{\"a\"",
                                          "{\"a\":",
                                          "\"",
                                          "[1,2",
                                          "{\"model\":\"",
                                          "{\"input\":[",
                                          "{\"stream_options\":{\"include_usage\"",
                                          "}{" };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct incoming incoming;
        struct question question;
        char text[256];
        size_t consumed = 0;
        check_case(bodies[i]);
        snprintf(text, sizeof(text),
                 "POST /v1/embeddings HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s", strlen(bodies[i]),
                 bodies[i]);
        incoming_init(&incoming, BODY_MAX);
        CHECK_EQ(feed(&incoming, text, strlen(text), &consumed), INCOMING_WHOLE);
        question_read(&question, &incoming);
        CHECK_EQ(question.kind, QUESTION_EMBEDDING);
        CHECK_EQ(question.inputs, 1);
        CHECK_MEM(question.model, question.model_size, "mock", 4);
        incoming_free(&incoming);
    }
}

static void test_each_prompt_of_an_array_has_its_choices(void)
{
    static const struct {
        const char *path, *body;
        uint64_t choices;
    } cases[] = {
        { "completions", "{\"prompt\":\"a\"}", 1 },
        { "completions", "{\"prompt\":[\"a, [b\", \"c\",\"d\"]}", 3 },
        { "completions", "{\"n\":2,\"prompt\":[\"a\",\"b\",\"c\"]}", 6 },
        { "completions", "{\"prompt\":[\"a\",\"b\",\"c\"],\"n\":2}", 6 },
        { "completions", "{\"prompt\":[1,2,3]}", 1 },
        { "completions", "{\"prompt\":[[1,2],[3]]}", 2 },
        { "completions", "{\"prompt\":[]}", 1 },
        { "chat/completions", "{\"prompt\":[\"a\",\"b\"]}", 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct incoming incoming;
        struct question question;
        char text[256];
        size_t consumed = 0;
        check_case(cases[i].body);
        snprintf(text, sizeof(text), "POST /v1/%s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s",
                 cases[i].path, strlen(cases[i].body), cases[i].body);
        incoming_init(&incoming, BODY_MAX);
        CHECK_EQ(feed(&incoming, text, strlen(text), &consumed), INCOMING_WHOLE);
        question_read(&question, &incoming);
        CHECK_EQ(question.choices, cases[i].choices);
        incoming_free(&incoming);
    }
}

static void test_a_hash_is_the_begin_of_sha_256(void)
{
    CHECK(hash_of("", 0) == 0xe3b0c44298fc1c14u);
    CHECK(hash_of("abc", 3) == 0xba7816bf8f01cfeau);
}

int main(void)
{
    RUN(test_a_request_cut_anywhere_is_the_same_request);
    RUN(test_a_second_request_follows_the_first);
    RUN(test_what_is_too_large_or_no_http_is_refused);
    RUN(test_any_bytes_can_be_a_body);
    RUN(test_each_prompt_of_an_array_has_its_choices);
    RUN(test_a_hash_is_the_begin_of_sha_256);
    return check_done();
}
