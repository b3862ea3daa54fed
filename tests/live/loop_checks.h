/*
 * loop_checks: what an adapter of examples/adapters has to keep, whatever the loop.
 *
 * A test includes its adapter, defines the functions declared here for its loop, and calls
 * loop_checks_run. The loop has a timer that ticks each millisecond: it is how the tests get a word
 * in, and how they see that the loop is not held. A tick that waits for too long ends the test.
 */
#ifndef QUOIT_TESTS_LIVE_LOOP_CHECKS_H
#define QUOIT_TESTS_LIVE_LOOP_CHECKS_H

#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <stdio.h>
#include <unistd.h>

#define LOOP_GAP_MAX_NS (500 * LIVE_NS_PER_MS) /* generous: other programs want the cores too */

/* -------- of the loop's own test -------- */

/* Make a loop whose timer calls loop_on_tick. */
static void loop_begin(void);
/* Hook the engine into it. */
static void loop_hook(struct quoit_engine *engine);
static enum quoit_error loop_submit(const struct quoit_request *request, uint64_t *id_out);
/* Run until loop_stop, which is called from within. */
static void loop_run(void);
static void loop_stop(void);
static void loop_unhook(void);
/* Free the loop, whose engine is unhooked. */
static void loop_free(void);

/* -------- what happens in it -------- */

static struct loop_test {
    struct live_server server;
    struct quoit_engine *engine;
    struct quoit_request request;
    uint64_t id;   /* of the last one submitted */
    uint32_t left; /* to be submitted from on_event, one for each that ends */
    uint32_t submitted, ended;
    uint32_t good;   /* answers with 200 */
    uint32_t wanted; /* when so many have ended, the loop stops */
    bool submitting; /* inside loop_submit */
    uint64_t began_ns, ticks, tick_ns, gap_max_ns;
    void (*on_tick)(void); /* what a test does at each tick, or NULL */
    void (*on_end)(const struct quoit_event *event);
} loop_test;

static void loop_test_submit(void)
{
    loop_test.submitting = true;
    enum quoit_error error = loop_submit(&loop_test.request, &loop_test.id);
    loop_test.submitting = false;
    loop_test.submitted++;
    CHECK_EQ(error, QUOIT_OK);
}

static void loop_on_event(void *context, const struct quoit_event *event)
{
    CHECK(context == &loop_test);
    CHECK(!loop_test.submitting);
    if (event->kind != QUOIT_END) {
        return;
    }
    loop_test.ended++;
    loop_test.good += event->result->error == QUOIT_OK && event->result->status == 200;
    if (loop_test.left > 0) {
        loop_test.left--;
        loop_test_submit();
    }
    if (loop_test.ended == loop_test.wanted) {
        loop_stop();
    }
    if (loop_test.on_end != NULL) {
        loop_test.on_end(event);
    }
}

static void loop_on_tick(void)
{
    uint64_t now_ns = quoit_now_ns();
    uint64_t gap_ns = now_ns - loop_test.tick_ns;

    if (loop_test.ticks > 0 && gap_ns > loop_test.gap_max_ns) {
        loop_test.gap_max_ns = gap_ns;
    }
    loop_test.tick_ns = now_ns;
    loop_test.ticks++;
    if (now_ns - loop_test.began_ns > LIVE_WAIT_MS * LIVE_NS_PER_MS) {
        live_give_up("the end of the loop");
    }
    if (loop_test.on_tick != NULL) {
        loop_test.on_tick();
    }
}

/* -------- around a test -------- */

static void loop_test_begin(const char *doing, const char *settings, uint32_t in_flight_max)
{
    struct live_server server = loop_test.server;

    live_doing(doing);
    live_set(&server, settings);
    loop_test = (struct loop_test){
        .server = server,
        .began_ns = quoit_now_ns(),
        .engine = live_engine(&(struct quoit_options){ .in_flight_max = in_flight_max }),
        .request = { .url = live_url(&server, "/page"), .retries = QUOIT_NONE },
    };
    loop_begin();
    loop_hook(loop_test.engine);
}

static void loop_test_run(uint32_t wanted)
{
    loop_test.wanted = wanted;
    loop_run();
    CHECK_EQ(loop_test.ended, wanted);
}

