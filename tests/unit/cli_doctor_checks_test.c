/*
 * doctor_checks: each cause has its name and its remedy, and no secret is in either.
 */
#include "cli/doctor_checks.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#include <errno.h>

static struct findings findings;

/* The finding of that name; the test ends without it. */
static const struct finding *found(const char *name)
{
    for (size_t i = 0; i < findings.count; i++) {
        if (strcmp(findings.items[i].name, name) == 0) {
            return &findings.items[i];
        }
    }
    printf("there is no finding %s\n", name);
    exit(1);
}

static void check_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        CHECK_FAIL("\"%s\" is not in \"%s\"", part, text);
    }
}

static void reset(void)
{
    machine_reset();
    findings.count = 0;
    unsetenv("KUBERNETES_SERVICE_HOST");
}

/* --- A refusal of io_uring --- */

static const struct finding *explain(int refusal)
{
    struct finding *finding = findings_add(&findings, "io_uring");

    doctor_explain_refusal(finding, &machine, refusal);
    CHECK_EQ(finding->verdict, FINDING_WARN);
    return finding;
}

static void test_the_sysctl_is_named_with_its_value(void)
{
    reset();
    machine_write("/proc/sys/kernel/io_uring_disabled", "2\n");
    machine_write("/proc/self/status", "Seccomp:\t2\n");
    check_has(explain(EPERM)->found, "kernel.io_uring_disabled is 2");
    check_has(explain(EPERM)->remedy, "sysctl kernel.io_uring_disabled=0");
    machine_write("/proc/sys/kernel/io_uring_disabled", "1\n");
    check_has(explain(EPERM)->remedy, "kernel.io_uring_group");
}

static void test_a_filters_remedy_is_that_of_who_put_it_there(void)
{
    reset();
    machine_write("/proc/sys/kernel/io_uring_disabled", "0\n");
    machine_write("/proc/self/status", "Seccomp:\t2\n");
    check_has(explain(EPERM)->found, "seccomp filter");
    check_has(explain(EPERM)->remedy, "systemd");
    check_has(explain(ENOSYS)->remedy, "io_uring_setup, io_uring_enter, io_uring_register");
    machine_write("/.dockerenv", "");
    check_has(explain(EPERM)->remedy, "docker run --security-opt seccomp=");
    machine_write("/run/.containerenv", "");
    check_has(explain(EPERM)->remedy, "podman run --security-opt seccomp=");
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    check_has(explain(EPERM)->remedy, "seccompProfile");
}

static void test_without_a_filter_the_kernel_itself_is_the_cause(void)
{
    reset();
    machine_write("/proc/self/status", "Seccomp:\t0\n");
    check_has(explain(ENOSYS)->remedy, "CONFIG_IO_URING");
    check_has(explain(EINVAL)->remedy, "6.1");
    check_has(explain(EPERM)->remedy, "SELinux");
    reset(); /* no /proc at all */
    check_has(explain(EPERM)->remedy, "SELinux");
}

/* --- Limits and machine --- */

static void test_few_ports_and_a_short_backlog_are_warned_of(void)
{
    reset();
    machine_write("/proc/sys/net/ipv4/ip_local_port_range", "40000\t40999\n");
    machine_write("/proc/sys/net/ipv4/tcp_tw_reuse", "2\n");
    machine_write("/proc/sys/net/core/somaxconn", "128\n");
    doctor_check_limits(&findings, &machine);
    check_has(found("local ports")->found, "1000 new connections a minute");
    CHECK_EQ(found("local ports")->verdict, FINDING_WARN);
    check_has(found("local ports")->remedy, "sysctl net.ipv4.ip_local_port_range=");
    CHECK_EQ(found("backlog")->verdict, FINDING_WARN);
    check_has(found("backlog")->remedy, "sysctl net.core.somaxconn=");

    findings.count = 0;
    machine_write("/proc/sys/net/ipv4/tcp_tw_reuse", "1\n");
    doctor_check_limits(&findings, &machine);
    check_has(found("local ports")->found, "60000 new connections a minute");
    CHECK_EQ(found("local ports")->verdict, FINDING_OK);
}

static void test_a_group_without_room_for_threads_or_with_less_than_a_processor_is_warned_of(void)
{
    reset();
    machine_write("/proc/self/cgroup", "0::/\n");
    machine_write("/sys/fs/cgroup/pids.max", "10\n");
    machine_write("/sys/fs/cgroup/pids.current", "6\n");
    machine_write("/sys/fs/cgroup/cpu.max", "25000 100000\n");
    doctor_check_limits(&findings, &machine);
    doctor_check_machine(&findings, &machine);
    check_has(found("threads")->found, "4 more");
    CHECK_EQ(found("threads")->verdict, FINDING_WARN);
    check_has(found("processors")->found, "leaves 0.25");
    CHECK_EQ(found("processors")->verdict, FINDING_WARN);
}

