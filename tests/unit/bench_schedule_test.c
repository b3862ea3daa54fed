/*
 * schedule: exact times, ramps by their integral, the statistics of drawn arrivals, and the same
 * times whoever asks. How single draws are distributed is in bench_draw_test.c.
 */
#include "bench/schedule.h"
#include "tests/unit/check.h"

#include <math.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static struct schedule_plan plan_of(enum schedule_arrival arrival, double rate)
{
    return (struct schedule_plan){
        .arrival = arrival,
        .shape = 0.5,
        .rate_from = rate,
        .rate_to = rate,
        .seed = 1,
    };
}

static struct schedule_plan plan_ramp(double from, double to, uint64_t ramp_ns)
{
    struct schedule_plan plan = plan_of(SCHEDULE_CONSTANT, 0);

    plan.rate_from = from;
    plan.rate_to = to;
    plan.ramp_ns = ramp_ns;
    return plan;
}

/* When request `index` is due. */
static uint64_t due_ns(const struct schedule_plan *plan, uint32_t index)
{
    struct schedule schedule;

    schedule_init(&schedule, plan, index + 1, index);
    return schedule_next(&schedule);
}

static void test_constant_requests_are_exact_up_to_the_billionth(void)
{
    static const uint64_t rates[] = { 1, 3, 7, 1000, 20000, 999983, 1000000, 1000000000 };
    static const uint32_t indexes[] = { 0,         1,          2,         6,         1000,
                                        999999937, 1000000000, 999999999, 4294967290 };

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct schedule_plan plan = plan_of(SCHEDULE_CONSTANT, (double)rates[i]);
        for (size_t j = 0; j < sizeof(indexes) / sizeof(indexes[0]); j++) {
            uint64_t twice = UINT64_C(2) * indexes[j] * SECOND;
            uint64_t wanted = (twice / rates[i] + 1) / 2;
            uint64_t got = due_ns(&plan, indexes[j]);
            if (wanted < UINT64_C(1) << 53) { /* 104 days */
                CHECK_EQ(got, wanted);
            } else {
                CHECK(llabs((long long)(got - wanted)) <= 512);
            }
        }
    }
}

static void test_a_rate_may_be_a_fraction(void)
{
    struct schedule_plan slow = plan_of(SCHEDULE_CONSTANT, 0.001);
    struct schedule_plan odd = plan_of(SCHEDULE_CONSTANT, 2.5);

    CHECK_EQ(due_ns(&slow, 0), 0);
    CHECK_EQ(due_ns(&slow, 1), 1000 * SECOND);
    CHECK_EQ(due_ns(&slow, 9000000), 9000000000 * SECOND);
    CHECK(due_ns(&slow, 10000000) == SCHEDULE_NONE); /* in 317 years */
    CHECK_EQ(due_ns(&odd, 1), 400000000);
    CHECK_EQ(due_ns(&odd, 1000000001), 400000000400000000);
}

/* The integral of the plan's rate. */
static double requests_by(const struct schedule_plan *plan, double seconds)
{
    double ramp = (double)plan->ramp_ns / 1e9;
    double part = fmin(seconds, ramp);
    double requests = plan->rate_from * part;

    if (ramp > 0) {
        requests += (plan->rate_to - plan->rate_from) * part * part / (2 * ramp);
    }
    return requests + (seconds - part) * plan->rate_to;
}

static void test_a_ramp_sends_what_its_integral_says(void)
{
    static const struct {
        const char *name;
        double from, to;
        uint64_t ramp_ns;
    } rows[] = {
        { "up", 10, 1000, 10 * SECOND },
        { "from 0", 0, 1000, 10 * SECOND },
        { "down", 1000, 10, 10 * SECOND },
        { "to 0", 1000, 0, 10 * SECOND },
        { "flat", 500, 500, 10 * SECOND },
        { "long and slow", 0, 0.5, 36000 * SECOND },
        { "nearly flat", 1000, 1000.000001, 10 * SECOND },
        { "short and steep", 0, 1e6, SECOND / 100 },
        { "of one nanosecond", 0, 1000, 1 },
    };

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct schedule_plan plan = plan_ramp(rows[row].from, rows[row].to, rows[row].ramp_ns);
        double fastest = fmax(rows[row].from, rows[row].to);
        struct schedule schedule;
        uint64_t before = 0;
        schedule_init(&schedule, &plan, 1, 0);
        check_case(rows[row].name);
        for (uint64_t i = 0; i < 10000; i++) {
            uint64_t now = schedule_next(&schedule);
            if (now == SCHEDULE_NONE) {
                CHECK_EQ(i, rows[row].to > 0 ? 10000 : 5001);
                break;
            }
            CHECK(now >= before);
            /* What one nanosecond holds, and the rounding of the integral here. */
            CHECK(fabs(requests_by(&plan, (double)now / 1e9) - (double)i) < fastest * 1e-9 + 1e-9);
            before = now;
        }
    }
}

