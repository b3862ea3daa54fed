/*
 * journal: what stays of a file and what goes, from files as runs leave them.
 */
#include "cli/journal.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD_(hash, id, line)                                                                      \
    "{\"id\":\"quoit-00000000000000" hash "-" line "\",\"custom_id\":" id                          \
    ",\"response\":{\"status_code\":200,\"request_id\":\"\",\"body\":{}},\"error\":null}\n"
#define STATUS_(hash, id, status)                                                                  \
    "{\"id\":\"quoit-00000000000000" hash "-1\",\"custom_id\":" id                                 \
    ",\"response\":{\"status_code\":" status ",\"request_id\":\"\",\"body\":{}},\"error\":null}\n"
#define ERROR_(hash, id, line, code)                                                               \
    "{\"id\":\"quoit-00000000000000" hash "-" line "\",\"custom_id\":" id                          \
    ",\"response\":null,\"error\":{\"code\":\"" code "\",\"message\":\"m\"}}\n"

#define A GOOD_("0a", "\"a\"", "1")
#define A_CHANGED GOOD_("1a", "\"a\"", "1")
#define A_FINAL STATUS_("0a", "\"a\"", "400")
#define B GOOD_("0b", "\"b\"", "2")
#define B_AGAIN STATUS_("0b", "\"b\"", "500")
#define B_FINAL STATUS_("0b", "\"b\"", "400")
#define C_LOST ERROR_("0c", "\"c\"", "3", "connection_reset")
#define OTHERS "{\"custom_id\":\"x\",\"response\":{\"status_code\":200}}\n"
#define REFUSED ERROR_("0d", "null", "4", "invalid_input_line")

static char folder[64], path[96], errors_path[96];
static struct journal journal;
static struct output_file answers, errors;

static void write_file(const char *to, const char *text)
{
    FILE *file = fopen(to, "w");

    fwrite(text, 1, strlen(text), file);
    fclose(file);
}

static const char *content(const char *of)
{
    static char text[8192];
    FILE *file = fopen(of, "r");

    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void begin(const char *text, const char *errors_text)
{
    int os_error = 0;

    snprintf(folder, sizeof(folder), "/tmp/quoit-journal-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/out", folder);
    snprintf(errors_path, sizeof(errors_path), "%s/errors", folder);
    write_file(path, text);
    journal = (struct journal){ .ids = ids_create(NULL), .again = JOURNAL_AGAIN_TRANSIENT };
    errors = (struct output_file){ .fd = -1 };
    CHECK(output_file_open(&answers, path, true, &os_error));
    CHECK_EQ(output_file_lock(&answers, &os_error), OUTPUT_LOCKED);
    if (errors_text != NULL) {
        write_file(errors_path, errors_text);
        CHECK(output_file_open(&errors, errors_path, true, &os_error));
    }
}

static void end(void)
{
    char other[128];

    output_file_close(&answers);
    output_file_close(&errors);
    ids_destroy(journal.ids);
    snprintf(other, sizeof(other), "%s.quoit-new", path);
    CHECK(access(other, F_OK) != 0);
    unlink(path);
    unlink(errors_path);
    CHECK_EQ(rmdir(folder), 0);
}

static enum journal_verdict read_all(void)
{
    enum journal_verdict verdict = journal_check(&journal, &answers);

    verdict = verdict == JOURNAL_GOOD ? journal_read(&journal, &answers) : verdict;
    if (verdict == JOURNAL_GOOD && errors.fd >= 0) {
        verdict = journal_read(&journal, &errors);
    }
    return verdict == JOURNAL_GOOD ? journal_drop(&journal, &answers, &errors) : verdict;
}

static enum ids_verdict note(const char *id, uint64_t asked, uint64_t line)
{
    return ids_note(journal.ids, &(struct ids_line){ { id, strlen(id) }, asked, line, 0 });
}

static void test_what_is_done_stays_and_the_file_is_not_touched(void)
{
    struct stat before, after;

    begin(A B_FINAL REFUSED, NULL);
    CHECK_EQ(stat(path, &before), 0);
    CHECK_EQ(read_all(), JOURNAL_GOOD);
    CHECK_STR(content(path), A B_FINAL REFUSED);
    CHECK_EQ(stat(path, &after), 0);
    CHECK_EQ(after.st_ino, before.st_ino);
    CHECK(!journal.rewritten);
    CHECK_EQ(journal.counts.good, 1);
    CHECK_EQ(journal.counts.failed, 2);
    CHECK_EQ(journal.last_line, 4);
    CHECK_EQ(lseek(answers.fd, 0, SEEK_CUR), before.st_size);
    CHECK_EQ(note("a", 0x0a, 1), IDS_DONE);
    CHECK_EQ(note("b", 0x0b, 2), IDS_FAILED);
    CHECK_EQ(ids_note_refused(journal.ids, &(struct ids_line){ .asked = 0x0d, .line = 4 }),
             IDS_FAILED);
    end();
}

static void test_a_torn_tail_is_cut_at_every_byte(void)
{
    for (size_t size = 1; size < sizeof(B) - 2; size++) {
        char text[2 * sizeof(A B)];
        snprintf(text, sizeof(text), "%s%.*s", A, (int)size, B);
        begin(text, NULL);
        CHECK_EQ(read_all(), JOURNAL_GOOD);
        CHECK_STR(content(path), A);
        CHECK_EQ(journal.torn_size, size);
        CHECK_EQ(journal.counts.good, 1);
        end();
        begin(text + sizeof(A) - 1, NULL); /* and without any whole line */
        CHECK_EQ(read_all(), JOURNAL_GOOD);
        CHECK_STR(content(path), "");
        end();
    }
}

static void test_a_whole_last_line_without_its_end_gets_it(void)
{
    static const char *const cases[] = { A B, A, OTHERS, A OTHERS, A B_AGAIN };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2 * sizeof(A B)];
        snprintf(text, sizeof(text), "%.*s", (int)strlen(cases[i]) - 1, cases[i]);
        begin(text, NULL);
        journal.again = JOURNAL_AGAIN_NONE;
        CHECK_EQ(read_all(), JOURNAL_GOOD);
        CHECK_STR(content(path), cases[i]);
        CHECK_EQ(journal.torn_size, 0);
        CHECK_EQ(answers.size, strlen(cases[i]));
        CHECK_EQ(lseek(answers.fd, 0, SEEK_CUR), strlen(cases[i]));
        end();
    }
}

