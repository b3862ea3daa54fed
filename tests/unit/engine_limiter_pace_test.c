/*
 * engine_limiter_pace: what a learned limiter makes of servers, in virtual time: a true bucket or a
 * fixed window, with the headers of OpenAI or of Anthropic, behind ways that take 50 to 500 ms.
 *
 * The server here is the truth, and headers are texts that http/hints reads, rounded as servers
 * round them. The promise: at least 97 % of what is allowed is delivered, and after the first
 * second at most 0.5 % of the requests are answered with 429.
 */
#include "engine/limiter.h"

#include "base/bits.h"
#include "http/hints.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define BEGIN_NS (1000 * NS_PER_S)
#define FLIGHTS_MAX 1024
#define FEW 5
#define EPOCH_S 1700000000

enum server_kind { SERVER_BUCKET, SERVER_WINDOW };
enum server_dialect { DIALECT_OPENAI, DIALECT_ANTHROPIC };

struct pace_case {
    const char *name;
    enum server_kind kind;
    enum server_dialect dialect;
    double per_minute; /* requests, or tokens if tokens_mean is not 0 */
    double capacity;   /* 0: a minute's worth */
    uint32_t in_flight_max;
    uint64_t way_min_ns, way_max_ns; /* there and back, half each on the average */
    uint64_t think_ns;               /* of the server, after it has counted */
    double tokens_mean;              /* 0: the bucket is of requests */
    double guess;                    /* what the client takes, as a share of the true tokens */
    bool late;                       /* the headers are written when the answer is */
};

struct flight {
    uint64_t arrive_ns, end_ns; /* arrive UINT64_MAX: it has */
    struct limiter_mark mark;
    uint64_t taken, tokens;
    bool refused;
    double remaining;
    uint64_t reset_ns, retry_ns;
};

struct world {
    const struct pace_case *pace;
    struct limiter limiter;
    struct flight flights[FLIGHTS_MAX];
    uint32_t count;
    uint64_t now_ns, chance;
    double level; /* the server's */
    uint64_t level_ns;
    uint64_t taken_ns;
    uint64_t next_taken, next_tokens; /* of the request that waits to enter */
    double delivered;                 /* units */
    uint64_t answers, refusals;       /* after the first second */
    uint64_t refusals_first;
};

