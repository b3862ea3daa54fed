/*
 * journal: one pass to learn what is there, and a second one only where something is to go.
 */
#include "cli/journal.h"

#include "cli/lines.h"
#include "llm/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static enum journal_verdict journal_say(struct journal *journal, enum journal_verdict verdict,
                                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum journal_verdict journal_say(struct journal *journal, enum journal_verdict verdict,
                                        const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(journal->message, sizeof(journal->message), format, arguments);
    va_end(arguments);
    return verdict;
}

static enum journal_verdict journal_no_memory(struct journal *journal)
{
    return journal_say(journal, JOURNAL_FAILED, "out of memory");
}

static enum journal_verdict journal_no_output(struct journal *journal, const char *name,
                                              uint64_t line)
{
    return journal_say(journal, JOURNAL_REFUSED,
                       "%s: line %ju is not an answer: is it the output of a batch?", name,
                       (uintmax_t)line);
}

/* Is this failure one to be sent again? */
static bool journal_sends_again(const struct journal *journal, const struct outcome *outcome)
{
    switch (journal->again) {
    case JOURNAL_AGAIN_ALL:
        return outcome->kind != OUTCOME_GOOD;
    case JOURNAL_AGAIN_TRANSIENT:
        return outcome->kind == OUTCOME_TRANSIENT;
    case JOURNAL_AGAIN_NONE:
        return false;
    }
    abort(); /* an option without a case */
}

static struct ids_answer answer_of(const struct outcome *outcome)
{
    return (struct ids_answer){
        .id = outcome->id,
        .asked = outcome->asked,
        .line = outcome->line,
        .good = outcome->kind == OUTCOME_GOOD,
    };
}

/* Can it be found again? A line of others without a custom_id cannot, and just stays. */
static bool answer_has_name(const struct ids_answer *answer)
{
    return answer->id.size != 0 || answer->asked != 0;
}

/* --- What is there --- */

static bool outcome_is_whole(struct json_span line)
{
    struct json_defect defect;
    struct outcome outcome;

    outcome_init(&outcome);
    bool whole = json_check(line, &defect) && outcome_read(&outcome, line) == OUTCOME_READ;
    outcome_free(&outcome);
    return whole;
}

/* What stands behind the last whole line, from `end` on: an answer that lacks nothing but its LF?
 */
static bool journal_tail_is_whole(const struct output_file *file, uint64_t end)
{
    uint64_t page_begin = end - end % (uint64_t)sysconf(_SC_PAGESIZE);
    size_t size = (size_t)(file->size - page_begin);

    if (end == file->size) {
        return false;
    }
    char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, file->fd, (off_t)page_begin);
    if (map == MAP_FAILED) {
        return false;
    }
    size_t before = (size_t)(end - page_begin);
    bool whole = outcome_is_whole((struct json_span){ map + before, size - before });
    munmap(map, size);
    return whole;
}

static enum journal_verdict journal_not_written(struct journal *journal,
                                                const struct output_file *file)
{
    return journal_say(journal, JOURNAL_FAILED, "%s cannot be written: %s", file->name,
                       strerror(errno));
}

/* Only lines that are whole are left: a last one without an LF gets it, if it lacks no more. */
static enum journal_verdict journal_end_tail(struct journal *journal, struct output_file *file)
{
    uint64_t end = 0;

    if (!lines_find_end(file->fd, file->size, &end)) {
        return journal_say(journal, JOURNAL_FAILED, "%s cannot be read: %s", file->name,
                           strerror(errno));
    }
    if (end == file->size) {
        return JOURNAL_GOOD;
    }
    if (journal_tail_is_whole(file, end)) {
        if (pwrite(file->fd, "\n", 1, (off_t)file->size) != 1) {
            return journal_not_written(journal, file);
        }
        file->size++;
        return JOURNAL_GOOD;
    }
    if (ftruncate(file->fd, (off_t)end) != 0) {
        return journal_not_written(journal, file);
    }
    journal->torn_size += file->size - end;
    file->size = end;
    return JOURNAL_GOOD;
}

/*
 * A file that has no whole line at all may be anybody's: what it has must be an answer, or begin as
 * ours do.
 */
