/* answer_body: see answer_body.h. */
#include "mock/answer_body.h"

#include "mock/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_PAGE_LINE 64
#define BODY_EMBEDDING_SIZE 8

void answer_write_text(const struct answer_request *request, uint64_t choice, struct blob *out)
{
    struct token_source source = { request->seed, request->body_hash, choice };

    for (uint64_t i = 0; i < request->plan->tokens; i++) {
        token_write(&source, i, out);
    }
}

const char *answer_finish_reason(const struct answer_request *request)
{
    bool cut = request->plan->tokens_cut;

    if (request->question->kind == QUESTION_MESSAGES) {
        return cut ? "max_tokens" : "end_turn";
    }
    return cut ? "length" : "stop";
}

void answer_write_usage(const struct answer_request *request, struct blob *out)
{
    uint64_t asked = request->incoming->body.size / 4 + 1;
    uint64_t told = request->plan->tokens * request->question->choices;

    switch (request->question->kind) {
    case QUESTION_RESPONSES:
    case QUESTION_MESSAGES:
        blob_print(out, "\"usage\":{\"input_tokens\":%llu,\"output_tokens\":%llu}",
                   (unsigned long long)asked, (unsigned long long)told);
        return;
    case QUESTION_EMBEDDING:
        blob_print(out, "\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}",
                   (unsigned long long)asked, (unsigned long long)asked);
        return;
    case QUESTION_CHAT:
    case QUESTION_COMPLETION:
    case QUESTION_MODELS:
    case QUESTION_LEDGER:
    case QUESTION_LEDGER_RESET:
    case QUESTION_SETTINGS:
    case QUESTION_STALL:
    case QUESTION_ECHO:
    case QUESTION_RAW:
    case QUESTION_MISSING:
    case QUESTION_PAGE:
        break;
    }
    blob_text(out, "\"usage\":{\"prompt_tokens\":");
    blob_number(out, asked);
    blob_text(out, ",\"completion_tokens\":");
    blob_number(out, told);
    blob_text(out, ",\"total_tokens\":");
    blob_number(out, asked + told);
    blob_text(out, "}");
}

static void body_write_model(const struct answer_request *request, struct blob *out)
{
    blob_text(out, "\"model\":\"");
    blob_append(out, request->question->model, request->question->model_size);
    blob_text(out, "\"");
}

/* The key that the request's headers gave, for tests that ask whose answer this is. */
static void body_write_key(const struct answer_request *request, struct blob *out)
{
    if (request->key != NULL) {
        blob_text(out, ",\"mock_key\":");
        blob_json(out, request->key, strlen(request->key));
    }
}

static void body_write_completion(const struct answer_request *request, struct blob *out)
{
    bool chat = request->question->kind == QUESTION_CHAT;

    blob_text(out, chat ? "{\"id\":\"chatcmpl-" : "{\"id\":\"cmpl-");
    blob_hex(out, request->body_hash);
    blob_text(out,
              chat ? "\",\"object\":\"chat.completion\"" : "\",\"object\":\"text_completion\"");
    blob_text(out, ",\"created\":" ANSWER_CREATED ",");
    body_write_model(request, out);
    blob_text(out, ",\"choices\":[");
    for (uint64_t choice = 0; choice < request->question->choices; choice++) {
        blob_text(out, choice == 0 ? "{\"index\":" : ",{\"index\":");
        blob_number(out, choice);
        blob_text(out,
                  chat ? ",\"message\":{\"role\":\"assistant\",\"content\":\"" : ",\"text\":\"");
        answer_write_text(request, choice, out);
        blob_text(out, chat ? "\"},\"logprobs\":null,\"finish_reason\":\""
                            : "\",\"logprobs\":null,\"finish_reason\":\"");
        blob_text(out, answer_finish_reason(request));
        blob_text(out, "\"}");
    }
    blob_text(out, "],");
    answer_write_usage(request, out);
    body_write_key(request, out);
    blob_text(out, "}");
}

static void body_write_embeddings(const struct answer_request *request, struct blob *out)
{
    struct chance chance = { chance_mix(request->seed, request->body_hash) };

    blob_text(out, "{\"object\":\"list\",\"data\":[");
    for (uint64_t i = 0; i < request->question->inputs; i++) {
        blob_print(out, "%s{\"object\":\"embedding\",\"index\":%llu,\"embedding\":[",
                   i == 0 ? "" : ",", (unsigned long long)i);
        for (int j = 0; j < BODY_EMBEDDING_SIZE; j++) {
            blob_print(out, "%s%.6f", j == 0 ? "" : ",", 2 * chance_share(&chance) - 1);
        }
        blob_text(out, "]}");
    }
    blob_text(out, "],");
    body_write_model(request, out);
    blob_text(out, ",");
    answer_write_usage(request, out);
    body_write_key(request, out);
    blob_text(out, "}");
}

