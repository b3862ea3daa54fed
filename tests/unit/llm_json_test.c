/*
 * The scanner of llm/json: what is a JSON text and what is not, from buffers of exact size.
 *
 * Each text of the tables is judged as it is and as the value of a member, which must come to the
 * same. A good one is then spoiled at every byte and cut at every byte.
 */
#include "llm/json.h"

#include "tests/unit/check.h"

#include <stdint.h>
#include <stdlib.h>

#define DEPTH_FLOOD 100000

/* A text, and where it breaks; GOOD: nowhere. */
struct json_case {
    const char *name;
    const char *bytes;
    size_t size;
    size_t offset;
};

#define GOOD SIZE_MAX
#define TEXT(text) text, sizeof(text) - 1

static const struct json_case good_cases[] = {
    /* Structure. */
    { "empty array", TEXT("[]"), GOOD },
    { "empty object", TEXT("{}"), GOOD },
    { "empty array with space in it", TEXT("[ \t\r\n]"), GOOD },
    { "empty object with space in it", TEXT("{ \t\r\n}"), GOOD },
    { "space around", TEXT(" \t\r\n[1] \t\r\n"), GOOD },
    { "space between all tokens", TEXT(" { \"a\" : [ 1 , 2 ] , \"b\" : null } "), GOOD },
    { "no space anywhere", TEXT("{\"a\":[1,2],\"b\":null}"), GOOD },
    { "arrays in arrays", TEXT("[[],[[]],[[[]]]]"), GOOD },
    { "objects in objects", TEXT("{\"a\":{\"a\":{\"a\":{}}}}"), GOOD },
    { "both in turn", TEXT("[{\"a\":[{\"b\":[{}]}]}]"), GOOD },
    { "an object after a closed array", TEXT("{\"a\":[[1],[2]],\"b\":{\"c\":[]}}"), GOOD },
    { "an array after a closed object", TEXT("[{\"a\":{\"b\":1}},[2,{\"c\":3}],4]"), GOOD },
    { "repeated keys", TEXT("{\"a\":1,\"a\":2,\"a\":1}"), GOOD },
    { "empty key", TEXT("{\"\":0}"), GOOD },
    { "key with escapes", TEXT("{\"\\u0061\\n\\\"\":0}"), GOOD },
    { "key with NUL escape", TEXT("{\"a\\u0000b\":0}"), GOOD },
    { "trailing CR", TEXT("{\"a\":1}\r"), GOOD },
    /* Top-level scalars. */
    { "true alone", TEXT("true"), GOOD },
    { "false alone", TEXT("false"), GOOD },
    { "null alone", TEXT("null"), GOOD },
    { "digit alone", TEXT("7"), GOOD },
    { "negative number alone", TEXT("-1"), GOOD },
    { "string alone", TEXT("\"a\""), GOOD },
    { "empty string alone", TEXT("\"\""), GOOD },
    { "all literals", TEXT("[true,false,null]"), GOOD },
    /* Numbers. */
    { "zero", TEXT("[0]"), GOOD },
    { "minus zero", TEXT("[-0]"), GOOD },
    { "minus zero point zero", TEXT("[-0.0]"), GOOD },
    { "zero to a power", TEXT("[0e1]"), GOOD },
    { "zero to a signed power", TEXT("[0E+1]"), GOOD },
    { "beyond 2^53", TEXT("[9007199254740993]"), GOOD },
    { "beyond 2^64", TEXT("[123123123123123123123123123123123]"), GOOD },
    { "beyond double", TEXT("[1e400]"), GOOD },
    { "below double", TEXT("[-1E-400]"), GOOD },
    { "huge exponent", TEXT("[0.4e00669999999999999999999999999999999999999969999999006]"), GOOD },
    { "fraction", TEXT("[3.14159265358979323846264338327950288]"), GOOD },
    { "fraction and power", TEXT("[-12.50e-07]"), GOOD },
    { "power with leading zeros", TEXT("[1e007]"), GOOD },
    { "space behind a number", TEXT("[1 ,2\t,3\n]"), GOOD },
    { "number as last byte", TEXT(" 12.5E+3"), GOOD },
    /* Strings. */
    { "all short escapes", TEXT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), GOOD },
    { "unicode escape", TEXT("[\"\\u0041\\u00e9\\u20AC\"]"), GOOD },
    { "hex in both cases", TEXT("[\"\\uabcd\\uABCD\\uefEF\"]"), GOOD },
    { "NUL escape", TEXT("[\"\\u0000\"]"), GOOD },
    { "surrogate pair", TEXT("[\"\\ud83d\\ude00\"]"), GOOD },
    { "lone high surrogate", TEXT("[\"\\ud800\"]"), GOOD },
    { "lone low surrogate", TEXT("[\"\\uDFAA\"]"), GOOD },
    { "surrogates the wrong way round", TEXT("[\"\\udd1e\\ud834\"]"), GOOD },
    { "high surrogate and a letter", TEXT("[\"\\uD800n\"]"), GOOD },
    { "high surrogate and an escape", TEXT("[\"\\uD800\\n\"]"), GOOD },
    { "escaped backslash before the quote", TEXT("[\"\\\\\"]"), GOOD },
    { "escaped backslash and u", TEXT("[\"\\\\u12\"]"), GOOD },
    { "noncharacter escape", TEXT("[\"\\uFFFE\\uFFFF\"]"), GOOD },
    { "slash not escaped", TEXT("[\"/\"]"), GOOD },
    { "DEL in a string", TEXT("[\"a\x7F\"]"), GOOD },
    { "comment in a string", TEXT("[\"a/*b*/c/*d//e\"]"), GOOD },
    { "brackets in a string", TEXT("[\"]}{[,:\"]"), GOOD },
    { "seven bytes", TEXT("\"1234567\""), GOOD },
    { "eight bytes", TEXT("\"12345678\""), GOOD },
    { "nine bytes", TEXT("\"123456789\""), GOOD },
    { "a long string", TEXT("\"The quick brown fox jumps over the lazy dog, and again.\""), GOOD },
    { "space that is lowest allowed", TEXT("\"        !      \""), GOOD },
    /* UTF-8. */
    { "two bytes, lowest", TEXT("\"\xC2\x80\""), GOOD },
    { "two bytes, highest", TEXT("\"\xDF\xBF\""), GOOD },
    { "three bytes, lowest", TEXT("\"\xE0\xA0\x80\""), GOOD },
    { "three bytes before the surrogates", TEXT("\"\xED\x9F\xBF\""), GOOD },
    { "three bytes after the surrogates", TEXT("\"\xEE\x80\x80\""), GOOD },
    { "three bytes, highest", TEXT("\"\xEF\xBF\xBF\""), GOOD },
    { "four bytes, lowest", TEXT("\"\xF0\x90\x80\x80\""), GOOD },
    { "four bytes, highest", TEXT("\"\xF4\x8F\xBF\xBF\""), GOOD },
    { "noncharacter", TEXT("\"\xEF\xBF\xBE\""), GOOD },
    { "byte order mark in a string", TEXT("\"\xEF\xBB\xBF\""), GOOD },
    { "line separators", TEXT("\"\xE2\x80\xA8\xE2\x80\xA9\xC2\x85\""), GOOD },
    { "UTF-8 among ASCII", TEXT("\"na\xC3\xAFve \xE2\x82\xAC 5 \xF0\x9F\x98\x80!!\""), GOOD },
    { "UTF-8 key", TEXT("{\"\xC3\xA9\":1}"), GOOD },
};

