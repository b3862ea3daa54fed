/* behaviour: see behaviour.h. */
#include "mock/behaviour.h"

#include "mock/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BEHAVIOUR_VALUE_SIZE 1024 /* longer values are refused */
#define BEHAVIOUR_TOKENS 16

typedef bool behaviour_setter(struct behaviour *behaviour, char *value);

static bool set_latency(struct behaviour *behaviour, char *value)
{
    return delay_parse(value, &behaviour->latency);
}

static bool set_ttft(struct behaviour *behaviour, char *value)
{
    return delay_parse(value, &behaviour->ttft);
}

static bool set_gap(struct behaviour *behaviour, char *value)
{
    return delay_parse(value, &behaviour->gap);
}

static bool set_tokens(struct behaviour *behaviour, char *value)
{
    return text_to_number(value, 10000000, &behaviour->tokens);
}

static bool set_body_size(struct behaviour *behaviour, char *value)
{
    return text_to_size(value, &behaviour->body_size);
}

static bool parse_status(const char *text, uint16_t *status_out)
{
    uint64_t status = 0;

    if (!text_to_number(text, 999, &status) || status < 100) {
        return false;
    }
    *status_out = (uint16_t)status;
    return true;
}

static bool set_status(struct behaviour *behaviour, char *value)
{
    return parse_status(value, &behaviour->status);
}

/* "N" or "N:STATUS". */
static bool parse_first(char *value, uint64_t *count_out, uint16_t *status_out)
{
    char *status = text_cut(value, ':');
    uint64_t count = 0;

    if (!text_to_number(value, UINT64_MAX, &count) ||
        (status != NULL && !parse_status(status, status_out))) {
        return false;
    }
    *count_out = count;
    return true;
}

static bool set_status_first(struct behaviour *behaviour, char *value)
{
    return parse_first(value, &behaviour->status_first, &behaviour->status_first_status);
}

static bool set_fail_first(struct behaviour *behaviour, char *value)
{
    return parse_first(value, &behaviour->fail_first, &behaviour->fail_first_status);
}

/* "none", or one more rule "STATUS:SHARE". */
static bool set_error(struct behaviour *behaviour, char *value)
{
    struct behaviour_error error = { 0 };

    if (strcmp(value, "none") == 0) {
        behaviour->errors_count = 0;
        return true;
    }
    char *share = text_cut(value, ':');
    if (behaviour->errors_count == BEHAVIOUR_ERRORS_MAX || share == NULL ||
        !parse_status(value, &error.status) || !text_to_real(share, 1, &error.share)) {
        return false;
    }
    behaviour->errors[behaviour->errors_count++] = error;
    return true;
}

/* "none", or more rules, with commas between them. */
static bool set_fault(struct behaviour *behaviour, char *value)
{
    if (strcmp(value, "none") == 0) {
        behaviour->faults_count = 0;
        return true;
    }
    while (value != NULL) {
        char *rest = text_cut(value, ',');
        value += strspn(value, " ");
        if (behaviour->faults_count == FAULT_RULES_MAX ||
            !fault_parse(value, &behaviour->faults[behaviour->faults_count])) {
            return false;
        }
        behaviour->faults_count++;
        value = rest;
    }
    return true;
}

static bool set_fault_when(struct behaviour *behaviour, char *value)
{
    static const char *const names[] = {
        [WHEN_ALWAYS] = "always",
        [WHEN_REUSED] = "reused",
        [WHEN_FRESH] = "fresh",
        [WHEN_FIRST] = "first",
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], value) == 0) {
            behaviour->fault_when = (enum behaviour_when)i;
            return true;
        }
    }
    return false;
}

static bool set_answer_to(struct behaviour *behaviour, char *value)
{
    behaviour->answer_to_key = strcmp(value, "key") == 0;
    return behaviour->answer_to_key || strcmp(value, "body") == 0;
}

static bool parse_text(char (*place)[BEHAVIOUR_TEXT_SIZE], const char *value)
{
    if (strlen(value) >= sizeof(*place) || strpbrk(value, "\r\n") != NULL) {
        return false;
    }
    snprintf(*place, sizeof(*place), "%s", strcmp(value, "none") == 0 ? "" : value);
    return true;
}

/* "none", or "STATUS:TEXT". */
static bool set_refuse_body(struct behaviour *behaviour, char *value)
{
    char *text = text_cut(value, ':');

    if (text == NULL) {
        behaviour->refused[0] = '\0';
        return strcmp(value, "none") == 0;
    }
    return parse_status(value, &behaviour->refused_status) && parse_text(&behaviour->refused, text);
}

static bool set_retry_after(struct behaviour *behaviour, char *value)
{
    return parse_text(&behaviour->retry_after, value);
}

static bool set_error_code(struct behaviour *behaviour, char *value)
{
    return parse_text(&behaviour->error_code, value);
}

static bool set_content_type(struct behaviour *behaviour, char *value)
{
    return parse_text(&behaviour->content_type, value);
}

