/*
 * answer_sim: writes answers; tests/sim/answer_sim.h is the manual.
 */
#include "tests/sim/answer_sim.h"

#include "tests/sim/server_sim.h"
#include "tests/sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *bytes; /* owned; kept for the next answer */
    size_t size, capacity;
};

static struct text whole, events;

static void text_add(struct text *text, const char *bytes, size_t size)
{
    if (text->size + size > text->capacity) {
        text->capacity = 2 * (text->size + size) + 4096;
        text->bytes = realloc(text->bytes, text->capacity);
        assert(text->bytes != NULL);
    }
    if (size > 0) {
        memcpy(text->bytes + text->size, bytes, size);
        text->size += size;
    }
}

static void text_print(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void text_print(struct text *text, const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    assert(size >= 0 && (size_t)size < sizeof(line));
    text_add(text, line, (size_t)size);
}

static struct quoit_span answer_events(const struct answer *answer)
{
    static const char *const ends[] = { "\n", "\r\n", "\r" };

    events.size = 0;
    for (uint32_t i = 0; i < answer->events; i++) {
        struct quoit_span data = ledger_event_data(answer->number, answer->try_index, i);
        const char *name = ledger_event_name(i);
        const char *end = ends[world_below(3)];
        if (world_below(8) == 0) {
            text_print(&events, ": still here%s%s", end, end);
        }
        if (*name != '\0') {
            text_print(&events, "event: %s%s", name, end);
        }
        text_print(&events, "data:%s", world_below(2) == 0 ? " " : "");
        text_add(&events, data.bytes, data.size);
        text_print(&events, "%s%s", end, end);
    }
    return (struct quoit_span){ events.bytes == NULL ? "" : events.bytes, events.size };
}

static void answer_write_interim(void)
{
    if (world_happens(WORLD_ANSWER_INTERIM)) {
        for (uint64_t left = 1 + world_below(3); left > 0; left--) {
            text_print(&whole, world_below(2) == 0 ? "HTTP/1.1 100 Continue\r\n\r\n"
                                                   : "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
        }
    }
}

static void answer_write_head(const struct answer *answer)
{
    answer_write_interim();
    text_print(&whole, "HTTP/1.%d %u %s\r\nX-Number: %u\r\nX-Try: %u\r\nX-Serial: %u\r\n",
               answer->old_version ? 0 : 1, answer->status, world_below(2) == 0 ? "Fine" : "",
               answer->number, answer->try_index, answer->serial);
    if (answer->sse) {
        text_print(&whole, "Content-Type: text/event-stream\r\n");
    }
    if (answer->says_close) {
        text_print(&whole, "Connection: close\r\n");
    }
    if (answer->keep_alive_max != UINT32_MAX) {
        text_print(&whole, "Keep-Alive: max=%u\r\n", answer->keep_alive_max);
    } else if (answer->keep_alive_s > 0) {
        text_print(&whole, "Keep-Alive: timeout=%u, max=1000\r\n", answer->keep_alive_s);
    }
    text_print(&whole, "%s", answer->wait);
    switch (answer->framing) {
    case ANSWER_LENGTH:
        text_print(&whole, "Content-Length: %llu\r\n", (unsigned long long)answer->body_size);
        break;
    case ANSWER_CHUNKS:
        text_print(&whole, "Transfer-Encoding: chunked\r\n");
        break;
    case ANSWER_UNTIL_CLOSE:
    case ANSWER_NO_BODY:
        break;
    }
    text_print(&whole, "\r\n");
}

static void answer_write_chunks(struct quoit_span body)
{
    while (body.size > 0) {
        size_t size = min_u64(body.size, 1 + world_size(body.size) + body.size / 100);
        text_print(&whole, "%zx%s\r\n", size, world_below(8) == 0 ? ";quick=\"yes\"" : "");
        text_add(&whole, body.bytes, size);
        text_print(&whole, "\r\n");
        body.bytes += size;
        body.size -= size;
    }
    text_print(&whole, "0\r\n%s\r\n", world_below(4) == 0 ? "X-Trailer: over\r\n" : "");
}

struct quoit_span answer_write(struct answer *answer)
{
    struct quoit_span body = { world_pattern(answer->number, answer->try_index),
                               answer->body_size };

    if (answer->sse) {
        body = answer_events(answer);
        answer->body_size = body.size;
    }
    whole.size = 0;
    answer_write_head(answer);
    if (!answer->to_head) {
        switch (answer->framing) {
        case ANSWER_LENGTH:
        case ANSWER_UNTIL_CLOSE:
            text_add(&whole, body.bytes, body.size);
            break;
        case ANSWER_CHUNKS:
            answer_write_chunks(body);
            break;
        case ANSWER_NO_BODY:
            break;
        }
    }
    return (struct quoit_span){ whole.bytes, whole.size };
}

struct quoit_span answer_unasked(uint32_t serial, bool last)
{
    whole.size = 0;
    text_print(
        &whole, "HTTP/1.1 %s\r\nX-Number: 0\r\nX-Serial: %u\r\nContent-Length: 6\r\n%s\r\nunused",
        last ? "408 Request Timeout" : "200 OK", serial, last ? "Connection: close\r\n" : "");
    return (struct quoit_span){ whole.bytes, whole.size };
}

/* -------- choosing -------- */

bool answer_turns_away(const struct answer *answer)
{
    return answer->status == 429 || answer->status == 503;
}

static void choose_wait(struct answer *answer)
{
    uint32_t wait = (uint32_t)world_below(3000);

    if (world_happens(WORLD_ANSWER_WAIT_LONG)) {
        snprintf(answer->wait, sizeof(answer->wait), "Retry-After: %u\r\n", 121 + wait);
    } else if (answer->status == 503 || world_below(3) == 0) {
        snprintf(answer->wait, sizeof(answer->wait), "Retry-After: %u\r\n", 1 + wait / 1000);
    } else if (world_below(2) == 0) {
        snprintf(answer->wait, sizeof(answer->wait), "retry-after-ms: %u\r\n", 1 + wait);
    }
}

static uint16_t choose_status(bool early)
{
    static const uint16_t early_statuses[] = { 200, 401, 413 };

    if (early) {
        return early_statuses[world_below(COUNT_OF(early_statuses))];
    }
    if (world_happens(WORLD_ANSWER_429)) {
        return 429;
    }
    if (world_happens(WORLD_ANSWER_503_PACED)) {
        return 503;
    }
    if (world_happens(WORLD_ANSWER_500)) {
        return 500;
    }
    return world_happens(WORLD_ANSWER_EMPTY) ? 204 : 200;
}

static enum answer_framing choose_framing(const struct answer *answer, bool early)
{
    if (answer->status == 204) {
        return ANSWER_NO_BODY;
    }
    if (!early && world_happens(WORLD_ANSWER_CLOSE_DELIMITED)) {
        return ANSWER_UNTIL_CLOSE;
    }
    if (!answer->old_version && (world_happens(WORLD_ANSWER_CHUNKED) || answer->sse)) {
        return ANSWER_CHUNKS;
    }
    return ANSWER_LENGTH;
}

void answer_choose(struct answer *answer, bool early, uint64_t body_size_max)
{
    uint64_t draw = world_below(200);
    uint64_t size_max = draw < 2 ? 512 * 1024 : draw < 30 ? 64 * 1024 : 4096;

    if (answer->status == 0) {
        answer->status = choose_status(early);
        if (answer_turns_away(answer)) {
            choose_wait(answer);
        }
    }
    answer->framing = choose_framing(answer, early);
    answer->sse = answer->sse && answer->status == 200 && !answer->to_head;
    answer->events = answer->sse ? (uint32_t)world_size(40) : 0;
    answer->body_size = answer->status == 204 ? 0 : world_size(min_u64(size_max, body_size_max));
}
