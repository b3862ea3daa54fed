/* verdict: see verdict.h. */
#include "llm/verdict.h"

#include "llm/outcome.h"
#include "llm/usage.h"

#include <strings.h>

bool verdict_is_good(const struct quoit_result *result)
{
    return result->error == QUOIT_OK && result->status >= 200 && result->status < 300;
}

bool verdict_is_coded(const struct quoit_result *result)
{
    const char *coding = quoit_result_header(result, "content-encoding");

    return coding != NULL && *coding != '\0' && strcasecmp(coding, "identity") != 0;
}

bool verdict_is_transient(const struct quoit_result *result)
{
    const struct json_span no_code = { "", 0 };
    const char *wish = quoit_result_header(result, "x-should-retry");

    if (wish != NULL && strcasecmp(wish, "true") == 0) {
        return true;
    }
    if (wish != NULL && strcasecmp(wish, "false") == 0) {
        return false;
    }
    return outcome_is_transient(result->status, no_code);
}

bool verdict_quota_is_spent(const struct quoit_result *result)
{
    return usage_quota_is_spent((struct json_span){ result->body.bytes, result->body.size });
}
