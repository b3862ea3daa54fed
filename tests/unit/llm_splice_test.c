/* One member of an object set, and every other byte kept. */
#include "llm/splice.h"

#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct splice_case {
    const char *name;
    const char *object;
    const char *spliced; /* with "model" set to "new" */
};

static const struct splice_case splice_cases[] = {
    { "replaced", "{\"model\":\"old\"}", "{\"model\":\"new\"}" },
    { "space kept", " { \"model\" :\t\"old\" , \"a\" : 1 } ",
      " { \"model\" :\t\"new\" , \"a\" : 1 } " },
    { "in the middle", "{\"a\":1,\"model\":\"old\",\"b\":2}",
      "{\"a\":1,\"model\":\"new\",\"b\":2}" },
    { "last", "{\"a\":1,\"model\":null}", "{\"a\":1,\"model\":\"new\"}" },
    { "of another kind", "{\"model\":{\"x\":[1,2]},\"b\":2}", "{\"model\":\"new\",\"b\":2}" },
    { "each of two", "{\"model\":1,\"a\":2,\"model\":3}",
      "{\"model\":\"new\",\"a\":2,\"model\":\"new\"}" },
    { "key with escapes", "{\"m\\u006fdel\":\"old\"}", "{\"m\\u006fdel\":\"new\"}" },
    { "empty object", "{}", "{\"model\":\"new\"}" },
    { "empty object with space", " { } ", " {\"model\":\"new\" } " },
    { "added", "{\"a\":1}", "{\"model\":\"new\",\"a\":1}" },
    { "added before space", "{ \"a\":1}\r", "{\"model\":\"new\", \"a\":1}\r" },
    { "nested one is another", "{\"x\":{\"model\":\"old\"}}",
      "{\"model\":\"new\",\"x\":{\"model\":\"old\"}}" },
    { "a value is no key", "{\"x\":\"model\"}", "{\"model\":\"new\",\"x\":\"model\"}" },
    { "similar keys", "{\"Model\":1,\"model2\":2,\"mode\":3}",
      "{\"model\":\"new\",\"Model\":1,\"model2\":2,\"mode\":3}" },
    { "nothing is converted",
      "{\"a\":9007199254740993,\"b\":1e400,\"c\":\"\\u0000\",\"a\":-0,\"model\":1,\"d\":[ 1 ,2]}",
      "{\"a\":9007199254740993,\"b\":1e400,\"c\":\"\\u0000\",\"a\":-0,\"model\":\"new\","
      "\"d\":[ 1 ,2]}" },
};

static const struct json_span new_value = { "\"new\"", 5 };

static struct json_span exact_copy(const char *bytes)
{
    size_t size = strlen(bytes);
    char *copy = malloc(size == 0 ? 1 : size);

    memcpy(copy, bytes, size);
    return (struct json_span){ copy, size };
}

static void test_one_member_is_set_and_the_rest_kept(void)
{
    for (size_t i = 0; i < COUNT(splice_cases); i++) {
        struct json_span object = exact_copy(splice_cases[i].object);
        size_t wanted = strlen(splice_cases[i].spliced);
        struct text out;

        check_case(splice_cases[i].name);
        text_init(&out, wanted + 1);
        text_append_string(&out, "<");
        CHECK_EQ(splice_member(&out, object, "model", new_value), SPLICE_GOOD);
        CHECK_MEM(out.bytes + 1, out.size - 1, splice_cases[i].spliced, wanted);
        text_free(&out);
        for (size_t size_max = 1; size_max < wanted; size_max++) {
            text_init(&out, size_max);
            CHECK_EQ(splice_member(&out, object, "model", new_value), SPLICE_NO_MEMORY);
            CHECK_EQ(out.size, 0);
            text_free(&out);
        }
        free((char *)object.bytes);
    }
}

static void test_what_is_no_object_is_left_alone(void)
{
    static const char *const others[] = {
        "", "[]", "\"model\"", "1", "null", "{\"model\":1", "{\"model\":1}}", "{\"model\":1,\"a\"}",
    };

    for (size_t i = 0; i < COUNT(others); i++) {
        struct json_span object = exact_copy(others[i]);
        struct text out;

        check_case(others[i]);
        text_init(&out, 0);
        text_append_string(&out, "<");
        CHECK_EQ(splice_member(&out, object, "model", new_value), SPLICE_NOT_OBJECT);
        CHECK_STR(out.bytes, "<");
        text_free(&out);
        free((char *)object.bytes);
    }
}

static void test_a_new_name_is_quoted(void)
{
    struct text out;

    text_init(&out, 0);
    CHECK_EQ(splice_member(&out, (struct json_span){ "{}", 2 }, "a\"b", new_value), SPLICE_GOOD);
    CHECK_STR(out.bytes, "{\"a\\\"b\":\"new\"}");
    text_free(&out);
}

int main(void)
{
    RUN(test_one_member_is_set_and_the_rest_kept);
    RUN(test_what_is_no_object_is_left_alone);
    RUN(test_a_new_name_is_quoted);
    return check_done();
}
