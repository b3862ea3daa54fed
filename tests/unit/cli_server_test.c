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
    CHECK_STR(shown("https://u:S@S@h/v1", server_append_url), "https://h/v1");
    CHECK_STR(shown("https://h/\x1b[2J", server_append_url), "https://h/?[2J");
    CHECK_STR(shown("/login", server_append_url), "/login");
    CHECK_STR(shown("https://h/v1?api-version=1&api-key=S&x&sig=S", server_append_url_hidden),
              "https://h/v1?api-version=1&api-key=***&x&sig=***");
}

int main(void)
{
    RUN(test_the_option_wins_over_the_variable_over_openai);
    RUN(test_a_base_url_with_a_user_or_without_a_scheme_is_refused);
    RUN(test_people_see_no_secret_of_a_url);
    return check_done();
}
