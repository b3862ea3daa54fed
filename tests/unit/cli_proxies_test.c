/*
 * proxies: which proxy each url is reached through, by -x and the environment; curl's rules.
 */
#include "cli/proxies.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY",
                                     "all_proxy",   "ALL_PROXY",   "no_proxy",   "NO_PROXY" };

/* Set the environment to "NAME=VALUE NAME=VALUE", and nothing else. */
static void set_environment(const char *settings)
{
    char words[512];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsetenv(names[i]);
    }
    snprintf(words, sizeof(words), "%s", settings);
    for (char *word = words; *word != '\0';) {
        size_t size = strcspn(word, " ");
        char *next = word + size + (word[size] == ' ');
        char *value = strchr(word, '=') + 1;
        word[size] = value[-1] = '\0';
        setenv(word, value, 1);
        word = next;
    }
}

/* The proxy of that url; "": none. */
static const char *found(const char *given, const char *url, const char **from_out)
{
    static char shown[256];
    struct proxies proxies;
    char argument[128];

    snprintf(argument, sizeof(argument), "%s", given == NULL ? "" : given);
    CHECK(proxies_open(&proxies, given == NULL ? NULL : argument));
    const struct proxies_item *item = proxies_find(&proxies, url);
    snprintf(shown, sizeof(shown), "%s", item == NULL ? "" : item->url);
    *from_out = item == NULL ? "" : item->from;
    proxies_close(&proxies);
    return shown;
}

