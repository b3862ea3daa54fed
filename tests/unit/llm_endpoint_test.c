/* Where a request goes: the joining of base, url and query, and whose key may go along. */
#include "llm/endpoint.h"

#include "tests/unit/check.h"

#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct join_case {
    const char *base, *url, *query;
    const char *sent;
};

static const struct join_case join_cases[] = {
    /* The table of the manual. */
    { "http://h", "/v1/chat/completions", NULL, "http://h/v1/chat/completions" },
    { "http://h/v1", "/v1/chat/completions", NULL, "http://h/v1/chat/completions" },
    { "https://h/v1beta/openai/", "/v1/chat/completions", NULL,
      "https://h/v1beta/openai/chat/completions" },
    { "https://h/openai/deployments/gpt?api-version=2024-10-21", "/chat/completions", NULL,
      "https://h/openai/deployments/gpt/chat/completions?api-version=2024-10-21" },
    { "http://h/proxy", "/v1/embeddings", NULL, "http://h/proxy/v1/embeddings" },
    /* A final slash, or none. */
    { "http://h/", "/v1/x", NULL, "http://h/v1/x" },
    { "http://h/v1/", "/v1/x", NULL, "http://h/v1/x" },
    { "http://h/proxy/", "/v1/x", NULL, "http://h/proxy/v1/x" },
    { "http://h/v1//", "/v1/x", NULL, "http://h/v1//x" },
    /* The base's path at the url's beginning: whole segments only. */
    { "http://h/a/b", "/a/b/c", NULL, "http://h/a/b/c" },
    { "http://h/a/b", "/a/bc", NULL, "http://h/a/b/a/bc" },
    { "http://h/a", "/a", NULL, "http://h/a/a" },
    { "http://h/v1", "/v1", NULL, "http://h/v1/v1" },
    { "http://h/v1", "/v1x/y", NULL, "http://h/v1/v1x/y" },
    { "http://h/v1", "/v1?a=b", NULL, "http://h/v1/v1?a=b" },
    { "http://h/v1", "/v2/x", NULL, "http://h/v1/v2/x" },
    /* What is a version. */
    { "http://h/openai/v1", "/v1/x", NULL, "http://h/openai/v1/x" },
    { "http://h/v2", "/v1/x", NULL, "http://h/v2/x" },
    { "http://h/v1beta", "/v1/x", NULL, "http://h/v1beta/x" },
    { "http://h/v1alpha2/b", "/v1/x", NULL, "http://h/v1alpha2/b/x" },
    { "http://h/v10", "/v1/x", NULL, "http://h/v10/x" },
    { "http://h/v1-beta", "/v1/x", NULL, "http://h/v1-beta/v1/x" },
    { "http://h/v1.5", "/v1/x", NULL, "http://h/v1.5/v1/x" },
    { "http://h/v", "/v1/x", NULL, "http://h/v/v1/x" },
    { "http://h/vx1", "/v1/x", NULL, "http://h/vx1/v1/x" },
    { "http://h/V1", "/v1/x", NULL, "http://h/V1/v1/x" },
    { "http://h/av1", "/v1/x", NULL, "http://h/av1/v1/x" },
    { "http://h/a/v3/b/c", "/v1/x", NULL, "http://h/a/v3/b/c/x" },
    { "http://h/a/v3/b", "/x", NULL, "http://h/a/v3/b/x" },
    { "http://v1.h/a", "/v1/x", NULL, "http://v1.h/a/v1/x" },
    { "http://h/a?/v1", "/v1/x", NULL, "http://h/a/v1/x?/v1" },
    { "http://h/openai/v1", "/v1/", NULL, "http://h/openai/v1/" },
    /* Queries. */
    { "http://h?a=1", "/x", NULL, "http://h/x?a=1" },
    { "http://h/?a=1", "/x?c=3", NULL, "http://h/x?a=1&c=3" },
    { "http://h", "/x", "b=2", "http://h/x?b=2" },
    { "http://h/v1?a=1", "/v1/x?c=3", "b=2", "http://h/v1/x?a=1&b=2&c=3" },
    { "http://h?", "/x?", "", "http://h/x" },
    { "http://h", "/x?c=3?d", NULL, "http://h/x?c=3?d" },
    { "http://h", "/x?c=/v1/", "b=2&b=3", "http://h/x?b=2&b=3&c=/v1/" },
    /* Fragments are never sent. */
    { "http://h/a#b", "/x#y", "b=2", "http://h/a/x?b=2" },
    { "http://h/a?q=1#b?c", "/x?r=2#y?z", NULL, "http://h/a/x?q=1&r=2" },
    /* Odd, and never to another host. */
    { "http://h/v1", "//evil/x", NULL, "http://h/v1//evil/x" },
    { "http://h", "//evil/x", NULL, "http://h//evil/x" },
    { "http://h", "/http://evil/", NULL, "http://h/http://evil/" },
    { "http://h", "/@evil", NULL, "http://h/@evil" },
    { "http://h", "/", NULL, "http://h/" },
    { "http://[::1]:8000/v1", "/v1/x", NULL, "http://[::1]:8000/v1/x" },
    /* Absolute. */
    { "http://h/v1?a=1", "https://g:1/v1/x?c=3", "b=2", "https://g:1/v1/x?c=3" },
    { NULL, "http://g", NULL, "http://g" },
    { "http://h/v1", "HTTP://g/v1/x", NULL, "HTTP://g/v1/x" },
};

/* A copy of exact size, NUL and all; NULL of NULL. */
static char *exact_string(const char *string)
{
    return string == NULL ? NULL : strdup(string);
}

