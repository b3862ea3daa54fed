/*
 * speed: see speed.h.
 *
 * A measurement that cannot be made is a finding, and ends the back end that it was for; the others
 * go on.
 */
#include "cli/speed.h"

#include "cli/cgroup.h"

#include <sched.h>
#include <string.h>

#define NS_PER_US 1000
#define NS_PER_MS (1000 * 1000)
#define SQES_MANY 1.2     /* a request takes one: the send; the receive stands */
#define LATE_NS NS_PER_MS /* a wait that ends later than that, half of the time, is late */
#define SLACK_LEAST_NS 1

static const char *io_name(enum quoit_io io)
{
    return io == QUOIT_IO_URING ? "io_uring" : "epoll";
}

static const char *limit_name(enum self_test_limit limit)
{
    switch (limit) {
    case SELF_TEST_CLIENT:
        return "client";
    case SELF_TEST_STANDIN:
        return "stand-in";
    case SELF_TEST_BOTH:
        return "both";
    case SELF_TEST_OTHERS:
        return "others";
    case SELF_TEST_LATENCY:
        break;
    }
    return "latency";
}

/* --- Processors --- */

/* Do the two share a core? Where that is not known, they do not. */
static bool cpus_share(const struct facts *facts, int one, int other)
{
    static const char *const parts[] = { "core_id", "physical_package_id" };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        uint64_t of_one = 0, of_other = 0;
        char path[FACTS_PATH_MAX];
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", one, parts[i]);
        bool known = facts_number(facts, path, &of_one);
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/%s", other, parts[i]);
        if (!known || !facts_number(facts, path, &of_other) || of_one != of_other) {
            return false;
        }
    }
    return true;
}

/* The first processor that we have, and the next one of another core, else the next one. */
static void speed_choose_cpus(struct speed *speed, const struct facts *facts, const cpu_set_t *ours)
{
    speed->client_cpu = speed->standin_cpu = STANDIN_NO_CPU;
    int second = STANDIN_NO_CPU;
    for (int cpu = 0; cpu < CPU_SETSIZE && speed->standin_cpu == STANDIN_NO_CPU; cpu++) {
        if (!CPU_ISSET((size_t)cpu, ours)) {
            continue;
        }
        if (speed->client_cpu == STANDIN_NO_CPU) {
            speed->client_cpu = cpu;
        } else if (!cpus_share(facts, speed->client_cpu, cpu)) {
            speed->standin_cpu = cpu;
        } else if (second == STANDIN_NO_CPU) {
            second = cpu;
        }
    }
    if (speed->standin_cpu == STANDIN_NO_CPU) {
        speed->standin_cpu = second;
    }
    if (speed->standin_cpu == STANDIN_NO_CPU) {
        speed->client_cpu = STANDIN_NO_CPU;
    }
}

/* --- Rows --- */

