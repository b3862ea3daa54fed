/*
 * nginx_test: against a server that nobody here wrote, with a configuration of the test's own:
 * keep-alive and its end, chunked, TLS 1.2 and 1.3, client certificates, bodies of 8 MiB both ways.
 *
 * What nginx saw is in its access log, read after it has ended: a line for each request, with the
 * connection and the number of the request on it. Skipped where there is no nginx.
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG ((size_t)8 << 20)

enum place { PLACE_PLAIN, PLACE_FIVE, PLACE_TLS12, PLACE_TLS13, PLACE_CLIENT, PLACES };

static uint16_t ports[PLACES];
static char *big; /* what big.txt holds */
static pid_t nginx;

static const char configuration[] =
    "daemon off;\n"
    "master_process off;\n"
    "pid %1$s/nginx.pid;\n"
    "error_log %1$s/error.log;\n"
    "events { worker_connections 1024; }\n"
    "http {\n"
    "    log_format quoit '$connection $connection_requests $status $ssl_protocol '\n"
    "                     '$ssl_session_reused $ssl_client_verify';\n"
    "    access_log %1$s/access.log quoit;\n"
    "    types { text/plain txt; }\n"
    "    root %1$s/www;\n"
    "    client_max_body_size 16m;\n"
    "    client_body_temp_path %1$s/body;\n"
    "    proxy_temp_path %1$s/proxy;\n"
    "    fastcgi_temp_path %1$s/fastcgi;\n"
    "    uwsgi_temp_path %1$s/uwsgi;\n"
    "    scgi_temp_path %1$s/scgi;\n"
    "    keepalive_requests 1000000;\n"
    "    if_modified_since before;\n"
    "    ssl_certificate %1$s/server.pem;\n"
    "    ssl_certificate_key %1$s/server.key;\n"
    "    ssl_session_cache shared:quoit:1m;\n"
    "    server {\n"
    "        listen 127.0.0.1:%2$u;\n"
    "        listen unix:%1$s/nginx.sock;\n"
    "        location /chunked/ { alias %1$s/www/; ssi on; ssi_types text/plain; }\n"
    "        location /up/ { dav_methods PUT; }\n"
    "        location /small/ { dav_methods PUT; client_max_body_size 1k; }\n"
    "        location /none { return 204; }\n"
    "    }\n"
    "    server { listen 127.0.0.1:%3$u; keepalive_requests 5; }\n"
    "    server { listen 127.0.0.1:%4$u ssl; ssl_protocols TLSv1.2; keepalive_requests 5; }\n"
    "    server { listen 127.0.0.1:%5$u ssl; ssl_protocols TLSv1.3; keepalive_requests 5; }\n"
    "    server {\n"
    "        listen 127.0.0.1:%6$u ssl;\n"
    "        ssl_verify_client on;\n"
    "        ssl_client_certificate %1$s/authority.pem;\n"
    "    }\n"
    "}\n";

/* -------- nginx -------- */

