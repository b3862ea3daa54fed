/*
 * query: memory is used again, but not kept when it is large.
 */
#include "cli/query.h"
#include "tests/unit/check.h"

static void test_a_query_comes_back_empty_and_with_its_memory(void)
{
    struct query_pool pool = { .free = NULL };
    struct query *query = query_take(&pool, (struct json_span){ "abc", 3 });
    char *bytes = query->bytes;

    CHECK_MEM(query->bytes, query->size, "abc", 3);
    query->number = 7;
    query->noted = true;
    CHECK_EQ(pool.count, 1);
    CHECK_EQ(pool.bytes, 3);
    query_give_back(&pool, query);
    CHECK_EQ(pool.count, 0);
    CHECK_EQ(pool.bytes, 0);
    struct query *again = query_take(&pool, (struct json_span){ "de", 2 });
    CHECK(again == query);
    CHECK(again->bytes == bytes);
    CHECK_EQ(again->number, 0);
    CHECK(!again->noted);
    query_give_back(&pool, again);
    query_pool_free(&pool);
}

static void test_the_memory_of_a_large_line_is_given_back(void)
{
    static char large[100000];
    struct query_pool pool = { .free = NULL };
    struct query *query = query_take(&pool, (struct json_span){ large, sizeof(large) });

    query_give_back(&pool, query);
    CHECK_EQ(query->room, 0);
    query_pool_free(&pool);
}

int main(void)
{
    RUN(test_a_query_comes_back_empty_and_with_its_memory);
    RUN(test_the_memory_of_a_large_line_is_given_back);
    return check_done();
}
