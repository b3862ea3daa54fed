/*
 * output_file: one file that a run writes: opened, locked, and made anew beside itself.
 *
 * Happy path: output_file_open; output_file_lock; writes to fd; output_file_close.
 *
 * A regular file is locked (flock), so that two runs cannot write one file; the lock ends with the
 * process. A file is made anew by a copy beside it, which is locked before it takes the other's
 * place: so at each moment the name has all of one file or all of the other, and no other run in
 * between.
 */
#ifndef QUOIT_CLI_OUTPUT_FILE_H
#define QUOIT_CLI_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct output_file {
    const char *name; /* for messages; borrowed */
    int fd;           /* owned, but for stdout's; -1: none */
    bool regular;
    bool created;  /* it was not there before; output_file_sync_name makes that last */
    uint64_t size; /* when it was opened or locked */
};

enum output_locked {
    OUTPUT_LOCKED, /* or it is no regular file */
    OUTPUT_BUSY,   /* another run writes it */
    OUTPUT_LOST,   /* os_error */
};

/*
 * Open a file without changing what is in it; make it if it is not there. `path` NULL or "-" is
 * stdout. `readable`: it is to be read as well. False: os_error.
 */
bool output_file_open(struct output_file *file, const char *path, bool readable, int *os_error_out);

/* Lock it; `size` is then what nobody else changes any more. */
enum output_locked output_file_lock(struct output_file *file, int *os_error_out);

/* Empty it, if it is a regular file of its own name. False: os_error. */
bool output_file_empty(struct output_file *file, int *os_error_out);

/* Close without a word. */
void output_file_close(struct output_file *file);

/* See that the file's name is on disk. False: os_error. */
bool output_file_sync_name(const struct output_file *file, int *os_error_out);

/* A file that is made anew. */
struct output_copy {
    struct output_file *file; /* borrowed */
    char *path;               /* owned; of the file, without symbolic links */
    char *new_path;           /* owned */
    int fd;                   /* of the new one; owned */
};

/* Begin with an empty copy. False: os_error; nothing is there. */
bool output_copy_begin(struct output_copy *copy, struct output_file *file, int *os_error_out);

/* Append the bytes of the file from `begin` to `end`. False: os_error. */
bool output_copy_append(struct output_copy *copy, uint64_t begin, uint64_t end, int *os_error_out);

/*
 * The copy takes the file's place, on disk too; it stands at its end. False: os_error, and the file
 * is as it was.
 */
bool output_copy_end(struct output_copy *copy, int *os_error_out);

/* The copy is not wanted. */
void output_copy_forget(struct output_copy *copy);

#endif
