/*
 * output: opening, writing whole lines, and the window.
 */
#include "cli/output.h"

#include "cli/interrupt.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool output_init(struct output *output, uint64_t window_room)
{
    *output = (struct output){
        .answers = { .fd = -1 },
        .errors = { .fd = -1 },
        .ordered = window_room != 0,
        .window_room = window_room,
    };
    if (window_room == 0) {
        return true;
    }
    output->window = calloc(window_room, sizeof(*output->window));
    return output->window != NULL;
}

static void output_file_close(struct output_file *file)
{
    if (file->fd > STDERR_FILENO) {
        close(file->fd);
    }
    file->fd = -1;
}

void output_free(struct output *output)
{
    for (uint64_t i = 0; output->window != NULL && i < output->window_room; i++) {
        free(output->window[i].bytes);
    }
    free(output->window);
    output->window = NULL;
    output_file_close(&output->answers);
    output_file_close(&output->errors);
}

bool output_open(struct output_file *file, const char *path, int *os_error_out)
{
    bool is_stdout = path == NULL || strcmp(path, "-") == 0;
    struct stat status;
    int fd =
        is_stdout ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

    if (fd < 0 || fstat(fd, &status) != 0) {
        *os_error_out = errno;
        return false;
    }
    *file = (struct output_file){
        .name = is_stdout ? "stdout" : path,
        .fd = fd,
        .regular = S_ISREG(status.st_mode),
        .size = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0,
    };
    return true;
}

bool output_empty(struct output_file *file, int *os_error_out)
{
    if (file->size != 0 && file->fd != STDOUT_FILENO && ftruncate(file->fd, 0) != 0) {
        *os_error_out = errno;
        return false;
    }
    return true;
}

/* Take back the `size` bytes at the end of the file that are no whole line. */
static void output_untear(const struct output_file *file, size_t size)
{
    off_t end = file->regular && size > 0 ? lseek(file->fd, 0, SEEK_CUR) : -1;
    struct stat status;

    if (end >= (off_t)size && fstat(file->fd, &status) == 0 && status.st_size == end &&
        ftruncate(file->fd, end - (off_t)size) == 0) {
        (void)lseek(file->fd, end - (off_t)size, SEEK_SET);
    }
}

static void output_fail(struct output *output, const struct output_file *file, int os_error)
{
    if (!output->failed) {
        output->failed = true;
        output->os_error = os_error;
        output->failed_name = file->name;
    }
}

/* May a reader still hold us up, to begin a line, or to end one? */
static bool output_may_wait(bool line_begun)
{
    return interrupt_count() < (line_begun ? 3 : 2) && quoit_now_ns() < interrupt_end_ns();
}

/*
 * Write some of it: 0 or more bytes, or -1 with errno. To anything but a regular file in pieces
 * that go into a pipe with room whole (POSIX: PIPE_BUF), so that a reader who does not read holds
 * us up in poll, which ends, and not in write.
 */
static ssize_t output_write_some(const struct output_file *file, const char *bytes, size_t size)
{
    struct pollfd room = { .fd = file->fd, .events = POLLOUT };

    if (file->regular) {
        return write(file->fd, bytes, size);
    }
    if (poll(&room, 1, 1000) <= 0) {
        return 0;
    }
    return write(file->fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
}

/* All of it. One write is enough for all but pipes and full disks. */
static bool output_write(struct output *output, const struct output_file *file,
                         struct json_span line)
{
    size_t done = 0;

    while (done < line.size) {
        ssize_t count = output_write_some(file, line.bytes + done, line.size - done);
        if (count > 0) {
            done += (size_t)count;
            continue;
        }
        int os_error = count == 0 ? EINTR : errno;
        if ((os_error == EINTR || os_error == EAGAIN) && output_may_wait(done > 0)) {
            continue;
        }
        output_untear(file, done);
        output_fail(output, file, os_error);
        return false;
    }
    return true;
}

static void output_write_line(struct output *output, enum output_kind kind, struct json_span line)
{
    bool apart = kind == OUTPUT_FAILED && output->errors.fd >= 0;

    if (output->failed || !output_write(output, apart ? &output->errors : &output->answers, line)) {
        return;
    }
    if (kind == OUTPUT_GOOD) {
        output->good++;
    } else {
        output->failed_lines++;
    }
}

bool output_has_room(const struct output *output, uint64_t sequence)
{
    return !output->ordered || (sequence - output->first < output->window_room &&
                                output->held_bytes < OUTPUT_WINDOW_BYTES);
}

/* Write what waits, up to the first line that is not there yet. */
static void output_advance(struct output *output)
{
    for (;;) {
        struct output_held *held = &output->window[output->first % output->window_room];
        if (held->bytes == NULL && !held->skipped) {
            return;
        }
        output->cut = output->cut || held->skipped;
        if (!output->cut) {
            output_write_line(output, held->kind, (struct json_span){ held->bytes, held->size });
        }
        output->held_bytes -= held->size;
        free(held->bytes);
        *held = (struct output_held){ .bytes = NULL };
        output->first++;
    }
}

static struct output_held *output_place(struct output *output, uint64_t sequence)
{
    struct output_held *held = &output->window[sequence % output->window_room];

    assert(sequence >= output->first);
    assert(sequence - output->first < output->window_room);
    assert(held->bytes == NULL);
    assert(!held->skipped);
    return held;
}

void output_put(struct output *output, uint64_t sequence, enum output_kind kind,
                struct json_span line)
{
    if (!output->ordered) {
        output_write_line(output, kind, line);
        return;
    }
    struct output_held *held = output_place(output, sequence);
    if (sequence == output->first && !output->cut) { /* the usual case needs no copy */
        output_write_line(output, kind, line);
        output->first++;
        output_advance(output);
        return;
    }
    held->bytes = malloc(line.size);
    if (held->bytes == NULL) {
        held->skipped = true;
        output_fail(output, &output->answers, ENOMEM);
    } else {
        memcpy(held->bytes, line.bytes, line.size);
        held->size = line.size;
        held->kind = kind;
        output->held_bytes += line.size;
    }
    output_advance(output);
}

void output_skip(struct output *output, uint64_t sequence)
{
    if (output->ordered) {
        output_place(output, sequence)->skipped = true;
        output_advance(output);
    }
}

/*
 * Only a regular file has a disk behind it; and only there a close can say something new. False: it
 * is not certain that the lines of this file are anywhere.
 */
static bool output_sync(struct output *output, struct output_file *file)
{
    bool good = true;

    if (file->fd >= 0 && file->regular && !output->failed && fsync(file->fd) != 0 &&
        errno != EINVAL && errno != EROFS) {
        good = false;
        output_fail(output, file, errno);
    }
    if (file->fd > STDERR_FILENO && close(file->fd) != 0 && errno != EINTR) {
        good = false;
        output_fail(output, file, errno);
    }
    file->fd = -1;
    return good;
}

bool output_close(struct output *output)
{
    bool apart = output->errors.fd >= 0;

    if (!output_sync(output, &output->answers)) {
        output->good = 0;
        output->failed_lines = apart ? output->failed_lines : 0;
    }
    if (!output_sync(output, &output->errors)) {
        output->failed_lines = 0;
    }
    return !output->failed;
}