static void test_the_url_sent_is_that_of_the_table(void)
{
    for (size_t i = 0; i < COUNT(join_cases); i++) {
        const struct join_case *join = &join_cases[i];
        char *base = exact_string(join->base), *url = exact_string(join->url);
        char *query = exact_string(join->query);
        struct text out;

        check_case(join->sent);
        text_init(&out, strlen(join->sent));
        CHECK_EQ(endpoint_join(&out, base, url, query), ENDPOINT_GOOD);
        CHECK_STR(out.bytes, join->sent);
        CHECK_EQ(out.size, strlen(join->sent));
        text_free(&out);
        for (size_t size_max = 1; size_max < strlen(join->sent); size_max++) {
            text_init(&out, size_max);
            CHECK_EQ(endpoint_join(&out, base, url, query), ENDPOINT_NO_MEMORY);
            CHECK_EQ(out.size, 0);
            text_free(&out);
        }
        free(base);
        free(url);
        free(query);
    }
}

static void test_what_cannot_be_joined_is_refused(void)
{
    struct text out;

    text_init(&out, 0);
    CHECK_EQ(endpoint_join(&out, "http://h", "x", NULL), ENDPOINT_BAD_URL);
    CHECK_EQ(endpoint_join(&out, "http://h", "", NULL), ENDPOINT_BAD_URL);
    CHECK_EQ(endpoint_join(&out, "http://h", "http:///x", NULL), ENDPOINT_BAD_URL);
    CHECK_EQ(endpoint_join(&out, "http://h", "ftp://h/x", NULL), ENDPOINT_BAD_URL);
    CHECK_EQ(endpoint_join(&out, "h/v1", "/x", NULL), ENDPOINT_BAD_BASE);
    CHECK_EQ(endpoint_join(&out, "http://", "/x", NULL), ENDPOINT_BAD_BASE);
    CHECK_EQ(endpoint_join(&out, "http://?a", "/x", NULL), ENDPOINT_BAD_BASE);
    CHECK_EQ(endpoint_join(&out, NULL, "/x", NULL), ENDPOINT_BAD_BASE);
    CHECK_EQ(out.size, 0);
    text_free(&out);
}

static void test_absolute_is_http_or_https_and_a_host(void)
{
    CHECK(endpoint_is_absolute("http://h"));
    CHECK(endpoint_is_absolute("hTTps://h/x"));
    CHECK(!endpoint_is_absolute("http:/h"));
    CHECK(!endpoint_is_absolute("http://"));
    CHECK(!endpoint_is_absolute("https:///x"));
    CHECK(!endpoint_is_absolute("/x"));
    CHECK(!endpoint_is_absolute(""));
}

struct origin_case {
    const char *url, *base;
    bool same;
};

static const struct origin_case origin_cases[] = {
    { "http://h/x", "http://h/v1", true },
    { "http://h", "http://h?a=b", true },
    { "HTTP://H/x", "http://h", true },
    { "http://h:80/x", "http://h", true },
    { "http://h:080/x", "http://h", true },
    { "https://h:443", "https://h", true },
    { "https://h:8443/x", "https://h:8443/v1", true },
    { "http://[::1]:80/x", "http://[::1]/", true },
    { "http://[FE80::1]:1/x", "http://[fe80::1]:1", true },
    { "https://a-b_c.d/", "https://a-b_c.d/v1", true },
    { "https://h", "http://h", false },
    { "http://h:443", "https://h", false },
    { "http://h:81", "http://h", false },
    { "http://h:8", "http://h:80", false },
    { "http://hh", "http://h", false },
    { "http://h.evil", "http://h", false },
    { "http://h.", "http://h", false },
    { "http://evil#h", "http://h", false },
    { "http://[::1]", "http://[::2]", false },
    /* Nobody shall guess. */
    { "http://h@h", "http://h", false },
    { "http://h:80@evil/", "http://h", false },
    { "http://h\\@evil/", "http://h", false },
    { "http://h\\/", "http://h\\/", false },
    { "http://h%2e", "http://h%2e", false },
    { "http://h:/", "http://h", false },
    { "http://h:0", "http://h:0", false },
    { "http://h:65616", "http://h", false },
    { "http://h:99999", "http://h:99999", false },
    { "http://h:000080", "http://h", false },
    { "http://h:8 0", "http://h:80", false },
    { "http://h:80:80", "http://h", false },
    { "http://[::1", "http://[::1", false },
    { "http://[]", "http://[]", false },
    { "http://[::1]80", "http://[::1]80", false },
    { "http://[h-x]", "http://[h-x]", false },
    { "http://:80", "http://:80", false },
    { "http://\xC3\xA9", "http://\xC3\xA9", false },
    { "/x", "http://h", false },
    { "http://h", "/x", false },
};

static void test_a_key_goes_to_its_own_origin_only(void)
{
    for (size_t i = 0; i < COUNT(origin_cases); i++) {
        char *url = exact_string(origin_cases[i].url), *base = exact_string(origin_cases[i].base);

        check_case(url);
        CHECK_EQ(endpoint_has_origin(url, base), origin_cases[i].same);
        CHECK_EQ(endpoint_has_origin(base, url), origin_cases[i].same);
        free(url);
        free(base);
    }
}

int main(void)
{
    RUN(test_the_url_sent_is_that_of_the_table);
    RUN(test_what_cannot_be_joined_is_refused);
    RUN(test_absolute_is_http_or_https_and_a_host);
    RUN(test_a_key_goes_to_its_own_origin_only);
    return check_done();
}
