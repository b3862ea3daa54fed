/*
 * timeline: whatever is looked at and when, the points together hold the whole run, without gaps.
 */
#include "bench/draw.h"
#include "bench/timeline.h"
#include "tests/unit/check.h"

#define INTERVAL_NS UINT64_C(100000000)
#define BEGIN_NS UINT64_C(5000000000)

static struct timeline timeline;
static struct pulse_sum now; /* what the pulses say */

static void begin(void)
{
    memset(&timeline, 0, sizeof(timeline));
    memset(&now, 0, sizeof(now));
    now.sent = 17; /* a warm-up was there before */
    now.ok = 11;
    timeline_begin(&timeline, INTERVAL_NS, BEGIN_NS, BEGIN_NS, &now);
}

/* So much more has happened, the last of it so late. */
static void pass(uint64_t count)
{
    now.sent += count + 1;
    now.ok += count;
    now.failed += 1;
    now.tokens_out += 3 * count;
    now.in_flight = count;
    now.counts[PULSE_LATENCY] += count;
    now.sums_ns[PULSE_LATENCY] += 100 * count;
    now.buckets[PULSE_LATENCY][100] += (uint32_t)count;
}

/* The points follow each other without a gap, up to the last look, and their sums are all. */
static void check_whole(uint64_t sent, uint64_t ok, uint64_t last_ns)
{
    static struct pulse_sum sum;
    uint64_t at_ns = 0;

    memset(&sum, 0, sizeof(sum));
    for (size_t i = 0; i < timeline.count; i++) {
        const struct timeline_point *point = timeline.points[i];
        CHECK_EQ(point->begin_ns, at_ns);
        CHECK(point->end_ns > point->begin_ns);
        at_ns = point->end_ns;
        pulse_join(&sum, &point->sum);
    }
    CHECK_EQ(at_ns, last_ns - BEGIN_NS);
    CHECK_EQ(sum.sent, sent);
    CHECK_EQ(sum.ok, ok);
    CHECK_EQ(sum.tokens_out, now.tokens_out);
    CHECK_EQ(sum.in_flight, now.in_flight);
    CHECK_EQ(sum.sums_ns[PULSE_LATENCY], now.sums_ns[PULSE_LATENCY]);
    CHECK_EQ(sum.counts[PULSE_LATENCY], ok);
    CHECK_EQ(sum.buckets[PULSE_LATENCY][100], ok);
}

static void test_a_point_holds_what_happened_in_its_time_alone(void)
{
    begin();
    CHECK_EQ(timeline_due_ns(&timeline), BEGIN_NS + INTERVAL_NS);
    pass(5);
    timeline_take(&timeline, timeline_due_ns(&timeline), &now);
    pass(7);
    timeline_take(&timeline, timeline_due_ns(&timeline), &now);
    CHECK_EQ(timeline.count, 2);
    CHECK_EQ(timeline.points[0]->sum.ok, 5);
    CHECK_EQ(timeline.points[1]->sum.ok, 7);
    CHECK_EQ(timeline.points[1]->sum.failed, 1);
    CHECK_EQ(timeline.points[1]->sum.in_flight, 7);
    CHECK_EQ(timeline.points[1]->begin_ns, INTERVAL_NS);
    CHECK_EQ(timeline.points[1]->end_ns, 2 * INTERVAL_NS);
    timeline_free(&timeline);
    CHECK_EQ(timeline.count, 0);
}

static void test_who_looks_late_has_a_longer_point_and_the_next_is_on_time_again(void)
{
    begin();
    pass(3);
    timeline_take(&timeline, BEGIN_NS + 37 * INTERVAL_NS / 10, &now);
    CHECK_EQ(timeline_due_ns(&timeline), BEGIN_NS + 4 * INTERVAL_NS);
    pass(1);
    timeline_take(&timeline, timeline_due_ns(&timeline), &now);
    CHECK_EQ(timeline_due_ns(&timeline), BEGIN_NS + 5 * INTERVAL_NS);
    CHECK_EQ(timeline.count, 2);
    check_whole(6, 4, BEGIN_NS + 4 * INTERVAL_NS);
    timeline_free(&timeline);
}

