/*
 * answers: see answers.h. Both passes read the lines in the same way, so that what was noted in the
 * first is found in the second.
 */
#include "cli/answers.h"

#include "llm/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ANSWERS_LINE_MAX ((size_t)4 << 30)
#define ANSWERS_TOLD_MAX 20 /* lines that are left out, each with a line on stderr */
#define ANSWERS_READ_MIN 8192
#define ANSWERS_DESCRIPTORS_BESIDE 32

/* --- Opening --- */

static void answers_raise_descriptors(size_t count)
{
    struct rlimit limit;
    rlim_t wanted = count + ANSWERS_DESCRIPTORS_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* open will say if it is not enough */
    }
}

static bool answers_fail(const char *name, int os_error)
{
    fprintf(stderr, "quoit: %s cannot be read: %s%s\n", name, strerror(os_error),
            os_error == EMFILE ? ": merge some of the files first, or raise ulimit -n" : "");
    return false;
}

bool answers_open(struct answers *answers, char **paths, size_t count)
{
    *answers = (struct answers){ .places = places_create() };
    outcome_init(&answers->outcome);
    text_init(&answers->line, 0);
    answers->files = count < PLACES_FILES_MAX ? calloc(count, sizeof(*answers->files)) : NULL;
    if (answers->places == NULL || answers->files == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return false;
    }
    answers_raise_descriptors(count);
    for (; answers->files_count < count; answers->files_count++) {
        struct input *input = &answers->files[answers->files_count];
        const char *path = paths[answers->files_count];
        if (!input_open(input, path)) {
            return answers_fail(path, input->os_error);
        }
        if (lseek(input->fd, 0, SEEK_CUR) < 0) {
            input_close(input);
            fprintf(stderr, "quoit: %s is not a regular file, and it is read twice\n", path);
            return false;
        }
        input->line_max = ANSWERS_LINE_MAX;
    }
    return true;
}

void answers_close(struct answers *answers)
{
    for (size_t i = 0; i < answers->files_count; i++) {
        input_close(&answers->files[i]);
    }
    free(answers->files);
    places_destroy(answers->places);
    outcome_free(&answers->outcome);
    text_free(&answers->line);
    *answers = (struct answers){ .files = NULL };
}

/* --- Reading --- */

/* What is known of a line. */
enum answers_line {
    ANSWERS_LINE_GOOD,
    ANSWERS_LINE_BLANK,
    ANSWERS_LINE_TORN,
    ANSWERS_LINE_NONE,
    ANSWERS_LINE_NO_MEMORY,
};

/* One line: what it is, and, of an answer, its key and place. */
static enum answers_line answers_look(struct answers *answers, const struct input_line *line,
                                      struct answers_item *item)
{
    const struct outcome *outcome = &answers->outcome;
    struct json_defect defect;

    if (line->too_long || line->offset >= PLACES_OFFSET_MAX) {
        return ANSWERS_LINE_NONE;
    }
    if (batch_line_is_blank(line->bytes)) {
        return ANSWERS_LINE_BLANK;
    }
    /* Half an answer may end just as a whole one does, so of a line without an end all is read. */
    if (!line->has_end && !json_check(line->bytes, &defect)) {
        return ANSWERS_LINE_TORN;
    }
    switch (outcome_read(&answers->outcome, line->bytes)) {
    case OUTCOME_READ:
        break;
    case OUTCOME_NONE:
        return ANSWERS_LINE_NONE;
    case OUTCOME_NO_MEMORY:
        return ANSWERS_LINE_NO_MEMORY;
    }
    item->line = line->bytes;
    item->has_id = outcome->id_raw.size != 0;
    item->key = item->has_id ? places_key_of_id(answers->places, outcome->id)
                : outcome->line > 0
                    ? places_key_of_asked(answers->places, outcome->asked, outcome->line)
                    : places_key_of_line(answers->places, line->bytes);
    item->place = (struct place){
        .file = (uint32_t)answers->file,
        .offset = line->offset,
        .kind = outcome->kind,
    };
    return ANSWERS_LINE_GOOD;
}

/* The next line of the file at hand. INPUT_LATER does not come out. */
static enum input_next answers_read_line(struct answers *answers, struct input_line *line_out)
{
    struct input *input = &answers->files[answers->file];
    enum input_next next;

    while ((next = input_next(input, line_out)) == INPUT_LATER) {
        input_wait(input, 1000);
    }
    if (next == INPUT_FAILED) {
        (void)answers_fail(input->name, input->os_error);
    }
    return next;
}

static void answers_tell(struct answers *answers, const struct input_line *line,
                         enum answers_line what)
{
    const char *name = answers->files[answers->file].name;

    if (what == ANSWERS_LINE_TORN) {
        answers->counts.torn++;
        fprintf(stderr, "quoit: %s:%ju: the last line is torn: left out\n", name,
                (uintmax_t)line->number);
    } else if (++answers->counts.unreadable <= ANSWERS_TOLD_MAX) {
        fprintf(stderr, "quoit: %s:%ju: not a line of a batch's output: left out\n", name,
                (uintmax_t)line->number);
    }
}

