/*
 * What the simulated network promises by itself, without an engine: it does what a kernel does, the
 * same for the same seed, it lets no wrong use pass, and each kind of trouble comes up.
 *
 * The client here knows nothing of HTTP: the servers' ledger says how long an answer is.
 */
#include "engine/ring.h"
#include "tests/sim/net_sim.h"
#include "tests/sim/ring_sim.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNS_MAX 4
#define DONE_MAX 16
#define COMMAND "build/tests/sim/ring_sim_test"

static const struct world_profile silent; /* nothing happens by chance */
static struct ring *ring;
static struct sockaddr_in address;
static char request[] = "GET /n/1 HTTP/1.1\r\nHost: 10.0.0.0\r\nX-Number: 1\r\n\r\n";

/* -------- the client -------- */

struct client {
    int fd;
    char bytes[64 * 1024];
    size_t size;
    bool receives; /* a standing receive is under way */
    bool ended;    /* told of the end of the stream */
    bool closed;
    int32_t result[RING_VERBS]; /* of the last completion */
    uint32_t count[RING_VERBS]; /* completions */
};

static struct client clients[CONNS_MAX];

static void begin(uint64_t seed, const struct world_profile *profile)
{
    struct server_limits servers = {
        .in_flight_max = CONNS_MAX,
        .per_origin_max = CONNS_MAX,
        .pool_idle_ns = WORLD_NEVER,
        .body_size_max = 20000,
    };
    struct ring_sim_limits limits = {
        .sockets_max = CONNS_MAX,
        .turns_max = 100000,
        .end_ns = 3600 * NS_PER_S,
    };
    struct ring_options options = { .conns_max = CONNS_MAX };
    enum quoit_error error;

    world_begin(seed, profile, COMMAND);
    server_sim_begin(&servers);
    ring_sim_begin(&limits);
    memset(clients, 0, sizeof(clients));
    address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(80) };
    address.sin_addr.s_addr = htonl(0x0a000000);
    ring = ring_create(&options, &error);
}

static uint64_t events_hash;

static uint32_t turn(uint64_t wait_ns)
{
    struct ring_done done[DONE_MAX];
    uint32_t count = ring_turn(ring, done, DONE_MAX, wait_ns, false);

    for (uint32_t i = 0; i < count; i++) {
        struct client *client = &clients[done[i].tag.conn];
        enum ring_verb verb = done[i].tag.verb;
        client->result[verb] = done[i].result;
        client->count[verb]++;
        events_hash = (events_hash ^ (verb + done[i].tag.conn * 7 + (uint32_t)done[i].result)) *
                      UINT64_C(0x100000001b3);
        events_hash ^= world_now_ns();
        if (verb == RING_CLOSE) {
            client->closed = true;
        } else if (verb == RING_RECV) {
            client->receives = done[i].more;
            client->ended |= done[i].result == 0 || done[i].result == -ECONNRESET;
        }
        if (done[i].buffer != RING_NO_BUFFER) {
            CHECK(client->size + (size_t)done[i].result <= sizeof(client->bytes));
            memcpy(client->bytes + client->size, done[i].bytes, (size_t)done[i].result);
            client->size += (size_t)done[i].result;
            ring_give_back(ring, done[i].buffer);
        }
    }
    return count;
}

static void turn_until(const uint32_t *count, uint32_t wanted)
{
    for (int i = 0; i < 10000 && *count < wanted; i++) {
        turn(NS_PER_S);
    }
    CHECK_EQ(*count, wanted);
}

static void open_conn(uint32_t conn, bool local)
{
    struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/sim/0" };
    const void *to = local ? (const void *)&path : &address;
    uint32_t size = local ? sizeof(path) : sizeof(address);

    clients[conn].fd = ring_socket(ring, local ? AF_UNIX : AF_INET);
    ring_connect(ring, conn, clients[conn].fd, to, size, RING_NO_DEADLINE);
    turn_until(&clients[conn].count[RING_CONNECT], 1);
}

static void receive(uint32_t conn, uint64_t deadline_ns)
{
    ring_recv_stand(ring, conn, clients[conn].fd, RING_SMALL, deadline_ns);
    clients[conn].receives = true;
}

