/*
 * torture_test: what the machine can refuse, refused at every place: R35.
 *
 * A scenario runs again and again with the N-th call of a kind refused, N = 1, 2, 3 ... until one
 * runs untouched. Memory: in the library, OpenSSL, libc, the thread that looks up a name. And
 * sockets, threads, eventfds, mappings, the making of a ring and what is registered with it. In
 * three forms: once; from there on, and given again at the end; from there on, destroy included.
 *
 * Each run must end in time, without a crash or a leak of memory or descriptors, with exactly one
 * END for each request that was taken in, and with an error that the refusal can be the cause of.
 * When all is given again, the same engine must answer a request right.
 *
 * OpenSSL allocates thousands of times in a handshake, so there every QUOIT_TORTURE_STEP-th place
 * is tried (29; 1 for all), another one in each form. With a tunnel it is each of the first places.
 *
 *   torture_test [SCENARIO TROUBLE FORM N]      that run alone, as a failure says
 */
#include "tests/io.h"
#include "tests/live/certificates.h"
#include "tests/live/live.h"
#include "tests/live/relay.h"
#include "tests/torture/faults.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define RUN_MAX_S 20
#define ASKS 3
#define GATHERED 2
#define ERRORS 64
#define LEAK_RUNS 4
#define FAILURES_SHOWN 20

enum form { ONCE, FROM_THERE_ON, TO_THE_END, FORMS };

/* What is refused, and how that may be told. */
struct trouble {
    const char *name;
    unsigned kinds;           /* of faults.h */
    int error;                /* the errno */
    enum quoit_error told[3]; /* QUOIT_OK: no more */
};

static const struct trouble troubles[] = {
    { "memory", FAULTS_MEMORY, ENOMEM, { QUOIT_E_NO_MEMORY } },
    { "socket-EMFILE", FAULTS_SOCKET, EMFILE, { QUOIT_E_NO_DESCRIPTOR } },
    { "socket-ENFILE", FAULTS_SOCKET, ENFILE, { QUOIT_E_NO_DESCRIPTOR } },
    { "socket-ENOMEM", FAULTS_SOCKET, ENOMEM, { QUOIT_E_NO_MEMORY } },
    { "socket-ENOBUFS", FAULTS_SOCKET, ENOBUFS, { QUOIT_E_NO_MEMORY } },
    { "socket-EACCES", FAULTS_SOCKET, EACCES, { QUOIT_E_CONNECT } },
    { "descriptor-EMFILE", FAULTS_DESCRIPTOR, EMFILE, { QUOIT_E_NO_DESCRIPTOR } },
    { "thread-EAGAIN", FAULTS_THREAD, EAGAIN, { QUOIT_E_NO_THREAD } },
    { "map-ENOMEM", FAULTS_MAP, ENOMEM, { QUOIT_E_NO_MEMORY, QUOIT_E_LOCKED_MEMORY } },
    { "setup-ENOMEM", FAULTS_SETUP, ENOMEM, { QUOIT_E_LOCKED_MEMORY } },
    { "setup-EMFILE", FAULTS_SETUP, EMFILE, { QUOIT_E_NO_DESCRIPTOR } },
    { "setup-EPERM", FAULTS_SETUP, EPERM, { QUOIT_E_NO_URING } },
    { "setup-ENOSYS", FAULTS_SETUP, ENOSYS, { QUOIT_E_NO_URING } },
    { "register-ENOMEM", FAULTS_REGISTER, ENOMEM, { QUOIT_E_LOCKED_MEMORY } },
    { "register-EINVAL", FAULTS_REGISTER, EINVAL, { QUOIT_E_NO_URING } },
};

struct scenario {
    const char *name;
    struct live_server server;
    bool named;            /* the server's address has to be looked up */
    const char *proxy_url; /* NULL: none */
    const char *ca_file;   /* NULL: plain */
    struct quoit_tls *tls; /* made before all runs; NULL: by each, where there is a ca_file */
    uint64_t places_max;   /* only so many are tried, but each; 0: all */
};

/* A scenario with something refused. */
struct run {
    const struct scenario *scenario;
    const struct trouble *trouble;
    enum form form;
    uint64_t at; /* the N-th; 0: none */
};

/* One request, and what came of it. */
struct ask {
    uint64_t id; /* 0: it was refused */
    unsigned ends;
};

static uint64_t errors_seen[ERRORS]; /* how requests and calls ended, over all runs */