static const char *path_of(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", live_folder(), name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t size)
{
    FILE *stream = fopen(path_of(name), "w");

    if (stream == NULL || fwrite(bytes, 1, size, stream) != size || fclose(stream) != 0) {
        live_give_up(name);
    }
}

static void prepare(void)
{
    char text[sizeof(configuration) + 4096];

    for (int i = 0; i < PLACES; i++) {
        ports[i] = live_free_port();
    }
    int size =
        snprintf(text, sizeof(text), configuration, live_folder(), ports[PLACE_PLAIN],
                 ports[PLACE_FIVE], ports[PLACE_TLS12], ports[PLACE_TLS13], ports[PLACE_CLIENT]);
    write_file("nginx.conf", text, (size_t)size);
    mkdir(path_of("www"), 0755);
    mkdir(path_of("www/up"), 0777);
    big = malloc(BIG);
    for (size_t i = 0; i < BIG; i++) {
        big[i] = (char)('a' + (i * 2654435761u >> 17) % 26);
    }
    write_file("www/big.txt", big, BIG);
    write_file("www/page.txt", "hello\n", 6);
    /* nginx as root would give up its rights, and so those to this folder. */
    chmod(live_folder(), 0755);
}

/* Wait until nginx has written its process id: by then it listens. */
static void nginx_start(void)
{
    const char *command[] = { "nginx", "-p", live_folder(), "-c", path_of("nginx.conf"), NULL };
    struct pollfd readable = { .fd = inotify_init1(IN_CLOEXEC), .events = POLLIN };
    char events[4096];

    unlink(path_of("nginx.pid"));
    unlink(path_of("nginx.sock"));
    unlink(path_of("access.log"));
    if (readable.fd < 0 || inotify_add_watch(readable.fd, live_folder(), IN_CLOSE_WRITE) < 0) {
        live_give_up("inotify");
    }
    nginx = live_program_start(command, -1);
    while (access(path_of("nginx.pid"), R_OK) != 0) {
        if (poll(&readable, 1, LIVE_WAIT_MS) != 1 ||
            read(readable.fd, events, sizeof(events)) <= 0) {
            live_give_up("nginx to listen");
        }
    }
    close(readable.fd);
}

/* What the access log says; counted when nginx has ended. */
struct log {
    unsigned requests, connections, on_one_max, good, resumed, verified, tls12, tls13;
};

static struct log nginx_stop(void)
{
    struct log log = { 0 };
    char protocol[20], reused[20], verified[60];
    unsigned connection, number, status;

    live_program_stop(nginx);
    nginx = 0;
    FILE *stream = fopen(path_of("access.log"), "r");
    if (stream == NULL) {
        live_give_up("an access log");
    }
    while (fscanf(stream, "%u %u %u %19s %19s %59[^\n]", &connection, &number, &status, protocol,
                  reused, verified) == 6) {
        log.requests++;
        log.connections += number == 1;
        log.on_one_max = number > log.on_one_max ? number : log.on_one_max;
        log.good += status == 200;
        log.resumed += number == 1 && strcmp(reused, "r") == 0;
        log.verified += strcmp(verified, "SUCCESS") == 0;
        log.tls12 += strcmp(protocol, "TLSv1.2") == 0;
        log.tls13 += strcmp(protocol, "TLSv1.3") == 0;
    }
    fclose(stream);
    return log;
}

static const char *url_of(enum place place, const char *path)
{
    static char urls[4][200];
    static unsigned next;
    char *url = urls[next++ % 4];

    snprintf(url, sizeof(urls[0]), "http%s://127.0.0.1:%u%s", place >= PLACE_TLS12 ? "s" : "",
             ports[place], path);
    return url;
}

static struct quoit_tls *identity(const char *client)
{
    struct quoit_tls_options options = { .ca_file = certificate("authority.pem") };
    struct quoit_tls *tls = NULL;

    if (client != NULL) {
        options.cert_file = certificate("client.pem");
        options.key_file = certificate("client.key");
    }
    if (quoit_tls_create(&options, &tls) != QUOIT_OK) {
        live_give_up("a TLS identity");
    }
    return tls;
}

/* Run so many of that request. Returns how many were answered with 200. */
static uint32_t run_many(struct quoit_engine *engine, const struct quoit_request *request,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        live_submit(engine, request);
    }
    return live_drain(engine, count);
}

/* -------- plain -------- */

static void test_nginx_keeps_one_connection(void)
{
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 1 });
    struct quoit_request request = { .url = url_of(PLACE_PLAIN, "/page.txt") };

    nginx_start();
    CHECK_EQ(run_many(engine, &request, 1000), 1000);
    CHECK_EQ(live_stats(engine).opened, 1);
    quoit_destroy(engine);
    struct log log = nginx_stop();
    CHECK_EQ(log.good, 1000);
    CHECK_EQ(log.connections, 1);
}

/* R29 */
static void test_nothing_fails_when_nginx_ends_connections(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .requests_max = 10000, .in_flight_max = 16 });
    struct quoit_request request = { .url = url_of(PLACE_FIVE, "/page.txt"),
                                     .retries = QUOIT_NONE };

    nginx_start();
    CHECK_EQ(run_many(engine, &request, 10000), 10000);
    CHECK_EQ(live_stats(engine).resent, 0);
    quoit_destroy(engine);
    struct log log = nginx_stop();
    CHECK_EQ(log.requests, 10000);
    CHECK_EQ(log.on_one_max, 5);
    CHECK(log.connections >= 2000 && log.connections <= 2016);
}

