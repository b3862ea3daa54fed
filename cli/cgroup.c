/*
 * cgroup: see cgroup.h.
 */
#include "cli/cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* One group, on the way up. */
struct cgroup {
    const struct facts *facts;
    bool unified; /* version 2 */
    size_t root_size;
    char folder[FACTS_LINE_MAX + 64];
};

/* Is `controller` one of a list with commas that ends at a colon? */
static bool cgroup_list_has(const char *list, const char *controller)
{
    size_t size = strlen(controller);

    for (;;) {
        size_t word_size = strcspn(list, ",:");
        if (word_size == size && memcmp(list, controller, size) == 0) {
            return true;
        }
        if (list[word_size] != ',') {
            return false;
        }
        list += word_size + 1;
    }
}

/* The path in a line "NUMBER:CONTROLLERS:PATH" of the hierarchy with that controller, or NULL. */
static const char *cgroup_path_of(char *line, const char *controller, bool *unified_out)
{
    char *list = strchr(line, ':');
    char *path = list == NULL ? NULL : strchr(list + 1, ':');

    if (path == NULL) {
        return NULL;
    }
    path[1 + strcspn(path + 1, "\n")] = '\0';
    *unified_out = path == list + 1;
    return *unified_out || cgroup_list_has(list + 1, controller) ? path + 1 : NULL;
}

/* Our own group for that controller. Version 1 goes first: where it has one, version 2 has not. */
static bool cgroup_begin(struct cgroup *cgroup, const struct facts *facts, const char *controller)
{
    char path[FACTS_PATH_MAX], line[FACTS_LINE_MAX];
    bool found = false;

    *cgroup = (struct cgroup){ .facts = facts };
    snprintf(path, sizeof(path), "%s/proc/self/cgroup", facts->root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        bool unified = false;
        const char *group = cgroup_path_of(line, controller, &unified);
        if (group == NULL || (found && unified)) {
            continue;
        }
        int root_size = snprintf(cgroup->folder, sizeof(cgroup->folder), "/sys/fs/cgroup%s%s",
                                 unified ? "" : "/", unified ? "" : controller);
        cgroup->root_size = (size_t)root_size;
        snprintf(cgroup->folder + root_size, sizeof(cgroup->folder) - cgroup->root_size, "%s",
                 strcmp(group, "/") == 0 ? "" : group);
        cgroup->unified = unified;
        found = true;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

/* One level up. False: this was the root. */
static bool cgroup_rise(struct cgroup *cgroup)
{
    char *slash = strrchr(cgroup->folder + cgroup->root_size, '/');

    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* The path of one of the group's files; good until the next one. */
static const char *cgroup_file(const struct cgroup *cgroup, const char *name)
{
    static char path[FACTS_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", cgroup->folder, name);
    return path;
}

/* False: this group sets no limit. */
static bool cgroup_cpu_limit(const struct cgroup *cgroup, uint64_t *quota_out, uint64_t *period_out)
{
    char line[FACTS_LINE_MAX];

    if (cgroup->unified) { /* "max 100000" or "200000 100000" */
        return facts_line(cgroup->facts, cgroup_file(cgroup, "cpu.max"), line) &&
               sscanf(line, "%" SCNu64 " %" SCNu64, quota_out, period_out) == 2;
    }
    return facts_number(cgroup->facts, cgroup_file(cgroup, "cpu.cfs_quota_us"), quota_out) &&
           facts_number(cgroup->facts, cgroup_file(cgroup, "cpu.cfs_period_us"), period_out);
}

uint64_t cgroup_cpu_percent(const struct facts *facts)
{
    uint64_t least = UINT64_MAX, quota = 0, period = 0;
    struct cgroup cgroup;

    if (!cgroup_begin(&cgroup, facts, "cpu")) {
        return UINT64_MAX;
    }
    do {
        if (cgroup_cpu_limit(&cgroup, &quota, &period) && period != 0) {
            uint64_t percent = quota * 100 / period;
            least = percent < least ? percent : least;
        }
    } while (cgroup_rise(&cgroup));
    return least;
}

uint64_t cgroup_tasks_left(const struct facts *facts)
{
    uint64_t least = UINT64_MAX, most = 0, current = 0;
    struct cgroup cgroup;

    if (!cgroup_begin(&cgroup, facts, "pids")) {
        return UINT64_MAX;
    }
    do {
        if (facts_number(facts, cgroup_file(&cgroup, "pids.max"), &most) && most != UINT64_MAX &&
            facts_number(facts, cgroup_file(&cgroup, "pids.current"), &current)) {
            uint64_t left = most > current ? most - current : 0;
            least = left < least ? left : least;
        }
    } while (cgroup_rise(&cgroup));
    return least;
}

uint64_t cgroup_throttled(const struct facts *facts)
{
    uint64_t sum = 0, count = 0;
    struct cgroup cgroup;

    if (!cgroup_begin(&cgroup, facts, "cpu")) {
        return 0;
    }
    do {
        if (facts_field(facts, cgroup_file(&cgroup, "cpu.stat"), "nr_throttled", &count)) {
            sum += count;
        }
    } while (cgroup_rise(&cgroup));
    return sum;
}
