/* incoming: see incoming.h. The callbacks of llhttp stay in this file. */
#include "mock/incoming.h"

#include "mock/text.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#define INCOMING_KEEP_MAX (16u * 1024) /* memory kept from one request to the next, per blob */

/* Store one more piece of the head, or fail the request. */
static int incoming_keep(struct incoming *incoming, struct blob *blob, const char *bytes,
                         size_t size)
{
    if (incoming->target.size + incoming->headers.size + size > INCOMING_HEAD_MAX) {
        incoming->error_status = 431;
        return -1;
    }
    blob_append(blob, bytes, size);
    return 0;
}

static int incoming_on_begin(llhttp_t *parser)
{
    struct incoming *incoming = parser->data;
    incoming->begun = true;
    return 0;
}

static int incoming_on_target(llhttp_t *parser, const char *bytes, size_t size)
{
    struct incoming *incoming = parser->data;
    return incoming_keep(incoming, &incoming->target, bytes, size);
}

static int incoming_on_header_bytes(llhttp_t *parser, const char *bytes, size_t size)
{
    struct incoming *incoming = parser->data;

    if (incoming->head_done) {
        return 0; /* a trailer: nothing here looks at those */
    }
    return incoming_keep(incoming, &incoming->headers, bytes, size);
}

static int incoming_on_header_end(llhttp_t *parser)
{
    struct incoming *incoming = parser->data;

    if (incoming->head_done) {
        return 0;
    }
    return incoming_keep(incoming, &incoming->headers, "", 1);
}

/* Note of the headers what is asked about in every request. */
static void incoming_note_headers(struct incoming *incoming)
{
    const char *name = NULL;
    const char *value = NULL;
    size_t cursor = 0;

    while (incoming_next_header(&incoming->headers, &cursor, &name, &value)) {
        if (strncasecmp(name, "x-mock-", 7) == 0) {
            incoming->has_behaviour = true;
        } else if (strcasecmp(name, "expect") == 0) {
            incoming->expects_continue = strcasecmp(value, "100-continue") == 0;
        }
    }
}

static int incoming_on_head(llhttp_t *parser)
{
    struct incoming *incoming = parser->data;

    parser->upgrade = 0; /* nothing here speaks another protocol, so the next bytes are HTTP too */
    incoming->head_done = true;
    incoming->keep_alive = llhttp_should_keep_alive(parser) != 0;
    incoming_note_headers(incoming);
    return 0;
}

static int incoming_on_body(llhttp_t *parser, const char *bytes, size_t size)
{
    struct incoming *incoming = parser->data;

    if (size > incoming->body_max - incoming->body.size) {
        incoming->error_status = 413;
        return -1;
    }
    blob_append(&incoming->body, bytes, size);
    return 0;
}

static int incoming_on_whole(llhttp_t *parser)
{
    struct incoming *incoming = parser->data;
    incoming->whole = true;
    return HPE_PAUSED; /* so that the next request's bytes stay where they are */
}

static const llhttp_settings_t incoming_settings = {
    .on_message_begin = incoming_on_begin,
    .on_url = incoming_on_target,
    .on_header_field = incoming_on_header_bytes,
    .on_header_field_complete = incoming_on_header_end,
    .on_header_value = incoming_on_header_bytes,
    .on_header_value_complete = incoming_on_header_end,
    .on_headers_complete = incoming_on_head,
    .on_body = incoming_on_body,
    .on_message_complete = incoming_on_whole,
};

void incoming_init(struct incoming *incoming, size_t body_max)
{
    *incoming = (struct incoming){ .body_max = body_max };
    llhttp_init(&incoming->parser, HTTP_REQUEST, &incoming_settings);
    incoming->parser.data = incoming;
}

enum incoming_progress incoming_feed(struct incoming *incoming, const char *bytes, size_t size,
                                     size_t *consumed_out)
{
    assert(!incoming->whole);
    llhttp_errno_t error = llhttp_execute(&incoming->parser, bytes, size);

    if (incoming->whole) {
        assert(error == HPE_PAUSED);
        *consumed_out = (size_t)(llhttp_get_error_pos(&incoming->parser) - bytes);
        return INCOMING_WHOLE;
    }
    *consumed_out = size;
    if (error != HPE_OK) {
        incoming->error_status = incoming->error_status == 0 ? 400 : incoming->error_status;
        return INCOMING_BAD;
    }
    if (incoming->head_done && !incoming->head_told) {
        incoming->head_told = true;
        return INCOMING_HEAD;
    }
    return INCOMING_MORE;
}

void incoming_reset(struct incoming *incoming)
{
    assert(incoming->whole);
    llhttp_resume(&incoming->parser);
    blob_clear(&incoming->target, INCOMING_KEEP_MAX);
    blob_clear(&incoming->headers, INCOMING_KEEP_MAX);
    blob_clear(&incoming->body, INCOMING_KEEP_MAX);
    incoming->begun = false;
    incoming->head_done = false;
    incoming->head_told = false;
    incoming->whole = false;
    incoming->expects_continue = false;
    incoming->has_behaviour = false;
}

void incoming_free(struct incoming *incoming)
{
    blob_free(&incoming->target);
    blob_free(&incoming->headers);
    blob_free(&incoming->body);
}

const char *incoming_method(const struct incoming *incoming)
{
    return llhttp_method_name((llhttp_method_t)incoming->parser.method);
}

bool incoming_next_header(const struct blob *headers, size_t *cursor, const char **name_out,
                          const char **value_out)
{
    if (*cursor >= headers->size) {
        return false;
    }
    const char *name = headers->bytes + *cursor;
    const char *value = name + strlen(name) + 1;
    *cursor += (size_t)(value - name) + strlen(value) + 1;
    *name_out = name;
    *value_out = value;
    return true;
}

const char *incoming_header(const struct incoming *incoming, const char *name)
{
    const char *found = NULL;
    const char *value = NULL;
    size_t cursor = 0;

    while (incoming_next_header(&incoming->headers, &cursor, &found, &value)) {
        if (strcasecmp(found, name) == 0) {
            return value;
        }
    }
    return NULL;
}
