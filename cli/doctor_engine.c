/*
 * doctor_engine: can an engine be made here, on what, and if not on io_uring, why.
 *
 * What io_uring says is an errno that many causes share; which one it is, other facts tell: the
 * sysctl, and whether a seccomp filter is on us. The remedy depends on who put the filter there.
 */
#include "cli/doctor_checks.h"
#include "cli/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define SECCOMP_FILTERED 2 /* proc(5), Seccomp */

void doctor_check_kernel(struct findings *findings, enum quoit_io io)
{
    struct finding *finding = findings_add(findings, "kernel");
    struct utsname kernel;

    if (uname(&kernel) != 0) {
        finding_say(finding, "unknown: %s", strerror(errno));
        return;
    }
    finding_say(finding, "%s %s %s", kernel.sysname, kernel.release, kernel.machine);
    if (io == QUOIT_IO_EPOLL) {
        return; /* any will do */
    }
    switch (kernel_judge(kernel.release, kernel.version)) {
    case KERNEL_GOOD:
        return;
    case KERNEL_UNTOLD:
        finding_say(finding, ", by a distribution's own count");
        finding_warn(finding, "see that it has the repair of linked timeouts of May 2025 (\"always "
                              "arm linked timeouts prior to issue\"), or say --io epoll");
        return;
    case KERNEL_UNFIXED:
        finding_say(finding, ", without the repair of linked timeouts of May 2025: a timeout of "
                             "a connection may be missed");
        finding_warn(finding, "take 6.1.139, 6.6.91, 6.12.29, 6.14.7, 6.15 or later, or say "
                              "--io epoll");
        return;
    case KERNEL_OLD:
        finding_say(finding, ", older than 6.1");
        finding_warn(finding, "take 6.1 or later (best 6.15); until then quoit runs on epoll");
        return;
    }
    abort(); /* a verdict without a case */
}

/* A filter can be changed only by who starts us; say how that is done there. */
static void warn_of_filter(struct finding *finding, const struct facts *facts)
{
    static const char profile[] = "that allows io_uring_setup, io_uring_enter, io_uring_register";

    finding_say(finding, ": a seccomp filter is on this process");
    if (getenv("KUBERNETES_SERVICE_HOST") != NULL) {
        finding_warn(finding,
                     "Kubernetes: securityContext.seccompProfile with type: Localhost and a "
                     "profile %s (type: Unconfined turns all filters off)",
                     profile);
    } else if (facts_exists(facts, "/run/.containerenv")) {
        finding_warn(finding,
                     "podman run --security-opt seccomp=FILE, a profile %s (seccomp=unconfined "
                     "turns all filters off)",
                     profile);
    } else if (facts_exists(facts, "/.dockerenv")) {
        finding_warn(finding,
                     "docker run --security-opt seccomp=FILE, a profile %s (seccomp=unconfined "
                     "turns all filters off)",
                     profile);
    } else {
        finding_warn(finding,
                     "let it allow io_uring_setup, io_uring_enter, io_uring_register: "
                     "docker, podman: --security-opt seccomp=FILE; Kubernetes: seccompProfile; "
                     "systemd: SystemCallFilter=");
    }
}

void doctor_explain_refusal(struct finding *finding, const struct facts *facts, int refusal)
{
    uint64_t disabled = 0, seccomp = 0;

    finding_say(finding, "refused (%s)", strerror(refusal));
    (void)facts_number(facts, "/proc/sys/kernel/io_uring_disabled", &disabled);
    (void)facts_field(facts, "/proc/self/status", "Seccomp", &seccomp);
    if (refusal == EPERM && disabled != 0) {
        finding_say(finding, ": kernel.io_uring_disabled is %ju", (uintmax_t)disabled);
        finding_warn(finding, disabled == 1
                                  ? "join the group of kernel.io_uring_group, or as root: sysctl "
                                    "kernel.io_uring_disabled=0"
                                  : "as root: sysctl kernel.io_uring_disabled=0");
    } else if (seccomp == SECCOMP_FILTERED) {
        warn_of_filter(finding, facts);
    } else if (refusal == EINVAL) {
        finding_say(finding, ": this kernel's io_uring lacks what is asked for");
        finding_warn(finding, "take kernel 6.1 or later");
    } else if (refusal == ENOSYS) {
        finding_say(finding, ": this kernel has none");
        finding_warn(finding, "take a kernel that is built with CONFIG_IO_URING");
    } else {
        finding_warn(finding, "look at kernel.io_uring_disabled, at seccomp filters, and at the "
                              "rules of a security module (SELinux, AppArmor)");
    }
}

/* What a failed quoit_create asks for. */
static void fail_of_engine(struct finding *finding, enum quoit_error error)
{
    finding_say(finding, "no engine: %s", quoit_error_message(error));
    if (error == QUOIT_E_LOCKED_MEMORY) {
        finding_fail(finding, "raise it (ulimit -l 8192, LimitMEMLOCK=, docker --ulimit memlock=), "
                              "or say --io epoll");
    } else if (error == QUOIT_E_NO_DESCRIPTOR) {
        finding_fail(finding, "raise the limit of open files: ulimit -n 1024");
    } else {
        finding_fail(finding, "leave it more memory");
    }
}

/* What io_uring said: an engine that may fall back tells. 0: it said nothing. */
static int refusal_of_uring(void)
{
    const struct quoit_options options = { .requests_max = 1, .in_flight_max = 1 };
    struct quoit_engine *engine = NULL;
    struct quoit_stats stats = { 0 };

    if (quoit_create(&options, &engine) == QUOIT_OK) {
        quoit_stats_read(engine, &stats);
        quoit_destroy(engine);
    }
    return stats.io_refusal;
}

/* The only way to know is to make one. */
bool doctor_check_engine(struct findings *findings, const struct facts *facts, enum quoit_io io)
{
    const struct quoit_options options = { .requests_max = 1, .in_flight_max = 1, .io = io };
    struct finding *finding = findings_add(findings, io == QUOIT_IO_EPOLL ? "epoll" : "io_uring");
    struct quoit_engine *engine = NULL;
    struct quoit_stats stats = { 0 };
    enum quoit_error error = quoit_create(&options, &engine);

    if (error == QUOIT_E_NO_URING) {
        doctor_explain_refusal(finding, facts, refusal_of_uring());
        finding->verdict = FINDING_FAIL; /* it was asked for, and nothing else */
        return false;
    }
    if (error != QUOIT_OK) {
        fail_of_engine(finding, error);
        return false;
    }
    quoit_stats_read(engine, &stats);
    quoit_destroy(engine);
    if (stats.io == QUOIT_IO_URING) {
        finding_say(finding, "works, with all that is asked of it");
    } else if (io == QUOIT_IO_EPOLL) {
        finding_say(finding, "works");
    } else {
        doctor_explain_refusal(finding, facts, stats.io_refusal);
        finding_say(finding, "; quoit runs on epoll");
    }
    return true;
}
