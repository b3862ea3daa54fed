/* ledger: see ledger.h. */
#include "tests/live/raw/ledger.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ledger_connection {
    uint64_t requests, bytes_after, bytes_unread, handshakes;
    bool goodbye, resumed;
    const char *end; /* static */
    char version[16], name[256], error[160];
};

struct ledger_request {
    uint32_t connection;
    char *head; /* owned, NUL-ended */
    size_t body_size;
    char body_hash[17];
};

static struct {
    pthread_mutex_t lock;
    uint64_t accepted, open, late, handshakes, handshakes_failed;
    uint64_t requests, bodies, bytes_after, per_connection_max;
    struct ledger_connection connections[LEDGER_ROWS_MAX];
    struct ledger_request log[LEDGER_ROWS_MAX];
} ledger = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void ledger_lock(void)
{
    pthread_mutex_lock(&ledger.lock);
}

static void ledger_unlock(void)
{
    pthread_mutex_unlock(&ledger.lock);
}

/* The row of a connection; what is beyond the table shares a spare one. */
static struct ledger_connection *ledger_row(uint32_t connection)
{
    static struct ledger_connection spare;

    return connection <= LEDGER_ROWS_MAX ? &ledger.connections[connection - 1] : &spare;
}

static uint32_t ledger_rows(uint64_t count)
{
    return count < LEDGER_ROWS_MAX ? (uint32_t)count : LEDGER_ROWS_MAX;
}

void ledger_reset(void)
{
    ledger_lock();
    for (uint32_t i = 0; i < ledger_rows(ledger.requests); i++) {
        free(ledger.log[i].head);
    }
    ledger.accepted = ledger.open = ledger.late = 0;
    ledger.handshakes = ledger.handshakes_failed = 0;
    ledger.requests = ledger.bodies = ledger.bytes_after = ledger.per_connection_max = 0;
    ledger_unlock();
}

uint32_t ledger_open(void)
{
    ledger_lock();
    uint32_t connection = (uint32_t)++ledger.accepted;
    ledger.open++;
    *ledger_row(connection) = (struct ledger_connection){ .end = "open" };
    ledger_unlock();
    return connection;
}

void ledger_close(uint32_t connection, const char *end, const struct wire *wire, size_t unread)
{
    ledger_lock();
    struct ledger_connection *row = ledger_row(connection);
    row->end = end;
    row->goodbye = wire->goodbye;
    row->handshakes = wire->handshakes;
    row->bytes_unread = unread;
    snprintf(row->error, sizeof(row->error), "%s", wire->error);
    ledger.open--;
    ledger.late += strcmp(end, "late") == 0;
    ledger_unlock();
}

void ledger_handshake(uint32_t connection, const struct wire *wire, enum wire_result result)
{
    const char *name = SSL_get_servername(wire->ssl, TLSEXT_NAMETYPE_host_name);

    ledger_lock();
    struct ledger_connection *row = ledger_row(connection);
    if (result == WIRE_OK) {
        ledger.handshakes++;
    } else {
        ledger.handshakes_failed++;
    }
    row->handshakes = wire->handshakes;
    row->resumed = SSL_session_reused(wire->ssl) == 1;
    snprintf(row->version, sizeof(row->version), "%s", SSL_get_version(wire->ssl));
    snprintf(row->name, sizeof(row->name), "%s", name == NULL ? "" : name);
    ledger_unlock();
}

uint32_t ledger_head(uint32_t connection, const char *head, size_t size)
{
    ledger_lock();
    struct ledger_connection *row = ledger_row(connection);
    uint32_t request = (uint32_t)++ledger.requests;
    if (request <= LEDGER_ROWS_MAX) {
        ledger.log[request - 1] =
            (struct ledger_request){ .connection = connection, .head = strndup(head, size) };
    }
    row->requests++;
    if (row->requests > ledger.per_connection_max) {
        ledger.per_connection_max = row->requests;
    }
    ledger_unlock();
    return request;
}