static bool journal_begins_well(const struct output_file *file)
{
    static const char ours[] = "{\"id\":\"quoit-";
    char begin[sizeof(ours) - 1];
    ssize_t size = pread(file->fd, begin, sizeof(begin), 0);

    return size == 0 || (size > 0 && memcmp(begin, ours, (size_t)size) == 0) ||
           journal_tail_is_whole(file, 0);
}

enum journal_verdict journal_check(struct journal *journal, const struct output_file *file)
{
    struct lines lines;
    struct outcome outcome;

    lines_begin(&lines, file->fd);
    outcome_init(&outcome);
    enum lines_next next = lines_next(&lines);
    bool wrong = (next == LINES_LINE && outcome_read(&outcome, lines.line) == OUTCOME_NONE) ||
                 (next == LINES_END && !journal_begins_well(file));
    outcome_free(&outcome);
    lines_free(&lines);
    return wrong ? journal_no_output(journal, file->name, 1) : JOURNAL_GOOD;
}

/* An answer that is there. */
static enum journal_verdict journal_take(struct journal *journal, const struct output_file *file,
                                         const struct outcome *outcome)
{
    const struct ids_answer answer = answer_of(outcome);

    if (journal->ordered && outcome->line == 0) {
        return journal_say(journal, JOURNAL_REFUSED,
                           "%s holds answers without the numbers of their lines, so --order input "
                           "cannot go on with it",
                           file->name);
    }
    journal->last_line = outcome->line > journal->last_line ? outcome->line : journal->last_line;
    if (journal_sends_again(journal, outcome)) {
        journal->sent_again++;
        return JOURNAL_GOOD;
    }
    if (!answer_has_name(&answer)) {
        journal->unnamed++;
    } else if (!ids_add(journal->ids, &answer)) {
        return journal_no_memory(journal);
    }
    return JOURNAL_GOOD;
}

static enum journal_verdict journal_take_line(struct journal *journal,
                                              const struct output_file *file,
                                              const struct lines *lines, struct outcome *outcome)
{
    switch (outcome_read(outcome, lines->line)) {
    case OUTCOME_READ:
        return journal_take(journal, file, outcome);
    case OUTCOME_NONE:
        if (journal->ordered) {
            return journal_no_output(journal, file->name, lines->number);
        }
        journal->broken++;
        return JOURNAL_GOOD;
    case OUTCOME_NO_MEMORY:
        return journal_no_memory(journal);
    }
    abort(); /* a verdict without a case */
}

enum journal_verdict journal_read(struct journal *journal, struct output_file *file)
{
    enum journal_verdict verdict = journal_end_tail(journal, file);
    struct lines lines;
    struct outcome outcome;

    lines_begin(&lines, file->fd);
    outcome_init(&outcome);
    while (verdict == JOURNAL_GOOD) {
        enum lines_next next = lines_next(&lines);
        if (next == LINES_FAILED) {
            verdict = journal_say(journal, JOURNAL_FAILED, "%s cannot be read: %s", file->name,
                                  strerror(lines.os_error));
        } else if (next == LINES_END) {
            break;
        } else {
            verdict = journal_take_line(journal, file, &lines, &outcome);
        }
    }
    outcome_free(&outcome);
    lines_free(&lines);
    if (verdict == JOURNAL_GOOD && !ids_end_adding(journal->ids)) {
        verdict = journal_no_memory(journal);
    }
    ids_count(journal->ids, &journal->counts);
    return verdict;
}

/* --- What is to go --- */

/* Before the run: does the line stay? */
static bool journal_keeps(struct journal *journal, const struct outcome *outcome)
{
    const struct ids_answer answer = answer_of(outcome);

    return !journal_sends_again(journal, outcome) &&
           (!answer_has_name(&answer) || ids_keeps(journal->ids, &answer));
}

/* After it. */
static bool journal_is_current(const struct journal *journal, const struct outcome *outcome)
{
    const struct ids_answer answer = answer_of(outcome);

    return !ids_is_stale(journal->ids, &answer);
}

/* A pass over a file that drops lines. */
struct journal_pass {
    struct output_file *file;
    struct output_copy copy; /* begun with the first line that goes */
    bool copying, ended;     /* ended: of the run */
    uint64_t kept_begin;     /* of what stays and is not copied yet */
};