static bool set_header(struct behaviour *behaviour, char *value)
{
    size_t used = strlen(behaviour->headers);

    if (strcmp(value, "none") == 0) {
        behaviour->headers[0] = '\0';
        return true;
    }
    if (strpbrk(value, "\r\n") != NULL || used + strlen(value) + 3 > BEHAVIOUR_HEADERS_SIZE) {
        return false;
    }
    snprintf(behaviour->headers + used, BEHAVIOUR_HEADERS_SIZE - used, "%s\r\n", value);
    return true;
}

static const struct {
    const char *name;
    behaviour_setter *set;
    const char *value;
    const char *help;
} behaviours[] = {
    { "latency", set_latency, "DELAY", "from the whole request to the head of its answer (0)" },
    { "ttft", set_ttft, "DELAY", "streams: from the whole request to the first token (0)" },
    { "gap", set_gap, "DELAY", "streams: from one token to the next (0)" },
    { "tokens", set_tokens, "N", "tokens of an answer (16), or the request's max_tokens if less" },
    { "body-size", set_body_size, "SIZE", "pages (paths not named above): a body of that size" },
    { "content-type", set_content_type, "TEXT", "the Content-Type of the answer" },
    { "status", set_status, "STATUS", "every answer has that status" },
    { "status-first", set_status_first, "N[:STATUS]", "the first N requests get it (503)" },
    { "fail-first", set_fail_first, "N[:STATUS]", "the first N executions of each key get it" },
    { "error", set_error, "STATUS:SHARE", "that share of answers gets it; repeatable; or none" },
    { "refuse-body", set_refuse_body, "STATUS:TEXT", "a body that holds TEXT gets it; or none" },
    { "answer-to", set_answer_to, "body|key", "what ids and text follow from (body)" },
    { "error-code", set_error_code, "CODE", "type and code in the body of errors" },
    { "retry-after", set_retry_after, "TEXT", "that Retry-After with every 408, 409, 429, 5xx" },
    { "header", set_header, "'NAME: TEXT'", "one more header in the answer; repeatable; or none" },
    { "fault", set_fault, "RULE[,RULE]", "see Faults; repeatable; or none" },
    { "fault-when", set_fault_when, "WHEN",
      "always, reused, fresh (connection), first (of a key)" },
};

#define BEHAVIOURS (sizeof(behaviours) / sizeof(behaviours[0]))

void behaviour_init(struct behaviour *behaviour)
{
    *behaviour = (struct behaviour){
        .tokens = BEHAVIOUR_TOKENS,
        .body_size = SIZE_MAX,
        .status_first_status = 503,
        .fail_first_status = 503,
    };
}

bool behaviour_set(struct behaviour *behaviour, const char *name, const char *value)
{
    char copy[BEHAVIOUR_VALUE_SIZE];

    if (strlen(value) >= sizeof(copy)) {
        return false;
    }
    snprintf(copy, sizeof(copy), "%s", value);
    for (size_t i = 0; i < BEHAVIOURS; i++) {
        if (strcasecmp(behaviours[i].name, name) == 0) {
            struct behaviour changed = *behaviour;
            if (!behaviours[i].set(&changed, copy)) {
                return false;
            }
            *behaviour = changed;
            return true;
        }
    }
    return false;
}

const char *behaviour_read_headers(struct behaviour *behaviour, const struct incoming *incoming)
{
    static const size_t prefix_size = sizeof("x-mock-") - 1;
    bool error_seen = false;
    bool fault_seen = false;
    const char *name = NULL;
    const char *value = NULL;
    size_t cursor = 0;

    while (incoming_next_header(&incoming->headers, &cursor, &name, &value)) {
        if (strncasecmp(name, "x-mock-", prefix_size) != 0) {
            continue;
        }
        if (!error_seen && strcasecmp(name + prefix_size, "error") == 0) {
            behaviour->errors_count = 0;
            error_seen = true;
        }
        if (!fault_seen && strcasecmp(name + prefix_size, "fault") == 0) {
            behaviour->faults_count = 0;
            fault_seen = true;
        }
        if (!behaviour_set(behaviour, name + prefix_size, value)) {
            return name;
        }
    }
    return NULL;
}

bool behaviour_read_lines(struct behaviour *behaviour, const struct blob *lines)
{
    const char *at = lines->bytes;
    const char *end = at + lines->size;

    while (at < end) {
        char line[BEHAVIOUR_VALUE_SIZE];
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((line_end == NULL ? end : line_end) - at);
        if (size >= sizeof(line)) {
            return false;
        }
        memcpy(line, at, size);
        line[size] = '\0';
        line[strcspn(line, "\r")] = '\0';
        at += size + 1;

        size_t name_size = strcspn(line, ": ");
        const char *value = line + name_size + strspn(line + name_size, ": ");
        line[name_size] = '\0';
        if (*line != '\0' && !behaviour_set(behaviour, line, value)) {
            return false;
        }
    }
    return true;
}

void behaviour_print_help(void)
{
    for (size_t i = 0; i < BEHAVIOURS; i++) {
        char name[48];
        snprintf(name, sizeof(name), "--%s %s", behaviours[i].name, behaviours[i].value);
        printf("  %-32s %s\n", name, behaviours[i].help);
    }
}
