/* control: see control.h. The peer is a test of ours, so a request that is not in order is one that
 * is not known. */
#include "tests/live/raw/control.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONTROL_SIZE_MAX ((size_t)64 << 20)
#define CONTROL_WAIT_S 10

static enum control_order control_order_of(const char *head)
{
    if (strncmp(head, "GET /ledger ", 12) == 0) {
        return CONTROL_LEDGER;
    }
    if (strncmp(head, "POST /script ", 13) == 0) {
        return CONTROL_SCRIPT;
    }
    return strncmp(head, "POST /go ", 9) == 0 ? CONTROL_GO : CONTROL_UNKNOWN;
}

/* How many bytes there are to be, as far as `text` tells; SIZE_MAX: not yet known. */
static size_t control_size(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strcasestr(text, "\r\nContent-Length:");

    if (end == NULL) {
        return SIZE_MAX;
    }
    size_t body = length == NULL || length > end ? 0 : strtoull(length + 17, NULL, 10);
    return (size_t)(end - text) + 4 + body;
}

void control_read(int fd, struct control_request *request)
{
    struct timeval wait = { .tv_sec = CONTROL_WAIT_S };
    size_t room = 65536, size = 0;
    char *text = malloc(room);
    ssize_t got = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    text[0] = '\0';
    while (got > 0 && size < CONTROL_SIZE_MAX && size < control_size(text)) {
        if (room - size < 2) {
            room *= 2;
            text = realloc(text, room);
        }
        got = read(fd, text + size, room - size - 1);
        size += got > 0 ? (size_t)got : 0;
        text[size] = '\0';
    }
    const char *body = strstr(text, "\r\n\r\n");
    request->order =
        body != NULL && size >= control_size(text) ? control_order_of(text) : CONTROL_UNKNOWN;
    request->body = strdup(body == NULL ? "" : body + 4);
    free(text);
}

void control_answer(int fd, int status, const char *body, size_t size)
{
    FILE *stream = fdopen(fd, "w");

    fprintf(stream, "HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", status,
            size);
    fwrite(body, 1, size, stream);
    fclose(stream);
}