static void send_request(uint32_t conn)
{
    struct quoit_span pieces[2] = { { request, 20 }, { request + 20, sizeof(request) - 21 } };

    ring_send_quiet(ring, conn, clients[conn].fd, pieces);
}

static void close_conn(uint32_t conn)
{
    if (clients[conn].receives) {
        ring_cancel(ring, (struct ring_tag){ RING_RECV, conn });
        while (clients[conn].receives) {
            turn(NS_PER_S);
        }
    }
    ring_close(ring, conn, clients[conn].fd);
    turn_until(&clients[conn].count[RING_CLOSE], 1);
}

static void begin_exchange(uint64_t seed, const struct world_profile *profile)
{
    begin(seed, profile);
    open_conn(0, false);
}

/* -------- what a kernel does -------- */

static void test_an_answer_arrives_whole_and_says_whose_it_is(void)
{
    begin_exchange(1, &silent);
    receive(0, RING_NO_DEADLINE);
    send_request(0);
    while (ledger_read(1)->tries_count == 0 ||
           clients[0].size < ledger_read(1)->tries[0].answer_end) {
        turn(NS_PER_S);
    }
    const struct ledger_try *try = &ledger_read(1)->tries[0];
    CHECK_EQ(clients[0].size, try->answer_end);
    CHECK(strstr(clients[0].bytes, "X-Number: 1\r\n") != NULL);
    CHECK_MEM(clients[0].bytes + clients[0].size - try->body_size, try->body_size,
              world_pattern(1, 0), try->body_size);
    CHECK_EQ(ledger_read(1)->executed, 1);
    CHECK_EQ(clients[0].count[RING_SEND], 0); /* the quiet send said nothing */
    close_conn(0);
    ring_destroy(ring);
}

static void test_memory_of_a_quiet_send_is_free_when_its_turn_returns(void)
{
    char before[sizeof(request)];

    memcpy(before, request, sizeof(request));
    begin_exchange(1, &silent);
    receive(0, RING_NO_DEADLINE);
    send_request(0);
    turn(0);
    memset(request, 'x', sizeof(request) - 1);
    while (ledger_read(1)->tries_count == 0) {
        turn(NS_PER_S); /* another byte than was announced would be a violation */
    }
    memcpy(request, before, sizeof(request));
    close_conn(0);
    ring_destroy(ring);
}

static void test_a_quiet_send_that_does_not_fit_speaks_at_once_and_first(void)
{
    struct world_profile profile = silent;

    profile.permille[WORLD_SEND_NOTHING] = 1000;
    begin_exchange(1, &profile);
    receive(0, RING_NO_DEADLINE);
    send_request(0);
    uint64_t turns = ring_settled(ring);
    turn(0);
    CHECK_EQ(clients[0].count[RING_SEND], 1);
    CHECK_EQ(clients[0].result[RING_SEND], -EAGAIN);
    CHECK_EQ(ring_settled(ring), turns + 1);
    close_conn(0);
    ring_destroy(ring);
}

static void test_a_deadline_fires_not_before_its_time_and_the_bytes_stay(void)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world_profile profile = silent;
        profile.permille[WORLD_DEADLINE_LATE] = 500;
        profile.permille[WORLD_DRIP] = 1000;
        profile.permille[WORLD_TURN_LATE] = 300;
        begin_exchange(seed, &profile);
        send_request(0);
        while (ledger_read(1)->tries_count == 0 ||
               clients[0].size < ledger_read(1)->tries[0].answer_end) {
            uint64_t deadline_ns = world_now_ns() + world_below(2 * NS_PER_MS);
            uint32_t ends = clients[0].count[RING_RECV];
            receive(0, deadline_ns);
            while (clients[0].receives) {
                turn(NS_PER_S);
            }
            CHECK(clients[0].count[RING_RECV] > ends);
            if (clients[0].result[RING_RECV] == -ECANCELED) {
                CHECK(ring_now_ns(ring) >= deadline_ns);
            }
        }
        const struct ledger_try *try = &ledger_read(1)->tries[0];
        CHECK_EQ(clients[0].size, try->answer_end);
        CHECK_MEM(clients[0].bytes + clients[0].size - try->body_size, try->body_size,
                  world_pattern(1, 0), try->body_size);
        close_conn(0);
        ring_destroy(ring);
    }
    CHECK(world_count(WORLD_DEADLINE_FIRST) > 0);
    CHECK(world_count(WORLD_DATA_FIRST) > 0);
    CHECK(world_count(WORLD_RECV_DEADLINE) > 0);
}

