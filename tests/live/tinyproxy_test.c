/*
 * tinyproxy_test: through a proxy that nobody here wrote, with a configuration of the test's own:
 * tunnels and plain requests, with and without a password, and the servers that it cannot reach.
 * Skipped where there is no tinyproxy.
 *
 * It closes its connection after each plain request, and keeps tunnels for as long as both ends do.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct live_server plain, secure;
static struct quoit_tls *tls; /* trusts `secure` */

struct tinyproxy {
    pid_t pid;
    uint16_t port;
};

static bool is_listening(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return connected;
}

/* With these lines of configuration besides. */
static struct tinyproxy tinyproxy_start(const char *lines)
{
    struct tinyproxy proxy = { .port = live_free_port() };
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;
    char path[300];

    snprintf(path, sizeof(path), "%s/tinyproxy.conf", live_folder());
    FILE *file = fopen(path, "w");
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (file == NULL || nowhere < 0) {
        live_give_up("a configuration");
    }
    fprintf(file, "Port %u\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nLogLevel Critical\n%s",
            proxy.port, lines);
    fclose(file);
    proxy.pid =
        live_program_start((const char *[]){ "tinyproxy", "-d", "-c", path, NULL }, nowhere);
    close(nowhere);
    while (!is_listening(proxy.port)) {
        if (quoit_now_ns() > end_ns) {
            live_give_up("tinyproxy to listen");
        }
        poll(NULL, 0, 2); /* it says nothing when it does */
    }
    return proxy;
}

/* http://USER@127.0.0.1:PORT. Good until the fourth call that follows. */
static const char *proxy_url(const struct tinyproxy *proxy, const char *user)
{
    static char urls[4][100];
    static unsigned next;
    char *url = urls[next++ % 4];

    snprintf(url, sizeof(urls[0]), "http://%s%s127.0.0.1:%u", user, user[0] == '\0' ? "" : "@",
             proxy->port);
    return url;
}

static const struct quoit_result *get(struct quoit_engine *engine, const char *url,
                                      const char *through)
{
    quoit_turn(engine, 0);
    return live_run(engine,
                    &(struct quoit_request){
                        .url = url, .proxy_url = through, .tls = tls, .retries = QUOIT_NONE });
}

static void test_tunnels_are_kept_and_plain_requests_arrive(void)
{
    struct tinyproxy proxy = tinyproxy_start("");
    struct quoit_engine *engine = live_engine(NULL);
    const char *way = proxy_url(&proxy, "");

    live_set(&plain, "");
    live_set(&secure, "");
    for (int i = 0; i < 30; i++) {
        const struct quoit_result *result = get(engine, live_url(&secure, "/page"), way);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->body.size, 56);
        CHECK_EQ(result->reused, i > 0);
        result = get(engine, live_url(&plain, "/page?a=b"), way);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 200);
        CHECK_EQ(result->body.size, 56);
        CHECK(quoit_result_header(result, "via") != NULL);
    }
    CHECK_EQ(live_number(&secure, "connections_opened"), 1);
    CHECK_EQ(live_number(&secure, "executions_total"), 30);
    CHECK_EQ(live_number(&plain, "executions_total"), 30);
    CHECK_EQ(live_tally(&plain, "paths", "/page"), 30);
    quoit_destroy(engine);
    live_program_stop(proxy.pid);
}

static void test_many_at_once_lose_nothing(void)
{
    struct tinyproxy proxy = tinyproxy_start("");
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 32 });
    const char *way = proxy_url(&proxy, "");

    live_set(&plain, "");
    live_set(&secure, "");
    for (int i = 0; i < 600; i++) {
        live_submit(engine, &(struct quoit_request){
                                .url = live_url(i % 2 == 0 ? &secure : &plain, "/page"),
                                .proxy_url = way,
                                .tls = tls,
                                .retries = QUOIT_NONE });
    }
    CHECK_EQ(live_drain(engine, 600), 600);
    CHECK_EQ(live_number(&secure, "executions_total"), 300);
    CHECK_EQ(live_number(&plain, "executions_total"), 300);
    CHECK(live_number(&secure, "connections_opened") <= 32);
    quoit_destroy(engine);
    live_program_stop(proxy.pid);
}

static void test_only_who_knows_the_password_is_let_through(void)
{
    struct tinyproxy proxy = tinyproxy_start("BasicAuth user pass0word\n");
    struct quoit_engine *engine = live_engine(NULL);
    const char *good = proxy_url(&proxy, "us%65r:pass%30word"), *bad = proxy_url(&proxy, "user:no");
    const char *none = proxy_url(&proxy, "");

    live_set(&plain, "");
    live_set(&secure, "");
    CHECK_EQ(get(engine, live_url(&secure, "/page"), good)->status, 200);
    CHECK_EQ(get(engine, live_url(&plain, "/page"), good)->status, 200);
    const struct quoit_result *result = get(engine, live_url(&secure, "/page"), none);
    CHECK_EQ(result->error, QUOIT_E_PROXY);
    CHECK_STR(result->detail, "the proxy answers 407 to CONNECT");
    CHECK_EQ(get(engine, live_url(&secure, "/page"), bad)->error, QUOIT_E_PROXY);
    CHECK_EQ(get(engine, live_url(&plain, "/page"), none)->status, 407);
    CHECK_EQ(get(engine, live_url(&plain, "/page"), bad)->status, 401); /* so says tinyproxy */
    CHECK_EQ(live_number(&secure, "requests"), 1);
    CHECK_EQ(live_number(&secure, "connections_opened"), 1);
    CHECK_EQ(live_number(&plain, "requests"), 1);
    quoit_destroy(engine);
    live_program_stop(proxy.pid);
}

static void test_a_port_that_is_not_allowed_is_refused_and_one_that_is_dead_may_come_back(void)
{
    struct tinyproxy proxy = tinyproxy_start("ConnectPort 1\n");
    struct quoit_engine *engine = live_engine(NULL);
    const char *way = proxy_url(&proxy, "");

    live_set(&secure, "");
    const struct quoit_result *result = get(engine, live_url(&secure, "/page"), way);
    CHECK_EQ(result->error, QUOIT_E_PROXY);
    CHECK_STR(result->detail, "the proxy answers 403 to CONNECT");
    CHECK_EQ(live_number(&secure, "connections_opened"), 0);
    result = get(engine, "https://127.0.0.1:1/", way);
    CHECK_EQ(result->error, QUOIT_E_CONNECT);
    CHECK_STR(result->detail, "the proxy answers 500 to CONNECT");
    CHECK_EQ(get(engine, "http://127.0.0.1:1/", way)->status, 500);
    quoit_destroy(engine);
    live_program_stop(proxy.pid);
}

int main(void)
{
    if (system("command -v tinyproxy >/dev/null 2>&1") != 0 || !certificates_make()) {
        printf("no tinyproxy, or no openssl(1) to make certificates with\n");
        return 77;
    }
    plain = live_start((const char *[]){ NULL });
    secure = live_start((const char *[]){ "--tls-cert", certificate("server.pem"), "--tls-key",
                                          certificate("server.key"), NULL });
    if (quoit_tls_create(&(struct quoit_tls_options){ .ca_file = certificate("authority.pem") },
                         &tls) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    RUN(test_tunnels_are_kept_and_plain_requests_arrive);
    RUN(test_many_at_once_lose_nothing);
    RUN(test_only_who_knows_the_password_is_let_through);
    RUN(test_a_port_that_is_not_allowed_is_refused_and_one_that_is_dead_may_come_back);
    quoit_tls_destroy(tls);
    live_stop(&plain);
    live_stop(&secure);
    return check_done();
}
