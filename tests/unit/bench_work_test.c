/*
 * work: what is sent where, from a command line or from a file, and what is refused by which line.
 */
#include "bench/work.h"
#include "cli/exit.h"
#include "tests/unit/capture.h"
#include "tests/unit/check.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct bench_options options;
static struct headers headers;
static struct keys keys;
static struct proxies proxies;
static struct work work;
static const char *said; /* by the last open_work, on stderr */
static char path[] = "/tmp/quoit-work-XXXXXX";
static char header_text[] = "X-Team: blue";

static int open_work(void)
{
    char *given[] = { header_text };
    const struct keys_source source = { .variable = "QUOIT_TEST_KEY" };

    assert(headers_open(&headers, given, 1, NULL) == 0);
    assert(keys_open(&keys, &source));
    assert(proxies_open(&proxies, options.proxy));
    capture_begin();
    int exit_code = work_open(&work, &options, &headers, &keys, &proxies);
    exit_code = exit_code != 0 ? exit_code : work_check(&work);
    said = capture_end();
    return exit_code;
}

static void close_work(void)
{
    work_close(&work);
    proxies_close(&proxies);
    keys_close(&keys);
    headers_close(&headers);
    options = (struct bench_options){ 0 };
}

/* Open, look, and close: the exit code, and what was said. */
static void check_refused(int exit_code, const char *line)
{
    CHECK_EQ(open_work(), exit_code);
    CHECK_STR(said, line);
    close_work();
}

static int open_file(const char *lines)
{
    FILE *file = fopen(path, "w");

    assert(file != NULL);
    fputs(lines, file);
    fclose(file);
    options.input = path;
    return open_work();
}

/* The value of a header of that item; NULL: it has none. */
static const char *header(size_t item, const char *name)
{
    for (uint32_t i = 0; i < work.items[item].headers_count; i++) {
        if (strcasecmp(work.items[item].headers[i].name, name) == 0) {
            return work.items[item].headers[i].value;
        }
    }
    return NULL;
}

static void check_header(size_t item, const char *name, const char *wanted)
{
    const char *value = header(item, name);

    if (wanted == NULL ? value != NULL : value == NULL || strcmp(value, wanted) != 0) {
        CHECK_FAIL("query %zu: %s: %s", item, name, value == NULL ? "none" : value);
    }
}

/* --- One request --- */

static void test_a_url_without_a_scheme_is_http(void)
{
    static const char *const urls[][2] = {
        { "http://h/p?q", "http://h/p?q" },
        { "https://h", "https://h" },
        { "h", "http://h" },
        { "h:8000/p", "http://h:8000/p" },
        { "127.0.0.1:1", "http://127.0.0.1:1" },
        { "[::1]:8000/", "http://[::1]:8000/" },
        { "h/go?to=http://other/", "http://h/go?to=http://other/" },
        { "h:80?to=a://b", "http://h:80?to=a://b" },
    };

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        check_case(urls[i][0]);
        options.url = urls[i][0];
        CHECK_EQ(open_work(), 0);
        CHECK_EQ(work.count, 1);
        CHECK_STR(work.url, urls[i][1]);
        CHECK_STR(work.items[0].url, urls[i][1]);
        CHECK_STR(said, "");
        close_work();
    }
}

static void test_a_url_that_is_none_is_refused(void)
{
    static const char *const urls[][2] = {
        { NULL, "quoit bench: which URL? See --help\n" },
        { "ftp://h/", "quoit bench: URL is not an absolute url: http://HOST/PATH\n" },
        { "/path", "quoit bench: URL is not an absolute url: http://HOST/PATH\n" },
        { "http://", "quoit bench: URL is not an absolute url: http://HOST/PATH\n" },
        { "http://me:secret@h/", "quoit bench: URL holds a user name: say it with -H @FILE\n" },
        { "me:secret@h/", "quoit bench: URL holds a user name: say it with -H @FILE\n" },
    };

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        check_case(urls[i][0] == NULL ? "none" : urls[i][0]);
        options.url = urls[i][0];
        check_refused(EXIT_USAGE, urls[i][1]);
    }
    check_case("");
    options.url = "http://h/me@home"; /* that is a path */
    CHECK_EQ(open_work(), 0);
    close_work();
}

static void test_a_body_makes_a_post_unless_another_method_is_said(void)
{
    options.url = "h";
    CHECK_EQ(open_work(), 0);
    CHECK_STR(work.items[0].method, "GET");
    CHECK_EQ(work.items[0].body.size, 0);
    close_work();
    options.url = "h";
    options.body = "{\"a\":1}";
    CHECK_EQ(open_work(), 0);
    CHECK_STR(work.items[0].method, "POST");
    CHECK_MEM(work.items[0].body.bytes, work.items[0].body.size, "{\"a\":1}", 7);
    close_work();
    options.url = "h";
    options.body = "x";
    options.method = "PUT";
    CHECK_EQ(open_work(), 0);
    CHECK_STR(work.items[0].method, "PUT");
    close_work();
    options.url = "h";
    options.method = "DELETE";
    CHECK_EQ(open_work(), 0);
    CHECK_STR(work.items[0].method, "DELETE");
    close_work();
}

