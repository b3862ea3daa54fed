/*
 * outcome: see outcome.h. A response of ours is read from both ends; any other line as the JSON
 * that it is.
 */
#include "llm/outcome.h"

#include "llm/json_string.h"
#include "llm/member.h"
#include "quoit.h"

#include <string.h>

#define OUTCOME_HEX_SIZE 16
#define OUTCOME_OURS "quoit-"
#define OUTCOME_DETAILS_MAX 512 /* bytes, with what stands before them */

void outcome_init(struct outcome *outcome)
{
    *outcome = (struct outcome){ .kind = OUTCOME_FINAL };
    text_init(&outcome->storage, 0);
}

void outcome_free(struct outcome *outcome)
{
    text_free(&outcome->storage);
}

static void outcome_reset(struct outcome *outcome)
{
    struct text storage = outcome->storage;

    text_reset(&storage);
    *outcome = (struct outcome){ .kind = OUTCOME_FINAL, .storage = storage };
}

/* --- What it means --- */

bool outcome_is_transient(uint32_t status, struct json_span code)
{
    static const struct {
        const char *code;
        bool transient;
    } codes[] = {
#define QUOIT_X(number, name, transient, code, message) { code, transient },
        QUOIT_ERROR_MAP(QUOIT_X)
#undef QUOIT_X
            { "cancelled", true },
        { "quota_exhausted", true },
        { "batch_expired", true },
    };

    if (status != 0) {
        return status == 408 || status == 409 || status == 429 || status >= 500;
    }
    for (size_t i = 0; code.size != 0 && i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].transient && json_string_is(code, codes[i].code)) {
            return true;
        }
    }
    return false;
}

static enum outcome_kind outcome_judge(const struct outcome *outcome, bool has_error)
{
    if (!has_error && outcome->status >= 200 && outcome->status < 300) {
        return OUTCOME_GOOD;
    }
    /* An error beside a 2xx is no better than its code. */
    uint32_t status = outcome->status >= 200 && outcome->status < 300 ? 0 : outcome->status;
    return outcome_is_transient(status, outcome->code) ? OUTCOME_TRANSIENT : OUTCOME_FINAL;
}

/* --- Parts of a line --- */

/* Bytes that are read from the left. */
struct outcome_reader {
    const char *at, *end;
};

/* Take that text if it comes next. */
static bool outcome_take(struct outcome_reader *reader, const char *text)
{
    size_t size = strlen(text);

    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, text, size) != 0) {
        return false;
    }
    reader->at += size;
    return true;
}

static bool outcome_take_hex(struct outcome_reader *reader, uint64_t *value_out)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;

    if (reader->end - reader->at < OUTCOME_HEX_SIZE) {
        return false;
    }
    for (size_t i = 0; i < OUTCOME_HEX_SIZE; i++) {
        const char *found = memchr(digits, reader->at[i], sizeof(digits) - 1);
        if (found == NULL) {
            return false;
        }
        value = value << 4 | (uint64_t)(found - digits);
    }
    reader->at += OUTCOME_HEX_SIZE;
    *value_out = value;
    return true;
}

static bool outcome_take_count(struct outcome_reader *reader, uint64_t *count_out)
{
    const char *begin = reader->at;

    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        reader->at++;
    }
    return member_count((struct json_span){ begin, (size_t)(reader->at - begin) }, count_out);
}

/* A string without escapes, with its quotes. */
static bool outcome_take_string(struct outcome_reader *reader, struct json_span *string_out)
{
    const char *begin = reader->at;

    if (!outcome_take(reader, "\"")) {
        return false;
    }
    const char *quote = memchr(reader->at, '"', (size_t)(reader->end - reader->at));
    if (quote == NULL || memchr(reader->at, '\\', (size_t)(quote - reader->at)) != NULL) {
        return false;
    }
    reader->at = quote + 1;
    *string_out = (struct json_span){ begin, (size_t)(quote + 1 - begin) };
    return true;
}

/* quoit-HASH-LINE */
static bool outcome_take_name(struct outcome_reader *reader, uint64_t *asked_out,
                              uint64_t *line_out)
{
    return outcome_take(reader, OUTCOME_OURS) && outcome_take_hex(reader, asked_out) &&
           outcome_take(reader, "-") && outcome_take_count(reader, line_out);
}

/* --- A line of ours --- */

/* Eight bytes at a time: the high bit of a byte stays only where the byte was below 0x20. */
static bool outcome_has_control(struct json_span span)
{
    const uint64_t every_byte = UINT64_C(0x0101010101010101);
    uint64_t found = 0, word = 0;
    size_t at = 0;

    for (; span.size - at >= sizeof(word); at += sizeof(word)) {
        memcpy(&word, span.bytes + at, sizeof(word));
        found |= (word - every_byte * 0x20) & ~word & every_byte * 0x80;
    }
    for (; at < span.size; at++) {
        found |= (unsigned char)span.bytes[at] < 0x20;
    }
    return found != 0;
}

static bool outcome_ends_with(struct json_span line, const char *text)
{
    size_t size = strlen(text);

    return line.size >= size && memcmp(line.bytes + line.size - size, text, size) == 0;
}

/* A response's line is closed by the error that it is not, or by its details. */
static bool outcome_is_closed(struct json_span line)
{
    static const char details[] = "},\"error\":null,\"quoit\":{";
    size_t tail = line.size < OUTCOME_DETAILS_MAX ? line.size : OUTCOME_DETAILS_MAX;

    return outcome_ends_with(line, "},\"error\":null}") ||
           (outcome_ends_with(line, "}}") &&
            memmem(line.bytes + line.size - tail, tail, details, sizeof(details) - 1) != NULL);
}