static void test_answers_of_every_form_come_in_step(void)
{
    static const struct {
        const char *method, *path, *name, *value;
        uint32_t status;
        size_t size;
    } cases[] = {
        { "GET", "/page.txt", NULL, NULL, 200, 6 },
        { "HEAD", "/big.txt", NULL, NULL, 200, 0 },
        { "GET", "/none", NULL, NULL, 204, 0 },
        { "GET", "/chunked/page.txt", NULL, NULL, 200, 6 },
        { "HEAD", "/chunked/page.txt", NULL, NULL, 200, 0 },
        { "GET", "/page.txt", "If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT", 304, 0 },
        { "GET", "/big.txt", "Range", "bytes=10-19", 206, 10 },
    };
    struct quoit_engine *engine = live_engine(NULL);

    nginx_start();
    for (size_t i = 0; i < 70; i++) {
        size_t k = i % 7;
        const struct quoit_header header = { cases[k].name, cases[k].value };
        struct quoit_request request = { .url = url_of(PLACE_PLAIN, cases[k].path),
                                         .method = cases[k].method,
                                         .headers = &header,
                                         .headers_count = cases[k].name != NULL };
        check_case(cases[k].path);
        quoit_turn(engine, 0);
        const struct quoit_result *result = live_run(engine, &request);
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, cases[k].status);
        CHECK_EQ(result->body.size, cases[k].size);
        CHECK_EQ(result->reused, i > 0);
    }
    quoit_destroy(engine);
    CHECK_EQ(nginx_stop().connections, 1);
}

static void test_nginx_on_a_unix_socket(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_request request = { .url = "http://any.invalid/page.txt" };

    nginx_start();
    request.unix_path = path_of("nginx.sock");
    CHECK_EQ(run_many(engine, &request, 1000), 1000);
    CHECK(live_stats(engine).opened <= 64);
    quoit_destroy(engine);
    CHECK_EQ(nginx_stop().good, 1000);
}

/* -------- big bodies -------- */

static void check_big(struct quoit_engine *engine, const char *url, struct quoit_tls *tls)
{
    const struct quoit_result *result =
        live_run(engine, &(struct quoit_request){ .url = url, .tls = tls });

    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->body.size, BIG);
    CHECK(result->body.size == BIG && memcmp(result->body.bytes, big, BIG) == 0);
    quoit_turn(engine, 0);
}

static void test_big_bodies_come_whole(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_tls *tls = identity(NULL);

    nginx_start();
    for (int i = 0; i < 2; i++) {
        check_big(engine, url_of(PLACE_PLAIN, "/big.txt"), NULL);
        check_big(engine, url_of(PLACE_PLAIN, "/chunked/big.txt"), NULL);
        check_big(engine, url_of(PLACE_TLS12, "/big.txt"), tls);
        check_big(engine, url_of(PLACE_TLS13, "/big.txt"), tls);
    }
    quoit_tls_destroy(tls);
    quoit_destroy(engine);
    nginx_stop();
}

static void test_a_big_body_comes_whole_in_pieces(void)
{
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .stream_buffer_max = 32 * 1024 });
    size_t at = 0;
    bool same = true;

    nginx_start();
    live_submit(engine, &(struct quoit_request){ .url = url_of(PLACE_PLAIN, "/chunked/big.txt"),
                                                 .stream = QUOIT_PIECES });
    struct quoit_event event = live_next(engine);
    CHECK_EQ(event.kind, QUOIT_HEAD);
    for (event = live_next(engine); event.kind == QUOIT_PIECE; event = live_next(engine)) {
        same &= at + event.bytes.size <= BIG &&
                memcmp(event.bytes.bytes, big + at, event.bytes.size) == 0;
        at += event.bytes.size;
    }
    CHECK_EQ(event.kind, QUOIT_END);
    CHECK_EQ(event.result->error, QUOIT_OK);
    CHECK(same);
    CHECK_EQ(at, BIG);
    quoit_destroy(engine);
    nginx_stop();
}

