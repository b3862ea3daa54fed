/*
 * reply: every shape that servers answer in, whole and as events; then all of them broken.
 */
#include "llm/text.h"
#include "llm/utf8.h"
#include "quoit_llm.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>

/* From a buffer of the exact size, so that a byte too far is seen. */
static enum quoit_error read_bytes(struct quoit_llm_reply *reply, const char *bytes, size_t size)
{
    char *exact = malloc(size == 0 ? 1 : size);

    memcpy(exact, bytes, size);
    enum quoit_error error = quoit_llm_reply_read(reply, (struct quoit_span){ exact, size });
    free(exact);
    return error;
}

struct reply_case {
    const char *name, *bytes;
    size_t choices_count;
    const char *content, *finish; /* of the first choice */
    uint64_t tokens_in, tokens_out;
    const char *type, *code, *message; /* not NULL: it failed */
    bool done;
};

static const struct reply_case cases[] = {
    /* Whole answers. */
    { "chat",
      "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":"
      "{\"role\":\"assistant\",\"content\":\"Par\\u00eds\\n\"},\"logprobs\":null,\"finish_reason\":"
      "\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}",
      1, "Par\xc3\xads\n", "stop", 9, 2, NULL, NULL, NULL, false },
    { "chat with null for a content",
      "{\"choices\":[{\"index\":0,\"message\":{\"content\":null,\"tool_calls\":[]},"
      "\"finish_reason\":\"tool_calls\"}],\"usage\":null}",
      1, "", "tool_calls", 0, 0, NULL, NULL, NULL, false },
    { "chat with a content in parts",
      "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
      "{\"type\":\"image\"},{\"type\":\"text\",\"text\":\"b\"}]},\"finish_reason\":null}]}",
      1, "ab", "", 0, 0, NULL, NULL, NULL, false },
    { "chat with no choice", "{\"choices\":[]}", 0, NULL, NULL, 0, 0, NULL, NULL, NULL, false },
    { "completions",
      "{\"object\":\"text_completion\",\"choices\":[{\"text\":\" a\",\"index\":0,"
      "\"finish_reason\":\"length\"},{\"text\":\" b\",\"index\":1}],\"usage\":{\"prompt_tokens\":1,"
      "\"completion_tokens\":2}}",
      2, " a", "length", 1, 2, NULL, NULL, NULL, false },
    { "responses",
      "{\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"incomplete_details\":"
      "null,"
      "\"output\":[{\"type\":\"reasoning\",\"summary\":[]},{\"type\":\"message\",\"content\":[{"
      "\"type\":\"output_text\",\"text\":\"Hel\"},{\"type\":\"output_text\",\"text\":\"lo\"}]}],"
      "\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}",
      1, "Hello", "completed", 3, 4, NULL, NULL, NULL, false },
    { "responses, incomplete",
      "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"},"
      "\"output\":[]}",
      1, "", "max_output_tokens", 0, 0, NULL, NULL, NULL, false },
    { "responses, failed",
      "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"Oh\"},"
      "\"output\":[]}",
      0, NULL, NULL, 0, 0, "", "server_error", "Oh", false },
    { "anthropic",
      "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_"
      "use\""
      "}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}",
      1, "Hi", "end_turn", 5, 6, NULL, NULL, NULL, false },
    /* Events. */
    { "chunk",
      "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
      "\"Pa\"},\"finish_reason\":null}],\"usage\":null}",
      1, "Pa", "", 0, 0, NULL, NULL, NULL, false },
    { "chunk that ends", "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}", 1,
      "", "stop", 0, 0, NULL, NULL, NULL, false },
    { "chunk of usage", "{\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}",
      0, NULL, NULL, 9, 2, NULL, NULL, NULL, false },
    { "done", "[DONE]", 0, NULL, NULL, 0, 0, NULL, NULL, NULL, true },
    { "responses delta",
      "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"He\"}", 1, "He", "",
      0, 0, NULL, NULL, NULL, false },
    { "responses other event",
      "{\"type\":\"response.created\",\"response\":{\"status\":\"in_progress\",\"output\":[]}}", 0,
      NULL, NULL, 0, 0, NULL, NULL, NULL, false },
    { "responses completed",
      "{\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"output\":[{"
      "\"type\":"
      "\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hello\"}]}],\"usage\":{"
      "\"input_tokens\":3,\"output_tokens\":4}}}",
      1, "", "completed", 3, 4, NULL, NULL, NULL, true },
    { "responses incomplete",
      "{\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\","
      "\"incomplete_details\":{\"reason\":\"content_filter\"}}}",
      1, "", "content_filter", 0, 0, NULL, NULL, NULL, true },
    { "responses failed",
      "{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"c\",\"message\":\"m\"}}}",
      0, NULL, NULL, 0, 0, "", "c", "m", true },
    { "responses error", "{\"type\":\"error\",\"code\":\"ERR\",\"message\":\"m\",\"param\":null}",
      0, NULL, NULL, 0, 0, "error", "ERR", "m", false },
    { "anthropic start",
      "{\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":25,"
      "\"output_tokens\":1}}}",
      0, NULL, NULL, 25, 1, NULL, NULL, NULL, false },
    { "anthropic delta",
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":"
      "\"Hi\"}}",
      1, "Hi", "", 0, 0, NULL, NULL, NULL, false },
    { "anthropic end",
      "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{"
      "\"output_tokens\":15}}",
      1, "", "max_tokens", 0, 15, NULL, NULL, NULL, false },
    { "anthropic stop", "{\"type\":\"message_stop\"}", 0, NULL, NULL, 0, 0, NULL, NULL, NULL,
      true },
    { "anthropic ping", "{\"type\":\"ping\"}", 0, NULL, NULL, 0, 0, NULL, NULL, NULL, false },
    /* Errors. */
    { "openai error",
      "{\"error\":{\"message\":\"Bad \\\"x\\\"\",\"type\":\"invalid_request_error\",\"param\":null,"
      "\"code\":\"context_length_exceeded\"}}",
      0, NULL, NULL, 0, 0, "invalid_request_error", "context_length_exceeded", "Bad \"x\"", false },
    { "anthropic error",
      "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy\"}}", 0,
      NULL, NULL, 0, 0, "overloaded_error", "", "Busy", false },
    { "vllm error",
      "{\"object\":\"error\",\"message\":\"Too long\",\"type\":\"BadRequestError\",\"param\":null,"
      "\"code\":400}",
      0, NULL, NULL, 0, 0, "BadRequestError", "400", "Too long", false },
    { "an error that is a string", "{\"error\":\"model not found\"}", 0, NULL, NULL, 0, 0, "", "",
      "model not found", false },
    { "an error of another kind", "{\"error\":{\"code\":null},\"choices\":[{}]}", 0, NULL, NULL, 0,
      0, "", "", "", false },
    { "detail", "{\"detail\":\"Not Found\"}", 0, NULL, NULL, 0, 0, "", "", "Not Found", false },
    { "no error: null", "{\"error\":null,\"choices\":[{\"text\":\"a\"}]}", 1, "a", "", 0, 0, NULL,
      NULL, NULL, false },
    /* Nothing of these. */
    { "an empty object", " {} ", 0, NULL, NULL, 0, 0, NULL, NULL, NULL, false },
    { "models", "{\"object\":\"list\",\"data\":[{\"id\":\"m\"},7,null]}", 0, NULL, NULL, 0, 0, NULL,
      NULL, NULL, false },
    { "members of the wrong kinds",
      "{\"choices\":{},\"data\":\"a\",\"output\":1,\"type\":[],\"usage\":[],\"message\":3}", 0,
      NULL, NULL, 0, 0, NULL, NULL, NULL, false },
    { "choices of the wrong kinds", "{\"choices\":[1,\"a\",null,[],{\"delta\":[],\"text\":{}}]}", 1,
      "", "", 0, 0, NULL, NULL, NULL, false },
};

