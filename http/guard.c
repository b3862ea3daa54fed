/*
 * guard: see guard.h. Here is the scan; the judge stands in guard_judge.c.
 *
 * A state takes either a run of bytes that leave it as it is (guard_runs), or one byte that moves
 * it (guard_step_*). That says all; but a status line of the usual form and a header line, there as
 * a whole and in order, pass in one look (guard_take_*), since nearly all do, and their sizes are
 * noted for the judge. Trailers are not kept, so their names are compared as they pass.
 */
#include "http/guard.h"

#include "base/bits.h"
#include "http/guard_parts.h"
#include "http/octets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define GUARD_SIZE_DIGITS_MAX 16 /* hex digits of a chunk's size: 64 bits */
#define GUARD_STATUS_SIZE 12     /* bytes of "HTTP/1.1 200" */

/* Bytes of this kind leave the state as it is. */
static const uint8_t guard_runs[GUARD_STATES] = {
    [GUARD_REASON] = OCTETS_TEXT,
    [GUARD_NAME] = OCTETS_TOKEN,
    [GUARD_VALUE] = OCTETS_TEXT,
};

void guard_reset(struct guard *guard, const struct guard_limits *limits)
{
    guard->state = GUARD_START;
    guard->in_trailers = false;
    guard->lines_count = 0;
    guard->head_left = limits->head_size_max;
    guard->body_left = limits->body_size_max;
    guard->limits = *limits;
}

void guard_begin_head(struct guard *guard)
{
    assert(guard->state == GUARD_HEAD_ENDED);
    guard->state = GUARD_START;
    guard->lines_count = 0;
}

void guard_begin_body(struct guard *guard, bool has_body)
{
    assert(guard->state == GUARD_HEAD_ENDED);
    guard->index = 0;
    guard->left = guard->length;
    if (!has_body) {
        guard->state = GUARD_ENDED;
    } else if (guard->chunked) {
        guard->state = GUARD_CHUNK_SIZE;
    } else if (guard->has_length) {
        guard->state = guard->length == 0 ? GUARD_ENDED : GUARD_DATA;
    } else {
        guard->state = GUARD_REST;
    }
}

enum guard_verdict guard_refuse(struct guard *guard, enum quoit_error error, const char *detail)
{
    guard->state = GUARD_BROKEN;
    guard->error = error;
    guard->detail = detail;
    return GUARD_REFUSED;
}

/* For a byte that may stand nowhere in a head; `otherwise` where it is another. */
static enum guard_verdict guard_refuse_byte(struct guard *guard, uint8_t byte,
                                            const char *otherwise)
{
    if (byte == '\n') {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a line ends with a bare LF");
    }
    if (byte == '\0') {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a NUL in the head");
    }
    if ((byte < ' ' && byte != '\t' && byte != '\r') || byte == 0x7f) {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a control character in the head");
    }
    return guard_refuse(guard, QUOIT_E_PROTOCOL, otherwise);
}

static enum guard_verdict guard_move(struct guard *guard, enum guard_state state)
{
    guard->state = state;
    return GUARD_MORE;
}

/* The one byte `wanted` leads on. */
static enum guard_verdict guard_expect(struct guard *guard, uint8_t byte, char wanted,
                                       enum guard_state next)
{
    if (byte != (uint8_t)wanted) {
        return guard_refuse(guard, QUOIT_E_PROTOCOL,
                            wanted == '\n' ? "a CR without LF" : "no CR where a line must end");
    }
    return guard_move(guard, next);
}

/* RFC 9112 2.2 knows empty lines before a request only, but servers send them here too. */
static enum guard_verdict guard_step_start(struct guard *guard, uint8_t byte)
{
    if (byte == '\r') {
        return guard_move(guard, GUARD_START_LF);
    }
    if (byte == 'H') {
        guard->index = 1;
        return guard_move(guard, GUARD_STATUS);
    }
    if (byte == 0x15) { /* so does a TLS alert begin, the answer to a request that is none of TLS */
        return guard_refuse(guard, QUOIT_E_PROTOCOL,
                            "not an HTTP response; is it https:// and not http://?");
    }
    return guard_refuse(guard, QUOIT_E_PROTOCOL, "not an HTTP response");
}

/* RFC 9112 4: "HTTP/1.1 200", and then a blank or the line's end. */
static enum guard_verdict guard_step_status(struct guard *guard, uint8_t byte)
{
    static const char first[] = "HTTP/1.";
    uint32_t index = guard->index++;

