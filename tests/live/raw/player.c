/*
 * player: see player.h. A verb is a function, and the table player_steps says which. It returns
 * WIRE_OK, or why the steps are over: the peer has gone, the server stops, or the step has closed.
 */
#include "tests/live/raw/player.h"

#include "tests/live/raw/ledger.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PLAYER_HEAD_MAX (1 << 20)
#define PLAYER_READ_SIZE 65536

struct player_bytes {
    char *bytes; /* owned */
    size_t size, room;
};

struct player {
    struct player_shared *shared;
    uint32_t connection;
    struct wire wire;
    struct player_bytes in;   /* read and not yet used up */
    struct player_bytes held; /* goes with the next send */
    bool secured;             /* the handshake is done, or there is none */
    uint32_t request;         /* number of the last head in the ledger */
    size_t body_size;         /* what that head announces */
    char target[1024];
    size_t unread;    /* bytes thrown away with the connection */
    bool is_head;     /* its method is HEAD: an answer has no body */
    uint64_t *rounds; /* owned; of each repeat, by its step */
};

/* -------- bytes -------- */

static char *player_reserve(struct player_bytes *bytes, size_t more)
{
    if (bytes->room - bytes->size < more) {
        bytes->room = (bytes->size + more) * 2;
        bytes->bytes = realloc(bytes->bytes, bytes->room);
    }
    return bytes->bytes + bytes->size;
}

static void player_append(struct player_bytes *to, const char *bytes, size_t size)
{
    if (size > 0) {
        memcpy(player_reserve(to, size), bytes, size);
        to->size += size;
    }
}

/* Drop the first bytes. */
static void player_drop(struct player_bytes *bytes, size_t size)
{
    bytes->size -= size;
    if (bytes->size > 0) {
        memmove(bytes->bytes, bytes->bytes + size, bytes->size);
    }
}

static enum wire_result player_fail(struct player *player, const char *why)
{
    snprintf(player->wire.error, sizeof(player->wire.error), "%s", why);
    return WIRE_BROKEN;
}

/* Read until there are `wanted` bytes. */
static enum wire_result player_fill(struct player *player, size_t wanted)
{
    enum wire_result result = WIRE_OK;

    while (player->in.size < wanted && result == WIRE_OK) {
        size_t got = 0;
        char *room = player_reserve(&player->in, PLAYER_READ_SIZE);
        result = wire_read(&player->wire, room, PLAYER_READ_SIZE, &got);
        player->in.size += got;
    }
    return result;
}

/* -------- reading -------- */

/* The value of Content-Length in a NUL-ended head, or 0. */
static size_t player_length(const char *head)
{
    static const char name[] = "\r\nContent-Length:";

    for (const char *at = head; (at = strstr(at, "\r\n")) != NULL; at += 2) {
        if (strncasecmp(at, name, sizeof(name) - 1) == 0) {
            return strtoull(at + sizeof(name) - 1, NULL, 10);
        }
    }
    return 0;
}

static void player_take_head(struct player *player, size_t size)
{
    char *head = player->in.bytes;
    char kept = head[size - 1];

    head[size - 1] = '\0';
    player->request = ledger_head(player->connection, head, size - 1);
    player->body_size = player_length(head);
    player->is_head = strncmp(head, "HEAD ", 5) == 0;
    if (sscanf(head, "%*s %1023s", player->target) != 1) {
        player->target[0] = '\0';
    }
    head[size - 1] = kept;
    player_drop(&player->in, size);
}

static enum wire_result player_read_head(struct player *player, const struct script_step *step)
{
    enum wire_result result = WIRE_OK;

    (void)step;
    while (result == WIRE_OK) {
        const char *end =
            player->in.size == 0 ? NULL : memmem(player->in.bytes, player->in.size, "\r\n\r\n", 4);
        if (end != NULL) {
            player_take_head(player, (size_t)(end - player->in.bytes) + 4);
            return WIRE_OK;
        }
        if (player->in.size > PLAYER_HEAD_MAX) {
            return player_fail(player, "a head without an end");
        }
        result = player_fill(player, player->in.size + 1);
    }
    return result;
}

