/*
 * headers: who wins, and what goes where.
 */
#include "cli/headers.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

static struct headers headers;
static struct keys keys;
static struct headers_set set;

static const char *value_of(const char *name)
{
    const char *value = NULL;

    for (uint32_t i = 0; i < set.count; i++) {
        if (strcasecmp(set.items[i].name, name) == 0) {
            CHECK(value == NULL); /* a name stands there once */
            value = set.items[i].value;
        }
    }
    return value == NULL ? "(none)" : value;
}

/* Gather for a line with at most one header, sent to the base's origin or elsewhere. */
static void gather(char **given, size_t count, struct batch_header own, bool at_base)
{
    static struct batch_line line;

    CHECK_EQ(headers_open(&headers, given, count, NULL), 0);
    line = (struct batch_line){ .has_body = true, .headers_count = own.name != NULL };
    line.headers[0] = own;
    headers_gather(&headers, &keys, &line, at_base, &set);
}

static void key_is(const char *name, const char *value)
{
    keys = (struct keys){ .header = { name, value } };
}

static void test_the_key_and_secret_headers_go_to_the_base_only(void)
{
    char cookie[] = "Cookie: c=1";
    char other[] = "X-Other-API-Key: k";
    char plain[] = "X-Plain: 1";
    char *given[] = { cookie, other, plain };

    key_is("Authorization", "Bearer K");
    setenv("OPENAI_ORG_ID", "org", 1);
    gather(given, 3, (struct batch_header){ NULL, NULL }, true);
    CHECK_STR(value_of("Authorization"), "Bearer K");
    CHECK_STR(value_of("Cookie"), "c=1");
    CHECK_STR(value_of("X-Other-API-Key"), "k");
    CHECK_STR(value_of("OpenAI-Organization"), "org");
    headers_close(&headers);

    char again_cookie[] = "Cookie: c=1";
    char again_other[] = "X-Other-API-Key: k";
    char *given_again[] = { again_cookie, again_other, plain };
    gather(given_again, 3, (struct batch_header){ "Authorization", "own" }, false);
    CHECK_STR(value_of("Authorization"), "own");
    CHECK_STR(value_of("Cookie"), "(none)");
    CHECK_STR(value_of("X-Other-API-Key"), "(none)");
    CHECK_STR(value_of("OpenAI-Organization"), "(none)");
    CHECK_STR(value_of("X-Plain"), "1");
    headers_close(&headers);
    unsetenv("OPENAI_ORG_ID");
}

static void test_the_line_wins_over_h_and_h_over_ours(void)
{
    char agent[] = "user-agent: mine";
    char type[] = "Content-Type: text/plain";
    char gone[] = "Accept:";
    char empty[] = "X-Empty;";
    char *given[] = { agent, type, gone, empty };

    key_is("Authorization", "Bearer K");
    gather(given, 4, (struct batch_header){ "content-type", "a/b" }, true);
    CHECK_STR(value_of("User-Agent"), "mine");
    CHECK_STR(value_of("Content-Type"), "a/b");
    CHECK_STR(value_of("Accept"), "(none)");
    CHECK_STR(value_of("X-Empty"), "");
    CHECK_STR(value_of("Accept-Encoding"), "identity");
    CHECK_STR(value_of("Authorization"), "Bearer K");
    headers_close(&headers);

    gather(NULL, 0, (struct batch_header){ "AUTHORIZATION", "own" }, true);
    CHECK_STR(value_of("Authorization"), "own");
    headers_close(&headers);
}

static void test_what_may_hold_a_credential_is_secret(void)
{
    static const char *const secret[] = { "authorization",
                                          "COOKIE",
                                          "X-Api-Key",
                                          "PRIVATE-TOKEN",
                                          "x-auth-token",
                                          "X-Client-Secret",
                                          "Ocp-Apim-Subscription-Key" };
    static const char *const plain[] = { "X-Author", "Cookie-Policy", "X-Key-Id", "Accept" };

    headers = (struct headers){ .count = 0 };
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
        check_case(secret[i]);
        CHECK(headers_is_secret(&headers, secret[i]));
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        check_case(plain[i]);
        CHECK(!headers_is_secret(&headers, plain[i]));
    }
}

static void test_a_secret_on_the_command_line_is_blotted_out(void)
{
    char secret[] = "Authorization: Bearer SECRET";
    char *given[] = { secret };

    key_is("Authorization", NULL);
    gather(given, 1, (struct batch_header){ NULL, NULL }, true);
    CHECK(strstr(secret, "SECRET") == NULL);
    CHECK_STR(headers.literal_secret, "Authorization");
    CHECK_STR(value_of("Authorization"), "Bearer SECRET");
    headers_close(&headers);
}

static void test_headers_are_read_from_a_file(void)
{
    char path[] = "/tmp/quoit-headers-XXXXXX";
    char given_path[64];
    char *given[] = { given_path };
    FILE *file = fdopen(mkstemp(path), "w");

    fputs("X-One: 1\r\n\n  \nauthorization: Bearer F\n", file);
    fclose(file);
    snprintf(given_path, sizeof(given_path), "@%s", path);
    key_is("Authorization", "Bearer K");
    gather(given, 1, (struct batch_header){ NULL, NULL }, true);
    CHECK_STR(value_of("X-One"), "1");
    CHECK_STR(value_of("Authorization"), "Bearer F");
    CHECK(headers.literal_secret == NULL);
    headers_close(&headers);
    unlink(path);
}

static void test_names_that_frame_or_are_none_are_refused(void)
{
    CHECK(headers_name_fault("X-Good_1") == NULL);
    CHECK(headers_name_fault("host") != NULL);
    CHECK(headers_name_fault("Content-Length") != NULL);
    CHECK(headers_name_fault("TRANSFER-ENCODING") != NULL);
    CHECK(headers_name_fault("connection") != NULL);
    CHECK(headers_name_fault("proxy-authorization") != NULL);
    CHECK(headers_name_fault("") != NULL);
    CHECK(headers_name_fault("a b") != NULL);
    CHECK(headers_name_fault("a\r") != NULL);
}

int main(void)
{
    unsetenv("OPENAI_ORG_ID");
    unsetenv("OPENAI_PROJECT_ID");
    RUN(test_the_key_and_secret_headers_go_to_the_base_only);
    RUN(test_the_line_wins_over_h_and_h_over_ours);
    RUN(test_what_may_hold_a_credential_is_secret);
    RUN(test_a_secret_on_the_command_line_is_blotted_out);
    RUN(test_headers_are_read_from_a_file);
    RUN(test_names_that_frame_or_are_none_are_refused);
    return check_done();
}
