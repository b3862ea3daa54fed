/*
 * storm_sim_test: servers that are down or overloaded, over a simulated network, so that minutes
 * cost nothing and counts are exact (R28, and fairness).
 *
 * Fairness: an origin that is dead takes next to nothing from one that is well, whatever it does
 * instead of answering. What the well one has answered in a time is compared with what it answers
 * in the same time alone.
 *
 * Storms: a server that answers everything with an error is sent no more than the budget and the
 * probes of an outage allow, by its own ledger, in every window of ten seconds.
 */
#include "quoit.h"
#include "tests/sim/net_sim.h"
#include "tests/sim/ring_sim.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define COMMAND "build/tests/sim/storm_sim_test"
#define WELL 0 /* servers */
#define DEAD 1

/* A network that does nothing by chance but take some time to answer. */
static const struct world_profile slow = { .permille = { [WORLD_ANSWER_SLOW] = 1000 } };

static struct quoit_engine *engine;

static void begin(uint64_t seed, const struct quoit_options *options)
{
    struct server_limits servers = { .in_flight_max = options->in_flight_max,
                                     .per_origin_max = options->in_flight_max,
                                     .pool_idle_ns = WORLD_NEVER,
                                     .body_size_max = 2000 };
    struct ring_sim_limits limits = { .sockets_max = options->in_flight_max + 64,
                                      .turns_max = UINT32_MAX,
                                      .end_ns = 24 * 3600 * NS_PER_S };

    world_begin(seed, &slow, COMMAND);
    server_sim_begin(&servers);
    ring_sim_begin(&limits);
    CHECK_EQ(quoit_create(options, &engine), QUOIT_OK);
}

static void end(void)
{
    quoit_destroy(engine);
    CHECK_EQ(ring_sim_rings(), 0);
    CHECK_EQ(net_open_count(), 0);
}

/* Ask that server for something, under a number that nobody uses now. */
static void submit(uint32_t server, uint32_t number, uint32_t retries)
{
    char url[64], mark[16];
    struct quoit_header header = { "X-Number", mark };
    uint64_t id;

    memset(ledger_expect(number), 0, sizeof(struct ledger_entry));
    snprintf(url, sizeof(url), "http://10.0.0.%u/n/%u", server, number);
    snprintf(mark, sizeof(mark), "%u", number);
    CHECK_EQ(quoit_submit(engine,
                          &(struct quoit_request){ .url = url,
                                                   .headers = &header,
                                                   .headers_count = 1,
                                                   .retries = retries,
                                                   .context = ledger_expect(number) },
                          &id),
             QUOIT_OK);
}

/* -------- fairness -------- */

#define FAIR_NS (12 * NS_PER_S)
#define FAIR_ASKS 200 /* that wait for each origin, at any time */

struct fair_case {
    const char *name;
    enum net_manner manner;
    uint16_t status; /* 0: it does not get to answer */
};

static const struct fair_case fair_cases[] = {
    { "it refuses connections", NET_REFUSES, 0 },
    { "it is a black hole", NET_BLACK_HOLE, 0 },
    { "it answers 503 for ever", NET_USUAL, 503 },
};

/* How many answers the well server gives in FAIR_NS; beside a dead one unless `the` is NULL. */
static uint64_t count_answers(uint64_t seed, const struct quoit_options *options,
                              const struct fair_case *the)
{
    struct quoit_event event;
    uint64_t answers = 0;

    begin(seed, options);
    if (the != NULL) {
        net_set_manner(DEAD, the->manner);
        server_sim_set_status(DEAD, the->status);
    }
    server_sim_set_status(WELL, 200);
    for (uint32_t i = 0; i < FAIR_ASKS; i++) {
        if (the != NULL) {
            submit(DEAD, 1 + FAIR_ASKS + i, 0);
        }
        submit(WELL, 1 + i, 0);
    }
    uint64_t end_ns = world_now_ns() + FAIR_NS;
    while (world_now_ns() < end_ns) {
        quoit_turn(engine, 100 * NS_PER_MS);
        while (quoit_next(engine, &event, 1) == 1) {
            const struct ledger_entry *ledger = event.context;
            uint32_t number = (uint32_t)(ledger - ledger_read(1)) + 1;
            bool well = number <= FAIR_ASKS;
            answers += well && event.result->error == QUOIT_OK && event.result->status == 200;
            CHECK(!well || event.result->attempts == 1);
            submit(well ? WELL : DEAD, number, 0);
        }
    }
    end();
    return answers;
}