static const struct json_case bad_cases[] = {
    /* Structure. */
    { "nothing", TEXT(""), 0 },
    { "one space", TEXT(" "), 1 },
    { "array not closed", TEXT("["), 1 },
    { "object not closed", TEXT("{"), 1 },
    { "array closed twice", TEXT("[]]"), 2 },
    { "object closed twice", TEXT("{}}"), 2 },
    { "array closed as object", TEXT("[1}"), 2 },
    { "object closed as array", TEXT("{\"a\":1]"), 6 },
    { "empty array closed as object", TEXT("[}"), 1 },
    { "empty object closed as array", TEXT("{]"), 1 },
    { "closed in the wrong order", TEXT("[{\"a\":[1}]]"), 8 },
    { "closing bracket alone", TEXT("]"), 0 },
    { "comma alone", TEXT(","), 0 },
    { "comma in empty array", TEXT("[,]"), 1 },
    { "comma in empty object", TEXT("{,}"), 1 },
    { "comma first", TEXT("[,1]"), 1 },
    { "comma last", TEXT("[1,]"), 3 },
    { "comma last in object", TEXT("{\"a\":1,}"), 7 },
    { "two commas", TEXT("[1,,2]"), 3 },
    { "two commas in object", TEXT("{\"a\":1,,\"b\":2}"), 7 },
    { "comma behind the text", TEXT("[],"), 2 },
    { "comma and the end", TEXT("[1,"), 3 },
    { "no comma", TEXT("[1 2]"), 3 },
    { "no comma between strings", TEXT("[\"a\" \"b\"]"), 5 },
    { "no comma between members", TEXT("{\"a\":1 \"b\":2}"), 7 },
    { "no comma before a bracket", TEXT("[3[4]]"), 2 },
    { "colon in an array", TEXT("[\"a\":1]"), 4 },
    { "no colon", TEXT("{\"a\" 1}"), 5 },
    { "comma for colon", TEXT("{\"a\",1}"), 4 },
    { "two colons", TEXT("{\"a\"::1}"), 5 },
    { "no value", TEXT("{\"a\":}"), 5 },
    { "no value, and the end", TEXT("{\"a\":"), 5 },
    { "key alone", TEXT("{\"a\"}"), 4 },
    { "key alone, and the end", TEXT("{\"a\""), 4 },
    { "number as key", TEXT("{1:1}"), 1 },
    { "null as key", TEXT("{null:1}"), 1 },
    { "bare word as key", TEXT("{a:1}"), 1 },
    { "single quotes for a key", TEXT("{'a':1}"), 1 },
    { "bracket as key", TEXT("{[1]:1}"), 1 },
    { "second key not a string", TEXT("{\"a\":1,b:2}"), 7 },
    { "two texts", TEXT("{} {}"), 3 },
    { "number behind the text", TEXT("[1]2"), 3 },
    { "brace behind a number", TEXT("2}"), 1 },
    { "literal run on", TEXT("truee"), 4 },
    { "comment behind", TEXT("[1]//a"), 3 },
    { "comment inside", TEXT("[/**/1]"), 1 },
    { "hash comment", TEXT("{\"a\":1}#"), 7 },
    { "NUL behind", TEXT("[]\0"), 2 },
    { "NUL first", TEXT("\0[]"), 0 },
    { "form feed as space", TEXT("[\f]"), 1 },
    { "vertical tab as space", TEXT("[1\v]"), 2 },
    { "no-break space as space", TEXT("[\xC2\xA0 1]"), 1 },
    { "byte order mark", TEXT("\xEF\xBB\xBF{}"), 0 },
    { "byte order mark alone", TEXT("\xEF\xBB\xBF"), 0 },
    { "UTF-16 byte order mark", TEXT("\xFF\xFE[\0]\0"), 0 },
    { "UTF-16", TEXT("\0[\0]"), 0 },
    { "angle brackets", TEXT("<null>"), 0 },
    { "HTML", TEXT("<html></html>"), 0 },
    { "server-sent event", TEXT("data: {}"), 0 },
    { "backslash outside of a string", TEXT("[\\n]"), 1 },
    /* Literals. */
    { "true cut", TEXT("tru"), 3 },
    { "false cut", TEXT("[fals]"), 5 },
    { "null cut", TEXT("[nul]"), 4 },
    { "True", TEXT("[True]"), 1 },
    { "NULL", TEXT("[NULL]"), 1 },
    { "nan", TEXT("[nan]"), 2 },
    { "NaN", TEXT("[NaN]"), 1 },
    { "Infinity", TEXT("[Infinity]"), 1 },
    { "undefined", TEXT("[undefined]"), 1 },
    { "true misspelled", TEXT("[ture]"), 2 },
    /* Numbers. */
    { "plus", TEXT("[+1]"), 1 },
    { "minus alone", TEXT("[-]"), 2 },
    { "minus and the end", TEXT("-"), 1 },
    { "two minuses", TEXT("[--1]"), 2 },
    { "minus and space", TEXT("[- 1]"), 2 },
    { "minus Infinity", TEXT("[-Infinity]"), 2 },
    { "leading zero", TEXT("[01]"), 2 },
    { "negative leading zero", TEXT("[-012]"), 3 },
    { "two zeros", TEXT("[00]"), 2 },
    { "point first", TEXT("[.5]"), 1 },
    { "minus point", TEXT("[-.5]"), 2 },
    { "point last", TEXT("[1.]"), 3 },
    { "zero point last", TEXT("[0.]"), 3 },
    { "point and power", TEXT("[1.e3]"), 3 },
    { "two points", TEXT("[1.2.3]"), 4 },
    { "power without digits", TEXT("[1e]"), 3 },
    { "power with sign alone", TEXT("[1e+]"), 4 },
    { "power with two signs", TEXT("[1e+-2]"), 4 },
    { "power with a fraction", TEXT("[1e2.5]"), 4 },
    { "power alone", TEXT("[e3]"), 1 },
    { "power of power", TEXT("[1e2e3]"), 4 },
    { "percent, E less 0x20", TEXT("[1%2]"), 2 },
    { "ENQ, e less 0x60",
      TEXT("[1\x05"
           "2]"),
      2 },
    { "hex", TEXT("[0x1F]"), 2 },
    { "letter behind", TEXT("[1a]"), 2 },
    { "thousands", TEXT("[1 000]"), 3 },
    { "underscore", TEXT("[1_000]"), 2 },
    { "full-width digit", TEXT("[\xEF\xBC\x91]"), 1 },
    { "point and the end", TEXT("1."), 2 },
    { "power and the end", TEXT("1e"), 2 },
    { "NUL in a number", TEXT("[1\0]"), 2 },
    /* Strings. */
    { "not closed", TEXT("[\"a"), 3 },
    { "quote alone", TEXT("\""), 1 },
    { "closing quote escaped", TEXT("\"a\\\""), 4 },
    { "single quotes", TEXT("['a']"), 1 },
    { "tab", TEXT("[\"\t\"]"), 2 },
    { "line feed", TEXT("[\"a\nb\"]"), 3 },
    { "carriage return", TEXT("[\"a\rb\"]"), 3 },
    { "NUL", TEXT("[\"a\0b\"]"), 3 },
    { "highest control character", TEXT("[\"1234567\x1F\"]"), 9 },
    { "control character behind eight", TEXT("\"12345678\x01\""), 9 },
    { "escape of a letter", TEXT("[\"\\a\"]"), 3 },
    { "escape of a quote of the other kind", TEXT("[\"\\'\"]"), 3 },
    { "escape of v", TEXT("[\"\\v\"]"), 3 },
    { "hex escape", TEXT("[\"\\x41\"]"), 3 },
    { "octal escape", TEXT("[\"\\0\"]"), 3 },
    { "capital U escape", TEXT("[\"\\U0041\"]"), 3 },
    { "capital N escape", TEXT("[\"\\N\"]"), 3 },
    { "escape of a line feed", TEXT("[\"\\\n\"]"), 3 },
    { "escape of a NUL byte", TEXT("[\"\\\0\"]"), 3 },
    { "escape of an emoji", TEXT("[\"\\\xF0\x9F\x98\x80\"]"), 3 },
    { "escape and the end", TEXT("\"\\"), 2 },
    { "unicode escape of no digits", TEXT("[\"\\u\"]"), 4 },
    { "unicode escape of three digits", TEXT("[\"\\u00A\"]"), 7 },
    { "unicode escape with a wrong digit", TEXT("[\"\\u00G0\"]"), 6 },
    { "unicode escape with a sign", TEXT("[\"\\u+041\"]"), 4 },
    { "unicode escape with a space", TEXT("[\"\\u 041\"]"), 4 },
    { "unicode escape with @, next to A", TEXT("[\"\\u000@\"]"), 7 },
    { "unicode escape with `, next to a", TEXT("[\"\\u000`\"]"), 7 },
    { "unicode escape with DLE, 0 less 0x20", TEXT("[\"\\u\x10\x10\x10\x10\"]"), 4 },
    { "unicode escape and the end", TEXT("\"\\u00"), 5 },
    { "second half cut", TEXT("[\"\\uD834\\uDd\"]"), 12 },
    { "second half without u", TEXT("[\"\\uD834\\\"]"), 11 },
    /* UTF-8. */
    { "tail alone", TEXT("[\"\x80\"]"), 2 },
    { "tail of another", TEXT("[\"\xBF\"]"), 2 },
    { "lead alone", TEXT("[\"\xC3\"]"), 2 },
    { "lead and the end", TEXT("\"\xC3"), 1 },
    { "lead and a letter", TEXT("[\"\xE9t\xE9\"]"), 2 },
    { "Latin-1", TEXT("[\"caf\xE9\"]"), 5 },
    { "two of three", TEXT("[\"\xE2\x82\"]"), 2 },
    { "two of three, and the end", TEXT("\"\xE2\x82"), 1 },
    { "three of four", TEXT("[\"\xF0\x9F\x98\"]"), 2 },
    { "three of four, and the end", TEXT("\"\xF0\x9F\x98"), 1 },
    { "overlong slash", TEXT("[\"\xC0\xAF\"]"), 2 },
    { "overlong NUL", TEXT("[\"\xC0\x80\"]"), 2 },
    { "overlong, highest of two bytes", TEXT("[\"\xC1\xBF\"]"), 2 },
    { "overlong in three bytes", TEXT("[\"\xE0\x9F\xBF\"]"), 2 },
    { "overlong in four bytes", TEXT("[\"\xF0\x8F\xBF\xBF\"]"), 2 },
    { "overlong in six bytes", TEXT("[\"\xFC\x83\xBF\xBF\xBF\xBF\"]"), 2 },
    { "first surrogate", TEXT("[\"\xED\xA0\x80\"]"), 2 },
    { "last surrogate", TEXT("[\"\xED\xBF\xBF\"]"), 2 },
    { "surrogate pair as CESU-8", TEXT("[\"\xED\xA0\xBD\xED\xB8\x80\"]"), 2 },
    { "above U+10FFFF", TEXT("[\"\xF4\x90\x80\x80\"]"), 2 },
    { "lead of five bytes", TEXT("[\"\xF8\x88\x80\x80\x80\"]"), 2 },
    { "lead F5", TEXT("[\"\xF5\x80\x80\x80\"]"), 2 },
    { "FE", TEXT("[\"\xFE\"]"), 2 },
    { "FF", TEXT("[\"\xFF\"]"), 2 },
    { "bad after good ones", TEXT("[\"\xC3\xA9\xE2\x82\xAC\xFF\"]"), 7 },
    { "bad far behind", TEXT("\"0123456789abcdef0123456789abcdef\xA0\""), 33 },
    { "bad in a key", TEXT("{\"\xFF\":1}"), 2 },
    { "UTF-8 outside of a string", TEXT("[\xC3\xA9]"), 1 },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A copy in a block of its own size: the sanitizer sees one byte too far on either side. */
static struct json_span exact_copy(const char *bytes, size_t size)
{
    char *copy = malloc(size == 0 ? 1 : size);

    memcpy(copy, bytes, size);
    return (struct json_span){ copy, size };
}

static void exact_free(struct json_span span)
{
    free((char *)span.bytes);
}

/* Where the text breaks; GOOD: nowhere. */
static size_t check_offset(const char *bytes, size_t size)
{
    struct json_span text = exact_copy(bytes, size);
    struct json_defect defect = { 0, NULL };
    size_t offset = GOOD;

    if (!json_check(text, &defect)) {
        offset = defect.offset;
        CHECK(defect.reason != NULL);
        CHECK(offset <= size);
    }
    exact_free(text);
    return offset;
}

/* The same, by reading the text's members. */
static size_t members_offset(const char *bytes, size_t size)
{
    struct json_span text = exact_copy(bytes, size);
    struct json_members reader;
    struct json_member member;
    struct json_defect defect = { 0, NULL };
    enum json_next next;

    json_members_begin(&reader, text);
    while ((next = json_members_next(&reader, &member, &defect)) == JSON_MEMBER) {
        CHECK(check_offset(member.key.bytes, member.key.size) == GOOD);
        CHECK(check_offset(member.value.bytes, member.value.size) == GOOD);
        CHECK_EQ(json_kind_of(member.value), member.kind);
    }
    exact_free(text);
    return next == JSON_END ? GOOD : defect.offset;
}

/* Build `{ "k" : TEXT , "l" : 1 }` and say where it breaks, and that both readers agree. */
static size_t wrapped_offset(const char *bytes, size_t size)
{
    static const char before[] = "{ \"k\" : ";
    static const char after[] = " , \"l\" : 1 } ";
    size_t all = strlen(before) + size + strlen(after);
    char *text = malloc(all);

    memcpy(text, before, strlen(before));
    memcpy(text + strlen(before), bytes, size);
    memcpy(text + strlen(before) + size, after, strlen(after));
    size_t offset = check_offset(text, all);
    CHECK_EQ(members_offset(text, all), offset);
    free(text);
    return offset;
}

static void test_what_rfc_8259_allows_is_accepted(void)
{
    for (size_t i = 0; i < COUNT(good_cases); i++) {
        check_case(good_cases[i].name);
        CHECK_EQ(check_offset(good_cases[i].bytes, good_cases[i].size), GOOD);
        CHECK_EQ(wrapped_offset(good_cases[i].bytes, good_cases[i].size), GOOD);
    }
}

static void test_what_rfc_8259_forbids_is_refused_at_its_first_wrong_byte(void)
{
    for (size_t i = 0; i < COUNT(bad_cases); i++) {
        check_case(bad_cases[i].name);
        CHECK_EQ(check_offset(bad_cases[i].bytes, bad_cases[i].size), bad_cases[i].offset);
        CHECK(wrapped_offset(bad_cases[i].bytes, bad_cases[i].size) != GOOD);
    }
}

static void test_a_good_text_spoiled_at_any_byte_is_refused(void)
{
    static const char spoilers[] = { '\0', '\x1F', '\xFF', '\xC0' };

    for (size_t i = 0; i < COUNT(good_cases); i++) {
        char spoiled[128];
        size_t size = good_cases[i].size;

        check_case(good_cases[i].name);
        CHECK(size <= sizeof(spoiled));
        for (size_t at = 0; at < size; at++) {
            for (size_t s = 0; s < sizeof(spoilers); s++) {
                memcpy(spoiled, good_cases[i].bytes, size);
                spoiled[at] = spoilers[s];
                CHECK(check_offset(spoiled, size) <= at);
            }
        }
    }
}

static void test_a_good_text_cut_anywhere_is_refused_at_its_end(void)
{
    for (size_t i = 0; i < COUNT(good_cases); i++) {
        const struct json_case *good = &good_cases[i];
        size_t whole = good->size;

        while (strchr(" \t\r\n", good->bytes[whole - 1]) != NULL) {
            whole--;
        }
        if (strchr("]}\"el", good->bytes[whole - 1]) == NULL) {
            continue; /* of a number a piece may be a number */
        }
        check_case(good->name);
        for (size_t cut = 0; cut < whole; cut++) {
            size_t offset = check_offset(good->bytes, cut);

            /* Cut within a character, its first byte is the wrong one. */
            CHECK(offset <= cut);
            CHECK(cut - offset < 4);
            if (cut == 0 || !((unsigned char)good->bytes[cut] & 0x80)) {
                CHECK_EQ(offset, cut);
            }
        }
    }
}

/* `depth` opening brackets, alternately of arrays and objects, and if wished the closing ones. */
static struct json_span nested(size_t depth, bool closed)
{
    char *bytes = malloc(depth * 6 + 1);
    char *at = bytes;

    for (size_t i = 0; i < depth; i++) {
        const char *open = i % 2 == 0 ? "[" : "{\"k\":";
        memcpy(at, open, strlen(open));
        at += strlen(open);
    }
    *at++ = '1';
    for (size_t i = depth; closed && i > 0; i--) {
        *at++ = i % 2 == 1 ? ']' : '}';
    }
    return (struct json_span){ bytes, (size_t)(at - bytes) };
}

static size_t nested_offset(size_t depth, bool closed)
{
    struct json_span text = nested(depth, closed);
    size_t offset = check_offset(text.bytes, text.size);

    exact_free(text);
    return offset;
}

static void test_depth_is_good_up_to_1000(void)
{
    CHECK_EQ(nested_offset(999, true), GOOD);
    CHECK_EQ(nested_offset(1000, true), GOOD);
    /* 500 pairs of `[` and `{"k":` are before the bracket that is too much. */
    CHECK_EQ(nested_offset(1001, true), 500 * 6);
    CHECK_EQ(nested_offset(1002, true), 500 * 6);
    CHECK_EQ(nested_offset(DEPTH_FLOOD, true), 500 * 6);
    CHECK_EQ(nested_offset(DEPTH_FLOOD, false), 500 * 6);
}

static void test_depth_counts_what_is_closed_no_more(void)
{
    char text[6001];

    text[0] = '[';
    for (size_t i = 0; i < 2000; i++) {
        memcpy(text + 1 + i * 3, i == 1999 ? "[]]" : "[],", 3);
    }
    CHECK_EQ(check_offset(text, sizeof(text)), GOOD);
}

static void test_depth_is_the_same_when_members_are_read(void)
{
    /* The reader's own object is the first level. */
    for (size_t depth = 998; depth <= 1001; depth++) {
        struct json_span text = nested(depth, true);
        size_t offset = wrapped_offset(text.bytes, text.size);

        CHECK_EQ(offset == GOOD, depth <= 999);
        exact_free(text);
    }
}

static void test_a_string_of_any_size_is_searched_to_its_end(void)
{
    static const char stops[] = { '"', '\\', '\x01', '\x1F', '\x80', '\0' };
    char text[80];

    for (size_t size = 2; size < sizeof(text); size++) {
        for (size_t at = 1; at + 1 < size; at++) {
            for (size_t s = 0; s < sizeof(stops); s++) {
                memset(text, '~', size);
                text[0] = text[size - 1] = '"';
                text[at] = stops[s];
                size_t wanted = at;
                if (stops[s] == '"' || stops[s] == '\\') {
                    wanted = at + 1; /* the byte behind is what is wrong */
                }
                if (stops[s] == '\\' && at + 2 == size) {
                    wanted = size; /* it escapes the closing quote */
                }
                CHECK_EQ(check_offset(text, size), wanted);
            }
        }
    }
}

static void test_each_byte_alone_in_a_string_is_judged_right(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[] = "\"01234567X\"";

        if (byte == '"' || byte == '\\') {
            continue;
        }
        text[9] = (char)byte;
        CHECK_EQ(check_offset(text, 11) == GOOD, byte >= 0x20 && byte < 0x80);
    }
}