static void test_what_arrived_before_a_reset_can_be_read(void)
{
    struct world_profile profile = silent;

    profile.permille[WORLD_WHOLE_RST] = 1000;
    begin_exchange(3, &profile);
    send_request(0);
    for (int i = 0; i < 100; i++) {
        turn(NS_PER_S);
    }
    receive(0, RING_NO_DEADLINE);
    while (clients[0].receives) {
        turn(NS_PER_S);
    }
    CHECK_EQ(clients[0].size, ledger_read(1)->tries[0].answer_end);
    CHECK_EQ(clients[0].result[RING_RECV], -ECONNRESET);
    receive(0, RING_NO_DEADLINE); /* a reset is told once */
    turn(NS_PER_S);
    CHECK_EQ(clients[0].result[RING_RECV], 0);
    close_conn(0);
    ring_destroy(ring);
}

static void test_a_missed_end_shows_when_somebody_asks(void)
{
    struct world_profile profile = silent;

    profile.permille[WORLD_UNIX_END_MISSED] = 1000;
    profile.permille[WORLD_WHOLE_FIN] = 1000;
    begin(1, &profile);
    open_conn(0, true);
    receive(0, world_now_ns() + NS_PER_S);
    send_request(0);
    while (clients[0].receives) {
        turn(NS_PER_S);
    }
    CHECK_EQ(clients[0].result[RING_RECV], -ECANCELED);
    CHECK(ring_peer_has_ended(ring, clients[0].fd));
    close_conn(0);
    ring_destroy(ring);
}

static void test_a_wait_ends_on_time_and_by_a_wake(void)
{
    begin(1, &silent);
    uint64_t begin_ns = world_now_ns();
    CHECK_EQ(turn(NS_PER_S), 0);
    CHECK(world_now_ns() >= begin_ns + NS_PER_S);
    CHECK(world_now_ns() < begin_ns + NS_PER_S + NS_PER_MS);
    ring_wake(ring);
    begin_ns = world_now_ns();
    CHECK_EQ(turn(QUOIT_NEVER), 0);
    CHECK(world_now_ns() < begin_ns + NS_PER_MS);
    ring_destroy(ring);
}

/* -------- seeds -------- */

/* One request on each of some connections, whatever becomes of it. */
static void run_seed(uint64_t seed)
{
    struct world_profile profile = world_profile_rough(seed);

    profile.permille[WORLD_RING_REFUSED] = 0;
    profile.permille[WORLD_SOCKET_REFUSED] = 0;
    begin(seed, &profile);
    for (uint32_t conn = 0; conn < CONNS_MAX; conn++) {
        open_conn(conn, world_below(4) == 0);
    }
    for (uint32_t conn = 0; conn < CONNS_MAX; conn++) {
        if (clients[conn].result[RING_CONNECT] == 0) {
            receive(conn, world_now_ns() + world_below(NS_PER_S));
            send_request(conn);
        }
    }
    for (int i = 0; i < 200; i++) {
        uint32_t conn = (uint32_t)world_below(CONNS_MAX);
        turn(world_below(20 * NS_PER_MS));
        if (!clients[conn].receives && !clients[conn].ended &&
            clients[conn].result[RING_CONNECT] == 0) {
            receive(conn, world_now_ns() + world_below(NS_PER_S));
        } else if (clients[conn].receives && world_below(10) == 0) {
            ring_cancel(ring, (struct ring_tag){ RING_RECV, conn });
        }
    }
    for (uint32_t conn = 0; conn < CONNS_MAX; conn++) {
        close_conn(conn);
        CHECK_EQ(clients[conn].count[RING_CONNECT], 1);
        CHECK_EQ(clients[conn].count[RING_CLOSE], 1);
    }
    CHECK_EQ(ring_sim_operations(), 0);
    ring_destroy(ring);
    CHECK_EQ(ring_sim_rings(), 0);
}