static enum wire_result player_read_body(struct player *player, const struct script_step *step)
{
    enum wire_result result = player_fill(player, player->body_size);

    (void)step;
    if (result == WIRE_OK) {
        ledger_body(player->request, player->in.bytes, player->body_size);
        player_drop(&player->in, player->body_size);
    }
    return result;
}

static enum wire_result player_read_request(struct player *player, const struct script_step *step)
{
    enum wire_result result = player_read_head(player, step);

    return result == WIRE_OK ? player_read_body(player, step) : result;
}

static enum wire_result player_read(struct player *player, const struct script_step *step)
{
    enum wire_result result = player_fill(player, step->number);

    if (result == WIRE_OK) {
        player_drop(&player->in, step->number);
    }
    return result;
}

static enum wire_result player_read_end(struct player *player, const struct script_step *step)
{
    enum wire_result result = WIRE_OK;

    (void)step;
    while (result == WIRE_OK) {
        ledger_after(player->connection, player->in.size);
        player->in.size = 0;
        result = player_fill(player, 1);
    }
    return result;
}

static enum wire_result player_await(struct player *player, const struct script_step *step)
{
    (void)step;
    return player->in.size > 0 ? WIRE_OK : wire_wait(&player->wire, POLLIN, WIRE_WAIT_MS);
}

/* Take a token that the test gives out. */
static enum wire_result player_pause(struct player *player, const struct script_step *step)
{
    struct pollfd fds[2] = { { .fd = player->shared->stop_fd, .events = POLLIN },
                             { .fd = player->shared->go_fd, .events = POLLIN } };
    uint64_t token;

    (void)step;
    while (read(player->shared->go_fd, &token, sizeof(token)) != sizeof(token)) {
        int ready = poll(fds, 2, WIRE_WAIT_MS);
        if (fds[0].revents != 0 || ready == 0) {
            return ready == 0 ? WIRE_LATE : WIRE_STOPPED;
        }
    }
    return WIRE_OK;
}

static enum wire_result player_sleep(struct player *player, const struct script_step *step)
{
    struct pollfd stop = { .fd = player->shared->stop_fd, .events = POLLIN };

    return poll(&stop, 1, (int)step->number) == 0 ? WIRE_OK : WIRE_STOPPED;
}

/* -------- sending -------- */

/* All that was held back, and nothing else. */
static enum wire_result player_send_held(struct player *player)
{
    size_t size = player->held.size;

    player->held.size = 0;
    return wire_send(&player->wire, player->held.bytes, size);
}

static enum wire_result player_hold(struct player *player, const struct script_step *step)
{
    player_append(&player->held, step->text, step->size);
    return WIRE_OK;
}

static enum wire_result player_send(struct player *player, const struct script_step *step)
{
    player_hold(player, step);
    return player_send_held(player);
}

static enum wire_result player_send_file(struct player *player, const struct script_step *step)
{
    FILE *stream = fopen(step->text, "rb");
    char bytes[16384];
    size_t size;

    if (stream == NULL) {
        return player_fail(player, "no such file");
    }
    while ((size = fread(bytes, 1, sizeof(bytes), stream)) > 0) {
        player_append(&player->held, bytes, size);
    }
    fclose(stream);
    return player_send_held(player);
}

static enum wire_result player_answer(struct player *player, const struct script_step *step)
{
    const char *body = step->text == NULL ? player->target : step->text;
    size_t size = step->text == NULL ? strlen(player->target) : step->size;
    char head[128];
    int head_size =
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);

    player_append(&player->held, head, (size_t)head_size);
    player_append(&player->held, body, player->is_head ? 0 : size);
    return player_send_held(player);
}

static enum wire_result player_feed(struct player *player, const struct script_step *step)
{
    if (step->verb == SCRIPT_FEED) {
        player->wire.feed = step->feed;
    } else {
        player->wire.records = step->feed;
    }
    return WIRE_OK;
}