static void check_member(struct json_members *reader, const char *key, const char *value,
                         enum json_kind kind)
{
    struct json_member member;
    struct json_defect defect;

    CHECK_EQ(json_members_next(reader, &member, &defect), JSON_MEMBER);
    CHECK_MEM(member.key.bytes, member.key.size, key, strlen(key));
    CHECK_MEM(member.value.bytes, member.value.size, value, strlen(value));
    CHECK_EQ(member.kind, kind);
}

static void test_members_keep_their_bytes(void)
{
    static const char text[] = " {\"a\" : 9007199254740993 ,\"b\":1e400,\t\"c\":\"\\u0000\","
                               "\"a\":{ \"x\":1 ,  \"x\":2 } ,\"\\u0064\" \r\n:[ ],\"e\":-0.0,"
                               "\"f\":true,\"g\":false,\"h\":null} \r\n";
    struct json_span span = exact_copy(text, strlen(text));
    struct json_members reader;
    struct json_member member;
    struct json_defect defect;

    json_members_begin(&reader, span);
    check_member(&reader, "\"a\"", "9007199254740993", JSON_NUMBER);
    check_member(&reader, "\"b\"", "1e400", JSON_NUMBER);
    check_member(&reader, "\"c\"", "\"\\u0000\"", JSON_STRING);
    check_member(&reader, "\"a\"", "{ \"x\":1 ,  \"x\":2 }", JSON_OBJECT);
    check_member(&reader, "\"\\u0064\"", "[ ]", JSON_ARRAY);
    check_member(&reader, "\"e\"", "-0.0", JSON_NUMBER);
    check_member(&reader, "\"f\"", "true", JSON_TRUE);
    check_member(&reader, "\"g\"", "false", JSON_FALSE);
    check_member(&reader, "\"h\"", "null", JSON_NULL);
    CHECK_EQ(json_members_next(&reader, &member, &defect), JSON_END);
    exact_free(span);
}

