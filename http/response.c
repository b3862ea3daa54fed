/*
 * response: see response.h. Bytes go first through the guard, and what passed through llhttp, whose
 * callbacks stay inside this file.
 *
 * A head is collected in options.text as it came. When it is whole, llhttp reads it in one go, and
 * then the guard cuts it into names and values where it lies, since it moves no more. What comes
 * behind the head goes to llhttp in the pieces that come.
 */
#include "http/response.h"

#include "base/bits.h"

#include <assert.h>
#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RESPONSE_NO_MEMORY "no memory for a response"

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
        return response_fail(response, QUOIT_E_NO_MEMORY, RESPONSE_NO_MEMORY);
    }
    return 0;
}

static void response_forget_head(struct response *response)
{
    response->headers_count = 0;
    buffer_reset(response->options.text);
    buffer_reset(response->options.headers);
}

/* Has it one, if its headers say so? */
static bool response_may_have_body(const struct response *response)
{
    uint16_t status = response->guard.status;

    return !response->options.to_head && status >= 200 && status != 204 && status != 304;
}

/* 1 tells llhttp that no body follows, whatever the headers say. */
static int response_on_head(llhttp_t *parser)
{
    struct response *response = response_of(parser);

    response->parser_past_head = true;
    return response_may_have_body(response) ? 0 : 1;
}

static int response_on_body(llhttp_t *parser, const char *bytes, size_t size)
{
    struct response *response = response_of(parser);

    response->body_size += size;
    if (response->options.discards && response->status / 100 == 2) {
        return 0;
    }
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
    response->parser_past_head = false;
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

    response->status = 0;
    response->head_done = false;
    response->keep_alive = false;
    response->ends_with_close = false;
    response->has_length = false;
    response->length = 0;
    response->started = false;
    response->begun = false;
    response->body_size = 0;
    response->interim_count = 0;
    response->error = QUOIT_OK;
    response->detail = NULL;
    response->options = *options;
    guard_reset(&response->guard, &limits);
    response_begin_parser(response);
    response_forget_head(response);
    buffer_reset(options->body);
}

/* Did llhttp find the end where the guard did? */
static bool response_is_agreed(struct response *response, bool ended)
{
    if (response->parser_ended != ended) {
        response_fail(response, QUOIT_E_PROTOCOL, "a message that can be read in two ways");
        return false;
    }
    return true;
}

/* 101 would make the connection another protocol's, and nobody has asked for one. */
static bool response_take_interim(struct response *response)
{
    if (response->guard.status == 101) {
        response_fail(response, QUOIT_E_PROTOCOL, "101 Switching Protocols, unasked");
        return false;
    }
    if (!response->guard.keep_alive) {
        response_fail(response, QUOIT_E_PROTOCOL, "an interim response that ends the connection");
        return false;
    }
    if (response->interim_count == RESPONSE_INTERIM_MAX) {
        response_fail(response, QUOIT_E_TOO_LARGE, "more interim responses than the limit");
        return false;
    }
    if (!response_is_agreed(response, true)) {
        return false;
    }
    response->interim_count++;
    response->begun = false;
    response_forget_head(response);
    response_begin_parser(response);
    guard_begin_head(&response->guard);
    return true;
}

static bool response_take_final(struct response *response)
{
    struct guard *guard = &response->guard;
    bool has_body = response_may_have_body(response);

    response->status = guard->status;
    response->has_length = guard->has_length;
    response->length = guard->length;
    response->ends_with_close = has_body && !guard->chunked && !guard->has_length;
    response->keep_alive = guard->keep_alive && !response->ends_with_close;
    response->head_done = true;
    if (has_body && guard->has_length && guard->length > response->options.body_size_max) {
        response_fail(response, QUOIT_E_TOO_LARGE, "Content-Length is above the limit");
        return false;
    }
    guard_begin_body(guard, has_body);
    return response_is_agreed(response, guard->state == GUARD_ENDED);
}

/* options.headers, from the head in options.text, which no longer moves. */
static bool response_cut_head(struct response *response)
{
    struct guard *guard = &response->guard;
    struct buffer *text = response->options.text, *headers = response->options.headers;
    size_t headers_size = guard->lines_count * sizeof(struct quoit_header);

    if (!buffer_reserve(headers, headers_size)) {
        response_fail(response, QUOIT_E_NO_MEMORY, RESPONSE_NO_MEMORY);
        return false;
    }
    if (!guard_judge(guard, text->bytes, text->size, (void *)headers->bytes)) {
        response_fail(response, guard->error, guard->detail);
        return false;
    }
    headers->size = headers_size;
    response->headers_count = guard->lines_count;
    return true;
}

/* The names that llhttp acts on (connection, content-length, ...) begin with one of these. */
static bool response_line_may_frame(char first)
{
    char letter = (char)(first | 0x20);

    return letter == 'c' || letter == 'p' || letter == 't' || letter == 'u';
}

