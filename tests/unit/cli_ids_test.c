/*
 * ids: a repeated id is found, a new one is not, whatever their hashes; answers meet their lines;
 * and the table stays small.
 */
#include "cli/ids.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

/* An input with the lines that were noted, if there is one, so that they can be read again. */
static struct reread reread;
static uint64_t offset;

static struct json_span span_of(const char *id)
{
    return (struct json_span){ id, strlen(id) };
}

static enum ids_verdict note(struct ids *ids, const char *id, uint64_t asked, uint64_t line)
{
    return ids_note(ids, &(struct ids_line){ span_of(id), asked, line, 0 });
}

/* True: it is the first answer to that question. */
static bool add(struct ids *ids, const char *id, uint64_t asked, bool good)
{
    struct ids_counts before, after;

    ids_count(ids, &before);
    CHECK(ids_add(ids, &(struct ids_answer){ span_of(id), asked, 0, good }));
    CHECK(ids_end_adding(ids));
    ids_count(ids, &after);
    CHECK_EQ(after.good + after.failed + after.repeated,
             before.good + before.failed + before.repeated + 1);
    return after.repeated == before.repeated;
}

static struct ids_counts counts_of(const struct ids *ids)
{
    struct ids_counts counts;

    ids_count(ids, &counts);
    return counts;
}

static bool keeps(struct ids *ids, const char *id, uint64_t asked, bool good)
{
    return ids_keeps(ids, &(struct ids_answer){ span_of(id), asked, 0, good });
}

static bool is_stale(const struct ids *ids, const char *id, uint64_t asked)
{
    return ids_is_stale(ids, &(struct ids_answer){ .id = span_of(id), .asked = asked });
}

static struct ids *ids_over_a_file(unsigned hash_bits)
{
    char path[] = "/tmp/quoit-ids-XXXXXX";

    reread_init(&reread, mkstemp(path));
    unlink(path);
    offset = 0;
    struct ids *ids = ids_create(&reread);
    ids_weaken(ids, hash_bits);
    return ids;
}

/* Write the line into the file, and note it. */
static enum ids_verdict write_and_note(struct ids *ids, const char *id, uint64_t asked,
                                       uint64_t line)
{
    const struct ids_line noted = { span_of(id), asked, line, offset };
    char text[128];
    int size = snprintf(text, sizeof(text), "{\"custom_id\":\"%s\",\"url\":\"/\",\"body\":%ju}\n",
                        id, (uintmax_t)asked);

    CHECK(reread_note(&reread, line, offset));
    CHECK_EQ(write(reread.fd, text, (size_t)size), size);
    offset += (uint64_t)size;
    return ids_note(ids, &noted);
}

static void close_file(struct ids *ids)
{
    int fd = reread.fd;

    ids_destroy(ids);
    reread_free(&reread);
    close(fd);
}

static void test_a_repeated_id_is_found_with_its_first_line(void)
{
    struct ids *ids = ids_create(NULL);

    CHECK_EQ(note(ids, "a", 7, 1), IDS_NEW);
    CHECK_EQ(note(ids, "b", 7, 2), IDS_NEW);
    CHECK_EQ(note(ids, "a", 8, 3), IDS_REPEATED);
    CHECK_EQ(ids_first_line(ids), 1);
    CHECK_EQ(note(ids, "b", 7, 4), IDS_REPEATED);
    CHECK_EQ(ids_first_line(ids), 2);
    CHECK_EQ(note(ids, "A", 7, 6), IDS_NEW);
    ids_destroy(ids);
}

static void test_ids_with_zero_bytes_are_told_apart(void)
{
    struct ids *ids = ids_create(NULL);
    const struct json_span spans[] = { { "x\0y", 3 }, { "x\0z", 3 }, { "x", 1 } };

    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(ids_note(ids, &(struct ids_line){ spans[i], 1, i + 1, 0 }), IDS_NEW);
    }
    CHECK_EQ(ids_note(ids, &(struct ids_line){ spans[0], 1, 4, 0 }), IDS_REPEATED);
    CHECK_EQ(ids_first_line(ids), 1);
    ids_destroy(ids);
}

static void test_a_hundred_thousand_ids_are_kept_at_24_bytes_each(void)
{
    const uint64_t lines = 100000;
    struct ids *ids = ids_create(NULL);
    uint64_t wrong = 0;
    char id[32];

    for (uint64_t line = 1; line <= lines; line++) {
        snprintf(id, sizeof(id), "request-%ju", (uintmax_t)line);
        wrong += note(ids, id, 1, line) != IDS_NEW;
        if (line >= 20000 && line % 997 == 0) {
            CHECK(ids_size(ids) <= 24 * line + 16384);
        }
    }
    for (uint64_t line = 1; line <= lines; line++) {
        snprintf(id, sizeof(id), "request-%ju", (uintmax_t)line);
        wrong += note(ids, id, 1, lines + line) != IDS_REPEATED || ids_first_line(ids) != line;
    }
    CHECK_EQ(wrong, 0);
    ids_destroy(ids);
}

