/*
 * openai: see openai.h.
 */
#include "cli/openai.h"

#include "llm/member.h"
#include "llm/walk.h"

#include <string.h>

#define OPENAI_EMBEDDINGS "/v1/embeddings"

static bool openai_has_batches(const char *url)
{
    static const char *const urls[] = { "/v1/chat/completions", "/v1/completions",
                                        OPENAI_EMBEDDINGS, "/v1/responses", "/v1/moderations" };

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        if (strcmp(url, urls[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *openai_line_fault(const struct batch_line *line)
{
    if (line->method_raw.size == 0) {
        return "OpenAI: no method";
    }
    if (strcmp(line->method, "POST") != 0) {
        return "OpenAI: method is not POST";
    }
    if (line->url_raw.size == 0) {
        return "OpenAI: no url";
    }
    if (line->url[0] != '/') {
        return "OpenAI: url is not a path";
    }
    if (!openai_has_batches(line->url)) {
        return "OpenAI: url is none of those that have batches";
    }
    if (line->headers_count != 0) {
        return "OpenAI: a line has no headers there";
    }
    if (json_kind_of(line->body_raw) != JSON_OBJECT) {
        return "OpenAI: body is not an object";
    }
    return batch_body_streams(line->body)
               ? "OpenAI: body says \"stream\":true, and a batch has none"
               : NULL;
}

/* "input" is a text or its tokens, or a list of either. */
uint64_t openai_inputs(const struct batch_line *line)
{
    struct json_member input;
    struct walk walk;
    struct walk_item item;
    uint64_t count = 0;

    if (line->url == NULL || strcmp(line->url, OPENAI_EMBEDDINGS) != 0 ||
        !member_find(line->body_raw, "input", &input)) {
        return 0;
    }
    walk_begin(&walk, input.value);
    while (input.kind == JSON_ARRAY && walk_next(&walk, &item)) {
        if (item.kind == JSON_NUMBER) {
            return 1; /* tokens, of one text */
        }
        count++;
    }
    return input.kind == JSON_ARRAY ? count : 1;
}

size_t openai_file_faults(const struct census *census, uint64_t file_bytes, uint64_t inputs,
                          const char *faults_out[OPENAI_FAULTS_MAX])
{
    size_t count = 0;

    if (census->requests == 0) {
        faults_out[count++] = "OpenAI: no request in it";
    }
    if (census->requests > OPENAI_REQUESTS_MAX) {
        faults_out[count++] = "OpenAI: more than 50,000 requests";
    }
    if (inputs > OPENAI_INPUTS_MAX) {
        faults_out[count++] = "OpenAI: more than 50,000 inputs of embeddings";
    }
    if (file_bytes > OPENAI_BYTES_MAX) {
        faults_out[count++] = "OpenAI: more than 200 MB";
    }
    if (census->urls.count > 1) {
        faults_out[count++] = "OpenAI: more than one url";
    }
    if (census->models.count > 1) {
        faults_out[count++] = "OpenAI: more than one model";
    }
    return count;
}
