/*
 * option: what a table can say that that of `quoit batch` does not: words without end.
 */
#include "cli/option.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

struct said {
    char **files;
    uint64_t files_count;
    const char *output;
    uint64_t count;
    bool quiet;
};

#define OPTION_STRUCT struct said

static const struct option_row rows[] = {
    HEADING("Options"),
    TEXT('o', "output", output, "F", "where to"),
    COUNT('c', "count", count, "N", "how many", 1, 9),
    FLAG('q', "quiet", quiet, "say nothing"),
    WORDS(files),
    REFUSED('t', NULL, "is not defined"),
};

static const struct option_table table = {
    .command = "quoit test",
    OPTION_ROWS(rows),
    .head = "head\n",
};

/* The same, without words. */
static const struct option_table wordless = {
    .command = "quoit test",
    .rows = rows + 1,
    .rows_count = 3,
    .head = "head\n",
};

static const struct option_table *used = &table;
static struct said said;
static char storage[256];
static char *words[32];

/* Read the words of `line`, which blanks keep apart. */
static bool parse(const char *line)
{
    int count = 0;
    char *rest = NULL;

    snprintf(storage, sizeof(storage), "%s", line);
    said = (struct said){ .count = 3 };
    for (char *word = strtok_r(storage, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return option_parse(used, &said, count, words);
}

/* What a line is refused with. */
static const char *refusal(const char *line)
{
    static char text[256];
    FILE *kept = tmpfile();
    int fd = dup(STDERR_FILENO);

    fflush(stderr);
    dup2(fileno(kept), STDERR_FILENO);
    bool good = parse(line);
    fflush(stderr);
    dup2(fd, STDERR_FILENO);
    close(fd);
    rewind(kept);
    size_t size = fread(text, 1, sizeof(text) - 1, kept);
    text[size] = '\0';
    fclose(kept);
    return good ? "taken" : text;
}

static void test_words_among_options_are_gathered_in_their_order(void)
{
    CHECK(parse("a -o x b -q c -c5 -- -d --output"));
    CHECK_EQ(said.files_count, 5);
    CHECK_STR(said.files[0], "a");
    CHECK_STR(said.files[1], "b");
    CHECK_STR(said.files[2], "c");
    CHECK_STR(said.files[3], "-d");
    CHECK_STR(said.files[4], "--output");
    CHECK_STR(said.output, "x");
    CHECK_EQ(said.count, 5);
    CHECK(said.quiet);
    CHECK(parse("-q -"));
    CHECK_EQ(said.files_count, 1);
    CHECK_STR(said.files[0], "-");
    CHECK(parse(""));
    CHECK_EQ(said.files_count, 0);
    CHECK_EQ(said.count, 3);
}

static void test_what_is_refused_names_the_command_and_the_option(void)
{
    CHECK_STR(refusal("--none"), "quoit test: unknown option --none: see quoit test --help\n");
    CHECK_STR(refusal("-z"), "quoit test: unknown option -z: see quoit test --help\n");
    CHECK_STR(refusal("-c"), "quoit test: -c needs a value: N\n");
    CHECK_STR(refusal("--quiet=1"), "quoit test: --quiet takes no value\n");
    CHECK_STR(refusal("-t"), "quoit test: -t is not defined\n");
}

static void test_a_word_where_none_is_read_is_refused(void)
{
    used = &wordless;
    CHECK_STR(refusal("-q now"),
              "quoit test: \"now\" is one word too many: only options are read\n");
    CHECK_STR(refusal("-q"), "taken");
    used = &table;
}

static void test_help_shows_the_options_and_neither_words_nor_what_is_refused(void)
{
    char text[512] = "";
    FILE *to = fmemopen(text, sizeof(text), "w");

    option_print_help(&table, to);
    fclose(to);
    CHECK_STR(text, "head\n"
                    "\n"
                    "Options\n"
                    "  -o, --output F                  where to\n"
                    "  -c, --count N                   how many\n"
                    "  -q, --quiet                     say nothing\n");
}

int main(void)
{
    RUN(test_words_among_options_are_gathered_in_their_order);
    RUN(test_what_is_refused_names_the_command_and_the_option);
    RUN(test_a_word_where_none_is_read_is_refused);
    RUN(test_help_shows_the_options_and_neither_words_nor_what_is_refused);
    return check_done();
}