/* With 4 bits of hash hundreds of ids share each one. */
static void test_ids_with_one_hash_are_told_apart_in_the_file(void)
{
    struct ids *ids = ids_over_a_file(4);
    char id[32];

    for (uint64_t line = 1; line <= 500; line++) {
        snprintf(id, sizeof(id), "a-%ju", (uintmax_t)line);
        CHECK_EQ(write_and_note(ids, id, 1, line), IDS_NEW);
    }
    for (uint64_t line = 1; line <= 500; line += 7) {
        snprintf(id, sizeof(id), "a-%ju", (uintmax_t)line);
        CHECK_EQ(note(ids, id, 1, 9999), IDS_REPEATED);
        CHECK_EQ(ids_first_line(ids), line);
    }
    close_file(ids);
}

static void test_the_first_line_is_known_far_from_any_that_was_remembered(void)
{
    struct ids *ids = ids_over_a_file(64 - 1);
    char id[32];

    for (uint64_t line = 1; line <= 9000; line++) {
        snprintf(id, sizeof(id), "id-%ju", (uintmax_t)line);
        CHECK_EQ(write_and_note(ids, id, 1, line), IDS_NEW);
    }
    CHECK(reread.count <= 3);
    for (uint64_t line = 1; line <= 9000; line += 449) {
        snprintf(id, sizeof(id), "id-%ju", (uintmax_t)line);
        CHECK_EQ(note(ids, id, 1, 10000), IDS_REPEATED);
        CHECK_EQ(ids_first_line(ids), line);
    }
    close_file(ids);
}

static void test_an_answer_meets_its_line_once(void)
{
    struct ids *ids = ids_create(NULL);

    CHECK(add(ids, "a", 1, true));
    CHECK(add(ids, "b", 2, false));
    CHECK_EQ(counts_of(ids).unmet, 2);
    CHECK_EQ(note(ids, "a", 1, 1), IDS_DONE);
    CHECK_EQ(note(ids, "b", 2, 2), IDS_FAILED);
    CHECK_EQ(note(ids, "c", 3, 3), IDS_NEW);
    CHECK_EQ(note(ids, "a", 1, 4), IDS_REPEATED);
    CHECK_EQ(ids_first_line(ids), 1);
    CHECK_EQ(counts_of(ids).unmet, 0);
    CHECK_EQ(counts_of(ids).stale, 0);
    ids_destroy(ids);
}

static void test_an_answer_to_another_body_is_stale(void)
{
    struct ids *ids = ids_create(NULL);

    CHECK(add(ids, "a", 1, true));
    CHECK(add(ids, "a", 2, true)); /* a run that was killed has left both */
    CHECK(add(ids, "b", 3, true));
    CHECK_EQ(note(ids, "a", 2, 1), IDS_DONE);
    CHECK_EQ(note(ids, "b", 4, 2), IDS_CHANGED);
    CHECK(is_stale(ids, "a", 1));
    CHECK(!is_stale(ids, "a", 2));
    CHECK(is_stale(ids, "b", 3));
    CHECK(!is_stale(ids, "b", 4));
    CHECK_EQ(counts_of(ids).stale, 2);
    ids_destroy(ids);
}

/* Where all hashes are equal, the answers of others look as if their bodies had changed. */
static void test_an_answer_with_the_hash_of_another_id_is_not_lost(void)
{
    struct ids *ids = ids_over_a_file(0);

    CHECK(add(ids, "a", 1, true));
    CHECK(add(ids, "b", 2, true));
    CHECK(add(ids, "c", 3, true));
    CHECK_EQ(write_and_note(ids, "a", 1, 1), IDS_DONE);
    CHECK_EQ(write_and_note(ids, "b", 9, 2),
             IDS_NEW); /* it has changed: only the count misses it */
    CHECK_EQ(write_and_note(ids, "c", 3, 3), IDS_DONE);
    CHECK_EQ(write_and_note(ids, "d", 4, 4), IDS_NEW);
    CHECK_EQ(write_and_note(ids, "b", 2, 5), IDS_REPEATED);
    CHECK(!is_stale(ids, "a", 1));
    CHECK(is_stale(ids, "b", 2));
    CHECK(!is_stale(ids, "c", 3));
    close_file(ids);
}

static void test_of_two_answers_the_good_one_stays(void)
{
    struct ids *ids = ids_create(NULL);

    CHECK(add(ids, "a", 1, false));
    CHECK(!add(ids, "a", 1, true));
    CHECK(!add(ids, "a", 1, true));
    CHECK(add(ids, "b", 2, false));
    CHECK(!add(ids, "b", 2, false));
    CHECK(!keeps(ids, "a", 1, false));
    CHECK(keeps(ids, "a", 1, true));
    CHECK(!keeps(ids, "a", 1, true));
    CHECK(keeps(ids, "b", 2, false));
    CHECK(!keeps(ids, "b", 2, false));
    CHECK(keeps(ids, "never added", 3, true));
    CHECK_EQ(note(ids, "a", 1, 1), IDS_DONE);
    CHECK_EQ(note(ids, "b", 2, 2), IDS_FAILED);
    ids_destroy(ids);
}

