/*
 * resources_test: what a machine has too little of: descriptors, locked memory, local ports,
 * receive buffers. R34: the work is done with fewer in flight, or one error names the limit and the
 * remedy; and who waits does not spin. (io_uring refused is refused_test's.)
 *
 * Where a limit is not the process's own, a child has it: another user, another network namespace.
 * sysctl kernel.io_uring_disabled holds for the whole machine, so it is left alone; the kernel then
 * says EPERM, as the filter in refused_test does.
 */
#include "tests/live/live.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define LINES 40
#define STREAMS 1000
#define TOKENS 60

static struct live_server server;

/* Allow so many more descriptors than are open now. Gives the limit as it was. */
static struct rlimit allow_descriptors(unsigned more)
{
    struct rlimit before, now;
    int end = 0; /* the limit is about numbers: those below it may be used */

    while (more > 0 || fcntl(end, F_GETFD) >= 0) {
        more -= fcntl(end++, F_GETFD) < 0;
    }
    getrlimit(RLIMIT_NOFILE, &before);
    now = (struct rlimit){ .rlim_cur = (rlim_t)end, .rlim_max = before.rlim_max };
    setrlimit(RLIMIT_NOFILE, &now);
    return before;
}

/* Submit so many GETs of which each takes that long. */
static void submit_slow(struct quoit_engine *engine, const char *latency, int count)
{
    const struct quoit_header header = { "X-Mock-Latency", latency };

    for (int i = 0; i < count; i++) {
        live_submit(engine, &(struct quoit_request){ .url = live_url(&server, "/page"),
                                                     .headers = &header,
                                                     .headers_count = 1 });
    }
}

static void test_few_descriptors_mean_fewer_in_flight(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct rlimit before = allow_descriptors(5);

    submit_slow(engine, "5ms", 200);
    CHECK_EQ(live_drain(engine, 200), 200);
    CHECK(live_stats(engine).opened >= 1);
    CHECK_EQ(live_stats(engine).opened, 5);
    setrlimit(RLIMIT_NOFILE, &before);
    quoit_destroy(engine);
}

/* Those under way go on, the others wait for their sockets, and nobody spins meanwhile. */
static void test_who_waits_for_a_descriptor_does_not_spin(void)
{
    struct quoit_engine *engine = live_engine(NULL);

    submit_slow(engine, "1s", 2);
    while (live_number(&server, "in_flight") < 2) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    struct rlimit before = allow_descriptors(0);
    uint64_t entries = live_stats(engine).entries;
    submit_slow(engine, "0ms", 20);
    while (live_stats(engine).succeeded == 0) {
        quoit_turn(engine, LIVE_NS_PER_S);
    }
    CHECK(live_stats(engine).entries - entries < 1000); /* it looks again each 100 ms */
    CHECK_EQ(live_drain(engine, 22), 22);
    CHECK_EQ(live_stats(engine).opened, 2);
    setrlimit(RLIMIT_NOFILE, &before);
    quoit_destroy(engine);
}

/* The probe of a server that is down finds none: it goes back in line, and is sent when it can. */
static void test_a_probe_that_finds_no_descriptor_is_not_lost(void)
{
    struct live_server mortal = live_start((const char *[]){ NULL });
    struct quoit_engine *engine =
        live_engine(&(struct quoit_options){ .outage_wait_ns = 20 * LIVE_NS_PER_S });
    char port[8], url[80];

    snprintf(url, sizeof(url), "%s/page", mortal.url);
    snprintf(port, sizeof(port), "%u", mortal.port);
    live_stop(&mortal);
    for (int i = 0; i < 20; i++) {
        live_submit(engine, &(struct quoit_request){ .url = url });
    }
    while (live_stats(engine).outages == 0 || live_stats(engine).in_flight > 0) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    mortal = live_start((const char *[]){ "--port", port, NULL });
    submit_slow(engine, "1500ms", 1); /* beyond the instant of the probe, a second from now */
    live_turn_until_in_flight(engine, 1);
    struct rlimit before = allow_descriptors(0);
    CHECK_EQ(live_drain(engine, 21), 21);
    setrlimit(RLIMIT_NOFILE, &before);
    CHECK_EQ(live_number(&mortal, "executions_total"), 20);
    CHECK_EQ(live_stats(engine).outages, 1);
    quoit_destroy(engine);
    live_stop(&mortal);
}