static void test_the_option_wins_over_the_variable_of_the_scheme_over_that_of_all(void)
{
    static const struct {
        const char *environment, *given, *url, *proxy, *from;
    } cases[] = {
        { "", NULL, "http://h", "", "" },
        { "http_proxy=http://a", NULL, "http://h", "http://a", "http_proxy" },
        { "http_proxy=http://a", NULL, "https://h", "", "" },
        { "HTTP_PROXY=http://a", NULL, "http://h", "", "" },
        { "https_proxy=http://a", NULL, "https://h", "http://a", "https_proxy" },
        { "https_proxy=http://a HTTPS_PROXY=http://b", NULL, "https://h", "http://a",
          "https_proxy" },
        { "HTTPS_PROXY=http://b", NULL, "HTTPS://h", "http://b", "HTTPS_PROXY" },
        { "https_proxy= HTTPS_PROXY=http://b", NULL, "https://h", "http://b", "HTTPS_PROXY" },
        { "HTTPS_PROXY=http://b ALL_PROXY=http://c", NULL, "https://h", "http://b", "HTTPS_PROXY" },
        { "ALL_PROXY=http://c", NULL, "https://h", "http://c", "ALL_PROXY" },
        { "ALL_PROXY=http://c", NULL, "http://h", "http://c", "ALL_PROXY" },
        { "ALL_PROXY=http://c all_proxy=http://d", NULL, "http://h", "http://d", "all_proxy" },
        { "http_proxy=a:3128", NULL, "http://h", "http://a:3128", "http_proxy" },
        { "http_proxy=u:p@a:3128", NULL, "http://h", "http://u:p@a:3128", "http_proxy" },
        { "http_proxy=http://a", "http://x", "http://h", "http://x", "-x" },
        { "", "x:1", "https://h", "http://x:1", "-x" },
        { "http_proxy=http://a ALL_PROXY=http://c", "", "http://h", "", "" },
        { "no_proxy=h", "http://x", "http://h", "", "" },
        { "http_proxy=http://a", NULL, "http://127.0.0.1", "http://a", "http_proxy" },
        { "http_proxy=http://a", NULL, "http://localhost", "http://a", "http_proxy" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *from;
        check_case(cases[i].environment);
        set_environment(cases[i].environment);
        CHECK_STR(found(cases[i].given, cases[i].url, &from), cases[i].proxy);
        CHECK_STR(from, cases[i].from);
    }
    set_environment("");
}

static void test_no_proxy_names_what_needs_none(void)
{
    static const struct {
        const char *list, *url;
        bool exempt;
    } cases[] = {
        { "h", "http://h", true },
        { "h", "http://H:81/x?y", true },
        { "H", "http://h", true },
        { "h", "http://ah", false },
        { "h", "http://a.h", true },
        { ".h", "http://a.h", true },
        { ".h", "http://h", true },
        { "h.", "http://a.h", true },
        { "h", "http://a.h.", true },
        { "a.h", "http://h", false },
        { ".", "http://h", false },
        { "x,y h", "http://h", true },
        { "x, \th,", "http://h", true },
        { "x,y", "http://h", false },
        { "*", "https://anything", true },
        { "x,*", "https://anything", true },
        { "*h", "http://ah", false },
        { "h:81", "http://h:81", true },
        { "h:81", "http://h", false },
        { "h:80", "http://h", true },
        { "h:443", "https://h", true },
        { ".h:443", "https://a.h", true },
        { "127.0.0.1", "http://127.0.0.1:8000/v1", true },
        { "127.0.0.1:8000", "http://127.0.0.1:8000/v1", true },
        { "127.0.0.1:8001", "http://127.0.0.1:8000/v1", false },
        { "0.0.1", "http://127.0.0.1", false }, /* an address has nothing below it */
        { "10.0.0.0/8", "http://10.200.3.4", true },
        { "10.0.0.0/8", "http://11.0.0.1", false },
        { "192.168.4.0/22", "http://192.168.7.255", true },
        { "192.168.4.0/22", "http://192.168.8.0", false },
        { "1.2.3.4/32", "http://1.2.3.4", true },
        { "1.2.3.4/33", "http://1.2.3.4", false },
        { "1.2.3.4/", "http://1.2.3.4", false },
        { "1.2.3.4/8x", "http://1.2.3.4", false },
        { "0.0.0.0/0", "http://1.2.3.4", true },
        { "0.0.0.0/0", "http://h", false },
        { "0.0.0.0/0", "http://[::1]", false },
        { "h/8", "http://h", false },
        { "::1", "http://[::1]:8000", true },
        { "[::1]", "http://[::1]:8000", true },
        { "[::1]:8000", "http://[::1]:8000", true },
        { "[::1]:8000", "http://[::1]:8001", false },
        { "0:0:0:0:0:0:0:1", "http://[::1]", true },
        { "fe80::/10", "http://[febf::1]", true },
        { "fe80::/10", "http://[fec0::1]", false },
        { "localhost", "http://127.0.0.1", false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *from;
        bool upper = i % 2 == 0;
        set_environment("all_proxy=http://p");
        setenv(upper ? "NO_PROXY" : "no_proxy", cases[i].list, 1);
        check_case(cases[i].list);
        CHECK_STR(found(NULL, cases[i].url, &from), cases[i].exempt ? "" : "http://p");
    }
    const char *from;
    setenv("no_proxy", "a", 1);
    setenv("NO_PROXY", "b", 1);
    CHECK_STR(found(NULL, "http://a", &from), "");
    CHECK_STR(found(NULL, "http://b", &from), "http://p");
    set_environment("");
}

static void test_a_proxy_of_another_scheme_has_a_fault_that_holds_no_secret(void)
{
    static const struct {
        const char *value, *fault;
    } cases[] = {
        { "http://p", "" },
        { "HTTP://u:SECRET@p", "" },
        { "u:SECRET@p", "" },
        { "socks5://u:SECRET@p", "names a proxy of socks5://, and only http:// is spoken" },
        { "https://p", "names a proxy of https://, and only http:// is spoken" },
        { "u:SECRET://p", "is not the url of a proxy: http://HOST:PORT" },
        { "SECRETthatislongerthananyscheme://p", "is not the url of a proxy: http://HOST:PORT" },
        { "://", "is not the url of a proxy: http://HOST:PORT" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proxies proxies;
        check_case(cases[i].value);
        set_environment("");
        setenv("ALL_PROXY", cases[i].value, 1);
        CHECK(proxies_open(&proxies, NULL));
        CHECK_STR(proxies.secure.fault, cases[i].fault);
        CHECK_STR(proxies.plain.fault, cases[i].fault);
        CHECK_STR(proxies.plain.from, "ALL_PROXY");
        proxies_close(&proxies);
    }
    set_environment("");
}

static void test_a_password_is_blotted_out_of_the_command_line(void)
{
    static const struct {
        const char *given, *left;
        bool secret;
    } cases[] = {
        { "http://u:SECRET@p:1", "http://********@p:1", true },
        { "u:SECRET@p", "********@p", true },
        { "http://u:a://b@p", "http://*******@p", true },
        { "u:a@b://c@p", "*********@p", true },
        { "http://p:1", "http://p:1", false },
        { "", "", false },
    };

    set_environment("");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proxies proxies;
        char given[64];
        check_case(cases[i].given);
        snprintf(given, sizeof(given), "%s", cases[i].given);
        CHECK(proxies_open(&proxies, given));
        CHECK_STR(given, cases[i].left);
        CHECK_EQ(proxies.literal_secret, cases[i].secret);
        proxies_close(&proxies);
    }
}

int main(void)
{
    RUN(test_the_option_wins_over_the_variable_of_the_scheme_over_that_of_all);
    RUN(test_no_proxy_names_what_needs_none);
    RUN(test_a_proxy_of_another_scheme_has_a_fault_that_holds_no_secret);
    RUN(test_a_password_is_blotted_out_of_the_command_line);
    return check_done();
}