static void check_reply(const struct reply_case *the, const struct quoit_llm_reply *reply)
{
    CHECK_EQ(reply->choices_count, the->choices_count);
    if (the->content != NULL && reply->choices_count > 0) {
        const struct quoit_llm_choice *choice = &reply->choices[0];
        CHECK_MEM(choice->content.bytes, choice->content.size, the->content, strlen(the->content));
        CHECK_EQ(choice->content.bytes[choice->content.size], '\0');
        CHECK_STR(choice->finish_reason, the->finish);
    }
    CHECK_EQ(reply->tokens_in, the->tokens_in);
    CHECK_EQ(reply->tokens_out, the->tokens_out);
    CHECK_EQ(reply->failed, the->message != NULL);
    CHECK_STR(reply->error_type, the->type == NULL ? "" : the->type);
    CHECK_STR(reply->error_code, the->code == NULL ? "" : the->code);
    CHECK_STR(reply->error_message, the->message == NULL ? "" : the->message);
    CHECK_EQ(reply->done, the->done);
}

static void test_every_shape_is_read(void)
{
    struct quoit_llm_reply reply = { 0 }; /* one for all: nothing of the last may stay */

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_case(cases[i].name);
        CHECK_EQ(read_bytes(&reply, cases[i].bytes, strlen(cases[i].bytes)), QUOIT_OK);
        check_reply(&cases[i], &reply);
    }
    quoit_llm_reply_free(&reply);
    quoit_llm_reply_free(&reply);
}