static bool answers_note(struct answers *answers, const struct answers_item *item)
{
    answers->counts.lines++;
    switch (places_note(answers->places, item->key, item->place)) {
    case PLACES_NEW:
        return true;
    case PLACES_BETTER:
    case PLACES_WORSE:
        answers->counts.repeated++;
        return true;
    case PLACES_NO_MEMORY:
        break;
    }
    fputs("quoit: out of memory\n", stderr);
    return false;
}

/* Note the lines of the file at hand. */
static bool answers_gather_file(struct answers *answers)
{
    struct input_line line;
    struct answers_item item;
    enum input_next next;

    while ((next = answers_read_line(answers, &line)) == INPUT_LINE) {
        enum answers_line what = answers_look(answers, &line, &item);
        switch (what) {
        case ANSWERS_LINE_BLANK:
            break;
        case ANSWERS_LINE_TORN:
        case ANSWERS_LINE_NONE:
            answers_tell(answers, &line, what);
            break;
        case ANSWERS_LINE_NO_MEMORY:
            fputs("quoit: out of memory\n", stderr);
            return false;
        case ANSWERS_LINE_GOOD:
            if (!answers_note(answers, &item)) {
                return false;
            }
            break;
        }
    }
    return next == INPUT_END;
}

bool answers_check_first(struct answers *answers)
{
    struct input_line line;
    struct answers_item item;

    for (answers->file = 0; answers->file < answers->files_count; answers->file++) {
        enum input_next next = answers_read_line(answers, &line);
        if (next == INPUT_LINE && answers_look(answers, &line, &item) == ANSWERS_LINE_NONE) {
            fprintf(stderr, "quoit: %s: line 1 is not an answer: is it the output of a batch?\n",
                    answers->files[answers->file].name);
            return false;
        }
        if (next == INPUT_FAILED) {
            return false;
        }
    }
    return answers_rewind(answers);
}

bool answers_gather(struct answers *answers)
{
    for (answers->file = 0; answers->file < answers->files_count; answers->file++) {
        struct input *input = &answers->files[answers->file];
        if (!answers_gather_file(answers)) {
            return false;
        }
        if (!input_rewind(input)) { /* which frees its buffer too */
            return answers_fail(input->name, input->os_error);
        }
    }
    if (answers->counts.unreadable > ANSWERS_TOLD_MAX) {
        fprintf(stderr, "quoit: %ju lines in all are not of a batch's output\n",
                (uintmax_t)answers->counts.unreadable);
    }
    return true;
}

bool answers_rewind(struct answers *answers)
{
    answers->file = 0;
    for (size_t i = 0; i < answers->files_count; i++) {
        if (!input_rewind(&answers->files[i])) {
            return answers_fail(answers->files[i].name, answers->files[i].os_error);
        }
    }
    return true;
}

/* Is it the line that was noted for its key? */
static bool answers_counts_line(const struct answers *answers, struct answers_item *item)
{
    struct place place;

    if (!places_find(answers->places, item->key, &place) || place.file != item->place.file ||
        place.offset != item->place.offset) {
        return false;
    }
    item->place = place;
    return true;
}

enum answers_next answers_next(struct answers *answers, struct answers_item *item_out)
{
    struct input_line line;

    while (answers->file < answers->files_count) {
        switch (answers_read_line(answers, &line)) {
        case INPUT_LINE:
            if (answers_look(answers, &line, item_out) == ANSWERS_LINE_GOOD &&
                answers_counts_line(answers, item_out)) {
                return ANSWERS_ITEM;
            }
            break;
        case INPUT_END:
            answers->file++;
            break;
        case INPUT_LATER:
        case INPUT_FAILED:
            return ANSWERS_FAILED;
        }
    }
    return ANSWERS_END;
}

/* --- One of them --- */

bool answers_find(const struct answers *answers, struct json_span id, struct places_key *key_out,
                  struct place *place_out)
{
    *key_out = places_key_of_id(answers->places, id);
    return places_find(answers->places, *key_out, place_out);
}

bool answers_read(struct answers *answers, struct place place, struct json_span *line_out)
{
    const struct input *input = &answers->files[place.file];
    struct text *line = &answers->line;

    text_reset(line);
    for (;;) {
        size_t wanted = line->size < ANSWERS_READ_MIN ? ANSWERS_READ_MIN : line->size;
        if (!text_reserve(line, wanted)) {
            return answers_fail(input->name, ENOMEM);
        }
        ssize_t count =
            pread(input->fd, line->bytes + line->size, wanted, (off_t)(place.offset + line->size));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return answers_fail(input->name, errno);
        }
        const char *end = memchr(line->bytes + line->size, '\n', (size_t)count);
        line->size += (size_t)count;
        if (end == NULL && count != 0) {
            continue;
        }
        size_t size = end == NULL ? line->size : (size_t)(end - line->bytes);
        size -= size > 0 && line->bytes[size - 1] == '\r';
        *line_out = (struct json_span){ line->bytes, size };
        return true;
    }
}
