/*
 * server: what is chosen, what people see of it, and which proxy is not used.
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

static void test_the_option_wins_over_the_variable_over_openai(void)
{
    struct server server;

    unsetenv("OPENAI_BASE_URL");
    CHECK(server_choose(&server, NULL));
    CHECK_STR(server.base_url, "https://api.openai.com/v1");
    setenv("OPENAI_BASE_URL", "http://from.variable", 1);
    CHECK(server_choose(&server, NULL));
    CHECK_STR(server.variable, "OPENAI_BASE_URL");
    CHECK(server_choose(&server, "http://given"));
    CHECK_STR(server.base_url, "http://given");
    CHECK(server.variable == NULL);
    unsetenv("OPENAI_BASE_URL");
}

static void test_a_base_url_with_a_user_or_without_a_scheme_is_refused(void)
{
    struct server server;

    CHECK(!server_choose(&server, "http://user:secret@h/v1"));
    CHECK(!server_choose(&server, "h/v1"));
    CHECK(!server_choose(&server, "ftp://h"));
    CHECK(server_choose(&server, "http://h/a@b"));
}

static void test_people_see_no_secret_of_a_url(void)
{
    CHECK_STR(shown("https://h/v1?api-key=S#f", server_append_url), "https://h/v1");
    CHECK_STR(shown("https://u:S@h/v1", server_append_url), "https://h/v1");
    CHECK_STR(shown("https://h/\x1b[2J", server_append_url), "https://h/?[2J");
    CHECK_STR(shown("/login", server_append_url), "/login");
    CHECK_STR(shown("https://h/v1?api-version=1&api-key=S&x&sig=S", server_append_url_hidden),
              "https://h/v1?api-version=1&api-key=***&x&sig=***");
}

static void test_only_the_proxy_that_would_apply_is_named(void)
{
    static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
                                         "all_proxy",   "ALL_PROXY",   "no_proxy",   "NO_PROXY" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsetenv(names[i]);
    }
    CHECK(server_unused_proxy("https://h") == NULL);
    setenv("HTTPS_PROXY", "http://p", 1);
    CHECK_STR(server_unused_proxy("https://h:1/x"), "HTTPS_PROXY");
    CHECK(server_unused_proxy("http://h") == NULL);
    setenv("HTTP_PROXY", "http://p", 1);
    CHECK(server_unused_proxy("http://h") == NULL); /* upper case is a CGI header */
    setenv("http_proxy", "http://p", 1);
    CHECK_STR(server_unused_proxy("http://h"), "http_proxy");
    setenv("NO_PROXY", "x.example, .local,h", 1);
    CHECK(server_unused_proxy("http://h:80/") == NULL);
    CHECK(server_unused_proxy("http://a.local") == NULL);
    CHECK(server_unused_proxy("http://ah") != NULL);
    setenv("NO_PROXY", "*", 1);
    CHECK(server_unused_proxy("https://anything") == NULL);
}

int main(void)
{
    RUN(test_the_option_wins_over_the_variable_over_openai);
    RUN(test_a_base_url_with_a_user_or_without_a_scheme_is_refused);
    RUN(test_people_see_no_secret_of_a_url);
    RUN(test_only_the_proxy_that_would_apply_is_named);
    return check_done();
}