static void test_a_ramp_up_is_due_when_a_square_says(void)
{
    struct schedule_plan plan = plan_ramp(0, 100, 10 * SECOND); /* 5 t^2, then 100 t */

    CHECK_EQ(due_ns(&plan, 0), 0);
    CHECK_EQ(due_ns(&plan, 5), SECOND);
    CHECK_EQ(due_ns(&plan, 20), 2 * SECOND);
    CHECK_EQ(due_ns(&plan, 500), 10 * SECOND);
    CHECK_EQ(due_ns(&plan, 600), 11 * SECOND);
    CHECK_EQ(due_ns(&plan, 1000000500), 10000010 * SECOND);
}

static void test_a_ramp_down_to_0_ends(void)
{
    struct schedule_plan plan = plan_ramp(100, 0, 10 * SECOND); /* 100 t - 5 t^2 */
    struct schedule schedule;

    CHECK_EQ(due_ns(&plan, 0), 0);
    CHECK_EQ(due_ns(&plan, 95), SECOND);
    CHECK_EQ(due_ns(&plan, 500), 10 * SECOND);
    CHECK(due_ns(&plan, 501) == SCHEDULE_NONE);
    plan.arrival = SCHEDULE_POISSON;
    schedule_init(&schedule, &plan, 1, 0);
    int count = 0;
    for (uint64_t now; (now = schedule_next(&schedule)) != SCHEDULE_NONE; count++) {
        CHECK(now <= 10 * SECOND);
    }
    CHECK(abs(count - 500) < 5 * 23); /* five deviations */
    CHECK(schedule_next(&schedule) == SCHEDULE_NONE);
}

/* By another program, from the published algorithms, at 1,000 a second. */
static void test_a_seed_gives_these_times_everywhere(void)
{
    static const struct {
        const char *name;
        enum schedule_arrival arrival;
        double shape;
        int64_t times[5];
    } rows[] = {
        { "poisson", SCHEDULE_POISSON, 1, { 836006, 2205568, 5746122, 6333755, 6921219 } },
        { "gamma:0.5", SCHEDULE_GAMMA, 0.5, { 697772, 1272806, 1716680, 2195070, 2246026 } },
        { "gamma:4", SCHEDULE_GAMMA, 4, { 900360, 1410859, 1659268, 2038326, 2528438 } },
    };

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct schedule_plan plan = plan_of(rows[row].arrival, 1000);
        struct schedule schedule;
        plan.shape = rows[row].shape;
        schedule_init(&schedule, &plan, 1, 0);
        check_case(rows[row].name);
        for (int i = 0; i < 5; i++) {
            CHECK(llabs((int64_t)schedule_next(&schedule) - rows[row].times[i]) <= 1);
        }
    }
}

static void test_another_seed_gives_other_times(void)
{
    struct schedule_plan plan = plan_of(SCHEDULE_POISSON, 1000);
    uint64_t first = due_ns(&plan, 1000);

    CHECK(due_ns(&plan, 1000) == first);
    plan.seed = 2;
    CHECK(due_ns(&plan, 1000) != first);
}

/* Mean and variance of the number in each of `windows` windows, each of which should hold 100. */
static void count_windows(const struct schedule_plan *plan, int windows, double *mean_out,
                          double *variance_out)
{
    struct schedule schedule;
    double sum = 0;
    double squares = 0;

    schedule_init(&schedule, plan, 1, 0);
    uint64_t now = schedule_next(&schedule);
    for (int i = 1; i <= windows; i++) {
        uint64_t end = (uint64_t)(100e9 / plan->rate_to * i);
        double count = 0;
        for (; now < end; now = schedule_next(&schedule)) {
            count++;
        }
        sum += count;
        squares += (count - 100) * (count - 100);
    }
    *mean_out = sum / windows;
    *variance_out = squares / windows;
}