static double world_fraction(struct world *world) /* splitmix64 */
{
    uint64_t z = world->chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double server_capacity(const struct pace_case *pace)
{
    return pace->capacity != 0 ? pace->capacity : pace->per_minute;
}

/* How long a window of this server is. */
static double window_ns(const struct pace_case *pace)
{
    return server_capacity(pace) / pace->per_minute * 60e9;
}

static void server_refill(struct world *world)
{
    const struct pace_case *pace = world->pace;
    double capacity = server_capacity(pace);

    if (pace->kind == SERVER_WINDOW) {
        double length = window_ns(pace);
        double before = floor((double)(world->level_ns - BEGIN_NS) / length);
        double now = floor((double)(world->now_ns - BEGIN_NS) / length);
        world->level = now > before ? capacity : world->level;
    } else {
        double passed = (double)(world->now_ns - world->level_ns);
        world->level = fmin(capacity, world->level + passed * pace->per_minute / 60e9);
    }
    world->level_ns = world->now_ns;
}

static void server_note(struct world *world, struct flight *flight)
{
    const struct pace_case *pace = world->pace;
    double missing = server_capacity(pace) - world->level;

    flight->remaining = world->level;
    if (pace->kind == SERVER_WINDOW) {
        double passed = fmod((double)(world->now_ns - BEGIN_NS), window_ns(pace));
        flight->reset_ns = (uint64_t)(window_ns(pace) - passed);
    } else {
        flight->reset_ns = (uint64_t)(missing * 60e9 / pace->per_minute);
    }
}

static void server_take(struct world *world, struct flight *flight)
{
    const struct pace_case *pace = world->pace;
    double cost = pace->tokens_mean != 0 ? (double)flight->tokens : 1;

    server_refill(world);
    flight->refused = world->level < cost;
    if (flight->refused) {
        double missing = cost - world->level;
        flight->retry_ns = (uint64_t)(missing * 60e9 / pace->per_minute) + NS_PER_MS;
    } else {
        world->level -= cost;
        world->delivered += cost;
    }
    server_note(world, flight);
    if (flight->refused && pace->kind == SERVER_WINDOW) {
        flight->retry_ns = flight->reset_ns;
    }
    if (flight->refused) {
        flight->end_ns -= pace->think_ns; /* it does not think about that */
    }
    flight->arrive_ns = UINT64_MAX;
}

/* -------- the client -------- */

static uint64_t way_ns(struct world *world)
{
    const struct pace_case *pace = world->pace;
    double spread = (double)(pace->way_max_ns - pace->way_min_ns) / 2;

    return pace->way_min_ns / 2 + (uint64_t)(spread * world_fraction(world));
}

static void client_draw(struct world *world)
{
    const struct pace_case *pace = world->pace;

    world->next_tokens = (uint64_t)(pace->tokens_mean * (0.2 + 1.6 * world_fraction(world)));
    world->next_taken = (uint64_t)((double)world->next_tokens * pace->guess);
}

static void client_send(struct world *world)
{
    struct flight *flight = &world->flights[world->count++];

    *flight = (struct flight){ .taken = world->next_taken, .tokens = world->next_tokens };
    flight->mark = limiter_take(&world->limiter, flight->taken, world->now_ns);
    flight->arrive_ns = world->now_ns + way_ns(world);
    flight->end_ns = flight->arrive_ns + world->pace->think_ns + way_ns(world);
    client_draw(world);
}

/* The headers as they are written, and read again. */
static struct hints_rate headers_read(const struct world *world, const struct flight *flight)
{
    const struct pace_case *pace = world->pace;
    const char *what = pace->tokens_mean != 0 ? "tokens" : "requests";
    const char *form =
        pace->dialect == DIALECT_OPENAI ? "x-ratelimit-%s-%s" : "anthropic-ratelimit-%2$s-%1$s";
    static const char *const fields[] = { "limit", "remaining", "reset" };
    char names[3][64], values[3][64], date[64];
    uint64_t unix_ns = EPOCH_S * NS_PER_S + world->now_ns;
    time_t now_s = (time_t)(unix_ns / NS_PER_S);
    struct hints_rate rate;
    struct tm tm;

    for (int i = 0; i < 3; i++) {
        snprintf(names[i], sizeof(names[i]), form, fields[i], what);
    }
    snprintf(values[0], sizeof(values[0]), "%.0f", server_capacity(pace));
    snprintf(values[1], sizeof(values[1]), "%.0f", floor(flight->remaining));
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now_s, &tm));
    if (pace->dialect == DIALECT_OPENAI) {
        snprintf(values[2], sizeof(values[2]), "%llums",
                 (unsigned long long)((flight->reset_ns + NS_PER_MS - 1) / NS_PER_MS));
    } else {
        time_t reset_s = (time_t)((unix_ns + flight->reset_ns + NS_PER_S - 1) / NS_PER_S);
        strftime(values[2], sizeof(values[2]), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&reset_s, &tm));
    }
    const struct quoit_header headers[] = {
        { names[0], values[0] }, { names[1], values[1] }, { names[2], values[2] }, { "Date", date }
    };
    CHECK(hints_rate_read(headers, COUNT_OF(headers), &rate));
    return rate;
}

static void client_take_answer(struct world *world, struct flight *flight)
{
    if (world->pace->late) {
        server_refill(world);
        server_note(world, flight);
    }
    struct hints_rate said = headers_read(world, flight);
    const struct limiter_answer answer = {
        .mark = &flight->mark,
        .tokens = flight->taken,
        .said = &said,
        .refused = flight->refused,
        .now_ns = world->now_ns,
        .chance = (uint64_t)(world_fraction(world) * 1.8e19),
    };

    limiter_leave(&world->limiter, flight->taken);
    limiter_learn(&world->limiter, &answer);
    if (!flight->refused) {
        limiter_settle(&world->limiter, flight->taken, flight->tokens);
    } else { /* as engine_pace does */
        double wait_ns = (double)flight->retry_ns * (1 + world_fraction(world) / 4);
        limiter_rest(&world->limiter, world->now_ns + (uint64_t)wait_ns);
    }
    if (world->now_ns >= BEGIN_NS + NS_PER_S) {
        world->answers++;
        world->refusals += flight->refused;
    } else {
        world->refusals_first += flight->refused;
    }
    *flight = world->flights[--world->count];
}

