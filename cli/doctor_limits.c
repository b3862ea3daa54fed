/*
 * doctor_limits: what this process may hold: descriptors, locked memory, threads, ports.
 */
#include "cli/cgroup.h"
#include "cli/doctor_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define KIB 1024u
#define CONNECTIONS_USUAL 64   /* the -c of who says none */
#define DESCRIPTORS_OF_RUN 10  /* ring, eventfd, input, outputs, journal, a name look-up */
#define MEMORY_LOCKED_SMALL 64 /* KiB; up to this the rings are made smaller */
#define THREADS_OF_RESOLVER 8  /* at once, at most */
#define PORTS_FEW 10000        /* of 28,232 by default */
#define TIME_WAIT_SECONDS 60   /* tcp(7): fixed in the kernel */
#define BACKLOG_SMALL 1024     /* 4096 by default since 5.4 */
#define TW_REUSE_ALWAYS 1

/* "1024", or "unlimited". */
static const char *limit_text(rlim_t limit, char out[32])
{
    if (limit == RLIM_INFINITY) {
        return "unlimited";
    }
    snprintf(out, 32, "%ju", (uintmax_t)limit);
    return out;
}

/* Descriptors below `limit` that are open. */
static rlim_t count_open(rlim_t limit)
{
    rlim_t count = 0;

    for (int fd = 0; (rlim_t)fd < limit; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

uint64_t doctor_connections_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    /* Those that we were started with stand at the front. */
    rlim_t used = count_open(limit.rlim_cur < 256 ? limit.rlim_cur : 256) + DESCRIPTORS_OF_RUN;
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

static void check_descriptors(struct findings *findings)
{
    struct finding *finding = findings_add(findings, "open files");
    char soft[32], hard[32];
    uint64_t most = doctor_connections_max();
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        finding_say(finding, "unknown: %s", strerror(errno));
        return;
    }
    finding_say(finding, "%s, at most %s (RLIMIT_NOFILE): ", limit_text(limit.rlim_cur, soft),
                limit_text(limit.rlim_max, hard));
    if (most == 0) {
        finding_say(finding, "none is left for a connection");
    } else {
        finding_say(finding, "-c up to %ju", (uintmax_t)(most < 1000000 ? most : 1000000));
    }
    if (most >= CONNECTIONS_USUAL) {
        return;
    }
    const char *remedy = limit.rlim_max > limit.rlim_cur + CONNECTIONS_USUAL
                             ? "raise it: ulimit -n 1024"
                             : "raise it where it is set: limits.conf, LimitNOFILE=, docker "
                               "--ulimit nofile=";
    if (most == 0) {
        finding_fail(finding, "%s", remedy);
    } else {
        finding_warn(finding, "%s", remedy);
    }
}

/* Who has CAP_IPC_LOCK may lock what he likes; in a container root mostly has it not. */
static bool memory_is_free(void)
{
    return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_IPC_LOCK) == 1;
}

static void check_locked_memory(struct findings *findings)
{
    struct finding *finding = findings_add(findings, "locked memory");
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        finding_say(finding, "unknown: %s", strerror(errno));
    } else if (limit.rlim_cur == RLIM_INFINITY) {
        finding_say(finding, "unlimited (RLIMIT_MEMLOCK)");
    } else {
        finding_say(finding, "%ju KiB (RLIMIT_MEMLOCK)", (uintmax_t)limit.rlim_cur / KIB);
        if (limit.rlim_cur <= MEMORY_LOCKED_SMALL * KIB && !memory_is_free()) {
            finding_say(finding, ": rings are made smaller, or not at all");
            finding_warn(finding, "raise it: ulimit -l 8192, LimitMEMLOCK=, docker --ulimit "
                                  "memlock=");
        }
    }
}

/* Of threads a run needs few: names are looked up by them. */
static void check_threads(struct findings *findings, const struct facts *facts)
{
    struct finding *finding = findings_add(findings, "threads");
    uint64_t left = cgroup_tasks_left(facts);
    char soft[32];
    struct rlimit limit;

    if (getrlimit(RLIMIT_NPROC, &limit) == 0) {
        finding_say(finding, "%s of this user (RLIMIT_NPROC)", limit_text(limit.rlim_cur, soft));
        if (limit.rlim_cur < THREADS_OF_RESOLVER && geteuid() != 0) {
            finding_warn(finding, "raise it: ulimit -u 4096; each name look-up takes a thread");
        }
    }
    if (left != UINT64_MAX) {
        finding_say(finding, ", %ju more in this control group", (uintmax_t)left);
    }
    if (left < THREADS_OF_RESOLVER) {
        finding_warn(finding, "raise the group's pids.max (docker --pids-limit, TasksMax=): each "
                              "name look-up takes a thread");
    }
}

/* A connection that we close first holds its port for a minute. */
static void check_ports(struct findings *findings, const struct facts *facts)
{
    struct finding *finding = findings_add(findings, "local ports");
    unsigned first = 0, last = 0;
    uint64_t reuse = 0;
    char line[FACTS_LINE_MAX];

    if (!facts_line(facts, "/proc/sys/net/ipv4/ip_local_port_range", line) ||
        sscanf(line, "%u %u", &first, &last) != 2 || last < first) {
        finding_say(finding, "unknown");
        return;
    }
    unsigned count = last - first + 1;
    bool reused =
        facts_number(facts, "/proc/sys/net/ipv4/tcp_tw_reuse", &reuse) && reuse == TW_REUSE_ALWAYS;
    finding_say(finding,
                "%u (ip_local_port_range), tcp_tw_reuse %ju: %u new connections a minute "
                "to one server",
                count, (uintmax_t)reuse, reused ? count * TIME_WAIT_SECONDS : count);
    if (count < PORTS_FEW && !reused) {
        finding_warn(finding, "matters where the server closes after each answer; as root: sysctl "
                              "net.ipv4.ip_local_port_range='1024 60999'");
    }
}

static void check_backlog(struct findings *findings, const struct facts *facts)
{
    struct finding *finding = findings_add(findings, "backlog");
    uint64_t most = 0;

    if (!facts_number(facts, "/proc/sys/net/core/somaxconn", &most)) {
        finding_say(finding, "unknown");
        return;
    }
    finding_say(finding, "%ju (somaxconn): connections that wait for a server of this machine",
                (uintmax_t)most);
    if (most < BACKLOG_SMALL) {
        finding_warn(finding, "matters for a server here that many connect to at once; as root: "
                              "sysctl net.core.somaxconn=4096");
    }
}

void doctor_check_limits(struct findings *findings, const struct facts *facts)
{
    check_descriptors(findings);
    check_locked_memory(findings);
    check_threads(findings, facts);
    check_ports(findings, facts);
    check_backlog(findings, facts);
}
