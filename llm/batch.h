/*
 * batch: one line of a batch file, from its bytes to a request.
 *
 *     {"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{...}}
 *
 * Happy path: batch_line_init once; batch_line_read for each line that is not blank; use what it
 * says; batch_line_free at the end.
 *
 * A line can be wrong in many ways, and each has a message of its own in `message`. Then only
 * id, id_raw and message mean something: id is there if custom_id itself was good, so that the
 * answer can name it.
 *
 * The promise: the body's bytes are those of the line. Nothing is written anew, so numbers,
 * escapes, repeated keys and space inside reach the server as they stand.
 *
 * What a line may hold, and what is decided where OpenAI's format says nothing:
 *
 *     custom_id      a string, not empty. Any escapes; one that holds half of a surrogate pair too.
 *     method         a token. None: POST.
 *     url            a path that begins with `/`, or absolute with http:// or https://. No space,
 *                    no control character. None: the caller's --endpoint.
 *     body           any JSON value. POST, PUT and PATCH need one; for other methods null is none.
 *                    An object that says "stream":true is refused, unless may_stream is set.
 *     body_encoding  "text": body is a string and what it says is sent. Nothing else.
 *     headers        an object of strings. Names are tokens, and not the ones that frame a request
 *                    (Host, Content-Length, Transfer-Encoding, Connection); values hold no control
 *                    character but the tab. A name may come twice.
 *
 * null for method, url, body_encoding or headers is as good as nothing. Other members are ignored.
 * One of these six that stands there twice is refused, since readers differ in which one counts;
 * inside of body repeated keys are the server's affair.
 */
#ifndef QUOIT_LLM_BATCH_H
#define QUOIT_LLM_BATCH_H

#include "llm/json.h"
#include "llm/text.h"

#define BATCH_HEADERS_MAX 64

enum batch_verdict {
    BATCH_GOOD,
    BATCH_INVALID,   /* message says why */
    BATCH_NO_MEMORY, /* the line may be good; nothing of it is there */
};

/* Header line of a request: what the JSON strings say. No NUL, CR or LF is in them. */
struct batch_header {
    const char *name, *value;
};

/*
 * What a line says. The spans and strings of a line are good until the next batch_line_read, and
 * as long as the bytes that it was read from.
 */
struct batch_line {
    struct json_span
        id_raw;          /* custom_id as it stands, with its quotes; size 0: none that is good */
    struct json_span id; /* what it says; may hold NUL. Equal lines have equal ids */

    const char *method; /* never NULL */
    const char *url;    /* NULL: the line has none */

    /* As they stand in the line: method and url between their quotes, body whole. Size 0: none. */
    struct json_span method_raw, url_raw, body_raw;

    bool has_body;
    struct json_span body; /* to be sent; may be empty though has_body: the text "" */

    struct batch_header headers[BATCH_HEADERS_MAX]; /* in the order of the line */
    size_t headers_count;

    bool may_stream; /* the caller's: a body may say "stream":true */

    char message[256]; /* for people; one line; of the input it names keys, and never says values */

    struct text storage; /* private: what had to be decoded */
};

/* Make ready. Allocates nothing. */
void batch_line_init(struct batch_line *line);

/* Free what it holds. */
void batch_line_free(struct batch_line *line);

/* Is there nothing but space? Such lines are skipped. */
JSON_MUST bool batch_line_is_blank(struct json_span bytes);

/*
 * Read one line, with or without its LF or CR LF. A byte order mark is the file's, not the line's,
 * and makes it invalid.
 *
 *   Borrows  bytes, until the line is read anew or freed.
 *   Costs    one pass over the line, one more over a body that is an object; allocates only when
 *            method, url, headers and what else had to be decoded are longer than ever before.
 *
 * BATCH_INVALID is for the answer's error.code invalid_input_line, with `message`.
 */
JSON_MUST enum batch_verdict batch_line_read(struct batch_line *line, struct json_span bytes);

/*
 * Does the body say "stream":true? One that says it once among others may be obeyed. What is no
 * object does not.
 */
JSON_MUST bool batch_body_streams(struct json_span body);

#endif