static void test_a_dead_origin_takes_nothing_from_one_that_is_well(void)
{
    static const struct quoit_options options[] = {
        { .requests_max = 4 * FAIR_ASKS, .in_flight_max = 64 },
        { .requests_max = 4 * FAIR_ASKS, .in_flight_max = 20, .outage_wait_ns = 300 * NS_PER_S },
    };

    for (size_t i = 0; i < COUNT_OF(options); i++) {
        uint64_t alone = count_answers(i + 1, &options[i], NULL);
        CHECK(alone >= options[i].in_flight_max * FAIR_NS / (200 * NS_PER_MS)); /* kept busy */
        for (size_t k = 0; k < COUNT_OF(fair_cases); k++) {
            check_case(fair_cases[k].name);
            CHECK(count_answers(i + 1, &options[i], &fair_cases[k]) * 100 >= alone * 90);
        }
    }
}

/* -------- storms -------- */

#define STORM_ASKS 1000
#define STORM_IN_FLIGHT 200
#define WINDOW_NS (10 * NS_PER_S)

/* When the server heard of each try, in order, and which of them were first ones. */
static struct arrival {
    uint64_t at_ns;
    bool first;
} arrivals[STORM_ASKS * LEDGER_TRIES_MAX];
static uint32_t arrivals_count;

static int compare_arrivals(const void *a, const void *b)
{
    uint64_t a_ns = ((const struct arrival *)a)->at_ns;
    uint64_t b_ns = ((const struct arrival *)b)->at_ns;

    return a_ns < b_ns ? -1 : a_ns > b_ns;
}

static void read_arrivals(uint32_t asks)
{
    arrivals_count = 0;
    for (uint32_t number = 1; number <= asks; number++) {
        const struct ledger_entry *ledger = ledger_read(number);
        for (uint32_t i = 0; i < ledger->tries_count; i++) {
            arrivals[arrivals_count++] = (struct arrival){ ledger->tries[i].at_ns, i == 0 };
        }
    }
    qsort(arrivals, arrivals_count, sizeof(arrivals[0]), compare_arrivals);
}

/* The most that any window of ten seconds has beyond 120 % of its first tries; at most 0 is due. */
static int64_t most_beyond_a_fifth(void)
{
    int64_t most = INT64_MIN;
    uint32_t begin_at = 0, firsts = 0;

    for (uint32_t i = 0; i < arrivals_count; i++) {
        firsts += arrivals[i].first;
        while (arrivals[i].at_ns - arrivals[begin_at].at_ns >= WINDOW_NS) {
            firsts -= arrivals[begin_at++].first;
        }
        int64_t beyond = (int64_t)(i + 1 - begin_at) - firsts - firsts / 5;
        most = beyond > most ? beyond : most;
    }
    return most;
}

static uint32_t arrivals_within(uint64_t from_ns, uint64_t to_ns)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < arrivals_count; i++) {
        count += arrivals[i].at_ns >= from_ns && arrivals[i].at_ns < to_ns;
    }
    return count;
}

static struct quoit_stats stats_of(void)
{
    struct quoit_stats stats;

    quoit_stats_read(engine, &stats);
    return stats;
}

/* Take all events that are there. Returns how many were ENDs; *good_out: with 200. */
static uint32_t take_ends(uint32_t *good_out)
{
    struct quoit_event event;
    uint32_t ends = 0;

    while (quoit_next(engine, &event, 1) == 1) {
        ends++;
        *good_out += event.result->error == QUOIT_OK && event.result->status == 200;
    }
    return ends;
}

