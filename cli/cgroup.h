/*
 * cgroup: what the control groups of this process leave it: processors and threads.
 *
 * A limit may be set at any level, so each question goes from our own group up to the root and
 * takes the tightest answer. Both hierarchies are read: version 2, and version 1 where it has the
 * controller. In a container whose own path is not to be seen the groups that are there count.
 */
#ifndef QUOIT_CLI_CGROUP_H
#define QUOIT_CLI_CGROUP_H

#include "cli/facts.h"

/* Per cent of one processor. UINT64_MAX: no limit that can be seen. */
uint64_t cgroup_cpu_percent(const struct facts *facts);

/* How many more processes and threads may be started. UINT64_MAX: no limit that can be seen. */
uint64_t cgroup_tasks_left(const struct facts *facts);

/* How often the limit on processors has stopped one of our groups so far. */
uint64_t cgroup_throttled(const struct facts *facts);

#endif
