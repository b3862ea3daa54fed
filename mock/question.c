/* question: see question.h. */
#include "mock/question.h"

#include "mock/text.h"

#include <stdlib.h>
#include <string.h>

/* A place in JSON text. The walk stops at `end` and never asks whether all was well-formed. */
struct walk {
    const char *at;
    const char *end;
};

struct member {
    const char *name; /* without its quotes */
    size_t name_size;
    const char *value;
    size_t value_size;
};

static void walk_skip_space(struct walk *walk)
{
    while (walk->at < walk->end && strchr(" \t\r\n", *walk->at) != NULL && *walk->at != '\0') {
        walk->at++;
    }
}

/* Behind the string whose first quote is here. */
static void walk_skip_string(struct walk *walk)
{
    walk->at++;
    while (walk->at < walk->end && *walk->at != '"') {
        walk->at += *walk->at == '\\' ? 2 : 1;
    }
    walk->at = walk->at < walk->end ? walk->at + 1 : walk->end;
}

/* Behind the value that begins here. */
static void walk_skip_value(struct walk *walk)
{
    size_t depth = 0;

    for (; walk->at < walk->end; walk->at++) {
        switch (*walk->at) {
        case '"':
            walk_skip_string(walk);
            walk->at--;
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0) {
                return;
            }
            depth--;
            break;
        case ',':
            if (depth == 0) {
                return;
            }
            break;
        }
    }
}

/* Step into the object or list that begins here. */
static bool walk_enter(struct walk *walk, char bracket)
{
    walk_skip_space(walk);
    if (walk->at >= walk->end || *walk->at != bracket) {
        return false;
    }
    walk->at++;
    return true;
}

/* The next member of the object that was entered. */
static bool walk_next_member(struct walk *walk, struct member *member)
{
    walk_skip_space(walk);
    if (walk->at < walk->end && *walk->at == ',') {
        walk->at++;
        walk_skip_space(walk);
    }
    if (walk->at >= walk->end || *walk->at != '"') {
        return false;
    }
    member->name = walk->at + 1;
    walk_skip_string(walk);
    if (walk->at <= member->name || walk->at[-1] != '"') {
        return false;
    }
    member->name_size = (size_t)(walk->at - member->name) - 1;
    walk_skip_space(walk);
    if (walk->at >= walk->end || *walk->at != ':') {
        return false;
    }
    walk->at++;
    walk_skip_space(walk);
    member->value = walk->at;
    walk_skip_value(walk);
    member->value_size = (size_t)(walk->at - member->value);
    while (member->value_size > 0 &&
           strchr(" \t\r\n", member->value[member->value_size - 1]) != NULL) {
        member->value_size--;
    }
    return true;
}

static bool member_is(const struct member *member, const char *name)
{
    return strlen(name) == member->name_size && memcmp(member->name, name, member->name_size) == 0;
}

static bool member_is_true(const struct member *member)
{
    return member->value_size == 4 && memcmp(member->value, "true", 4) == 0;
}

/* A whole number; 0 for anything else. */
static uint64_t member_number(const struct member *member)
{
    uint64_t number = 0;

    for (size_t i = 0; i < member->value_size; i++) {
        if (member->value[i] < '0' || member->value[i] > '9' || number > UINT32_MAX) {
            return 0;
        }
        number = number * 10 + (uint64_t)(member->value[i] - '0');
    }
    return number;
}

/* How many texts "input" or "prompt" holds: one, or a list of them. A list of numbers is one. */
static uint64_t member_elements(const struct member *member)
{
    struct walk walk = { member->value, member->value + member->value_size };
    uint64_t count = 0;

    if (!walk_enter(&walk, '[')) {
        return 1;
    }
    for (;;) {
        walk_skip_space(&walk);
        if (walk.at >= walk.end || (*walk.at != '"' && *walk.at != '[')) {
            return count == 0 ? 1 : count;
        }
        count++;
        walk_skip_value(&walk);
        if (walk.at < walk.end && *walk.at == ',') {
            walk.at++;
        }
    }
}

static void question_read_stream_options(struct question *question, const struct member *options)
{
    struct walk walk = { options->value, options->value + options->value_size };
    struct member member;

    if (!walk_enter(&walk, '{')) {
        return;
    }
    while (walk_next_member(&walk, &member)) {
        if (member_is(&member, "include_usage")) {
            question->include_usage = member_is_true(&member);
        }
    }
}