/*
 * R28: ten seconds of 503, 200 in flight. What is in flight when the eighth failure comes is told
 * no; then nothing goes there but a probe after 1, 2, 4 s; then all are answered, each once.
 */
static void test_a_storm_of_503_leaves_only_probes_and_then_all_are_answered(void)
{
    struct quoit_options options = { .requests_max = STORM_ASKS,
                                     .in_flight_max = STORM_IN_FLIGHT,
                                     .outage_wait_ns = 300 * NS_PER_S };
    uint64_t down_ns = 0;
    uint32_t good = 0, ends = 0;

    begin(1, &options);
    server_sim_set_status(WELL, 503);
    for (uint32_t number = 1; number <= STORM_ASKS; number++) {
        submit(WELL, number, 0);
    }
    uint64_t well_ns = world_now_ns() + 10 * NS_PER_S;
    while (world_now_ns() < well_ns) {
        quoit_turn(engine, 10 * NS_PER_MS);
        down_ns = down_ns == 0 && stats_of().outages > 0 ? world_now_ns() : down_ns;
    }
    CHECK_EQ(take_ends(&good), 0);
    read_arrivals(STORM_ASKS);
    CHECK(arrivals_count >= 8);
    CHECK(arrivals_count <= STORM_IN_FLIGHT + 7 + 3); /* seven made room for others */
    CHECK(most_beyond_a_fifth() <= 10);
    /* An answer takes up to 200 ms, so what was in flight is over by then. */
    uint32_t probes = arrivals_within(down_ns + 300 * NS_PER_MS, well_ns);
    CHECK(probes >= 2);
    CHECK(probes <= 3);

    server_sim_set_status(WELL, 200);
    while (ends < STORM_ASKS) {
        quoit_turn(engine, QUOIT_NEVER);
        ends += take_ends(&good);
    }
    CHECK_EQ(good, STORM_ASKS);
    for (uint32_t number = 1; number <= STORM_ASKS; number++) {
        CHECK_EQ(ledger_read(number)->executed, 1);
    }
    CHECK_EQ(stats_of().outages, 1);
    end();
}

/* A 500 is an answer and no outage, so the budget alone holds the retries back. */
static void test_a_storm_of_500_stays_within_the_budget_of_each_window(void)
{
    static const uint64_t outage_waits_ns[] = { 0, 300 * NS_PER_S }; /* refused, or put off */

    for (size_t i = 0; i < COUNT_OF(outage_waits_ns); i++) {
        struct quoit_options options = { .requests_max = STORM_ASKS,
                                         .in_flight_max = STORM_IN_FLIGHT,
                                         .outage_wait_ns = outage_waits_ns[i] };
        uint32_t good = 0, ends = 0;

        begin(i + 1, &options);
        server_sim_set_status(WELL, 500);
        for (uint32_t number = 1; number <= STORM_ASKS; number++) {
            submit(WELL, number, 1);
        }
        while (ends < STORM_ASKS) {
            quoit_turn(engine, QUOIT_NEVER);
            ends += take_ends(&good);
        }
        CHECK_EQ(good, 0);
        read_arrivals(STORM_ASKS);
        CHECK(most_beyond_a_fifth() <= 10);
        CHECK(most_beyond_a_fifth() > 0); /* and what is allowed is made use of */
        CHECK_EQ(arrivals_count, STORM_ASKS + stats_of().retries);
        CHECK(i == 0 || arrivals_count == 2 * STORM_ASKS);
        CHECK_EQ(stats_of().outages, 0);
        end();
    }
}

int main(void)
{
    RUN(test_a_dead_origin_takes_nothing_from_one_that_is_well);
    RUN(test_a_storm_of_503_leaves_only_probes_and_then_all_are_answered);
    RUN(test_a_storm_of_500_stays_within_the_budget_of_each_window);
    return check_done();
}
