/*
 * server_sim: the servers of the simulation; tests/sim/server_sim.h is the manual.
 *
 * What a connection goes through, on the server's side:
 *
 *     HEAD --> BODY --> THINKING --> HEAD ...          and from anywhere to DEAF (takes what comes,
 *                 \--> DEAF (answered early)           does nothing) or by net_finish to the end
 */
#include "tests/sim/answer_sim.h"
#include "tests/sim/server_parts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void server_sim_begin(const struct server_limits *limits)
{
    servers.limits = *limits;
    for (uint32_t i = 0; i < NET_SOCKETS_MAX; i++) {
        servers.conns[i].serial = 0;
    }
    ledger_begin();
    memset(servers.tainted, 0, sizeof(servers.tainted));
    memset(servers.statuses, 0, sizeof(servers.statuses));
}

void server_sim_set_status(uint32_t server, uint16_t status)
{
    assert(server < SERVER_SERVERS_MAX);
    servers.statuses[server] = status;
}

/* -------- connections -------- */

static struct server_conn *conn_of(struct net_socket *socket)
{
    struct server_conn *conn = &servers.conns[socket->index];

    if (conn->serial == socket->serial) {
        return conn;
    }
    *conn = (struct server_conn){ .serial = socket->serial,
                                  .server = socket->server,
                                  .wake_ns = WORLD_NEVER,
                                  .requests_left = UINT32_MAX,
                                  .reuse_ns = WORLD_NEVER,
                                  .reads_slowly = world_happens(WORLD_READ_SLOW) };
    if (world_happens(WORLD_DRIP_SLOW)) {
        socket->gap_max_ns = 20 * NS_PER_S;
        socket->chunk_max = 2000;
    } else if (world_happens(WORLD_DRIP)) {
        socket->gap_max_ns = 5 * NS_PER_MS;
        socket->chunk_max = 1 + world_size(100);
    }
    return conn;
}

/* -------- answering -------- */

static void finish_closed(struct net_socket *socket)
{
    net_finish(socket, world_below(2) == 0 ? NET_END_FIN : NET_END_FIN_CLOSED);
}

/* From now on only the rest of a body, if any, may come. */
static void conn_become_deaf(struct server_conn *conn)
{
    if (conn->state != SERVER_DEAF) {
        conn->deaf_left =
            conn->state == SERVER_BODY ? ledger_read(conn->number)->body_size - conn->body_read : 0;
    }
    conn->state = SERVER_DEAF;
    conn->answered_early = false;
    conn->number = 0;
    conn->head_size = 0;
    conn->wake_ns = WORLD_NEVER;
}

static void choose_keep_alive(struct server_conn *conn, struct answer *answer)
{
    answer->old_version = world_happens(WORLD_CLOSE_BY_VERSION);
    answer->says_close = world_happens(WORLD_CLOSE_SAID);
    if (answer->old_version || answer->says_close) {
        return;
    }
    if (conn->requests_left != UINT32_MAX || world_happens(WORLD_KEEP_ALIVE_MAX)) {
        if (conn->requests_left == UINT32_MAX) {
            conn->requests_left = (uint32_t)world_below(3) + 2;
        }
        conn->requests_left--;
        answer->keep_alive_max = conn->requests_left;
        answer->says_close = conn->requests_left == 0 && world_below(2) == 0;
    } else if (world_happens(WORLD_KEEP_ALIVE_TIMEOUT)) {
        answer->keep_alive_s = 1 + (uint32_t)world_below(5);
    }
    conn->reuse_ns = answer->keep_alive_s > 0 ? answer->keep_alive_s * NS_PER_S : WORLD_NEVER;
}