/* The line from `begin` to `end` goes. */
static bool pass_drop(struct journal_pass *pass, uint64_t begin, uint64_t end, int *os_error_out)
{
    if (!pass->copying && !output_copy_begin(&pass->copy, pass->file, os_error_out)) {
        return false;
    }
    pass->copying = true;
    bool good = output_copy_append(&pass->copy, pass->kept_begin, begin, os_error_out);
    pass->kept_begin = end;
    return good;
}

/* Does the line that was read so stay? */
static bool pass_keeps(struct journal *journal, const struct journal_pass *pass,
                       enum outcome_verdict read, const struct outcome *outcome)
{
    if (read != OUTCOME_READ) {
        return pass->ended; /* what is no answer has gone before the run */
    }
    return pass->ended ? journal_is_current(journal, outcome) : journal_keeps(journal, outcome);
}

static bool pass_lines(struct journal *journal, struct journal_pass *pass, struct lines *lines,
                       int *os_error_out)
{
    enum lines_next next = LINES_END;
    struct outcome outcome;
    bool good = true;

    outcome_init(&outcome);
    while (good && (next = lines_next(lines)) == LINES_LINE) {
        enum outcome_verdict read = outcome_read(&outcome, lines->line);
        if (read == OUTCOME_NO_MEMORY) {
            *os_error_out = ENOMEM;
            good = false;
        } else if (!pass_keeps(journal, pass, read, &outcome)) {
            good = pass_drop(pass, lines->offset, lines->offset + lines->line.size, os_error_out);
        }
    }
    outcome_free(&outcome);
    if (good && next == LINES_FAILED) {
        *os_error_out = lines->os_error;
        return false;
    }
    return good;
}

static enum journal_verdict journal_rewrite(struct journal *journal, struct output_file *file,
                                            bool ended)
{
    struct journal_pass pass = { .file = file, .ended = ended };
    struct lines lines;
    int os_error = 0;

    if (file->fd < 0) {
        return JOURNAL_GOOD;
    }
    lines_begin(&lines, file->fd);
    bool good = pass_lines(journal, &pass, &lines, &os_error);
    uint64_t end = lines.end_offset; /* whole lines only, since the tail was cut off */
    lines_free(&lines);
    if (pass.copying) {
        good = good && output_copy_append(&pass.copy, pass.kept_begin, end, &os_error);
        if (good) {
            good = output_copy_end(&pass.copy, &os_error);
            journal->rewritten = true;
        } else {
            output_copy_forget(&pass.copy);
        }
    }
    return good ? JOURNAL_GOOD
                : journal_say(journal, JOURNAL_FAILED, "%s cannot be written anew: %s", file->name,
                              strerror(os_error));
}

static enum journal_verdict journal_rewrite_both(struct journal *journal,
                                                 struct output_file *answers,
                                                 struct output_file *errors, bool ended)
{
    enum journal_verdict verdict = journal_rewrite(journal, answers, ended);

    return verdict == JOURNAL_GOOD ? journal_rewrite(journal, errors, ended) : verdict;
}

enum journal_verdict journal_drop(struct journal *journal, struct output_file *answers,
                                  struct output_file *errors)
{
    enum journal_verdict verdict = JOURNAL_GOOD;

    if (journal->sent_again + journal->counts.repeated + journal->broken != 0) {
        verdict = journal_rewrite_both(journal, answers, errors, false);
    }
    if (verdict == JOURNAL_GOOD && (lseek(answers->fd, 0, SEEK_END) < 0 ||
                                    (errors->fd >= 0 && lseek(errors->fd, 0, SEEK_END) < 0))) {
        verdict = journal_say(journal, JOURNAL_FAILED, "the output cannot be gone on with: %s",
                              strerror(errno));
    }
    return verdict;
}

enum journal_verdict journal_finish(struct journal *journal, struct output_file *answers,
                                    struct output_file *errors)
{
    ids_count(journal->ids, &journal->counts);
    return journal->counts.stale == 0 ? JOURNAL_GOOD
                                      : journal_rewrite_both(journal, answers, errors, true);
}
