/*
 * batch: see batch.h. The line's members are found first, and the whole line checked by that; then
 * each is judged, custom_id before all others, so that what is wrong behind it can be answered.
 */
#include "llm/batch.h"

#include "llm/json_string.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The members of a line that we read. */
enum batch_key {
    BATCH_CUSTOM_ID,
    BATCH_METHOD,
    BATCH_URL,
    BATCH_BODY,
    BATCH_BODY_ENCODING,
    BATCH_HEADERS,
    BATCH_KEYS,
};

static const char *const batch_key_names[BATCH_KEYS] = {
    [BATCH_CUSTOM_ID] = "custom_id",
    [BATCH_METHOD] = "method",
    [BATCH_URL] = "url",
    [BATCH_BODY] = "body",
    [BATCH_HEADERS] = "headers",
    [BATCH_BODY_ENCODING] = "body_encoding",
};

/* One of them, as it was found. */
struct batch_member {
    unsigned count;         /* how often the key stands there */
    struct json_span value; /* the last one's */
    enum json_kind kind;
};

void batch_line_init(struct batch_line *line)
{
    memset(line, 0, sizeof(*line));
    text_init(&line->storage, 0);
}

void batch_line_free(struct batch_line *line)
{
    text_free(&line->storage);
}

bool batch_line_is_blank(struct json_span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.bytes[i] == '\0' || strchr(" \t\r\n", bytes.bytes[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Forget the line before, but not its memory. */
static void batch_line_reset(struct batch_line *line)
{
    text_reset(&line->storage);
    line->id_raw = line->id = (struct json_span){ NULL, 0 };
    line->method_raw = line->url_raw = (struct json_span){ NULL, 0 };
    line->body_raw = line->body = (struct json_span){ NULL, 0 };
    line->method = "POST";
    line->url = NULL;
    line->has_body = false;
    line->headers_count = 0;
    line->message[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static enum batch_verdict
batch_refuse(struct batch_line *line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line->message, sizeof(line->message), format, arguments);
    va_end(arguments);
    return BATCH_INVALID;
}

static void batch_member_note(struct batch_member *members, const struct json_member *member)
{
    for (int key = 0; key < BATCH_KEYS; key++) {
        if (json_string_is(member->key, batch_key_names[key])) {
            members[key].count++;
            members[key].value = member->value;
            members[key].kind = member->kind;
            return;
        }
    }
}

/* Why a text that is no object is refused: it may be no JSON at all. */
static enum batch_verdict batch_refuse_other(struct batch_line *line, struct json_span bytes)
{
    struct json_defect defect;

    if (!json_check(bytes, &defect)) {
        return batch_refuse(line, "not JSON: %s (at offset %zu)", defect.reason, defect.offset);
    }
    return batch_refuse(line, "the line is %s, not an object", json_kind_name(json_kind_of(bytes)));
}

static enum batch_verdict batch_find_members(struct batch_line *line, struct json_span bytes,
                                             struct batch_member *members)
{
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;

    if (json_kind_of(bytes) != JSON_OBJECT) {
        return batch_refuse_other(line, bytes);
    }
    json_members_begin(&reader, bytes);
    for (;;) {
        switch (json_members_next(&reader, &member, &defect)) {
        case JSON_MEMBER:
            batch_member_note(members, &member);
            break;
        case JSON_END:
            return BATCH_GOOD;
        case JSON_BROKEN:
            return batch_refuse(line, "not JSON: %s (at offset %zu)", defect.reason, defect.offset);
        }
    }
}

/* Is the member there, and more than null? */
static bool batch_member_is_given(const struct batch_member *member)
{
    return member->count > 0 && member->kind != JSON_NULL;
}

/*
 * Room for all that may have to be decoded, at once: pointers into the storage must stay good. A
 * string with its NUL is at least one byte shorter than it was with its quotes.
 */
static bool batch_reserve(struct batch_line *line, const struct batch_member *members)
{
    size_t size = 0;

    for (int key = 0; key < BATCH_KEYS; key++) {
        if (members[key].count == 0 || (key == BATCH_BODY && members[key].kind != JSON_STRING)) {
            continue;
        }
        size += members[key].value.size;
    }
    return text_reserve(&line->storage, size);
}

/* What a string says, followed by a NUL. *lone_out as json_string_decode. */
static struct json_span batch_decode(struct batch_line *line, struct json_span string,
                                     bool *lone_out)
{
    struct text *storage = &line->storage;
    char *bytes = storage->bytes + storage->size;

    assert(string.size - 1 <= storage->room - storage->size); /* batch_reserve */
    size_t size = json_string_decode(string, bytes, lone_out);
    bytes[size] = '\0';
    storage->size += size + 1;
    return (struct json_span){ bytes, size };
}

/*
 * What a string says, as a C string; NULL if it cannot be one, or may not be sent: it holds a NUL
 * or half of a surrogate pair.
 */
static const char *batch_decode_string(struct batch_line *line, struct json_span string)
{
    bool lone;
    struct json_span said = batch_decode(line, string, &lone);

    return lone || memchr(said.bytes, '\0', said.size) != NULL ? NULL : said.bytes;
}

/* RFC 9110, 5.6.2. */
static bool batch_is_token(const char *string)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return string[0] != '\0' && string[strspn(string, allowed)] == '\0';
}

static bool batch_has_control(const char *string, bool spaces_too)
{
    for (; *string != '\0'; string++) {
        unsigned char byte = (unsigned char)*string;

        if (byte == 0x7F || (byte < 0x20 && (spaces_too || byte != '\t')) ||
            (byte == ' ' && spaces_too)) {
            return true;
        }
    }
    return false;
}

static enum batch_verdict batch_read_id(struct batch_line *line, const struct batch_member *member)
{
    if (member->count == 0) {
        return batch_refuse(line, "custom_id is missing");
    }
    if (member->count > 1) {
        return batch_refuse(line, "custom_id stands there twice");
    }
    if (member->kind == JSON_NUMBER) {
        return batch_refuse(line, "custom_id is a number: quote it");
    }
    if (member->kind != JSON_STRING) {
        return batch_refuse(line, "custom_id is %s, not a string", json_kind_name(member->kind));
    }
    struct json_span inside = json_string_inside(member->value);
    if (inside.size == 0) {
        return batch_refuse(line, "custom_id is empty");
    }
    line->id_raw = member->value;
    bool lone;
    line->id =
        json_string_has_escape(member->value) ? batch_decode(line, member->value, &lone) : inside;
    return BATCH_GOOD;
}

static enum batch_verdict batch_refuse_repeated(struct batch_line *line,
                                                const struct batch_member *members)
{
    for (int key = 0; key < BATCH_KEYS; key++) {
        if (members[key].count > 1) {
            return batch_refuse(line, "%s stands there twice", batch_key_names[key]);
        }
    }
    return BATCH_GOOD;
}

static enum batch_verdict batch_read_method(struct batch_line *line,
                                            const struct batch_member *member)
{
    if (!batch_member_is_given(member)) {
        return BATCH_GOOD;
    }
    if (member->kind != JSON_STRING) {
        return batch_refuse(line, "method is %s, not a string", json_kind_name(member->kind));
    }
    const char *method = batch_decode_string(line, member->value);
    if (method == NULL || !batch_is_token(method)) {
        return batch_refuse(line, "method is not a token as GET or POST are");
    }
    line->method = method;
    line->method_raw = json_string_inside(member->value);
    return BATCH_GOOD;
}

static enum batch_verdict batch_read_url(struct batch_line *line, const struct batch_member *member)
{
    if (!batch_member_is_given(member)) {
        return BATCH_GOOD;
    }
    if (member->kind != JSON_STRING) {
        return batch_refuse(line, "url is %s, not a string", json_kind_name(member->kind));
    }
    const char *url = batch_decode_string(line, member->value);
    if (url == NULL || batch_has_control(url, true)) {
        return batch_refuse(line, "url holds a space, a control character or half of a "
                                  "surrogate pair");
    }
    if (url[0] != '/' && strncasecmp(url, "http://", 7) != 0 &&
        strncasecmp(url, "https://", 8) != 0) {
        return batch_refuse(line, "url begins neither with / nor with http:// or https://");
    }
    line->url = url;
    line->url_raw = json_string_inside(member->value);
    return BATCH_GOOD;
}

/*
 * What frames a request is made by its sender: two of a kind are how requests are smuggled. And who
 * we are to a proxy is not the line's to say.
 */
static bool batch_header_is_ours(const char *name)
{
    return strcasecmp(name, "host") == 0 || strcasecmp(name, "content-length") == 0 ||
           strcasecmp(name, "transfer-encoding") == 0 || strcasecmp(name, "connection") == 0 ||
           strcasecmp(name, "proxy-authorization") == 0;
}

static enum batch_verdict batch_read_header(struct batch_line *line,
                                            const struct json_member *member)
{
    const char *name = batch_decode_string(line, member->key);

    if (line->headers_count == BATCH_HEADERS_MAX) {
        return batch_refuse(line, "more than %d headers", BATCH_HEADERS_MAX);
    }
    if (name == NULL || !batch_is_token(name)) {
        return batch_refuse(line, "a header's name is not a token");
    }
    if (batch_header_is_ours(name)) {
        return batch_refuse(line, "header %.20s cannot be set", name);
    }
    if (member->kind != JSON_STRING) {
        return batch_refuse(line, "header %.100s is %s, not a string", name,
                            json_kind_name(member->kind));
    }
    const char *value = batch_decode_string(line, member->value);
    if (value == NULL || batch_has_control(value, false)) {
        return batch_refuse(line,
                            "header %.100s holds a control character or half of a "
                            "surrogate pair",
                            name);
    }
    line->headers[line->headers_count++] = (struct batch_header){ name, value };
    return BATCH_GOOD;
}

static enum batch_verdict batch_read_headers(struct batch_line *line,
                                             const struct batch_member *headers)
{
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    enum batch_verdict verdict = BATCH_GOOD;

    if (!batch_member_is_given(headers)) {
        return BATCH_GOOD;
    }
    if (headers->kind != JSON_OBJECT) {
        return batch_refuse(line, "headers is %s, not an object", json_kind_name(headers->kind));
    }
    json_members_begin(&reader, headers->value);
    while (verdict == BATCH_GOOD && json_members_next(&reader, &member, &defect) == JSON_MEMBER) {
        verdict = batch_read_header(line, &member);
    }
    return verdict;
}

static bool batch_method_needs_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

bool batch_body_streams(struct json_span body)
{
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;
    enum json_next next;
    bool streams = false;

    json_members_begin(&reader, body);
    while ((next = json_members_next(&reader, &member, &defect)) == JSON_MEMBER) {
        streams |= member.kind == JSON_TRUE && json_string_is(member.key, "stream");
    }
    return streams && next == JSON_END;
}

static enum batch_verdict batch_read_text(struct batch_line *line, const struct batch_member *body,
                                          const struct batch_member *encoding)
{
    bool lone = false;

    if (encoding->kind != JSON_STRING || !json_string_is(encoding->value, "text")) {
        return batch_refuse(line, "body_encoding is not \"text\"");
    }
    if (body->kind != JSON_STRING) {
        return batch_refuse(line, "body_encoding is \"text\", and body is %s, not a string",
                            body->count == 0 ? "missing" : json_kind_name(body->kind));
    }
    line->body = json_string_has_escape(body->value) ? batch_decode(line, body->value, &lone)
                                                     : json_string_inside(body->value);
    if (lone) {
        return batch_refuse(line, "body holds half of a surrogate pair: no text can say it");
    }
    return BATCH_GOOD;
}

static enum batch_verdict batch_read_body(struct batch_line *line, const struct batch_member *body,
                                          const struct batch_member *encoding)
{
    bool needed = batch_method_needs_body(line->method);
    bool encoded = batch_member_is_given(encoding);

    if (body->count == 0 && !encoded) {
        return needed ? batch_refuse(line, "body is missing, and %s needs one", line->method)
                      : BATCH_GOOD;
    }
    if (body->kind == JSON_NULL && !needed && !encoded) {
        return BATCH_GOOD;
    }
    line->has_body = true;
    line->body = line->body_raw = body->value;
    enum batch_verdict verdict = encoded ? batch_read_text(line, body, encoding) : BATCH_GOOD;
    if (verdict == BATCH_GOOD && !line->may_stream && batch_body_streams(line->body)) {
        return batch_refuse(line, "body says \"stream\":true: say --stream");
    }
    return verdict;
}

/* What is behind custom_id, in the order in which its defects are told. */
static enum batch_verdict batch_read_request(struct batch_line *line,
                                             const struct batch_member *members)
{
    enum batch_verdict verdict = batch_refuse_repeated(line, members);

    if (verdict == BATCH_GOOD) {
        verdict = batch_read_method(line, &members[BATCH_METHOD]);
    }
    if (verdict == BATCH_GOOD) {
        verdict = batch_read_url(line, &members[BATCH_URL]);
    }
    if (verdict == BATCH_GOOD) {
        verdict = batch_read_headers(line, &members[BATCH_HEADERS]);
    }
    if (verdict == BATCH_GOOD) {
        verdict = batch_read_body(line, &members[BATCH_BODY], &members[BATCH_BODY_ENCODING]);
    }
    return verdict;
}

enum batch_verdict batch_line_read(struct batch_line *line, struct json_span bytes)
{
    struct batch_member members[BATCH_KEYS] = { 0 };

    batch_line_reset(line);
    enum batch_verdict verdict = batch_find_members(line, bytes, members);
    if (verdict != BATCH_GOOD) {
        return verdict;
    }
    if (!batch_reserve(line, members)) {
        return BATCH_NO_MEMORY;
    }
    verdict = batch_read_id(line, &members[BATCH_CUSTOM_ID]);
    if (verdict != BATCH_GOOD) {
        return verdict;
    }
    return batch_read_request(line, members);
}