    if (index < strlen("HTTP/")) {
        return byte == (uint8_t)first[index]
                   ? GUARD_MORE
                   : guard_refuse(guard, QUOIT_E_PROTOCOL, "not an HTTP response");
    }
    if (index <= 8) {
        bool holds = index == 7   ? byte == '0' || byte == '1'
                     : index == 8 ? byte == ' '
                                  : byte == (uint8_t)first[index];
        guard->is_1_1 = index == 7 ? byte == '1' : guard->is_1_1;
        guard->status = 0;
        return holds ? GUARD_MORE
                     : guard_refuse(guard, QUOIT_E_PROTOCOL,
                                    "an HTTP version other than 1.0 and 1.1");
    }
    if (index == 9 && (byte == ' ' || byte == '\t')) {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "more than one blank before the status");
    }
    if (index < GUARD_STATUS_SIZE && byte >= (index == 9 ? '1' : '0') &&
        byte <= (index == 9 ? '5' : '9')) {
        guard->status = (uint16_t)(guard->status * 10 + (byte - '0'));
        return GUARD_MORE;
    }
    if (index == GUARD_STATUS_SIZE && (byte == ' ' || byte == '\r')) {
        return guard_move(guard, byte == ' ' ? GUARD_REASON : GUARD_LINE_LF);
    }
    return guard_refuse_byte(guard, byte, "a status that is not a number from 100 to 599");
}

/* A header line begins; its sizes where it is there as a whole, else 0. */
static void guard_note_line(struct guard *guard, size_t name_size, size_t size)
{
    if (guard->lines_count < GUARD_LINES_NOTED) {
        guard->lines[guard->lines_count] =
            (struct guard_line){ (uint32_t)name_size, (uint32_t)size };
    }
    guard->lines_count++;
}

/* RFC 9110 6.5.1: what frames a message cannot stand behind it. */
static const char *const guard_framing_names[] = { "content-length", "transfer-encoding" };

/* The next bytes of a trailer's name, of which those before were compared. */
static void guard_match_name(struct guard *guard, const char *bytes, size_t size)
{
    for (uint32_t i = 0; i < COUNT_OF(guard_framing_names); i++) {
        const char *name = guard_framing_names[i];
        if (guard->index + size > strlen(name) ||
            strncasecmp(bytes, name + guard->index, size) != 0) {
            guard->names_left &= ~BIT(i);
        }
    }
    guard->index = (uint32_t)min_u64(guard->index + size, UINT8_MAX); /* longer than any */
}

static bool guard_name_frames(const struct guard *guard)
{
    for (uint32_t i = 0; i < COUNT_OF(guard_framing_names); i++) {
        if ((guard->names_left & BIT(i)) != 0 && guard->index == strlen(guard_framing_names[i])) {
            return true;
        }
    }
    return false;
}

static enum guard_verdict guard_step_line_start(struct guard *guard, uint8_t byte)
{
    if (byte == '\r') {
        return guard_move(guard, GUARD_EMPTY_LF);
    }
    if (byte == ':') {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a header without a name");
    }
    if (byte == ' ' || byte == '\t') {
        return guard_refuse(guard, QUOIT_E_PROTOCOL,
                            guard->lines_count == 0 ? "a blank before the first header"
                                                    : "a header goes on in the next line");
    }
    if ((octets_kinds[byte] & OCTETS_TOKEN) == 0) {
        return guard_refuse_byte(guard, byte, "a header name with a character that no token has");
    }
    if (guard->lines_count == guard->limits.headers_max) {
        return guard_refuse(guard, QUOIT_E_TOO_LARGE, "more header lines than the limit");
    }
    guard_note_line(guard, 0, 0);
    if (guard->in_trailers) {
        guard->index = 0;
        guard->names_left = BIT(COUNT_OF(guard_framing_names)) - 1;
        guard_match_name(guard, (const char *)&byte, 1);
    }
    return guard_move(guard, GUARD_NAME);
}

static enum guard_verdict guard_step_name(struct guard *guard, uint8_t byte)
{
    if (byte == ':' && guard->in_trailers && guard_name_frames(guard)) {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a trailer that frames a message");
    }
    if (byte == ':') {
        return guard_move(guard, GUARD_VALUE);
    }
    if (byte == ' ' || byte == '\t') {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a blank in or behind a header name");
    }
    if (byte == '\r') {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a header line without a colon");
    }
    return guard_refuse_byte(guard, byte, "a header name with a character that no token has");
}

static enum guard_verdict guard_step_empty_lf(struct guard *guard, uint8_t byte)
{
    if (guard_expect(guard, byte, '\n', GUARD_HEAD_ENDED) == GUARD_REFUSED) {
        return GUARD_REFUSED;
    }
    if (guard->in_trailers) {
        guard->state = GUARD_ENDED;
        return GUARD_ENDS;
    }
    return GUARD_HEAD_ENDS;
}

