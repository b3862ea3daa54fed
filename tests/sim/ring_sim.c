/*
 * ring_sim: engine/ring.h over a simulated network; tests/sim/ring_sim.h is the manual.
 *
 *     call --> queue --(submit: in ring_turn, or at once if the queue is full)--> operation
 *          --> completion posted --(in this turn or a later one)--> handed out
 */
#include "tests/sim/ring_sim.h"

#include "tests/sim/kernel_sim.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RING_SIM_AWAYS_MAX 64 /* of a world */

struct away {
    uint64_t begin_ns, end_ns;
};

static struct {
    struct ring_sim_limits limits;
    uint64_t begin_ns, turns;
    uint32_t rings, operations;
    const struct ring *ring; /* the newest */
    struct away aways[RING_SIM_AWAYS_MAX];
    uint32_t aways_count;
} sim;

void ring_sim_begin(const struct ring_sim_limits *limits)
{
    net_begin();
    sim.limits = *limits;
    sim.begin_ns = world_now_ns();
    sim.turns = 0;
    sim.rings = sim.operations = sim.aways_count = 0;
}

uint64_t ring_sim_turns(void)
{
    return sim.turns;
}

uint32_t ring_sim_rings(void)
{
    return sim.rings;
}

uint32_t ring_sim_operations(void)
{
    return sim.operations;
}

static bool overlaps(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return (uintptr_t)a < (uintptr_t)b + b_size && (uintptr_t)b < (uintptr_t)a + a_size;
}

bool ring_sim_holds(const char *bytes, size_t size)
{
    for (uint32_t i = 0; sim.rings > 0 && i < sim.ring->conns_used; i++) {
        const struct ring_conn *conn = &sim.ring->conns[i];
        const struct operation *send = &conn->operations[RING_SEND];
        if (send->under_way && overlaps(send->bytes, send->size, bytes, size)) {
            return true;
        }
        if (conn->quiet_waits && overlaps(conn->quiet[1].bytes, conn->quiet[1].size, bytes, size)) {
            return true;
        }
    }
    return false;
}

/* -------- create and destroy -------- */

static void buffers_make(struct kernel_buffers *buffers, uint32_t first, uint32_t count,
                         uint32_t size)
{
    *buffers = (struct kernel_buffers){
        .bytes = malloc((size_t)count * size),
        .states = calloc(count, sizeof(*buffers->states)),
        .size = size,
        .first = first,
        .count = count,
    };
    assert(buffers->bytes != NULL);
    assert(buffers->states != NULL);
}

struct ring *ring_create(const struct ring_options *options, enum quoit_error *error_out)
{
    if (world_happens(WORLD_RING_REFUSED)) {
        *error_out = world_below(2) == 0 ? QUOIT_E_NO_URING : QUOIT_E_LOCKED_MEMORY;
        return NULL;
    }
    struct ring *ring = calloc(1, sizeof(*ring));
    assert(ring != NULL);
    uint32_t buffers_max = sim.limits.buffers_max == 0 ? 64 : sim.limits.buffers_max;
    ring->conns_max = options->conns_max;
    ring->conns = calloc(options->conns_max, sizeof(*ring->conns));
    assert(ring->conns != NULL);
    buffers_make(&ring->groups[RING_SMALL], 0, 1 + (uint32_t)world_size(buffers_max - 1),
                 RING_SMALL_SIZE);
    ring->before_ns = ring->after_ns = world_now_ns();
    sim.rings++;
    sim.ring = ring;
    return ring;
}

