/*
 * server_fuzz: see server_fuzz.h. Stands in the place of tests/sim/server_sim.c.
 */
#include "tests/fuzz/server_fuzz.h"

#include "base/buffer.h"
#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#define CONNS_MAX 256 /* serials of an input */
#define ASKS_MAX 16   /* requests of a connection */

static const char usual[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* One request as it came over a connection. */
struct ask {
    uint32_t number; /* 0: its head is not whole */
    bool to_head;
    size_t answer_at; /* where its answer begins in what was said */
};

struct line {
    struct buffer said, heard; /* heard: of the request that is under way */
    enum net_end end;
    struct ask asks[ASKS_MAX];
    uint32_t asks_count;
};

static struct {
    struct line lines[CONNS_MAX]; /* by serial */
    struct fuzz_input scripts;
    struct reference_limits limits;
    struct reference_response response;
    struct reference_request request;
} server;

void server_fuzz_begin(struct fuzz_input scripts, const struct reference_limits *limits)
{
    server.scripts = scripts;
    server.limits = *limits;
}

void server_fuzz_end(void)
{
    for (uint32_t i = 0; i < CONNS_MAX; i++) {
        buffer_free(&server.lines[i].said);
        buffer_free(&server.lines[i].heard);
    }
    memset(server.lines, 0, sizeof(server.lines));
}

static void append(struct buffer *to, const void *bytes, size_t size)
{
    FUZZ_HOLDS(buffer_append(to, bytes, size));
}

/* --- What was said --- */

/* The answer to that request, into server.response; its body, which free frees. */
static uint8_t *read_answer(const struct line *line, const struct ask *ask)
{
    struct quoit_span said = buffer_span(&line->said);
    struct reference_limits limits = server.limits;
    uint8_t *body = malloc(said.size + 1);

    FUZZ_HOLDS(body != NULL);
    limits.to_head = ask->to_head;
    limits.end =
        line->end == NET_END_NONE || line->end == NET_END_RST ? REFERENCE_OPEN : REFERENCE_CLOSED;
    reference_read_response((const uint8_t *)said.bytes + ask->answer_at,
                            said.size - ask->answer_at, &limits, &server.response, body);
    return body;
}

static bool is_same_header(const struct reference_line *line, const struct quoit_header *header)
{
    return reference_is(line->name, header->name) && reference_is(line->value, header->value);
}

static bool is_same_answer(const uint8_t *wanted, const struct quoit_result *result,
                           struct quoit_span body)
{
    const struct reference_response *response = &server.response;

    if (response->verdict != REFERENCE_COMPLETE || response->status != result->status ||
        response->body_size != body.size || response->lines_count != result->headers_count) {
        return false;
    }
    for (uint32_t i = 0; i < response->lines_count; i++) {
        if (!is_same_header(&response->lines[i], &result->headers[i])) {
            return false;
        }
    }
    return body.size == 0 || memcmp(wanted, body.bytes, body.size) == 0;
}

/*
 * Over which connection it came the result does not say. A request whose head has not come whole
 * when its answer ended may be that of any number.
 */
bool server_fuzz_has_said(uint32_t number, const struct quoit_result *result,
                          struct quoit_span body)
{
    for (uint32_t i = 0; i < CONNS_MAX; i++) {
        const struct line *line = &server.lines[i];
        for (uint32_t j = 0; j < line->asks_count; j++) {
            const struct ask *ask = &line->asks[j];
            if (ask->number == number || ask->number == 0) {
                uint8_t *wanted = read_answer(line, ask);
                bool same = is_same_answer(wanted, result, body);
                free(wanted);
                if (same) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* --- Requests --- */

/* The first byte of a request has come: was the connection the client's to use? */
static void begin_ask(const struct net_socket *socket, struct line *line)
{
    size_t answer_at = 0;

    if (line->asks_count > 0) {
        const struct ask *last = &line->asks[line->asks_count - 1];
        free(read_answer(line, last));
        if (server.response.verdict != REFERENCE_COMPLETE || !server.response.keep_alive) {
            world_violation("conn %u is used again, and its last answer does not allow it (%s)",
                            socket->conn, server.response.why);
        }
        answer_at = last->answer_at + server.response.size;
    }
    if (socket->request_known > answer_at) {
        world_violation("conn %u is used although it was told something unasked", socket->conn);
    }
    FUZZ_HOLDS(line->asks_count < ASKS_MAX);
    line->asks[line->asks_count++] = (struct ask){ .answer_at = answer_at };
}

static void say_script(struct net_socket *socket, struct line *line)
{
    struct fuzz_input *scripts = &server.scripts;
    struct fuzz_input script = { (const uint8_t *)usual, sizeof(usual) - 1 };
    uint8_t then = 0;

    if (scripts->size > 0) {
        const uint8_t *end = memchr(scripts->bytes, SCRIPT_END, scripts->size);
        script = fuzz_bytes(scripts, end == NULL ? SIZE_MAX : (size_t)(end - scripts->bytes));
        fuzz_byte(scripts);
        then = fuzz_byte(scripts);
    }
    world_trace("conn %u: the server says %zu bytes, then %u", socket->conn, script.size, then);
    if (socket->end == NET_END_NONE) {
        append(&line->said, script.bytes, script.size);
        net_put(socket, (const char *)script.bytes, script.size);
    }
    if (then % 4 != NET_END_NONE && socket->end == NET_END_NONE) {
        line->end = (enum net_end)(then % 4);
        net_finish(socket, line->end);
    }
}

/* One request, if it is there whole. */
static bool take_request(struct net_socket *socket, struct line *line)
{
    struct quoit_span heard = buffer_span(&line->heard);
    struct reference_request *request = &server.request;
    struct ask *ask = &line->asks[line->asks_count - 1];

    reference_read_request((const uint8_t *)heard.bytes, heard.size, request);
    if (request->verdict == REFERENCE_PARTIAL) {
        return false;
    }
    FUZZ_HOLDS(request->verdict == REFERENCE_COMPLETE && request->form == REFERENCE_ORIGIN);
    FUZZ_HOLDS(request->lines_count > 1 && reference_is(request->lines[1].name, "X-Number"));
    ask->number = (uint32_t)(request->lines[1].value.bytes[0] - '0');
    ask->to_head = reference_is(request->method, "HEAD");
    if (heard.size < request->size + request->length) {
        return false;
    }
    FUZZ_HOLDS(heard.size == request->size + request->length); /* one at a time */
    buffer_reset(&line->heard);
    socket->in_request = socket->put = false;
    return true;
}

static void hear(struct net_socket *socket, bool may_answer)
{
    struct quoit_span incoming = net_incoming(socket);

    FUZZ_HOLDS(socket->serial < CONNS_MAX);
    struct line *line = &server.lines[socket->serial];
    if (incoming.size == 0) {
        return;
    }
    if (line->heard.size == 0) {
        begin_ask(socket, line);
    }
    append(&line->heard, incoming.bytes, incoming.size);
    net_take(socket, incoming.size);
    if (take_request(socket, line) && may_answer) {
        say_script(socket, line);
    }
}

/* --- For ring_sim and kernel_sim --- */

bool server_sim_interrupts(struct net_socket *socket)
{
    (void)socket;
    return false;
}

void server_sim_on_put(struct net_socket *socket)
{
    (void)socket;
}

/* What was sent before the close still arrives. */
void server_sim_on_close(struct net_socket *socket)
{
    hear(socket, false);
}

/* Scripts are said at once. */
uint64_t server_sim_next_ns(void)
{
    return WORLD_NEVER;
}

void server_sim_run(void)
{
    for (uint32_t i = 0; net_socket_at(i) != NULL; i++) {
        if (net_socket_at(i)->state == NET_CONNECTED) {
            hear(net_socket_at(i), true);
        }
    }
}
