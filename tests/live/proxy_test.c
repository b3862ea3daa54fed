/*
 * proxy_test: servers behind a proxy of the tests' own: what it and they get to see, what is kept
 * apart, and how it can go wrong. Each outcome is read from the server's ledger and from the heads
 * that the proxy has noted. A proxy that nobody here wrote is in tinyproxy_test.c.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/live/relay.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define CREDENTIALS "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" /* of relay.with_user */

static struct live_server plain, secure;
static struct quoit_tls *tls; /* trusts `secure` */

/* A server with TLS that closes after so many requests on a connection. */
static struct live_server start_secure(const char *per_connection)
{
    return live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                        certificate("server.key"), "--max-requests-per-connection",
                                        per_connection, NULL });
}

static struct quoit_tls *identity(const char *server_name)
{
    const struct quoit_tls_options options = { .ca_file = certificate("authority.pem"),
                                               .server_name = server_name };
    struct quoit_tls *made = NULL;

    if (quoit_tls_create(&options, &made) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    return made;
}

/* A GET of `url` through that proxy, without retries. */
static const struct quoit_result *get(struct quoit_engine *engine, const char *url,
                                      const char *proxy_url)
{
    quoit_turn(engine, 0);
    return live_run(engine,
                    &(struct quoit_request){
                        .url = url, .proxy_url = proxy_url, .tls = tls, .retries = QUOIT_NONE });
}

static void get_pages(struct quoit_engine *engine, const char *url, const char *proxy_url,
                      int count)
{
    for (int i = 0; i < count; i++) {
        const struct quoit_result *result = get(engine, url, proxy_url);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->body.size, 56);
    }
}

static void begin(void)
{
    live_set(&plain, "");
    live_set(&secure, "");
}

/* Is that text in what the relay was asked with? */
static bool was_asked(const struct relay *relay, const char *text)
{
    char *heads = relay_heads(relay);
    bool found = strstr(heads, text) != NULL;

    free(heads);
    return found;
}

/* Is that text in the server's ledger, where the last head of each path stands? */
static bool was_seen(const struct live_server *server, const char *text)
{
    char *ledger = live_ask(server, "GET", "/ledger", "");
    bool found = strcasestr(ledger, text) != NULL;

    free(ledger);
    return found;
}

/* -------- the ways -------- */

static void test_one_tunnel_carries_all_that_follow_each_other(void)
{
    struct relay relay = relay_start(secure.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);
    char asked[128];

    begin();
    get_pages(engine, live_url(&secure, "/page"), relay.url, 50);
    CHECK_EQ(relay_count(&relay), 1);
    snprintf(asked, sizeof(asked), "CONNECT 127.0.0.1:%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
             secure.port, secure.port);
    CHECK(was_asked(&relay, asked));
    CHECK_EQ(live_number(&secure, "connections_opened"), 1);
    CHECK_EQ(live_number(&secure, "requests_per_connection_max"), 50);
    CHECK_EQ(live_tally(&secure, "paths", "/page"), 50);
    CHECK_EQ(live_stats(engine).opened, 1);
    CHECK_EQ(live_stats(engine).reused, 49);
    quoit_destroy(engine);
    relay_stop(&relay);
}

static void test_the_phases_are_told_in_their_order(void)
{
    struct relay relay = relay_start(secure.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);

    begin();
    const struct quoit_result *result = get(engine, live_url(&secure, "/page"), relay.url);
    CHECK(result->times.connected_ns >= result->times.granted_ns);
    CHECK(result->times.secured_ns >= result->times.connected_ns);
    CHECK(result->times.sent_ns >= result->times.secured_ns);
    quoit_destroy(engine);
    relay_stop(&relay);
}

static void test_a_proxy_is_sent_plain_requests_whole(void)
{
    struct relay relay = relay_start(plain.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);
    char url[128], head[256];

    begin();
    snprintf(url, sizeof(url), "%s", live_url(&plain, "/page?a=b"));
    get_pages(engine, url, relay.with_user, 20);
    CHECK_EQ(relay_count(&relay), 1);
    snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n" CREDENTIALS, url,
             plain.port);
    CHECK(was_asked(&relay, head));
    CHECK_EQ(live_number(&plain, "connections_opened"), 1);
    CHECK_EQ(live_number(&plain, "requests"), 20);
    quoit_destroy(engine);
    relay_stop(&relay);
}

