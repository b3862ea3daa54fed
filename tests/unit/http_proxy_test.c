/*
 * http_proxy: which urls name a proxy, and what it hears of who we are.
 */
#include "http/proxy.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static void test_a_proxy_is_a_host_a_port_and_perhaps_a_user(void)
{
    static const struct {
        const char *url, *host;
        unsigned port;
        const char *authorization;
    } cases[] = {
        { "http://p", "p", 80, NULL },
        { "http://p/", "p", 80, NULL },
        { "http://P.Example:3128", "p.example", 3128, NULL },
        { "HTTP://127.0.0.1:8888/", "127.0.0.1", 8888, NULL },
        { "http://[::1]:1", "::1", 1, NULL },
        { "http://user:pass@p:1", "p", 1, "Basic dXNlcjpwYXNz" },
        { "http://user@p", "p", 80, "Basic dXNlcjo=" },
        { "http://:pass@p", "p", 80, "Basic OnBhc3M=" },
        { "http://@p", "p", 80, "Basic Og==" },
        { "http://a:@p", "p", 80, "Basic YTo=" },
        { "http://a:b:c@p", "p", 80, "Basic YTpiOmM=" }, /* only a user name has no colon */
        { "http://a:b%3Ac@p", "p", 80, "Basic YTpiOmM=" },
        { "http://%61%40x:%2f%3F@[::1]", "::1", 80, "Basic YUB4Oi8/" },
        { "http://%c3%A9:%C3%a9@p", "p", 80, "Basic w6k6w6k=" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].url);
        CHECK(proxy_url_is_good(cases[i].url));
        struct proxy *proxy = proxy_create(cases[i].url);
        CHECK_STR(proxy->url, cases[i].url);
        CHECK_STR(proxy->host, cases[i].host);
        CHECK_EQ(proxy->port, cases[i].port);
        CHECK_EQ(proxy->authorization == NULL, cases[i].authorization == NULL);
        if (cases[i].authorization != NULL) {
            CHECK_STR(proxy->authorization, cases[i].authorization);
        }
        proxy_destroy(proxy);
    }
    proxy_destroy(NULL);
}

static void test_what_is_no_proxy_is_refused(void)
{
    static const char *const urls[] = {
        "",
        "p:3128",
        "http://",
        "http://:3128",
        "https://p",
        "socks5://p",
        "http://p/path",
        "http://p?query",
        "http://p?", /* an empty query is one as well */
        "http://p#fragment",
        "http://p/#",
        "http://user:80#x@p", /* a '#' in a password has to be escaped */
        "http://p:0",
        "http://p:65536",
        "http://u:p@",
        "http://a@b@p",
        "http://a:b@c:d@p",
        "http://a%3ab:c@p", /* a colon in the user name */
        "http://a%:b@p",
        "http://a%0d%0aX:b@p",
        "http://a:%00@p",
        "http://a:b%7f@p",
        "http://a b@p",
        "http://a:b@p%20",
        "http://p\r\nX: y",
    };

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        check_case(urls[i]);
        CHECK(!proxy_url_is_good(urls[i]));
    }
}

static void test_a_user_and_password_have_a_limit(void)
{
    for (size_t size = PROXY_USER_MAX - 1; size <= PROXY_USER_MAX + 1; size++) {
        char url[PROXY_USER_MAX + 20];
        snprintf(url, sizeof(url), "http://%0*d@p", (int)size, 7);
        CHECK_EQ(proxy_url_is_good(url), size <= PROXY_USER_MAX);
        if (size <= PROXY_USER_MAX) {
            struct proxy *proxy = proxy_create(url);
            CHECK_EQ(strlen(proxy->authorization), 6 + (size + 1 + 2) / 3 * 4);
            proxy_destroy(proxy);
        }
    }
}

int main(void)
{
    RUN(test_a_proxy_is_a_host_a_port_and_perhaps_a_user);
    RUN(test_what_is_no_proxy_is_refused);
    RUN(test_a_user_and_password_have_a_limit);
    return check_done();
}
