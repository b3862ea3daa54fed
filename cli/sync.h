/*
 * sync: a thread that brings what was written to disk, group by group, while the run goes on.
 *
 *     run:     write, write, sync_post ..... write, sync_post ......... sync_end
 *     thread:              fdatasync | pause | fdatasync | pause |      fdatasync
 *
 * Happy path: sync_create; sync_post after lines were written; sync_read says how many of them are
 * on disk; sync_end brings the last ones there.
 *
 * It fails when fdatasync does: from then on nothing more is called on disk, since the kernel tells
 * of a lost page once only. The engine is woken for that, and for nothing else.
 */
#ifndef QUOIT_CLI_SYNC_H
#define QUOIT_CLI_SYNC_H

#include "quoit.h"

#define SYNC_FILES 2

/* Lines of one file. */
struct sync_counts {
    uint64_t good, failed;
};

/* What is on disk. */
struct sync_state {
    struct sync_counts durable[SYNC_FILES];
    int os_error;       /* 0: nothing has failed */
    size_t failed_file; /* then: which of the two */
};

struct sync; /* opaque */

/*
 * Begin with nothing written. A descriptor of -1 is no file.
 *
 *   Borrows  the descriptors and engine, until sync_end.
 *   Blocks   never.
 *
 * False: the thread could not be started, and why. EINVAL of fdatasync is no error: such files have
 * no disk.
 */
bool sync_create(const int fds[SYNC_FILES], struct quoit_engine *engine, struct sync **sync_out,
                 int *os_error_out);

/* So much was written in all. Costs an uncontended lock; a wake-up if the thread had no work. */
void sync_post(struct sync *sync, const struct sync_counts written[SYNC_FILES]);

void sync_read(struct sync *sync, struct sync_state *state_out);

/* Bring all that was posted to disk, end the thread, free. Blocks for the disk. NULL is allowed. */
void sync_end(struct sync *sync, struct sync_state *state_out);

/* fdatasync, where that means something. 0, or errno. */
int sync_now(int fd);

#endif
