/*
 * deadline_test: answers that come just when their time is over (R16), plain and over TLS.
 *
 * The server answers within a millisecond of the deadline, before or behind it; how long it says
 * that it takes is moved from round to round so that both are had: a busy machine adds to it.
 * Each request says who it is and its answer says it again, so that an answer that was taken for
 * another request's is seen.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <poll.h>
#include <stdlib.h>

#define IN_FLIGHT 50
#define DEADLINE_MS 20
#define LATENCY_MIN_US 2000
#define OTHERS_ROUNDS_MAX 10
#define FEW_PERCENT 5 /* of either outcome; fewer say little */

struct outcomes {
    unsigned good, late, wrong;
};

static struct live_server plain, secure; /* secure.port 0: no openssl(1) */
static struct quoit_tls *identity;

static void count_outcome(const struct quoit_event *event, struct outcomes *outcomes)
{
    const struct quoit_result *result = event->result;
    const struct quoit_span *body = &result->body;
    bool good = result->error == QUOIT_OK && result->status == 200 &&
                body->size == strlen(event->context) &&
                memcmp(body->bytes, event->context, body->size) == 0;
    bool late = result->error == QUOIT_E_TIMEOUT_TOTAL && result->attempts == 1;

    outcomes->good += good;
    outcomes->late += late;
    outcomes->wrong += !good && !late;
}

/* IN_FLIGHT at once, each with a body of its own; the server takes `latency` for each. */
static void run_round(struct quoit_engine *engine, const struct live_server *server,
                      const char *latency, uint64_t attempt_ns, struct outcomes *outcomes)
{
    static unsigned bodies_made;
    char bodies[IN_FLIGHT][24];
    const struct quoit_header header = { "X-Mock-Latency", latency };

    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        snprintf(bodies[i], sizeof(bodies[i]), "%u", bodies_made++);
        live_submit(engine, &(struct quoit_request){ .url = live_url(server, "/echo"),
                                                     .tls = identity,
                                                     .headers = &header,
                                                     .headers_count = 1,
                                                     .body = { bodies[i], strlen(bodies[i]) },
                                                     .timeouts = { .attempt_ns = attempt_ns },
                                                     .context = bodies[i],
                                                     .retries = QUOIT_NONE });
    }
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        struct quoit_event event = live_next(engine);
        count_outcome(&event, outcomes);
    }
    quoit_turn(engine, 0);
}

/* The further from half of them in time, the further it moves. */
static unsigned next_latency_us(unsigned latency_us, unsigned good)
{
    if (good >= IN_FLIGHT / 2) {
        return latency_us + (good - IN_FLIGHT / 2) * 80;
    }
    unsigned less_us = (IN_FLIGHT / 2 - good) * 80;
    return latency_us > LATENCY_MIN_US + less_us ? latency_us - less_us : LATENCY_MIN_US;
}

/*
 * Requests without a deadline, which would show what an earlier round has left lying about, until
 * none of those that were late has left a connection missing. An answer that comes while another
 * request still waits for a connection gives it its own: then the server answers later from now on.
 * Returns how many rounds it took.
 */
static unsigned run_others(struct quoit_engine *engine, const struct live_server *server,
                           unsigned *latency_ms, struct outcomes *others, unsigned late)
{
    unsigned rounds = 0;
    char latency[20];

    for (;;) {
        snprintf(latency, sizeof(latency), "%ums", *latency_ms);
        run_round(engine, server, latency, 0, others);
        rounds++;
        if (live_stats(engine).opened >= IN_FLIGHT + late || rounds == OTHERS_ROUNDS_MAX) {
            return rounds;
        }
        *latency_ms *= 2;
    }
}