/* One byte that ends a run, or stands where there are none. */
static enum guard_verdict guard_step_head(struct guard *guard, uint8_t byte)
{
    switch (guard->state) {
    case GUARD_START:
        return guard_step_start(guard, byte);
    case GUARD_START_LF:
        return guard_expect(guard, byte, '\n', GUARD_START);
    case GUARD_STATUS:
        return guard_step_status(guard, byte);
    case GUARD_REASON:
    case GUARD_VALUE:
        return byte == '\r' ? guard_move(guard, GUARD_LINE_LF)
                            : guard_refuse_byte(guard, byte, "a control character in the head");
    case GUARD_LINE_LF:
        return guard_expect(guard, byte, '\n', GUARD_LINE_START);
    case GUARD_LINE_START:
        return guard_step_line_start(guard, byte);
    case GUARD_NAME:
        return guard_step_name(guard, byte);
    case GUARD_EMPTY_LF:
        return guard_step_empty_lf(guard, byte);
    case GUARD_HEAD_ENDED:
    case GUARD_CHUNK_SIZE:
    case GUARD_EXTENSION:
    case GUARD_CHUNK_LF:
    case GUARD_DATA:
    case GUARD_DATA_CR:
    case GUARD_DATA_LF:
    case GUARD_REST:
    case GUARD_ENDED:
    case GUARD_BROKEN:
    case GUARD_STATES:
        break;
    }
    abort(); /* no state of a head */
}

/* Behind the CRLF of the text that begins at `at`; NULL: it is not there whole, or not in order. */
static const char *guard_text_end(const char *at, const char *end)
{
    at = octets_run_end(OCTETS_TEXT, at, end);
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n' ? at + 2 : NULL;
}

/* A status line of the usual form; 0: it is not so. */
static size_t guard_take_status(struct guard *guard, const char *bytes, const char *end)
{
    static const char usual[] = "HTTP/1.1 ";
    const char *digits = bytes + sizeof(usual) - 1;

    if (end - bytes <= GUARD_STATUS_SIZE || memcmp(bytes, usual, sizeof(usual) - 1) != 0) {
        return 0;
    }
    uint32_t first = (uint8_t)digits[0] - '0';
    uint32_t second = (uint8_t)digits[1] - '0', third = (uint8_t)digits[2] - '0';
    if (first < 1 || first > 5 || second > 9 || third > 9 || digits[3] != ' ') {
        return 0;
    }
    const char *next = guard_text_end(digits + strlen("200 "), end);
    if (next == NULL) {
        return 0;
    }
    guard->status = (uint16_t)(first * 100 + second * 10 + third);
    guard->is_1_1 = true;
    guard->state = GUARD_LINE_START;
    return (size_t)(next - bytes);
}

/*
 * As many header lines that are whole and in order as come here; states are for the others, and for
 * trailers.
 */
static size_t guard_take_lines(struct guard *guard, const char *bytes, const char *end)
{
    const char *line = bytes;

    while (!guard->in_trailers && guard->lines_count < guard->limits.headers_max) {
        const char *colon = octets_run_end(OCTETS_TOKEN, line, end);
        if (colon == line || colon == end || *colon != ':') {
            break;
        }
        const char *next = guard_text_end(colon + 1, end);
        if (next == NULL) {
            break;
        }
        guard_note_line(guard, (size_t)(colon - line), (size_t)(next - line));
        line = next;
    }
    return (size_t)(line - bytes);
}

/* A head or the trailers, as far as the bytes and the limit go. */
static enum guard_verdict guard_scan_head(struct guard *guard, const char *bytes, size_t size,
                                          size_t *passed_out)
{
    size_t end = (size_t)min_u64(size, guard->head_left);
    enum guard_verdict verdict = GUARD_MORE;
    size_t i = 0;

    while (i < end && verdict == GUARD_MORE) {
        if (guard->state == GUARD_START) {
            i += guard_take_status(guard, bytes + i, bytes + end);
        }
        if (guard->state == GUARD_LINE_START) {
            i += guard_take_lines(guard, bytes + i, bytes + end);
        } else if (guard_runs[guard->state] != 0) {
            const char *run = bytes + i;
            i = (size_t)(octets_run_end(guard_runs[guard->state], run, bytes + end) - bytes);
            if (guard->in_trailers && guard->state == GUARD_NAME) {
                guard_match_name(guard, run, (size_t)(bytes + i - run));
            }
        }
        if (i < end) {
            verdict = guard_step_head(guard, (uint8_t)bytes[i]);
            i += verdict != GUARD_REFUSED;
        }
    }
    guard->head_left -= i;
    *passed_out = i;
    if (verdict == GUARD_MORE && i < size) {
        return guard_refuse(guard, QUOIT_E_TOO_LARGE, "the head is larger than the limit");
    }
    return verdict;
}

