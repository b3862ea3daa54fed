/*
 * reference: see reference.h. Top down: a message is lines and a body; a line is what stands before
 * CR LF. Where a rule is from an RFC its section stands beside it; the others are Quoit's own.
 */
#include "tests/fuzz/reference.h"

#include <string.h>

/* What is read, and where the reading stands. The first verdict but COMPLETE stays. */
struct reader {
    const uint8_t *bytes;
    size_t size, at;
    enum reference_verdict verdict;
    const char *why;
};

static bool reader_stop(struct reader *reader, enum reference_verdict verdict, const char *why)
{
    if (reader->verdict == REFERENCE_COMPLETE) {
        reader->verdict = verdict;
        reader->why = why;
    }
    return false;
}

static bool reader_refuse(struct reader *reader, const char *why)
{
    return reader_stop(reader, REFERENCE_REFUSED, why);
}

/* --- Characters --- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* RFC 9110 5.6.2: tchar */
static bool is_token_character(uint8_t c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* RFC 9110 5.5, RFC 9112 4: HTAB, SP, VCHAR, obs-text */
static bool is_text_character(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c <= '~') || c >= 0x80;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static bool is_all(struct reference_span span, bool (*holds)(uint8_t))
{
    for (size_t i = 0; i < span.size; i++) {
        if (!holds(span.bytes[i])) {
            return false;
        }
    }
    return true;
}

static bool is_token(struct reference_span span)
{
    return span.size > 0 && is_all(span, is_token_character);
}

bool reference_is(struct reference_span span, const char *text)
{
    return span.size == strlen(text) && memcmp(span.bytes, text, span.size) == 0;
}

bool reference_is_in_any_case(struct reference_span span, const char *text)
{
    if (span.size != strlen(text)) {
        return false;
    }
    for (size_t i = 0; i < span.size; i++) {
        if (lower(span.bytes[i]) != lower((uint8_t)text[i])) {
            return false;
        }
    }
    return true;
}

static struct reference_span trimmed(struct reference_span span)
{
    while (span.size > 0 && is_blank(span.bytes[0])) {
        span.bytes++;
        span.size--;
    }
    while (span.size > 0 && is_blank(span.bytes[span.size - 1])) {
        span.size--;
    }
    return span;
}

/* --- Lines --- */

/* RFC 9112 2.2: up to CR LF, which belong together and stand nowhere else. */
static bool read_line(struct reader *reader, struct reference_span *line_out)
{
    size_t end = reader->at;

    while (end < reader->size && reader->bytes[end] != '\r' && reader->bytes[end] != '\n') {
        end++;
    }
    if (end == reader->size || (reader->bytes[end] == '\r' && end + 1 == reader->size)) {
        return reader_stop(reader, REFERENCE_PARTIAL, "in a line");
    }
    if (reader->bytes[end] == '\n' || reader->bytes[end + 1] != '\n') {
        return reader_refuse(reader, "a bare CR or LF");
    }
    *line_out = (struct reference_span){ reader->bytes + reader->at, end - reader->at };
    reader->at = end + 2;
    return true;
}

/* RFC 9112 5: field-name ":" OWS field-value OWS; no folding (5.2). */
static bool cut_field(struct reader *reader, struct reference_span line,
                      struct reference_line *field_out)
{
    const uint8_t *colon = memchr(line.bytes, ':', line.size);

    if (colon == NULL) {
        return reader_refuse(reader, "a field line without a colon");
    }
    struct reference_span name = { line.bytes, (size_t)(colon - line.bytes) };
    struct reference_span value = { colon + 1, line.size - name.size - 1 };
    if (!is_token(name)) {
        return reader_refuse(reader, "a field name that is no token");
    }
    if (!is_all(value, is_text_character)) {
        return reader_refuse(reader, "a control character in a field value");
    }
    *field_out = (struct reference_line){ name, trimmed(value) };
    return true;
}

/* RFC 9110 6.5.1: what frames a message cannot stand behind it. */
static bool is_framing(struct reference_span name)
{
    return reference_is_in_any_case(name, "Content-Length") ||
           reference_is_in_any_case(name, "Transfer-Encoding");
}

/* Field lines up to the empty one; lines_out NULL: they are trailers, and only checked. */
static bool read_fields(struct reader *reader, uint64_t lines_max, struct reference_line *lines_out,
                        uint32_t *count)
{
    struct reference_span line;
    struct reference_line field;

    while (read_line(reader, &line)) {
        if (line.size == 0) {
            return true;
        }
        if (!cut_field(reader, line, &field)) {
            return false;
        }
        if (*count == lines_max || *count == REFERENCE_LINES_MAX) {
            return reader_stop(reader, REFERENCE_TOO_LARGE, "lines");
        }
        if (lines_out != NULL) {
            lines_out[*count] = field;
        } else if (is_framing(field.name)) {
            return reader_refuse(reader, "a trailer that frames");
        }
        ++*count;
    }
    return false;
}

/* --- What the fields say --- */

/* RFC 9112 6.2: 1*DIGIT, of 64 bits. */
static bool read_length(struct reader *reader, struct reference_span value, uint64_t *length_out)
{
    if (value.size == 0 || !is_all(value, is_digit)) {
        return reader_refuse(reader, "Content-Length is no number");
    }
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        uint64_t digit = (uint64_t)(value.bytes[i] - '0');
        if (length > (UINT64_MAX - digit) / 10) {
            return reader_refuse(reader, "Content-Length beyond 64 bits");
        }
        length = length * 10 + digit;
    }
    *length_out = length;
    return true;
}