static void test_windows_hold_what_the_arrivals_say(void)
{
    /* In a long window the variance of the count is its mean / shape. */
    static const struct {
        const char *name;
        enum schedule_arrival arrival;
        double shape, rate, variance;
    } rows[] = {
        { "poisson", SCHEDULE_POISSON, 1, 1000, 100 },
        { "poisson, slow", SCHEDULE_POISSON, 1, 0.001, 100 },
        { "poisson, fast", SCHEDULE_POISSON, 1, 1e6, 100 },
        { "gamma:1", SCHEDULE_GAMMA, 1, 1000, 100 },
        { "gamma:0.25", SCHEDULE_GAMMA, 0.25, 1000, 400 },
        { "gamma:4", SCHEDULE_GAMMA, 4, 1000, 25 },
    };

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct schedule_plan plan = plan_of(rows[row].arrival, rows[row].rate);
        double mean, variance;
        plan.shape = rows[row].shape;
        count_windows(&plan, 2000, &mean, &variance);
        check_case(rows[row].name);
        CHECK(fabs(mean - 100) < 5 * sqrt(rows[row].variance / 2000));
        CHECK(fabs(variance / rows[row].variance - 1) < 0.2);
    }
}

static void test_drawn_arrivals_follow_a_ramp(void)
{
    struct schedule_plan plan = plan_ramp(0, 1000, 20 * SECOND);
    struct schedule schedule;
    uint64_t count = 0;

    plan.arrival = SCHEDULE_POISSON;
    schedule_init(&schedule, &plan, 1, 0);
    uint64_t now = schedule_next(&schedule);
    for (uint64_t second = 1; second <= 30; second++) {
        for (; now < second * SECOND; now = schedule_next(&schedule)) {
            count++;
        }
        double wanted = requests_by(&plan, (double)second);
        CHECK(fabs((double)count - wanted) < 5 * sqrt(wanted) + 5);
    }
}

static void test_long_sums_do_not_drift(void)
{
    struct schedule_plan plan = plan_of(SCHEDULE_POISSON, 1);
    struct draw draw = { plan.seed };
    uint64_t whole = 0;
    double rest = 0;

    /* The same sum in units of a nanosecond, which no float holds: what is left is carried over. */
    for (int i = 0; i < 3000000; i++) {
        rest += draw_exponential(&draw) * 1e9;
        whole += (uint64_t)rest;
        rest -= floor(rest);
    }
    CHECK(llabs((long long)(due_ns(&plan, 2999999) - whole)) <= 2);
}

static void test_parts_together_are_the_same_times(void)
{
    static const enum schedule_arrival arrivals[] = { SCHEDULE_CONSTANT, SCHEDULE_POISSON,
                                                      SCHEDULE_GAMMA };

    for (size_t row = 0; row < 3; row++) {
        struct schedule_plan plan = plan_ramp(100, 3000, SECOND);
        struct schedule whole, parts[7];
        plan.arrival = arrivals[row];
        plan.seed = 9;
        plan.rescale_count = 4000;
        for (uint32_t stride = 1; stride <= 7; stride++) {
            schedule_init(&whole, &plan, 1, 0);
            for (uint32_t k = 0; k < stride; k++) {
                schedule_init(&parts[k], &plan, stride, k);
            }
            for (uint64_t i = 0; i < 4000; i++) {
                CHECK_EQ(parts[i % stride].index, i);
                CHECK(schedule_next(&parts[i % stride]) == schedule_next(&whole));
            }
        }
    }
}

static void test_rescaled_the_last_request_falls_on_its_mean_exactly(void)
{
    static const enum schedule_arrival arrivals[] = { SCHEDULE_CONSTANT, SCHEDULE_POISSON,
                                                      SCHEDULE_GAMMA };
    static const uint32_t counts[] = { 2, 3, 10, 1000, 100003 };

    for (size_t row = 0; row < 6; row++) {
        bool is_slow =
            row >= 3; /* so that the last bit of the quotient is more than a nanosecond */
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            struct schedule_plan plan = plan_of(arrivals[row % 3], is_slow ? 0x1p-10 : 16);
            uint64_t mean_ns = is_slow ? counts[i] * SECOND * 1024 : counts[i] * SECOND / 16;
            plan.seed = 100 + i;
            CHECK(due_ns(&plan, counts[i] - 1) != mean_ns);
            plan.rescale_count = counts[i];
            CHECK_EQ(due_ns(&plan, counts[i] - 1), mean_ns);
        }
    }
}

static void test_rescaled_it_is_exact_even_where_a_bit_is_many_nanoseconds(void)
{
    struct schedule_plan plan = plan_of(SCHEDULE_POISSON, 0x1p-20);

    plan.rescale_count = 100;
    for (plan.seed = 1; plan.seed <= 100; plan.seed++) {
        CHECK_EQ(due_ns(&plan, 99), (100 * SECOND) << 20);
    }
}