void ledger_body(uint32_t request, const char *bytes, size_t size)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;

    EVP_Digest(bytes, size, digest, &digest_size, EVP_sha256(), NULL);
    ledger_lock();
    ledger.bodies++;
    if (request <= LEDGER_ROWS_MAX) {
        struct ledger_request *row = &ledger.log[request - 1];
        row->body_size = size;
        for (int i = 0; i < 8; i++) {
            snprintf(row->body_hash + 2 * i, 3, "%02x", digest[i]);
        }
    }
    ledger_unlock();
}

void ledger_after(uint32_t connection, size_t size)
{
    ledger_lock();
    ledger.bytes_after += size;
    ledger_row(connection)->bytes_after += size;
    ledger_unlock();
}

/* -------- JSON -------- */

static void ledger_put_string(FILE *stream, const char *text, size_t size)
{
    putc('"', stream);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < ' ' || byte == '"' || byte == '\\' || byte >= 0x7f) {
            fprintf(stream, "\\u%04x", byte);
        } else {
            putc(byte, stream);
        }
    }
    putc('"', stream);
}

static void ledger_put_member(FILE *stream, const char *name, const char *text, size_t size)
{
    fprintf(stream, ",\"%s\":", name);
    ledger_put_string(stream, text, size);
}

static void ledger_put_connection(FILE *stream, uint32_t index)
{
    const struct ledger_connection *row = &ledger.connections[index];

    fprintf(stream,
            "%s\n  {\"connection\":%u,\"requests\":%lu,\"bytes_after\":%lu,\"bytes_unread\":%lu,"
            "\"resumed\":%d,\"handshakes\":%lu,\"goodbye\":%d",
            index == 0 ? "" : ",", index + 1, row->requests, row->bytes_after, row->bytes_unread,
            row->resumed, row->handshakes, row->goodbye);
    ledger_put_member(stream, "tls", row->version, strlen(row->version));
    ledger_put_member(stream, "sni", row->name, strlen(row->name));
    ledger_put_member(stream, "end", row->end, strlen(row->end));
    ledger_put_member(stream, "error", row->error, strlen(row->error));
    putc('}', stream);
}

static void ledger_put_request(FILE *stream, uint32_t index)
{
    const struct ledger_request *row = &ledger.log[index];
    size_t method = strcspn(row->head, " \r");
    const char *target = row->head + method + strspn(row->head + method, " ");

    fprintf(stream, "%s\n  {\"request\":%u,\"connection\":%u,\"body_size\":%zu",
            index == 0 ? "" : ",", index + 1, row->connection, row->body_size);
    ledger_put_member(stream, "body_hash", row->body_hash, strlen(row->body_hash));
    ledger_put_member(stream, "method", row->head, method);
    ledger_put_member(stream, "target", target, strcspn(target, " \r"));
    ledger_put_member(stream, "head", row->head, strlen(row->head));
    putc('}', stream);
}

char *ledger_text(size_t *size_out)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, size_out);

    ledger_lock();
    fprintf(stream,
            "{\n\"connections_accepted\": %lu,\n\"connections_open\": %lu,\n"
            "\"connections_late\": %lu,\n\"handshakes\": %lu,\n\"handshakes_failed\": %lu,\n"
            "\"requests\": %lu,\n\"bodies\": %lu,\n\"bytes_after\": %lu,\n"
            "\"requests_per_connection_max\": %lu,\n\"connections\": [",
            ledger.accepted, ledger.open, ledger.late, ledger.handshakes, ledger.handshakes_failed,
            ledger.requests, ledger.bodies, ledger.bytes_after, ledger.per_connection_max);
    for (uint32_t i = 0; i < ledger_rows(ledger.accepted); i++) {
        ledger_put_connection(stream, i);
    }
    fprintf(stream, "],\n\"log\": [");
    for (uint32_t i = 0; i < ledger_rows(ledger.requests); i++) {
        ledger_put_request(stream, i);
    }
    fprintf(stream, "]\n}\n");
    ledger_unlock();
    fclose(stream);
    return text;
}