/*
 * A line of ours behind the rest of one that was torn; within a string its quotes were escaped.
 * There are few letters q in any text, so to look for them is faster than memmem.
 */
static bool outcome_has_another(struct json_span rest)
{
    static const char before[] = "{\"id\":\"";
    const size_t before_size = sizeof(before) - 1, ours_size = sizeof(OUTCOME_OURS) - 1;
    const char *at = rest.bytes, *end = rest.bytes + rest.size;

    while ((at = memchr(at, OUTCOME_OURS[0], (size_t)(end - at))) != NULL) {
        if ((size_t)(at - rest.bytes) >= before_size && (size_t)(end - at) >= ours_size &&
            memcmp(at - before_size, before, before_size) == 0 &&
            memcmp(at, OUTCOME_OURS, ours_size) == 0) {
            return true;
        }
        at++;
    }
    return false;
}

/* A response as answer_write makes it, with a custom_id of no escapes. False: it is not such. */
static bool outcome_read_ours(struct outcome *outcome, struct json_span line)
{
    struct outcome_reader reader = { line.bytes, line.bytes + line.size };
    uint64_t asked = 0, number = 0, status = 0;
    struct json_span id = { NULL, 0 };

    if (!outcome_take(&reader, "{\"id\":\"") || !outcome_take_name(&reader, &asked, &number) ||
        !outcome_take(&reader, "\",\"custom_id\":") || !outcome_take_string(&reader, &id) ||
        !outcome_take(&reader, ",\"response\":{\"status_code\":") ||
        !outcome_take_count(&reader, &status) || status > UINT32_MAX ||
        !outcome_take(&reader, ",\"request_id\":") || !outcome_is_closed(line) ||
        outcome_has_control(line) ||
        outcome_has_another((struct json_span){ reader.at, (size_t)(reader.end - reader.at) })) {
        return false;
    }
    outcome->asked = asked;
    outcome->line = number;
    outcome->status = (uint32_t)status;
    outcome->id_raw = id;
    outcome->id = json_string_inside(id);
    outcome->kind = outcome_judge(outcome, false);
    return true;
}

/* --- Any line --- */

static bool outcome_read_response(struct outcome *outcome, struct json_span response)
{
    struct json_span status;
    uint64_t number = 0;

    if (!member_find_kind(response, "status_code", JSON_NUMBER, &status) ||
        !member_count(status, &number) || number > UINT32_MAX) {
        return false;
    }
    outcome->status = (uint32_t)number;
    return true;
}

/* A string, an object, or an object within one, as servers say it. */
static void outcome_read_error(struct outcome *outcome, const struct json_member *error)
{
    struct json_span inner = error->value;

    if (error->kind != JSON_OBJECT) {
        return;
    }
    if (!member_find_kind(inner, "code", JSON_STRING, &outcome->code) &&
        member_find_kind(inner, "error", JSON_OBJECT, &inner)) {
        (void)!member_find_kind(inner, "code", JSON_STRING, &outcome->code);
    }
}

static void outcome_read_name(struct outcome *outcome, struct json_span line)
{
    struct json_span name;
    uint64_t asked = 0, number = 0;

    if (!member_find_kind(line, "id", JSON_STRING, &name)) {
        return;
    }
    name = json_string_inside(name);
    struct outcome_reader reader = { name.bytes, name.bytes + name.size };
    if (outcome_take_name(&reader, &asked, &number) && reader.at == reader.end) {
        outcome->asked = asked;
        outcome->line = number;
    }
}

static enum outcome_verdict outcome_read_id(struct outcome *outcome, const struct json_member *id)
{
    bool lone = false;

    if (id->kind == JSON_NULL) {
        return OUTCOME_READ;
    }
    if (id->kind != JSON_STRING) {
        return OUTCOME_NONE;
    }
    outcome->id_raw = id->value;
    if (!json_string_has_escape(id->value)) {
        outcome->id = json_string_inside(id->value);
        return OUTCOME_READ;
    }
    if (!text_reserve(&outcome->storage, id->value.size)) {
        return OUTCOME_NO_MEMORY;
    }
    size_t size = json_string_decode(id->value, outcome->storage.bytes, &lone);
    outcome->id = (struct json_span){ outcome->storage.bytes, size };
    return OUTCOME_READ;
}

/* Whether there is an error to be told from none: null, or none at all. */
static bool outcome_is_given(struct json_span line, const char *name, struct json_member *out)
{
    return member_find(line, name, out) && out->kind != JSON_NULL;
}

static enum outcome_verdict outcome_read_any(struct outcome *outcome, struct json_span line)
{
    struct json_member id, response, error;

    if (!member_find(line, "custom_id", &id)) {
        return OUTCOME_NONE; /* not even an object, or another one */
    }
    bool has_response = outcome_is_given(line, "response", &response);
    bool has_error = outcome_is_given(line, "error", &error);
    if (has_response &&
        (response.kind != JSON_OBJECT || !outcome_read_response(outcome, response.value))) {
        return OUTCOME_NONE;
    }
    if (has_error) {
        outcome_read_error(outcome, &error);
    }
    if (!has_response && !has_error) {
        return OUTCOME_NONE;
    }
    outcome_read_name(outcome, line);
    outcome->kind = outcome_judge(outcome, has_error);
    return outcome_read_id(outcome, &id);
}

enum outcome_verdict outcome_read(struct outcome *outcome, struct json_span line)
{
    if (line.size > 0 && line.bytes[line.size - 1] == '\n') {
        line.size--;
    }
    outcome_reset(outcome);
    if (outcome_read_ours(outcome, line)) {
        return OUTCOME_READ;
    }
    enum outcome_verdict verdict = outcome_read_any(outcome, line);
    if (verdict != OUTCOME_READ) {
        outcome_reset(outcome);
    }
    return verdict;
}