static void test_rescaling_stretches_all_by_one_factor(void)
{
    struct schedule_plan plan = plan_of(SCHEDULE_POISSON, 100);
    struct schedule plain, rescaled;
    double factor = 0;

    schedule_init(&plain, &plan, 1, 0);
    plan.rescale_count = 500;
    schedule_init(&rescaled, &plan, 1, 0);
    for (int i = 0; i < 1000; i++) { /* beyond the last of them too */
        double ratio = (double)schedule_next(&rescaled) / (double)schedule_next(&plain);
        factor = i == 0 ? ratio : factor;
        CHECK(fabs(ratio / factor - 1) < 1e-5);
    }
}

static void test_rescaled_on_a_ramp_the_last_is_due_when_so_many_should_be(void)
{
    struct schedule_plan plan = plan_ramp(0, 100, 10 * SECOND);

    plan.arrival = SCHEDULE_GAMMA;
    plan.rescale_count = 20;
    CHECK_EQ(due_ns(&plan, 19), 2 * SECOND);
    plan.rescale_count = 600;
    CHECK_EQ(due_ns(&plan, 599), 11 * SECOND);
}

static void test_one_request_can_be_rescaled(void)
{
    struct schedule_plan constant = plan_of(SCHEDULE_CONSTANT, 4);
    struct schedule_plan poisson = plan_of(SCHEDULE_POISSON, 4);

    constant.rescale_count = poisson.rescale_count = 1;
    CHECK_EQ(due_ns(&constant, 0), 0); /* nothing stretches 0 */
    CHECK_EQ(due_ns(&poisson, 0), SECOND / 4);
}

static void test_times_never_go_back_at_any_extreme(void)
{
    static const double rates[] = { 1e-300, 0.001, 1, 1e6, SCHEDULE_RATE_MAX };
    static const double shapes[] = { SCHEDULE_SHAPE_MIN, 0.01, 1000, SCHEDULE_SHAPE_MAX };
    static const uint64_t ramps_ns[] = { 0, 1, 3600 * SECOND };

    for (size_t i = 0; i < 5 * 4 * 3; i++) {
        struct schedule_plan plan = plan_ramp(0, rates[i % 5], ramps_ns[i / 20]);
        struct schedule schedule;
        uint64_t before = 0;
        plan.arrival = SCHEDULE_GAMMA;
        plan.shape = shapes[i / 5 % 4];
        schedule_init(&schedule, &plan, 1, 0);
        for (int j = 0; j < 2000; j++) {
            uint64_t now = schedule_next(&schedule);
            CHECK(now >= before);
            before = now;
        }
        /* Those of a shape of 0.001 may still wait for their first burst. */
        CHECK(before > 0 || plan.shape < 0.01);
    }
}

/* After a month a double holds a quarter of a nanosecond, and in a burst the marks are that close.
 */
static void test_times_of_a_burst_never_go_back_on_a_long_ramp(void)
{
    struct schedule_plan plan = plan_ramp(0.3, 1, 60 * 86400 * SECOND);
    struct schedule schedule;
    uint64_t before = 0;

    plan.arrival = SCHEDULE_GAMMA;
    plan.shape = SCHEDULE_SHAPE_MIN;
    schedule_init(&schedule, &plan, 1, 0);
    for (int i = 0; i < 3000000; i++) {
        uint64_t now = schedule_next(&schedule);
        CHECK(now >= before);
        before = now;
    }
    CHECK(before > 30 * 86400 * SECOND);
}

static void test_a_high_shape_is_as_good_as_constant(void)
{
    struct schedule_plan plan = plan_of(SCHEDULE_GAMMA, 1000);

    plan.shape = SCHEDULE_SHAPE_MAX;
    for (uint32_t i = 0; i < 100; i++) {
        CHECK(llabs((int64_t)due_ns(&plan, i) - (i + 1) * INT64_C(1000000)) < 60000);
    }
}

static void test_arrivals_are_read_as_people_write_them(void)
{
    enum schedule_arrival arrival = SCHEDULE_GAMMA;
    double shape = 7;

    CHECK(schedule_parse_arrival("constant", &arrival, &shape));
    CHECK(arrival == SCHEDULE_CONSTANT);
    CHECK(schedule_parse_arrival("poisson", &arrival, &shape));
    CHECK(arrival == SCHEDULE_POISSON);
    CHECK(shape == 7);
    CHECK(schedule_parse_arrival("gamma:0.25", &arrival, &shape));
    CHECK(arrival == SCHEDULE_GAMMA);
    CHECK(shape == 0.25);
    CHECK(schedule_parse_arrival("gamma:1000", &arrival, &shape));
    CHECK(shape == 1000);
}

