/*
 * response: see response.h. Bytes go first through the guard, and what passed through llhttp, in
 * pieces that end where a head or the message ends. llhttp's callbacks stay inside this file.
 *
 * A head is collected in options.text as it came, whatever its pieces. When it is whole it moves no
 * more, and is cut into names and values where it lies.
 */
#include "http/response.h"

#include "base/bits.h"

#include <assert.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct llhttp_state {
    llhttp_t parser;
};

static struct response *response_of(const llhttp_t *parser)
{
    return parser->data;
}

/* The first reason stays. -1 makes llhttp stop. */
static int response_fail(struct response *response, enum quoit_error error, const char *detail)
{
    if (response->error == QUOIT_OK) {
        response->error = error;
        response->detail = detail;
    }
    return -1;
}

static int response_append(struct response *response, struct buffer *to, const char *bytes,
                           size_t size)
{
    if (!buffer_append(to, bytes, size)) {
        return response_fail(response, QUOIT_E_NO_MEMORY, "no memory for a response");
    }
    return 0;
}

/*
 * One line "name: value\r\n" in place; `colon` and `cr` are found. The guard has seen to it that
 * they are there. RFC 9110 5.5: blanks around the value are not its.
 */
static struct quoit_header response_cut_line(char *line, char *colon, char *cr)
{
    char *value = colon + 1;

    while (*value == ' ' || *value == '\t') {
        value++;
    }
    while (cr > value && (cr[-1] == ' ' || cr[-1] == '\t')) {
        cr--;
    }
    *colon = *cr = '\0';
    return (struct quoit_header){ .name = line, .value = value };
}