static void question_read_member(struct question *question, const struct member *member)
{
    if (member_is(member, "model") && member->value_size >= 2 && member->value[0] == '"') {
        question->model = member->value + 1;
        question->model_size = member->value_size - 2;
    } else if (member_is(member, "stream")) {
        question->stream = member_is_true(member);
    } else if (member_is(member, "stream_options")) {
        question_read_stream_options(question, member);
    } else if (member_is(member, "max_tokens") || member_is(member, "max_completion_tokens") ||
               member_is(member, "max_output_tokens")) {
        question->tokens_max = member_number(member);
    } else if (member_is(member, "n")) {
        uint64_t choices = member_number(member);
        question->choices = choices == 0 || choices > 128 ? 1 : choices;
    } else if (member_is(member, "input")) {
        question->inputs = member_elements(member);
    } else if (member_is(member, "prompt")) {
        question->prompts = member_elements(member);
    }
}

static bool path_ends_in(const char *path, size_t size, const char *ending)
{
    size_t ending_size = strlen(ending);
    return size >= ending_size && memcmp(path + size - ending_size, ending, ending_size) == 0;
}

static bool path_is(const char *path, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(path, text, size) == 0;
}

const char *question_path(const struct incoming *incoming, size_t *size_out)
{
    const char *path = incoming->target.bytes;
    const char *end = path + incoming->target.size;

    if (incoming->target.size > 0 && *path != '/') {
        const char *host = memmem(path, incoming->target.size, "://", 3);
        if (host != NULL) {
            const char *slash = memchr(host + 3, '/', (size_t)(end - host) - 3);
            path = slash == NULL ? end : slash;
        }
    }
    const char *query = path == end ? NULL : memchr(path, '?', (size_t)(end - path));
    *size_out = (size_t)((query == NULL ? end : query) - path);
    return path;
}

enum question_kind question_kind_of(const struct incoming *incoming)
{
    static const struct {
        const char *ending;
        enum question_kind kind;
    } posts[] = {
        { "/chat/completions", QUESTION_CHAT }, { "/completions", QUESTION_COMPLETION },
        { "/embeddings", QUESTION_EMBEDDING },  { "/responses", QUESTION_RESPONSES },
        { "/messages", QUESTION_MESSAGES },
    };
    bool is_post = incoming->parser.method == HTTP_POST;
    size_t size = 0;
    const char *path = question_path(incoming, &size);

    if (size <= 1) {
        return QUESTION_PAGE;
    }
    if (path_is(path, size, "/ledger")) {
        return QUESTION_LEDGER;
    }
    if (path_is(path, size, "/echo")) {
        return QUESTION_ECHO;
    }
    if (path_is(path, size, "/missing")) {
        return QUESTION_MISSING;
    }
    if (!is_post) {
        return path_ends_in(path, size, "/models") ? QUESTION_MODELS : QUESTION_PAGE;
    }
    if (path_is(path, size, "/ledger/reset")) {
        return QUESTION_LEDGER_RESET;
    }
    if (path_is(path, size, "/mock/settings")) {
        return QUESTION_SETTINGS;
    }
    if (path_is(path, size, "/mock/stall")) {
        return QUESTION_STALL;
    }
    if (path_is(path, size, "/raw")) {
        return QUESTION_RAW;
    }
    for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++) {
        if (path_ends_in(path, size, posts[i].ending)) {
            return posts[i].kind;
        }
    }
    return QUESTION_PAGE;
}

bool question_is_metered(const struct question *question)
{
    return question->kind <= QUESTION_MESSAGES;
}

void question_read(struct question *question, const struct incoming *incoming)
{
    const struct blob *body = &incoming->body;
    struct member member;

    *question = (struct question){
        .kind = question_kind_of(incoming),
        .choices = 1,
        .inputs = 1,
        .prompts = 1,
        .model = "mock",
        .model_size = strlen("mock"),
    };
    if (!question_is_metered(question) || body->size == 0) {
        return;
    }
    struct walk walk = { body->bytes, body->bytes + body->size };
    question->is_object = walk_enter(&walk, '{');
    while (question->is_object && walk_next_member(&walk, &member)) {
        question_read_member(question, &member);
    }
    if (question->kind == QUESTION_COMPLETION) {
        question->choices *= question->prompts;
    }
}