static void test_no_descriptor_at_all_is_an_error_with_a_remedy(void)
{
    struct quoit_engine *engine = live_engine(NULL);
    struct quoit_engine *other = NULL;
    struct rlimit before = allow_descriptors(0);

    const struct quoit_result *result = live_get(engine, live_url(&server, "/page"));
    CHECK_EQ(result->error, QUOIT_E_NO_DESCRIPTOR);
    CHECK(strstr(result->detail, "ulimit -n") != NULL);
    CHECK_EQ(quoit_create(NULL, &other), QUOIT_E_NO_DESCRIPTOR);
    setrlimit(RLIMIT_NOFILE, &before);
    quoit_turn(engine, 0);
    CHECK_EQ(live_get(engine, live_url(&server, "/page"))->status, 200);
    quoit_destroy(engine);
}

/* -------- the command -------- */

static void write_input(const char *path)
{
    FILE *stream = fopen(path, "w");

    for (int i = 0; i < LINES; i++) {
        fprintf(stream,
                "{\"custom_id\":\"%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
                "\"body\":{\"model\":\"m\",\"messages\":[]}}\n",
                i);
    }
    fclose(stream);
}

static size_t count_lines(const char *path, const char *with)
{
    char line[4096];
    size_t count = 0;
    FILE *stream = fopen(path, "r");

    while (stream != NULL && fgets(line, sizeof(line), stream) != NULL) {
        count += strstr(line, with) != NULL;
    }
    if (stream != NULL) {
        fclose(stream);
    }
    return count;
}

static void test_the_command_ends_its_work_or_names_the_limit(void)
{
    char input[300], output[300], said[300], command[2000], name[40];
    bool has_worked = false;

    snprintf(input, sizeof(input), "%s/in.jsonl", live_folder());
    snprintf(output, sizeof(output), "%s/out.jsonl", live_folder());
    snprintf(said, sizeof(said), "%s/said", live_folder());
    write_input(input);
    for (int limit = 4; limit <= 16; limit++) { /* with 3 it cannot even be loaded */
        snprintf(name, sizeof(name), "ulimit -n %d", limit);
        check_case(name);
        snprintf(
            command, sizeof(command),
            "exec 2>'%s'; ulimit -n %d; exec timeout 60 '%s' batch '%s' -o '%s' --overwrite -c 16 "
            "--retries 0 --base-url '%s'",
            said, limit, live_build_path("quoit"), input, output, server.url);
        remove(output);
        int status = system(command);
        size_t good = count_lines(output, "\"status_code\":200");
        if (status == 0) {
            has_worked = true;
            CHECK_EQ(good, LINES);
        } else {
            CHECK(!has_worked); /* more is never worse */
            CHECK(WIFEXITED(status));
            CHECK(count_lines(said, "ulimit -n") + count_lines(said, "Too many open files") > 0);
        }
    }
    CHECK(has_worked);
}

/* -------- in children -------- */

/* Run that in a child; what it returns is 0 if all held, 77 if it could not be tried. */
static int run_in_child(int (*test)(uint64_t number), uint64_t number)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();

    if (pid == 0) {
        alarm(LIVE_WAIT_MS / 1000);
        check_failures = 0;
        int result = test(number);
        fflush(stdout);
        _exit(result != 0 ? result : check_failures != 0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* So much locked memory, for somebody whom it concerns. */
static int have_locked_memory(uint64_t size)
{
    struct rlimit limit = { .rlim_cur = size, .rlim_max = size };
    struct quoit_engine *engine = NULL;

    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || (getuid() == 0 && setuid(NOBODY) != 0)) {
        return 77;
    }
    enum quoit_error error = quoit_create(&(struct quoit_options){ .io = QUOIT_IO_URING }, &engine);
    if (error == QUOIT_OK) {
        submit_slow(engine, "0ms", 50);
        CHECK_EQ(live_drain(engine, 50), 50);
        quoit_destroy(engine);
    } else {
        CHECK_EQ(error, QUOIT_E_LOCKED_MEMORY);
        CHECK(strstr(quoit_error_message(error), "ulimit -l") != NULL);
    }
    return 0;
}

static void test_little_locked_memory_makes_a_small_ring_or_an_error_with_a_remedy(void)
{
    static const uint64_t sizes[] = { 0, 4096, 16384, 65536, 262144, 1 << 20, 8 << 20 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int status = run_in_child(have_locked_memory, sizes[i]);
        if (status == 77) {
            printf("not tried: no other user to become\n");
            return;
        }
        CHECK_EQ(status, 0);
    }
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0) {
        close(fd);
    }
    return done;
}

