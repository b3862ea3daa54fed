/*
 * element: arrays of all kinds of values, in buffers of the exact size.
 */
#include "llm/element.h"
#include "llm/member.h"
#include "tests/unit/check.h"

#include <stdlib.h>

struct element_case {
    const char *array;
    const char *elements[5]; /* NULL ends them */
};

static const struct element_case cases[] = {
    { "[]", { NULL } },
    { "[ \n]", { NULL } },
    { "[1]", { "1", NULL } },
    { "[ 1 , -2.5e3\t,true,null ]", { "1", "-2.5e3", "true", "null", NULL } },
    { "[\"a,]\",\"\\\"],\",\"\\\\\",\"\"]", { "\"a,]\"", "\"\\\"],\"", "\"\\\\\"", "\"\"", NULL } },
    { "[[1,[2,3]],{\"a\":[4,5],\"]\":{}} , []]",
      { "[1,[2,3]]", "{\"a\":[4,5],\"]\":{}}", "[]", NULL } },
};

static void test_each_element_is_its_span(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct element_reader reader;
        struct json_defect defect;
        struct json_span element;
        size_t size = strlen(cases[i].array), count = 0;
        char *exact = malloc(size);
        memcpy(exact, cases[i].array, size);
        check_case(cases[i].array);
        CHECK(json_check((struct json_span){ exact, size }, &defect));
        element_begin(&reader, (struct json_span){ exact, size });
        for (; element_next(&reader, &element) && cases[i].elements[count] != NULL; count++) {
            CHECK_MEM(element.bytes, element.size, cases[i].elements[count],
                      strlen(cases[i].elements[count]));
        }
        CHECK(cases[i].elements[count] == NULL);
        CHECK(!element_next(&reader, &element));
        free(exact);
    }
}

static void test_several_members_are_found_in_one_pass(void)
{
    static const char *const names[] = { "a", "b", "c" };
    struct json_member members[3];
    const char *text = " {\"b\":[1],\"x\":2,\"\\u0061\":\"s\",\"b\":{}} ";

    CHECK(member_find_each((struct json_span){ text, strlen(text) }, names, 3, members));
    CHECK_EQ(members[0].kind, JSON_STRING);
    CHECK_MEM(members[0].value.bytes, members[0].value.size, "\"s\"", 3);
    CHECK_EQ(members[1].kind, JSON_OBJECT); /* the last one counts */
    CHECK_EQ(members[2].kind, JSON_NOTHING);
    CHECK_EQ(members[2].value.size, 0);
    CHECK(!member_find_each((struct json_span){ "[]", 2 }, names, 3, members));
    CHECK(!member_find_each((struct json_span){ "{\"a\":1", 6 }, names, 3, members));
    CHECK(!member_find_each((struct json_span){ NULL, 0 }, names, 3, members));
}

int main(void)
{
    RUN(test_each_element_is_its_span);
    RUN(test_several_members_are_found_in_one_pass);
    return check_done();
}