/* RFC 9110 5.6.1: is `word` an element of the list? Quoit's: blanks part elements as commas do. */
static bool list_has(struct reference_span list, const char *word)
{
    size_t start = 0;

    for (size_t i = 0; i <= list.size; i++) {
        if (i == list.size || list.bytes[i] == ',' || is_blank(list.bytes[i])) {
            struct reference_span element = { list.bytes + start, i - start };
            if (reference_is_in_any_case(element, word)) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

/* One head, and what it says about its end. */
struct head {
    bool is_1_1;
    uint32_t status;
    bool chunked, has_length, keep_alive, has_extras;
    uint64_t length;
};

/* Is there a tab behind the value? It is legal, and llhttp does not know it behind all values. */
static bool is_followed_by_tab(const struct reference_line *line)
{
    const uint8_t *at = line->value.bytes + line->value.size;

    while (*at == ' ') {
        at++;
    }
    return *at == '\t';
}

/* RFC 9112 6.1 to 6.3; Quoit takes each at most once, not both, and of codings `chunked` only. */
static bool judge_fields(struct reader *reader, const struct reference_line *lines, uint32_t count,
                         struct head *head)
{
    bool says_close = false, says_keep_alive = false;

    for (uint32_t i = 0; i < count; i++) {
        if (reference_is_in_any_case(lines[i].name, "Content-Length")) {
            if (head->has_length) {
                return reader_refuse(reader, "Content-Length twice");
            }
            head->has_length = true;
            head->has_extras = head->has_extras || is_followed_by_tab(&lines[i]);
            if (!read_length(reader, lines[i].value, &head->length)) {
                return false;
            }
        }
        if (reference_is_in_any_case(lines[i].name, "Transfer-Encoding")) {
            if (head->chunked || !head->is_1_1 ||
                !reference_is_in_any_case(lines[i].value, "chunked")) {
                return reader_refuse(reader, "Transfer-Encoding");
            }
            head->chunked = true;
            head->has_extras = head->has_extras || is_followed_by_tab(&lines[i]);
        }
        if (reference_is_in_any_case(lines[i].name, "Connection")) {
            says_close = says_close || list_has(lines[i].value, "close");
            says_keep_alive = says_keep_alive || list_has(lines[i].value, "keep-alive");
        }
    }
    if (head->chunked && head->has_length) {
        return reader_refuse(reader, "Content-Length and Transfer-Encoding");
    }
    head->keep_alive = (head->is_1_1 || says_keep_alive) && !says_close; /* RFC 9112 9.3 */
    return true;
}

/* RFC 9112 4: "HTTP/1.1" SP 3DIGIT [ SP reason ], of 1.0 and 1.1, from 100 to 599. */
static bool read_status_line(struct reader *reader, struct head *head)
{
    struct reference_span line;

    if (!read_line(reader, &line)) {
        return false;
    }
    const uint8_t *text = line.bytes;
    if (line.size < 12 || memcmp(text, "HTTP/1.", 7) != 0 || (text[7] != '0' && text[7] != '1') ||
        text[8] != ' ' || text[9] < '1' || text[9] > '5' || !is_digit(text[10]) ||
        !is_digit(text[11])) {
        return reader_refuse(reader, "not a status line");
    }
    struct reference_span rest = { text + 12, line.size - 12 };
    if (rest.size > 0 && (rest.bytes[0] != ' ' || !is_all(rest, is_text_character))) {
        return reader_refuse(reader, "a reason that may not stand there");
    }
    head->is_1_1 = text[7] == '1';
    head->status = (uint32_t)(text[9] - '0') * 100 + (uint32_t)(text[10] - '0') * 10 +
                   (uint32_t)(text[11] - '0');
    return true;
}

/* --- Bodies --- */

struct body {
    uint8_t *bytes;
    size_t size;
    bool has_extras;
};

/* What is there of `size` bytes, as far as it is allowed. */
static bool take_body(struct reader *reader, struct body *body, uint64_t size, uint64_t size_max)
{
    size_t there = reader->size - reader->at;
    uint64_t room = size_max - body->size, taken = size < there ? size : there;
    bool fits = taken <= room;

    taken = fits ? taken : room;
    if (taken > 0) {
        memcpy(body->bytes + body->size, reader->bytes + reader->at, taken);
    }
    body->size += taken;
    reader->at += taken;
    if (!fits) {
        return reader_stop(reader, REFERENCE_TOO_LARGE, "body");
    }
    return taken == size || reader_stop(reader, REFERENCE_PARTIAL, "in the body");
}

static int hex_digit(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * RFC 9112 7.1: chunk-size [ chunk-ext ] CRLF; 1 to 16 digits. Extensions are ignored (7.1.1), so
 * that any text may stand behind a ';'.
 */
static bool read_chunk_size(struct reader *reader, uint64_t extension_max, struct body *body,
                            uint64_t *size_out)
{
    struct reference_span line;
    size_t digits = 0;

    if (!read_line(reader, &line)) {
        return false;
    }
    for (*size_out = 0; digits < line.size && hex_digit(line.bytes[digits]) >= 0; digits++) {
        *size_out = *size_out * 16 + (uint64_t)hex_digit(line.bytes[digits]);
    }
    if (digits == 0 || digits > 16) {
        return reader_refuse(reader, "a chunk size");
    }
    struct reference_span rest = { line.bytes + digits, line.size - digits };
    if (rest.size > 0 && (rest.bytes[0] != ';' || !is_all(rest, is_text_character))) {
        return reader_refuse(reader, "a chunk extension");
    }
    body->has_extras = body->has_extras || rest.size != 0;
    return rest.size <= extension_max || reader_stop(reader, REFERENCE_TOO_LARGE, "extension");
}

/* RFC 9112 7.1: chunks, the last one, and trailers, of which *trailers_out gets the bytes. */
static bool read_chunks(struct reader *reader, const struct reference_limits *limits,
                        struct body *body, uint32_t lines_count, size_t *trailers_out)
{
    struct reference_span line;
    uint64_t size;

    while (read_chunk_size(reader, limits->extension_max, body, &size)) {
        if (size == 0) {
            size_t start = reader->at;
            bool whole = read_fields(reader, limits->lines_max, NULL, &lines_count);
            *trailers_out = reader->at - start;
            body->has_extras = body->has_extras || *trailers_out > strlen("\r\n");
            return whole;
        }
        if (!take_body(reader, body, size, limits->body_size_max) || !read_line(reader, &line)) {
            return false;
        }
        if (line.size != 0) {
            return reader_refuse(reader, "a chunk longer than its size");
        }
    }
    return false;
}

/* RFC 9112 6.3, 8: up to the end of the connection. */
static bool read_rest(struct reader *reader, const struct reference_limits *limits,
                      struct body *body)
{
    if (!take_body(reader, body, reader->size - reader->at, limits->body_size_max)) {
        return false;
    }
    return limits->end == REFERENCE_CLOSED ||
           reader_stop(reader, REFERENCE_PARTIAL, "up to the end");
}

/* --- A response --- */

/* Interim responses and the final head. */
static bool read_heads(struct reader *reader, const struct reference_limits *limits,
                       struct head *head, struct reference_response *response)
{
    struct reference_span empty;

    for (;;) {
        while (reader->at < reader->size && reader->bytes[reader->at] == '\r') {
            if (!read_line(reader, &empty)) { /* Quoit's: empty lines before it */
                return false;
            }
        }
        *head = (struct head){ 0 };
        response->lines_count = 0;
        if (!read_status_line(reader, head) ||
            !read_fields(reader, limits->lines_max, response->lines, &response->lines_count)) {
            return false;
        }
        if (reader->at > limits->head_size_max) {
            return reader_stop(reader, REFERENCE_TOO_LARGE, "head");
        }
        if (!limits->to_connect &&
            !judge_fields(reader, response->lines, response->lines_count, head)) {
            return false;
        }
        response->has_extras = response->has_extras || head->has_extras;
        if (head->status >= 200) {
            return true;
        }
        if (head->status == 101 || (!limits->to_connect && !head->keep_alive)) {
            return reader_refuse(reader, "an interim response that ends this protocol");
        }
        if (response->interim_count == limits->interim_max) {
            return reader_stop(reader, REFERENCE_TOO_LARGE, "interim responses");
        }
        response->interim_count++;
    }
}

static bool read_body(struct reader *reader, const struct reference_limits *limits,
                      const struct head *head, struct reference_response *response,
                      struct body *body)
{
    size_t heads_size = reader->at, trailers_size = 0;

    /* RFC 9112 6.3, rule 1 */
    if (limits->to_head || limits->to_connect || head->status == 204 || head->status == 304) {
        return true;
    }
    if (head->has_length && head->length > limits->body_size_max) {
        return reader_stop(reader, REFERENCE_TOO_LARGE, "Content-Length");
    }
    if (head->has_length) {
        return take_body(reader, body, head->length, limits->body_size_max);
    }
    if (!head->chunked) {
        response->ends_with_close = true;
        response->keep_alive = false;
        return read_rest(reader, limits, body);
    }
    if (!read_chunks(reader, limits, body, response->lines_count, &trailers_size)) {
        return false;
    }
    if (heads_size + trailers_size > limits->head_size_max + strlen("\r\n")) {
        return reader_stop(reader, REFERENCE_TOO_LARGE, "trailers");
    }
    return true;
}

void reference_read_response(const uint8_t *bytes, size_t size,
                             const struct reference_limits *limits,
                             struct reference_response *response_out, uint8_t *body)
{
    struct reader reader = { .bytes = bytes, .size = size };
    struct body taken = { .bytes = body };
    struct head head = { 0 };

    response_out->interim_count = 0;
    response_out->ends_with_close = response_out->has_extras = false;
    if (read_heads(&reader, limits, &head, response_out)) {
        response_out->keep_alive = head.keep_alive;
        read_body(&reader, limits, &head, response_out, &taken);
    }
    response_out->verdict = reader.verdict;
    response_out->why = reader.why;
    response_out->size = reader.at;
    response_out->status = head.status;
    response_out->has_length = head.has_length;
    response_out->length = head.length;
    response_out->body_size = taken.size;
    response_out->has_extras = response_out->has_extras || taken.has_extras;
}

/* --- A request --- */

static bool skip_token(struct reference_span line, size_t *at)
{
    size_t start = *at;

    while (*at < line.size && is_token_character(line.bytes[*at])) {
        ++*at;
    }
    return *at > start;
}

/* RFC 9112 3.2.3, RFC 3986 3.2: "host:port" or "[address]:port", and the port must be there. */
static bool is_authority(struct reference_span span)
{
    bool bracketed = span.size > 0 && span.bytes[0] == '[';
    size_t end = 0; /* of the host */

    while (end < span.size && strchr(bracketed ? "/?@]" : ":/?@[]", span.bytes[end]) == NULL) {
        end++;
    }
    if (bracketed && end < span.size && span.bytes[end] == ']') {
        end++;
    }
    if (end == 0 || end + 1 >= span.size || span.bytes[end] != ':') {
        return false;
    }
    struct reference_span port = { span.bytes + end + 1, span.size - end - 1 };
    return port.bytes[0] != '0' && port.size <= 5 && is_all(port, is_digit);
}

static bool judge_target(struct reader *reader, struct reference_request *request)
{
    static const char scheme[] = "http://";
    struct reference_span target = request->target;

    for (size_t i = 0; i < target.size; i++) {
        uint8_t c = target.bytes[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}#", c) != NULL) {
            return reader_refuse(reader, "a target with what no target has");
        }
    }
    if (reference_is(request->method, "CONNECT")) {
        request->form = REFERENCE_AUTHORITY;
        return is_authority(target) || reader_refuse(reader, "CONNECT to what is no host:port");
    }
    if (target.size > strlen(scheme) && memcmp(target.bytes, scheme, strlen(scheme)) == 0) {
        request->form = REFERENCE_ABSOLUTE;
        return target.bytes[strlen(scheme)] != '/' ||
               reader_refuse(reader, "a target without host");
    }
    request->form = REFERENCE_ORIGIN;
    return (target.size > 0 && target.bytes[0] == '/') ||
           reader_refuse(reader, "a target of no form");
}

/* RFC 9112 3: method SP request-target SP HTTP-version */
static bool read_request_line(struct reader *reader, struct reference_request *request)
{
    struct reference_span line;
    size_t at = 0;

    if (!read_line(reader, &line)) {
        return false;
    }
    if (!skip_token(line, &at)) {
        return reader_refuse(reader, "a method that is no token");
    }
    request->method = (struct reference_span){ line.bytes, at };
    struct reference_span rest = { line.bytes + at, line.size - at };
    if (rest.size < strlen(" / HTTP/1.1") || rest.bytes[0] != ' ' ||
        memcmp(rest.bytes + rest.size - 9, " HTTP/1.1", 9) != 0) {
        return reader_refuse(reader, "not a request line");
    }
    request->target = (struct reference_span){ rest.bytes + 1, rest.size - 10 };
    return judge_target(reader, request);
}

/* RFC 9112 3.2: exactly one Host; 6: at most one length, and no coding, which Quoit never sends. */
static bool judge_request(struct reader *reader, struct reference_request *request)
{
    uint32_t hosts = 0;

    for (uint32_t i = 0; i < request->lines_count; i++) {
        struct reference_line line = request->lines[i];
        hosts += reference_is_in_any_case(line.name, "Host");
        if (reference_is_in_any_case(line.name, "Transfer-Encoding") ||
            reference_is_in_any_case(line.name, "Connection")) {
            return reader_refuse(reader, "a field that is not the caller's");
        }
        if (reference_is_in_any_case(line.name, "Content-Length")) {
            if (request->has_length) {
                return reader_refuse(reader, "Content-Length twice");
            }
            request->has_length = true;
            if (!read_length(reader, line.value, &request->length)) {
                return false;
            }
        }
    }
    return hosts == 1 || reader_refuse(reader, "not one Host");
}

void reference_read_request(const uint8_t *bytes, size_t size,
                            struct reference_request *request_out)
{
    struct reader reader = { .bytes = bytes, .size = size };

    request_out->has_length = false;
    request_out->length = 0;
    request_out->lines_count = 0;
    request_out->form = REFERENCE_ORIGIN;
    if (read_request_line(&reader, request_out) &&
        read_fields(&reader, REFERENCE_LINES_MAX, request_out->lines, &request_out->lines_count)) {
        judge_request(&reader, request_out);
    }
    request_out->verdict = reader.verdict;
    request_out->why = reader.why;
    request_out->size = reader.at;
}
