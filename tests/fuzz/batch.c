/*
 * batch: any bytes as a line of a batch file. What is said of a good one lies in the line, and is
 * what cJSON reads there; a member set in its body changes nothing else; and any bytes, quoted, are
 * a JSON string that says them.
 *
 *     input: the line
 */
#include "llm/batch.h"
#include "llm/json_string.h"
#include "llm/splice.h"
#include "llm/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <ctype.h>

#define NUMBER_MAX 60   /* cJSON reads no more of a number than 63 bytes */
#define NESTING_MAX 900 /* and no more brackets than 1000 */

static bool is_same(struct json_span a, struct json_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

static struct json_span span_of(const char *text)
{
    return (struct json_span){ text, strlen(text) };
}

static bool is_in(struct json_span span, struct json_span line)
{
    return span.size == 0 ||
           (span.bytes >= line.bytes && span.bytes + span.size <= line.bytes + line.size);
}

/* Is there something in it that RFC 8259 allows and cJSON does not: halves of pairs, NUL, size? */
static bool is_beyond_cjson(struct json_span text)
{
    size_t number = 0, brackets = 0;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.bytes[i];
        number = isalnum((unsigned char)c) || strchr("+-.", c) != NULL ? number + 1 : 0;
        brackets += c == '[' || c == '{';
        bool escape = c == '\\' && i + 2 < text.size && text.bytes[i + 1] == 'u';
        if ((escape && strchr("dD0", text.bytes[i + 2]) != NULL) || brackets > NESTING_MAX ||
            number > NUMBER_MAX) {
            return true;
        }
    }
    return false;
}

static cJSON *parse(struct json_span text)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text.bytes, text.size, &end, false);

    for (; json != NULL && end < text.bytes + text.size; end++) {
        FUZZ_HOLDS(strchr(" \t\r\n", *end) != NULL);
    }
    return json;
}

/* --- One line --- */

/* A string member as cJSON reads it, or `otherwise`. */
static struct json_span string_in(const cJSON *json, const char *name, const char *otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsString(item) ? span_of(item->valuestring) : span_of(otherwise);
}

static void check_headers(const struct batch_line *line, const cJSON *json)
{
    const cJSON *header = cJSON_GetObjectItemCaseSensitive(json, "headers");

    header = header == NULL ? NULL : header->child;
    for (size_t i = 0; i < line->headers_count; i++, header = header->next) {
        FUZZ_HOLDS(header != NULL && cJSON_IsString(header));
        FUZZ_HOLDS(strcmp(header->string, line->headers[i].name) == 0);
        FUZZ_HOLDS(strcmp(header->valuestring, line->headers[i].value) == 0);
        FUZZ_HOLDS(strpbrk(line->headers[i].value, "\r\n") == NULL);
    }
    FUZZ_HOLDS(header == NULL);
}

static void check_body(const struct batch_line *line, const cJSON *json)
{
    const cJSON *body = cJSON_GetObjectItemCaseSensitive(json, "body");
    bool as_text = string_in(json, "body_encoding", "").size != 0;

    if (!line->has_body) {
        FUZZ_HOLDS(body == NULL || cJSON_IsNull(body));
    } else if (as_text) {
        FUZZ_HOLDS(cJSON_IsString(body) && is_same(span_of(body->valuestring), line->body));
    } else {
        FUZZ_HOLDS(is_same(line->body, line->body_raw));
        FUZZ_HOLDS(!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "stream")));
    }
}

/* cJSON reads the same. */
static void check_meaning(const struct batch_line *line, struct json_span bytes)
{
    cJSON *json = parse(bytes);

    FUZZ_HOLDS(cJSON_IsObject(json));
    FUZZ_HOLDS(is_same(string_in(json, "custom_id", ""), line->id));
    FUZZ_HOLDS(is_same(string_in(json, "method", "POST"), span_of(line->method)));
    FUZZ_HOLDS(is_same(string_in(json, "url", ""), span_of(line->url == NULL ? "" : line->url)));
    check_headers(line, json);
    check_body(line, json);
    cJSON_Delete(json);
}

/* --- Its body with a member set --- */