static void test_embeddings_are_numbers(void)
{
    static const char text[] =
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":1,\"embedding\":[0.5,-"
        "2e-1]},"
        "{\"embedding\":[]},{\"index\":0,\"embedding\":[ 1 , 0 "
        ",3]},{\"index\":3,\"embedding\":[1,null]},"
        "{\"index\":4,\"embedding\":\"AAAA\"}],\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}";
    struct quoit_llm_reply reply = { 0 };

    CHECK_EQ(read_bytes(&reply, text, strlen(text)), QUOIT_OK);
    CHECK_EQ(reply.choices_count, 4);
    CHECK_EQ(reply.tokens_in, 8);
    CHECK_EQ(reply.choices[0].index, 1);
    CHECK_EQ(reply.choices[0].embedding_count, 2);
    CHECK(reply.choices[0].embedding[0] == 0.5f);
    CHECK(reply.choices[0].embedding[1] == -0.2f);
    CHECK(reply.choices[1].embedding == NULL);
    CHECK_EQ(reply.choices[1].index, 1); /* none is said: its place */
    CHECK_EQ(reply.choices[2].index, 0);
    CHECK_EQ(reply.choices[2].embedding_count, 3);
    CHECK(reply.choices[2].embedding[2] == 3.0f);
    CHECK(reply.choices[3].embedding == NULL);
    quoit_llm_reply_free(&reply);
}

static void append_embedding(struct text *text, int index)
{
    char number[32];

    snprintf(number, sizeof(number), "%d", index);
    text_append_string(text, index == 0 ? "{\"index\":" : ",{\"index\":");
    text_append_string(text, number);
    text_append_string(text, ",\"embedding\":[");
    for (int i = 0; i < 1536; i++) {
        snprintf(number, sizeof(number), "%s%d.%04d", i == 0 ? "" : ",", index, i);
        text_append_string(text, number);
    }
    text_append_string(text, "]}");
}

static void test_a_long_embedding_is_whole(void)
{
    struct quoit_llm_reply reply = { 0 };
    struct text text;

    text_init(&text, 0);
    text_append_string(&text, "{\"data\":[");
    for (int i = 0; i < 20; i++) {
        append_embedding(&text, i);
    }
    text_append_string(&text, "]}");
    CHECK_EQ(read_bytes(&reply, text.bytes, text.size), QUOIT_OK);
    CHECK_EQ(reply.choices_count, 20);
    for (size_t i = 0; i < reply.choices_count; i++) {
        CHECK_EQ(reply.choices[i].embedding_count, 1536);
        for (int j = 0; j < 1536; j += 100) {
            double wanted = (double)i + j / 10000.0;
            CHECK(fabs((double)reply.choices[i].embedding[j] - wanted) < 1e-5);
        }
    }
    quoit_llm_reply_free(&reply);
    text_free(&text);
}

