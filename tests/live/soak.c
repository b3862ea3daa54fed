/*
 * soak: the engine for as long as you like against all that quoit-mock can do wrong, half of it
 * over TLS: `make soak SOAK_S=600`. No part of `make test`.
 *
 *     soak [SECONDS [SEED]]      60 seconds, seed 1
 *
 * 200 are in flight all the time: whole answers and streams, some to servers that accept nobody,
 * say nothing or never read, some cancelled midway. Each request has exactly one END, with what its
 * fault allows and no other outcome; an answer is compared byte by byte with what was asked for. At
 * the end the servers' ledgers and the results must agree, and memory and descriptors be what they
 * were after the first minute (of a shorter run: half of it).
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <malloc.h>
#include <stdlib.h>

#define IN_FLIGHT 200
#define ASKS (2 * IN_FLIGHT)
#define BODY_MAX (32 * 1024)
#define MEMORY_SLACK ((size_t)8 << 20)
#define MS(number) ((number)*LIVE_NS_PER_MS)
#define ONE(error) (UINT64_C(1) << (error))

/* Ends that are due. A status is one that the fault makes; 200 needs the body that was asked for.
 */
static const uint64_t answered = ONE(QUOIT_OK);
static const uint64_t lost = ONE(QUOIT_E_RESET);
static const uint64_t torn = ONE(QUOIT_E_INCOMPLETE) | ONE(QUOIT_E_RESET);
static const uint64_t late = ONE(QUOIT_E_TIMEOUT_TOTAL);
/* An RST may throw away what had been received. */
static const uint64_t answered_or_torn =
    ONE(QUOIT_OK) | ONE(QUOIT_E_INCOMPLETE) | ONE(QUOIT_E_RESET);

struct soak_fault {
    const char *name;
    const uint64_t *ends;
    uint32_t status;
    bool stalls; /* its end is that of its time */
};

/*
 * All but late-response, and half-record where there is no TLS: what nobody asked for, and crosses
 * with the next request on the wire, looks like the answer to that one, and no client can know.
 */
static const struct soak_fault faults[] = {
    { "none", &answered, 200, false },
    { "cut", &answered, 200, false },
    { "chunked", &answered, 200, false },
    { "chunked,cut", &answered, 200, false },
    { "informational:3", &answered, 200, false },
    { "close-delimited", &answered, 200, false },
    { "http10", &answered, 200, false },
    { "close-after", &answered, 200, false },
    { "key-update", &answered, 200, false },
    { "second-response", &answered, 200, false },
    { "no-close-notify", &answered, 200, false },
    { "reset-after", &answered_or_torn, 200, false },
    { "early:413", &answered_or_torn, 413, false },
    { "early-reset:413", &answered_or_torn, 413, false },
    { "reset", &lost, 0, false },
    { "close-before", &lost, 0, false },
    { "close-mid-head", &torn, 0, false },
    { "close-mid-body", &torn, 0, false },
    { "reset-mid-body", &torn, 0, false },
    { "chunked,close-mid-body", &torn, 0, false },
    { "garbage", &(const uint64_t){ ONE(QUOIT_E_PROTOCOL) | ONE(QUOIT_E_INCOMPLETE) }, 0, false },
    { "stall-before", &late, 0, true },
    { "stall-head", &late, 0, true },
    { "stall-mid-body:1", &late, 0, true },
    { "drip:5ms:1", &late, 0, true },
};

static const struct soak_fault half_record = { "half-record", &answered, 200, false };

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

enum soak_server { PLAIN, SECURE, NO_ACCEPT, SILENT, DEAF, SERVERS };

/* One request under way. */
struct ask {
    uint64_t id; /* 0: none */
    const struct soak_fault *fault;
    enum soak_server server;
    struct quoit_span body;
    bool cancelled, streamed;
    size_t received;
};

