/*
 * engine_retry: what each failure calls for, the budget over every window of ten seconds (R28), the
 * waits that a server may ask for (R27), and when an origin is down.
 */
#include "engine/retry.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#define LAST_CHANCE UINT64_MAX
#define BEGIN_NS (12345 * NS_PER_S)

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(2685821657736338717);
}

/* An answer to a replayable request that has all its retries left. */
static struct retry_case answer_of(uint32_t status)
{
    return (struct retry_case){
        .status = status,
        .asked_ns = RETRY_NOT_ASKED,
        .should_retry = -1,
        .sent = true,
        .sent_in_full = true,
        .started = true,
        .replayable = true,
        .retries_max = 5,
    };
}

/* An attempt of a replayable request that ended without an answer, on a new connection. */
static struct retry_case failure_of(enum quoit_error error)
{
    struct retry_case last = answer_of(0);

    last.error = error;
    last.started = false;
    return last;
}

/* -------- waits -------- */

static void test_back_off_doubles_from_half_a_second_to_eight(void)
{
    static const uint64_t longest_ms[] = { 500, 1000, 2000, 4000, 8000, 8000, 8000 };

    for (uint32_t n = 0; n < COUNT_OF(longest_ms); n++) {
        CHECK_EQ(retry_backoff_ns(n, 0), longest_ms[n] * NS_PER_MS);
    }
    CHECK_EQ(retry_backoff_ns(64, 0), 8 * NS_PER_S);
    CHECK_EQ(retry_backoff_ns(UINT32_MAX, 0), 8 * NS_PER_S);
}

static void test_back_off_is_spread_evenly_over_its_last_quarter(void)
{
    uint64_t state = 20261121;

    for (uint32_t n = 0; n < 8; n++) {
        uint64_t longest_ns = retry_backoff_ns(n, 0);
        uint64_t shortest_ns = longest_ns / 4 * 3;
        int bins[10] = { 0 };
        CHECK(retry_backoff_ns(n, LAST_CHANCE) >= shortest_ns);
        CHECK(retry_backoff_ns(n, LAST_CHANCE) < shortest_ns + NS_PER_US);
        for (int i = 0; i < 20000; i++) {
            uint64_t wait_ns = retry_backoff_ns(n, random_next(&state));
            CHECK(wait_ns >= shortest_ns && wait_ns <= longest_ns);
            bins[min_u64(9, (wait_ns - shortest_ns) * 10 / (longest_ns - shortest_ns))]++;
        }
        for (size_t i = 0; i < COUNT_OF(bins); i++) {
            CHECK(bins[i] > 1800 && bins[i] < 2200);
        }
    }
}

static void test_a_wait_that_is_asked_for_is_kept_and_chance_only_adds(void)
{
    static const uint64_t asked[] = { 1, NS_PER_MS, 1500 * NS_PER_MS, 30 * NS_PER_S,
                                      RETRY_ASKED_MAX_NS };
    static const uint32_t statuses[] = { 408, 409, 429, 500, 503 };

    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        for (size_t k = 0; k < COUNT_OF(statuses); k++) {
            struct retry_case last = answer_of(statuses[k]);
            last.asked_ns = asked[i];
            last.retries = 4; /* its own back-off would be 8 s */
            last.paces = 4;
            CHECK_EQ(retry_decide(&last, 0).wait_ns, asked[i]);
            uint64_t wait_ns = retry_decide(&last, LAST_CHANCE).wait_ns;
            CHECK(wait_ns >= asked[i] && wait_ns <= asked[i] + asked[i] / 4);
            CHECK(asked[i] < 100 || wait_ns > asked[i] + asked[i] / 5);
        }
    }
}

static void test_a_wait_of_nothing_or_more_than_two_minutes_is_not_waited(void)
{
    static const uint64_t refusals[] = { RETRY_ASKED_MAX_NS + 1, 3600 * NS_PER_S,
                                         RETRY_NOT_ASKED - 1 };
    static const uint32_t statuses[] = { 200, 400, 408, 409, 429, 500, 503 };

    CHECK_EQ(RETRY_ASKED_MAX_NS, 120 * NS_PER_S);
    for (size_t k = 0; k < COUNT_OF(statuses); k++) {
        for (int should_retry = -1; should_retry <= 1; should_retry++) {
            for (size_t i = 0; i < COUNT_OF(refusals); i++) {
                struct retry_case last = answer_of(statuses[k]);
                last.asked_ns = refusals[i];
                last.should_retry = should_retry;
                CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
            }
        }
    }
    struct retry_case last = answer_of(500);
    last.asked_ns = 0;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_AGAIN);
    CHECK_EQ(retry_decide(&last, 0).wait_ns, 500 * NS_PER_MS);
}