/* What this request is to be answered with. Early answers have a status of their own. */
static struct answer choose_answer(struct server_conn *conn, struct ledger_try *try, bool early,
                                   enum net_end end)
{
    const struct ledger_entry *ledger = ledger_read(conn->number);
    struct answer answer = { .number = conn->number,
                             .try_index = ledger->tries_count - 1,
                             .serial = conn->serial,
                             .status = servers.statuses[conn->server % SERVER_SERVERS_MAX],
                             .keep_alive_max = UINT32_MAX,
                             .to_head = ledger->method == LEDGER_HEAD,
                             .sse = ledger->sse };

    choose_keep_alive(conn, &answer);
    answer.says_close |= end != NET_END_NONE || (early && world_below(2) == 0);
    answer_choose(&answer, early, servers.limits.body_size_max);
    if (!early && !answer_turns_away(&answer)) {
        ledger_execute(conn->number, try);
    }
    return answer;
}

/* Let something happen to an idle connection in a while. */
static void conn_idle_later(struct server_conn *conn, enum world_fault fault)
{
    static const uint64_t longest_ns[] = { 20 * NS_PER_US, 300 * NS_PER_US, 3 * NS_PER_MS,
                                           NS_PER_S };

    conn->idle_fault = fault;
    conn->wake_ns = world_now_ns() + world_below(longest_ns[world_below(COUNT_OF(longest_ns))]);
}

/* What comes behind an answer of which all was written. */
static void after_whole(struct net_socket *socket, struct server_conn *conn)
{
    static const enum world_fault faults[] = { WORLD_UNASKED_BEHIND, WORLD_UNASKED_LATER,
                                               WORLD_UNASKED_IDLE, WORLD_IDLE_FIN };

    if (conn->must_end) {
        conn_idle_later(conn, WORLD_CLOSE_SAID); /* till then a use of it is seen */
        return;
    }
    if (world_happens(WORLD_WHOLE_FIN)) {
        finish_closed(socket);
        return;
    }
    for (uint32_t i = 0; i < COUNT_OF(faults); i++) {
        if (world_happens(faults[i])) {
            conn_idle_later(conn, faults[i]);
            if (faults[i] == WORLD_UNASKED_BEHIND) {
                conn->wake_ns = world_now_ns();
            }
            return;
        }
    }
}

/* Write the answer, or the part of it that gets out. */
static void put_answer(struct net_socket *socket, struct server_conn *conn, struct ledger_try *try,
                       struct answer *answer)
{
    struct quoit_span bytes = answer_write(answer);
    bool until_close = answer->framing == ANSWER_UNTIL_CLOSE && !answer->to_head;
    size_t cut = world_below(bytes.size);

    try->status = answer->status;
    try->events = answer->events;
    try->body_size = answer->to_head ? 0 : answer->body_size;
    conn->must_end = answer->says_close || answer->old_version || answer->keep_alive_max == 0;
    if (!until_close && world_happens(WORLD_CUT_FIN)) {
        net_put(socket, bytes.bytes, cut);
        finish_closed(socket);
    } else if (world_happens(WORLD_CUT_RST)) {
        net_put(socket, bytes.bytes, cut);
        net_finish(socket, NET_END_RST);
    } else if (world_happens(WORLD_CUT_STALL)) {
        net_put(socket, bytes.bytes, cut);
        conn_become_deaf(conn);
    } else if (!until_close && world_happens(WORLD_WHOLE_RST)) {
        net_put(socket, bytes.bytes, bytes.size);
        try->whole = true;
        net_finish(socket, NET_END_RST);
    } else {
        net_put(socket, bytes.bytes, bytes.size);
        try->whole = true;
        if (until_close) {
            finish_closed(socket);
        }
    }
    conn->answer_end = net_written(socket);
    try->answer_end = conn->answer_end;
}

static void answer_early(struct net_socket *socket, struct server_conn *conn, enum net_end end)
{
    struct ledger_try *try = ledger_try_begin(conn->number, conn->serial);
    struct answer answer = choose_answer(conn, try, true, end);

    put_answer(socket, conn, try, &answer);
    conn->answered++;
    conn->head_size = 0;
    conn->answered_early = conn->state == SERVER_BODY;
    if (end != NET_END_NONE) {
        conn_become_deaf(conn);
        net_finish(socket, end);
    }
}

