/*
 * http_url: which texts are URLs, and into what they are cut. Each lies in a block of its size.
 */
#include "http/url.h"

#include "base/bits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static enum quoit_error parse(const char *text, size_t size, struct url *url_out)
{
    char *block = malloc(size == 0 ? 1 : size);

    if (block == NULL) {
        abort();
    }
    memcpy(block, text, size);
    enum quoit_error error = url_parse(block, size, url_out);
    if (error == QUOIT_OK) { /* the same places in the text, which stays */
        url_out->host.bytes = text + (url_out->host.bytes - block);
        url_out->target.bytes = text + (url_out->target.bytes - block);
        url_out->authority.bytes = text + (url_out->authority.bytes - block);
    }
    free(block);
    return error;
}

static void test_urls_are_cut_into_their_parts(void)
{
    static const struct {
        const char *text, *host, *target;
        uint16_t port;
        bool secure, is_ip, port_is_named;
    } cases[] = {
        { "http://h", "h", "", 80, false, false, false },
        { "http://h/", "h", "/", 80, false, false, false },
        { "https://h", "h", "", 443, true, false, false },
        { "HTTPS://Example.COM/A", "Example.COM", "/A", 443, true, false, false },
        { "http://h?x", "h", "?x", 80, false, false, false },
        { "http://h?", "h", "?", 80, false, false, false },
        { "http://h#f", "h", "", 80, false, false, false },
        { "http://h/a#f?g", "h", "/a", 80, false, false, false },
        { "http://h/a?b=c&d=/?#f", "h", "/a?b=c&d=/?", 80, false, false, false },
        { "http://h//a", "h", "//a", 80, false, false, false },
        { "http://h/../a/./b", "h", "/../a/./b", 80, false, false, false },
        { "http://h/%41%2f%ff", "h", "/%41%2f%ff", 80, false, false, false },
        { "http://h/a@b:c", "h", "/a@b:c", 80, false, false, false },
        { "http://h/-._~!$&'()*+,;=:@[]", "h", "/-._~!$&'()*+,;=:@[]", 80, false, false, false },
        { "http://h:", "h", "", 80, false, false, false },
        { "http://h:80", "h", "", 80, false, false, false },
        { "http://h:443", "h", "", 443, false, false, true },
        { "https://h:443", "h", "", 443, true, false, false },
        { "https://h:80", "h", "", 80, true, false, true },
        { "http://h:1/x", "h", "/x", 1, false, false, true },
        { "http://h:08080", "h", "", 8080, false, false, true },
        { "http://h:65535?q", "h", "?q", 65535, false, false, true },
        { "http://a_b-c.d.", "a_b-c.d.", "", 80, false, false, false },
        { "http://127.0.0.1:8000/v1", "127.0.0.1", "/v1", 8000, false, true, true },
        { "http://255.255.255.255", "255.255.255.255", "", 80, false, true, false },
        { "http://256.1.1.1", "256.1.1.1", "", 80, false, false, false },
        { "http://127.1", "127.1", "", 80, false, false, false },
        { "http://0x7f.1", "0x7f.1", "", 80, false, false, false },
        { "http://2130706433", "2130706433", "", 80, false, false, false },
        { "http://127.0.0.01", "127.0.0.01", "", 80, false, false, false },
        { "http://1.2.3.4.", "1.2.3.4.", "", 80, false, false, false },
        { "http://1.2.3.4.5", "1.2.3.4.5", "", 80, false, false, false },
        { "http://[::1]", "::1", "", 80, false, true, false },
        { "http://[::1]:", "::1", "", 80, false, true, false },
        { "https://[2001:DB8::1]:8443/x", "2001:DB8::1", "/x", 8443, true, true, true },
        { "http://[::ffff:1.2.3.4]?q", "::ffff:1.2.3.4", "?q", 80, false, true, false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct url url = { .port = 0 };
        check_case(cases[i].text);
        CHECK_EQ(parse(cases[i].text, strlen(cases[i].text), &url), QUOIT_OK);
        if (url.port == 0) {
            continue;
        }
        CHECK_MEM(url.host.bytes, url.host.size, cases[i].host, strlen(cases[i].host));
        CHECK_MEM(url.target.bytes, url.target.size, cases[i].target, strlen(cases[i].target));
        CHECK_EQ(url.port, cases[i].port);
        CHECK_EQ(url.secure, cases[i].secure);
        CHECK_EQ(url.host_is_ip, cases[i].is_ip);
        CHECK_EQ(url.port_is_default, !cases[i].port_is_named);
    }
}

/* RFC 9110 7.2: Host is the authority, where a port that is the default goes without saying. */
static void test_the_authority_is_as_written_but_for_a_default_port(void)
{
    static const struct {
        const char *text, *authority;
    } cases[] = {
        { "http://h", "h" },
        { "http://h:", "h" },
        { "http://h:80/x", "h" },
        { "https://h:00443", "h" },
        { "http://h:443", "h:443" },
        { "http://h:08080?q", "h:08080" },
        { "HTTP://Host.Example:8000#f", "Host.Example:8000" },
        { "http://127.0.0.1:8000/v1", "127.0.0.1:8000" },
        { "http://[::1]", "[::1]" },
        { "http://[::1]:80", "[::1]" },
        { "http://[::1]:", "[::1]" },
        { "https://[2001:DB8::1]:8443/x", "[2001:DB8::1]:8443" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct url url = { .port = 0 };
        check_case(cases[i].text);
        CHECK_EQ(parse(cases[i].text, strlen(cases[i].text), &url), QUOIT_OK);
        CHECK_MEM(url.authority.bytes, url.authority.size, cases[i].authority,
                  strlen(cases[i].authority));
    }
}

static const char *const refused[] = {
    "",
    "h",
    "/",
    "http",
    "http:",
    "http:/",
    "http:/h",
    "http//h",
    "://h",
    "//h",
    "h:80",
    "ftp://h",
    "httpss://h",
    "ws://h",
    "file:///etc",
    "http+unix://h",
    " http://h",
    "\thttp://h",
    /* no host */
    "http://",
    "https://",
    "http:///",
    "http://?q",
    "http://#f",
    "http://:80",
    "http://[]",
    /* a user */
    "http://u@h",
    "http://u:p@h",
    "http://@h",
    "http://:@h",
    "http://a@b@c",
    "http://h:80@evil",
    "http://u%40h@x",
    /* a port */
    "http://h:0",
    "http://h:00000",
    "http://h:65536",
    "http://h:99999",
    "http://h:100000",
    "http://h:080808",
    "http://h:-1",
    "http://h:+1",
    "http://h:8o",
    "http://h:80:80",
    "http://h:80x/",
    "http://[::1]80",
    "http://[::1]x",
    "http://[::1]]",
    "http://[::1",
    /* an IPv6 address */
    "http://::1",
    "http://[::1%25eth0]",
    "http://[fe80::1%eth0]",
    "http://[v1.x]",
    "http://[127.0.0.1]",
    "http://[h]",
    "http://[1:2:3:4:5:6:7:8:9]",
    "http://[:::]",
    "http://x[::1]",
    "http://[[::1]]",
    "http://h]",
    /* a character of the host */
    "http://h%41",
    "http://h%00",
    "http://a b",
    "http://h!",
    "http://h$",
    "http://h~",
    "http://h\\evil",
    "http://h\\@evil",
    "http://a,b",
    "http://a;b",
    "http://(h)",
    "http://*",
    "http://\xc3\xa4",
    "http://xn--\xff",
    /* a character of the rest, or of the fragment */
    "http://h/a b",
    "http://h/\t",
    "http://h/\r\nX: y",
    "http://h/\n",
    "http://h/\x7f",
    "http://h/\x01",
    "http://h/\xc3\xa4",
    "http://h/\"",
    "http://h/<>",
    "http://h/\\",
    "http://h/^",
    "http://h/`",
    "http://h/{",
    "http://h/|",
    "http://h/}",
    "http://h?\n",
    "http://h/#\r",
    "http://h/# ",
    "http://h/%",
    "http://h/%4",
    "http://h/%4g",
    "http://h/%zz",
    "http://h?%",
    "http://h/a%0",
    "http://h/#%",
};

static void test_what_is_no_url_is_refused_and_writes_nothing(void)
{
    static const struct url untouched = { .port = 7, .target = { "t", 1 } };

    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct url url = untouched;
        check_case(refused[i]);
        CHECK_EQ(parse(refused[i], strlen(refused[i]), &url), QUOIT_E_URL);
        CHECK_EQ(url.port, untouched.port);
        CHECK(url.target.bytes == untouched.target.bytes);
    }
}

static void test_a_nul_is_refused_wherever_it_stands(void)
{
    static const char whole[] = "http://host:80/path?query#fragment";
    struct url url;

    CHECK_EQ(parse(whole, sizeof(whole) - 1, &url), QUOIT_OK);
    for (size_t i = 0; i < sizeof(whole); i++) {
        char text[sizeof(whole)];
        memcpy(text, whole, sizeof(whole));
        text[i] = '\0'; /* the last one stands behind the fragment */
        CHECK_EQ(parse(text, sizeof(text), &url), QUOIT_E_URL);
    }
}

static void test_a_host_may_be_as_long_as_a_name_and_no_longer(void)
{
    char text[7 + URL_HOST_MAX + 1] = "http://";
    struct url url;

    memset(text + 7, 'a', URL_HOST_MAX + 1);
    CHECK_EQ(parse(text, 7 + URL_HOST_MAX - 1, &url), QUOIT_OK);
    CHECK_EQ(parse(text, 7 + URL_HOST_MAX, &url), QUOIT_OK);
    CHECK_EQ(url.host.size, URL_HOST_MAX);
    CHECK_EQ(parse(text, 7 + URL_HOST_MAX + 1, &url), QUOIT_E_URL);
}

int main(void)
{
    RUN(test_urls_are_cut_into_their_parts);
    RUN(test_the_authority_is_as_written_but_for_a_default_port);
    RUN(test_what_is_no_url_is_refused_and_writes_nothing);
    RUN(test_a_nul_is_refused_wherever_it_stands);
    RUN(test_a_host_may_be_as_long_as_a_name_and_no_longer);
    return check_done();
}
