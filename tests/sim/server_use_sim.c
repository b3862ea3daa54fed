/*
 * server_use_sim: was a connection the client's to use? A part of server_sim.
 *
 * It is asked twice: when the client puts a request on a connection, about what had come to its
 * side by then, told or not; and when the first byte of it is read, about what the servers know.
 */
#include "engine/engine.h"
#include "tests/sim/server_parts.h"

struct servers servers;

/*
 * Did unasked bytes race with the request that is being sent on that connection? They did if the
 * client was told of none of them before its first byte was submitted.
 */
void server_taint(const struct net_socket *socket, struct server_conn *conn)
{
    if (!conn->tainted && socket->unasked_at != WORLD_NEVER && socket->in_request &&
        socket->request_handed <= socket->unasked_at) {
        world_note(WORLD_UNASKED_TAKEN); /* what was unasked now looks like the answer */
        conn->tainted = true;
        servers.tainted[conn->serial % COUNT_OF(servers.tainted)] = true;
    }
}

bool server_sim_is_tainted(uint32_t serial)
{
    for (uint32_t i = 0; net_socket_at(i) != NULL; i++) {
        if (servers.conns[i].serial == serial && net_socket_at(i)->serial == serial) {
            server_taint(net_socket_at(i), &servers.conns[i]);
        }
    }
    return serial < COUNT_OF(servers.tainted) && servers.tainted[serial];
}

/* -------- when it is sent -------- */

static void check_not_older(const struct net_socket *socket, const char *what, uint64_t since_ns)
{
    uint64_t age_ns = until_ns(world_now_ns(), since_ns);

    if (age_ns > ENGINE_AWAY_NS) {
        world_violation("conn %u is used again %llu us after %s", socket->conn,
                        (unsigned long long)(age_ns / NS_PER_US), what);
    }
}

void server_sim_on_put(struct net_socket *socket)
{
    const struct server_conn *conn = &servers.conns[socket->index];

    if (socket->put) {
        return; /* more of a request */
    }
    socket->put = true;
    if (conn->serial != socket->serial || conn->answered == 0 || conn->tainted || conn->unmarked) {
        return;
    }
    check_not_older(socket, "something unasked had come", socket->unasked_ns);
    if (!socket->end_missed) {
        check_not_older(socket, "its end had come", socket->ended_ns);
    }
    uint64_t idle_max_ns = min_u64(conn->reuse_ns, servers.limits.pool_idle_ns);
    check_not_older(socket, "its time was over", after_ns(socket->handed_at_ns, idle_max_ns));
}

/* -------- when it is read -------- */

/* Does an exchange hold this connection, as far as the server can tell? */
static bool conn_is_busy(const struct net_socket *socket, const struct server_conn *conn)
{
    return (conn->number != 0 && !conn->answered_early) || conn->head_size > 0 ||
           net_received(socket) < conn->answer_end;
}

/* One more exchange begins on `socket`: are there too many now? */
static void count_busy(const struct net_socket *socket)
{
    uint32_t busy = 1;
    uint32_t busy_here = 1;

    for (uint32_t i = 0; net_socket_at(i) != NULL; i++) {
        struct net_socket *other = net_socket_at(i);
        struct server_conn *conn = &servers.conns[i];
        if (other == socket || other->state != NET_CONNECTED || conn->serial != other->serial) {
            continue;
        }
        server_taint(other, conn);
        if (!conn->tainted && conn_is_busy(other, conn)) {
            busy++;
            busy_here += other->server == socket->server && other->local == socket->local;
        }
    }
    if (busy > servers.limits.in_flight_max) {
        world_violation("%u exchanges at a time, at most %u", busy, servers.limits.in_flight_max);
    }
    if (busy_here > servers.limits.per_origin_max) {
        world_violation("%u exchanges at a time with server %u, at most %u", busy_here,
                        socket->server, servers.limits.per_origin_max);
    }
}

void server_check_use(struct net_socket *socket, struct server_conn *conn)
{
    server_taint(socket, conn);
    if (conn->tainted) {
        return;
    }
    count_busy(socket);
    if (conn->answered == 0) {
        return;
    }
    if (socket->unasked_at != WORLD_NEVER && socket->request_known > socket->unasked_at) {
        world_violation("conn %u is used again although it said something unasked", socket->conn);
    }
    if (net_received(socket) < conn->answer_end) {
        world_violation("conn %u is used again before its answer was received", socket->conn);
    }
    if (conn->must_end) {
        world_violation("conn %u is used again although the server said close", socket->conn);
    }
    if (conn->requests_left == 0) {
        world_violation("conn %u is used again beyond Keep-Alive: max", socket->conn);
    }
    if (conn->unmarked) { /* what was put then is this */
        conn->unmarked = false;
        socket->put = true;
    }
}
