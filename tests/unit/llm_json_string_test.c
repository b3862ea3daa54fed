/* What JSON strings say, from buffers of exact size into buffers of exact size. */
#include "llm/json_string.h"

#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT(text) text, sizeof(text) - 1

struct string_case {
    const char *name;
    const char *string;
    const char *said;
    size_t said_size;
    bool lone;
};

static const struct string_case string_cases[] = {
    { "empty", "\"\"", TEXT(""), false },
    { "plain", "\"abc\"", TEXT("abc"), false },
    { "short escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", TEXT("\"\\/\b\f\n\r\t"), false },
    { "escape between plain runs", "\"ab\\ncd\"", TEXT("ab\ncd"), false },
    { "one byte", "\"\\u0041\"", TEXT("A"), false },
    { "NUL", "\"a\\u0000b\"", TEXT("a\0b"), false },
    { "highest of one byte", "\"\\u007f\"", TEXT("\x7F"), false },
    { "lowest of two bytes", "\"\\u0080\"", TEXT("\xC2\x80"), false },
    { "highest of two bytes", "\"\\u07FF\"", TEXT("\xDF\xBF"), false },
    { "lowest of three bytes", "\"\\u0800\"", TEXT("\xE0\xA0\x80"), false },
    { "highest of three bytes", "\"\\uffff\"", TEXT("\xEF\xBF\xBF"), false },
    { "before the surrogates", "\"\\uD7FF\"", TEXT("\xED\x9F\xBF"), false },
    { "after the surrogates", "\"\\uE000\"", TEXT("\xEE\x80\x80"), false },
    { "lowest pair", "\"\\uD800\\uDC00\"", TEXT("\xF0\x90\x80\x80"), false },
    { "highest pair", "\"\\udbff\\udfff\"", TEXT("\xF4\x8F\xBF\xBF"), false },
    { "emoji", "\"\\ud83d\\ude00!\"", TEXT("\xF0\x9F\x98\x80!"), false },
    { "lone high half", "\"\\ud83d\"", TEXT("\xED\xA0\xBD"), true },
    { "lone low half", "\"\\ude00\"", TEXT("\xED\xB8\x80"), true },
    { "halves the wrong way round", "\"\\ude00\\ud83d\"", TEXT("\xED\xB8\x80\xED\xA0\xBD"), true },
    { "high half before a pair", "\"\\ud83d\\ud83d\\ude00\"", TEXT("\xED\xA0\xBD\xF0\x9F\x98\x80"),
      true },
    { "high half and plain text", "\"\\ud83dude00\"", TEXT("\xED\xA0\xBDude00"), true },
    { "high half and short escape", "\"\\ud83d\\n12345\"", TEXT("\xED\xA0\xBD\n12345"), true },
    { "high half and other escape", "\"\\ud83d\\u0041\"", TEXT("\xED\xA0\xBD\x41"), true },
    { "escaped backslash and u", "\"\\\\u0041\"", TEXT("\\u0041"), false },
    { "UTF-8 as it is", "\"\xC3\xA9\\u00e9\xF0\x9F\x98\x80\"",
      TEXT("\xC3\xA9\xC3\xA9\xF0\x9F\x98\x80"), false },
};

static struct json_span exact_copy(const char *bytes)
{
    size_t size = strlen(bytes);
    char *copy = malloc(size);

    memcpy(copy, bytes, size);
    return (struct json_span){ copy, size };
}

static void test_a_string_says_its_text(void)
{
    for (size_t i = 0; i < COUNT(string_cases); i++) {
        const struct string_case *a = &string_cases[i];
        struct json_span string = exact_copy(a->string);
        struct json_defect defect;
        size_t room = string.size - 2;
        char *out = malloc(room == 0 ? 1 : room);
        bool lone = !a->lone;

        check_case(a->name);
        CHECK(json_check(string, &defect));
        size_t size = json_string_decode(string, out, &lone);
        CHECK_MEM(out, size, a->said, a->said_size);
        CHECK_EQ(lone, a->lone);
        CHECK_EQ(json_string_has_escape(string), strchr(a->string, '\\') != NULL);
        free(out);
        free((char *)string.bytes);
    }
}

static void test_a_string_is_what_it_says_and_nothing_else(void)
{
    for (size_t i = 0; i < COUNT(string_cases); i++) {
        const struct string_case *a = &string_cases[i];
        struct json_span string = exact_copy(a->string);
        char name[64];

        check_case(a->name);
        memcpy(name, a->said, a->said_size);
        name[a->said_size] = '\0';
        /* A name ends at its first NUL, so no name is a string with a NUL in it. */
        CHECK_EQ(json_string_is(string, name), strlen(name) == a->said_size);
        memcpy(name + strlen(name), "x", 2);
        CHECK(!json_string_is(string, name));
        if (a->said_size > 0) {
            name[a->said_size - 1] = '\0';
            CHECK(!json_string_is(string, name));
        }
        free((char *)string.bytes);
    }
}

static void test_keys_are_compared_decoded(void)
{
    struct json_span escaped = { TEXT("\"str\\u0065am\"") };
    struct json_span plain = { TEXT("\"stream\"") };

    CHECK(json_string_is(escaped, "stream"));
    CHECK(json_string_is(plain, "stream"));
    CHECK(!json_string_is(escaped, "str\\u0065am"));
    CHECK(!json_string_is(escaped, "streamX"));
    CHECK(!json_string_is(escaped, "strea"));
    CHECK(!json_string_is(plain, "Stream"));
}

static void test_the_inside_is_between_the_quotes(void)
{
    struct json_span inside = json_string_inside((struct json_span){ TEXT("\"a\\\"\"") });

    CHECK_MEM(inside.bytes, inside.size, "a\\\"", 3);
}

int main(void)
{
    RUN(test_a_string_says_its_text);
    RUN(test_a_string_is_what_it_says_and_nothing_else);
    RUN(test_keys_are_compared_decoded);
    RUN(test_the_inside_is_between_the_quotes);
    return check_done();
}