/* Let in what may enter; returns when the next one may. */
static uint64_t client_fill(struct world *world)
{
    while (world->count < world->pace->in_flight_max) {
        uint64_t wait_ns = limiter_wait_ns(&world->limiter, world->next_taken, world->now_ns);
        if (wait_ns > 0) {
            return world->now_ns + wait_ns;
        }
        client_send(world);
    }
    return UINT64_MAX;
}

static void world_run(struct world *world, const struct pace_case *pace, uint64_t length_ns)
{
    *world = (struct world){
        .pace = pace, .now_ns = BEGIN_NS, .level = server_capacity(pace), .level_ns = BEGIN_NS
    };
    limiter_init(&world->limiter, 0, 0, BEGIN_NS);
    client_draw(world);
    while (world->now_ns < BEGIN_NS + length_ns) {
        uint64_t next_ns = client_fill(world);
        struct flight *first = NULL;
        for (uint32_t i = 0; i < world->count; i++) {
            struct flight *flight = &world->flights[i];
            uint64_t at_ns = min_u64(flight->arrive_ns, flight->end_ns);
            if (at_ns < next_ns) {
                next_ns = at_ns;
                first = flight;
            }
        }
        world->now_ns = next_ns;
        if (first != NULL && first->arrive_ns == next_ns) {
            server_take(world, first);
        } else if (first != NULL) {
            client_take_answer(world, first);
        }
    }
}

/* What the server would have let in, at most, in that time. */
static double world_allowed(const struct pace_case *pace, uint64_t length_ns)
{
    double capacity = server_capacity(pace);

    if (pace->kind == SERVER_WINDOW) {
        return capacity * ceil((double)length_ns / window_ns(pace));
    }
    return capacity + pace->per_minute * (double)length_ns / 60e9;
}

static void check_pace(const struct pace_case *pace, double minutes)
{
    static struct world world;
    uint64_t length_ns = (uint64_t)(minutes * 60e9);

    world_run(&world, pace, length_ns);
    double share = world.delivered / world_allowed(pace, length_ns);
    double refused = (double)world.refusals / (double)(world.answers + (world.answers == 0));
    printf("%-48s delivered %6.2f %%, 429 %5.2f %% (%llu; in the first second %llu)\n", pace->name,
           100 * share, 100 * refused, (unsigned long long)world.refusals,
           (unsigned long long)world.refusals_first);
    check_case(pace->name);
    CHECK(share >= 0.97);
    CHECK(share <= 1.000001);
    CHECK(refused <= 0.005 || world.refusals <= FEW); /* half a percent of little is nothing */
}

#define WAY 50 * NS_PER_MS, 500 * NS_PER_MS
#define NEAR 20 * NS_PER_MS, 50 * NS_PER_MS

