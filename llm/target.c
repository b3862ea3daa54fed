/*
 * target: environment, joining, and the order of who wins among headers.
 */
#include "llm/target.h"

#include "llm/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TARGET_BASE_URL "https://api.openai.com/v1"
#define TARGET_BEARER "Bearer "
#define TARGET_HEADERS_MAX 4 /* of ours */
#define TARGET_SECRET_MIN 4  /* shorter values are no secrets, and stand in many texts */

/* What the caller says, else the variable, else `otherwise`. */
static const char *target_choose(const char *given, const char *variable, const char *otherwise)
{
    const char *value = given != NULL ? given : getenv(variable);

    return value != NULL && (given != NULL || *value != '\0') ? value : otherwise;
}

static const char *target_path(const struct quoit_llm_options *options)
{
    if (options->path != NULL) {
        return options->path;
    }
    switch (options->parameters.endpoint) {
    case QUOIT_LLM_CHAT:
        return "/v1/chat/completions";
    case QUOIT_LLM_COMPLETIONS:
        return "/v1/completions";
    case QUOIT_LLM_EMBEDDINGS:
        return "/v1/embeddings";
    }
    return ""; /* a caller may hand us any integer */
}

static enum quoit_error target_init_url(struct target *target,
                                        const struct quoit_llm_options *options)
{
    const char *base = target_choose(options->base_url, "OPENAI_BASE_URL", TARGET_BASE_URL);
    const char *path = target_path(options);

    if (*path != '/') {
        return QUOIT_E_URL; /* an absolute one would go to another origin */
    }
    switch (endpoint_join(&target->url, base, path, NULL)) {
    case ENDPOINT_GOOD:
        return endpoint_has_origin(target->url.bytes, base) ? QUOIT_OK : QUOIT_E_URL;
    case ENDPOINT_BAD_BASE:
    case ENDPOINT_BAD_URL:
        return QUOIT_E_URL;
    case ENDPOINT_NO_MEMORY:
        break;
    }
    return QUOIT_E_NO_MEMORY;
}

/* --- Headers --- */

static enum quoit_error target_init_key(struct target *target,
                                        const struct quoit_llm_options *options)
{
    const char *key = target_choose(options->api_key, "OPENAI_API_KEY", "");

    for (const char *at = key; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return QUOIT_E_ARGUMENT;
        }
    }
    if (*key == '\0') {
        return QUOIT_OK;
    }
    /* At once, so that no copy stays behind where the text has grown. */
    if (text_reserve(&target->authorization, strlen(TARGET_BEARER) + strlen(key))) {
        text_append_string(&target->authorization, TARGET_BEARER);
        text_append_string(&target->authorization, key);
    }
    return target->authorization.failed ? QUOIT_E_NO_MEMORY : QUOIT_OK;
}

/* One of ours, unless the caller gave one of that name. */
static void target_add(struct target *target, const char *name, const char *value)
{
    for (uint32_t i = 0; i < target->given_count; i++) {
        if (strcasecmp(target->headers[i].name, name) == 0) {
            return;
        }
    }
    target->headers[target->headers_count++] = (struct quoit_header){ name, value };
}

static enum quoit_error target_init_headers(struct target *target,
                                            const struct quoit_request *request)
{
    uint32_t count = request->headers_count;
    enum quoit_error error = QUOIT_OK;

    target->headers = calloc((size_t)count + TARGET_HEADERS_MAX, sizeof(*target->headers));
    text_append_string(&target->user_agent, "quoit/");
    text_append_string(&target->user_agent, quoit_version());
    if (target->headers == NULL || target->user_agent.failed) {
        return QUOIT_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        target->headers[i] = request->headers[i];
        if (request->headers[i].name == NULL || request->headers[i].value == NULL) {
            error = QUOIT_E_ARGUMENT;
        }
    }
    target->given_count = target->headers_count = count;
    return error;
}

enum quoit_error target_init(struct target *target, const struct quoit_llm_options *options)
{
    *target = (struct target){ .headers = NULL };
    text_init(&target->url, 0);
    text_init(&target->authorization, 0);
    text_init(&target->user_agent, 0);
    enum quoit_error error = target_init_url(target, options);
    error = error == QUOIT_OK ? target_init_key(target, options) : error;
    error = error == QUOIT_OK ? target_init_headers(target, &options->request) : error;
    if (error != QUOIT_OK) {
        target_free(target);
        return error;
    }
    target_add(target, "Content-Type", "application/json");
    target_add(target, "Accept", "application/json");
    target_add(target, "User-Agent", target->user_agent.bytes);
    if (target->authorization.size != 0) {
        target_add(target, "Authorization", target->authorization.bytes);
    }
    return QUOIT_OK;
}

void target_free(struct target *target)
{
    if (target->authorization.bytes != NULL) {
        explicit_bzero(target->authorization.bytes, target->authorization.size);
    }
    text_free(&target->authorization);
    text_free(&target->user_agent);
    text_free(&target->url);
    free(target->headers);
    target->headers = NULL;
}

/* --- Secrets --- */

static void target_hide_one(struct text *text, const char *secret)
{
    size_t size = strlen(secret);

    if (size < TARGET_SECRET_MIN) {
        return;
    }
    for (char *at = text->bytes; (at = strstr(at, secret)) != NULL; at += 3) {
        size_t before = (size_t)(at - text->bytes), behind = text->size - before - size;

        memmove(at + 3, at + size, behind);
        memcpy(at, "***", 3);
        text_cut(text, before + 3 + behind);
    }
}

/* The whole of it, and, in "Bearer KEY", the key alone. */
static void target_hide_value(struct text *text, const char *value)
{
    const char *space = strrchr(value, ' ');

    target_hide_one(text, value);
    if (space != NULL) {
        target_hide_one(text, space + 1);
    }
}

void target_hide(const struct target *target, struct text *text)
{
    if (text->size == 0) {
        return;
    }
    for (uint32_t i = 0; i < target->given_count; i++) {
        target_hide_value(text, target->headers[i].value);
    }
    if (target->authorization.size != 0) {
        target_hide_value(text, target->authorization.bytes);
    }
}
