/*
 * reply: any bytes as the body of an answer or the data of an event. What is read of them is UTF-8
 * in memory of its own; what no other reader of JSON takes for an object is refused; and any text
 * becomes a body that says it.
 *
 *     input: the bytes
 */
#include "llm/json.h"
#include "llm/utf8.h"
#include "quoit_llm.h"
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>

static void check_string(const char *string)
{
    FUZZ_HOLDS(utf8_size(string, strlen(string)) == strlen(string));
}

static void check_reply(const struct quoit_llm_reply *reply)
{
    volatile float sum = 0; /* so that every number is read */

    for (size_t i = 0; i < reply->choices_count; i++) {
        const struct quoit_llm_choice *choice = &reply->choices[i];
        FUZZ_HOLDS(choice->content.bytes[choice->content.size] == '\0');
        FUZZ_HOLDS(utf8_size(choice->content.bytes, choice->content.size) == choice->content.size);
        FUZZ_HOLDS((choice->embedding == NULL) == (choice->embedding_count == 0));
        check_string(choice->finish_reason);
        for (size_t j = 0; j < choice->embedding_count; j++) {
            sum = sum + choice->embedding[j];
        }
    }
    check_string(reply->error_type);
    check_string(reply->error_code);
    check_string(reply->error_message);
}

/* A second reading, into memory that has held another reply, says the same. */
static void check_again(const struct quoit_llm_reply *reply, struct quoit_span bytes)
{
    struct quoit_llm_reply other = { 0 };
    static const char before[] = "{\"choices\":[{\"text\":\"a\"}]}";
    const struct quoit_span first = { before, sizeof(before) - 1 };

    FUZZ_HOLDS(quoit_llm_reply_read(&other, first) == QUOIT_OK);
    FUZZ_HOLDS(quoit_llm_reply_read(&other, bytes) == QUOIT_OK);
    FUZZ_HOLDS(other.choices_count == reply->choices_count);
    FUZZ_HOLDS(other.tokens_in == reply->tokens_in && other.tokens_out == reply->tokens_out);
    FUZZ_HOLDS(other.failed == reply->failed && other.done == reply->done);
    for (size_t i = 0; i < other.choices_count; i++) {
        struct quoit_span content = other.choices[i].content;
        FUZZ_HOLDS(content.size == reply->choices[i].content.size);
        FUZZ_HOLDS(memcmp(content.bytes, reply->choices[i].content.bytes, content.size) == 0);
    }
    quoit_llm_reply_free(&other);
}

static void check_bytes(struct quoit_span bytes)
{
    struct quoit_llm_reply reply = { 0 };
    struct json_defect defect;
    struct json_span text = { bytes.bytes, bytes.size };
    enum quoit_error error = quoit_llm_reply_read(&reply, bytes);
    bool object = json_check(text, &defect) && json_kind_of(text) == JSON_OBJECT;

    FUZZ_HOLDS(error != QUOIT_E_NO_MEMORY);
    FUZZ_HOLDS((error == QUOIT_OK) == (object || reply.done));
    check_reply(&reply);
    if (error == QUOIT_OK) {
        check_again(&reply, bytes);
    }
    quoit_llm_reply_free(&reply);
}

/* The text as a prompt and as members. */
static void check_body(const char *text)
{
    const struct quoit_llm_parameters parameters = { .stop = text };
    const struct quoit_llm_parameters with_members = { .members = text };
    const struct quoit_llm_prompt prompt = { .text = text }, plain = { .text = "a" };
    struct json_defect defect;
    char *body = NULL;
    enum quoit_error error = quoit_llm_body_create(&parameters, &prompt, 1, &body);

    FUZZ_HOLDS((error == QUOIT_OK) == (utf8_size(text, strlen(text)) == strlen(text)));
    if (error == QUOIT_OK) {
        cJSON *json = cJSON_Parse(body);
        const char *stop = cJSON_GetStringValue(cJSON_GetObjectItem(json, "stop"));
        FUZZ_HOLDS(stop != NULL && strcmp(stop, text) == 0);
        cJSON_Delete(json);
        free(body);
    }
    if (quoit_llm_body_create(&with_members, &plain, 1, &body) == QUOIT_OK) {
        FUZZ_HOLDS(json_check((struct json_span){ body, strlen(body) }, &defect));
        free(body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    char *exact = fuzz_copy(bytes, size);
    char *text = fuzz_text(&input);

    check_bytes((struct quoit_span){ exact, size });
    check_body(text);
    free(exact);
    free(text);
    return 0;
}