void ring_destroy(struct ring *ring)
{
    if (ring == NULL) {
        return;
    }
    for (uint32_t i = 0; i < ring->conns_max; i++) {
        for (unsigned verb = 0; verb < RING_VERBS; verb++) {
            if (ring->conns[i].operations[verb].under_way) {
                world_violation("ring_destroy: verb %u of conn %u is under way", verb, i);
            }
        }
        if (ring->conns[i].quiet_waits || ring->conns[i].quiet_speaks) {
            world_violation("ring_destroy: a quiet send of conn %u is under way", i);
        }
    }
    if (net_open_count() != 0) {
        world_violation("ring_destroy: %u sockets are open", net_open_count());
    }
    for (unsigned group = 0; group < RING_GROUPS; group++) {
        struct kernel_buffers *buffers = &ring->groups[group];
        if (buffers->handed != 0) {
            world_violation("ring_destroy: %u buffers were not given back", buffers->handed);
        }
        free(buffers->bytes);
        free(buffers->states);
    }
    free(ring->conns);
    free(ring->posted);
    free(ring);
    sim.rings--;
}

/* -------- what is asked for -------- */

static struct ring_conn *conn_at(struct ring *ring, uint32_t conn)
{
    if (conn >= ring->conns_max) {
        world_violation("conn %u, of %u", conn, ring->conns_max);
    }
    ring->conns_used = conn < ring->conns_used ? ring->conns_used : conn + 1;
    return &ring->conns[conn];
}

static void ring_enqueue(struct ring *ring, enum operation_kind kind, struct ring_tag tag)
{
    if (ring->queue_count == KERNEL_QUEUE_MAX) {
        kernel_submit(ring);
    }
    ring->queue[ring->queue_count++] = (struct entry){ kind, tag };
    ring->stats.sqes++;
    if (world_happens(WORLD_SUBMIT_EARLY)) {
        kernel_submit(ring);
    }
}

/* A new operation of that verb on that descriptor. */
static struct operation *ring_begin(struct ring *ring, enum ring_verb verb, uint32_t conn, int fd,
                                    uint64_t deadline_ns)
{
    struct ring_conn *owner = conn_at(ring, conn);
    struct operation *operation = &owner->operations[verb];

    net_find(fd, conn);
    if (operation->under_way) {
        world_violation("verb %u of conn %u is started twice", verb, conn);
    }
    if (owner->operations[RING_CLOSE].under_way) {
        world_violation("verb %u of conn %u is started after its close", verb, conn);
    }
    *operation = (struct operation){ .under_way = true, .fd = fd, .deadline_ns = deadline_ns };
    operation->fires_ns = deadline_ns;
    sim.operations++;
    return operation;
}

int ring_socket(struct ring *ring, int family)
{
    (void)ring;
    if (world_happens(WORLD_SOCKET_REFUSED)) {
        return -EMFILE;
    }
    int fd = net_open(family == AF_UNIX);
    if (net_open_count() > sim.limits.sockets_max) {
        world_violation("%u sockets are open, at most %u", net_open_count(),
                        sim.limits.sockets_max);
    }
    world_trace("socket %d", fd);
    return fd;
}

void ring_connect(struct ring *ring, uint32_t conn, int fd, const struct sockaddr *address,
                  uint32_t address_size, uint64_t deadline_ns)
{
    struct operation *operation = ring_begin(ring, RING_CONNECT, conn, fd, deadline_ns);

    world_trace("conn %u: connect %d", conn, fd);
    conn_at(ring, conn)->ended_on_turn = 0;
    operation->address = address;
    operation->address_size = address_size;
    operation->hash = kernel_hash((const char *)address, address_size);
    ring_enqueue(ring, OPERATION_PLAIN, (struct ring_tag){ RING_CONNECT, conn });
}

static void check_send(struct ring *ring, uint32_t conn, size_t size)
{
    const struct ring_conn *owner = conn_at(ring, conn);

    if (size == 0) {
        world_violation("conn %u sends nothing", conn);
    }
    if (owner->quiet_waits || owner->quiet_speaks) {
        world_violation("conn %u sends beside a quiet send", conn);
    }
    if (owner->ended_on_turn != 0 && owner->ended_on_turn < sim.turns) {
        world_violation("conn %u sends although it was told of its end", conn);
    }
}

