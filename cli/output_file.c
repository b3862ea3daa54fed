/*
 * output_file: over open, flock, rename and fsync.
 */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_TRIES_MAX 16 /* another run may put a file under this name, or take it away */
#define COPY_PIECE_MAX ((uint64_t)1 << 30)

/* Open what is there, or make it and say so. */
static int open_or_create(const char *path, int flags, bool *created_out)
{
    int fd = -1;

    for (int i = 0; i < OPEN_TRIES_MAX && fd < 0; i++) {
        *created_out = false;
        fd = open(path, flags);
        if (fd >= 0 || errno != ENOENT) {
            return fd;
        }
        *created_out = true;
        fd = open(path, flags | O_CREAT | O_EXCL, 0666);
        if (fd < 0 && errno == EEXIST) {
            /* It came just now; or the name is a link to a file that is not there. */
            *created_out = false;
            fd = open(path, flags | O_CREAT, 0666);
        }
    }
    return fd;
}

static bool output_file_measure(struct output_file *file, int *os_error_out)
{
    struct stat status;

    if (fstat(file->fd, &status) != 0) {
        *os_error_out = errno;
        return false;
    }
    file->regular = S_ISREG(status.st_mode);
    file->size = file->regular ? (uint64_t)status.st_size : 0;
    return true;
}

bool output_file_open(struct output_file *file, const char *path, bool readable, int *os_error_out)
{
    bool is_stdout = path == NULL || strcmp(path, "-") == 0;
    struct output_file opened = { .name = is_stdout ? "stdout" : path, .fd = STDOUT_FILENO };

    if (!is_stdout) {
        int flags = (readable ? O_RDWR : O_WRONLY) | O_CLOEXEC | O_NOCTTY;
        opened.fd = open_or_create(path, flags, &opened.created);
    }
    if (opened.fd < 0) {
        *os_error_out = errno;
        return false;
    }
    if (!output_file_measure(&opened, os_error_out)) {
        output_file_close(&opened);
        return false;
    }
    *file = opened;
    return true;
}

void output_file_close(struct output_file *file)
{
    if (file->fd > STDERR_FILENO) {
        close(file->fd);
    }
    file->fd = -1;
}

/* Is the file still the one of its name? A run that made it anew may have held the lock till now.
 */
static bool output_file_has_name(const struct output_file *file)
{
    struct stat here, there;

    return file->fd == STDOUT_FILENO ||
           (fstat(file->fd, &here) == 0 && stat(file->name, &there) == 0 &&
            here.st_dev == there.st_dev && here.st_ino == there.st_ino);
}

enum output_locked output_file_lock(struct output_file *file, int *os_error_out)
{
    if (file->fd < 0 || !file->regular) {
        return OUTPUT_LOCKED;
    }
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return OUTPUT_BUSY;
        }
        if (errno != ENOLCK && errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS) {
            *os_error_out = errno;
            return OUTPUT_LOST;
        }
        /* A file system without locks: then it is for people to start one run at a time. */
    }
    if (!output_file_has_name(file)) {
        return OUTPUT_BUSY;
    }
    return output_file_measure(file, os_error_out) ? OUTPUT_LOCKED : OUTPUT_LOST;
}

bool output_file_empty(struct output_file *file, int *os_error_out)
{
    if (file->size != 0 && file->fd != STDOUT_FILENO && ftruncate(file->fd, 0) != 0) {
        *os_error_out = errno;
        return false;
    }
    return true;
}

/* The folder of `path`, on disk. */
static bool sync_folder_of(const char *path, int *os_error_out)
{
    char *copy = strdup(path); /* dirname writes into it */
    int fd = copy == NULL ? -1 : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Folders that may not be read, and file systems that cannot do it, are not ours to mend. */
    bool good = fd < 0 ? copy != NULL : fsync(fd) == 0 || errno == EINVAL || errno == EROFS;

    if (!good) {
        *os_error_out = copy == NULL ? ENOMEM : errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    free(copy);
    return good;
}

bool output_file_sync_name(const struct output_file *file, int *os_error_out)
{
    return file->fd < 0 || !file->created || sync_folder_of(file->name, os_error_out);
}

/* --- A file made anew --- */

void output_copy_forget(struct output_copy *copy)
{
    if (copy->fd >= 0) {
        close(copy->fd);
        (void)unlink(copy->new_path);
    }
    free(copy->path);
    free(copy->new_path);
    *copy = (struct output_copy){ .fd = -1 };
}

static bool copy_make(struct output_copy *copy)
{
    struct stat status;

    copy->path = realpath(copy->file->name, NULL);
    if (copy->path == NULL || asprintf(&copy->new_path, "%s.quoit-new", copy->path) < 0) {
        return false;
    }
    /* One that is there is the rest of a run that was killed: the lock says that it is over. */
    if (unlink(copy->new_path) != 0 && errno != ENOENT) {
        return false;
    }
    copy->fd = open(copy->new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (copy->fd < 0 || fstat(copy->file->fd, &status) != 0) {
        return false;
    }
    if (fchown(copy->fd, status.st_uid, status.st_gid) != 0) {
        /* Only root may give files away; then it is ours. */
    }
    return fchmod(copy->fd, status.st_mode & 07777) == 0 &&
           (flock(copy->fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK);
}

bool output_copy_begin(struct output_copy *copy, struct output_file *file, int *os_error_out)
{
    *copy = (struct output_copy){ .file = file, .fd = -1 };
    if (!copy_make(copy)) {
        *os_error_out = errno;
        output_copy_forget(copy);
        return false;
    }
    return true;
}

bool output_copy_append(struct output_copy *copy, uint64_t begin, uint64_t end, int *os_error_out)
{
    off_t at = (off_t)begin;

    while ((uint64_t)at < end) {
        uint64_t left = end - (uint64_t)at;
        ssize_t count = sendfile(copy->fd, copy->file->fd, &at,
                                 (size_t)(left < COPY_PIECE_MAX ? left : COPY_PIECE_MAX));
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (count <= 0) {
            *os_error_out =
                count < 0 ? errno : EIO; /* the file became shorter: nobody may do that */
            return false;
        }
    }
    return true;
}

bool output_copy_end(struct output_copy *copy, int *os_error_out)
{
    if (fsync(copy->fd) != 0 || rename(copy->new_path, copy->path) != 0) {
        *os_error_out = errno;
        output_copy_forget(copy);
        return false;
    }
    struct output_file *file = copy->file;
    close(file->fd);
    file->fd = copy->fd;
    copy->fd = -1;
    bool good = sync_folder_of(copy->path, os_error_out);
    output_copy_forget(copy);
    return good && output_file_measure(file, os_error_out);
}
