/*
 * census: see census.h.
 */
#include "cli/census.h"

#include "llm/json_string.h"
#include "llm/member.h"

#include <string.h>

#define CENSUS_BYTES_PER_TOKEN 4
#define CENSUS_N_MAX 1000 /* more answers to one request are a mistake, and not ours */

void census_init(struct census *census)
{
    *census = (struct census){ .requests = 0 };
    text_init(&census->decoded, 0);
}

static void census_names_free(struct census_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        text_free(&names->items[i].name);
    }
    names->count = 0;
}

void census_free(struct census *census)
{
    census_names_free(&census->urls);
    census_names_free(&census->models);
    text_free(&census->decoded);
}

static bool census_is_name(const struct census_name *item, struct json_span name)
{
    return item->name.size == name.size &&
           (name.size == 0 || memcmp(item->name.bytes, name.bytes, name.size) == 0);
}

/* False: out of memory. */
static bool census_count_name(struct census_names *names, struct json_span name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (census_is_name(&names->items[i], name)) {
            names->items[i].requests++;
            return true;
        }
    }
    if (names->count == CENSUS_NAMES_MAX) {
        names->others++;
        return true;
    }
    struct census_name *item = &names->items[names->count++];
    item->requests = 1;
    text_init(&item->name, 0);
    text_append(&item->name, name);
    return !item->name.failed;
}

/* What a body says that costs tokens. Spans of size 0: nothing. */
struct census_body {
    struct json_span model;
    uint64_t tokens_max, answers;
    bool has_max;
};

static void census_read_member(struct census_body *body, const struct json_member *member)
{
    static const char *const names[] = { "max_tokens", "max_completion_tokens",
                                         "max_output_tokens" };
    uint64_t count = 0;

    if (member->kind == JSON_STRING && json_string_is(member->key, "model")) {
        body->model = member->value;
    }
    if (member->kind != JSON_NUMBER || !member_count(member->value, &count)) {
        return;
    }
    if (json_string_is(member->key, "n") && count > 0 && count <= CENSUS_N_MAX) {
        body->answers = count;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_string_is(member->key, names[i])) {
            body->has_max = true;
            body->tokens_max = count > body->tokens_max ? count : body->tokens_max;
        }
    }
}

static struct census_body census_read_body(struct json_span bytes)
{
    struct census_body body = { .answers = 1 };
    struct json_members members;
    struct json_member member;
    struct json_defect defect;

    json_members_begin(&members, bytes);
    while (json_members_next(&members, &member, &defect) == JSON_MEMBER) {
        census_read_member(&body, &member);
    }
    return body;
}

static bool census_count_model(struct census *census, struct json_span model)
{
    bool lone = false;

    text_reset(&census->decoded);
    if (!text_reserve(&census->decoded, model.size)) {
        return false;
    }
    size_t size = json_string_decode(model, census->decoded.bytes, &lone);
    return census_count_name(&census->models, (struct json_span){ census->decoded.bytes, size });
}

void census_take(struct census *census, const char *url, struct json_span bytes)
{
    struct census_body body = census_read_body(bytes);

    census->requests++;
    census->body_bytes += bytes.size;
    census->tokens_in += bytes.size / CENSUS_BYTES_PER_TOKEN;
    census->tokens_out += body.tokens_max * body.answers;
    census->without_max += !body.has_max;
    census->without_model += body.model.size == 0;
    bool good = census_count_name(&census->urls, (struct json_span){ url, strlen(url) }) &&
                (body.model.size == 0 || census_count_model(census, body.model));
    census->failed = census->failed || !good;
}
