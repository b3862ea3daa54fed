/*
 * openai: see openai.h.
 */
#include "cli/openai.h"

#include <string.h>

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

size_t openai_file_faults(const struct census *census, uint64_t file_bytes,
                          const char *faults_out[OPENAI_FAULTS_MAX])
{
    size_t count = 0;

    if (census->requests == 0) {
        faults_out[count++] = "OpenAI: no request in it";
    }
    if (census->requests > OPENAI_REQUESTS_MAX) {
        faults_out[count++] = "OpenAI: more than 50,000 requests";
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
