/*
 * rates: the table, and the estimate.
 */
#include "cli/rates.h"

#include "llm/json_string.h"
#include "llm/member.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_PER_TOKEN 4

/* What a body says that matters here. */
struct rates_ask {
    struct json_span model; /* size 0: none */
    uint64_t tokens_max;    /* UINT64_MAX: none */
};

void rates_open(struct rates *rates, struct quoit_engine *engine, uint64_t requests,
                uint64_t tokens)
{
    *rates = (struct rates){
        .engine = engine,
        .requests_per_minute = requests,
        .tokens_per_minute = tokens,
    };
}

void rates_close(struct rates *rates)
{
    for (size_t i = 0; i < rates->count; i++) {
        quoit_limit_destroy(rates->items[i].limit);
        free(rates->items[i].key);
    }
    rates->count = 0;
}

/* max_tokens, as chat completions and completions, newer models, and Responses call it. */
static bool rates_is_tokens_max(struct json_span key)
{
    return json_string_is(key, "max_tokens") || json_string_is(key, "max_completion_tokens") ||
           json_string_is(key, "max_output_tokens");
}

static struct rates_ask rates_read(struct json_span body)
{
    struct rates_ask ask = { .tokens_max = UINT64_MAX };
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    uint64_t count;

    json_members_begin(&reader, body);
    while (body.size != 0 && json_members_next(&reader, &member, &defect) == JSON_MEMBER) {
        if (member.kind == JSON_STRING && json_string_is(member.key, "model")) {
            ask.model = member.value;
        } else if (member.kind == JSON_NUMBER && rates_is_tokens_max(member.key) &&
                   member_count(member.value, &count)) {
            ask.tokens_max = count;
        }
    }
    return ask;
}

/* The url up to its path: it is absolute, for the library takes no other. */
static struct json_span rates_origin(const char *url)
{
    const char *host = strstr(url, "://");

    host = host == NULL ? url : host + 3;
    return (struct json_span){ url, (size_t)(host - url) + strcspn(host, "/?#") };
}

static bool rates_is(const struct rates_item *item, struct json_span origin, struct json_span model)
{
    return item->key_size == origin.size + 1 + model.size &&
           memcmp(item->key, origin.bytes, origin.size) == 0 && item->key[origin.size] == ' ' &&
           (model.size == 0 || memcmp(item->key + origin.size + 1, model.bytes, model.size) == 0);
}

static struct rates_item *rates_add(struct rates *rates, struct json_span origin,
                                    struct json_span model)
{
    struct rates_item *item = &rates->items[rates->count];

    *item = (struct rates_item){ .key_size = origin.size + 1 + model.size };
    item->key = malloc(item->key_size);
    if (item->key == NULL ||
        quoit_limit_create(rates->engine, rates->requests_per_minute, rates->tokens_per_minute,
                           &item->limit) != QUOIT_OK) {
        free(item->key);
        return NULL;
    }
    memcpy(item->key, origin.bytes, origin.size);
    item->key[origin.size] = ' ';
    if (model.size != 0) {
        memcpy(item->key + origin.size + 1, model.bytes, model.size);
    }
    rates->count++;
    return item;
}

static struct rates_item *rates_find(struct rates *rates, struct json_span origin,
                                     struct json_span model)
{
    for (size_t i = 0; i < rates->count; i++) {
        if (rates_is(&rates->items[i], origin, model)) {
            return &rates->items[i];
        }
    }
    return rates->count == RATES_MAX ? &rates->items[RATES_MAX - 1]
                                     : rates_add(rates, origin, model);
}

/* How many tokens an answer will have; 0 where nothing is known. */
static uint64_t rates_guess(const struct rates_item *item, uint64_t tokens_max)
{
    uint64_t guess = tokens_max == UINT64_MAX ? 0 : tokens_max;

    if (item->answers_count > 0) {
        uint64_t mean = item->answers_sum / item->answers_count;
        guess = mean < tokens_max ? mean : tokens_max;
    }
    return guess;
}

struct rates_item *rates_name(struct rates *rates, struct quoit_request *request)
{
    struct rates_ask ask =
        rates_read((struct json_span){ request->body.bytes, request->body.size });
    struct rates_item *item = rates_find(rates, rates_origin(request->url), ask.model);

    if (item != NULL) {
        uint64_t guess = rates_guess(item, ask.tokens_max);
        uint64_t tokens = request->body.size / BYTES_PER_TOKEN + guess;
        request->limit = item->limit;
        request->limit_tokens = (uint32_t)(tokens < UINT32_MAX ? tokens : UINT32_MAX);
    }
    return item;
}

void rates_settle(struct rates_item *item, uint64_t id, const struct usage *usage)
{
    uint64_t *oldest = &item->answers[item->answers_next];

    item->answers_sum += usage->tokens_out - *oldest; /* 0, where it has no answer yet */
    *oldest = usage->tokens_out;
    item->answers_next = (item->answers_next + 1) % RATES_ANSWERS;
    item->answers_count += item->answers_count < RATES_ANSWERS;
    quoit_limit_settle(item->limit, id, usage->tokens_in + usage->tokens_out);
}

void rates_give_back(struct rates_item *item, uint64_t id)
{
    quoit_limit_settle(item->limit, id, 0);
}