/* No name of a server is looked up here: these have no address anywhere (RFC 6761 6.4). */
static void test_only_the_proxy_needs_to_know_the_name(void)
{
    struct relay to_plain = relay_start(plain.port, NULL);
    struct relay to_secure = relay_start(secure.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_tls *old = tls;
    char by_name[64];

    begin();
    tls = identity("good.test");
    get_pages(engine, "https://server.invalid/page", to_secure.url, 2);
    CHECK(was_asked(&to_secure, "CONNECT server.invalid:443 HTTP/1.1\r\n"));
    CHECK_EQ(live_tally(&secure, "server_names", "good.test"), 1);
    snprintf(by_name, sizeof(by_name), "http://localhost:%u", to_plain.port);
    get_pages(engine, "http://server.invalid:81/page", by_name, 2);
    CHECK(was_asked(&to_plain, "GET http://server.invalid:81/page HTTP/1.1\r\n"));
    CHECK_EQ(live_tally(&plain, "hosts", "server.invalid:81"), 2);
    quoit_tls_destroy(tls);
    tls = old;
    quoit_destroy(engine);
    relay_stop(&to_plain);
    relay_stop(&to_secure);
}

/* -------- what is kept apart -------- */

static void test_the_server_sees_nothing_of_what_the_proxy_is_told(void)
{
    struct relay relay = relay_start(secure.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);

    begin();
    get_pages(engine, live_url(&secure, "/page"), NULL, 1);
    uint64_t bytes_out = live_stats(engine).bytes_out;
    get_pages(engine, live_url(&secure, "/page"), relay.with_user, 1);
    CHECK_EQ(live_stats(engine).bytes_out, 2 * bytes_out);
    CHECK(was_asked(&relay, CREDENTIALS "\r\n"));
    CHECK(was_seen(&secure, "accept-encoding"));
    CHECK(!was_seen(&secure, "proxy-"));
    quoit_destroy(engine);
    relay_stop(&relay);
}

/* R21: the same server on four ways is four connections, each used again by its own. */
static void test_connections_are_shared_on_the_same_way_only(void)
{
    const struct live_server *servers[] = { &plain, &secure };

    for (size_t i = 0; i < 2; i++) {
        const struct live_server *server = servers[i];
        struct relay relay = relay_start(server->port, NULL);
        struct quoit_engine *engine = live_engine(NULL);
        char other[64], other_user[64];
        snprintf(other, sizeof(other), "http://127.0.0.1:%u/", relay.port);
        snprintf(other_user, sizeof(other_user), "http://user:other@127.0.0.1:%u", relay.port);
        const char *const ways[] = { NULL, relay.url, relay.with_user, other_user, other };
        begin();
        for (int round = 1; round <= 3; round++) {
            for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
                get_pages(engine, live_url(server, "/page"), ways[way], 1);
            }
            CHECK_EQ(live_number(server, "connections_opened"), 5);
        }
        CHECK_EQ(live_number(server, "requests_per_connection_max"), 3);
        CHECK_EQ(relay_count(&relay), 4);
        quoit_destroy(engine);
        relay_stop(&relay);
    }
}

/* R20: what one way has given for resuming is not shown on another. */
static void test_sessions_are_resumed_on_the_same_way_only(void)
{
    struct live_server server = start_secure("1");
    struct relay relay = relay_start(server.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);

    get_pages(engine, live_url(&server, "/page"), NULL, 1);
    get_pages(engine, live_url(&server, "/page"), relay.url, 1);
    CHECK_EQ(live_number(&server, "tls_full"), 2);
    CHECK_EQ(live_number(&server, "tls_resumed"), 0);
    get_pages(engine, live_url(&server, "/page"), NULL, 1);
    get_pages(engine, live_url(&server, "/page"), relay.url, 1);
    CHECK_EQ(live_number(&server, "tls_full"), 2);
    CHECK_EQ(live_number(&server, "tls_resumed"), 2);
    quoit_destroy(engine);
    relay_stop(&relay);
    live_stop(&server);
}

static void test_the_certificate_is_the_servers_not_the_proxys(void)
{
    struct relay relay = relay_start(secure.port, NULL);
    struct quoit_engine *engine = live_engine(NULL);

    begin();
    CHECK_EQ(get(engine, "https://server.invalid/page", relay.url)->error, QUOIT_E_TLS);
    CHECK_EQ(live_number(&secure, "requests"), 0);
    quoit_destroy(engine);
    relay_stop(&relay);
}

/* -------- what goes wrong -------- */

static void test_a_proxy_that_refuses_ends_the_attempt_and_hears_no_more(void)
{
    static const struct {
        const char *answer;
        enum quoit_error error;
        const char *detail;
        uint32_t tries; /* with one retry */
    } cases[] = {
        { "HTTP/1.1 407 No\r\nContent-Length: 3\r\n\r\nabc", QUOIT_E_PROXY,
          "the proxy answers 407 to CONNECT", 1 },
        { "HTTP/1.1 403 No\r\n\r\n", QUOIT_E_PROXY, "the proxy answers 403 to CONNECT", 1 },
        { "HTTP/1.1 503 Busy\r\nRetry-After: 100\r\n\r\n", QUOIT_E_CONNECT,
          "the proxy answers 503 to CONNECT", 2 },
        { "HTTP/1.1 200 OK\r\n\r\nearly", QUOIT_E_PROTOCOL,
          "bytes in the tunnel before it was used", 1 },
        { "not HTTP\r\n\r\n", QUOIT_E_PROTOCOL, "the proxy's answer: ", 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relay relay = relay_start(secure.port, cases[i].answer);
        struct quoit_engine *engine = live_engine(NULL);
        check_case(cases[i].answer);
        begin();
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = live_url(&secure, "/page"),
                                                      .proxy_url = relay.with_user,
                                                      .tls = tls,
                                                      .retries = 1 });
        CHECK_EQ(result->error, cases[i].error);
        CHECK_EQ(result->status, 0);
        CHECK_EQ(result->attempts, 0); /* nothing of the request was sent */
        CHECK(!result->maybe_billed);
        CHECK(strncmp(result->detail, cases[i].detail, strlen(cases[i].detail)) == 0);
        CHECK(strstr(result->detail, "ss@") == NULL && strstr(result->detail, "dXNl") == NULL);
        CHECK_EQ(relay_count(&relay), cases[i].tries);
        CHECK_EQ(live_number(&secure, "connections_opened"), 0);
        quoit_destroy(engine);
        relay_stop(&relay);
    }
}