/* A network of this process's own, with so few ports. */
static bool make_network(unsigned ports)
{
    struct ifreq loopback = { .ifr_name = "lo" };
    char range[40];

    if (unshare(getuid() == 0 ? CLONE_NEWNET : CLONE_NEWNET | CLONE_NEWUSER) != 0) {
        return false;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = ioctl(fd, SIOCGIFFLAGS, &loopback) == 0;
    loopback.ifr_flags |= IFF_UP;
    up = up && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0;
    close(fd);
    snprintf(range, sizeof(range), "40000 %u", 40000 + ports - 1);
    return up && write_text("/proc/sys/net/ipv4/ip_local_port_range", range);
}

static int connect_to(const struct live_server *to)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(to->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Listening ports are taken from the range as well: two of the mock's. */
static int have_few_ports(uint64_t ports)
{
    if (!make_network(10)) {
        return 77;
    }
    server = live_start((const char *[]){ NULL });
    char range[40];
    snprintf(range, sizeof(range), "41000 %u", 41000 + (unsigned)ports - 1);
    write_text("/proc/sys/net/ipv4/ip_local_port_range", range);

    struct quoit_engine *engine = live_engine(NULL);
    submit_slow(engine, "20ms", 60);
    CHECK_EQ(live_drain(engine, 60), 60);
    CHECK(live_stats(engine).entries < 5000);
    quoit_destroy(engine);

    int taken[64];
    unsigned count = 0;
    while (count < 64 && (taken[count] = connect_to(&server)) >= 0) {
        count++;
    }
    CHECK(count <= ports); /* fewer, where the engine's have not cooled down */
    engine = live_engine(NULL);
    const struct quoit_result *result = live_get(engine, live_url(&server, "/page"));
    CHECK_EQ(result->error, QUOIT_E_NO_DESCRIPTOR);
    CHECK(strstr(result->detail, "ip_local_port_range") != NULL);
    quoit_destroy(engine);
    live_stop(&server);
    return 0;
}

static void test_no_port_left_means_fewer_in_flight_or_an_error_with_a_remedy(void)
{
    int status = run_in_child(have_few_ports, 6);

    if (status == 77) {
        printf("not tried: no network namespace can be made\n");
        return;
    }
    CHECK_EQ(status, 0);
}

/* -------- receive buffers -------- */

/* More segments wait than there are buffers for; all come in the end. */
static void test_a_thousand_streams_share_the_buffers(void)
{
    static const char body[] = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    struct quoit_engine *engine = live_engine(&(struct quoit_options){ .in_flight_max = STREAMS });
    struct quoit_request request = { .url = live_url(&server, "/v1/chat/completions"),
                                     .body = { body, sizeof(body) - 1 },
                                     .retries = QUOIT_NONE,
                                     .stream = QUOIT_SSE };
    unsigned messages = 0, good = 0;

    live_set(&server, "tokens 60\nttft 50ms");
    for (int i = 0; i < STREAMS; i++) {
        live_submit(engine, &request);
    }
    while (live_number(&server, "requests") < STREAMS) {
        quoit_turn(engine, LIVE_NS_PER_MS);
    }
    live_await_number(&server, "answers", STREAMS); /* all was written, and we have not read on */
    for (unsigned ends = 0; ends < STREAMS;) {
        struct quoit_event event = live_next(engine);
        messages += event.kind == QUOIT_MESSAGE;
        ends += event.kind == QUOIT_END;
        good += event.kind == QUOIT_END && event.result->error == QUOIT_OK;
    }
    CHECK_EQ(good, STREAMS);
    CHECK(messages >= STREAMS * TOKENS);
    CHECK_EQ(messages % STREAMS, 0);
    struct quoit_stats stats = live_stats(engine);
    printf("%llu receives found no buffer, %llu overflows\n", (unsigned long long)stats.no_buffers,
           (unsigned long long)stats.cq_overflows);
    quoit_destroy(engine);
    live_set(&server, "tokens 16\nttft 0ms");
}

int main(void)
{
    server = live_start((const char *[]){ NULL });
    RUN(test_few_descriptors_mean_fewer_in_flight);
    RUN(test_who_waits_for_a_descriptor_does_not_spin);
    RUN(test_a_probe_that_finds_no_descriptor_is_not_lost);
    RUN(test_no_descriptor_at_all_is_an_error_with_a_remedy);
    RUN(test_the_command_ends_its_work_or_names_the_limit);
    RUN(test_little_locked_memory_makes_a_small_ring_or_an_error_with_a_remedy);
    RUN(test_no_port_left_means_fewer_in_flight_or_an_error_with_a_remedy);
    RUN(test_a_thousand_streams_share_the_buffers);
    live_stop(&server);
    return check_done();
}