static void test_a_beginning_that_is_seen_late_is_no_negative_time(void)
{
    begin();
    timeline_begin(&timeline, INTERVAL_NS, BEGIN_NS, BEGIN_NS + 3, &now);
    CHECK_EQ(timeline_due_ns(&timeline), BEGIN_NS + INTERVAL_NS);
    timeline_take(&timeline, BEGIN_NS + INTERVAL_NS, &now);
    CHECK_EQ(timeline.points[0]->begin_ns, 3);
    timeline_free(&timeline);
}

static void test_two_looks_at_one_moment_are_one(void)
{
    begin();
    pass(3);
    timeline_take(&timeline, BEGIN_NS + 9, &now);
    pass(4);
    timeline_take(&timeline, BEGIN_NS + 9, &now);
    timeline_take(&timeline, BEGIN_NS + 8, &now);
    CHECK_EQ(timeline.count, 1);
    timeline_take(&timeline, BEGIN_NS + 10, &now);
    check_whole(9, 7, BEGIN_NS + 10); /* nothing is lost by it */
    timeline_free(&timeline);
}

static void test_intervals_double_and_nothing_is_lost(void)
{
    uint64_t sent = 0, ok = 0;

    begin();
    for (uint64_t i = 1; i <= 3000; i++) {
        uint64_t due_ns = timeline_due_ns(&timeline);
        pass(i);
        sent += i + 1;
        ok += i;
        timeline_take(&timeline, due_ns, &now);
        CHECK(timeline.count <= TIMELINE_POINTS_MAX);
        if (i == TIMELINE_POINTS_MAX) {
            CHECK_EQ(timeline.count, TIMELINE_POINTS_MAX);
            CHECK_EQ(timeline.interval_ns, INTERVAL_NS);
        }
        if (i == TIMELINE_POINTS_MAX + 1) {
            CHECK_EQ(timeline.count, TIMELINE_POINTS_MAX / 2 + 1);
            CHECK_EQ(timeline.interval_ns, 2 * INTERVAL_NS);
            CHECK_EQ(timeline.points[0]->end_ns, 2 * INTERVAL_NS);
            CHECK_EQ(timeline.points[0]->sum.ok, 3);
            CHECK_EQ(timeline.points[0]->sum.in_flight, 2);
        }
    }
    CHECK(timeline.interval_ns > 1000 * INTERVAL_NS);
    CHECK(timeline.count >= TIMELINE_POINTS_MAX / 2);
    check_whole(sent, ok, timeline.last_ns);
    timeline_free(&timeline);
}

static void test_looks_at_any_moments_leave_no_gap(void)
{
    struct draw draw = { 5 };
    uint64_t sent = 0, ok = 0;
    uint64_t now_ns = BEGIN_NS;

    begin();
    for (int i = 0; i < 2000; i++) {
        uint64_t count = draw_bits(&draw) % 100;
        now_ns += 1 + draw_bits(&draw) % (3 * INTERVAL_NS);
        pass(count);
        sent += count + 1;
        ok += count;
        timeline_take(&timeline, now_ns, &now);
        CHECK(timeline_due_ns(&timeline) > now_ns);
        CHECK(timeline_due_ns(&timeline) <= now_ns + timeline.interval_ns);
        CHECK_EQ((timeline_due_ns(&timeline) - BEGIN_NS) % timeline.interval_ns, 0);
    }
    check_whole(sent, ok, now_ns);
    timeline_free(&timeline);
}

int main(void)
{
    RUN(test_a_point_holds_what_happened_in_its_time_alone);
    RUN(test_who_looks_late_has_a_longer_point_and_the_next_is_on_time_again);
    RUN(test_a_beginning_that_is_seen_late_is_no_negative_time);
    RUN(test_two_looks_at_one_moment_are_one);
    RUN(test_intervals_double_and_nothing_is_lost);
    RUN(test_looks_at_any_moments_leave_no_gap);
    return check_done();
}