/* -------- verdicts -------- */

static void test_each_status_calls_for_what_it_says(void)
{
    static const struct {
        uint32_t status;
        enum retry_kind unasked, should, should_not;
    } cases[] = {
        { 200, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 301, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 400, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 401, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 404, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 407, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 408, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 409, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 410, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 413, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 422, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 428, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 429, RETRY_PACE, RETRY_PACE, RETRY_FINAL },
        { 430, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 499, RETRY_FINAL, RETRY_AGAIN, RETRY_FINAL },
        { 500, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 501, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 502, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 503, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 504, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 529, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
        { 599, RETRY_AGAIN, RETRY_AGAIN, RETRY_FINAL },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct retry_case last = answer_of(cases[i].status);
        char name[16];
        snprintf(name, sizeof(name), "%u", cases[i].status);
        check_case(name);
        CHECK_EQ(retry_decide(&last, 0).kind, cases[i].unasked);
        last.should_retry = 1;
        CHECK_EQ(retry_decide(&last, 0).kind, cases[i].should);
        last.should_retry = 0;
        CHECK_EQ(retry_decide(&last, 0).kind, cases[i].should_not);
        last.should_retry = 1;
        last.replayable = false; /* the server has acted on it */
        CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    }
    check_case("");
}

static void test_a_503_that_names_a_wait_is_a_pace_and_one_without_a_failure(void)
{
    struct retry_case last = answer_of(503);

    last.retries = last.retries_max;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last.asked_ns = NS_PER_S;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_PACE);
    last.asked_ns = 0;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last.status = 500;
    last.asked_ns = NS_PER_S;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
}

static void test_the_pace_without_a_header_doubles_from_one_second_to_sixty(void)
{
    static const uint64_t seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    struct retry_case last = answer_of(429);

    last.retries = last.retries_max; /* it costs none */
    for (uint32_t i = 0; i < COUNT_OF(seconds); i++) {
        last.paces = i;
        struct retry_verdict verdict = retry_decide(&last, 0);
        CHECK_EQ(verdict.kind, RETRY_PACE);
        CHECK_EQ(verdict.wait_ns, seconds[i] * NS_PER_S);
        verdict = retry_decide(&last, LAST_CHANCE);
        CHECK(verdict.wait_ns >= seconds[i] * NS_PER_S);
        CHECK(verdict.wait_ns <= seconds[i] * NS_PER_S * 5 / 4);
    }
    last.paces = UINT32_MAX;
    CHECK_EQ(retry_decide(&last, 0).wait_ns, 60 * NS_PER_S);
}

static void test_a_request_gives_up_after_a_quarter_of_an_hour_of_pace(void)
{
    struct retry_case last = answer_of(429);

    CHECK_EQ(RETRY_PACE_MAX_NS, 900 * NS_PER_S);
    last.paced_ns = RETRY_PACE_MAX_NS;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_PACE);
    last.paced_ns = RETRY_PACE_MAX_NS + 1;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last.asked_ns = NS_PER_S;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
}

static void test_retries_are_counted_down_to_none(void)
{
    struct retry_case last = answer_of(500);

    for (last.retries = 0; last.retries < last.retries_max; last.retries++) {
        struct retry_verdict verdict = retry_decide(&last, 0);
        CHECK_EQ(verdict.kind, RETRY_AGAIN);
        CHECK_EQ(verdict.wait_ns, retry_backoff_ns(last.retries, 0));
    }
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last = failure_of(QUOIT_E_CONNECT);
    last.retries_max = 0;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
}