static void test_a_proxy_that_says_nothing_takes_the_time_to_connect(void)
{
    struct relay relay = relay_start(secure.port, "");
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .timeouts = { .connect_ns = 200 * LIVE_NS_PER_MS } });
    uint64_t begin_ns = quoit_now_ns();

    const struct quoit_result *result = get(engine, live_url(&secure, "/page"), relay.url);
    CHECK_EQ(result->error, QUOIT_E_TIMEOUT_CONNECT);
    CHECK_STR(result->detail, "the proxy has not answered");
    CHECK(quoit_now_ns() - begin_ns >= 200 * LIVE_NS_PER_MS);
    quoit_destroy(engine);
    relay_stop(&relay);
}

static void test_a_proxy_that_is_not_there_is_named_as_what_failed(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char dead[64];

    snprintf(dead, sizeof(dead), "http://user:SECRET@127.0.0.1:%u", live_free_port());
    for (int i = 0; i < 2; i++) {
        const struct quoit_result *result =
            get(engine, live_url(i == 0 ? &plain : &secure, "/page"), dead);
        CHECK_EQ(result->error, QUOIT_E_CONNECT);
        CHECK_STR(result->detail, "the proxy: Connection refused");
    }
    quoit_destroy(engine);
}

static void test_cancelling_while_a_tunnel_opens_leaves_nothing(void)
{
    struct relay relay = relay_start(secure.port, "HTTP/1.1 200 O");
    struct quoit_engine *engine = live_engine(NULL);
    unsigned descriptors = live_descriptors();
    uint64_t id = live_submit(engine, &(struct quoit_request){ .url = live_url(&secure, "/page"),
                                                               .proxy_url = relay.url,
                                                               .tls = tls });

    while (relay_count(&relay) == 0) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    CHECK_EQ(quoit_cancel(engine, id), QUOIT_OK);
    CHECK_EQ(live_next(engine).result->error, QUOIT_E_CANCELLED);
    CHECK_EQ(live_descriptors(), descriptors);
    quoit_destroy(engine);
    relay_stop(&relay);
}

/* A turn of each way, many at once, with tunnels that end after a few requests. */
static void test_many_requests_on_many_ways_keep_to_theirs(void)
{
    struct live_server server = start_secure("7");
    struct relay relay = relay_start(server.port, NULL);
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 16 });
    const char *const ways[] = { NULL, relay.url, relay.with_user };

    for (int i = 0; i < 600; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                     .proxy_url = ways[i % 3],
                                                     .tls = tls,
                                                     .retries = QUOIT_NONE });
    }
    CHECK_EQ(live_drain(engine, 600), 600);
    CHECK_EQ(live_number(&server, "executions_total"), 600);
    CHECK(live_number(&server, "requests_per_connection_max") <= 7);
    CHECK(relay_count(&relay) >= 400 / 7);
    quoit_destroy(engine);
    relay_stop(&relay);
    live_stop(&server);
}

int main(void)
{
    if (!certificates_make()) {
        printf("no openssl(1) to make certificates with\n");
        return 77;
    }
    plain = live_start((const char *[]){ NULL });
    secure = start_secure("1000000");
    tls = identity(NULL);
    RUN(test_one_tunnel_carries_all_that_follow_each_other);
    RUN(test_the_phases_are_told_in_their_order);
    RUN(test_a_proxy_is_sent_plain_requests_whole);
    RUN(test_only_the_proxy_needs_to_know_the_name);
    RUN(test_the_server_sees_nothing_of_what_the_proxy_is_told);
    RUN(test_connections_are_shared_on_the_same_way_only);
    RUN(test_sessions_are_resumed_on_the_same_way_only);
    RUN(test_the_certificate_is_the_servers_not_the_proxys);
    RUN(test_a_proxy_that_refuses_ends_the_attempt_and_hears_no_more);
    RUN(test_a_proxy_that_says_nothing_takes_the_time_to_connect);
    RUN(test_a_proxy_that_is_not_there_is_named_as_what_failed);
    RUN(test_cancelling_while_a_tunnel_opens_leaves_nothing);
    RUN(test_many_requests_on_many_ways_keep_to_theirs);
    quoit_tls_destroy(tls);
    live_stop(&plain);
    live_stop(&secure);
    return check_done();
}