/* The request is complete, and it is time. */
static void answer_now(struct net_socket *socket, struct server_conn *conn)
{
    struct ledger_try *try = ledger_try_begin(conn->number, conn->serial);

    if (conn->answer_lost) {
        ledger_execute(conn->number, try);
        net_finish(socket, world_below(2) == 0 ? NET_END_FIN_CLOSED : NET_END_RST);
        conn_become_deaf(conn);
        return;
    }
    if (world_happens(WORLD_ANSWER_NEVER)) {
        ledger_execute(conn->number, try);
        conn_become_deaf(conn);
        return;
    }
    if (world_happens(WORLD_ANSWER_GARBAGE)) {
        static const char garbage[] =
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n";
        ledger_execute(conn->number, try);
        net_put(socket, garbage, sizeof(garbage) - 1);
        conn_become_deaf(conn);
        return;
    }
    struct answer answer = choose_answer(conn, try, false, NET_END_NONE);
    put_answer(socket, conn, try, &answer);
    conn->answered++;
    if (conn->state == SERVER_THINKING) {
        conn->state = SERVER_HEADERS;
        conn->number = 0;
        if (try->whole) {
            after_whole(socket, conn);
        }
    }
}

/* -------- reading -------- */

static void request_is_complete(struct net_socket *socket, struct server_conn *conn)
{
    static const uint64_t late_ns[] = { 2 * NS_PER_S, 20 * NS_PER_S, 400 * NS_PER_S };
    uint64_t wait_ns = world_below(200 * NS_PER_US);

    socket->in_request = socket->put = false;
    conn->head_size = 0;
    if (conn->answered_early) {
        conn->answered_early = false;
        conn->unmarked = true;
        conn->state = SERVER_HEADERS;
        conn->number = 0;
        if (conn->must_end) {
            conn_idle_later(conn, WORLD_CLOSE_SAID);
        }
        return;
    }
    conn->state = SERVER_THINKING;
    conn->answer_lost |= conn->answered == 0 && world_happens(WORLD_FRESH_LOST);
    if (world_happens(WORLD_ANSWER_LATE)) {
        wait_ns = world_below(late_ns[world_below(3)]);
    } else if (world_happens(WORLD_ANSWER_SLOW)) {
        wait_ns = world_below(200 * NS_PER_MS);
    }
    conn->wake_ns = world_now_ns() + wait_ns;
}

/* Somewhere in the request's body the connection ends. */
static void conn_break_later(struct server_conn *conn, enum net_end end)
{
    conn->breaks_at = world_below(ledger_read(conn->number)->body_size);
    conn->breaks_by = end;
}

/* The head is there: act on what can be done before the body is. */
static void head_is_complete(struct net_socket *socket, struct server_conn *conn)
{
    conn->number = ledger_check_head(conn->head);
    conn->state = SERVER_BODY;
    conn->body_read = 0;
    conn->breaks_at = WORLD_NEVER;
    if (ledger_read(conn->number)->body_size == 0) {
        request_is_complete(socket, conn);
    } else if (world_happens(WORLD_EARLY_READS_ON)) {
        answer_early(socket, conn, NET_END_NONE);
    } else if (world_happens(WORLD_EARLY_FIN)) {
        answer_early(socket, conn, NET_END_FIN);
    } else if (world_happens(WORLD_EARLY_CLOSED)) {
        answer_early(socket, conn, NET_END_FIN_CLOSED);
    } else if (world_happens(WORLD_EARLY_RST)) {
        answer_early(socket, conn, NET_END_RST);
    } else if (world_happens(WORLD_READ_NEVER)) {
        conn->state = SERVER_THINKING; /* and never wakes */
        conn->wake_ns = WORLD_NEVER;
    } else if (world_happens(WORLD_READ_FIN)) {
        conn_break_later(conn, NET_END_FIN_CLOSED);
    } else if (world_happens(WORLD_READ_RST)) {
        conn_break_later(conn, NET_END_RST);
    }
}