static void test_a_wrong_arrival_is_refused_and_sets_nothing(void)
{
    static const char *const wrong[] = {
        "",          "Constant",     "constant ",     "poisson:1",  "gamma",
        "gamma:",    "gamma:0",      "gamma:-1",      "gamma:1x",   "gamma: 1",
        "gamma:.5",  "gamma:5.",     "gamma:1e3",     "gamma:0x1",  "gamma:nan",
        "gamma:inf", "gamma:0.0009", "gamma:1000001", "gamma:1.2.3"
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        enum schedule_arrival arrival = SCHEDULE_POISSON;
        double shape = 7;
        check_case(wrong[i]);
        CHECK(!schedule_parse_arrival(wrong[i], &arrival, &shape));
        CHECK(arrival == SCHEDULE_POISSON);
        CHECK(shape == 7);
    }
}

static void test_rates_and_ramps_are_read_as_people_write_them(void)
{
    double from = 0;
    double to = 0;

    CHECK(schedule_parse_rate("12.5", &from));
    CHECK(from == 12.5);
    CHECK(schedule_parse_rate("1000000000", &from));
    CHECK(from == 1e9);
    CHECK(schedule_parse_rate("0.001", &from));
    CHECK(from == 0.001);
    CHECK(schedule_parse_ramp("10:200.5", &from, &to));
    CHECK(from == 10);
    CHECK(to == 200.5);
    CHECK(schedule_parse_ramp("0:1", &from, &to));
    CHECK(from == 0);
    CHECK(schedule_parse_ramp("1:0", &from, &to));
    CHECK(to == 0);
}

static void test_a_wrong_rate_or_ramp_is_refused_and_sets_nothing(void)
{
    static const char *const rates[] = { "",   "0",  "-1",  "+1",  "1k",         "1/s",
                                         "1:", " 1", "1e3", "inf", "1000000001", "0.0" };
    static const char *const ramps[] = { "",      ":",     "1",    "1:",    ":1",          "0:0",
                                         "1:2:3", "1 : 2", "-1:2", "1:1e3", "1:9999999999" };
    double from = 7;
    double to = 8;

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        check_case(rates[i]);
        CHECK(!schedule_parse_rate(rates[i], &from));
    }
    for (size_t i = 0; i < sizeof(ramps) / sizeof(ramps[0]); i++) {
        check_case(ramps[i]);
        CHECK(!schedule_parse_ramp(ramps[i], &from, &to));
    }
    CHECK(from == 7);
    CHECK(to == 8);
}

int main(void)
{
    RUN(test_constant_requests_are_exact_up_to_the_billionth);
    RUN(test_a_rate_may_be_a_fraction);
    RUN(test_a_ramp_sends_what_its_integral_says);
    RUN(test_a_ramp_up_is_due_when_a_square_says);
    RUN(test_a_ramp_down_to_0_ends);
    RUN(test_a_seed_gives_these_times_everywhere);
    RUN(test_another_seed_gives_other_times);
    RUN(test_windows_hold_what_the_arrivals_say);
    RUN(test_drawn_arrivals_follow_a_ramp);
    RUN(test_long_sums_do_not_drift);
    RUN(test_parts_together_are_the_same_times);
    RUN(test_rescaled_the_last_request_falls_on_its_mean_exactly);
    RUN(test_rescaled_it_is_exact_even_where_a_bit_is_many_nanoseconds);
    RUN(test_rescaling_stretches_all_by_one_factor);
    RUN(test_rescaled_on_a_ramp_the_last_is_due_when_so_many_should_be);
    RUN(test_one_request_can_be_rescaled);
    RUN(test_times_never_go_back_at_any_extreme);
    RUN(test_times_of_a_burst_never_go_back_on_a_long_ramp);
    RUN(test_a_high_shape_is_as_good_as_constant);
    RUN(test_arrivals_are_read_as_people_write_them);
    RUN(test_a_wrong_arrival_is_refused_and_sets_nothing);
    RUN(test_rates_and_ramps_are_read_as_people_write_them);
    RUN(test_a_wrong_rate_or_ramp_is_refused_and_sets_nothing);
    return check_done();
}