static void test_members_of_what_is_no_object_are_refused(void)
{
    static const char *const others[] = { "[]", "1", "\"a\"", "null", "", " ", "}", "x" };

    for (size_t i = 0; i < COUNT(others); i++) {
        check_case(others[i]);
        CHECK(members_offset(others[i], strlen(others[i])) != GOOD);
    }
}

static void test_members_and_check_break_at_the_same_byte(void)
{
    static const char *const objects[] = {
        "{",
        "{}}",
        "{ } x",
        "{,}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\":1]",
        "{\"a\":1 2}",
        "{\"a\" 1}",
        "{\"a\":[1}",
        "{\"a\":{]}",
        "{\"a\":\"\\x\"}",
        "{1:1}",
        "{\"a\":01}",
        "{\"a\":1}{\"b\"",
        "{\"a\":1,,\"",
        "{\"a\":1,\"b\":tru}",
        "{\"a\n\":1}",
        "{\"\\u\":1}",
        "{]",
        "{\"a\":1,\"b\"",
        "{\"a\":1,2:3}",
    };

    for (size_t i = 0; i < COUNT(objects); i++) {
        size_t size = strlen(objects[i]);

        check_case(objects[i]);
        CHECK(check_offset(objects[i], size) != GOOD);
        CHECK_EQ(members_offset(objects[i], size), check_offset(objects[i], size));
    }
}