void ring_send(struct ring *ring, uint32_t conn, int fd, const char *bytes, size_t size,
               uint64_t deadline_ns)
{
    world_trace("conn %u: send %zu", conn, size);
    check_send(ring, conn, size);
    server_sim_on_put(net_find(fd, conn));
    struct operation *operation = ring_begin(ring, RING_SEND, conn, fd, deadline_ns);
    operation->bytes = bytes;
    operation->size = size;
    operation->hash = kernel_hash(bytes, size);
    if (world_happens(WORLD_SEND_LATE)) {
        operation->begins_ns = world_now_ns() + world_below(NS_PER_MS);
    }
    ring_enqueue(ring, OPERATION_PLAIN, (struct ring_tag){ RING_SEND, conn });
}

void ring_send_quiet(struct ring *ring, uint32_t conn, int fd, const struct quoit_span pieces[2])
{
    struct ring_conn *owner = conn_at(ring, conn);
    size_t size = pieces[0].size + pieces[1].size;

    world_trace("conn %u: quiet send %zu + %zu", conn, pieces[0].size, pieces[1].size);
    check_send(ring, conn, pieces[0].size);
    server_sim_on_put(net_find(fd, conn));
    if (size > RING_QUIET_MAX) {
        world_violation("conn %u: a quiet send of %zu bytes", conn, size);
    }
    if (owner->operations[RING_SEND].under_way || owner->operations[RING_CLOSE].under_way) {
        world_violation("conn %u: a quiet send beside a send or a close", conn);
    }
    owner->operations[RING_SEND].fd = fd;
    owner->quiet[0] = pieces[0];
    owner->quiet[1] = pieces[1];
    owner->quiet_hash = kernel_quiet_hash(owner);
    owner->quiet_waits = true;
    ring_enqueue(ring, OPERATION_QUIET, (struct ring_tag){ RING_SEND, conn });
}

void ring_recv_stand(struct ring *ring, uint32_t conn, int fd, enum ring_group group,
                     uint64_t deadline_ns)
{
    struct operation *operation = ring_begin(ring, RING_RECV, conn, fd, deadline_ns);

    world_trace("conn %u: recv from group %u, deadline in %.6f s", conn, group,
                (double)until_ns(deadline_ns, world_now_ns()) / 1e9);
    if (ring->groups[group].bytes == NULL) {
        world_violation("conn %u receives from group %u, of which there is none", conn, group);
    }
    operation->group = group;
    if (deadline_ns != RING_NO_DEADLINE && world_happens(WORLD_DEADLINE_LATE)) {
        operation->fires_ns += world_below(2 * NS_PER_MS);
    }
    ring_enqueue(ring, OPERATION_PLAIN, (struct ring_tag){ RING_RECV, conn });
}

void ring_cancel(struct ring *ring, struct ring_tag tag)
{
    struct ring_conn *owner = conn_at(ring, tag.conn);

    world_trace("conn %u: cancel verb %u", tag.conn, tag.verb);
    if (tag.verb < RING_CLOSE && !owner->operations[tag.verb].under_way &&
        owner->operations[tag.verb].ended_on_turn == sim.turns) {
        world_note(WORLD_CANCEL_TOO_LATE); /* its end waits behind what the caller acts on */
        return;
    }
    if (tag.verb >= RING_CLOSE || !owner->operations[tag.verb].under_way) {
        world_violation("conn %u: verb %u is cancelled and not under way", tag.conn, tag.verb);
    }
    ring_enqueue(ring, OPERATION_CANCEL, tag);
}

void ring_close(struct ring *ring, uint32_t conn, int fd)
{
    struct ring_conn *owner = conn_at(ring, conn);

    world_trace("conn %u: close %d", conn, fd);
    for (unsigned verb = 0; verb < RING_CLOSE; verb++) {
        if (owner->operations[verb].under_way) {
            world_violation("conn %u is closed while verb %u is under way", conn, verb);
        }
    }
    ring_begin(ring, RING_CLOSE, conn, fd, RING_NO_DEADLINE);
    ring_enqueue(ring, OPERATION_PLAIN, (struct ring_tag){ RING_CLOSE, conn });
}