static void test_big_bodies_arrive_whole(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    char *stored = malloc(BIG);

    nginx_start();
    for (int i = 0; i < 3; i++) {
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = url_of(PLACE_PLAIN, "/up/stored.txt"),
                                                      .method = "PUT",
                                                      .body = { big, BIG } });
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, i == 0 ? 201 : 204);
        CHECK_EQ(result->reused, i > 0);
        quoit_turn(engine, 0);
    }
    FILE *stream = fopen(path_of("www/up/stored.txt"), "r");
    CHECK(stream != NULL);
    if (stream != NULL) {
        CHECK_EQ(fread(stored, 1, BIG, stream), BIG);
        CHECK(memcmp(stored, big, BIG) == 0);
        fclose(stream);
    }
    free(stored);
    quoit_destroy(engine);
    nginx_stop();
}

/* R30 */
static void test_a_body_that_nginx_does_not_want_gets_its_413(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    nginx_start();
    for (int i = 0; i < 5; i++) {
        const struct quoit_result *result =
            live_run(engine, &(struct quoit_request){ .url = url_of(PLACE_PLAIN, "/small/x.txt"),
                                                      .method = "PUT",
                                                      .body = { big, BIG },
                                                      .retries = QUOIT_NONE });
        CHECK_EQ(result->error, QUOIT_OK);
        CHECK_EQ(result->status, 413);
        quoit_turn(engine, 0);
        CHECK_EQ(live_get(engine, url_of(PLACE_PLAIN, "/page.txt"))->status, 200);
        quoit_turn(engine, 0);
    }
    quoit_destroy(engine);
    nginx_stop();
}

/* -------- TLS -------- */

static void test_both_versions_of_tls_resume_and_lose_nothing(void)
{
    for (int i = 0; i < 2; i++) {
        struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = 16 });
        struct quoit_tls *tls = identity(NULL);
        struct quoit_request request = { .url = url_of(i == 0 ? PLACE_TLS12 : PLACE_TLS13,
                                                       "/page.txt"),
                                         .tls = tls,
                                         .retries = QUOIT_NONE };
        nginx_start();
        CHECK_EQ(run_many(engine, &request, 1000), 1000);
        CHECK_EQ(live_stats(engine).resent, 0);
        quoit_tls_destroy(tls);
        quoit_destroy(engine);
        struct log log = nginx_stop();
        CHECK_EQ(log.good, 1000);
        CHECK_EQ(i == 0 ? log.tls12 : log.tls13, 1000);
        CHECK_EQ(log.on_one_max, 5);
        CHECK(log.connections >= 200 && log.connections <= 216);
        CHECK(log.resumed >= 180); /* all but the first that open at the same time */
    }
}

static void test_nginx_verifies_the_clients_certificate(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_tls *nobody = identity(NULL);
    struct quoit_tls *client = identity("client");
    struct quoit_request request = { .url = url_of(PLACE_CLIENT, "/page.txt"), .tls = nobody };

    nginx_start();
    const struct quoit_result *result = live_run(engine, &request);
    CHECK_EQ(result->error, QUOIT_OK);
    CHECK_EQ(result->status, 400); /* nginx shakes hands, and then says what is missing */
    request.tls = client;
    CHECK_EQ(run_many(engine, &request, 10), 10);
    quoit_tls_destroy(nobody);
    quoit_tls_destroy(client);
    quoit_destroy(engine);
    CHECK_EQ(nginx_stop().verified, 10);
}

int main(void)
{
    if (system("command -v nginx >/dev/null 2>&1") != 0) {
        setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    }
    if (system("command -v nginx >/dev/null 2>&1") != 0 || !certificates_make()) {
        printf("no nginx, or no openssl(1) to make certificates with\n");
        return 77;
    }
    prepare();
    RUN(test_nginx_keeps_one_connection);
    RUN(test_nothing_fails_when_nginx_ends_connections);
    RUN(test_answers_of_every_form_come_in_step);
    RUN(test_nginx_on_a_unix_socket);
    RUN(test_big_bodies_come_whole);
    RUN(test_a_big_body_comes_whole_in_pieces);
    RUN(test_big_bodies_arrive_whole);
    RUN(test_a_body_that_nginx_does_not_want_gets_its_413);
    RUN(test_both_versions_of_tls_resume_and_lose_nothing);
    RUN(test_nginx_verifies_the_clients_certificate);
    free(big);
    return check_done();
}