static void test_each_error_is_final_or_tried_again(void)
{
    static const struct {
        enum quoit_error error;
        enum retry_kind kind;
    } cases[] = {
        { QUOIT_E_NO_MEMORY, RETRY_AGAIN },
        { QUOIT_E_NO_DESCRIPTOR, RETRY_AGAIN },
        { QUOIT_E_DNS, RETRY_AGAIN },
        { QUOIT_E_CONNECT, RETRY_AGAIN },
        { QUOIT_E_RESET, RETRY_AGAIN },
        { QUOIT_E_INCOMPLETE, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_CONNECT, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_TLS, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_WRITE, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_FIRST_BYTE, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_IDLE, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_TOTAL, RETRY_AGAIN },
        { QUOIT_E_TIMEOUT_DEADLINE, RETRY_FINAL },
        { QUOIT_E_CANCELLED, RETRY_FINAL },
        { QUOIT_E_TLS, RETRY_FINAL },
        { QUOIT_E_PROTOCOL, RETRY_FINAL },
        { QUOIT_E_TOO_LARGE, RETRY_FINAL },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct retry_case last = failure_of(cases[i].error);
        check_case(quoit_error_name(cases[i].error));
        CHECK_EQ(retry_decide(&last, 0).kind, cases[i].kind);
        last.replayable = false; /* the server may have acted on it */
        CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
        last.sent = false; /* it cannot have */
        last.sent_in_full = false;
        CHECK_EQ(retry_decide(&last, 0).kind, cases[i].kind);
    }
    check_case("");
}

static void test_a_kept_connection_that_breaks_before_an_answer_costs_nothing_once(void)
{
    struct retry_case last = failure_of(QUOIT_E_RESET);

    last.reused = true;
    last.retries_max = 0;
    CHECK_EQ(retry_decide(&last, LAST_CHANCE).kind, RETRY_RESEND);
    CHECK_EQ(retry_decide(&last, LAST_CHANCE).wait_ns, 0);
    last.resent = true; /* once */
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last.resent = false;
    last.started = true; /* bytes of an answer came */
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last.started = false;
    last.replayable = false;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
    last.replayable = true;
    last.reused = false; /* a new connection: a retry like any other */
    last.retries_max = 1;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_AGAIN);
}

static void test_a_request_that_was_sent_in_full_and_timed_out_is_paid_for_twice_at_most(void)
{
    static const enum quoit_error late[] = { QUOIT_E_TIMEOUT_FIRST_BYTE, QUOIT_E_TIMEOUT_IDLE,
                                             QUOIT_E_TIMEOUT_TOTAL };

    for (size_t i = 0; i < COUNT_OF(late); i++) {
        struct retry_case last = failure_of(late[i]);
        CHECK_EQ(retry_decide(&last, 0).kind, RETRY_AGAIN);
        last.late = 1;
        CHECK_EQ(retry_decide(&last, 0).kind, RETRY_FINAL);
        last.sent_in_full = false; /* it was never the server's to answer */
        CHECK_EQ(retry_decide(&last, 0).kind, RETRY_AGAIN);
    }
    struct retry_case last = failure_of(QUOIT_E_RESET);
    last.late = 1;
    CHECK_EQ(retry_decide(&last, 0).kind, RETRY_AGAIN);
}

/* -------- budget -------- */

static void test_a_fresh_budget_has_ten(void)
{
    struct retry_budget budget = { 0 };

    for (int i = 0; i < RETRY_BUDGET_FREE; i++) {
        CHECK(retry_budget_take(&budget, 20, BEGIN_NS));
    }
    CHECK(!retry_budget_take(&budget, 20, BEGIN_NS));
    CHECK(!retry_budget_take(&budget, 20, BEGIN_NS + 9 * NS_PER_S));
    CHECK(retry_budget_take(&budget, 20, BEGIN_NS + 12 * NS_PER_S)); /* those are long ago */
}

static void test_a_refusal_costs_nothing(void)
{
    struct retry_budget budget = { 0 };

    while (retry_budget_take(&budget, 20, BEGIN_NS)) {
    }
    for (int i = 0; i < 1000; i++) {
        CHECK(!retry_budget_take(&budget, 20, BEGIN_NS + NS_PER_S));
    }
    int count = 0;
    while (retry_budget_take(&budget, 20, BEGIN_NS + 12 * NS_PER_S)) {
        count++;
    }
    CHECK_EQ(count, RETRY_BUDGET_FREE);
}

static void test_first_sends_earn_their_percentage_for_ten_seconds(void)
{
    static const uint32_t percents[] = { 0, 1, 20, 100, 250 };

    for (size_t i = 0; i < COUNT_OF(percents); i++) {
        for (uint64_t age_s = 0; age_s <= 12; age_s++) {
            struct retry_budget budget = { 0 };
            uint64_t count = 0;
            for (int k = 0; k < 1000; k++) {
                retry_budget_first(&budget, BEGIN_NS);
            }
            while (retry_budget_take(&budget, percents[i], BEGIN_NS + age_s * NS_PER_S)) {
                count++;
            }
            CHECK_EQ(count, (age_s < 10 ? 10 * percents[i] : 0) + RETRY_BUDGET_FREE);
        }
    }
}

