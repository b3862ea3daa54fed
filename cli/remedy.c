/*
 * remedy: a redirect's target is shown as the base url that it would make.
 */
#include "cli/remedy.h"

#include "cli/server.h"
#include "llm/endpoint.h"

#include <string.h>

/* The target without the last part of a path that lines have, if it ends in one. */
static void remedy_append_target(struct text *out, const char *location)
{
    static const char *const tails[] = { "/chat/completions", "/completions", "/embeddings",
                                         "/responses", "/messages" };
    size_t begin = out->size;

    text_append_string(out, endpoint_is_absolute(location) ? ": try " : ": it points to ");
    server_append_url(out, location);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]) && !out->failed; i++) {
        size_t size = strlen(tails[i]);
        if (out->size - begin > size &&
            memcmp(out->bytes + out->size - size, tails[i], size) == 0) {
            text_cut(out, out->size - size);
            return;
        }
    }
}

void remedy_append(struct text *out, const struct quoit_result *result, bool key_was_sent)
{
    const char *location = quoit_result_header(result, "location");

    if (result->error != QUOIT_OK) {
        text_append_string(out, result->detail);
        if (result->error == QUOIT_E_PROXY) {
            text_append_string(out, ": look at the proxy's url, and at what it lets through");
        }
    } else if (result->status == 407) {
        text_append_string(out, "the proxy wants to know who asks: say it in its url, "
                                "http://USER:PASSWORD@HOST:PORT");
    } else if (result->status >= 300 && result->status < 400) {
        text_append_string(out, "base url answers ");
        text_append_number(out, result->status);
        if (location != NULL && *location != '\0') {
            remedy_append_target(out, location);
        }
    } else if (result->status == 401) {
        text_append_string(out, key_was_sent
                                    ? "the server does not take the key"
                                    : "no key was sent: set OPENAI_API_KEY, or say --api-key-file");
    } else if (result->status == 403) {
        text_append_string(out, "what is asked for is not allowed, by the key or from here");
    } else {
        text_append_string(out, "look at --base-url, and at the url of the lines");
    }
}