/* -------- ends -------- */

static enum wire_result player_fin(struct player *player, const struct script_step *step)
{
    (void)step;
    wire_fin(&player->wire);
    return WIRE_OK;
}

static enum wire_result player_half_close(struct player *player, const struct script_step *step)
{
    wire_notify(&player->wire);
    return player_fin(player, step);
}

static enum wire_result player_close(struct player *player, const struct script_step *step)
{
    player_half_close(player, step);
    return player_read_end(player, step);
}

static enum wire_result player_close_rude(struct player *player, const struct script_step *step)
{
    player_fin(player, step);
    return player_read_end(player, step);
}

static enum wire_result player_rst(struct player *player, const struct script_step *step)
{
    (void)step;
    player->unread += wire_unread(&player->wire);
    wire_reset(&player->wire);
    return WIRE_OURS;
}

static enum wire_result player_drop_it(struct player *player, const struct script_step *step)
{
    (void)player;
    (void)step;
    return WIRE_OURS;
}

/* -------- TLS -------- */

static enum wire_result player_notify(struct player *player, const struct script_step *step)
{
    (void)step;
    return wire_notify(&player->wire);
}

static enum wire_result player_no_tls(struct player *player, const struct script_step *step)
{
    (void)step;
    SSL_free(player->wire.ssl);
    player->wire.ssl = NULL;
    return WIRE_OK;
}

static enum wire_result player_send_wire(struct player *player, const struct script_step *step)
{
    return wire_send_raw(&player->wire, step->text, step->size);
}

static enum wire_result player_send_cut(struct player *player, const struct script_step *step)
{
    return wire_send_cut(&player->wire, step->text, step->size, step->number);
}

static enum wire_result player_hello_request(struct player *player, const struct script_step *step)
{
    (void)step;
    return wire_hello_request(&player->wire);
}

static enum wire_result player_renegotiate(struct player *player, const struct script_step *step)
{
    enum wire_result result = player_hello_request(player, step);

    return result == WIRE_OK ? wire_await_handshake(&player->wire) : result;
}

static enum wire_result player_key_update(struct player *player, const struct script_step *step)
{
    return wire_key_update(&player->wire, step->text != NULL);
}

static enum wire_result player_ticket(struct player *player, const struct script_step *step)
{
    (void)step;
    return wire_ticket(&player->wire);
}

static enum wire_result player_alert(struct player *player, const struct script_step *step)
{
    (void)step;
    return wire_alert(&player->wire);
}

/* -------- steps -------- */

static const struct {
    enum wire_result (*play)(struct player *player, const struct script_step *step);
    bool needs_handshake;
} player_steps[SCRIPT_VERBS] = {
    [SCRIPT_READ_HEAD] = { player_read_head, true },
    [SCRIPT_READ_BODY] = { player_read_body, true },
    [SCRIPT_READ_REQUEST] = { player_read_request, true },
    [SCRIPT_READ] = { player_read, true },
    [SCRIPT_READ_END] = { player_read_end, true },
    [SCRIPT_AWAIT] = { player_await, false },
    [SCRIPT_PAUSE] = { player_pause, false },
    [SCRIPT_SLEEP] = { player_sleep, false },
    [SCRIPT_SEND] = { player_send, true },
    [SCRIPT_SEND_FILE] = { player_send_file, true },
    [SCRIPT_HOLD] = { player_hold, false },
    [SCRIPT_ANSWER] = { player_answer, true },
    [SCRIPT_FEED] = { player_feed, false },
    [SCRIPT_NOTIFY] = { player_notify, true },
    [SCRIPT_FIN] = { player_fin, false },
    [SCRIPT_HALF_CLOSE] = { player_half_close, true },
    [SCRIPT_CLOSE] = { player_close, true },
    [SCRIPT_CLOSE_RUDE] = { player_close_rude, false },
    [SCRIPT_RST] = { player_rst, false },
    [SCRIPT_DROP] = { player_drop_it, false },
    [SCRIPT_RECORDS] = { player_feed, false },
    [SCRIPT_NO_TLS] = { player_no_tls, false },
    [SCRIPT_SEND_WIRE] = { player_send_wire, false },
    [SCRIPT_SEND_CUT] = { player_send_cut, true },
    [SCRIPT_HELLO_REQUEST] = { player_hello_request, true },
    [SCRIPT_RENEGOTIATE] = { player_renegotiate, true },
    [SCRIPT_KEY_UPDATE] = { player_key_update, true },
    [SCRIPT_TICKET] = { player_ticket, true },
    [SCRIPT_ALERT] = { player_alert, true },
};