/* options.headers, from the head in options.text, which no longer moves. */
static bool response_make_headers(struct response *response)
{
    struct buffer *text = response->options.text, *headers = response->options.headers;
    uint32_t count = response->guard.lines_count;
    char *end = text->bytes + text->size;

    if (!buffer_reserve(headers, count * sizeof(struct quoit_header))) {
        return false;
    }
    char *line = memchr(text->bytes, 'H', text->size); /* behind empty lines */
    for (uint32_t i = 0; i < count; i++) {
        line = (char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        char *colon = memchr(line, ':', (size_t)(end - line));
        char *cr = memchr(colon, '\r', (size_t)(end - colon));
        struct quoit_header header = response_cut_line(line, colon, cr);
        memcpy(headers->bytes + headers->size, &header, sizeof(header));
        headers->size += sizeof(header);
        line = cr + 1; /* the LF */
    }
    response->headers_count = count;
    return true;
}

static void response_forget_head(struct response *response)
{
    response->headers_count = 0;
    buffer_reset(response->options.text);
    buffer_reset(response->options.headers);
}

/* 101 would make the connection another protocol's, and nobody has asked for one. */
static int response_on_interim(struct response *response)
{
    if (response->guard.status == 101) {
        return response_fail(response, QUOIT_E_PROTOCOL, "101 Switching Protocols, unasked");
    }
    if (response->interim_count == RESPONSE_INTERIM_MAX) {
        return response_fail(response, QUOIT_E_TOO_LARGE, "more interim responses than the limit");
    }
    response->interim_count++;
    response_forget_head(response);
    guard_begin_head(&response->guard);
    return 1;
}

static int response_on_final(struct response *response)
{
    struct guard *guard = &response->guard;
    bool has_body = !response->options.to_head && guard->status != 204 && guard->status != 304;

    response->status = guard->status;
    response->has_length = guard->has_length;
    response->length = guard->length;
    response->ends_with_close = has_body && !guard->chunked && !guard->has_length;
    response->keep_alive = guard->keep_alive && !response->ends_with_close;
    response->head_done = true;
    if (has_body && guard->has_length && guard->length > response->options.body_size_max) {
        return response_fail(response, QUOIT_E_TOO_LARGE, "Content-Length is above the limit");
    }
    guard_begin_body(guard, has_body);
    return has_body ? 0 : 1;
}

/* 0: a body follows, as the headers say; 1: none does, whatever they say; -1: refused. */
static int response_on_head(llhttp_t *parser)
{
    struct response *response = response_of(parser);
    struct guard *guard = &response->guard;

    if (guard->state != GUARD_HEAD_ENDED || guard->status != llhttp_get_status_code(parser)) {
        return response_fail(response, QUOIT_E_PROTOCOL, "a head that can be read in two ways");
    }
    if (!response_make_headers(response)) {
        return response_fail(response, QUOIT_E_NO_MEMORY, "no memory for a response");
    }
    if (!guard_judge(guard, response_headers(response), response->headers_count)) {
        return response_fail(response, guard->error, guard->detail);
    }
    return guard->status < 200 ? response_on_interim(response) : response_on_final(response);
}

static int response_on_body(llhttp_t *parser, const char *bytes, size_t size)
{
    struct response *response = response_of(parser);

    response->body_size += size;
    return response_append(response, response->options.body, bytes, size);
}

static int response_on_end(llhttp_t *parser)
{
    response_of(parser)->parser_ended = true;
    return 0;
}

static const llhttp_settings_t response_callbacks = {
    .on_headers_complete = response_on_head,
    .on_body = response_on_body,
    .on_message_complete = response_on_end,
};

bool response_init(struct response *response)
{
    *response = (struct response){ .parser = malloc(sizeof(struct llhttp_state)) };
    return response->parser != NULL;
}

void response_free(struct response *response)
{
    free(response->parser);
    response->parser = NULL;
}

static void response_begin_parser(struct response *response)
{
    llhttp_t *parser = &response->parser->parser;

    llhttp_init(parser, HTTP_RESPONSE, &response_callbacks);
    parser->data = response;
    response->parser_ended = false;
}

void response_reset(struct response *response, const struct response_options *options)
{
    const struct guard_limits limits = {
        .body_size_max = options->body_size_max,
        .head_size_max = options->head_size_max,
        .headers_max = options->headers_max,
        .extension_size_max = RESPONSE_CHUNK_EXTENSION_MAX,
    };

    *response = (struct response){ .parser = response->parser, .options = *options };
    guard_reset(&response->guard, &limits);
    response_begin_parser(response);
    response_forget_head(response);
    buffer_reset(options->body);
}

/* llhttp knows some faults of a head before the guard judges it: then as the guard names them. */
static const char *response_parser_detail(const llhttp_t *parser)
{
    llhttp_errno_t number = llhttp_get_errno(parser);

    if (number == HPE_INVALID_CONTENT_LENGTH) {
        return "Content-Length is not a number";
    }
    if (number == HPE_UNEXPECTED_CONTENT_LENGTH) {
        return "Content-Length more than once, or with Transfer-Encoding";
    }
    if (number == HPE_INVALID_TRANSFER_ENCODING) {
        return "Transfer-Encoding other than chunked";
    }
    return llhttp_get_error_reason(parser);
}

/* What the guard let through. False: refused; *passed is then cut to what came before. */
static bool response_parse(struct response *response, const char *bytes, size_t *passed)
{
    llhttp_t *parser = &response->parser->parser;
    uint32_t interim_was = response->interim_count;

    if (!response->head_done &&
        response_append(response, response->options.text, bytes, *passed) != 0) {
        return false;
    }
    if (llhttp_execute(parser, bytes, *passed) != HPE_OK) {
        const char *at = llhttp_get_error_pos(parser);
        if (at >= bytes && at < bytes + *passed) {
            *passed = (size_t)(at - bytes);
        }
        response_fail(response, QUOIT_E_PROTOCOL, response_parser_detail(parser));
        return false;
    }
    bool ended = response->guard.state == GUARD_ENDED || response->interim_count != interim_was;
    if (response->guard.state == GUARD_HEAD_ENDED || response->parser_ended != ended) {
        response_fail(response, QUOIT_E_PROTOCOL, "a message that can be read in two ways");
        return false;
    }
    if (response->interim_count != interim_was) {
        response_begin_parser(response);
    }
    return true;
}

static enum response_progress response_invalid(struct response *response)
{
    if (!response->head_done) {
        response_forget_head(response);
    }
    return RESPONSE_INVALID;
}

enum response_progress response_feed(struct response *response, const char *bytes, size_t size,
                                     size_t *consumed_out)
{
    struct guard *guard = &response->guard;
    size_t consumed = 0;

    assert(response->error == QUOIT_OK);
    assert(guard->state != GUARD_ENDED);
    assert(size != 0);
    response->started = true;
    while (consumed < size && guard->state != GUARD_ENDED) {
        size_t passed = 0;
        enum guard_verdict verdict = guard_scan(guard, bytes + consumed, size - consumed, &passed);
        bool sound = passed == 0 || response_parse(response, bytes + consumed, &passed);
        consumed += passed;
        *consumed_out = consumed;
        if (sound && verdict == GUARD_REFUSED) {
            response_fail(response, guard->error, guard->detail);
        }
        if (!sound || verdict == GUARD_REFUSED) {
            return response_invalid(response);
        }
    }
    return guard->state == GUARD_ENDED ? RESPONSE_COMPLETE : RESPONSE_INCOMPLETE;
}

enum response_progress response_end(struct response *response, bool clean)
{
    const char *detail = "it ends in its body";

    assert(response->error == QUOIT_OK);
    assert(response->guard.state != GUARD_ENDED);
    if (response->guard.state == GUARD_REST && clean) {
        response->guard.state = GUARD_ENDED;
        return RESPONSE_COMPLETE;
    }
    if (!response->started) {
        detail = "nothing came";
    } else if (!response->head_done) {
        detail = "it ends in its head";
    } else if (response->guard.state == GUARD_REST) {
        detail = "it ends without TLS close_notify";
    }
    response_fail(response, QUOIT_E_INCOMPLETE, detail);
    return response_invalid(response);
}

const struct quoit_header *response_headers(const struct response *response)
{
    return (const struct quoit_header *)(const void *)response->options.headers->bytes;
}

const char *header_find(const struct quoit_header *headers, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcasecmp(headers[i].name, name) == 0) {
            return headers[i].value;
        }
    }
    return NULL;
}