static void on_alarm(int number)
{
    static const char line[] = "no end in time\n";

    (void)number;
    if (write(STDOUT_FILENO, line, sizeof(line) - 1) > 0) {
        abort();
    }
}

/* -------- one run -------- */

/*
 * May it be told so? OpenSSL does not always say that a handshake lacked memory, and libc tells
 * nobody that there was none to look a name up or to make a thread.
 */
static bool is_consequence(const struct run *run, enum quoit_error error)
{
    bool memory = run->trouble->kinds == FAULTS_MEMORY;

    for (size_t i = 0; i < 3; i++) {
        if (run->trouble->told[i] == error) {
            return true;
        }
    }
    return memory &&
           ((run->scenario->named && (error == QUOIT_E_DNS || error == QUOIT_E_NO_THREAD)) ||
            (run->scenario->ca_file != NULL && error == QUOIT_E_TLS));
}

static void note_error(const struct run *run, enum quoit_error error, const char *detail)
{
    errors_seen[error]++;
    if (error != QUOIT_OK && !is_consequence(run, error)) {
        CHECK_FAIL("%s (%s)", quoit_error_name(error), detail);
    }
}

static void submit_asks(const struct run *run, struct quoit_engine *engine, struct ask asks[ASKS])
{
    static const char chat[] = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    static const char page[2000] = { [0 ... sizeof(page) - 1] = 'x' };
    static const struct quoit_header again = { "X-Mock-Fail-First", "1:503" };
    const struct quoit_request requests[ASKS] = {
        { .url = live_url(&run->scenario->server, "/v1/chat/completions"),
          .body = { chat, sizeof(chat) - 1 },
          .proxy_url = run->scenario->proxy_url,
          .stream = QUOIT_SSE,
          .retries = QUOIT_NONE },
        { .url = live_url(&run->scenario->server, "/page"),
          .headers = &again,
          .headers_count = 1,
          .proxy_url = run->scenario->proxy_url,
          .retries = QUOIT_NONE }, /* but what the server asks for costs none */
        { .url = live_url(&run->scenario->server, "/echo"),
          .body = { page, sizeof(page) },
          .proxy_url = run->scenario->proxy_url,
          .retries = QUOIT_NONE },
    };

    for (size_t i = 0; i < ASKS; i++) {
        enum quoit_error error = quoit_submit(engine, &requests[i], &asks[i].id);
        note_error(run, error, "submit");
    }
}

/* Take events until all that was taken in has ended. */
static void await_asks(const struct run *run, struct quoit_engine *engine, struct ask asks[ASKS])
{
    unsigned left = 0;

    for (size_t i = 0; i < ASKS; i++) {
        left += asks[i].id != 0;
    }
    while (left > 0) {
        struct quoit_event event;
        if (quoit_next(engine, &event, 1) == 0) {
            quoit_turn(engine, LIVE_NS_PER_S);
            continue;
        }
        for (size_t i = 0; event.kind == QUOIT_END && i < ASKS; i++) {
            if (asks[i].id == event.id) {
                CHECK_EQ(++asks[i].ends, 1);
                note_error(run, event.result->error, event.result->detail);
                left--;
            }
        }
    }
}

static void gather(const struct run *run, struct quoit_engine *engine)
{
    struct quoit_batch *batch = NULL;
    struct quoit_request requests[GATHERED];

    for (size_t i = 0; i < GATHERED; i++) {
        requests[i] = (struct quoit_request){ .url = live_url(&run->scenario->server, "/page"),
                                              .proxy_url = run->scenario->proxy_url,
                                              .retries = QUOIT_NONE };
    }
    enum quoit_error error = quoit_batch_create(engine, requests, GATHERED, &batch);
    note_error(run, error, "gather");
    if (error != QUOIT_OK) {
        return;
    }
    quoit_batch_wait(batch);
    for (size_t i = 0; i < GATHERED; i++) {
        const struct quoit_result *result = quoit_batch_result(batch, i);
        note_error(run, result->error, result->detail);
    }
    quoit_batch_destroy(batch);
}

/* With memory back, it works as if nothing had been. */
static void check_recovery(const struct run *run, struct quoit_engine *engine)
{
    struct quoit_request request = { .url = live_url(&run->scenario->server, "/page"),
                                     .proxy_url = run->scenario->proxy_url };
    const struct quoit_result *result = live_run(engine, &request);

    if (result->error != QUOIT_OK || result->status != 200 || result->body.size == 0) {
        CHECK_FAIL("with memory back: %s (%s), status %u", quoit_error_name(result->error),
                   result->detail, result->status);
    }
}

