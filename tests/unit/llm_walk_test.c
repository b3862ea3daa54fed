/*
 * llm_walk: finds what json_members_next finds, and elements of arrays.
 */
#include "llm/walk.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static void test_elements_and_members_are_found_where_they_stand(void)
{
    static const struct {
        const char *value;
        const char *found; /* KEY=VALUE; for each */
    } rows[] = {
        { "{}", "" },
        { "[]", "" },
        { " [ ] ", "" },
        { "{\"a\":1}", "\"a\"=1;" },
        { " { \"a\" : 1 , \"b\" : [ 1 , 2 ] } ", "\"a\"=1;\"b\"=[ 1 , 2 ];" },
        { "[1,[2,[3]],{\"x\":[]}]", "=1;=[2,[3]];={\"x\":[]};" },
        { "[\"]\",\"\\\"\",\"\\\\\",\"}\"]", "=\"]\";=\"\\\"\";=\"\\\\\";=\"}\";" },
        { "{\"a\\\"}\":{\"}\":\"{\\\\\"},\"b\":null}", "\"a\\\"}\"={\"}\":\"{\\\\\"};\"b\"=null;" },
        { "[true ,false\n,null\t,-1.5e3\r]", "=true;=false;=null;=-1.5e3;" },
        { "7", "" },
        { "\"[1]\"", "" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char found[256] = "";
        char *at = found;
        struct json_span value = { rows[i].value, strlen(rows[i].value) };
        struct walk walk;
        struct walk_item item;
        check_case(rows[i].value);
        walk_begin(&walk, value);
        while (walk_next(&walk, &item)) {
            CHECK_EQ(item.kind, json_kind_of(item.value));
            at +=
                snprintf(at, sizeof(found) - (size_t)(at - found), "%.*s=%.*s;", (int)item.key.size,
                         item.key.bytes, (int)item.value.size, item.value.bytes);
        }
        CHECK(!walk_next(&walk, &item));
        CHECK_STR(found, rows[i].found);
    }
}

static void test_of_a_repeated_member_the_last_is_found(void)
{
    const struct json_span value = { "{\"a\":1,\"b\":2,\"\\u0061\":3}", 23 };
    struct walk_item item;

    CHECK(walk_find(value, "a", &item));
    CHECK_MEM(item.value.bytes, item.value.size, "3", 1);
    CHECK(!walk_find(value, "c", &item));
    CHECK(!walk_find((struct json_span){ "[1]", 3 }, "a", &item));
}

static void test_values_that_are_gone_into_are_passed_once(void)
{
    static const char text[] = " [ {\"a\": {} ,\"b\":[1,\"}\"], \"c\":2} , [ ] ,3] ";
    static const char *const wanted[] = { "{}", "[1,\"}\"]", "2", "3" };
    struct walk walk, inner;
    struct walk_item item;
    size_t found = 0;

    walk_begin(&walk, (struct json_span){ text, strlen(text) });
    while (walk_next_begin(&walk, &item)) {
        CHECK_EQ(item.value.size, 0);
        if (item.kind == JSON_NUMBER) {
            walk_next_end(&walk, &item);
            CHECK_MEM(item.value.bytes, item.value.size, wanted[found], strlen(wanted[found]));
            found++;
            continue;
        }
        walk_enter(&inner, &walk);
        while (walk_next(&inner, &item)) {
            CHECK_MEM(item.value.bytes, item.value.size, wanted[found], strlen(wanted[found]));
            found++;
        }
        CHECK(!walk_next(&inner, &item));
        walk_leave(&walk, &inner);
    }
    CHECK(!walk_next(&walk, &item));
    CHECK_EQ(found, COUNT_OF(wanted));
}

int main(void)
{
    RUN(test_elements_and_members_are_found_where_they_stand);
    RUN(test_of_a_repeated_member_the_last_is_found);
    RUN(test_values_that_are_gone_into_are_passed_once);
    return check_done();
}
