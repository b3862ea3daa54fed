/*
 * input: one buffer, which holds at least the line at hand.
 *
 *     bytes: | handed out | the line at hand ... | free |
 *            0          begin     searched      end    room
 */
#include "cli/input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_ROOM_MIN ((size_t)256 << 10)

bool input_open(struct input *input, const char *path)
{
    struct stat status;
    bool is_stdin = strcmp(path, "-") == 0;

    *input = (struct input){
        .name = is_stdin ? "stdin" : path,
        .line_max = INPUT_LINE_MAX,
        .range_end = UINT64_MAX,
    };
    input->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0 || fstat(input->fd, &status) != 0) {
        input->os_error = errno;
        return false;
    }
    if (S_ISDIR(status.st_mode)) {
        input->os_error = EISDIR;
        return false;
    }
    if (S_ISREG(status.st_mode)) {
        off_t begin = lseek(input->fd, 0, SEEK_CUR); /* stdin may have been read by others */
        input->regular = true;
        input->size = (uint64_t)status.st_size;
        input->read_begin = input->line_offset = begin > 0 ? (uint64_t)begin : 0;
        (void)posix_fadvise(input->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* advice only */
    }
    return true;
}

bool input_set_range(struct input *input, uint64_t begin, uint64_t end)
{
    /* One byte more, which tells whether a line begins at `begin`. */
    uint64_t from = begin == 0 ? 0 : begin - 1;

    if (!input->regular) {
        input->os_error = ESPIPE;
        return false;
    }
    if (lseek(input->fd, (off_t)from, SEEK_SET) < 0) {
        input->os_error = errno;
        return false;
    }
    input->size = begin < end ? end - from : 0;
    input->read_begin = input->line_offset = from;
    input->range_end = end;
    input->is_behind = begin != 0;
    input->is_done = begin >= end;
    return true;
}

bool input_rewind(struct input *input)
{
    struct input again = {
        .name = input->name,
        .regular = true,
        .fd = input->fd,
        .line_max = input->line_max,
        .range_end = UINT64_MAX,
    };
    struct stat status;

    if (fstat(input->fd, &status) != 0 || lseek(input->fd, 0, SEEK_SET) < 0) {
        input->os_error = errno;
        return false;
    }
    free(input->bytes);
    *input = again;
    input->size = (uint64_t)status.st_size;
    return true;
}

void input_close(struct input *input)
{
    free(input->bytes);
    if (input->fd > STDERR_FILENO) {
        close(input->fd);
    }
    *input = (struct input){ .fd = -1 };
}

void input_wait(const struct input *input, int wait_ms)
{
    struct pollfd waiting = { .fd = input->fd, .events = POLLIN };

    (void)poll(&waiting, 1, wait_ms); /* whatever it says, the next read says it better */
}

/* Is there something to read, so that read does not block? */
static bool input_is_ready(const struct input *input)
{
    struct pollfd waiting = { .fd = input->fd, .events = POLLIN };

    return input->regular || poll(&waiting, 1, 0) != 0;
}

/* Make room behind `end`: the line at hand moves to the front, and the buffer grows for it. */
static bool input_make_room(struct input *input)
{
    size_t size = input->end - input->begin;

    if (input->begin != 0) {
        memmove(input->bytes, input->bytes + input->begin, size);
        input->searched -= input->begin;
        input->begin = 0;
        input->end = size;
    }
    size_t room = input->room;
    if (size < INPUT_ROOM_MIN / 2 && room != INPUT_ROOM_MIN) {
        room = INPUT_ROOM_MIN; /* the first time, or a long line has gone */
    } else if (size == room) {
        room *= 2;
    }
    if (room != input->room) {
        char *bytes = realloc(input->bytes, room);
        if (bytes == NULL) {
            input->os_error = ENOMEM;
            return false;
        }
        input->bytes = bytes;
        input->room = room;
    }
    return true;
}

/* Read once. INPUT_LINE means here that there are more bytes than before. */
static enum input_next input_fill(struct input *input)
{
    if (!input_is_ready(input)) {
        return INPUT_LATER;
    }
    if (!input_make_room(input)) {
        return INPUT_FAILED;
    }
    bool at_start = input->bytes_read == 0 && input->line_offset == 0;
    /* No more of the buffer is touched than one line over the limit takes. */
    size_t wanted = input->room - input->end;
    wanted = wanted < INPUT_ROOM_MIN ? wanted : INPUT_ROOM_MIN;
    ssize_t count = read(input->fd, input->bytes + input->end, wanted);
    if (count < 0) {
        if (errno == EINTR || errno == EAGAIN) {
            return INPUT_LATER;
        }
        input->os_error = errno;
        return INPUT_FAILED;
    }
    input->end += (size_t)count;
    input->ended = count == 0;
    if (at_start && input->end - input->begin >= 3 &&
        memcmp(input->bytes + input->begin, "\xef\xbb\xbf", 3) == 0) {
        input->begin += 3;
        input->searched = input->begin;
        input->bytes_read = input->line_offset = 3;
    }
    return INPUT_LINE;
}

/* Hand out the `size` bytes at begin as a line; `taken` of them, with the line end, are used up. */
static void input_hand_out(struct input *input, size_t size, size_t taken,
                           struct input_line *line_out)
{
    const char *bytes = input->bytes + input->begin;

    if (size > 0 && bytes[size - 1] == '\r') {
        size--;
    }
    bool has_end = taken > 0 && bytes[taken - 1] == '\n';
    uint64_t offset = input->line_offset;
    input->line_number++;
    input->bytes_read += taken;
    input->line_offset = input->read_begin + input->bytes_read;
    input->is_done = input->line_offset >= input->range_end;
    if (input->is_done) {
        input->size = input->bytes_read; /* the last line may reach over the range's end */
    }
    input->begin += taken;
    input->searched = input->begin;
    *line_out = (struct input_line){
        .bytes = { bytes, input->skipping ? 0 : size },
        .number = input->line_number,
        .offset = offset,
        .too_long = input->skipping,
        .has_end = has_end,
    };
    input->skipping = false;
}

/* Drop what is there of a line that is too long. */
static void input_skip(struct input *input)
{
    input->skipping = true;
    input->bytes_read += input->end - input->begin;
    input->begin = input->searched = input->end = 0;
}

/* The next line of the file. */
static enum input_next input_read_line(struct input *input, struct input_line *line_out)
{
    for (;;) {
        size_t left = input->end - input->searched;
        const char *found = left == 0 ? NULL : memchr(input->bytes + input->searched, '\n', left);
        if (found != NULL) {
            size_t size = (size_t)(found - (input->bytes + input->begin));
            if (size > input->line_max) {
                input->skipping = true;
            }
            input_hand_out(input, size, size + 1, line_out);
            return INPUT_LINE;
        }
        input->searched = input->end;
        size_t size = input->end - input->begin;
        if (size > input->line_max) {
            input_skip(input);
            size = 0;
        }
        if (input->ended) {
            if (size == 0 && !input->skipping) {
                return INPUT_END;
            }
            input_hand_out(input, size, size, line_out);
            return INPUT_LINE;
        }
        enum input_next got = input_fill(input);
        if (got != INPUT_LINE) {
            return got;
        }
    }
}

enum input_next input_next(struct input *input, struct input_line *line_out)
{
    if (input->is_done) {
        return INPUT_END;
    }
    enum input_next got = input_read_line(input, line_out);
    if (got != INPUT_LINE || !input->is_behind) {
        return got;
    }
    input->is_behind = false;
    input->line_number = 0;
    return input->is_done ? INPUT_END : input_read_line(input, line_out);
}