static void body_write_response(const struct answer_request *request, struct blob *out)
{
    blob_text(out, "{\"id\":\"resp_");
    blob_hex(out, request->body_hash);
    blob_print(out,
               "\",\"object\":\"response\",\"created_at\":" ANSWER_CREATED ",\"status\":\"%s\",",
               request->plan->tokens_cut ? "incomplete" : "completed");
    body_write_model(request, out);
    blob_text(out, ",\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":"
                   "[{\"type\":\"output_text\",\"text\":\"");
    answer_write_text(request, 0, out);
    blob_text(out, "\"}]}],");
    answer_write_usage(request, out);
    body_write_key(request, out);
    blob_text(out, "}");
}

static void body_write_message(const struct answer_request *request, struct blob *out)
{
    blob_text(out, "{\"id\":\"msg_");
    blob_hex(out, request->body_hash);
    blob_text(out, "\",\"type\":\"message\",\"role\":\"assistant\",");
    body_write_model(request, out);
    blob_text(out, ",\"content\":[{\"type\":\"text\",\"text\":\"");
    answer_write_text(request, 0, out);
    blob_print(out, "\"}],\"stop_reason\":\"%s\",\"stop_sequence\":null,",
               answer_finish_reason(request));
    answer_write_usage(request, out);
    body_write_key(request, out);
    blob_text(out, "}");
}

void answer_write_page(uint64_t body_hash, uint64_t offset, size_t size, struct blob *out)
{
    while (size > 0) {
        char line[BODY_PAGE_LINE + 1];
        uint64_t start = offset / BODY_PAGE_LINE * BODY_PAGE_LINE;
        size_t skipped = (size_t)(offset - start);
        size_t piece = BODY_PAGE_LINE - skipped < size ? BODY_PAGE_LINE - skipped : size;
        snprintf(line, sizeof(line), "%016llx %016llx .............................\n",
                 (unsigned long long)body_hash, (unsigned long long)start);
        blob_append(out, line + skipped, piece);
        offset += piece;
        size -= piece;
    }
}

static void body_write_page(const struct answer_request *request, struct blob *out,
                            const char **content_type_out)
{
    size_t path_size = 0;
    const char *path = question_path(request->incoming, &path_size);

    if (request->behaviour->body_size != SIZE_MAX) {
        *content_type_out = "text/plain";
        answer_write_page(request->body_hash, 0, request->behaviour->body_size, out);
        return;
    }
    blob_text(out, "{\"mock\":\"page\",\"path\":");
    blob_json(out, path, path_size);
    blob_text(out, ",\"body\":\"");
    blob_hex(out, request->body_hash);
    blob_text(out, "\"");
    body_write_key(request, out);
    blob_text(out, "}");
}

void answer_body_write(const struct answer_request *request, struct blob *out,
                       const char **content_type_out)
{
    switch (request->question->kind) {
    case QUESTION_CHAT:
    case QUESTION_COMPLETION:
        body_write_completion(request, out);
        return;
    case QUESTION_EMBEDDING:
        body_write_embeddings(request, out);
        return;
    case QUESTION_RESPONSES:
        body_write_response(request, out);
        return;
    case QUESTION_MESSAGES:
        body_write_message(request, out);
        return;
    case QUESTION_MODELS:
        blob_text(out, "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\","
                       "\"created\":" ANSWER_CREATED ",\"owned_by\":\"quoit\"}]}");
        return;
    case QUESTION_ECHO: {
        const char *sent = incoming_header(request->incoming, "content-type");
        *content_type_out = sent == NULL ? "application/octet-stream" : sent;
        blob_append(out, request->incoming->body.bytes, request->incoming->body.size);
        return;
    }
    case QUESTION_RAW:
    case QUESTION_MISSING:
    case QUESTION_PAGE:
        body_write_page(request, out, content_type_out);
        return;
    case QUESTION_LEDGER:
    case QUESTION_LEDGER_RESET:
    case QUESTION_SETTINGS:
    case QUESTION_STALL:
        break; /* answered without a plan */
    }
    abort(); /* a kind without a body */
}

/* OpenAI's names for what a status says. */
static const char *error_type(uint16_t status)
{
    switch (status) {
    case 429:
        return "requests";
    case 401:
    case 403:
        return "authentication_error";
    default: /* any other number is a status too */
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

static const char *error_code(uint16_t status)
{
    switch (status) {
    case 401:
        return "invalid_api_key";
    case 404:
        return "model_not_found";
    case 429:
        return "rate_limit_exceeded";
    default: /* any other number is a status too */
        return status >= 500 ? "server_error" : "invalid_request";
    }
}

void answer_body_write_error(const struct answer_request *request, struct blob *out)
{
    const char *code = request->behaviour->error_code;
    uint16_t status = request->limited != NULL ? 429 : request->plan->status;
    const char *type = *code != '\0' ? code : error_type(status);

    if (request->limited != NULL) {
        blob_print(out, "{\"error\":{\"message\":\"Rate limit reached for %s", request->limited);
        type = request->limited;
    } else {
        blob_print(out, "{\"error\":{\"message\":\"the mock answers %u to ", status);
        blob_hex(out, request->body_hash);
    }
    blob_text(out, "\",\"type\":");
    blob_json(out, type, strlen(type));
    blob_text(out, ",\"param\":null,\"code\":");
    code = *code != '\0' ? code : error_code(status);
    blob_json(out, code, strlen(code));
    blob_text(out, "}}");
}