static void test_a_body_of_a_file_is_sent_as_it_stands(void)
{
    static char name[sizeof(path) + 1];
    FILE *file = fopen(path, "w");

    CHECK_EQ(fwrite("a\0\r\n b\n", 1, 7, file), 7);
    fclose(file);
    snprintf(name, sizeof(name), "@%s", path);
    options.url = "h";
    options.body = name;
    CHECK_EQ(open_work(), 0);
    CHECK_MEM(work.items[0].body.bytes, work.items[0].body.size, "a\0\r\n b\n", 7);
    close_work();
    options.url = "h";
    options.body = "@/proc/nowhere";
    check_refused(EXIT_START,
                  "quoit: -d @/proc/nowhere cannot be read: No such file or directory\n");
    options.url = "h";
    options.body = "@/";
    check_refused(EXIT_START, "quoit: -d @/ cannot be read: Is a directory\n");
}

static void test_our_headers_and_the_key_go_along(void)
{
    options.url = "http://h/v1/chat/completions";
    options.body = "{}";
    CHECK_EQ(open_work(), 0);
    check_header(0, "X-Team", "blue");
    check_header(0, "Authorization", "Bearer sesame");
    check_header(0, "Content-Type", "application/json");
    CHECK_EQ(work.items[0].form, STREAM_CHAT);
    close_work();
}

static void test_what_the_library_would_refuse_is_refused_before_the_run(void)
{
    options.url = "http://h/a b";
    check_refused(EXIT_USAGE, "quoit bench: not an absolute http or https URL\n");
    options.url = "http://h";
    options.method = "GE T";
    check_refused(EXIT_USAGE, "quoit bench: a header or the method may not be sent\n");
    options.url = "http://h";
    options.unix_socket = "/tmp/"
                          "0123456789012345678901234567890123456789012345678901234567890123456789"
                          "0123456789012345678901234567890123456789012345678901234567890123456789";
    check_refused(EXIT_USAGE, "quoit bench: --unix-socket: the path is too long\n");
}

/* --- A file --- */

static void test_urls_of_a_file_are_joined_with_that_of_the_server(void)
{
    options.url = "h:1/v1?api=2";
    CHECK_EQ(open_file("{\"custom_id\":\"a\",\"url\":\"/v1/embeddings\",\"body\":{}}\n"
                       "\n"
                       "{\"custom_id\":\"b\",\"body\":{ \"n\" : 9007199254740993 }}\n"
                       "{\"custom_id\":\"c\",\"method\":\"GET\",\"url\":\"/models\"}\n"
                       "{\"custom_id\":\"d\",\"url\":\"https://other/x\",\"body\":[]}\n"),
             0);
    CHECK_EQ(work.count, 4);
    CHECK_STR(work.items[0].url, "http://h:1/v1/embeddings?api=2");
    CHECK_STR(work.items[1].url, "http://h:1/v1/chat/completions?api=2");
    CHECK_STR(work.items[1].method, "POST");
    CHECK_MEM(work.items[1].body.bytes, work.items[1].body.size, "{ \"n\" : 9007199254740993 }",
              26);
    CHECK_STR(work.items[2].url, "http://h:1/v1/models?api=2");
    CHECK_STR(work.items[2].method, "GET");
    CHECK_STR(work.items[3].url, "https://other/x");
    CHECK_EQ(work.items[0].form, STREAM_NONE);
    CHECK_EQ(work.items[1].form, STREAM_CHAT);
    close_work();
}

static void test_the_key_goes_to_the_server_only(void)
{
    options.url = "https://h/v1";
    CHECK_EQ(open_file("{\"custom_id\":\"a\",\"url\":\"/v1/embeddings\",\"body\":{}}\n"
                       "{\"custom_id\":\"b\",\"url\":\"https://h:443/x\",\"body\":{}}\n"
                       "{\"custom_id\":\"c\",\"url\":\"http://h/x\",\"body\":{}}\n"
                       "{\"custom_id\":\"d\",\"url\":\"https://h.evil/x\",\"body\":{}}\n"
                       "{\"custom_id\":\"e\",\"url\":\"https://h:444/x\",\"body\":{}}\n"),
             0);
    check_header(0, "Authorization", "Bearer sesame");
    check_header(1, "Authorization", "Bearer sesame");
    check_header(2, "Authorization", NULL);
    check_header(3, "Authorization", NULL);
    check_header(4, "Authorization", NULL);
    check_header(3, "X-Team", "blue"); /* that is no secret */
    close_work();
}