static void test_the_same_seed_is_the_same_run(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        events_hash = 0;
        run_seed(seed);
        uint64_t first = events_hash;
        events_hash = 0;
        run_seed(seed);
        CHECK_EQ(events_hash, first);
    }
}

static void test_each_trouble_of_ring_and_network_comes_up(void)
{
    static const enum world_fault wanted[] = {
        WORLD_SUBMIT_EARLY,        WORLD_SEND_SHORT,
        WORLD_SEND_NOTHING,        WORLD_RECV_SMALL,
        WORLD_RECV_ENDED,          WORLD_RECV_NO_BUFFER,
        WORLD_RECV_DEADLINE,       WORLD_DEADLINE_FIRST,
        WORLD_DATA_FIRST,          WORLD_DEADLINE_LATE,
        WORLD_CANCEL_LOST,         WORLD_CANCEL_WON,
        WORLD_DONE_LATE,           WORLD_DONE_OVERFLOW,
        WORLD_CANCEL_NO_BUFFERS,   WORLD_DONE_REORDERED,
        WORLD_TURN_INTERRUPTED,    WORLD_CONNECT_REFUSED,
        WORLD_CONNECT_UNREACHABLE, WORLD_CONNECT_TIMED_OUT,
        WORLD_SEND_BUFFER_SMALL,   WORLD_CUT_RST,
    };

    for (uint64_t seed = 1; seed <= 1000; seed++) {
        run_seed(seed);
    }
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        check_case(world_fault_name(wanted[i]));
        CHECK(world_count(wanted[i]) > 0);
    }
}

/* -------- wrong uses -------- */

static void wrong_two_receives(void)
{
    receive(0, RING_NO_DEADLINE);
    receive(0, RING_NO_DEADLINE);
}

static void wrong_two_quiet_sends(void)
{
    send_request(0);
    send_request(0);
}

static void wrong_use_after_close(void)
{
    close_conn(0);
    receive(0, RING_NO_DEADLINE);
}

static void wrong_start_behind_a_close(void)
{
    ring_close(ring, 0, clients[0].fd);
    receive(0, RING_NO_DEADLINE);
}

static void wrong_descriptor_of_another(void)
{
    ring_recv_stand(ring, 1, clients[0].fd, RING_SMALL, RING_NO_DEADLINE);
}

static void wrong_close_before_the_join(void)
{
    receive(0, RING_NO_DEADLINE);
    turn(0);
    ring_close(ring, 0, clients[0].fd);
}

static void wrong_cancel_of_nothing(void)
{
    ring_cancel(ring, (struct ring_tag){ RING_RECV, 0 });
}

static void wrong_memory_of_a_quiet_send(void)
{
    send_request(0);
    request[3] = 'x';
    turn(0);
}

static void wrong_memory_of_a_send(void)
{
    net_find(clients[0].fd, 0)->up_max = 0;
    ring_send(ring, 0, clients[0].fd, request, sizeof(request) - 1, RING_NO_DEADLINE);
    turn(0);
    request[3] = 'x';
    net_find(clients[0].fd, 0)->up_max = 1000;
    turn(0);
}

static void wrong_buffer_kept(void)
{
    struct ring_done done;

    receive(0, RING_NO_DEADLINE);
    send_request(0);
    for (;;) {
        ring_turn(ring, &done, 1, NS_PER_S, false);
    }
}

static void wrong_buffer_twice(void)
{
    struct ring_done done = { .buffer = RING_NO_BUFFER };

    receive(0, RING_NO_DEADLINE);
    send_request(0);
    while (done.buffer == RING_NO_BUFFER) {
        ring_turn(ring, &done, 1, NS_PER_S, false);
    }
    ring_give_back(ring, done.buffer);
    ring_give_back(ring, done.buffer);
}

