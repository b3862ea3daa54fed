/*
 * member: several members of an object, by their names.
 */
#include "llm/member.h"
#include "tests/unit/check.h"

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
    RUN(test_several_members_are_found_in_one_pass);
    return check_done();
}
