/*
 * torture_test: no memory, at every place: R35.
 *
 * A scenario runs again and again with its N-th allocation refused, N = 1, 2, 3 ... until one runs
 * untouched: in the library, OpenSSL, libc, the thread that looks up a name. In three forms: once;
 * from there on, with memory back at the end; from there on, destroy included.
 *
 * Each run must end in time, without a crash or a leak of memory or descriptors, with exactly one
 * END for each request that was taken in, and with an error that memory can be the cause of. With
 * memory back, the same engine must answer a request right.
 *
 * OpenSSL allocates thousands of times in a handshake, so there every QUOIT_TORTURE_STEP-th place
 * is tried (29; 1 for all), another one in each form.
 *
 *   torture_test [SCENARIO FORM N]      that run alone, as a failure says
 */
#include "tests/live/certificates.h"
#include "tests/live/live.h"
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

static const char *const form_names[FORMS] = { "once", "from there on", "to the end" };

struct scenario {
    const char *name;
    struct live_server server;
    const char *ca_file; /* NULL: plain */
    bool named;          /* the server's address has to be looked up */
    uint64_t step;       /* from one N to the next */
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
 * Can want of memory be the cause? A handshake without memory may tell the server so, and then a
 * connection ends; and a name that nobody had the memory to look up is not found.
 */
static bool is_consequence(const struct scenario *scenario, enum quoit_error error)
{
    return error == QUOIT_E_NO_MEMORY || (scenario->named && error == QUOIT_E_DNS) ||
           (scenario->ca_file != NULL && error == QUOIT_E_TLS);
}

static void note_error(const struct scenario *scenario, enum quoit_error error, const char *detail)
{
    errors_seen[error]++;
    if (error != QUOIT_OK && !is_consequence(scenario, error)) {
        CHECK_FAIL("%s (%s)", quoit_error_name(error), detail);
    }
}

static void submit_asks(const struct scenario *scenario, struct quoit_engine *engine,
                        struct ask asks[ASKS])
{
    static const char chat[] = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    static const char page[2000] = { [0 ... sizeof(page) - 1] = 'x' };
    static const struct quoit_header again = { "X-Mock-Fail-First", "1:503" };
    const struct quoit_request requests[ASKS] = {
        { .url = live_url(&scenario->server, "/v1/chat/completions"),
          .body = { chat, sizeof(chat) - 1 },
          .stream = QUOIT_SSE,
          .retries = QUOIT_NONE },
        { .url = live_url(&scenario->server, "/page"),
          .headers = &again,
          .headers_count = 1,
          .retries = QUOIT_NONE }, /* but what the server asks for costs none */
        { .url = live_url(&scenario->server, "/echo"),
          .body = { page, sizeof(page) },
          .retries = QUOIT_NONE },
    };

    for (size_t i = 0; i < ASKS; i++) {
        enum quoit_error error = quoit_submit(engine, &requests[i], &asks[i].id);
        note_error(scenario, error, "submit");
    }
}

/* Take events until all that was taken in has ended. */
static void await_asks(const struct scenario *scenario, struct quoit_engine *engine,
                       struct ask asks[ASKS])
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
                note_error(scenario, event.result->error, event.result->detail);
                left--;
            }
        }
    }
}

static void gather(const struct scenario *scenario, struct quoit_engine *engine)
{
    struct quoit_batch *batch = NULL;
    struct quoit_request requests[GATHERED];

    for (size_t i = 0; i < GATHERED; i++) {
        requests[i] = (struct quoit_request){ .url = live_url(&scenario->server, "/page"),
                                              .retries = QUOIT_NONE };
    }
    enum quoit_error error = quoit_batch_create(engine, requests, GATHERED, &batch);
    note_error(scenario, error, "gather");
    if (error != QUOIT_OK) {
        return;
    }
    quoit_batch_wait(batch);
    for (size_t i = 0; i < GATHERED; i++) {
        const struct quoit_result *result = quoit_batch_result(batch, i);
        note_error(scenario, result->error, result->detail);
    }
    quoit_batch_destroy(batch);
}

/* With memory back, it works as if nothing had been. */
static void check_recovery(const struct scenario *scenario, struct quoit_engine *engine)
{
    struct quoit_request request = { .url = live_url(&scenario->server, "/page") };
    const struct quoit_result *result = live_run(engine, &request);

    if (result->error != QUOIT_OK || result->status != 200 || result->body.size == 0) {
        CHECK_FAIL("with memory back: %s (%s), status %u", quoit_error_name(result->error),
                   result->detail, result->status);
    }
}

static void run_engine(const struct scenario *scenario, struct quoit_tls *tls, enum form form)
{
    struct quoit_options options = { .requests_max = 8, .in_flight_max = 2, .tls = tls };
    struct quoit_engine *engine = NULL;
    struct ask asks[ASKS] = { 0 };
    enum quoit_error error = quoit_create(&options, &engine);

    note_error(scenario, error, "create");
    if (error != QUOIT_OK) {
        CHECK(engine == NULL);
        return;
    }
    submit_asks(scenario, engine, asks);
    await_asks(scenario, engine, asks);
    gather(scenario, engine);
    if (form != TO_THE_END) {
        faults_end();
        check_recovery(scenario, engine);
    }
    quoit_destroy(engine);
}