static size_t read_head_bytes(struct net_socket *socket, struct server_conn *conn,
                              struct quoit_span bytes)
{
    size_t before = conn->head_size;
    size_t room = sizeof(conn->head) - 1 - before;

    memcpy(conn->head + before, bytes.bytes, min_u64(bytes.size, room));
    conn->head_size += min_u64(bytes.size, room);
    conn->head[conn->head_size] = '\0';
    char *end = strstr(conn->head, "\r\n\r\n");
    if (end == NULL) {
        if (bytes.size >= room || strlen(conn->head) != conn->head_size) {
            world_violation("conn %u: a head that is too long or holds a NUL:\n%s", socket->conn,
                            conn->head);
        }
        return bytes.size;
    }
    end[2] = '\0';
    head_is_complete(socket, conn);
    return (size_t)(end + 4 - conn->head) - before;
}

static size_t read_body_bytes(struct net_socket *socket, struct server_conn *conn,
                              struct quoit_span bytes)
{
    const struct ledger_entry *ledger = ledger_read(conn->number);
    size_t size = min_u64(bytes.size, ledger->body_size - conn->body_read);
    const char *wanted = world_pattern(conn->number, LEDGER_BODY_PART) + conn->body_read;

    if (memcmp(bytes.bytes, wanted, size) != 0) {
        world_violation("request %u: other bytes than its body, within %zu at %llu", conn->number,
                        size, (unsigned long long)conn->body_read);
    }
    conn->body_read += size;
    if (conn->body_read > conn->breaks_at) {
        conn_become_deaf(conn);
        net_finish(socket, conn->breaks_by);
        return size;
    }
    if (conn->body_read == ledger->body_size) {
        request_is_complete(socket, conn);
    }
    return size;
}

/* The first byte of a request on a kept connection may be the moment at which it breaks. */
static bool breaks_on_reuse(struct net_socket *socket, struct server_conn *conn)
{
    if (conn->answered == 0) {
        return false;
    }
    if (world_happens(WORLD_REUSE_FIN)) {
        net_finish(socket, NET_END_FIN_CLOSED);
    } else if (world_happens(WORLD_REUSE_RST)) {
        net_finish(socket, NET_END_RST);
    } else {
        conn->answer_lost = world_happens(WORLD_REUSE_LOST);
        return false;
    }
    conn_become_deaf(conn);
    return true;
}

/* Read `size` of the bytes that have come; all states. */
static void conn_read(struct net_socket *socket, struct server_conn *conn, size_t size)
{
    while (size > 0) {
        struct quoit_span bytes = { net_incoming(socket).bytes, size };
        size_t taken = size;
        switch (conn->state) {
        case SERVER_HEADERS:
            if (conn->head_size == 0) {
                server_check_use(socket, conn);
                if (breaks_on_reuse(socket, conn)) {
                    return;
                }
            }
            taken = read_head_bytes(socket, conn, bytes);
            break;
        case SERVER_BODY:
            taken = read_body_bytes(socket, conn, bytes);
            break;
        case SERVER_THINKING:
            return; /* a second request? looked at when this one is answered */
        case SERVER_DEAF:
            if (size > conn->deaf_left && !conn->tainted) {
                world_violation("conn %u is used again after what was its last answer",
                                socket->conn);
            }
            conn->deaf_left -= min_u64(size, conn->deaf_left);
            break;
        }
        if (socket->end != NET_END_NONE) {
            return; /* the end has taken all bytes */
        }
        net_take(socket, taken);
        size -= taken;
    }
}

