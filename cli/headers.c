/*
 * headers: reading -H, and the order of who wins.
 */
#include "cli/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

bool headers_is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-.^_`|~";

    return *text != '\0' && strspn(text, allowed) == strlen(text);
}

const char *headers_name_fault(const char *name)
{
    static const char *const framing[] = { "Host", "Content-Length", "Transfer-Encoding",
                                           "Connection" };

    if (!headers_is_name(name)) {
        return "is not the name of a header";
    }
    for (size_t i = 0; i < COUNT_OF(framing); i++) {
        if (strcasecmp(name, framing[i]) == 0) {
            return "is made by quoit and cannot be set";
        }
    }
    if (strcasecmp(name, "Proxy-Authorization") == 0) {
        return "is made from the proxy's url: http://USER:PASSWORD@HOST:PORT in https_proxy";
    }
    return NULL;
}

bool headers_is_secret(const struct headers *headers, const char *name)
{
    static const char *const secret[] = { "Authorization", "Cookie" };
    static const char *const parts[] = { "api-key", "token", "secret", "subscription-key" };

    for (size_t i = 0; i < COUNT_OF(secret); i++) {
        if (strcasecmp(name, secret[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strcasestr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return headers->key_name != NULL && strcasecmp(name, headers->key_name) == 0;
}

static bool headers_value_is_good(const char *value)
{
    for (; *value != '\0'; value++) {
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Cut `item->name`, which holds the whole "Name: value", in two. Says what is wrong, or NULL. */
static const char *headers_item_cut(struct headers_item *item)
{
    size_t name_size = strcspn(item->name, ":;");
    char *value = item->name + name_size;
    bool empty_value = *value == ';';

    if (*value == '\0') {
        item->name[0] = '\0'; /* all of it may be a secret */
        return "needs a colon: -H 'Name: value'";
    }
    *value++ = '\0';
    const char *fault = headers_name_fault(item->name);
    if (fault != NULL && !headers_is_name(item->name)) {
        item->name[0] = '\0'; /* a key, where a name was expected? */
        return "needs a name: -H 'Name: value'";
    }
    value += strspn(value, " \t");
    for (size_t size = strlen(value); size > 0 && strchr(" \t\r\n", value[size - 1]); size--) {
        value[size - 1] = '\0';
    }
    item->value = *value == '\0' && !empty_value ? NULL : value;
    if (empty_value && *value != '\0') {
        return "needs a colon: -H 'Name: value'";
    }
    if (!headers_value_is_good(value)) {
        return "has a control character in its value";
    }
    return fault;
}

/* Add one header. False: a line on stderr says why. */
static bool headers_add(struct headers *headers, const char *text)
{
    struct headers_item *item = &headers->items[headers->count];

    if (headers->count == HEADERS_MAX) {
        fprintf(stderr, "quoit: -H: at most %d headers\n", HEADERS_MAX);
        return false;
    }
    item->name = strdup(text);
    if (item->name == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return false;
    }
    headers->count++;
    const char *fault = headers_item_cut(item);
    if (fault != NULL) {
        fprintf(stderr, "quoit: -H%s%s %s\n", *item->name != '\0' ? " " : "", item->name, fault);
        return false;
    }
    item->secret = headers_is_secret(headers, item->name);
    return true;
}

static int headers_add_file(struct headers *headers, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    int exit_code = 0;

    if (file == NULL) {
        fprintf(stderr, "quoit: -H @%s: %s\n", path, strerror(errno));
        return 3;
    }
    while (exit_code == 0 && getline(&line, &room, file) > 0) {
        bool blank = line[strspn(line, " \t\r\n")] == '\0';
        exit_code = blank || headers_add(headers, line) ? 0 : 2;
    }
    if (line != NULL) {
        explicit_bzero(line, room);
    }
    free(line);
    fclose(file);
    return exit_code;
}

int headers_open(struct headers *headers, char **given, size_t count, const char *key_name)
{
    *headers = (struct headers){ .key_name = key_name };
    snprintf(headers->user_agent, sizeof(headers->user_agent), "quoit/%s", quoit_version());
    for (size_t i = 0; i < count; i++) {
        if (given[i][0] == '@') {
            int exit_code = headers_add_file(headers, given[i] + 1);
            if (exit_code != 0) {
                return exit_code;
            }
            continue;
        }
        if (!headers_add(headers, given[i])) {
            return 2;
        }
        const struct headers_item *item = &headers->items[headers->count - 1];
        if (item->secret && item->value != NULL) {
            char *value = given[i] + strlen(item->name) + 1;
            headers->literal_secret = item->name;
            memset(value, '*', strlen(value));
        }
    }
    return 0;
}

void headers_close(struct headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        struct headers_item *item = &headers->items[i];
        if (item->value != NULL) {
            explicit_bzero((char *)item->name + (item->value - item->name), strlen(item->value));
        }
        free(item->name);
    }
    headers->count = 0;
}

static bool headers_set_has(const struct headers_set *set, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcasecmp(set->items[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool headers_set_has_secret(const struct headers_set *set, const struct headers *headers)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (headers_is_secret(headers, set->items[i].name)) {
            return true;
        }
    }
    return false;
}

bool headers_line_has_secret(const struct headers *headers, const struct batch_line *line)
{
    for (size_t i = 0; i < line->headers_count; i++) {
        if (headers_is_secret(headers, line->headers[i].name)) {
            return true;
        }
    }
    return false;
}

/* One of ours: unless somebody has set it, or -H has taken it away. */
static void headers_set_make(struct headers_set *set, const struct headers *headers,
                             const char *name, const char *value)
{
    bool taken_away = false;

    for (size_t i = 0; i < headers->count; i++) {
        taken_away = taken_away || (headers->items[i].value == NULL &&
                                    strcasecmp(headers->items[i].name, name) == 0);
    }
    if (value != NULL && *value != '\0' && !taken_away && !headers_set_has(set, set->count, name)) {
        set->items[set->count++] = (struct quoit_header){ name, value };
    }
}

void headers_gather(const struct headers *headers, const struct keys *keys,
                    const struct batch_line *line, bool at_base, struct headers_set *set)
{
    uint32_t of_line = (uint32_t)line->headers_count;

    set->count = 0;
    for (uint32_t i = 0; i < of_line; i++) {
        set->items[set->count++] =
            (struct quoit_header){ line->headers[i].name, line->headers[i].value };
    }
    for (size_t i = 0; i < headers->count; i++) {
        const struct headers_item *item = &headers->items[i];
        if (item->value != NULL && (at_base || !item->secret) &&
            !headers_set_has(set, of_line, item->name)) {
            set->items[set->count++] = (struct quoit_header){ item->name, item->value };
        }
    }
    if (at_base) {
        headers_set_make(set, headers, keys->header.name, keys->header.value);
        headers_set_make(set, headers, "OpenAI-Organization", getenv("OPENAI_ORG_ID"));
        headers_set_make(set, headers, "OpenAI-Project", getenv("OPENAI_PROJECT_ID"));
    }
    if (line->has_body) {
        headers_set_make(set, headers, "Content-Type", "application/json");
    }
    headers_set_make(set, headers, "Accept", "*/*");
    headers_set_make(set, headers, "Accept-Encoding", "identity");
    headers_set_make(set, headers, "User-Agent", headers->user_agent);
}

void headers_add_idempotency(const struct headers *headers, const char *key,
                             struct headers_set *set)
{
    headers_set_make(set, headers, "Idempotency-Key", key);
}