static void test_a_long_silence_empties_the_budget_whatever_its_length(void)
{
    for (uint64_t silence_s = 11; silence_s < 50; silence_s++) {
        struct retry_budget budget = { 0 };
        uint64_t count = 0;
        for (uint64_t k = 0; k < 1000; k++) {
            retry_budget_first(&budget, BEGIN_NS + k * 10 * NS_PER_MS);
        }
        while (retry_budget_take(&budget, 20, BEGIN_NS + (10 + silence_s) * NS_PER_S)) {
            count++;
        }
        CHECK_EQ(count, RETRY_BUDGET_FREE);
    }
}

#define EVENTS_MAX 200000

/* What a server's ledger would say: when it saw first sends and retries. */
struct ledger {
    uint64_t firsts[EVENTS_MAX], retries[EVENTS_MAX];
    size_t firsts_count, retries_count;
};

/* R28: at each retry, those of the ten seconds up to it are within the budget. */
static void check_windows(const struct ledger *ledger, uint64_t percent)
{
    size_t first_from = 0, first_to = 0, retry_from = 0;

    for (size_t i = 0; i < ledger->retries_count && check_failures == 0; i++) {
        uint64_t end_ns = ledger->retries[i];
        while (ledger->retries[retry_from] + 10 * NS_PER_S <= end_ns) {
            retry_from++;
        }
        while (first_to < ledger->firsts_count && ledger->firsts[first_to] <= end_ns) {
            first_to++;
        }
        while (first_from < first_to && ledger->firsts[first_from] + 10 * NS_PER_S <= end_ns) {
            first_from++;
        }
        CHECK(i + 1 - retry_from <= (first_to - first_from) * percent / 100 + RETRY_BUDGET_FREE);
    }
}

/* Bursts, pauses and steady flow of random length; as many retries as the budget gives. */
static void simulate(struct ledger *ledger, uint32_t percent, uint64_t seed)
{
    struct retry_budget budget = { 0 };
    uint64_t now_ns = BEGIN_NS + random_next(&seed) % NS_PER_S;
    uint64_t end_ns = now_ns + 200 * NS_PER_S;
    uint64_t step_ns = NS_PER_MS;

    ledger->firsts_count = ledger->retries_count = 0;
    while (now_ns < end_ns) {
        if (random_next(&seed) % 500 == 0) { /* another mood */
            step_ns = NS_PER_MS * (1 + random_next(&seed) % 100);
            now_ns += random_next(&seed) % 4 == 0 ? random_next(&seed) % (15 * NS_PER_S) : 0;
        }
        now_ns += random_next(&seed) % (2 * step_ns);
        if (random_next(&seed) % 2 == 0) {
            retry_budget_first(&budget, now_ns);
            ledger->firsts[ledger->firsts_count++] = now_ns;
        } else if (retry_budget_take(&budget, percent, now_ns)) {
            ledger->retries[ledger->retries_count++] = now_ns;
        }
        if (ledger->firsts_count == EVENTS_MAX || ledger->retries_count == EVENTS_MAX) {
            break;
        }
    }
}

static void test_no_window_of_ten_seconds_has_more_retries_than_the_budget(void)
{
    static struct ledger ledger;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        char name[32];
        uint32_t percent = (uint32_t)(seed % 3) * 20;
        snprintf(name, sizeof(name), "seed %llu", (unsigned long long)seed);
        check_case(name);
        simulate(&ledger, percent, seed * 7919);
        CHECK(ledger.retries_count > 100);
        check_windows(&ledger, percent);
    }
    check_case("");
}

static void test_a_steady_flow_gets_most_of_what_it_is_due(void)
{
    struct retry_budget budget = { 0 };
    uint64_t retries = 0;

    for (uint64_t i = 0; i < 100 * 60; i++) { /* 100 first sends a second, for a minute */
        uint64_t now_ns = BEGIN_NS + i * 10 * NS_PER_MS;
        retry_budget_first(&budget, now_ns);
        retries += retry_budget_take(&budget, 20, now_ns);
    }
    CHECK(retries <= 100 * 60 / 5 + 70);
    CHECK(retries >= 100 * 60 / 6);
}