static void test_the_kind_is_told_by_the_first_byte(void)
{
    CHECK_EQ(json_kind_of((struct json_span){ " \t{", 3 }), JSON_OBJECT);
    CHECK_EQ(json_kind_of((struct json_span){ "-", 1 }), JSON_NUMBER);
    CHECK_EQ(json_kind_of((struct json_span){ "9", 1 }), JSON_NUMBER);
    CHECK_EQ(json_kind_of((struct json_span){ ":", 1 }), JSON_NOTHING);
    CHECK_EQ(json_kind_of((struct json_span){ " ", 1 }), JSON_NOTHING);
    CHECK_EQ(json_kind_of((struct json_span){ NULL, 0 }), JSON_NOTHING);
    CHECK_STR(json_kind_name(JSON_ARRAY), "an array");
}

static void test_no_bytes_at_all_are_no_text(void)
{
    struct json_defect defect = { 1, NULL };

    CHECK(!json_check((struct json_span){ NULL, 0 }, &defect));
    CHECK_EQ(defect.offset, 0);
}

int main(void)
{
    RUN(test_what_rfc_8259_allows_is_accepted);
    RUN(test_what_rfc_8259_forbids_is_refused_at_its_first_wrong_byte);
    RUN(test_a_good_text_spoiled_at_any_byte_is_refused);
    RUN(test_a_good_text_cut_anywhere_is_refused_at_its_end);
    RUN(test_depth_is_good_up_to_1000);
    RUN(test_depth_counts_what_is_closed_no_more);
    RUN(test_depth_is_the_same_when_members_are_read);
    RUN(test_a_string_of_any_size_is_searched_to_its_end);
    RUN(test_each_byte_alone_in_a_string_is_judged_right);
    RUN(test_members_keep_their_bytes);
    RUN(test_members_of_what_is_no_object_are_refused);
    RUN(test_members_and_check_break_at_the_same_byte);
    RUN(test_the_kind_is_told_by_the_first_byte);
    RUN(test_no_bytes_at_all_are_no_text);
    return check_done();
}
