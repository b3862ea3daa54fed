/*
 * kernel: see kernel.h. Pure.
 */
#include "cli/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct kernel_number {
    unsigned major, minor, patch;
    bool exact; /* the patch is of kernel.org, not of a distribution */
};

/* The first release of each series that has the repair. */
static const struct kernel_number kernel_repaired[] = {
    { 6, 1, 139, true },
    { 6, 6, 91, true },
    { 6, 12, 29, true },
    { 6, 14, 7, true },
};

/* False: that is no number of a kernel. */
static bool kernel_parse(const char *text, struct kernel_number *number_out)
{
    struct kernel_number number = { 0, 0, 0, true };
    int size = 0;

    if (sscanf(text, "%u.%u%n.%u%n", &number.major, &number.minor, &size, &number.patch, &size) <
        2) {
        return false;
    }
    /* 6.8.0-60-generic: what counts there is the 60, and only the distribution knows what it is. */
    number.exact = number.patch != 0 || text[size] != '-';
    *number_out = number;
    return true;
}

static bool kernel_is_before(const struct kernel_number *number, unsigned major, unsigned minor)
{
    return number->major < major || (number->major == major && number->minor < minor);
}

enum kernel_verdict kernel_judge(const char *release, const char *version)
{
    const char *debian = strstr(version, "Debian ");
    struct kernel_number number = { 0 };

    if (!(debian != NULL && kernel_parse(debian + strlen("Debian "), &number) && number.exact) &&
        !kernel_parse(release, &number)) {
        return KERNEL_UNTOLD;
    }
    if (kernel_is_before(&number, 6, 1)) {
        return KERNEL_OLD;
    }
    if (!kernel_is_before(&number, 6, 15)) {
        return KERNEL_GOOD;
    }
    for (size_t i = 0; i < COUNT_OF(kernel_repaired) && number.exact; i++) {
        if (number.minor == kernel_repaired[i].minor) {
            return number.patch >= kernel_repaired[i].patch ? KERNEL_GOOD : KERNEL_UNFIXED;
        }
    }
    return number.exact ? KERNEL_UNFIXED : KERNEL_UNTOLD;
}