/* -1: no hex digit. */
static int guard_hex(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static enum guard_verdict guard_step_size(struct guard *guard, uint8_t byte)
{
    int digit = guard_hex(byte);

    if (digit >= 0 && guard->index < GUARD_SIZE_DIGITS_MAX) {
        guard->left = guard->left << 4 | (uint64_t)digit; /* 0 between chunks */
        guard->index++;
        return GUARD_MORE;
    }
    if (digit >= 0) {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a chunk's size of more than 16 digits");
    }
    if (guard->index != 0 && byte == '\r') {
        return guard_move(guard, GUARD_CHUNK_LF);
    }
    if (guard->index != 0 && byte == ';') {
        guard->extension_size = 1;
        return guard_move(guard, GUARD_EXTENSION);
    }
    return guard_refuse(guard, QUOIT_E_PROTOCOL, "a chunk's size that is not a hex number");
}

static enum guard_verdict guard_step_extension(struct guard *guard, uint8_t byte)
{
    if (byte == '\r') {
        return guard_move(guard, GUARD_CHUNK_LF);
    }
    if ((octets_kinds[byte] & OCTETS_TEXT) == 0) {
        return guard_refuse(guard, QUOIT_E_PROTOCOL, "a control character in a chunk extension");
    }
    if (guard->extension_size == guard->limits.extension_size_max) {
        return guard_refuse(guard, QUOIT_E_TOO_LARGE, "a chunk extension larger than the limit");
    }
    guard->extension_size++;
    return GUARD_MORE;
}

static enum guard_verdict guard_step_chunk_lf(struct guard *guard, uint8_t byte)
{
    if (guard_expect(guard, byte, '\n', GUARD_DATA) == GUARD_REFUSED) {
        return GUARD_REFUSED;
    }
    if (guard->left == 0) { /* the last chunk */
        guard->in_trailers = true;
        guard->head_left += strlen("\r\n"); /* the empty line is the chunks', not the trailers' */
        guard->state = GUARD_LINE_START;
    }
    return GUARD_MORE;
}

/* One byte of what stands around the data of chunks. */
static enum guard_verdict guard_step_chunk(struct guard *guard, uint8_t byte)
{
    switch (guard->state) {
    case GUARD_CHUNK_SIZE:
        return guard_step_size(guard, byte);
    case GUARD_EXTENSION:
        return guard_step_extension(guard, byte);
    case GUARD_CHUNK_LF:
        return guard_step_chunk_lf(guard, byte);
    case GUARD_DATA_CR:
        return guard_expect(guard, byte, '\r', GUARD_DATA_LF);
    case GUARD_DATA_LF:
        guard->index = 0;
        return guard_expect(guard, byte, '\n', GUARD_CHUNK_SIZE);
    case GUARD_START:
    case GUARD_START_LF:
    case GUARD_STATUS:
    case GUARD_REASON:
    case GUARD_LINE_LF:
    case GUARD_LINE_START:
    case GUARD_NAME:
    case GUARD_VALUE:
    case GUARD_EMPTY_LF:
    case GUARD_HEAD_ENDED:
    case GUARD_DATA:
    case GUARD_REST:
    case GUARD_ENDED:
    case GUARD_BROKEN:
    case GUARD_STATES:
        break;
    }
    abort(); /* no state between chunks */
}

/* Body bytes, which may be any, as far as the length and the limit go. */
static enum guard_verdict guard_scan_data(struct guard *guard, size_t size, size_t *passed_out)
{
    uint64_t wanted = guard->state == GUARD_REST ? size : min_u64(size, guard->left);
    uint64_t passed = min_u64(wanted, guard->body_left);

    guard->body_left -= passed;
    *passed_out = (size_t)passed;
    if (passed < wanted) {
        return guard_refuse(guard, QUOIT_E_TOO_LARGE, "the body is larger than the limit");
    }
    if (guard->state == GUARD_REST) {
        return GUARD_MORE;
    }
    guard->left -= passed;
    if (guard->left != 0) {
        return GUARD_MORE;
    }
    if (guard->chunked) {
        return guard_move(guard, GUARD_DATA_CR);
    }
    guard->state = GUARD_ENDED;
    return GUARD_ENDS;
}

enum guard_verdict guard_scan(struct guard *guard, const char *bytes, size_t size,
                              size_t *passed_out)
{
    enum guard_verdict verdict = GUARD_MORE;
    size_t passed = 0;

    assert(guard->state != GUARD_HEAD_ENDED);
    assert(guard->state < GUARD_ENDED);
    while (passed < size && verdict == GUARD_MORE) {
        size_t more = 0;
        if (guard->state < GUARD_HEAD_ENDED) {
            verdict = guard_scan_head(guard, bytes + passed, size - passed, &more);
        } else if (guard->state == GUARD_DATA || guard->state == GUARD_REST) {
            verdict = guard_scan_data(guard, size - passed, &more);
        } else {
            verdict = guard_step_chunk(guard, (uint8_t)bytes[passed]);
            more = verdict != GUARD_REFUSED;
        }
        passed += more;
    }
    *passed_out = passed;
    return verdict;
}