void ring_share(struct ring *ring) /* there is no other process here */
{
    (void)ring;
}

bool ring_peer_has_ended(const struct ring *ring, int fd)
{
    const struct net_socket *socket = net_find(fd, NET_NOBODY);

    (void)ring;
    return net_readable(socket) == 0 && socket->error == 0 && net_may_recv(socket);
}

bool ring_was_woken(const struct ring *ring)
{
    return ring->was_woken;
}

void ring_wake(struct ring *ring)
{
    ring->woken = true;
}

/* No event loop of somebody else's is simulated: the real rings have tests for that. */
int ring_fd(struct ring *ring)
{
    (void)ring;
    return -ENOSYS;
}

void ring_fd_work(struct ring *ring)
{
    (void)ring;
    abort();
}

bool ring_fd_rest(struct ring *ring, uint64_t alarm_ns)
{
    (void)ring;
    (void)alarm_ns;
    abort();
}

void ring_fd_call(struct ring *ring)
{
    (void)ring;
    abort();
}

int ring_wake_fd(const struct ring *ring)
{
    (void)ring;
    return -1; /* no thread looks up names here */
}

/* -------- time that passes outside -------- */

/* The network goes on, and the kernel's work piles up until the next entry. */
static void ring_be_late(uint64_t late_ns)
{
    uint64_t until_ns = world_now_ns() + late_ns;

    for (;;) {
        net_run();
        server_sim_run();
        uint64_t next_ns = min_u64(net_next_ns(), server_sim_next_ns());
        if (next_ns > until_ns) {
            break;
        }
        world_advance_to(next_ns);
    }
    world_advance_to(until_ns);
}

void ring_sim_stay_away(void)
{
    bool gone = sim.aways_count < RING_SIM_AWAYS_MAX && world_happens(WORLD_CALLER_GONE);

    if (!gone && (sim.aways_count == RING_SIM_AWAYS_MAX || !world_happens(WORLD_CALLER_AWAY))) {
        return;
    }
    struct away *away = &sim.aways[sim.aways_count++];
    away->begin_ns = world_now_ns();
    ring_be_late(gone ? world_below(5 * NS_PER_S) : world_size(50 * NS_PER_MS));
    away->end_ns = world_now_ns();
}

uint64_t ring_sim_away_ns(uint64_t begin_ns, uint64_t end_ns)
{
    uint64_t sum_ns = 0;

    for (uint32_t i = 0; i < sim.aways_count; i++) {
        const struct away *away = &sim.aways[i];
        sum_ns += until_ns(min_u64(end_ns, away->end_ns), max_u64(begin_ns, away->begin_ns));
    }
    return sum_ns;
}

/* -------- buffers -------- */

void ring_give_back(struct ring *ring, uint32_t buffer)
{
    struct kernel_buffers *buffers = kernel_buffers_of(ring, buffer);
    uint32_t index = buffers == NULL ? 0 : buffer - buffers->first;

    if (buffers == NULL || buffers->states[index] != BUFFER_HANDED) {
        world_violation("buffer %u is given back and was not handed out", buffer);
    }
    memset(buffers->bytes + (size_t)index * buffers->size, '#', buffers->size);
    buffers->states[index] = BUFFER_FREE;
    buffers->handed--;
    if (world_happens(WORLD_ACT_SLOW)) {
        ring_be_late(world_size(10 * NS_PER_MS));
    }
}

/* As ring.c can know it: those that the kernel has filled and not told of count as free. */
uint32_t ring_buffers_free(const struct ring *ring, enum ring_group group)
{
    return ring->groups[group].count - ring->groups[group].handed;
}

uint32_t ring_buffers_count(const struct ring *ring, enum ring_group group)
{
    return ring->groups[group].count;
}