static void loop_test_end(void)
{
    loop_unhook();
    quoit_destroy(loop_test.engine);
    loop_free();
}

/* -------- the promises -------- */

static void test_a_thousand_requests_and_the_timer_ticks_on(void)
{
    loop_test_begin("1,000 requests, 50 in flight", "latency uniform:1ms:8ms", 50);
    loop_test.left = 950;
    for (int i = 0; i < 50; i++) {
        loop_test_submit();
    }
    loop_test_run(1000);
    CHECK_EQ(loop_test.good, 1000);
    CHECK(loop_test.ticks > 10);
    CHECK(loop_test.gap_max_ns < LOOP_GAP_MAX_NS);
    loop_test_end();
}

/* A turn that waited would let nothing tick in all that time. */
static void test_an_answer_that_takes_its_time_holds_nobody(void)
{
    loop_test_begin("a slow answer", "latency 700ms", 8);
    loop_test_submit();
    loop_test_run(1);
    CHECK_EQ(loop_test.good, 1);
    CHECK(loop_test.ticks > 20);
    CHECK(loop_test.gap_max_ns < LOOP_GAP_MAX_NS);
    loop_test_end();
}

static void test_each_submits_the_next(void)
{
    loop_test_begin("a chain of 500", "latency 0", 8);
    loop_test.left = 499;
    loop_test_submit();
    loop_test_run(500);
    CHECK_EQ(loop_test.good, 500);
    loop_test_end();
}

static void tick_submits_when_all_is_quiet(void)
{
    if (loop_test.ended == loop_test.submitted && loop_test.ended < loop_test.wanted) {
        loop_test_submit();
        loop_test_submit();
    }
}

/* Were its turn forgotten, nothing else would bring one. */
static void test_a_submit_of_elsewhere_has_its_turn(void)
{
    loop_test_begin("submits by the timer", "latency 0", 8);
    loop_test.on_tick = tick_submits_when_all_is_quiet;
    loop_test_run(40);
    CHECK_EQ(loop_test.good, 40);
    loop_test_end();
}

static void tick_stays_away_once(void)
{
    if (loop_test.ticks == 3) {
        uint64_t end_ns = quoit_now_ns() + 150 * LIVE_NS_PER_MS;
        while (quoit_now_ns() < end_ns) {
        }
    }
}

/* 300 answers are there when the loop comes back: more than one turn hands out. */
static void test_what_is_too_much_for_a_turn_comes_with_the_next(void)
{
    loop_test_begin("300 answers at once", "latency 60ms", 300);
    loop_test.on_tick = tick_stays_away_once;
    for (int i = 0; i < 300; i++) {
        loop_test_submit();
    }
    loop_test_run(300);
    CHECK_EQ(loop_test.good, 300);
    loop_test_end();
}

static void send_it_again(const struct quoit_event *event)
{
    if (loop_test.ended < 3) {
        CHECK_EQ(quoit_again(loop_test.engine, event->id, QUOIT_E_INCOMPLETE, 20 * LIVE_NS_PER_MS),
                 QUOIT_OK);
    }
}

static void test_what_is_sent_again_from_on_event_ends_again(void)
{
    loop_test_begin("quoit_again from on_event", "latency 0", 8);
    loop_test.request.retries = 5;
    loop_test.on_end = send_it_again;
    loop_test_submit();
    loop_test_run(3);
    CHECK_EQ(loop_test.good, 3);
    loop_test_end();
}

static void cancel_the_others(const struct quoit_event *event)
{
    (void)event;
    quoit_cancel_all(loop_test.engine);
}

static void test_what_is_cancelled_from_on_event_ends(void)
{
    static const struct quoit_header never = { "X-Mock-Fault", "stall-before" };

    loop_test_begin("quoit_cancel from on_event", "latency 20ms", 50);
    loop_test.on_end = cancel_the_others;
    loop_test_submit();
    loop_test.request.headers = &never;
    loop_test.request.headers_count = 1;
    for (int i = 0; i < 20; i++) {
        loop_test_submit();
    }
    loop_test_run(21);
    CHECK_EQ(loop_test.good, 1);
    loop_test_end();
}

