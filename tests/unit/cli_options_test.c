/*
 * options: each kind of option in each way to write it, what is refused, and what help says.
 */
#include "cli/options.h"
#include "quoit.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define WORDS_MAX 16

/* Parse a line of words without quotes, on a copy that options may point into. */
static bool parse(struct options *options, const char *line)
{
    static char copies[64][256]; /* so that what options point to stays there for the test */
    static int next_copy;
    char *copy = copies[next_copy++ % 64];
    char *words[WORDS_MAX];
    int count = 0;

    snprintf(copy, 256, "%s", line);
    for (char *word = copy; *word != '\0' && count < WORDS_MAX;) {
        char *end = strchr(word, ' ');
        words[count++] = word;
        if (end == NULL) {
            break;
        }
        *end = '\0';
        word = end + 1;
    }
    return options_parse(options, count, words);
}

/* What options_parse says on stderr, in one line. */
static const char *refusal(const char *line)
{
    static char text[512];
    struct options options;
    FILE *file = tmpfile();
    FILE *saved = stderr;

    stderr = file; /* glibc lets it be assigned */
    bool good = parse(&options, line);
    stderr = saved;
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    return good ? "accepted" : text;
}

static void test_defaults_are_those_of_the_manual(void)
{
    struct options options;

    CHECK(parse(&options, "in.jsonl"));
    CHECK_STR(options.input, "in.jsonl");
    CHECK(options.output == NULL);
    CHECK_EQ(options.concurrency, 64);
    CHECK_EQ(options.retries, 2);
    CHECK_EQ(options.limit, UINT64_MAX);
    CHECK_EQ(options.timeout_ns, 0);
    CHECK_EQ(options.wait_for_server_ns, UINT64_C(300000000000));
    CHECK_EQ(options.order, OPTIONS_ORDER_COMPLETION);
    CHECK_EQ(options.progress, OPTIONS_PROGRESS_AUTO);
    CHECK(!options.overwrite);
}

static void test_each_way_to_write_a_value_is_the_same(void)
{
    static const char *const lines[] = {
        "-c 7 in", "-c7 in", "in --concurrency 7", "--concurrency=7 -- in", "-kvc 7 in", "-kvc7 in"
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct options options;
        check_case(lines[i]);
        CHECK(parse(&options, lines[i]));
        CHECK_EQ(options.concurrency, 7);
        CHECK_STR(options.input, "in");
    }
}

static void test_values_arrive_in_their_fields(void)
{
    struct options options;

    CHECK(parse(&options, "-o out --errors bad --order input --limit 3 --timeout none --spin 0 -"));
    CHECK_STR(options.output, "out");
    CHECK_STR(options.errors, "bad");
    CHECK_STR(options.input, "-");
    CHECK_EQ(options.order, OPTIONS_ORDER_INPUT);
    CHECK_EQ(options.limit, 3);
    CHECK_EQ(options.timeout_ns, UINT64_MAX);
    CHECK_EQ(options.spin_ns, 0);
    CHECK_EQ(options.io, QUOIT_IO_AUTO);
    CHECK(parse(&options, "in --io uring"));
    CHECK_EQ(options.io, QUOIT_IO_URING);
    CHECK(parse(&options, "in --io=epoll"));
    CHECK_EQ(options.io, QUOIT_IO_EPOLL);
    CHECK(parse(&options, "in --io auto"));
    CHECK_EQ(options.io, QUOIT_IO_AUTO);
    CHECK(parse(&options, "in -H A:1 --header=B:2 --query a=b --query c=d --body-max 1KiB"));
    CHECK_EQ(options.headers_count, 2);
    CHECK_STR(options.headers[1], "B:2");
    CHECK_EQ(options.queries_count, 2);
    CHECK_EQ(options.body_max, 1024);
    CHECK(options.proxy == NULL);
    CHECK(parse(&options, "in -x h:3128"));
    CHECK_STR(options.proxy, "h:3128");
    CHECK(parse(&options, "in --proxy= --unix-socket s"));
    CHECK_STR(options.proxy, "");
}

static void test_what_is_wrong_is_refused_with_a_reason(void)
{
    static const char *const cases[][2] = {
        { "", "which INPUT?" },
        { "a b", "second one" },
        { "in -t 5", "--timeout" },
        { "in -n 5", "--limit" },
        { "in --timeout 5", "not a duration" },
        { "in --timeout 0", "say none" },
        { "in -c 0", "at least 1" },
        { "in -c 100001", "at most 100000" },
        { "in -c", "needs a value" },
        { "in --order sideways", "completion|input" },
        { "in --order comp", "completion|input" },
        { "in --io select", "auto|uring|epoll" },
        { "in --quiet=1", "takes no value" },
        { "in --body-max 0", "not a size" },
        { "in --cert c.pem", "--key is missing" },
        { "in --query x", "K=V" },
        { "in --query =x", "K=V" },
        { "in --endpoint v1", "begin with /" },
        { "in --api-key-env A --api-key-file b", "one of them" },
        { "in --no-stream-usage", "goes with --stream" },
        { "in -v --quiet", "--verbose and --quiet" },
        { "in -x http://p --unix-socket s", "one of them" },
        { "in -x", "needs a value" },
        { "in --resume", "--resume needs files" },
        { "in -o - --resume", "--resume needs files" },
        { "in -o a --errors - --resume", "--resume needs files" },
        { "in -o a --resume --overwrite", "--resume and --overwrite" },
        { "in -o a --resume-failed all", "goes with --resume" },
        { "in -o a --resume --order input --resume-failed none", "--order input" },
        { "in --fsync sometimes", "always|group|never" },
        { "in --concurrenc 5", "unknown option --concurrenc" },
        { "in -Z", "unknown option -Z" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *said = refusal(cases[i][0]);
        check_case(cases[i][0]);
        CHECK(strstr(said, cases[i][1]) != NULL);
        CHECK(strchr(said, '\n') == said + strlen(said) - 1); /* one line */
    }
}

int main(void)
{
    RUN(test_defaults_are_those_of_the_manual);
    RUN(test_each_way_to_write_a_value_is_the_same);
    RUN(test_values_arrive_in_their_fields);
    RUN(test_what_is_wrong_is_refused_with_a_reason);
    return check_done();
}