static void test_a_true_bucket_is_used_up_and_not_overdrawn(void)
{
    static const struct pace_case cases[] = {
        { "600 rpm", SERVER_BUCKET, DIALECT_OPENAI, 600, 0, 64, WAY, 0, 0, 0, false },
        { "6,000 rpm", SERVER_BUCKET, DIALECT_OPENAI, 6000, 0, 64, WAY, 0, 0, 0, false },
        { "60,000 rpm, 20-50 ms", SERVER_BUCKET, DIALECT_OPENAI, 60000, 0, 64, NEAR, 0, 0, 0,
          false },
        { "60,000 rpm, 512 in flight", SERVER_BUCKET, DIALECT_OPENAI, 60000, 0, 512, WAY, 0, 0, 0,
          false },
        { "600 rpm, Anthropic", SERVER_BUCKET, DIALECT_ANTHROPIC, 600, 0, 64, WAY, 0, 0, 0, false },
        { "6,000 rpm, Anthropic", SERVER_BUCKET, DIALECT_ANTHROPIC, 6000, 0, 64, WAY, 0, 0, 0,
          false },
        { "3 rpm", SERVER_BUCKET, DIALECT_OPENAI, 3, 0, 64, WAY, 0, 0, 0, false },
        { "60 rpm", SERVER_BUCKET, DIALECT_OPENAI, 60, 0, 64, WAY, 0, 0, 0, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_pace(&cases[i], cases[i].per_minute < 60 ? 60 : 5);
    }
}

static void test_a_bucket_that_holds_seconds_only_is_used_up_too(void)
{
    static const struct pace_case cases[] = {
        { "6,000 rpm, 10 s of it", SERVER_BUCKET, DIALECT_OPENAI, 6000, 1000, 64, WAY, 0, 0, 0,
          false },
        { "6,000 rpm, 1 s of it", SERVER_BUCKET, DIALECT_OPENAI, 6000, 100, 64, WAY, 0, 0, 0,
          false },
        { "60,000 rpm, 1 s of it, 512 in flight", SERVER_BUCKET, DIALECT_OPENAI, 60000, 1000, 512,
          WAY, 0, 0, 0, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_pace(&cases[i], 5);
    }
}

static void test_answers_that_take_long_tell_as_much(void)
{
    static const struct pace_case cases[] = {
        { "600 rpm, 30 s each", SERVER_BUCKET, DIALECT_OPENAI, 600, 0, 500, WAY, 30 * NS_PER_S, 0,
          0, false },
        { "600 rpm, 30 s each, counted at the end", SERVER_BUCKET, DIALECT_OPENAI, 600, 0, 500, WAY,
          30 * NS_PER_S, 0, 0, true },
        { "600 rpm, 90 s each", SERVER_BUCKET, DIALECT_OPENAI, 600, 0, 1000, WAY, 90 * NS_PER_S, 0,
          0, false },
        { "600 rpm, 0.5 s each, counted at the end", SERVER_BUCKET, DIALECT_OPENAI, 600, 0, 64, WAY,
          500 * NS_PER_MS, 0, 0, true },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_pace(&cases[i], 10);
    }
}

static void test_tokens_as_the_narrow_bucket_are_used_up(void)
{
    static const struct pace_case cases[] = {
        { "600,000 tpm of 1,000", SERVER_BUCKET, DIALECT_OPENAI, 600000, 0, 64, WAY, 0, 1000, 1,
          false },
        { "6,000,000 tpm of 1,000", SERVER_BUCKET, DIALECT_OPENAI, 6000000, 0, 64, WAY, 0, 1000, 1,
          false },
        { "60,000,000 tpm of 1,000, 20-50 ms", SERVER_BUCKET, DIALECT_OPENAI, 60000000, 0, 64, NEAR,
          0, 1000, 1, false },
        { "30,000 tpm of 1,000", SERVER_BUCKET, DIALECT_OPENAI, 30000, 0, 64, WAY, 0, 1000, 1,
          false },
        { "600,000 tpm, guessed too low", SERVER_BUCKET, DIALECT_OPENAI, 600000, 0, 64, WAY, 0,
          1000, 0.8, false },
        { "600,000 tpm, guessed threefold", SERVER_BUCKET, DIALECT_OPENAI, 600000, 0, 64, WAY, 0,
          1000, 3, false },
        { "600,000 tpm, Anthropic", SERVER_BUCKET, DIALECT_ANTHROPIC, 600000, 0, 64, WAY, 0, 1000,
          1, false },
        { "600,000 tpm, 20 s each", SERVER_BUCKET, DIALECT_OPENAI, 600000, 0, 300, WAY,
          20 * NS_PER_S, 1000, 1.2, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_pace(&cases[i], 5);
    }
}

static void test_a_fixed_window_is_found_out_and_used_up(void)
{
    static const struct pace_case cases[] = {
        { "600 a minute's window", SERVER_WINDOW, DIALECT_OPENAI, 600, 0, 64, WAY, 0, 0, 0, false },
        { "6,000 a minute's window", SERVER_WINDOW, DIALECT_OPENAI, 6000, 0, 64, WAY, 0, 0, 0,
          false },
        { "600 a minute's window, Anthropic", SERVER_WINDOW, DIALECT_ANTHROPIC, 600, 0, 64, WAY, 0,
          0, 0, false },
        { "60,000 a minute's window, 20-50 ms", SERVER_WINDOW, DIALECT_OPENAI, 60000, 0, 64, NEAR,
          0, 0, 0, false },
        { "600,000 tokens a minute's window", SERVER_WINDOW, DIALECT_OPENAI, 600000, 0, 64, WAY, 0,
          1000, 1, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_pace(&cases[i], 10);
    }
}

int main(void)
{
    RUN(test_a_true_bucket_is_used_up_and_not_overdrawn);
    RUN(test_a_bucket_that_holds_seconds_only_is_used_up_too);
    RUN(test_answers_that_take_long_tell_as_much);
    RUN(test_tokens_as_the_narrow_bucket_are_used_up);
    RUN(test_a_fixed_window_is_found_out_and_used_up);
    return check_done();
}