static void test_half_a_pair_becomes_u_fffd(void)
{
    static const char text[] =
        "{\"choices\":[{\"text\":\"a\\ud800b\\udc00\\ud83d\\ude00\\ud83d\"}]}";
    struct quoit_llm_reply reply = { 0 };

    CHECK_EQ(read_bytes(&reply, text, strlen(text)), QUOIT_OK);
    CHECK_STR(reply.choices[0].content.bytes, "a\xef\xbf\xbd"
                                              "b\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd");
    quoit_llm_reply_free(&reply);
}

static void test_a_nul_in_a_text_is_kept(void)
{
    static const char text[] = "{\"choices\":[{\"text\":\"a\\u0000b\"}]}";
    struct quoit_llm_reply reply = { 0 };

    CHECK_EQ(read_bytes(&reply, text, strlen(text)), QUOIT_OK);
    CHECK_MEM(reply.choices[0].content.bytes, reply.choices[0].content.size, "a\0b", 3);
    quoit_llm_reply_free(&reply);
}

/* A reply that is refused is empty, and good for the next one. */
static void check_refused(struct quoit_llm_reply *reply, const char *bytes, size_t size)
{
    CHECK_EQ(read_bytes(reply, bytes, size), QUOIT_E_ARGUMENT);
    CHECK_EQ(reply->choices_count, 0);
    CHECK_EQ(reply->tokens_in + reply->tokens_out, 0);
    CHECK(!reply->failed && !reply->done);
    CHECK_STR(reply->error_message, "");
}

static void test_what_is_no_object_is_refused(void)
{
    static const char *const texts[] = { "",           "null",           "[]",      "\"a\"",
                                         "<html>",     "[DONE",          "{\"a\"}", "{}}",
                                         "{\"a\":1,}", "\xef\xbb\xbf{}", "1" };
    struct quoit_llm_reply reply = { 0 };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_case(texts[i]);
        check_refused(&reply, texts[i], strlen(texts[i]));
    }
    check_case("with a NUL");
    check_refused(&reply, "{\"a\":\"\0\"}", 9);
    quoit_llm_reply_free(&reply);
}

/* Whatever it says, it can be looked at: texts are UTF-8 and end with a NUL. */
static void look_at(const struct quoit_llm_reply *reply)
{
    for (size_t i = 0; i < reply->choices_count; i++) {
        const struct quoit_llm_choice *choice = &reply->choices[i];
        CHECK_EQ(choice->content.bytes[choice->content.size], '\0');
        CHECK_EQ(utf8_size(choice->content.bytes, choice->content.size), choice->content.size);
        CHECK_EQ(utf8_size(choice->finish_reason, strlen(choice->finish_reason)),
                 strlen(choice->finish_reason));
        for (size_t j = 0; j < choice->embedding_count; j++) {
            CHECK(!isnan(choice->embedding[j]));
        }
    }
    CHECK(strlen(reply->error_type) + strlen(reply->error_code) + strlen(reply->error_message) <
          1000);
}

static void test_replies_that_are_cut_or_damaged_harm_nobody(void)
{
    struct quoit_llm_reply reply = { 0 };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = strlen(cases[i].bytes);
        char *bytes = malloc(size);
        check_case(cases[i].name);
        for (size_t cut = 0; cut < size; cut++) {
            if (cases[i].bytes[size - 1] == '}') {
                check_refused(&reply, cases[i].bytes, cut);
            }
        }
        for (size_t at = 0; at < size; at++) {
            for (const char *with = "\"{}[],:\\0e \xff"; *with != '\0'; with++) {
                memcpy(bytes, cases[i].bytes, size);
                bytes[at] = *with;
                if (read_bytes(&reply, bytes, size) == QUOIT_OK) {
                    look_at(&reply);
                }
            }
        }
        free(bytes);
    }
    quoit_llm_reply_free(&reply);
}

int main(void)
{
    RUN(test_every_shape_is_read);
    RUN(test_embeddings_are_numbers);
    RUN(test_a_long_embedding_is_whole);
    RUN(test_half_a_pair_becomes_u_fffd);
    RUN(test_a_nul_in_a_text_is_kept);
    RUN(test_what_is_no_object_is_refused);
    RUN(test_replies_that_are_cut_or_damaged_harm_nobody);
    return check_done();
}
