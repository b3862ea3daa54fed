/*
 * judge: which statuses are tried again is the rule of man/quoit-batch.1.scd, which is
 * openai-python's.
 */
#include "cli/judge.h"

#include "llm/usage.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool judge_is_coded(const struct quoit_result *result)
{
    const char *coding = quoit_result_header(result, "content-encoding");

    return coding != NULL && *coding != '\0' && strcasecmp(coding, "identity") != 0;
}

const char *judge_request_id(const struct quoit_result *result)
{
    static const char *const names[] = { "x-request-id", "request-id", "apim-request-id" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *id = quoit_result_header(result, names[i]);
        if (id != NULL && *id != '\0') {
            return id;
        }
    }
    return "";
}

bool judge_is_hopeless(const struct quoit_result *result)
{
    uint32_t status = result->status;

    if (result->error != QUOIT_OK) {
        return result->error == QUOIT_E_PROXY;
    }
    return (status >= 300 && status < 400) || status == 401 || status == 403 || status == 404 ||
           status == 407;
}

bool judge_is_of_machine(const struct quoit_result *result)
{
    return strcmp(quoit_error_code(result->error), "resource") == 0;
}

static bool judge_is_transient(const struct quoit_result *result)
{
    const char *wish = quoit_result_header(result, "x-should-retry");
    uint32_t status = result->status;

    if (wish != NULL && strcasecmp(wish, "true") == 0) {
        return true;
    }
    if (wish != NULL && strcasecmp(wish, "false") == 0) {
        return false;
    }
    return status == 408 || status == 409 || status == 429 || status >= 500;
}

enum judge_verdict judge_result(const struct quoit_result *result)
{
    if (result->error != QUOIT_OK) {
        return JUDGE_FAILED; /* the library has tried again what could be */
    }
    if (result->status >= 200 && result->status < 300) {
        return judge_is_coded(result) ? JUDGE_FAILED : JUDGE_GOOD;
    }
    if (result->status == 429 &&
        usage_quota_is_spent((struct json_span){ result->body.bytes, result->body.size })) {
        return JUDGE_QUOTA;
    }
    return judge_is_transient(result) ? JUDGE_AGAIN : JUDGE_FAILED;
}
