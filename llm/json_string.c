/*
 * json_string: see json_string.h. Runs without an escape are copied whole.
 */
#include "llm/json_string.h"

#include "llm/utf8.h"

#include <assert.h>
#include <string.h>

#define JSON_UNICODE_SIZE 6 /* \uXXXX */

struct json_span json_string_inside(struct json_span string)
{
    assert(string.size >= 2);
    assert(string.bytes[0] == '"');
    assert(string.bytes[string.size - 1] == '"');
    return (struct json_span){ string.bytes + 1, string.size - 2 };
}

bool json_string_has_escape(struct json_span string)
{
    struct json_span inside = json_string_inside(string);

    return memchr(inside.bytes, '\\', inside.size) != NULL;
}

/* The \uXXXX at `at`, which the check has seen. */
static unsigned json_unicode_at(const char *at)
{
    unsigned value = 0;

    for (int i = 2; i < JSON_UNICODE_SIZE; i++) {
        unsigned digit = (unsigned char)at[i];
        value = value << 4 | (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return value;
}

static bool json_is_surrogate(unsigned code)
{
    return code >= 0xD800 && code <= 0xDFFF;
}

/* The \uXXXX at *at, with the second half if it begins a pair; *at moves behind it. */
static unsigned json_unicode_take(const char **at, const char *end)
{
    unsigned high = json_unicode_at(*at);

    *at += JSON_UNICODE_SIZE;
    if (high < 0xD800 || high > 0xDBFF || end - *at < JSON_UNICODE_SIZE || (*at)[0] != '\\' ||
        (*at)[1] != 'u') {
        return high;
    }
    unsigned low = json_unicode_at(*at);
    if (low < 0xDC00 || low > 0xDFFF) {
        return high;
    }
    *at += JSON_UNICODE_SIZE;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

/* The escape at *at, as a code point; *at moves behind it. */
static unsigned json_escape_take(const char **at, const char *end)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    char letter = (*at)[1];

    if (letter == 'u') {
        return json_unicode_take(at, end);
    }
    *at += 2;
    const char *found = strchr(letters, letter);
    return (unsigned char)(found == NULL ? letter : meant[found - letters]);
}

size_t json_string_decode(struct json_span string, char *out, bool *lone_out)
{
    struct json_span inside = json_string_inside(string);
    const char *at = inside.bytes, *end = at + inside.size;
    char *written = out;
    bool lone = false;

    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((escape == NULL ? end : escape) - at);

        memcpy(written, at, run);
        written += run;
        at += run;
        if (escape != NULL) {
            char character[4];
            unsigned code = json_escape_take(&at, end);
            size_t size = utf8_write(code, character);

            lone = lone || json_is_surrogate(code);
            memcpy(written, character, size);
            written += size;
        }
    }
    *lone_out = lone;
    return (size_t)(written - out);
}

bool json_string_is_all(struct json_span string, const char *name)
{
    struct json_span inside = json_string_inside(string);
    const char *at = inside.bytes, *end = at + inside.size;
    size_t left = strlen(name);

    /* Each escape is longer than what it says, so most strings are told apart by their size. */
    if (inside.size <= left) {
        return inside.size == left && memcmp(at, name, left) == 0 &&
               !json_string_has_escape(string);
    }
    if (!json_string_has_escape(string)) {
        return false;
    }
    while (at < end) {
        char character[4] = { *at };
        size_t size = 1;

        if (*at == '\\') {
            size = utf8_write(json_escape_take(&at, end), character);
        } else {
            at++;
        }
        if (left < size || memcmp(name, character, size) != 0) {
            return false;
        }
        name += size;
        left -= size;
    }
    return left == 0;
}