static void end_it_all(const struct quoit_event *event)
{
    (void)event;
    loop_test.on_end = NULL;
    loop_unhook();
    quoit_destroy(loop_test.engine);
    loop_test.wanted = loop_test.ended + 1; /* which must not come */
    loop_test.ticks = 1;
}

static void stop_after_the_end(void)
{
    if (loop_test.on_end == NULL && loop_test.ticks > 30) {
        loop_stop();
    }
}

static void test_an_end_from_on_event_is_the_end(void)
{
    unsigned descriptors = live_descriptors();

    loop_test_begin("an end from on_event", "latency 5ms", 50);
    loop_test.on_end = end_it_all;
    loop_test.on_tick = stop_after_the_end;
    for (int i = 0; i < 50; i++) {
        loop_test_submit();
    }
    loop_run();
    CHECK_EQ(loop_test.ended, 1);
    CHECK(loop_test.ticks > 30);
    loop_free();
    live_await_descriptors(descriptors);
}

static void stop_the_server(void)
{
    if (loop_test.ended >= 100 && loop_test.server.pid != 0) {
        live_stop(&loop_test.server);
        loop_test.server.pid = 0;
    }
}

static void test_a_server_that_goes_is_told_for_each_request(void)
{
    static const char *const options[] = { "--latency", "uniform:1ms:8ms", NULL };
    struct live_server server = loop_test.server;

    loop_test.server = live_start(options);
    loop_test_begin("a server that goes", "", 50);
    loop_test.on_tick = stop_the_server;
    loop_test.left = 950;
    for (int i = 0; i < 50; i++) {
        loop_test_submit();
    }
    loop_test_run(1000);
    CHECK_EQ(loop_test.server.pid, 0);
    CHECK(loop_test.good >= 100);
    CHECK(loop_test.good < 1000);
    CHECK(loop_test.gap_max_ns < LOOP_GAP_MAX_NS);
    loop_test_end();
    loop_test.server = server;
}

/* Its fd has told the first turn long ago, and of what was submitted meanwhile it says nothing. */
static void test_an_engine_that_comes_again_has_its_turn(void)
{
    loop_test_begin("an engine that comes again", "latency 5ms", 8);
    loop_test_submit();
    loop_test_run(1);
    loop_unhook();
    live_submit(loop_test.engine, &loop_test.request);
    loop_hook(loop_test.engine);
    loop_test_run(2);
    CHECK_EQ(loop_test.good, 2);
    loop_test_end();
}

static uint64_t entries_before;

static void watch_it_idle(void)
{
    if (loop_test.ticks == 20) {
        entries_before = live_stats(loop_test.engine).entries;
    } else if (loop_test.ticks == 120) {
        loop_stop();
    }
}

static void test_an_idle_engine_has_no_turns(void)
{
    loop_test_begin("an idle engine", "latency 0", 8);
    loop_test_submit();
    loop_test_run(1);
    loop_test.ticks = 0;
    loop_test.on_tick = watch_it_idle;
    loop_run();
    CHECK(live_stats(loop_test.engine).entries - entries_before < 10);
    loop_test_end();
}

static void loop_checks_run(void)
{
    static const char *const options[] = { NULL };

    alarm(100); /* a loop that is held for ever ends nothing by itself */
    loop_test.server = live_start(options);
    RUN(test_a_thousand_requests_and_the_timer_ticks_on);
    RUN(test_an_answer_that_takes_its_time_holds_nobody);
    RUN(test_each_submits_the_next);
    RUN(test_a_submit_of_elsewhere_has_its_turn);
    RUN(test_what_is_too_much_for_a_turn_comes_with_the_next);
    RUN(test_what_is_sent_again_from_on_event_ends_again);
    RUN(test_what_is_cancelled_from_on_event_ends);
    RUN(test_an_end_from_on_event_is_the_end);
    RUN(test_a_server_that_goes_is_told_for_each_request);
    RUN(test_an_engine_that_comes_again_has_its_turn);
    RUN(test_an_idle_engine_has_no_turns);
    live_stop(&loop_test.server);
}

#endif
