/* raw: see raw.h. The ledger has a line for each connection and request: it is found by its
 * number, and its members by their names. */
#include "tests/live/raw.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAW_ASK_MS 2 /* between two looks into a ledger */

struct live_server raw_start(const char *const *options)
{
    struct live_server server = { 0 };
    const char *command[LIVE_ARGUMENTS_MAX + 2] = { live_build_path("tests/live/raw_server") };
    bool secure = false;
    int out[2];
    char line[128];

    for (size_t i = 0; options[i] != NULL && i < LIVE_ARGUMENTS_MAX; i++) {
        command[i + 1] = options[i];
        secure = secure || strcmp(options[i], "--tls") == 0;
    }
    if (pipe2(out, O_CLOEXEC) != 0) {
        live_give_up("pipe");
    }
    server.pid = live_program_start(command, out[1]);
    close(out[1]);
    live_read_line(out[0], line, sizeof(line));
    server.port = (uint16_t)strtoul(line, NULL, 10);
    live_read_line(out[0], line, sizeof(line));
    server.plain_port = (uint16_t)strtoul(line, NULL, 10);
    close(out[0]);
    snprintf(server.url, sizeof(server.url), "http%s://127.0.0.1:%u", secure ? "s" : "",
             server.port);
    return server;
}

void raw_script(const struct live_server *server, const char *script)
{
    free(live_ask(server, "POST", "/script", script));
}

void raw_go(const struct live_server *server)
{
    free(live_ask(server, "POST", "/go", ""));
}

/* -------- scripts -------- */

static char *raw_reserve(struct raw_text *text, size_t more)
{
    if (text->room - text->size < more + 1) {
        text->room = (text->size + more + 1) * 2;
        text->bytes = realloc(text->bytes, text->room);
    }
    return text->bytes + text->size;
}

void raw_add(struct raw_text *text, const char *format, ...)
{
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    vsnprintf(raw_reserve(text, (size_t)size), (size_t)size + 1, format, again);
    va_end(again);
    va_end(arguments);
    text->size += (size_t)size;
}

void raw_add_bytes(struct raw_text *text, const char *verb, const char *bytes, size_t size)
{
    raw_add(text, "%s \"", verb);
    char *at = raw_reserve(text, 4 * size);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte < ' ' || byte >= 0x7f || byte == '"' || byte == '\\') {
            at += snprintf(at, 5, "\\x%02x", byte);
        } else {
            *at++ = (char)byte;
        }
    }
    text->size = (size_t)(at - text->bytes);
    raw_add(text, "\"\n");
}

void raw_play(const struct live_server *server, struct raw_text *text)
{
    raw_script(server, text->bytes);
    free(text->bytes);
    *text = (struct raw_text){ 0 };
}

/* -------- the ledger -------- */

char *raw_ledger(const struct live_server *server)
{
    return live_ask(server, "GET", "/ledger", "");
}

/* The line that begins with {"KIND":NUMBER, NUL-ended; "" if there is none. The caller frees it. */
static char *raw_line(const char *ledger, const char *kind, uint32_t number)
{
    char begin[64];

    snprintf(begin, sizeof(begin), "\n  {\"%s\":%u,", kind, number);
    const char *found = strstr(ledger, begin);
    return found == NULL ? strdup("") : strndup(found + 1, strcspn(found + 1, "\n"));
}

/* What stands behind "name": ; "" if it is not there. */
static const char *raw_member(const char *line, const char *name)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", name);
    const char *found = strstr(line, quoted);
    return found == NULL ? "" : found + strlen(quoted);
}

static uint64_t raw_number(const char *line, const char *name)
{
    return strtoull(raw_member(line, name), NULL, 10);
}

/* A string, as it stands in the JSON. */
static void raw_string(const char *line, const char *name, char *text, size_t size)
{
    const char *value = raw_member(line, name);
    size_t value_size = *value == '"' ? strcspn(value + 1, "\"") : 0;

    snprintf(text, size, "%.*s", (int)value_size, value_size == 0 ? "" : value + 1);
}

uint64_t raw_ledger_number(const char *ledger, const char *name)
{
    return raw_number(ledger, name);
}

struct raw_connection raw_ledger_connection(const char *ledger, uint32_t number)
{
    char *line = raw_line(ledger, "connection", number);
    struct raw_connection found = {
        .requests = raw_number(line, "requests"),
        .bytes_after = raw_number(line, "bytes_after"),
        .bytes_unread = raw_number(line, "bytes_unread"),
        .handshakes = raw_number(line, "handshakes"),
        .resumed = raw_number(line, "resumed"),
        .goodbye = raw_number(line, "goodbye"),
    };

    raw_string(line, "end", found.end, sizeof(found.end));
    raw_string(line, "tls", found.tls, sizeof(found.tls));
    raw_string(line, "sni", found.sni, sizeof(found.sni));
    raw_string(line, "error", found.error, sizeof(found.error));
    free(line);
    return found;
}

struct raw_connection raw_connection(const struct live_server *server, uint32_t number)
{
    char *ledger = raw_ledger(server);
    struct raw_connection found = raw_ledger_connection(ledger, number);

    free(ledger);
    return found;
}

struct raw_connection raw_await_end(const struct live_server *server, uint32_t number)
{
    uint64_t end_ns = quoit_now_ns() + LIVE_WAIT_MS * LIVE_NS_PER_MS;

    for (;;) {
        struct raw_connection found = raw_connection(server, number);
        if (found.end[0] != '\0' && strcmp(found.end, "open") != 0) {
            return found;
        }
        if (quoit_now_ns() > end_ns) {
            live_give_up("the end of a connection");
        }
        poll(NULL, 0, RAW_ASK_MS); /* a ledger has no event to wait for */
    }
}

struct raw_request raw_ledger_request(const char *ledger, uint32_t number)
{
    char *line = raw_line(ledger, "request", number);
    struct raw_request found = {
        .connection = raw_number(line, "connection"),
        .body_size = raw_number(line, "body_size"),
    };

    raw_string(line, "method", found.method, sizeof(found.method));
    raw_string(line, "target", found.target, sizeof(found.target));
    raw_string(line, "body_hash", found.body_hash, sizeof(found.body_hash));
    raw_string(line, "head", found.head, sizeof(found.head));
    free(line);
    return found;
}

struct raw_request raw_request(const struct live_server *server, uint32_t number)
{
    char *ledger = raw_ledger(server);
    struct raw_request found = raw_ledger_request(ledger, number);

    free(ledger);
    return found;
}

const char *raw_request_header(const struct raw_request *request, const char *name)
{
    static const char line_end[] = "\\u000d\\u000a";
    static char value[512];
    char begin[128];

    snprintf(begin, sizeof(begin), "%s%s: ", line_end, name);
    const char *found = strstr(request->head, begin);
    if (found == NULL) {
        return "";
    }
    found += strlen(begin);
    const char *end = strstr(found, line_end);
    snprintf(value, sizeof(value), "%.*s", end == NULL ? 0 : (int)(end - found), found);
    return value;
}

const char *raw_hash(const char *bytes, size_t size)
{
    static char text[17];
    unsigned char digest[EVP_MAX_MD_SIZE];

    EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL);
    for (int i = 0; i < 8; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    return text;
}