static enum json_next next_other(struct json_members *members, struct json_member *member,
                                 const char *name)
{
    struct json_defect defect;
    enum json_next next;

    do {
        next = json_members_next(members, member, &defect);
    } while (next == JSON_MEMBER && json_string_is(member->key, name));
    return next;
}

/* Every other member stands in both, in the same order, with the same bytes. */
static void check_others(struct json_span before, struct json_span after, const char *name)
{
    struct json_members old_members, new_members;
    struct json_member old_member, new_member;
    enum json_next next;

    json_members_begin(&old_members, before);
    json_members_begin(&new_members, after);
    do {
        next = next_other(&old_members, &old_member, name);
        FUZZ_HOLDS(next == next_other(&new_members, &new_member, name));
        FUZZ_HOLDS(next != JSON_BROKEN);
        FUZZ_HOLDS(next == JSON_END || (is_same(old_member.key, new_member.key) &&
                                        is_same(old_member.value, new_member.value)));
    } while (next == JSON_MEMBER);
}

static void check_splice(struct json_span object, const char *name)
{
    const struct json_span value = span_of("\"new\"");
    struct json_members members;
    struct json_member member;
    struct json_defect defect;
    struct text out;
    uint32_t count = 0;

    text_init(&out, 0);
    FUZZ_HOLDS(splice_member(&out, object, name, value) == SPLICE_GOOD);
    struct json_span spliced = { out.bytes, out.size };
    json_members_begin(&members, spliced);
    while (json_members_next(&members, &member, &defect) == JSON_MEMBER) {
        if (json_string_is(member.key, name)) {
            FUZZ_HOLDS(is_same(member.value, value));
            count++;
        }
    }
    FUZZ_HOLDS(count > 0);
    check_others(object, spliced, name);
    text_free(&out);
}

/* --- Any bytes --- */

static void check_quoted(struct json_span bytes)
{
    struct json_defect defect;
    struct text out;
    bool lone = true;

    text_init(&out, 0);
    text_append_quoted(&out, bytes);
    struct json_span quoted = { out.bytes, out.size };
    FUZZ_HOLDS(json_check(quoted, &defect));
    char *said = fuzz_copy(quoted.bytes, quoted.size);
    size_t size = json_string_decode(quoted, said, &lone);
    FUZZ_HOLDS(!lone);
    FUZZ_HOLDS(utf8_size(bytes.bytes, bytes.size) != bytes.size ||
               is_same(bytes, (struct json_span){ said, size }));
    free(said);
    text_free(&out);
}

static void check_line(struct json_span bytes)
{
    struct json_defect defect;
    struct batch_line line;

    batch_line_init(&line);
    enum batch_verdict verdict = batch_line_read(&line, bytes);
    FUZZ_HOLDS(verdict != BATCH_NO_MEMORY);
    FUZZ_HOLDS(is_in(line.id_raw, bytes));
    if (verdict == BATCH_INVALID) {
        FUZZ_HOLDS(line.message[0] != '\0' && strpbrk(line.message, "\r\n") == NULL);
    } else {
        FUZZ_HOLDS(json_check(bytes, &defect));
        FUZZ_HOLDS(line.id_raw.size > 2 && json_check(line.id_raw, &defect));
        FUZZ_HOLDS(is_in(line.body_raw, bytes) && is_in(line.method_raw, bytes) &&
                   is_in(line.url_raw, bytes));
        FUZZ_HOLDS(line.body_raw.size == 0 || json_check(line.body_raw, &defect));
        if (!is_beyond_cjson(bytes)) {
            check_meaning(&line, bytes);
        }
        if (line.body_raw.size != 0 && line.body_raw.bytes[0] == '{') {
            check_splice(line.body_raw, "model");
            check_splice(line.body_raw, "stream");
        }
    }
    batch_line_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *exact = fuzz_copy(bytes, size);
    struct json_span line = { exact, size };
    struct json_defect defect;

    check_line(line);
    check_quoted(line);
    if (json_check(line, &defect) && !is_beyond_cjson(line)) {
        cJSON *json = parse(line);
        FUZZ_HOLDS(json != NULL);
        cJSON_Delete(json);
    }
    free(exact);
    return 0;
}