/* It begins and ends as ours do, but for what stands between. */
static void test_a_last_line_that_only_looks_whole_is_cut(void)
{
    static const char text[] =
        A "{\"id\":\"quoit-000000000000000b-2\",\"custom_id\":\"b\",\"response\":{\"status_code\":"
          "200,\"request_id\":\"\",\"body\":{\"x}},\"error\":null}";

    begin(text, NULL);
    CHECK_EQ(read_all(), JOURNAL_GOOD);
    CHECK_STR(content(path), A);
    CHECK_EQ(journal.torn_size, sizeof(text) - sizeof(A));
    end();
}

static void test_what_is_to_be_sent_again_goes_before_anything_is_written(void)
{
    static const struct {
        enum journal_again again;
        const char *left;
        uint64_t sent_again;
        enum ids_verdict b;
    } cases[] = {
        { JOURNAL_AGAIN_TRANSIENT, A REFUSED, 2, IDS_NEW },
        { JOURNAL_AGAIN_ALL, A, 3, IDS_NEW },
        { JOURNAL_AGAIN_NONE, A B_AGAIN C_LOST REFUSED, 0, IDS_FAILED },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(A B_AGAIN C_LOST REFUSED, NULL);
        journal.again = cases[i].again;
        CHECK_EQ(read_all(), JOURNAL_GOOD);
        CHECK_STR(content(path), cases[i].left);
        CHECK_EQ(journal.sent_again, cases[i].sent_again);
        CHECK_EQ(journal.rewritten, cases[i].sent_again != 0);
        CHECK_EQ(note("b", 0x0b, 2), cases[i].b);
        CHECK_EQ(lseek(answers.fd, 0, SEEK_CUR), strlen(cases[i].left));
        end();
    }
}

static void test_a_good_answer_wins_in_either_file(void)
{
    begin(A_FINAL B, A B_FINAL B);
    CHECK_EQ(read_all(), JOURNAL_GOOD);
    CHECK_STR(content(path), B);
    CHECK_STR(content(errors_path), A);
    CHECK_EQ(journal.counts.repeated, 3);
    CHECK_EQ(note("a", 0x0a, 1), IDS_DONE);
    CHECK_EQ(note("b", 0x0b, 2), IDS_DONE);
    end();
}

static void test_a_file_of_something_else_is_refused_and_not_touched(void)
{
    static const char *const cases[] = {
        "precious\n" A, "precious",         "{\"custom_id\":\"a\",\"url\":\"/\"}\n",
        "\n" A,         "{\"id\":\"quoit_", "[]\nmore"
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(cases[i], NULL);
        CHECK_EQ(read_all(), JOURNAL_REFUSED);
        CHECK(strstr(journal.message, "line 1 is not an answer") != NULL);
        CHECK(strstr(journal.message, path) != NULL);
        CHECK_STR(content(path), cases[i]);
        end();
    }
}

static void test_lines_that_are_no_answers_are_dropped(void)
{
    begin(A "\n" B "{\"id\":\"quoit-00\n" REFUSED, NULL);
    CHECK_EQ(read_all(), JOURNAL_GOOD);
    CHECK_STR(content(path), A B REFUSED);
    CHECK_EQ(journal.broken, 2);
    end();
}

