/*
 * doctor_machine: processors, what limits them, and the clock that all times are read from.
 */
#include "cli/cgroup.h"
#include "cli/doctor_checks.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CLOCK_ROUNDS 20
#define CLOCK_READS 500
#define CLOCK_SLOW_NS                                                                              \
    200 /* a read that enters the kernel takes longer, one that does not, 20 to 60 */

static void check_processors(struct findings *findings, const struct facts *facts)
{
    struct finding *finding = findings_add(findings, "processors");
    uint64_t percent = cgroup_cpu_percent(facts);
    cpu_set_t ours;
    int count = 1;

    if (sched_getaffinity(0, sizeof(ours), &ours) == 0) {
        count = CPU_COUNT(&ours);
    }
    finding_say(finding, "%d of %ld for this process", count, sysconf(_SC_NPROCESSORS_ONLN));
    if (count == 1) {
        finding_warn(finding, "give it two (taskset, cpuset, --cpuset-cpus): the kernel's part of "
                              "the network, and a server here, want one of their own");
    }
    if (percent != UINT64_MAX) {
        finding_say(finding, ", of which the control group leaves %ju.%02ju",
                    (uintmax_t)percent / 100, (uintmax_t)percent % 100);
    }
    if (percent < 100) {
        finding_warn(finding, "raise cpu.max (docker --cpus, Kubernetes limits.cpu): below 1 every "
                              "tenth of a second has a part in which nothing runs");
    }
}

/* Only where the kernel has a say: in a virtual machine it mostly has none. */
static void check_frequency(struct findings *findings, const struct facts *facts)
{
    static const char folder[] = "/sys/devices/system/cpu/cpu0/cpufreq";
    char path[FACTS_PATH_MAX], governor[FACTS_LINE_MAX], driver[FACTS_LINE_MAX];

    snprintf(path, sizeof(path), "%s/scaling_governor", folder);
    if (!facts_line(facts, path, governor)) {
        return;
    }
    snprintf(path, sizeof(path), "%s/scaling_driver", folder);
    (void)facts_line(facts, path, driver);
    struct finding *finding = findings_add(findings, "cpu frequency");
    finding_say(finding, "%s (%s)", governor, *driver != '\0' ? driver : "driver unknown");
    /* Two drivers go fast under that name too, and the others stay at the lowest clock. */
    if (strcmp(governor, "powersave") == 0 && strcmp(driver, "intel_pstate") != 0 &&
        strcmp(driver, "amd-pstate-epp") != 0) {
        finding_warn(finding, "as root: cpupower frequency-set -g performance");
    }
}

static bool clock_is_slow(const char *source)
{
    static const char *const slow[] = { "hpet", "acpi_pm", "jiffies", "refined-jiffies" };

    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        if (strcmp(source, slow[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* What a read of the clock takes: the best of some rounds, since others may run in between. */
static uint64_t clock_read_ns(void)
{
    uint64_t best_ns = UINT64_MAX;

    for (int round = 0; round < CLOCK_ROUNDS; round++) {
        uint64_t begin_ns = quoit_now_ns(), end_ns = begin_ns;
        for (int i = 0; i < CLOCK_READS; i++) {
            end_ns = quoit_now_ns();
        }
        uint64_t read_ns = (end_ns - begin_ns) / CLOCK_READS;
        best_ns = read_ns < best_ns ? read_ns : best_ns;
    }
    return best_ns;
}

static void check_clock(struct findings *findings, const struct facts *facts)
{
    struct finding *finding = findings_add(findings, "clock");
    uint64_t read_ns = clock_read_ns();
    char source[FACTS_LINE_MAX];

    bool told = facts_line(
        facts, "/sys/devices/system/clocksource/clocksource0/current_clocksource", source);
    finding_say(finding, "%s, %ju ns a read; timer slack %d us", told ? source : "unknown",
                (uintmax_t)read_ns, prctl(PR_GET_TIMERSLACK) / 1000);
    if (clock_is_slow(source) || read_ns > CLOCK_SLOW_NS) {
        finding_warn(finding, "let the kernel use tsc (boot with clocksource=tsc tsc=reliable), or "
                              "kvm-clock in a virtual machine");
    }
}

void doctor_check_machine(struct findings *findings, const struct facts *facts)
{
    check_processors(findings, facts);
    check_frequency(findings, facts);
    check_clock(findings, facts);
}