/* -------- outage -------- */

static void fail_times(struct outage *outage, int count, uint64_t now_ns)
{
    for (int i = 0; i < count; i++) {
        CHECK(!outage_fail(outage, false, now_ns));
    }
}

static void test_the_eighth_failure_in_a_row_takes_an_origin_down(void)
{
    struct outage outage = { 0 };

    CHECK_EQ(OUTAGE_FAILURES, 8);
    fail_times(&outage, 7, BEGIN_NS);
    CHECK(outage_admits(&outage, BEGIN_NS));
    CHECK(outage_admits(&outage, BEGIN_NS)); /* not a probe: any number */
    outage_end(&outage);                     /* an answer: from the beginning */
    fail_times(&outage, 7, BEGIN_NS);
    CHECK(!outage.down);
    CHECK(outage_fail(&outage, false, BEGIN_NS + 5));
    CHECK(outage.down);
    CHECK_EQ(outage.since_ns, BEGIN_NS + 5);
    CHECK(!outage_admits(&outage, BEGIN_NS + 5));
}

static void test_probes_go_alone_after_1_2_4_and_at_most_30_seconds(void)
{
    static const uint64_t seconds[] = { 1, 2, 4, 8, 16, 30, 30, 30 };
    struct outage outage = { 0 };
    uint64_t now_ns = BEGIN_NS;

    fail_times(&outage, 7, now_ns);
    CHECK(outage_fail(&outage, false, now_ns));
    for (size_t i = 0; i < COUNT_OF(seconds); i++) {
        CHECK(!outage_admits(&outage, now_ns + seconds[i] * NS_PER_S - 1));
        now_ns += seconds[i] * NS_PER_S;
        CHECK_EQ(outage.probe_ns, now_ns);
        CHECK(outage_admits(&outage, now_ns));
        CHECK(!outage_admits(&outage, now_ns + 3600 * NS_PER_S)); /* while it is under way */
        now_ns += 100 * NS_PER_MS;
        CHECK(!outage_fail(&outage, true, now_ns)); /* it has not gone down: it is */
        CHECK_EQ(outage.since_ns, BEGIN_NS);
    }
}

static void test_attempts_that_were_under_way_when_it_went_down_move_no_probe(void)
{
    struct outage outage = { 0 };

    fail_times(&outage, 7, BEGIN_NS);
    CHECK(outage_fail(&outage, false, BEGIN_NS));
    fail_times(&outage, 200, BEGIN_NS + NS_PER_MS);
    CHECK_EQ(outage.probe_ns, BEGIN_NS + NS_PER_S);
    CHECK(outage_admits(&outage, BEGIN_NS + NS_PER_S));
    fail_times(&outage, 200, BEGIN_NS + NS_PER_S); /* nor do they stand in for it */
    CHECK(!outage_admits(&outage, BEGIN_NS + 3600 * NS_PER_S));
}

static void test_a_probe_that_tells_nothing_is_made_again_as_long_after_it(void)
{
    struct outage outage = { 0 };

    fail_times(&outage, 7, BEGIN_NS);
    CHECK(outage_fail(&outage, false, BEGIN_NS));
    CHECK(outage_admits(&outage, BEGIN_NS + NS_PER_S));
    outage_probe_again(&outage, BEGIN_NS + 2 * NS_PER_S);
    CHECK(!outage_admits(&outage, BEGIN_NS + 3 * NS_PER_S - 1));
    CHECK(outage_admits(&outage, BEGIN_NS + 3 * NS_PER_S));
}

static void test_any_other_answer_ends_an_outage(void)
{
    struct outage outage = { 0 };

    fail_times(&outage, 7, BEGIN_NS);
    CHECK(outage_fail(&outage, false, BEGIN_NS));
    CHECK(outage_admits(&outage, BEGIN_NS + NS_PER_S));
    outage_end(&outage);
    for (int i = 0; i < 100; i++) {
        CHECK(outage_admits(&outage, BEGIN_NS + NS_PER_S));
    }
    fail_times(&outage, 7, BEGIN_NS + 2 * NS_PER_S); /* eight in a row again, */
    CHECK(outage_fail(&outage, false, BEGIN_NS + 2 * NS_PER_S));
    CHECK_EQ(outage.probe_ns, BEGIN_NS + 3 * NS_PER_S); /* and from one second again */
    CHECK_EQ(outage.since_ns, BEGIN_NS + 2 * NS_PER_S);
}

