/*
 * cgroup: the tightest limit of all levels, in both versions.
 */
#include "cli/cgroup.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define V2 "/sys/fs/cgroup"

static void test_without_groups_there_is_no_limit(void)
{
    machine_reset();
    CHECK(cgroup_cpu_percent(&machine) == UINT64_MAX);
    CHECK(cgroup_tasks_left(&machine) == UINT64_MAX);
    CHECK_EQ(cgroup_throttled(&machine), 0);
    machine_write("/proc/self/cgroup", "0::/\n");
    CHECK(cgroup_cpu_percent(&machine) == UINT64_MAX);
    machine_write("/proc/self/cgroup", "nonsense\n");
    CHECK(cgroup_tasks_left(&machine) == UINT64_MAX);
}

static void test_a_container_sees_its_own_group_as_the_root(void)
{
    machine_reset();
    machine_write("/proc/self/cgroup", "0::/\n");
    machine_write(V2 "/cpu.max", "150000 100000\n");
    machine_write(V2 "/pids.max", "100\n");
    machine_write(V2 "/pids.current", "97\n");
    machine_write(V2 "/cpu.stat", "usage_usec 1\nnr_periods 9\nnr_throttled 4\n");
    CHECK_EQ(cgroup_cpu_percent(&machine), 150);
    CHECK_EQ(cgroup_tasks_left(&machine), 3);
    CHECK_EQ(cgroup_throttled(&machine), 4);
}

static void test_the_tightest_of_all_levels_counts(void)
{
    machine_reset();
    machine_write("/proc/self/cgroup", "0::/a/b\n");
    machine_write(V2 "/a/b/cpu.max", "max 100000\n");
    machine_write(V2 "/a/cpu.max", "50000 100000\n");
    machine_write(V2 "/a/b/pids.max", "max\n");
    machine_write(V2 "/a/b/pids.current", "1\n");
    machine_write(V2 "/a/pids.max", "10\n");
    machine_write(V2 "/a/pids.current", "12\n");
    machine_write(V2 "/a/b/cpu.stat", "nr_throttled 1\n");
    machine_write(V2 "/a/cpu.stat", "nr_throttled 2\n");
    CHECK_EQ(cgroup_cpu_percent(&machine), 50);
    CHECK_EQ(cgroup_tasks_left(&machine), 0);
    CHECK_EQ(cgroup_throttled(&machine), 3);
}

static void test_version_1_is_read_where_it_has_the_controller(void)
{
    machine_reset();
    machine_write("/proc/self/cgroup",
                  "12:cpuacct:/no\n5:pids:/job\n4:cpu,cpuset:/job/step\n0::/elsewhere\n");
    machine_write(V2 "/cpu/job/cpu.cfs_quota_us", "200000\n");
    machine_write(V2 "/cpu/job/cpu.cfs_period_us", "100000\n");
    machine_write(V2 "/cpu/job/step/cpu.cfs_quota_us", "-1\n");
    machine_write(V2 "/cpu/job/step/cpu.cfs_period_us", "100000\n");
    machine_write(V2 "/pids/job/pids.max", "20\n");
    machine_write(V2 "/pids/job/pids.current", "5\n");
    machine_write(V2 "/cpu/cpu.stat", "nr_throttled 7\n");
    machine_write(V2 "/elsewhere/cpu.max", "1000 100000\n");
    CHECK_EQ(cgroup_cpu_percent(&machine), 200);
    CHECK_EQ(cgroup_tasks_left(&machine), 15);
    CHECK_EQ(cgroup_throttled(&machine), 7);
}

int main(void)
{
    RUN(test_without_groups_there_is_no_limit);
    RUN(test_a_container_sees_its_own_group_as_the_root);
    RUN(test_the_tightest_of_all_levels_counts);
    RUN(test_version_1_is_read_where_it_has_the_controller);
    machine_close();
    return check_done();
}