/* 162345 as "162,345". */
static const char *grouped(uint64_t number, char out[32])
{
    char digits[32];
    int size = snprintf(digits, sizeof(digits), "%ju", (uintmax_t)number);
    size_t at = 0;

    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static uint64_t per_second(const struct self_test_load *load)
{
    return load->elapsed_ns == 0 ? 0
                                 : (uint64_t)((double)load->count * 1e9 / (double)load->elapsed_ns);
}

static double percent_of(uint64_t part_ns, uint64_t whole_ns)
{
    return whole_ns == 0 ? 0 : 100 * (double)part_ns / (double)whole_ns;
}

static double cpu_each_ns(const struct self_test_load *load)
{
    return load->count == 0 ? 0 : (double)load->cpu_ns / (double)load->count;
}

static double microseconds(uint64_t ns)
{
    return (double)ns / NS_PER_US;
}

static void print_load(FILE *to, const char *what, uint32_t count, const char *of,
                       const struct self_test_load *load)
{
    char name[64], rate[32];

    snprintf(name, sizeof(name), "%s, %u %s", what, count, of);
    fprintf(to, "  %-24s %11s %8.2f", name, grouped(per_second(load), rate),
            cpu_each_ns(load) / NS_PER_US);
    if (load->p50_ns != 0) {
        fprintf(to, " %8.1f %8.1f", microseconds(load->p50_ns), microseconds(load->p99_ns));
    } else {
        fprintf(to, " %8s %8s", "", "");
    }
    fprintf(to, " %7.0f%% %8.0f%%  %s\n", percent_of(self_test_busy_ns(load), load->elapsed_ns),
            percent_of(load->standin_cpu_ns, load->elapsed_ns), limit_name(load->limit));
    fflush(to);
}

/* Of less than a hundred there is none. */
static bool wait_has_p99(const struct self_test_wait *wait)
{
    return wait->count >= 100;
}

static void print_wait(FILE *to, const struct self_test_wait *wait)
{
    char name[64], p99[32] = "-";

    snprintf(name, sizeof(name), "wait of %g ms", (double)wait->wait_ns / NS_PER_MS);
    if (wait_has_p99(wait)) {
        snprintf(p99, sizeof(p99), "%.1f", microseconds(wait->p99_ns));
    }
    fprintf(to, "  %-24s %8g us %8.1f %8s %8.1f %8ju\n", name, microseconds(wait->slack_ns),
            microseconds(wait->p50_ns), p99, microseconds(wait->max_ns), (uintmax_t)wait->count);
    fflush(to);
}

/* --- Measurements --- */

/* True: it was measured. */
static bool speed_judge(struct findings *findings, const char *what, enum quoit_io io,
                        enum quoit_error error, const struct self_test_load *load)
{
    struct finding *finding = NULL;

    if (error == QUOIT_OK && load->failed == 0 && load->count > 0) {
        return true;
    }
    finding = findings_add(findings, "self-test");
    finding_say(finding, "%s on %s: ", what, io_name(io));
    if (error != QUOIT_OK) {
        finding_say(finding, "%s", quoit_error_message(error));
    } else {
        finding_say(finding, "%ju failed, %ju came: %s", (uintmax_t)load->failed,
                    (uintmax_t)load->count, load->failed > 0 ? load->detail : "no answer");
    }
    finding_fail(finding, "look at the checks above, and at firewall rules of the loopback; run it "
                          "again, and report what stays");
    return false;
}

static void speed_judge_ring(struct findings *findings, const struct self_test_load *many)
{
    double sqes = (double)many->sqes / (double)many->count;
    double cqes = (double)many->cqes / (double)many->count;

    if (sqes > SQES_MANY || cqes > SQES_MANY) {
        struct finding *finding = findings_add(findings, "self-test");
        finding_say(finding, "a request takes %.2f SQEs and %.2f CQEs, not 1", sqes, cqes);
        finding_warn(finding, "standing receives or quiet sends do not hold here: take a later "
                              "kernel, or say --io epoll");
    }
}

/* Of a wait of a millisecond with the thread's own slack. */
static void speed_judge_wait(struct findings *findings, enum quoit_io io,
                             const struct self_test_wait *wait)
{
    if (wait->p50_ns > LATE_NS) {
        struct finding *finding = findings_add(findings, "self-test");
        finding_say(finding, "a wait of %g ms on %s ends %.1f ms late",
                    (double)wait->wait_ns / NS_PER_MS, io_name(io),
                    (double)wait->p50_ns / NS_PER_MS);
        finding_warn(finding, "a kernel without high resolution timers, a machine or a host that "
                              "is overloaded, or a control group that is stopped");
    }
}

/* Numbers that others had a part in are lower than they could be; one finding says so. */
static void speed_judge_others(struct findings *findings, const struct speed *speed)
{
    for (size_t i = 0; i < speed->count; i++) {
        const struct speed_backend *backend = &speed->backends[i];
        const struct self_test_load *const loads[] = { &backend->one, &backend->many,
                                                       &backend->events };
        for (size_t j = 0; j < sizeof(loads) / sizeof(loads[0]); j++) {
            if (loads[j]->limit == SELF_TEST_OTHERS) {
                struct finding *finding = findings_add(findings, "self-test");
                finding_say(finding, "other processes had the processors for a part of the time: "
                                     "the numbers are lower than what this machine can do");
                finding_warn(finding, "run it again when the machine is quiet");
                return;
            }
        }
    }
}

/* True: the back end was measured whole. */
static bool speed_measure_loads(const struct speed *speed, const struct self_test *test,
                                struct speed_backend *backend, struct findings *findings, FILE *to)
{
    fprintf(to, "\n%-26s %11s %8s %8s %8s %8s %9s\n", io_name(test->io), "a second", "CPU us",
            "p50 us", "p99 us", "client", "stand-in  limit");
    enum quoit_error error = self_test_requests(test, 1, &backend->one);
    if (!speed_judge(findings, "requests", test->io, error, &backend->one)) {
        return false;
    }
    print_load(to, "requests", 1, "in flight", &backend->one);
    error = self_test_requests(test, speed->in_flight, &backend->many);
    if (!speed_judge(findings, "requests", test->io, error, &backend->many)) {
        return false;
    }
    print_load(to, "requests", speed->in_flight, "in flight", &backend->many);
    if (test->io == QUOIT_IO_URING) {
        speed_judge_ring(findings, &backend->many);
    }
    error = self_test_events(test, speed->in_flight, &backend->events);
    if (!speed_judge(findings, "events", test->io, error, &backend->events)) {
        return false;
    }
    print_load(to, "events", speed->in_flight, "streams", &backend->events);
    return true;
}

static bool speed_measure_waits(const struct self_test *test, struct speed_backend *backend,
                                struct findings *findings, FILE *to)
{
    static const uint64_t lengths_ns[] = { NS_PER_MS / 10, NS_PER_MS, 10 * NS_PER_MS };

    fprintf(to, "  %-24s %11s %8s %8s %8s %8s\n", "", "slack", "late p50", "p99", "max us",
            "waits");
    for (size_t i = 0; i < SPEED_WAITS; i++) {
        uint64_t slack_ns = i % 2 == 0 ? 0 : SLACK_LEAST_NS;
        struct self_test_wait *wait = &backend->waits[i];
        enum quoit_error error = self_test_wait(test, lengths_ns[i / 2], slack_ns, wait);
        if (error != QUOIT_OK) {
            const struct self_test_load none = { 0 };
            return speed_judge(findings, "waits", test->io, error, &none);
        }
        print_wait(to, wait);
        if (slack_ns == 0 && wait->wait_ns == NS_PER_MS) {
            speed_judge_wait(findings, test->io, wait);
        }
    }
    return true;
}

static void speed_measure(struct speed *speed, const struct standin *standin,
                          struct findings *findings, FILE *to)
{
    for (size_t i = 0; i < speed->ios_count; i++) {
        struct speed_backend *backend = &speed->backends[speed->count];
        const struct self_test test = {
            .io = speed->ios[i],
            .duration_ns = speed->duration_ns,
            .own_cpus = speed->standin_cpu != STANDIN_NO_CPU,
            .standin = standin,
        };
        *backend = (struct speed_backend){ .io = test.io };
        if (speed_measure_loads(speed, &test, backend, findings, to) &&
            speed_measure_waits(&test, backend, findings, to)) {
            speed->count++;
        }
    }
}

static void speed_print_head(const struct speed *speed, FILE *to)
{
    fprintf(to, "\nself-test against a stand-in, %g s a measurement: ",
            (double)speed->duration_ns / 1e9);
    if (speed->standin_cpu == STANDIN_NO_CPU) {
        fputs("both on one processor\n", to);
    } else {
        fprintf(to, "client on processor %d, stand-in on %d\n", speed->client_cpu,
                speed->standin_cpu);
    }
    fflush(to);
}

/* False: there is no stand-in, which is a finding. */
static bool speed_start_standin(const struct speed *speed, struct findings *findings,
                                struct standin *standin)
{
    int error = standin_start(standin, speed->standin_cpu);

    if (error != 0) {
        struct finding *finding = findings_add(findings, "self-test");
        finding_say(finding, "the stand-in cannot be started: %s", strerror(error));
        finding_fail(finding, "a process, a socket and a port of 127.0.0.1 must be free; "
                              "--no-self-test leaves it out");
    }
    return error == 0;
}

void speed_run(struct speed *speed, const struct facts *facts, struct findings *findings, FILE *to)
{
    uint64_t throttled = cgroup_throttled(facts);
    struct standin standin;
    cpu_set_t ours, own;

    CPU_ZERO(&ours);
    CPU_ZERO(&own);
    sched_getaffinity(0, sizeof(ours), &ours);
    speed_choose_cpus(speed, facts, &ours);
    speed_print_head(speed, to);
    if (!speed_start_standin(speed, findings, &standin)) {
        return;
    }
    if (speed->client_cpu != STANDIN_NO_CPU) {
        CPU_SET((size_t)speed->client_cpu, &own);
        sched_setaffinity(0, sizeof(own), &own);
    }
    speed_measure(speed, &standin, findings, to);
    standin_stop(&standin);
    sched_setaffinity(0, sizeof(ours), &ours);
    speed_judge_others(findings, speed);
    speed->throttled = cgroup_throttled(facts) - throttled;
    if (speed->throttled > 0) {
        struct finding *finding = findings_add(findings, "self-test");
        finding_say(finding, "the control group was stopped %ju times meanwhile",
                    (uintmax_t)speed->throttled);
        finding_warn(finding, "raise cpu.max (docker --cpus, Kubernetes limits.cpu)");
    }
}

/* --- JSON --- */

/* To the microsecond's thousandth. */
static void add_microseconds(cJSON *object, const char *key, double ns)
{
    cJSON_AddNumberToObject(object, key, (double)(int64_t)(ns + 0.5) / NS_PER_US);
}

static void add_load(cJSON *parent, const char *key, uint32_t count,
                     const struct self_test_load *load)
{
    cJSON *object = cJSON_AddObjectToObject(parent, key);

    cJSON_AddNumberToObject(object, "in_flight", count);
    cJSON_AddNumberToObject(object, "count", (double)load->count);
    cJSON_AddNumberToObject(object, "seconds", (double)load->elapsed_ns / 1e9);
    cJSON_AddNumberToObject(object, "per_second", (double)per_second(load));
    add_microseconds(object, "cpu_us", cpu_each_ns(load));
    if (load->p50_ns != 0) {
        add_microseconds(object, "p50_us", (double)load->p50_ns);
        add_microseconds(object, "p99_us", (double)load->p99_ns);
    }
    cJSON_AddNumberToObject(object, "sqes", (double)load->sqes);
    cJSON_AddNumberToObject(object, "cqes", (double)load->cqes);
    cJSON_AddNumberToObject(object, "entries", (double)load->entries);
    cJSON_AddNumberToObject(object, "spin_percent",
                            (int)(percent_of(load->spin_ns, load->elapsed_ns) + 0.5));
    cJSON_AddNumberToObject(object, "client_percent",
                            (int)(percent_of(self_test_busy_ns(load), load->elapsed_ns) + 0.5));
    cJSON_AddNumberToObject(object, "standin_percent",
                            (int)(percent_of(load->standin_cpu_ns, load->elapsed_ns) + 0.5));
    cJSON_AddStringToObject(object, "limit", limit_name(load->limit));
}

static void add_waits(cJSON *parent, const struct speed_backend *backend)
{
    cJSON *array = cJSON_AddArrayToObject(parent, "waits");

    for (size_t i = 0; i < SPEED_WAITS; i++) {
        const struct self_test_wait *wait = &backend->waits[i];
        cJSON *object = cJSON_CreateObject();
        add_microseconds(object, "wait_us", (double)wait->wait_ns);
        add_microseconds(object, "slack_us", (double)wait->slack_ns);
        cJSON_AddNumberToObject(object, "count", (double)wait->count);
        add_microseconds(object, "late_p50_us", (double)wait->p50_ns);
        if (wait_has_p99(wait)) {
            add_microseconds(object, "late_p99_us", (double)wait->p99_ns);
        } else {
            cJSON_AddNullToObject(object, "late_p99_us");
        }
        add_microseconds(object, "late_max_us", (double)wait->max_ns);
        cJSON_AddItemToArray(array, object);
    }
}

cJSON *speed_to_json(const struct speed *speed)
{
    cJSON *object = cJSON_CreateObject();

    if (speed->standin_cpu != STANDIN_NO_CPU) {
        cJSON_AddNumberToObject(object, "client_cpu", speed->client_cpu);
        cJSON_AddNumberToObject(object, "standin_cpu", speed->standin_cpu);
    }
    cJSON_AddNumberToObject(object, "throttled", (double)speed->throttled);
    cJSON *array = cJSON_AddArrayToObject(object, "backends");
    for (size_t i = 0; i < speed->count; i++) {
        const struct speed_backend *backend = &speed->backends[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "io", io_name(backend->io));
        add_load(item, "requests_one", 1, &backend->one);
        add_load(item, "requests_many", speed->in_flight, &backend->many);
        add_load(item, "events", speed->in_flight, &backend->events);
        add_waits(item, backend);
        cJSON_AddItemToArray(array, item);
    }
    return object;
}