/* Loops: the index of the step that follows this one. */
static uint32_t player_next(struct player *player, uint32_t index)
{
    const struct script_step *step = &player->shared->script.steps[index];
    const struct script_step *partner = &player->shared->script.steps[step->partner_index];

    if (step->verb == SCRIPT_REPEAT && step->number == 0) {
        return step->partner_index + 1;
    }
    if (step->verb == SCRIPT_REPEAT || step->verb == SCRIPT_LOOP) {
        player->rounds[index] = step->number;
    }
    if (step->verb == SCRIPT_END) {
        uint64_t *left = &player->rounds[step->partner_index];
        *left -= partner->verb == SCRIPT_REPEAT;
        return *left > 0 ? step->partner_index + 1 : index + 1;
    }
    return index + 1;
}

/* The handshake, before the first step that needs it. */
static enum wire_result player_secure(struct player *player)
{
    if (player->wire.ssl == NULL || player->secured) {
        return WIRE_OK;
    }
    player->secured = true;
    enum wire_result result = wire_handshake(&player->wire);
    ledger_handshake(player->connection, &player->wire, result);
    return result;
}

static enum wire_result player_step(struct player *player, const struct script_step *step)
{
    enum wire_result result = wire_wait(&player->wire, 0, 0);

    if (result == WIRE_STOPPED || player_steps[step->verb].play == NULL) { /* loops play nothing */
        return result == WIRE_STOPPED ? result : WIRE_OK;
    }
    result = player_steps[step->verb].needs_handshake ? player_secure(player) : WIRE_OK;
    return result == WIRE_OK ? player_steps[step->verb].play(player, step) : result;
}

static enum wire_result player_play(struct player *player, const struct script_part *part)
{
    enum wire_result result = WIRE_OK;

    for (uint32_t i = part->first; i < part->end && result == WIRE_OK;) {
        result = player_step(player, &player->shared->script.steps[i]);
        i = player_next(player, i);
    }
    return result;
}

static const char *player_end_name(enum wire_result result)
{
    switch (result) {
    case WIRE_ENDED:
        return "fin";
    case WIRE_RESET:
        return "reset";
    case WIRE_LATE:
        return "late";
    case WIRE_STOPPED:
        return "stopped";
    case WIRE_BROKEN:
        return "broken";
    case WIRE_OURS:
        return "ours";
    case WIRE_OK:
        break;
    }
    abort(); /* the steps are over only for one of these reasons */
}

void player_run(struct player_shared *shared, int fd, uint32_t connection)
{
    const struct script_part *part = script_part_of(&shared->script, connection);
    struct player player = { .shared = shared, .connection = connection };
    enum wire_result result = WIRE_OK;

    player.rounds = calloc(shared->script.steps_count + 1, sizeof(*player.rounds));
    wire_init(&player.wire, fd, shared->stop_fd, shared->tls);
    if (part != NULL) {
        result = player_play(&player, part);
    }
    if (result == WIRE_OK) {
        result = player_secure(&player);
    }
    if (result == WIRE_OK) {
        result = player_read_end(&player, NULL);
    }
    player.unread += player.in.size + wire_unread(&player.wire);
    wire_close(&player.wire);
    ledger_close(connection, player_end_name(result), &player.wire, player.unread);
    wire_free(&player.wire);
    free(player.rounds);
    free(player.in.bytes);
    free(player.held.bytes);
}
