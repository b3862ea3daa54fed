/*
 * server: what is chosen, and what people see of it.
 */
#include "cli/server.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static const char *shown(const char *url, void (*append)(struct text *, const char *))
{
    static struct text text;

    text_free(&text);
    text_init(&text, 0);
    append(&text, url);
    return text.size == 0 ? "" : text.bytes;
}

static bool choose(struct server *server, const char *given)
{
    return server_choose(server, &given, given == NULL ? 0 : 1);
}

static void test_the_option_wins_over_the_variable_over_openai(void)
{
    struct server server;

    unsetenv("OPENAI_BASE_URL");
    CHECK(choose(&server, NULL));
    CHECK_STR(server.base_urls[0], "https://api.openai.com/v1");
    setenv("OPENAI_BASE_URL", "http://from.variable", 1);
    CHECK(choose(&server, NULL));
    CHECK_STR(server.variable, "OPENAI_BASE_URL");
    CHECK_STR(server.base_urls[0], "http://from.variable");
    CHECK(choose(&server, "http://given"));
    CHECK_STR(server.base_urls[0], "http://given");
    CHECK_EQ(server.count, 1);
    CHECK(server.variable == NULL);
    unsetenv("OPENAI_BASE_URL");
}

static void test_a_base_url_with_a_user_or_without_a_scheme_is_refused(void)
{
    static const char *const second_is_bad[] = { "http://a", "http://user:secret@b" };
    struct server server;

    CHECK(!choose(&server, "http://user:secret@h/v1"));
    CHECK(!choose(&server, "h/v1"));
    CHECK(!choose(&server, "ftp://h"));
    CHECK(choose(&server, "http://h/a@b"));
    CHECK(!server_choose(&server, second_is_bad, 2));
}

/* What server_choose says on stderr. */
static const char *refusal(const char *url)
{
    static char text[512];
    struct server server;
    FILE *file = tmpfile();
    FILE *saved = stderr;

    stderr = file; /* glibc lets it be assigned */
    bool good = choose(&server, url);
    stderr = saved;
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    return good ? "accepted" : text;
}

static void test_a_url_without_a_scheme_is_shown_with_one_and_without_a_secret(void)
{
    CHECK_STR(refusal("127.0.0.1:8000/v1"), "quoit batch: --base-url: 127.0.0.1:8000/v1 has no "
                                            "scheme: http://127.0.0.1:8000/v1\n");
    CHECK(strstr(refusal("h/v1?key=SECRET"), "http://h/v1\n") != NULL);
    CHECK(strstr(refusal("h/\x1b[2J"), "http://h/?[2J\n") != NULL);
    CHECK(strstr(refusal("user:SECRET@h/v1"), "user name") != NULL);
    CHECK(strstr(refusal("user:SECRET@h/v1"), "SECRET") == NULL);
    CHECK(strstr(refusal("http:/user:SECRET@h/v1"), "SECRET") == NULL);
    CHECK(strstr(refusal("http:/h/v1"), "not an absolute url: http://HOST/v1") != NULL);
    CHECK(strstr(refusal("ftp://h/v1"), "not an absolute url: http://HOST/v1") != NULL);
    CHECK(strstr(refusal(""), "not an absolute url: http://HOST/v1") != NULL);
}

static void test_the_key_may_go_to_each_of_several_servers_and_nowhere_else(void)
{
    static const char *const given[] = { "http://a/v1", "https://b:8443/v1" };
    struct server server;

    CHECK(server_choose(&server, given, 2));
    CHECK_EQ(server.count, 2);
    CHECK(server_is_one(&server, "http://a/else"));
    CHECK(server_is_one(&server, "https://B:8443/v1/x"));
    CHECK(!server_is_one(&server, "https://a/v1"));
    CHECK(!server_is_one(&server, "https://b/v1"));
}

static void test_people_see_no_secret_of_a_url(void)
{
    CHECK_STR(shown("https://h/v1?api-key=S#f", server_append_url), "https://h/v1");
    CHECK_STR(shown("https://u:S@h/v1", server_append_url), "https://h/v1");
    CHECK_STR(shown("https://u:S@S@h/v1", server_append_url), "https://h/v1");
    CHECK_STR(shown("https://h/\x1b[2J", server_append_url), "https://h/?[2J");
    CHECK_STR(shown("https://u:S/S@h/v1", server_append_url), "https://***@h/v1");
    CHECK_STR(shown("https://u:S?S@h/v1", server_append_url), "https://***");
    CHECK_STR(shown("https://u:S#S@h/v1", server_append_url), "https://***");
    CHECK_STR(shown("https://[::1]:80/v1?m=a@b", server_append_url), "https://[::1]:80/v1");
    CHECK_STR(shown("/login", server_append_url), "/login");
    CHECK_STR(shown("https://h/v1?api-version=1&api-key=S&x&sig=S", server_append_url_hidden),
              "https://h/v1?api-version=1&api-key=***&x&sig=***");
}

int main(void)
{
    RUN(test_the_option_wins_over_the_variable_over_openai);
    RUN(test_a_base_url_with_a_user_or_without_a_scheme_is_refused);
    RUN(test_a_url_without_a_scheme_is_shown_with_one_and_without_a_secret);
    RUN(test_the_key_may_go_to_each_of_several_servers_and_nowhere_else);
    RUN(test_people_see_no_secret_of_a_url);
    return check_done();
}