/*
 * Let llhttp read the head. Lines of other names it could only pass over, byte by byte, and the
 * guard has judged each of those: they are left out, where the guard has noted how long they are.
 */
static llhttp_errno_t response_parse_head(struct response *response, const char *head, size_t size)
{
    const struct guard *guard = &response->guard;
    llhttp_t *parser = &response->parser->parser;
    const char *end = head + size;
    const char *from = head;                      /* not yet read */
    const char *status = memchr(head, 'H', size); /* behind empty lines */
    const char *line = (const char *)memchr(status, '\n', (size_t)(end - status)) + 1;
    uint32_t count = (uint32_t)min_u64(guard->lines_count, GUARD_LINES_NOTED);

    for (uint32_t i = 0; i < count && guard->lines[i].size != 0; i++) {
        const char *next = line + guard->lines[i].size;
        if (!response_line_may_frame(*line)) {
            if (from < line && llhttp_execute(parser, from, (size_t)(line - from)) != HPE_OK) {
                return llhttp_get_errno(parser);
            }
            from = next;
        }
        line = next;
    }
    return llhttp_execute(parser, from, (size_t)(end - from));
}

/*
 * Did llhttp find the same in the head as the guard? Where only one of them sees chunks, their
 * sizes would pass for a body until the end shows it.
 */
static bool response_heads_agree(const struct response *response)
{
    const struct guard *guard = &response->guard;
    const llhttp_t *parser = &response->parser->parser;

    if (parser->status_code != guard->status) {
        return false;
    }
    if (!response_may_have_body(response) || response->parser_ended) {
        return true; /* it has forgotten; where the end is gets compared anyway */
    }
    return ((parser->flags & F_CHUNKED) != 0) == guard->chunked &&
           ((parser->flags & F_CONTENT_LENGTH) != 0) == guard->has_length &&
           (!guard->has_length || parser->content_length == guard->length);
}

/*
 * The head is whole and stands in options.text. llhttp reads it as it came, since cutting puts NULs
 * into it; but the guard's word for a fault goes first, since llhttp's depends on its version.
 */
static bool response_take_head(struct response *response)
{
    struct guard *guard = &response->guard;
    struct buffer *text = response->options.text;
    llhttp_t *parser = &response->parser->parser;
    llhttp_errno_t refused = response_parse_head(response, text->bytes, text->size);

    if (!response_cut_head(response)) {
        return false;
    }
    if (guard->status == 101) {
        return response_take_interim(response); /* for which llhttp has a way of its own */
    }
    if (refused != HPE_OK) {
        response_fail(response, QUOIT_E_PROTOCOL, llhttp_get_error_reason(parser));
        return false;
    }
    if (!response->parser_past_head || !response_heads_agree(response)) {
        response_fail(response, QUOIT_E_PROTOCOL, "a head that can be read in two ways");
        return false;
    }
    return guard->status < 200 ? response_take_interim(response) : response_take_final(response);
}

/* Bytes behind the head that passed the guard; *passed is cut where llhttp refuses one of them. */
static bool response_take_rest(struct response *response, const char *bytes, size_t *passed)
{
    llhttp_t *parser = &response->parser->parser;

    if (llhttp_execute(parser, bytes, *passed) != HPE_OK) {
        const char *at = llhttp_get_error_pos(parser);
        if (at >= bytes && at < bytes + *passed) {
            *passed = (size_t)(at - bytes);
        }
        response_fail(response, QUOIT_E_PROTOCOL, llhttp_get_error_reason(parser));
        return false;
    }
    return response_is_agreed(response, response->guard.state == GUARD_ENDED);
}

/* What the guard let through. False: refused all the same. */
static bool response_take(struct response *response, const char *bytes, size_t *passed,
                          enum guard_verdict verdict)
{
    if (*passed == 0) {
        return true;
    }
    if (response->head_done) {
        return response_take_rest(response, bytes, passed);
    }
    if (response_append(response, response->options.text, bytes, *passed) != 0) {
        return false;
    }
    return verdict != GUARD_HEAD_ENDS || response_take_head(response);
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
        response->begun = true;
        enum guard_verdict verdict = guard_scan(guard, bytes + consumed, size - consumed, &passed);
        bool sound = response_take(response, bytes + consumed, &passed, verdict);
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

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *response_library(void)
{
    return VERSION_TEXT(LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}

bool response_is_json(const struct response *response)
{
    const char *type =
        header_find(response_headers(response), response->headers_count, "content-type");
    size_t size = type == NULL ? 0 : strcspn(type, "; \t");

    return (size == strlen("application/json") &&
            strncasecmp(type, "application/json", size) == 0) ||
           (size > 5 && strncasecmp(type + size - 5, "+json", 5) == 0);
}

void response_set_body_max(struct response *response, uint64_t body_size_max)
{
    assert(response->head_done);
    response->options.body_size_max = body_size_max;
    response->guard.body_left =
        body_size_max > response->body_size ? body_size_max - response->body_size : 0;
}