static void test_a_slow_clock_and_a_slow_governor_are_warned_of(void)
{
    static const char clock[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    static const char governor[] = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    static const char driver[] = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver";

    reset();
    machine_write(clock, "hpet\n");
    machine_write(governor, "powersave\n");
    machine_write(driver, "acpi-cpufreq\n");
    doctor_check_machine(&findings, &machine);
    CHECK_EQ(found("clock")->verdict, FINDING_WARN);
    check_has(found("clock")->found, "hpet");
    CHECK_EQ(found("cpu frequency")->verdict, FINDING_WARN);

    findings.count = 0;
    machine_write(driver, "intel_pstate\n"); /* which goes fast under that name too */
    doctor_check_machine(&findings, &machine);
    CHECK_EQ(found("cpu frequency")->verdict, FINDING_OK);
}

/* --- Setup --- */

static void test_nothing_secret_of_the_environment_is_shown(void)
{
    static const char *const urls[] = { "http://user:SECRET@h/v1", "http://user:SEC/RET@h/v1",
                                        "http://h/v1?key=SECRET", "user:SECRET@h",
                                        "http://u:p?SECRET@h/v1" };
    static const char *const variables[] = { "OPENAI_BASE_URL", "https_proxy", "http_proxy" };

    setenv("OPENAI_API_KEY", "sk-SECRET", 1);
    setenv("OPENAI_ORG_ID", "org-SECRET", 1);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        for (size_t j = 0; j < sizeof(variables) / sizeof(variables[0]); j++) {
            setenv(variables[j], urls[i], 1);
        }
        reset();
        doctor_check_setup(&findings, &machine);
        for (size_t j = 0; j < findings.count; j++) {
            check_case(findings.items[j].name);
            CHECK(strstr(findings.items[j].found, "SEC") == NULL);
            CHECK(strstr(findings.items[j].found, "RET") == NULL);
            CHECK(strstr(findings.items[j].remedy, "SEC") == NULL);
        }
        check_has(found("OPENAI_*")->found, "OPENAI_API_KEY set");
    }
    for (size_t j = 0; j < sizeof(variables) / sizeof(variables[0]); j++) {
        unsetenv(variables[j]);
    }
    unsetenv("OPENAI_API_KEY");
    unsetenv("OPENAI_ORG_ID");
}

static void test_a_base_url_that_would_be_refused_and_a_proxy_of_another_kind_are_warned_of(void)
{
    reset();
    setenv("OPENAI_BASE_URL", "localhost:8000/v1", 1);
    setenv("https_proxy", "socks5://127.0.0.1:1080", 1);
    doctor_check_setup(&findings, &machine);
    CHECK_EQ(found("OPENAI_*")->verdict, FINDING_WARN);
    CHECK_EQ(found("proxies")->verdict, FINDING_WARN);
    check_has(found("proxies")->remedy, "socks5");
    findings.count = 0;
    setenv("OPENAI_BASE_URL", "http://localhost:8000/v1", 1);
    unsetenv("https_proxy");
    doctor_check_setup(&findings, &machine);
    CHECK_EQ(found("OPENAI_*")->verdict, FINDING_OK);
    CHECK_EQ(found("proxies")->verdict, FINDING_OK);
    unsetenv("OPENAI_BASE_URL");
}

static void test_no_certificates_and_no_name_server_are_warned_of(void)
{
    char none[128], folder[256];

    reset();
    snprintf(none, sizeof(none), "%s/none.pem", machine_root);
    snprintf(folder, sizeof(folder), "%s/etc:%s/none", machine_root, machine_root);
    machine_write("/etc/resolv.conf", "search example\n");
    setenv("SSL_CERT_FILE", none, 1);
    setenv("SSL_CERT_DIR", folder, 1);
    doctor_check_setup(&findings, &machine);
    CHECK_EQ(found("certificates")->verdict, FINDING_WARN);
    check_has(found("certificates")->remedy, "ca-certificates");
    CHECK_EQ(found("resolver")->verdict, FINDING_WARN);

    findings.count = 0;
    machine_write("/etc/5ed36f99.0", "");
    machine_write("/etc/README.0", "");
    machine_write("/etc/resolv.conf", "nameserver 127.0.0.1\n");
    doctor_check_setup(&findings, &machine);
    check_has(found("certificates")->found, "1 in ");
    check_has(found("certificates")->remedy, "SSL_CERT_FILE names no file");
    CHECK_EQ(found("resolver")->verdict, FINDING_OK);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
}

static void test_the_worst_verdict_stays_with_the_remedy_that_came_first(void)
{
    struct finding *finding = NULL;

    reset();
    finding = findings_add(&findings, "x");
    CHECK_EQ(finding->verdict, FINDING_OK);
    finding_warn(finding, "first");
    finding_warn(finding, "second");
    CHECK_STR(finding->remedy, "first");
    finding_fail(finding, "third");
    finding_warn(finding, "fourth");
    CHECK_STR(finding->remedy, "third");
    CHECK_EQ(finding->verdict, FINDING_FAIL);
    for (int i = 0; i < 200; i++) {
        finding_say(finding, "%d ", i);
    }
    CHECK_EQ(strlen(finding->found), FINDING_FOUND_MAX - 1);
    CHECK_EQ(findings_count(&findings, FINDING_FAIL), 1);
    CHECK_EQ(findings_count(&findings, FINDING_OK), 0);
}

int main(void)
{
    static const char *const variables[] = { "OPENAI_BASE_URL", "OPENAI_API_KEY", "https_proxy",
                                             "HTTPS_PROXY",     "http_proxy",     "all_proxy",
                                             "ALL_PROXY",       "no_proxy",       "NO_PROXY" };

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i]);
    }
    RUN(test_the_sysctl_is_named_with_its_value);
    RUN(test_a_filters_remedy_is_that_of_who_put_it_there);
    RUN(test_without_a_filter_the_kernel_itself_is_the_cause);
    RUN(test_few_ports_and_a_short_backlog_are_warned_of);
    RUN(test_a_group_without_room_for_threads_or_with_less_than_a_processor_is_warned_of);
    RUN(test_a_slow_clock_and_a_slow_governor_are_warned_of);
    RUN(test_nothing_secret_of_the_environment_is_shown);
    RUN(test_a_base_url_that_would_be_refused_and_a_proxy_of_another_kind_are_warned_of);
    RUN(test_no_certificates_and_no_name_server_are_warned_of);
    RUN(test_the_worst_verdict_stays_with_the_remedy_that_came_first);
    machine_close();
    return check_done();
}