/* Rounds of requests with a deadline, each over connections that are open. */
static void run_deadlines(const struct live_server *server, unsigned count)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .in_flight_max = IN_FLIGHT });
    struct outcomes timed = { 0 }, others = { 0 };
    unsigned latency_us = DEADLINE_MS * 1000;
    unsigned rounds = 0, others_ms = 5;
    char latency[60];

    live_set(server, "");
    for (unsigned done = 0; done < count; done += IN_FLIGHT) {
        unsigned good_before = timed.good;
        rounds += run_others(engine, server, &others_ms, &others, timed.late);
        snprintf(latency, sizeof(latency), "uniform:%uus:%uus", latency_us - 1000,
                 latency_us + 1000);
        run_round(engine, server, latency, DEADLINE_MS * LIVE_NS_PER_MS, &timed);
        latency_us = next_latency_us(latency_us, timed.good - good_before);
    }
    rounds += run_others(engine, server, &others_ms, &others, timed.late);

    CHECK_EQ(timed.wrong, 0);
    CHECK_EQ(timed.good + timed.late, count); /* one outcome each */
    CHECK(timed.good * 100 >= count * FEW_PERCENT);
    CHECK(timed.late * 100 >= count * FEW_PERCENT);
    CHECK_EQ(others.good, rounds * IN_FLIGHT);
    /* Each that was late has cost its connection, and no other request went over that one. */
    struct quoit_stats stats = live_stats(engine);
    CHECK_EQ(stats.resent + stats.retries, 0);
    CHECK_EQ(stats.opened, IN_FLIGHT + timed.late);
    live_await_number(server, "in_flight", 0);
    CHECK_EQ(live_number(server, "connections_opened"), stats.opened);
    CHECK_EQ(live_number(server, "requests"), count + rounds * IN_FLIGHT);
    CHECK_EQ(live_number(server, "executions_total"), count + rounds * IN_FLIGHT);
    CHECK(live_number(server, "answers") >= timed.good + others.good);
    quoit_destroy(engine);
    live_await_number(server, "connections_open", 0);
}

static void test_answers_at_the_deadline_have_one_outcome(void)
{
    run_deadlines(&plain, 5000);
}

static void test_answers_at_the_deadline_have_one_outcome_over_tls(void)
{
    if (secure.port == 0) {
        printf("skipped: no openssl(1), so nothing over TLS\n");
        return;
    }
    run_deadlines(&secure, 5000);
}

/* -------- the caller is away past the deadline -------- */

#define AWAY_IN_FLIGHT 400 /* more sockets than one epoll_wait tells of (256) */
#define AWAY_ATTEMPT_MS 800
#define AWAY_TRIES 5 /* where the machine is too busy for the server to answer in time */

static void submit_all(struct quoit_engine *engine, const struct live_server *server,
                       const char *latency, uint64_t attempt_ns)
{
    const struct quoit_header header = { "X-Mock-Latency", latency };

    for (unsigned i = 0; i < AWAY_IN_FLIGHT; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(server, "/page"),
                                                     .tls = identity,
                                                     .headers = &header,
                                                     .headers_count = 1,
                                                     .timeouts = { .attempt_ns = attempt_ns },
                                                     .retries = QUOIT_NONE });
    }
}

/* All are sent, as a rule by one turn, and then no turn comes until their time is over. */
static void run_away(const struct live_server *server)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .in_flight_max = AWAY_IN_FLIGHT });
    uint64_t attempt_ns = AWAY_ATTEMPT_MS * LIVE_NS_PER_MS;
    bool in_time = false;

    live_set(server, "");
    submit_all(engine, server, "1s", 0); /* so that each has a connection of its own */
    CHECK_EQ(live_drain(engine, AWAY_IN_FLIGHT), AWAY_IN_FLIGHT);
    for (unsigned tries = 1; tries <= AWAY_TRIES && !in_time; tries++) {
        uint64_t begin_ns = quoit_now_ns();
        submit_all(engine, server, "50ms", attempt_ns);
        while (live_number(server, "requests") < (1 + tries) * AWAY_IN_FLIGHT) {
            quoit_turn(engine, 0);
        }
        live_await_number(server, "answers", (1 + tries) * AWAY_IN_FLIGHT);
        in_time = quoit_now_ns() < begin_ns + attempt_ns;
        while (quoit_now_ns() < begin_ns + attempt_ns + 100 * LIVE_NS_PER_MS) {
            (void)poll(NULL, 0, 5);
        }
        uint32_t good = live_drain(engine, AWAY_IN_FLIGHT);
        CHECK(!in_time || good == AWAY_IN_FLIGHT);
    }
    CHECK(in_time);
    quoit_destroy(engine);
}

/* R16: the answers were there in time, only nobody has looked. */
static void test_answers_in_time_are_given_although_the_caller_was_away(void)
{
    run_away(&plain);
    if (secure.port != 0) {
        run_away(&secure);
    }
}

int main(void)
{
    plain = live_start((const char *[]){ NULL });
    if (certificates_make()) {
        secure = live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                              certificate("server.key"), NULL });
        const struct quoit_tls_options trust = { .ca_file = certificate("authority.pem") };
        CHECK_EQ(quoit_tls_create(&trust, &identity), QUOIT_OK);
    }
    RUN(test_answers_at_the_deadline_have_one_outcome);
    RUN(test_answers_at_the_deadline_have_one_outcome_over_tls);
    RUN(test_answers_in_time_are_given_although_the_caller_was_away);
    live_stop(&plain);
    live_stop(&secure);
    quoit_tls_destroy(identity);
    return check_done();
}
