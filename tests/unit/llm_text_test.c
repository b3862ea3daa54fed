/* The growing text: what is appended is there, or nothing more is and it says so. */
#include "llm/text.h"

#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

struct text_case {
    const char *name;
    struct json_span in;
    const char *out;
};

static const struct text_case quoted_cases[] = {
    { "nothing", TEXT(""), "\"\"" },
    { "plain", TEXT("abc"), "\"abc\"" },
    { "quote and backslash", TEXT("a\"b\\c"), "\"a\\\"b\\\\c\"" },
    { "slash stays", TEXT("a/b"), "\"a/b\"" },
    { "short escapes", TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
    { "NUL", TEXT("a\0b"), "\"a\\u0000b\"" },
    { "other control characters", TEXT("\x01\x0B\x0E\x1F"), "\"\\u0001\\u000b\\u000e\\u001f\"" },
    { "DEL stays", TEXT("\x7F"), "\"\x7F\"" },
    { "UTF-8 stays", TEXT("\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80"),
      "\"\xC3\xA9\xE2\x80\xA8\xF0\x9F\x98\x80\"" },
    { "a bad byte", TEXT("a\xFF"), "\"a\xEF\xBF\xBD\"" },
    { "bad bytes among good ones", TEXT("\xE9t\xE9\n"), "\"\xEF\xBF\xBDt\xEF\xBF\xBD\\n\"" },
    { "a cut character", TEXT("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"" },
};

/* RFC 4648, section 10, and the two digits that are neither letters nor numbers. */
static const struct text_case base64_cases[] = {
    { "0", TEXT(""), "" },
    { "1", TEXT("f"), "Zg==" },
    { "2", TEXT("fo"), "Zm8=" },
    { "3", TEXT("foo"), "Zm9v" },
    { "4", TEXT("foob"), "Zm9vYg==" },
    { "5", TEXT("fooba"), "Zm9vYmE=" },
    { "6", TEXT("foobar"), "Zm9vYmFy" },
    { "high bits", TEXT("\xFB\xFF\xBF"), "+/+/" },
    { "NUL", TEXT("\0\0\0\0"), "AAAAAA==" },
    { "all ones", TEXT("\xFF\xFF\xFF\xFF"), "/////w==" },
};

static struct json_span exact_copy(struct json_span span)
{
    char *copy = malloc(span.size == 0 ? 1 : span.size);

    memcpy(copy, span.bytes, span.size);
    return (struct json_span){ copy, span.size };
}

/* Append each case, once with all the room there is, and once with each size_max that is too low.
 */
static void check_append(void (*append)(struct text *, struct json_span),
                         const struct text_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct json_span in = exact_copy(cases[i].in);
        size_t wanted = strlen(cases[i].out);
        struct text text;

        check_case(cases[i].name);
        text_init(&text, wanted + 2);
        text_append_string(&text, "> ");
        append(&text, in);
        CHECK(!text.failed);
        CHECK_MEM(text.bytes + 2, text.size - 2, cases[i].out, wanted);
        CHECK_EQ(text.bytes[text.size], '\0');
        text_free(&text);
        for (size_t size_max = 1; size_max < wanted; size_max++) {
            text_init(&text, size_max);
            append(&text, in);
            CHECK(text.failed);
            CHECK(text.size <= size_max);
            text_free(&text);
        }
        free((char *)in.bytes);
    }
}

static void test_quoted_text_is_a_json_string(void)
{
    struct json_defect defect;

    check_append(text_append_quoted, quoted_cases, COUNT(quoted_cases));
    for (size_t i = 0; i < COUNT(quoted_cases); i++) {
        struct json_span out = { quoted_cases[i].out, strlen(quoted_cases[i].out) };
        check_case(quoted_cases[i].name);
        CHECK(json_check(out, &defect));
    }
}

static void test_base64_is_that_of_rfc_4648(void)
{
    check_append(text_append_base64, base64_cases, COUNT(base64_cases));
}

static void test_every_byte_quoted_is_json(void)
{
    struct text text;
    struct json_defect defect;
    char bytes[256];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    text_init(&text, 0);
    text_append_quoted(&text, (struct json_span){ bytes, sizeof(bytes) });
    CHECK(json_check((struct json_span){ text.bytes, text.size }, &defect));
    text_free(&text);
}

static void test_it_grows_byte_by_byte_and_keeps_all(void)
{
    struct text text;

    text_init(&text, 0);
    for (size_t i = 0; i < 5000; i++) {
        char byte = (char)('a' + i % 26);
        text_append(&text, (struct json_span){ &byte, 1 });
        CHECK_EQ(text.bytes[text.size], '\0');
    }
    CHECK_EQ(text.size, 5000);
    for (size_t i = 0; i < text.size; i++) {
        CHECK_EQ(text.bytes[i], 'a' + i % 26);
    }
    text_free(&text);
}

static void test_reserved_room_does_not_move(void)
{
    struct text text;

    text_init(&text, 0);
    CHECK(text_reserve(&text, 1000));
    const char *bytes = text.bytes;
    for (size_t i = 0; i < 1000; i++) {
        text_append_string(&text, "x");
    }
    CHECK(text.bytes == bytes);
    text_reset(&text);
    CHECK_EQ(text.size, 0);
    CHECK(text.bytes == bytes);
    text_free(&text);
}

static void test_what_did_not_fit_is_told_until_reset(void)
{
    struct text text;

    text_init(&text, 4);
    text_append_string(&text, "abc");
    text_append_string(&text, "de");
    CHECK(text.failed);
    text_append_string(&text, "f"); /* would fit, but then there would be a hole */
    CHECK_STR(text.bytes, "abc");
    text_reset(&text);
    CHECK(!text.failed);
    text_append_string(&text, "abcd");
    CHECK(!text.failed);
    CHECK(!text_reserve(&text, 1));
    text_cut(&text, 2);
    CHECK(!text.failed);
    CHECK_STR(text.bytes, "ab");
    text_free(&text);
}

static void test_sizes_beyond_memory_are_refused(void)
{
    struct text text;

    text_init(&text, 0);
    text_append_string(&text, "a");
    CHECK(!text_reserve(&text, SIZE_MAX));
    text_reset(&text);
    CHECK(!text_reserve(&text, SIZE_MAX - 1));
    text_free(&text);
}

static void test_numbers_are_decimal(void)
{
    struct text text;

    text_init(&text, 0);
    text_append_number(&text, 0);
    text_append_string(&text, " ");
    text_append_number(&text, UINT64_MAX);
    CHECK_STR(text.bytes, "0 18446744073709551615");
    text_free(&text);
}

int main(void)
{
    RUN(test_quoted_text_is_a_json_string);
    RUN(test_base64_is_that_of_rfc_4648);
    RUN(test_every_byte_quoted_is_json);
    RUN(test_it_grows_byte_by_byte_and_keeps_all);
    RUN(test_reserved_room_does_not_move);
    RUN(test_what_did_not_fit_is_told_until_reset);
    RUN(test_sizes_beyond_memory_are_refused);
    RUN(test_numbers_are_decimal);
    return check_done();
}
