/*
 * servers: who gets the next query.
 */
#include "cli/servers.h"
#include "tests/unit/check.h"

#define S(seconds) ((uint64_t)(seconds)*1000000000)

static struct servers servers;

static size_t pick_and_begin(uint64_t now_ns)
{
    size_t index = servers_pick(&servers, SERVERS_NONE, now_ns);

    if (index != SERVERS_NONE) {
        servers_begin(&servers, index);
    }
    return index;
}

static void end_badly(size_t index, int times, uint64_t now_ns)
{
    for (int i = 0; i < times; i++) {
        servers_begin(&servers, index);
        servers_end(&servers, index, SERVERS_BAD, now_ns);
    }
}

static void test_the_one_with_the_least_under_way_is_next_and_none_has_more_than_its_share(void)
{
    servers_init(&servers, 3, 8); /* three each at most */
    for (size_t i = 0; i < 9; i++) {
        CHECK_EQ(pick_and_begin(0), i % 3);
    }
    CHECK(pick_and_begin(0) == SERVERS_NONE);
    servers_end(&servers, 1, SERVERS_GOOD, 0);
    CHECK_EQ(pick_and_begin(0), 1);
    CHECK(pick_and_begin(0) == SERVERS_NONE);
}

static void test_one_server_gets_all_whatever_it_answers(void)
{
    servers_init(&servers, 1, 2);
    end_badly(0, 100, 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(pick_and_begin(0), 0);
    }
    CHECK(!servers_has_better(&servers, 0));
}

static void test_one_that_is_down_rests_is_tried_with_one_query_and_comes_back(void)
{
    servers_init(&servers, 2, 8);
    servers_begin(&servers, 0);
    servers_begin(&servers, 0);
    servers_end(&servers, 0, SERVERS_DOWN, S(10));
    servers_end(&servers, 0, SERVERS_DOWN, S(10)); /* of the same outage */
    CHECK(servers_wake_ns(&servers) == S(11));
    CHECK(!servers_has_better(&servers, 1));
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pick_and_begin(S(10)), 1);
    }
    CHECK(pick_and_begin(S(10)) == SERVERS_NONE); /* its share is its share */

    CHECK_EQ(pick_and_begin(S(11)), 0); /* the probe */
    CHECK(pick_and_begin(S(11)) == SERVERS_NONE);
    CHECK(servers_wake_ns(&servers) == UINT64_MAX);
    servers_end(&servers, 0, SERVERS_DOWN, S(11));
    CHECK(pick_and_begin(S(12)) == SERVERS_NONE);
    CHECK_EQ(pick_and_begin(S(13)), 0); /* twice as long */
    servers_end(&servers, 0, SERVERS_GOOD, S(13));
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pick_and_begin(S(13)), 0);
    }
}

static void test_a_rest_has_an_end_however_often_it_failed(void)
{
    uint64_t now_ns = S(100);

    servers_init(&servers, 2, 2);
    for (int i = 0; i < 40; i++) {
        servers_begin(&servers, 0);
        servers_end(&servers, 0, SERVERS_DOWN, now_ns);
        CHECK(servers_wake_ns(&servers) <= now_ns + S(30));
        now_ns = servers_wake_ns(&servers);
    }
}

static void test_one_that_answers_badly_gets_queries_only_while_none_is_well(void)
{
    servers_init(&servers, 2, 4);
    end_badly(0, SERVERS_FAILURES - 1, 0);
    CHECK(servers_has_better(&servers, 1));
    end_badly(0, 1, 0);
    CHECK(!servers_has_better(&servers, 1));
    CHECK(servers_has_better(&servers, 0));
    CHECK_EQ(pick_and_begin(0), 1);
    CHECK_EQ(pick_and_begin(0), 1);
    CHECK(pick_and_begin(0) == SERVERS_NONE);
    CHECK(servers_wake_ns(&servers) == UINT64_MAX); /* it is not down */
    CHECK_EQ(pick_and_begin(S(1)), 0);              /* a probe */
    CHECK(pick_and_begin(S(1)) == SERVERS_NONE);
    servers_end(&servers, 0, SERVERS_BAD, S(1));
    end_badly(1, SERVERS_FAILURES, S(1)); /* now neither is well */
    CHECK_EQ(pick_and_begin(S(1)), 0);
    CHECK_EQ(pick_and_begin(S(1)), 0);
    servers_end(&servers, 0, SERVERS_GOOD, S(1));
    CHECK(servers_has_better(&servers, 1));
}

static void test_after_a_bad_end_a_query_waits_for_another_server_if_one_is_well(void)
{
    servers_init(&servers, 2, 4);
    CHECK_EQ(servers_pick(&servers, 0, 0), 1);
    CHECK_EQ(servers_pick(&servers, 1, 0), 0);
    servers_begin(&servers, 1);
    servers_begin(&servers, 1);
    CHECK(servers_pick(&servers, 0, 0) == SERVERS_NONE); /* it has its share */
    servers_end(&servers, 1, SERVERS_DOWN, 0);
    CHECK_EQ(servers_pick(&servers, 0, 0), 0);
}

static void test_when_all_are_down_it_is_known_since_when(void)
{
    servers_init(&servers, 2, 4);
    servers_begin(&servers, 0);
    servers_begin(&servers, 1);
    servers_end(&servers, 0, SERVERS_DOWN, S(1));
    CHECK(servers.since_ns == 0);
    servers_end(&servers, 1, SERVERS_DOWN, S(2));
    CHECK(servers.since_ns == S(2));
    CHECK_EQ(servers_pick(&servers, SERVERS_NONE, S(2)), 0); /* its rest is over */
    CHECK(servers_pick(&servers, SERVERS_NONE, S(1)) == SERVERS_NONE);
    CHECK_EQ(pick_and_begin(S(3)), 0);
    servers_end(&servers, 0, SERVERS_SILENT, S(3));
    CHECK(servers.since_ns == S(2));
    servers_begin(&servers, 0);
    servers_end(&servers, 0, SERVERS_GOOD, S(3));
    CHECK(servers.since_ns == 0);
}

int main(void)
{
    RUN(test_the_one_with_the_least_under_way_is_next_and_none_has_more_than_its_share);
    RUN(test_one_server_gets_all_whatever_it_answers);
    RUN(test_one_that_is_down_rests_is_tried_with_one_query_and_comes_back);
    RUN(test_a_rest_has_an_end_however_often_it_failed);
    RUN(test_one_that_answers_badly_gets_queries_only_while_none_is_well);
    RUN(test_after_a_bad_end_a_query_waits_for_another_server_if_one_is_well);
    RUN(test_when_all_are_down_it_is_known_since_when);
    return check_done();
}