/* The scenario with its N-th call refused. Returns how many there were. */
static uint64_t run_once(const struct scenario *scenario, enum form form, uint64_t at)
{
    struct quoit_tls_options tls_options = { .ca_file = scenario->ca_file };
    struct quoit_tls *tls = NULL;
    enum quoit_error error = QUOIT_OK;

    alarm(RUN_MAX_S);
    faults_begin(&(struct faults_plan){
        .kinds = FAULTS_MEMORY, .at = at, .error = ENOMEM, .on = form != ONCE });
    if (scenario->ca_file != NULL) {
        error = quoit_tls_create(&tls_options, &tls);
        note_error(scenario, error, "tls");
    }
    if (error == QUOIT_OK) {
        run_engine(scenario, tls, form);
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
static void check_leak(const struct scenario *scenario, enum form form, uint64_t at)
{
    int64_t live = faults_live();

    for (int i = 0; i < LEAK_RUNS; i++) {
        run_once(scenario, form, at);
        if (faults_live() <= live) {
            return;
        }
        live = faults_live();
    }
    CHECK_FAIL("each run leaves memory behind");
}

static void run_form(const struct scenario *scenario, enum form form)
{
    char name[100];
    uint64_t points = 0;
    uint64_t begin_ns = quoit_now_ns();

    check_case("untouched");
    run_once(scenario, form, 0); /* what is made once and kept is there from now on */
    unsigned descriptors = live_descriptors();
    for (uint64_t at = 1 + (uint64_t)form % scenario->step;; at += scenario->step) {
        int64_t live = faults_live();
        snprintf(name, sizeof(name), "torture_test %s %d %llu", scenario->name, (int)form,
                 (unsigned long long)at);
        check_case(name);
        if (run_once(scenario, form, at) < at || check_failures > FAILURES_SHOWN) {
            break;
        }
        if (faults_live() > live) {
            check_leak(scenario, form, at);
        }
        CHECK_EQ(live_descriptors(), descriptors);
        points++;
    }
    check_case("");
    printf("%s, %s: %llu allocations refused, %.1f s\n", scenario->name, form_names[form],
           (unsigned long long)points, (double)(quoit_now_ns() - begin_ns) / 1e9);
    CHECK(points > 30);
}

static struct scenario scenarios[] = { { .name = "plain", .step = 1 },
                                       { .name = "named", .step = 1 },
                                       { .name = "tls", .step = 29 } };

#define SCENARIO_TESTS(scenario, index)                                                            \
    static void test_##scenario##_survives_one_refusal(void)                                       \
    {                                                                                              \
        run_form(&scenarios[index], ONCE);                                                         \
    }                                                                                              \
    static void test_##scenario##_survives_refusals_from_there_on(void)                            \
    {                                                                                              \
        run_form(&scenarios[index], FROM_THERE_ON);                                                \
    }                                                                                              \
    static void test_##scenario##_is_destroyed_without_memory(void)                                \
    {                                                                                              \
        run_form(&scenarios[index], TO_THE_END);                                                   \
    }

SCENARIO_TESTS(plain, 0)
SCENARIO_TESTS(named, 1)
SCENARIO_TESTS(tls, 2)

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
}

int main(int argc, char **argv)
{
    static char out[BUFSIZ];

    setvbuf(stdout, out, _IOLBF, sizeof(out)); /* stdio's own would count as a leak */
    signal(SIGALRM, on_alarm);
    start_servers();
    if (getenv("QUOIT_TORTURE_STEP") != NULL) {
        scenarios[2].step = strtoull(getenv("QUOIT_TORTURE_STEP"), NULL, 10);
    }
    if (argc == 4) {
        for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
            if (strcmp(scenarios[i].name, argv[1]) == 0) {
                run_once(&scenarios[i], (enum form)strtoul(argv[2], NULL, 10), 0);
                run_once(&scenarios[i], (enum form)strtoul(argv[2], NULL, 10),
                         strtoull(argv[3], NULL, 10));
            }
        }
        return check_failures > 0;
    }
    RUN(test_plain_survives_one_refusal);
    RUN(test_plain_survives_refusals_from_there_on);
    RUN(test_plain_is_destroyed_without_memory);
    RUN(test_named_survives_one_refusal);
    RUN(test_named_survives_refusals_from_there_on);
    RUN(test_named_is_destroyed_without_memory);
    RUN(test_tls_survives_one_refusal);
    RUN(test_tls_survives_refusals_from_there_on);
    RUN(test_tls_is_destroyed_without_memory);
    for (int i = 0; i < ERRORS; i++) {
        if (errors_seen[i] > 0) {
            printf("%10llu  %s\n", (unsigned long long)errors_seen[i],
                   quoit_error_name((enum quoit_error)i));
        }
    }
    live_stop(&scenarios[0].server);
    live_stop(&scenarios[2].server);
    free((void *)(uintptr_t)scenarios[2].ca_file);
    return check_done();
}