static struct live_server servers[SERVERS];
static struct quoit_tls *identity;
static struct quoit_engine *engine;
static struct ask asks[ASKS];
static char pattern[2 * BODY_MAX];
static uint64_t chance_state;

static struct soak_counts {
    uint64_t submitted, ended, good, failed, cancelled, outage, strange;
    uint64_t attempts[SERVERS], answers[SERVERS], others[SERVERS];
    uint64_t by_fault[FAULTS + 1], by_error[64];
} counts;

/* splitmix64 */
static uint64_t below(uint64_t bound)
{
    uint64_t z = (chance_state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

/* -------- asking -------- */

static enum soak_server choose_server(void)
{
    if (below(100) == 0) {
        return (enum soak_server)(NO_ACCEPT + below(SERVERS - NO_ACCEPT));
    }
    return below(2) == 0 ? PLAIN : SECURE;
}

static void submit(struct ask *ask)
{
    uint64_t fault = below(3) == 0 ? 0 : below(FAULTS);

    *ask = (struct ask){ .fault = &faults[fault], .server = choose_server() };
    if (ask->server == SECURE && below(FAULTS) == 0) {
        ask->fault = &half_record;
    }
    /* Of one byte, the half that quoit-mock sends would be all of it. */
    ask->body =
        (struct quoit_span){ pattern + below(BODY_MAX), 2 + below(below(BODY_MAX - 1) + 1) };
    ask->streamed = below(4) == 0;
    counts.by_fault[ask->fault == &half_record ? FAULTS : fault]++;
    counts.submitted++;
    const struct quoit_header header = { "X-Mock-Fault", ask->fault->name };
    const struct quoit_request request = {
        .url = live_url(&servers[ask->server], "/echo"),
        .tls = identity,
        .headers = &header,
        .headers_count = 1,
        .body = ask->body,
        .context = ask,
        .stream = ask->streamed ? QUOIT_PIECES : QUOIT_WHOLE,
        .timeouts = { .attempt_ns =
                          ask->fault->stalls || ask->server >= NO_ACCEPT ? MS(300) : MS(20000) },
        .retries = QUOIT_NONE,
        .replay = QUOIT_REPLAY_YES, /* some servers here end kept connections unannounced */
    };
    ask->id = live_submit(engine, &request);
}

/* -------- looking at what came -------- */

static void strange(const struct ask *ask, const struct quoit_result *result, const char *what)
{
    if (counts.strange++ < 20) {
        printf("%s: server %d, fault %s, stream %d, body %zu: %s, status %u, attempts %u (%s)\n",
               what, (int)ask->server, ask->fault->name, ask->streamed, ask->body.size,
               quoit_error_name(result->error), result->status, result->attempts, result->detail);
    }
}

static bool is_due(const struct ask *ask, const struct quoit_result *result)
{
    if (ask->cancelled && result->error == QUOIT_E_CANCELLED) {
        return true;
    }
    if (result->outage) {
        return true; /* its server was thought to be down: it is one that is, or chance made it so
                      */
    }
    if (ask->server >= NO_ACCEPT) {
        return result->error == QUOIT_E_TIMEOUT_TOTAL; /* none of them answers */
    }
    bool ends_due = (*ask->fault->ends & ONE(result->error)) != 0;
    return ends_due && (result->error != QUOIT_OK || result->status == ask->fault->status);
}

static void take_piece(struct ask *ask, const struct quoit_event *event)
{
    if (event->bytes.size > ask->body.size - ask->received ||
        memcmp(event->bytes.bytes, ask->body.bytes + ask->received, event->bytes.size) != 0) {
        counts.strange++;
        printf("a piece of other bytes: fault %s\n", ask->fault->name);
        return;
    }
    ask->received += event->bytes.size;
}

static void take_end(struct ask *ask, const struct quoit_result *result)
{
    counts.ended++;
    counts.by_error[result->error]++;
    counts.attempts[ask->server] += result->attempts;
    counts.outage += result->outage;
    if (!is_due(ask, result)) {
        strange(ask, result, "not due");
    }
    if (result->error == QUOIT_OK) {
        counts.good++;
        counts.answers[ask->server]++;
        size_t size = ask->streamed ? ask->received : result->body.size;
        if (result->status == 200 &&
            (size != ask->body.size ||
             (!ask->streamed && memcmp(result->body.bytes, ask->body.bytes, size) != 0))) {
            strange(ask, result, "another body");
        }
    } else {
        counts.others[ask->server]++;
        counts.cancelled += result->error == QUOIT_E_CANCELLED;
        counts.failed += result->error != QUOIT_E_CANCELLED;
    }
    ask->id = 0;
}

static void take_events(void)
{
    struct quoit_event event;

    while (quoit_next(engine, &event, 1) == 1) {
        struct ask *ask = event.context;
        if (ask->id != event.id) {
            counts.strange++;
            printf("an event after its END, or of nobody\n");
            continue;
        }
        if (event.kind == QUOIT_PIECE) {
            take_piece(ask, &event);
        } else if (event.kind == QUOIT_END) {
            take_end(ask, event.result);
        }
    }
}

/* -------- the run -------- */

static void run_until(uint64_t end_ns)
{
    while (quoit_now_ns() < end_ns) {
        for (size_t i = 0; i < ASKS; i++) {
            if (asks[i].id == 0) {
                submit(&asks[i]);
            }
        }
        if (below(4) == 0) {
            struct ask *ask = &asks[below(ASKS)];
            ask->cancelled = true;
            CHECK_EQ(quoit_cancel(engine, ask->id), QUOIT_OK);
        }
        quoit_turn(engine, MS(50));
        take_events();
    }
}

/* What is resident grows by the holes between what is in use; a leak shows in the second figure. */
static size_t run_for(uint64_t seconds)
{
    uint64_t end_ns = quoit_now_ns() + seconds * LIVE_NS_PER_S;
    size_t memory = 0;

    for (uint64_t now_ns; (now_ns = quoit_now_ns()) < end_ns;) {
        uint64_t minute_ns = now_ns + 60 * LIVE_NS_PER_S;
        run_until(minute_ns < end_ns ? minute_ns : end_ns);
        struct mallinfo2 heap = mallinfo2();
        memory = live_memory();
        printf("%9llu requests: %zu KiB resident, %zu KiB of the heap in use\n",
               (unsigned long long)counts.submitted, memory / 1024,
               (heap.uordblks + heap.hblkhd) / 1024);
        fflush(stdout);
    }
    return memory;
}

static void drain(void)
{
    while (counts.ended < counts.submitted) {
        quoit_turn(engine, MS(100));
        take_events();
    }
    quoit_turn(engine, 0);
    struct quoit_stats stats = live_stats(engine);
    CHECK_EQ(stats.queued + stats.waiting + stats.in_flight + stats.done, 0);
    CHECK_EQ(stats.submitted, counts.submitted);
    CHECK_EQ(stats.succeeded, counts.good);
    CHECK_EQ(stats.cancelled, counts.cancelled);
    CHECK_EQ(stats.failed, counts.failed);
    CHECK_EQ(stats.retries, 0);
    printf("opened %llu, reused %llu, resent %llu, outages %llu\n",
           (unsigned long long)stats.opened, (unsigned long long)stats.reused,
           (unsigned long long)stats.resent, (unsigned long long)stats.outages);
}

/* A server cannot have heard of more than was sent, nor of less than what was answered. */
static void check_ledger(enum soak_server which)
{
    const struct live_server *server = &servers[which];

    live_await_number(server, "in_flight", 0);
    uint64_t requests = live_number(server, "requests");
    uint64_t told = live_number(server, "answers") + live_number(server, "cut") +
                    live_number(server, "aborted");
    CHECK_EQ(requests, told);
    CHECK(requests <= counts.attempts[which]);
    CHECK(counts.attempts[which] - requests <= counts.others[which] + live_stats(engine).resent);
    CHECK(live_number(server, "answers") >= counts.answers[which]);
    CHECK_EQ(live_number(server, "refused"), 0);
    printf("%s: %llu attempts, %llu requests at the server; %llu answers, %llu for us\n",
           which == PLAIN ? "plain" : "TLS", (unsigned long long)counts.attempts[which],
           (unsigned long long)requests, (unsigned long long)live_number(server, "answers"),
           (unsigned long long)counts.answers[which]);
}

static void print_summary(uint64_t seconds, uint64_t seed)
{
    printf("%llu s, seed %llu: %llu requests, %llu answered, %llu failed, %llu cancelled, "
           "%llu of them while a server was thought to be down\n",
           (unsigned long long)seconds, (unsigned long long)seed,
           (unsigned long long)counts.submitted, (unsigned long long)counts.good,
           (unsigned long long)counts.failed, (unsigned long long)counts.cancelled,
           (unsigned long long)counts.outage);
    for (size_t i = 0; i < FAULTS; i++) {
        printf("  %10llu  %s\n", (unsigned long long)counts.by_fault[i], faults[i].name);
    }
    printf("  %10llu  %s\n", (unsigned long long)counts.by_fault[FAULTS], half_record.name);
    for (size_t i = 0; i < 64; i++) {
        if (counts.by_error[i] > 0) {
            printf("  %10llu  %s\n", (unsigned long long)counts.by_error[i],
                   quoit_error_name((enum quoit_error)i));
        }
    }
}

static void start_servers(void)
{
    servers[PLAIN] = live_start((const char *[]){ "--no-bodies", NULL });
    servers[SECURE] =
        live_start((const char *[]){ "--no-bodies", "--tls-cert", certificate("server.pem"),
                                     "--tls-key", certificate("server.key"), NULL });
    servers[NO_ACCEPT] = live_start((const char *[]){ "--mode", "no-accept", NULL });
    servers[SILENT] = live_start((const char *[]){ "--mode", "silent", NULL });
    servers[DEAF] = live_start((const char *[]){ "--mode", "deaf", NULL });
    const struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };
    CHECK_EQ(quoit_tls_create(&trust, &identity), QUOIT_OK);
}

int main(int argc, char **argv)
{
    uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 60;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    uint64_t settled_s = seconds >= 120 ? 60 : seconds / 2;

    chance_state = seed;
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (char)(' ' + below(95));
    }
    if (!certificates_make()) {
        printf("skipped: no openssl(1)\n");
        return 77;
    }
    start_servers();
    unsigned descriptors = live_descriptors();
    engine = live_engine(
        &(struct quoit_options){ .requests_max = 2 * ASKS, .in_flight_max = IN_FLIGHT });
    size_t settled = run_for(settled_s);
    size_t at_end = run_for(seconds - settled_s);
    unsigned descriptors_at_end = live_descriptors();
    drain();

    print_summary(seconds, seed);
    check_ledger(PLAIN);
    check_ledger(SECURE);
    quoit_destroy(engine);
    CHECK_EQ(live_descriptors(), descriptors);
    CHECK(descriptors_at_end <= descriptors + IN_FLIGHT + 64 + 8); /* and the ring's own */
    CHECK(at_end <= settled + MEMORY_SLACK);
    CHECK_EQ(counts.strange, 0);
    printf("memory %zu KiB after %llu s, %zu KiB at the end; descriptors %u, %u under load, %u\n",
           settled / 1024, (unsigned long long)settled_s, at_end / 1024, descriptors,
           descriptors_at_end, live_descriptors());
    for (size_t i = 0; i < SERVERS; i++) {
        live_await_number(&servers[i], "in_flight", 0);
        live_stop(&servers[i]);
    }
    quoit_tls_destroy(identity);
    check_tests_passed = check_failures == 0;
    check_tests_failed = check_failures != 0;
    return check_done();
}
