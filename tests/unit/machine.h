/*
 * machine: a machine out of a folder, for what reads /proc and /sys.
 */
#ifndef QUOIT_TESTS_MACHINE_H
#define QUOIT_TESTS_MACHINE_H

#include "cli/facts.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char machine_root[64];
static struct facts machine = { .root = machine_root };

static inline int machine_remove_one(const char *path, const struct stat *status, int kind,
                                     struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* An empty one, in place of the one before. */
static inline void machine_reset(void)
{
    if (*machine_root != '\0') {
        nftw(machine_root, machine_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    snprintf(machine_root, sizeof(machine_root), "/tmp/quoit-machine-XXXXXX");
    if (mkdtemp(machine_root) == NULL) {
        perror(machine_root);
        exit(1);
    }
}

static inline void machine_close(void)
{
    machine_reset();
    remove(machine_root);
    *machine_root = '\0';
}

/* A file of it, with all folders above. */
static inline void machine_write(const char *path, const char *text)
{
    char whole[1024];

    snprintf(whole, sizeof(whole), "%s%s", machine_root, path);
    for (char *at = whole + strlen(machine_root) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(whole);
        exit(1);
    }
}

#endif