void server_sim_on_close(struct net_socket *socket)
{
    struct server_conn *conn = conn_of(socket);

    server_taint(socket, conn);
    if (socket->state == NET_CONNECTED && socket->end == NET_END_NONE && world_below(2) == 0) {
        conn_read(socket, conn, net_incoming(socket).size);
    }
    if (conn->state == SERVER_THINKING && conn->number != 0 && socket->end == NET_END_NONE &&
        conn->body_read == ledger_read(conn->number)->body_size && world_below(2) == 0) {
        ledger_execute(
            conn->number,
            ledger_try_begin(conn->number,
                             conn->serial)); /* it does not know yet that nobody listens */
    }
    conn->serial = 0;
}

bool server_sim_interrupts(struct net_socket *socket)
{
    struct server_conn *conn = &servers.conns[socket->index];
    bool idle = conn->serial == socket->serial && conn->state == SERVER_HEADERS &&
                conn->answered > 0 && conn->head_size == 0 && !conn->must_end &&
                socket->unasked_at == WORLD_NEVER && socket->end == NET_END_NONE &&
                net_incoming(socket).size == 0 && net_received(socket) == net_written(socket);

    if (!idle || !world_happens(WORLD_UNASKED_AT_ONCE)) {
        return false;
    }
    struct quoit_span unasked = answer_unasked(conn->serial, false);
    socket->unasked_at = net_written(socket);
    net_put(socket, unasked.bytes, unasked.size);
    net_hurry(socket);
    return true;
}

/* -------- time -------- */

/* An idle connection's moment has come. */
static void conn_idle(struct net_socket *socket, struct server_conn *conn)
{
    bool last = conn->idle_fault == WORLD_UNASKED_IDLE;

    if (conn->idle_fault == WORLD_IDLE_FIN || conn->idle_fault == WORLD_CLOSE_SAID) {
        finish_closed(socket);
        return;
    }
    struct quoit_span unasked = answer_unasked(conn->serial, last);
    socket->unasked_at = net_written(socket);
    net_put(socket, unasked.bytes, unasked.size);
    if (last) {
        finish_closed(socket);
    }
}

static void conn_wake(struct net_socket *socket, struct server_conn *conn)
{
    size_t size = net_incoming(socket).size;

    conn->wake_ns = WORLD_NEVER;
    if (conn->state == SERVER_THINKING) {
        answer_now(socket, conn);
    } else if (size == 0) {
        if (conn->state == SERVER_HEADERS && conn->head_size == 0 && conn->answered > 0) {
            conn_idle(socket, conn);
        }
        return;
    } else {
        if (conn->reads_slowly) {
            size = min_u64(size, 1 + world_size(size) + size / 50);
        }
        conn_read(socket, conn, size);
    }
    if (conn->wake_ns == WORLD_NEVER && net_incoming(socket).size > 0 &&
        conn->state != SERVER_THINKING && socket->end == NET_END_NONE) {
        conn->wake_ns = world_now_ns() + world_below(100 * NS_PER_US);
    }
}

uint64_t server_sim_next_ns(void)
{
    uint64_t next_ns = WORLD_NEVER;

    for (uint32_t i = 0; net_socket_at(i) != NULL; i++) {
        struct net_socket *socket = net_socket_at(i);
        if (socket->state == NET_CONNECTED && servers.conns[i].serial == socket->serial) {
            next_ns = min_u64(next_ns, servers.conns[i].wake_ns);
        }
    }
    return next_ns;
}

void server_sim_run(void)
{
    for (uint32_t i = 0; net_socket_at(i) != NULL; i++) {
        struct net_socket *socket = net_socket_at(i);
        if (socket->state != NET_CONNECTED) {
            continue;
        }
        struct server_conn *conn = conn_of(socket);
        if (socket->up_changed) {
            socket->up_changed = false;
            if (conn->state != SERVER_THINKING) {
                conn->wake_ns = min_u64(conn->wake_ns, world_now_ns() + socket->latency_ns);
            }
        }
        if (conn->wake_ns <= world_now_ns()) {
            conn_wake(socket, conn);
        }
    }
}