static void run_engine(const struct run *run, struct quoit_tls *tls)
{
    struct quoit_options options = {
        .requests_max = 8, .in_flight_max = 2, .tls = tls, .io = test_io()
    };
    struct quoit_engine *engine = NULL;
    struct ask asks[ASKS] = { 0 };
    enum quoit_error error = quoit_create(&options, &engine);

    note_error(run, error, "create");
    if (error != QUOIT_OK) {
        CHECK(engine == NULL);
        return;
    }
    submit_asks(run, engine, asks);
    await_asks(run, engine, asks);
    gather(run, engine);
    if (run->form != TO_THE_END) {
        faults_end();
        check_recovery(run, engine);
    }
    quoit_destroy(engine);
}

/* The scenario with its N-th call refused. Returns how many there were. */
static uint64_t run_once(const struct run *run)
{
    struct quoit_tls_options tls_options = { .ca_file = run->scenario->ca_file };
    struct quoit_tls *tls = NULL;
    enum quoit_error error = QUOIT_OK;

    alarm(RUN_MAX_S);
    faults_begin(&(struct faults_plan){ .kinds = run->trouble->kinds,
                                        .at = run->at,
                                        .error = run->trouble->error,
                                        .on = run->form != ONCE });
    if (run->scenario->ca_file != NULL && run->scenario->tls == NULL) {
        error = quoit_tls_create(&tls_options, &tls);
        note_error(run, error, "tls");
    }
    if (error == QUOIT_OK) {
        run_engine(run, tls == NULL ? run->scenario->tls : tls);
    }
    quoit_tls_destroy(tls);
    uint64_t count = faults_end();
    OPENSSL_thread_stop(); /* its queue of errors, which it would keep for the next one */
    alarm(0);
    return count;
}

/* -------- all runs -------- */

/*
 * The same run again and again leaves more and more behind. Once is no leak: OpenSSL makes some
 * things when it first needs them, and a thread that looked up a name may be about to end.
 */
static void check_leak(const struct run *run)
{
    int64_t live = faults_live();

    for (int i = 0; i < LEAK_RUNS; i++) {
        run_once(run);
        if (faults_live() <= live) {
            return;
        }
        live = faults_live();
    }
    CHECK_FAIL("each run leaves memory behind");
}

/* All N of one form. Returns how many places there were. */
static uint64_t run_form(struct run run, uint64_t step)
{
    char name[100];
    uint64_t points = 0, places_max = run.scenario->places_max;

    check_case("untouched");
    run.at = 0;
    run_once(&run); /* what is made once and kept is there from now on */
    unsigned descriptors = live_descriptors();
    for (run.at = 1 + (uint64_t)run.form % step;; run.at += step) {
        int64_t live = faults_live();
        snprintf(name, sizeof(name), "torture_test %s %s %d %llu", run.scenario->name,
                 run.trouble->name, (int)run.form, (unsigned long long)run.at);
        check_case(name);
        if (run_once(&run) < run.at || check_failures > FAILURES_SHOWN ||
            (places_max != 0 && points == places_max)) {
            break;
        }
        if (faults_live() > live) {
            check_leak(&run);
        }
        CHECK_EQ(live_descriptors(), descriptors);
        points++;
    }
    check_case("");
    return points;
}

static struct scenario scenarios[] = {
    { .name = "plain" },
    { .name = "named" },
    { .name = "tls" },
    { .name = "proxy" },
    { .name = "tunnel", .places_max = 60 }, /* behind it, TLS goes on as without one */
};
static struct relay proxy, tunnel;
static uint64_t tls_step = 29;

/* All forms of a trouble: at least points_min places each. */
static void run_trouble(const struct scenario *scenario, const struct trouble *trouble,
                        uint64_t points_min)
{
    uint64_t begin_ns = quoit_now_ns();
    uint64_t points[FORMS];
    uint64_t step = scenario->ca_file != NULL && scenario->places_max == 0 ? tls_step : 1;

    for (unsigned form = 0; form < FORMS; form++) {
        struct run run = { scenario, trouble, (enum form)form, 0 };
        points[form] = run_form(run, step);
        CHECK(points[form] >= points_min);
    }
    printf("%-6s %-18s once %llu, from there on %llu, to the end %llu; %.1f s\n", scenario->name,
           trouble->name, (unsigned long long)points[ONCE],
           (unsigned long long)points[FROM_THERE_ON], (unsigned long long)points[TO_THE_END],
           (double)(quoit_now_ns() - begin_ns) / 1e9);
}