/* Others do not say what was asked. */
static void test_an_answer_of_others_is_found_by_its_id_alone(void)
{
    struct ids *ids = ids_create(NULL);

    CHECK(add(ids, "a", 0, true));
    CHECK(add(ids, "b", 0, true));
    CHECK(add(ids, "b", 5, false));
    CHECK_EQ(note(ids, "a", 1, 1), IDS_DONE);
    CHECK_EQ(note(ids, "b", 5, 2), IDS_DONE); /* the good one */
    ids_destroy(ids);
}

static void test_of_an_answer_of_others_and_one_of_ours_one_is_stale(void)
{
    for (unsigned i = 0; i < 8; i++) {
        bool first_good = (i & 1) != 0, second_good = (i & 2) != 0;
        uint64_t first = (i & 4) != 0 ? 5 : 0, second = 5 - first;
        bool second_stays = second_good && !first_good;
        struct ids *ids = ids_create(NULL);
        CHECK(add(ids, "a", first, first_good));
        CHECK(add(ids, "a", second, second_good));
        CHECK_EQ(note(ids, "a", 5, 1), first_good || second_good ? IDS_DONE : IDS_FAILED);
        CHECK_EQ(counts_of(ids).stale, 1);
        CHECK_EQ(counts_of(ids).unmet, 0);
        CHECK_EQ(is_stale(ids, "a", first), second_stays);
        CHECK_EQ(is_stale(ids, "a", second), !second_stays);
        ids_destroy(ids);
    }
}

static void test_an_answer_without_an_id_is_found_by_its_line(void)
{
    struct ids *ids = ids_create(NULL);
    const struct ids_answer answer = { .asked = 5, .line = 9 };
    const struct ids_line lines[] = { { .asked = 5, .line = 8 },
                                      { .asked = 5, .line = 9 },
                                      { .asked = 6, .line = 9 },
                                      { .asked = 5, .line = 9 } };

    CHECK_EQ(ids_note_refused(ids, &lines[0]), IDS_NEW);
    CHECK(ids_add(ids, &answer));
    CHECK(ids_end_adding(ids));
    CHECK_EQ(ids_note_refused(ids, &lines[0]), IDS_NEW);
    CHECK_EQ(ids_note_refused(ids, &lines[1]), IDS_FAILED);
    CHECK_EQ(ids_note_refused(ids, &lines[2]), IDS_NEW);
    CHECK_EQ(ids_note_refused(ids, &lines[3]), IDS_NEW); /* it has met its line */
    ids_destroy(ids);
}

static void test_without_the_check_lines_take_no_memory(void)
{
    struct ids *ids = ids_create(NULL);

    ids_forget_lines(ids);
    CHECK(add(ids, "a", 1, true));
    size_t size = ids_size(ids);
    CHECK_EQ(note(ids, "a", 1, 1), IDS_DONE);
    for (uint64_t line = 2; line < 10000; line++) {
        CHECK_EQ(note(ids, "b", 2, line), IDS_NEW);
    }
    CHECK(ids_size(ids) <= size + 200);
    ids_destroy(ids);
}

static void test_many_answers_are_all_found(void)
{
    const uint64_t answers = 20000;
    struct ids *ids = ids_create(NULL);
    uint64_t wrong = 0;
    char id[32];

    for (uint64_t i = 1; i <= 2 * answers; i++) { /* each twice, the second time good */
        snprintf(id, sizeof(id), "id-%ju", (uintmax_t)(i / 2));
        CHECK(ids_add(ids, &(struct ids_answer){ span_of(id), i / 2 + 1, 0, i % 2 == 1 }));
    }
    CHECK(ids_end_adding(ids));
    CHECK_EQ(counts_of(ids).repeated, answers - 1);
    CHECK_EQ(counts_of(ids).good, answers);
    CHECK_EQ(counts_of(ids).failed, 1);
    for (uint64_t i = 1; i < answers; i++) {
        snprintf(id, sizeof(id), "id-%ju", (uintmax_t)i);
        wrong += note(ids, id, i + 1, i) != IDS_DONE;
    }
    CHECK_EQ(wrong, 0);
    CHECK(ids_size(ids) <= 24 * answers + 32768);
    ids_destroy(ids);
}

int main(void)
{
    RUN(test_a_repeated_id_is_found_with_its_first_line);
    RUN(test_ids_with_zero_bytes_are_told_apart);
    RUN(test_a_hundred_thousand_ids_are_kept_at_24_bytes_each);
    RUN(test_ids_with_one_hash_are_told_apart_in_the_file);
    RUN(test_the_first_line_is_known_far_from_any_that_was_remembered);
    RUN(test_an_answer_meets_its_line_once);
    RUN(test_an_answer_to_another_body_is_stale);
    RUN(test_an_answer_with_the_hash_of_another_id_is_not_lost);
    RUN(test_many_answers_are_all_found);
    RUN(test_of_two_answers_the_good_one_stays);
    RUN(test_an_answer_of_others_is_found_by_its_id_alone);
    RUN(test_of_an_answer_of_others_and_one_of_ours_one_is_stale);
    RUN(test_an_answer_without_an_id_is_found_by_its_line);
    RUN(test_without_the_check_lines_take_no_memory);
    return check_done();
}