static void test_in_order_nothing_may_be_missing(void)
{
    begin(A "nothing\n" B, NULL);
    journal.ordered = true;
    journal.again = JOURNAL_AGAIN_NONE;
    CHECK_EQ(read_all(), JOURNAL_REFUSED);
    CHECK(strstr(journal.message, "line 2") != NULL);
    CHECK_STR(content(path), A "nothing\n" B);
    end();
    begin(A "{\"custom_id\":\"x\",\"response\":{\"status_code\":200}}\n", NULL);
    journal.ordered = true;
    CHECK_EQ(read_all(), JOURNAL_REFUSED);
    CHECK(strstr(journal.message, "--order input") != NULL);
    end();
}

static void test_answers_to_changed_lines_stay_until_the_end(void)
{
    begin(A B A_CHANGED, "");
    CHECK_EQ(read_all(), JOURNAL_GOOD);
    CHECK_EQ(note("b", 0xbb, 1), IDS_CHANGED);
    CHECK_EQ(note("a", 0x1a, 2), IDS_DONE);
    CHECK_STR(content(path), A B A_CHANGED);
    static const char fresh[] = GOOD_("bb", "\"b\"", "1");
    CHECK_EQ(write(answers.fd, fresh, strlen(fresh)), strlen(fresh));
    CHECK_EQ(journal_finish(&journal, &answers, &errors), JOURNAL_GOOD);
    static const char left[] = A_CHANGED GOOD_("bb", "\"b\"", "1");
    CHECK_STR(content(path), left);
    end();
}

static void test_the_new_file_is_as_the_old_one_was_and_locked(void)
{
    struct stat status;
    struct output_file other = { .fd = -1 };
    char link_path[96], rest[128];
    int os_error = 0;

    begin(A B_AGAIN, NULL);
    CHECK_EQ(chmod(path, 0640), 0);
    snprintf(rest, sizeof(rest), "%s.quoit-new", path);
    write_file(rest, "of a run that was killed");
    snprintf(link_path, sizeof(link_path), "%s/link", folder);
    CHECK_EQ(symlink(path, link_path), 0);
    output_file_close(&answers);
    CHECK(output_file_open(&answers, link_path, true, &os_error));
    CHECK_EQ(output_file_lock(&answers, &os_error), OUTPUT_LOCKED);
    CHECK(output_file_open(&other, path, true, &os_error));
    CHECK_EQ(output_file_lock(&other, &os_error), OUTPUT_BUSY);
    CHECK_EQ(read_all(), JOURNAL_GOOD);
    CHECK_STR(content(path), A);
    CHECK_EQ(stat(path, &status), 0);
    CHECK_EQ(status.st_mode & 07777, 0640);
    CHECK_EQ(lstat(link_path, &status), 0);
    CHECK(S_ISLNK(status.st_mode));
    CHECK_EQ(output_file_lock(&other, &os_error), OUTPUT_BUSY); /* what it has is no more */
    output_file_close(&other);
    CHECK(output_file_open(&other, path, true, &os_error));
    CHECK_EQ(output_file_lock(&other, &os_error), OUTPUT_BUSY);
    output_file_close(&other);
    unlink(link_path);
    end();
}

static void test_a_copy_that_cannot_be_made_leaves_the_file_as_it_was(void)
{
    if (geteuid() == 0) {
        /* root may write into any folder: a name that is a folder stands in the way instead */
        char rest[128];
        begin(A B_AGAIN, NULL);
        snprintf(rest, sizeof(rest), "%s.quoit-new", path);
        CHECK_EQ(mkdir(rest, 0700), 0);
        CHECK_EQ(read_all(), JOURNAL_FAILED);
        CHECK(strstr(journal.message, "cannot be written anew") != NULL);
        CHECK_STR(content(path), A B_AGAIN);
        CHECK_EQ(rmdir(rest), 0);
        end();
        return;
    }
    begin(A B_AGAIN, NULL);
    CHECK_EQ(chmod(folder, 0500), 0);
    CHECK_EQ(read_all(), JOURNAL_FAILED);
    CHECK_EQ(chmod(folder, 0700), 0);
    CHECK(strstr(journal.message, "cannot be written anew") != NULL);
    CHECK_STR(content(path), A B_AGAIN);
    end();
}

int main(void)
{
    RUN(test_what_is_done_stays_and_the_file_is_not_touched);
    RUN(test_a_torn_tail_is_cut_at_every_byte);
    RUN(test_a_whole_last_line_without_its_end_gets_it);
    RUN(test_a_last_line_that_only_looks_whole_is_cut);
    RUN(test_what_is_to_be_sent_again_goes_before_anything_is_written);
    RUN(test_a_good_answer_wins_in_either_file);
    RUN(test_a_file_of_something_else_is_refused_and_not_touched);
    RUN(test_lines_that_are_no_answers_are_dropped);
    RUN(test_in_order_nothing_may_be_missing);
    RUN(test_answers_to_changed_lines_stay_until_the_end);
    RUN(test_the_new_file_is_as_the_old_one_was_and_locked);
    RUN(test_a_copy_that_cannot_be_made_leaves_the_file_as_it_was);
    return check_done();
}
