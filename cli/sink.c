/*
 * sink: see sink.h.
 */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINK_BUFFER_SIZE ((size_t)1 << 20)

void sink_init(struct sink *sink)
{
    *sink = (struct sink){ .folder_fd = -1 };
}

static enum exit_code sink_refuse(const struct sink *sink, int os_error)
{
    fprintf(stderr, "quoit: %s cannot be written: %s\n", sink->name, strerror(os_error));
    return EXIT_OUTPUT;
}

/* Find the folder and the name in it of a file that is there or may be made. */
static bool sink_find(struct sink *sink, const char *path)
{
    char *real = realpath(path, NULL); /* through links, so that they stay links */
    char *copy = real != NULL ? real : strdup(path);
    char *slash = copy == NULL ? NULL : strrchr(copy, '/');
    const char *folder = slash == NULL ? "." : slash == copy ? "/" : copy;

    if (copy == NULL) {
        return false;
    }
    sink->base = strdup(slash != NULL ? slash + 1 : copy);
    if (slash != NULL) {
        *slash = '\0';
    }
    sink->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int os_error = errno;
    free(copy);
    if (sink->base == NULL || asprintf(&sink->part, "%s.part-%d", sink->base, (int)getpid()) < 0) {
        sink->part = NULL;
        os_error = ENOMEM;
    }
    errno = os_error;
    return sink->folder_fd >= 0 && sink->part != NULL;
}

static bool sink_stat(const char *path, int fd_without_name, struct stat *status_out)
{
    bool has_name = path != NULL && strcmp(path, "-") != 0;

    return (has_name ? stat(path, status_out) : fstat(fd_without_name, status_out)) == 0 &&
           S_ISREG(status_out->st_mode);
}

bool sink_is_source(const char *path, const char *source)
{
    struct stat a, b;

    return sink_stat(path, STDOUT_FILENO, &a) && sink_stat(source, STDIN_FILENO, &b) &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

enum exit_code sink_open(struct sink *sink, const char *path, bool overwrite)
{
    bool is_stdout = path == NULL || strcmp(path, "-") == 0;
    struct stat status = { .st_mode = 0666 };
    int fd;

    sink_init(sink);
    sink->name = is_stdout ? "stdout" : path;
    if (is_stdout) {
        sink->file = stdout;
        return EXIT_GOOD;
    }
    bool is_there = stat(path, &status) == 0;
    if (is_there && !S_ISREG(status.st_mode)) {
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } else if (is_there && status.st_size != 0 && !overwrite) {
        fprintf(stderr, "quoit: %s is not empty: say --overwrite, or another name\n", path);
        return EXIT_START;
    } else if (!sink_find(sink, path)) {
        return sink_refuse(sink, errno);
    } else {
        fd = openat(sink->folder_fd, sink->part,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, status.st_mode & 0777);
    }
    sink->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (sink->file == NULL) {
        return sink_refuse(sink, errno);
    }
    (void)setvbuf(sink->file, NULL, _IOFBF, SINK_BUFFER_SIZE); /* it only saves calls */
    return EXIT_GOOD;
}

bool sink_is_same(const struct sink *one, const struct sink *other)
{
    struct stat a, b;

    if (one->file == stdout || other->file == stdout) {
        return one->file == other->file;
    }
    return one->folder_fd >= 0 && other->folder_fd >= 0 && fstat(one->folder_fd, &a) == 0 &&
           fstat(other->folder_fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
           strcmp(one->base, other->base) == 0;
}

bool sink_put(struct sink *sink, struct json_span line)
{
    if ((line.size != 0 && fwrite(line.bytes, 1, line.size, sink->file) != line.size) ||
        putc('\n', sink->file) == EOF) {
        sink->os_error = errno;
        return false;
    }
    sink->lines++;
    return true;
}

/* Free what hangs on it; the file is closed. */
static void sink_free(struct sink *sink)
{
    if (sink->folder_fd >= 0) {
        close(sink->folder_fd);
    }
    free(sink->base);
    free(sink->part);
    sink_init(sink);
}

/* All that was written is where it belongs. False: errno. */
static bool sink_settle(struct sink *sink)
{
    bool is_stdout = sink->file == stdout;
    bool good = sink->os_error == 0 && fflush(sink->file) == 0;

    if (good && sink->part != NULL) {
        good = fsync(fileno(sink->file)) == 0;
    }
    int os_error = sink->os_error != 0 ? sink->os_error : errno;
    if (!is_stdout && fclose(sink->file) != 0 && good) {
        good = false;
        os_error = errno;
    }
    sink->file = NULL;
    errno = os_error;
    if (!good || sink->part == NULL) {
        return good;
    }
    return renameat(sink->folder_fd, sink->part, sink->folder_fd, sink->base) == 0 &&
           (fsync(sink->folder_fd) == 0 || errno == EINVAL);
}

bool sink_close(struct sink *sink)
{
    bool good = sink_settle(sink);

    if (!good) {
        (void)sink_refuse(sink, errno);
        if (sink->part != NULL) {
            (void)unlinkat(sink->folder_fd, sink->part, 0);
        }
    }
    sink_free(sink);
    return good;
}

void sink_drop(struct sink *sink)
{
    if (sink->file != NULL && sink->file != stdout) {
        fclose(sink->file);
    }
    if (sink->part != NULL) {
        (void)unlinkat(sink->folder_fd, sink->part, 0);
    }
    sink_free(sink);
}