static void test_a_line_may_ask_for_a_stream_and_has_headers_of_its_own(void)
{
    options.url = "h";
    CHECK_EQ(open_file("{\"custom_id\":\"a\",\"body\":{\"stream\":true},\"headers\":{\"X-Team\":"
                       "\"red\"}}\n"),
             0);
    check_header(0, "X-Team", "red");
    close_work();
}

static void test_a_line_that_is_none_is_named_by_its_number(void)
{
    static const char *const files[][2] = {
        { "{\"custom_id\":\"a\",\"body\":{}}\n\nnonsense\n", "line 3: " },
        { "{}\n", "line 1: " },
        { "{\"custom_id\":\"a\",\"body\":{}}\n{\"custom_id\":\"b\",\"url\":\"x\",\"body\":{}}\n",
          "line 2: " },
        { "{\"custom_id\":\"a\",\"method\":\"POST\"}\n", "line 1: " },
    };

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        check_case(files[i][0]);
        options.url = "h";
        CHECK_EQ(open_file(files[i][0]), EXIT_START);
        CHECK(strncmp(said, "quoit: /tmp/quoit-work-", 23) == 0);
        CHECK(strstr(said, files[i][1]) != NULL);
        close_work();
    }
}

static void test_a_file_without_a_query_is_refused(void)
{
    char wanted[128];

    snprintf(wanted, sizeof(wanted), "quoit: --input %s holds no query\n", path);
    options.url = "h";
    CHECK_EQ(open_file("\n \n"), EXIT_START);
    CHECK_STR(said, wanted);
    close_work();
    options.url = "h";
    options.input = "/proc/nowhere";
    check_refused(EXIT_START,
                  "quoit: --input /proc/nowhere cannot be read: No such file or directory\n");
}

static void test_the_environment_names_the_server_of_a_file(void)
{
    setenv("OPENAI_BASE_URL", "https://env/v1", 1);
    CHECK_EQ(open_file("{\"custom_id\":\"a\",\"body\":{}}\n"), 0);
    CHECK_STR(work.items[0].url, "https://env/v1/chat/completions");
    CHECK_STR(work.variable, "OPENAI_BASE_URL");
    close_work();
    check_refused(EXIT_USAGE, "quoit bench: which URL? See --help\n"); /* without a file */
    options.url = "https://said";
    CHECK_EQ(open_file("{\"custom_id\":\"a\",\"body\":{}}\n"), 0);
    CHECK_STR(work.items[0].url, "https://said/v1/chat/completions");
    CHECK(work.variable == NULL);
    close_work();
    unsetenv("OPENAI_BASE_URL");
}

static void test_the_proxy_is_that_of_each_url(void)
{
    char proxy[] = "http://p:3128";

    setenv("no_proxy", "near", 1);
    options.url = "https://h";
    options.proxy = proxy;
    CHECK_EQ(open_file("{\"custom_id\":\"a\",\"body\":{}}\n"
                       "{\"custom_id\":\"b\",\"url\":\"http://near/\",\"body\":{}}\n"),
             0);
    CHECK(work.items[0].proxy_url != NULL);
    CHECK(work.items[1].proxy_url == NULL);
    close_work();
    unsetenv("no_proxy");
}

int main(void)
{
    static const char *const variables[] = {
        "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "http_proxy", "https_proxy",
        "HTTPS_PROXY",     "all_proxy",     "ALL_PROXY",         "no_proxy",   "NO_PROXY"
    };

    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        unsetenv(variables[i]);
    }
    setenv("QUOIT_TEST_KEY", "sesame", 1);
    close(mkstemp(path));
    RUN(test_a_url_without_a_scheme_is_http);
    RUN(test_a_url_that_is_none_is_refused);
    RUN(test_a_body_makes_a_post_unless_another_method_is_said);
    RUN(test_a_body_of_a_file_is_sent_as_it_stands);
    RUN(test_our_headers_and_the_key_go_along);
    RUN(test_what_the_library_would_refuse_is_refused_before_the_run);
    RUN(test_urls_of_a_file_are_joined_with_that_of_the_server);
    RUN(test_the_key_goes_to_the_server_only);
    RUN(test_a_line_may_ask_for_a_stream_and_has_headers_of_its_own);
    RUN(test_a_line_that_is_none_is_named_by_its_number);
    RUN(test_a_file_without_a_query_is_refused);
    RUN(test_the_environment_names_the_server_of_a_file);
    RUN(test_the_proxy_is_that_of_each_url);
    unlink(path);
    return check_done();
}
