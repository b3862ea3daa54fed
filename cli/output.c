/*
 * output: opening, writing whole lines, and the window.
 */
#include "cli/output.h"

#include "cli/interrupt.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool output_init(struct output *output, uint64_t window_room)
{
    *output = (struct output){
        .promise = OUTPUT_NEVER,
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

bool output_begin(struct output *output, enum output_promise promise, struct quoit_engine *engine,
                  int *os_error_out)
{
    const int fds[SYNC_FILES] = {
        output->answers.regular ? output->answers.fd : -1,
        output->errors.regular ? output->errors.fd : -1,
    };

    output->promise = promise;
    if (promise != OUTPUT_GROUP || (fds[0] < 0 && fds[1] < 0)) {
        return true; /* nothing that a thread could do */
    }
    return sync_create(fds, engine, &output->sync, os_error_out);
}

void output_free(struct output *output)
{
    struct sync_state state;

    sync_end(output->sync, &state);
    output->sync = NULL;
    for (uint64_t i = 0; output->window != NULL && i < output->window_room; i++) {
        free(output->window[i].bytes);
    }
    free(output->window);
    output->window = NULL;
    output_file_close(&output->answers);
    output_file_close(&output->errors);
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

static void output_count(struct output *output, const struct sync_counts counts[SYNC_FILES])
{
    output->good = counts[0].good + counts[1].good;
    output->failed_lines = counts[0].failed + counts[1].failed;
}

uint64_t output_failed_so_far(const struct output *output)
{
    return output->written[0].failed + output->written[1].failed;
}

static void output_write_line(struct output *output, enum output_kind kind, struct json_span line)
{
    bool apart = kind == OUTPUT_FAILED && output->errors.fd >= 0;
    const struct output_file *file = apart ? &output->errors : &output->answers;
    struct sync_counts *written = &output->written[apart];

    if (output->failed || !output_write(output, file, line)) {
        return;
    }
    if (output->promise == OUTPUT_ALWAYS && file->regular) {
        int os_error = sync_now(file->fd);
        if (os_error != 0) {
            output_fail(output, file, os_error);
            return;
        }
    }
    if (kind == OUTPUT_GOOD) {
        written->good++;
    } else {
        written->failed++;
    }
    if (output->sync == NULL) {
        output_count(output, output->written);
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
        if (held->place == OUTPUT_NOTHING) {
            return;
        }
        output->cut = output->cut || held->place == OUTPUT_SKIPPED;
        output->lost += held->place == OUTPUT_LINE && output->cut && held->kind == OUTPUT_GOOD;
        if (held->place == OUTPUT_LINE && !output->cut) {
            output_write_line(output, held->kind, (struct json_span){ held->bytes, held->size });
        }
        output->held_bytes -= held->size;
        free(held->bytes);
        *held = (struct output_held){ .place = OUTPUT_NOTHING };
        output->first++;
    }
}

static struct output_held *output_held_at(struct output *output, uint64_t sequence)
{
    struct output_held *held = &output->window[sequence % output->window_room];

    assert(sequence >= output->first);
    assert(sequence - output->first < output->window_room);
    assert(held->place == OUTPUT_NOTHING);
    return held;
}

void output_put(struct output *output, uint64_t sequence, enum output_kind kind,
                struct json_span line)
{
    if (!output->ordered) {
        output_write_line(output, kind, line);
        return;
    }
    struct output_held *held = output_held_at(output, sequence);
    if (sequence == output->first && !output->cut) { /* the usual case needs no copy */
        output_write_line(output, kind, line);
        output->first++;
        output_advance(output);
        return;
    }
    held->bytes = malloc(line.size);
    if (held->bytes == NULL) {
        held->place = OUTPUT_SKIPPED;
        output_fail(output, &output->answers, ENOMEM);
    } else {
        memcpy(held->bytes, line.bytes, line.size);
        held->place = OUTPUT_LINE;
        held->size = line.size;
        held->kind = kind;
        output->held_bytes += line.size;
    }
    output_advance(output);
}

static void output_mark(struct output *output, uint64_t sequence, enum output_place place)
{
    if (output->ordered) {
        output_held_at(output, sequence)->place = place;
        output_advance(output);
    }
}

void output_skip(struct output *output, uint64_t sequence)
{
    output_mark(output, sequence, OUTPUT_SKIPPED);
}

void output_pass(struct output *output, uint64_t sequence)
{
    output_mark(output, sequence, OUTPUT_PASSED);
}

/* --- What is on disk --- */

static void output_take_state(struct output *output, const struct sync_state *state)
{
    output_count(output, state->durable);
    if (state->os_error != 0) {
        output_fail(output, state->failed_file == 0 ? &output->answers : &output->errors,
                    state->os_error);
    }
}

void output_update(struct output *output)
{
    struct sync_state state;

    if (output->sync != NULL) {
        sync_post(output->sync, output->written);
        sync_read(output->sync, &state);
        output_take_state(output, &state);
    }
}

void output_settle(struct output *output)
{
    struct sync_state state;

    if (output->sync != NULL) {
        sync_post(output->sync, output->written);
        sync_end(output->sync, &state);
        output->sync = NULL;
        output_take_state(output, &state);
    }
}

/*
 * Only the close of a regular file can say something new. False: it is not certain that the lines
 * of this file are anywhere; where it was promised, they are on disk all the same.
 */
static bool output_close_file(struct output *output, struct output_file *file)
{
    bool good = true;

    if (file->fd > STDERR_FILENO && close(file->fd) != 0 && errno != EINTR) {
        good = output->promise != OUTPUT_NEVER;
        output_fail(output, file, errno);
    }
    file->fd = -1;
    return good;
}

bool output_close(struct output *output)
{
    output_settle(output);
    if (!output_close_file(output, &output->answers)) {
        output->written[0] = (struct sync_counts){ 0, 0 };
        output_count(output, output->written);
    }
    if (!output_close_file(output, &output->errors)) {
        output->written[1] = (struct sync_counts){ 0, 0 };
        output_count(output, output->written);
    }
    return !output->failed;
}