bool ring_offers_large(struct ring *ring)
{
    if (ring->groups[RING_LARGE].bytes == NULL && !ring->large_refused) {
        ring->large_refused = world_happens(WORLD_LARGE_REFUSED);
    }
    if (ring->groups[RING_LARGE].bytes == NULL && !ring->large_refused) {
        buffers_make(&ring->groups[RING_LARGE], ring->groups[RING_SMALL].count,
                     1 + (uint32_t)world_size(7), KERNEL_LARGE_BUFFER_SIZE);
    }
    return !ring->large_refused;
}

/* -------- the turn -------- */

/* Let time pass until something is posted, a wake, a signal, or end_ns. */
static void ring_wait(struct ring *ring, uint64_t end_ns)
{
    uint64_t signal_ns = WORLD_NEVER;

    if (world_happens(WORLD_TURN_INTERRUPTED)) {
        signal_ns = world_now_ns() + world_below(10 * NS_PER_MS);
    }
    for (;;) {
        net_run();
        server_sim_run();
        kernel_progress(ring);
        if (ring->posted_count > 0 || ring->woken || world_now_ns() >= end_ns ||
            world_now_ns() >= signal_ns) {
            break;
        }
        uint64_t next_ns = min_u64(kernel_next_ns(ring), min_u64(end_ns, signal_ns));
        if (next_ns == WORLD_NEVER) {
            world_violation("ring_turn waits, and nothing can end it");
        }
        world_advance_to(next_ns);
    }
    ring->was_woken = ring->woken;
    ring->woken = false;
}

/* Which of the posted ones comes next: the oldest of some connection. */
static uint32_t ring_choose(const struct ring *ring)
{
    if (ring->posted_quiet > 0 || !world_happens(WORLD_DONE_REORDERED)) {
        return 0;
    }
    uint32_t chosen = (uint32_t)world_below(ring->posted_count);
    for (uint32_t i = 0; i < chosen; i++) {
        if (ring->posted[i].tag.conn == ring->posted[chosen].tag.conn) {
            return i;
        }
    }
    return chosen;
}

/* The caller is told: what that ends has ended. */
static void ring_tell(struct ring *ring, const struct ring_done *done)
{
    struct ring_conn *conn = &ring->conns[done->tag.conn];
    struct operation *operation = &conn->operations[done->tag.verb];

    world_trace("conn %u: done verb %u: %d%s", done->tag.conn, done->tag.verb, done->result,
                done->more ? " and more" : "");
    if (done->buffer != RING_NO_BUFFER) {
        struct kernel_buffers *buffers = kernel_buffers_of(ring, done->buffer);
        buffers->states[done->buffer - buffers->first] = BUFFER_HANDED;
        buffers->handed++;
        struct net_socket *socket = kernel_socket(ring, done->tag);
        socket->handed += (uint64_t)done->result;
        socket->handed_at_ns = world_now_ns();
    }
    if (done->tag.verb == RING_RECV && (done->result == 0 || done->result == -ECONNRESET)) {
        conn->ended_on_turn = sim.turns;
    }
    if (ring->posted_quiet > 0) {
        ring->posted_quiet--;
        conn->quiet_speaks = false;
        return;
    }
    if (done->tag.verb == RING_SEND &&
        kernel_hash(operation->bytes, operation->size) != operation->hash) {
        world_violation("conn %u: a send's memory changed while the kernel held it",
                        done->tag.conn);
    }
    if (!done->more) {
        operation->under_way = false;
        operation->ended_on_turn = sim.turns;
        sim.operations--;
    }
}