static void test_only_what_a_dead_server_does_speaks_of_an_outage(void)
{
    static const struct {
        enum quoit_error error;
        uint32_t status;
        bool outage;
    } cases[] = {
        { QUOIT_OK, 200, false },
        { QUOIT_OK, 404, false },
        { QUOIT_OK, 429, false },
        { QUOIT_OK, 500, false },
        { QUOIT_OK, 501, false },
        { QUOIT_OK, 502, true },
        { QUOIT_OK, 503, true },
        { QUOIT_OK, 504, true },
        { QUOIT_OK, 505, false },
        { QUOIT_E_CONNECT, 0, true },
        { QUOIT_E_RESET, 0, true },
        { QUOIT_E_TIMEOUT_CONNECT, 0, true },
        { QUOIT_E_TIMEOUT_TLS, 0, true },
        { QUOIT_E_TIMEOUT_WRITE, 0, true },
        { QUOIT_E_TIMEOUT_FIRST_BYTE, 0, true },
        { QUOIT_E_TIMEOUT_TOTAL, 0, true },
        { QUOIT_E_CANCELLED, 0, false },
        { QUOIT_E_TLS, 0, false },
        { QUOIT_E_PROTOCOL, 0, false },
        { QUOIT_E_NO_MEMORY, 0, false },
        { QUOIT_E_NO_DESCRIPTOR, 0, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct retry_case last =
            cases[i].error == QUOIT_OK ? answer_of(cases[i].status) : failure_of(cases[i].error);
        char name[48];
        snprintf(name, sizeof(name), "%s %u", quoit_error_name(cases[i].error), cases[i].status);
        check_case(name);
        CHECK_EQ(outage_is_failure(&last), cases[i].outage);
        if (cases[i].error != QUOIT_OK) {
            last.reused = true; /* a kept connection may have died of age */
            CHECK(!outage_is_failure(&last));
            last.reused = false;
            last.started = true; /* somebody is there */
            CHECK(!outage_is_failure(&last));
        }
    }
    check_case("");
    struct retry_case last = answer_of(503);
    last.asked_ns = NS_PER_S; /* it is there, and names its pace */
    CHECK(!outage_is_failure(&last));
    last.asked_ns = 0;
    CHECK(outage_is_failure(&last));
}

int main(void)
{
    RUN(test_back_off_doubles_from_half_a_second_to_eight);
    RUN(test_back_off_is_spread_evenly_over_its_last_quarter);
    RUN(test_a_wait_that_is_asked_for_is_kept_and_chance_only_adds);
    RUN(test_a_wait_of_nothing_or_more_than_two_minutes_is_not_waited);
    RUN(test_each_status_calls_for_what_it_says);
    RUN(test_a_503_that_names_a_wait_is_a_pace_and_one_without_a_failure);
    RUN(test_the_pace_without_a_header_doubles_from_one_second_to_sixty);
    RUN(test_a_request_gives_up_after_a_quarter_of_an_hour_of_pace);
    RUN(test_retries_are_counted_down_to_none);
    RUN(test_each_error_is_final_or_tried_again);
    RUN(test_a_kept_connection_that_breaks_before_an_answer_costs_nothing_once);
    RUN(test_a_request_that_was_sent_in_full_and_timed_out_is_paid_for_twice_at_most);
    RUN(test_a_fresh_budget_has_ten);
    RUN(test_a_refusal_costs_nothing);
    RUN(test_first_sends_earn_their_percentage_for_ten_seconds);
    RUN(test_a_long_silence_empties_the_budget_whatever_its_length);
    RUN(test_no_window_of_ten_seconds_has_more_retries_than_the_budget);
    RUN(test_a_steady_flow_gets_most_of_what_it_is_due);
    RUN(test_the_eighth_failure_in_a_row_takes_an_origin_down);
    RUN(test_probes_go_alone_after_1_2_4_and_at_most_30_seconds);
    RUN(test_attempts_that_were_under_way_when_it_went_down_move_no_probe);
    RUN(test_a_probe_that_tells_nothing_is_made_again_as_long_after_it);
    RUN(test_any_other_answer_ends_an_outage);
    RUN(test_only_what_a_dead_server_does_speaks_of_an_outage);
    return check_done();
}