static void test_no_memory_for_plain_requests(void)
{
    run_trouble(&scenarios[0], &troubles[0], 40);
}

static void test_no_memory_for_a_look_up(void)
{
    run_trouble(&scenarios[1], &troubles[0], 40);
}

static void test_no_memory_for_tls(void)
{
    run_trouble(&scenarios[2], &troubles[0], 5000 / tls_step);
}

static void test_no_memory_for_requests_to_a_proxy(void)
{
    run_trouble(&scenarios[3], &troubles[0], 40);
}

static void test_no_memory_for_tunnels(void)
{
    run_trouble(&scenarios[4], &troubles[0], 40);
}

static void test_calls_that_are_refused(void)
{
    for (size_t i = 1; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        bool of_uring = (troubles[i].kinds & (FAULTS_SETUP | FAULTS_REGISTER)) != 0;
        run_trouble(&scenarios[1], &troubles[i], of_uring && test_io() == QUOIT_IO_EPOLL ? 0 : 1);
    }
}

static void start_servers(void)
{
    static const char *const behave = "retry-after-ms: 1";

    if (!certificates_make()) {
        printf("openssl is not installed\n");
        exit(77);
    }
    scenarios[0].server = live_start((const char *[]){ "--header", behave, NULL });
    scenarios[1].server = scenarios[0].server;
    scenarios[1].named = true;
    snprintf(scenarios[1].server.url, sizeof(scenarios[1].server.url), "http://localhost:%u",
             scenarios[0].server.port);
    scenarios[2].server =
        live_start((const char *[]){ "--header", behave, "--tls-cert", certificate("server.pem"),
                                     "--tls-key", certificate("server.key"), NULL });
    scenarios[2].ca_file = strdup(certificate("authority.pem"));
    proxy = relay_start(scenarios[0].server.port, NULL);
    scenarios[3].server = scenarios[0].server;
    scenarios[3].proxy_url = proxy.with_user;
    tunnel = relay_start(scenarios[2].server.port, NULL);
    scenarios[4].server = scenarios[2].server;
    scenarios[4].ca_file = scenarios[2].ca_file;
    scenarios[4].proxy_url = tunnel.with_user;
    const struct quoit_tls_options trust = { .ca_file = scenarios[4].ca_file };
    CHECK_EQ(quoit_tls_create(&trust, &scenarios[4].tls), QUOIT_OK);
}

/* One run alone, after one that is untouched. */
static int run_alone(char **arguments)
{
    struct run run = { .form = (enum form)strtoul(arguments[2], NULL, 10) };

    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(scenarios[i].name, arguments[0]) == 0) {
            run.scenario = &scenarios[i];
        }
    }
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        if (strcmp(troubles[i].name, arguments[1]) == 0) {
            run.trouble = &troubles[i];
        }
    }
    if (run.scenario == NULL || run.trouble == NULL) {
        live_give_up("a scenario and a trouble of that name");
    }
    run_once(&run);
    run.at = strtoull(arguments[3], NULL, 10);
    run_once(&run);
    return check_failures > 0;
}

int main(int argc, char **argv)
{
    static char out[BUFSIZ];
    const char *step = getenv("QUOIT_TORTURE_STEP");

    setvbuf(stdout, out, _IOLBF, sizeof(out)); /* stdio's own would count as a leak */
    signal(SIGALRM, on_alarm);
    start_servers();
    tls_step = step == NULL ? tls_step : strtoull(step, NULL, 10);
    if (argc == 5) {
        return run_alone(argv + 1);
    }
    RUN(test_no_memory_for_plain_requests);
    RUN(test_no_memory_for_a_look_up);
    RUN(test_no_memory_for_tls);
    RUN(test_no_memory_for_requests_to_a_proxy);
    RUN(test_no_memory_for_tunnels);
    RUN(test_calls_that_are_refused);
    for (int i = 0; i < ERRORS; i++) {
        if (errors_seen[i] > 0) {
            printf("%10llu  %s\n", (unsigned long long)errors_seen[i],
                   quoit_error_name((enum quoit_error)i));
        }
    }
    relay_stop(&proxy);
    relay_stop(&tunnel);
    quoit_tls_destroy(scenarios[4].tls);
    live_stop(&scenarios[0].server);
    live_stop(&scenarios[2].server);
    free((void *)(uintptr_t)scenarios[2].ca_file);
    return check_done();
}