/* Sets *all_out if the caller got all that the completion queue held. */
static uint32_t ring_hand_out(struct ring *ring, struct ring_done *done, uint32_t done_max,
                              bool *all_out)
{
    uint32_t count_max = (uint32_t)min_u64(done_max, ring->posted_count);
    uint32_t count = 0;
    bool late = count_max > 1 && world_happens(WORLD_DONE_LATE);
    bool overflow = count_max > 1 && world_happens(WORLD_DONE_OVERFLOW);

    if (late || overflow) {
        count_max = (uint32_t)max_u64(ring->posted_quiet, 1 + world_below(count_max - 1));
    }
    while (count < count_max) {
        uint32_t chosen = ring_choose(ring);
        done[count] = ring->posted[chosen];
        ring_tell(ring, &done[count]);
        ring->posted_count--;
        memmove(ring->posted + chosen, ring->posted + chosen + 1,
                (ring->posted_count - chosen) * sizeof(*ring->posted));
        count++;
    }
    ring->stats.cq_overflows += overflow;
    ring->left_over = overflow && ring->posted_count > 0;
    *all_out = ring->posted_count == 0 || (late && !overflow);
    return count;
}

static void check_turn(const struct ring *ring, const struct ring_done *done, uint32_t done_max)
{
    if (done == NULL || done_max == 0) {
        world_violation("ring_turn without room for a completion");
    }
    uint32_t handed = ring->groups[RING_SMALL].handed + ring->groups[RING_LARGE].handed;
    if (handed > 0) {
        world_violation("%u buffers were not given back in the turn that brought them", handed);
    }
    if (++sim.turns > sim.limits.turns_max) {
        world_violation("no end after %u turns", sim.limits.turns_max);
    }
    if (world_now_ns() - sim.begin_ns > sim.limits.end_ns) {
        world_violation("no end after %llu s", (unsigned long long)(sim.limits.end_ns / NS_PER_S));
    }
}

uint32_t ring_turn(struct ring *ring, struct ring_done *done, uint32_t done_max, uint64_t wait_ns,
                   bool calm)
{
    (void)calm; /* nobody spins here */
    check_turn(ring, done, done_max);
    if (world_happens(WORLD_TURN_LATE)) {
        ring_be_late(world_below(10 * NS_PER_MS));
    }
    world_advance_to(world_now_ns() + world_below(5 * NS_PER_US));
    ring->before_ns = world_now_ns();
    if (ring->left_over) {
        wait_ns = 0; /* the rest of what had come: submit nothing */
    } else {
        kernel_submit(ring);
        ring->rounds++;
        for (uint32_t i = 0; net_socket_at(i) != NULL; i++) {
            net_socket_at(i)->known = net_socket_at(i)->handed;
        }
    }
    world_advance_to(world_now_ns() + world_below(5 * NS_PER_US));
    ring_wait(ring, ring->posted_count > 0 ? world_now_ns() : after_ns(world_now_ns(), wait_ns));
    ring->stats.entries++;
    ring->after_ns = world_now_ns();
    bool all_out = true;
    uint32_t count = ring_hand_out(ring, done, done_max, &all_out);
    if (all_out) {
        ring->settled = ring->rounds;
    }
    return count;
}

uint64_t ring_before_ns(const struct ring *ring)
{
    return ring->before_ns;
}

uint64_t ring_after_ns(const struct ring *ring)
{
    return ring->after_ns;
}

uint64_t ring_now_ns(const struct ring *ring)
{
    (void)ring;
    return world_now_ns();
}

bool ring_has_more(const struct ring *ring)
{
    return ring->left_over;
}

bool ring_may_bring(const struct ring *ring)
{
    return ring->left_over || ring->posted_count > 0;
}

uint64_t ring_rounds(const struct ring *ring)
{
    return ring->rounds;
}

uint64_t ring_settled(const struct ring *ring)
{
    return ring->settled;
}

enum quoit_io ring_io(const struct ring *ring)
{
    (void)ring;
    return QUOIT_IO_URING; /* as good as any: the library asks only to tell */
}

int ring_refusal(const struct ring *ring)
{
    (void)ring;
    return 0;
}

struct ring_stats ring_stats_read(const struct ring *ring)
{
    return ring->stats;
}