static void wrong_end_with_a_socket_open(void)
{
    ring_destroy(ring);
}

static void wrong_end_with_an_operation(void)
{
    receive(0, RING_NO_DEADLINE);
    ring_destroy(ring);
}

static void wrong_wait_for_nothing(void)
{
    receive(0, RING_NO_DEADLINE);
    turn(QUOIT_NEVER);
}

static void wrong_second_request_at_once(void)
{
    receive(0, RING_NO_DEADLINE);
    send_request(0);
    turn(0);
    send_request(0);
    for (int i = 0; i < 1000; i++) {
        turn(NS_PER_MS);
    }
}

static void wrong_bytes(void)
{
    memcpy(request, "GET /n/2", 8);
    send_request(0);
    for (int i = 0; i < 1000; i++) {
        turn(NS_PER_MS);
    }
}

/* Runs `wrong` in a child; true if it died of abort() and said `wanted`. */
static bool ends_with_violation(void (*wrong)(void), const char *wanted)
{
    char said[4096] = "";
    int pipes[2];
    int status = 0;

    fflush(stdout);
    if (pipe(pipes) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        dup2(pipes[1], STDERR_FILENO);
        begin_exchange(7, &silent);
        wrong();
        _exit(0);
    }
    close(pipes[1]);
    size_t size = 0;
    for (ssize_t got = 1; got > 0 && size + 1 < sizeof(said); size += (size_t)(got > 0 ? got : 0)) {
        got = read(pipes[0], said + size, sizeof(said) - 1 - size);
    }
    close(pipes[0]);
    waitpid(child, &status, 0);
    bool right = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
                 strstr(said, "VIOLATION") != NULL && strstr(said, wanted) != NULL &&
                 strstr(said, "seed 7") != NULL;
    if (!right) {
        printf("it said: %s\n", said);
    }
    return right;
}

static void test_each_wrong_use_is_named_with_its_seed(void)
{
    static const struct {
        const char *name;
        void (*wrong)(void);
        const char *says;
    } cases[] = {
        { "two receives", wrong_two_receives, "started twice" },
        { "two quiet sends", wrong_two_quiet_sends, "beside a quiet send" },
        { "use after close", wrong_use_after_close, "after its close" },
        { "start behind a close", wrong_start_behind_a_close, "started after its close" },
        { "descriptor of another", wrong_descriptor_of_another, "of conn 0" },
        { "close before the join", wrong_close_before_the_join, "is under way" },
        { "cancel of nothing", wrong_cancel_of_nothing, "not under way" },
        { "memory of a quiet send", wrong_memory_of_a_quiet_send, "memory changed" },
        { "memory of a send", wrong_memory_of_a_send, "memory changed" },
        { "buffer kept", wrong_buffer_kept, "not given back" },
        { "buffer twice", wrong_buffer_twice, "was not handed out" },
        { "end with a socket open", wrong_end_with_a_socket_open, "sockets are open" },
        { "end with an operation", wrong_end_with_an_operation, "is under way" },
        { "wait for nothing", wrong_wait_for_nothing, "nothing can end it" },
        { "second request at once", wrong_second_request_at_once, "before its answer" },
        { "other bytes than announced", wrong_bytes, "wanted GET /n/1" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        check_case(cases[i].name);
        CHECK(ends_with_violation(cases[i].wrong, cases[i].says));
    }
}

int main(void)
{
    RUN(test_an_answer_arrives_whole_and_says_whose_it_is);
    RUN(test_memory_of_a_quiet_send_is_free_when_its_turn_returns);
    RUN(test_a_quiet_send_that_does_not_fit_speaks_at_once_and_first);
    RUN(test_a_deadline_fires_not_before_its_time_and_the_bytes_stay);
    RUN(test_what_arrived_before_a_reset_can_be_read);
    RUN(test_a_missed_end_shows_when_somebody_asks);
    RUN(test_a_wait_ends_on_time_and_by_a_wake);
    RUN(test_the_same_seed_is_the_same_run);
    RUN(test_each_trouble_of_ring_and_network_comes_up);
    RUN(test_each_wrong_use_is_named_with_its_seed);
    return check_done();
}
