/* judge: see judge.h. */
#include "cli/judge.h"

#include "llm/verdict.h"

#include <stddef.h>
#include <string.h>

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

enum judge_verdict judge_result(const struct quoit_result *result)
{
    if (result->error != QUOIT_OK) {
        return JUDGE_FAILED; /* the library has tried again what could be */
    }
    if (verdict_is_good(result)) {
        return verdict_is_coded(result) ? JUDGE_FAILED : JUDGE_GOOD;
    }
    if (result->status == 429 && verdict_quota_is_spent(result)) {
        return JUDGE_QUOTA;
    }
    return verdict_is_transient(result) ? JUDGE_AGAIN : JUDGE_FAILED;
}
