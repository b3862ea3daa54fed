/*
 * guard: the strict half of response: reads the same bytes as llhttp, before it, and refuses what
 * llhttp lets through.
 *
 * Byte by byte it knows the places of RFC 9112 (status line, header lines, chunk lines, trailers)
 * and counts against the limits; at the head's end it cuts the headers and judges those that frame
 * the message. Bodies it only counts. So guard and llhttp find a message's end each on its own, and
 * response refuses where they disagree.
 *
 * Happy path: reset, scan until HEAD_ENDS, judge the headers, begin the body, scan until ENDS. It
 * fails by REFUSED, with error PROTOCOL or TOO_LARGE and a detail that names what was found; then
 * only reset may follow. Where the bytes are cut changes nothing.
 */
#ifndef QUOIT_HTTP_GUARD_H
#define QUOIT_HTTP_GUARD_H

#include "quoit.h"

enum guard_state {
    GUARD_START,      /* before a status line, where empty lines may stand */
    GUARD_START_LF,   /* in the middle of such an empty line */
    GUARD_STATUS,     /* "HTTP/1.1 200", byte number `index` */
    GUARD_REASON,     /* the rest of the status line */
    GUARD_LINE_LF,    /* behind the CR of a status line, header or trailer */
    GUARD_LINE_START, /* where a header, a trailer or the empty line begins */
    GUARD_NAME,       /* of a trailer: `index` bytes have come */
    GUARD_VALUE,
    GUARD_EMPTY_LF,   /* behind the CR of the empty line */
    GUARD_HEAD_ENDED, /* judge, then begin something */
    GUARD_CHUNK_SIZE, /* hex digit number `index` */
    GUARD_EXTENSION,  /* behind the ';' of a chunk's line */
    GUARD_CHUNK_LF,   /* behind the CR of a chunk's line */
    GUARD_DATA,       /* `left` bytes of a chunk, or of a body with a length */
    GUARD_DATA_CR,    /* behind a chunk's data */
    GUARD_DATA_LF,
    GUARD_REST, /* a body up to the connection's end */
    GUARD_ENDED,
    GUARD_BROKEN,
    GUARD_STATES,
};

enum guard_verdict {
    GUARD_MORE,      /* all bytes passed */
    GUARD_HEAD_ENDS, /* the last byte that passed is the head's last */
    GUARD_ENDS,      /* the last byte that passed is the message's last */
    GUARD_REFUSED,   /* the byte behind those that passed may not stand there */
};

struct guard_limits {
    uint64_t body_size_max;
    uint32_t head_size_max;      /* of all heads and the trailers together */
    uint32_t headers_max;        /* lines of one head and its trailers */
    uint32_t extension_size_max; /* of one chunk's line */
};

/* "Name: value\r\n" */
struct guard_line {
    uint32_t name_size;
    uint32_t size; /* with its CRLF; 0: not noted */
};

#define GUARD_LINES_NOTED 32 /* more are searched for once more */

struct guard {
    /* Readable from HEAD_ENDS on. */
    uint16_t status;
    bool is_1_1;          /* HTTP/1.1, else 1.0 */
    uint32_t lines_count; /* headers; later with the trailers */

    /* Readable when judged. */
    bool chunked;
    bool has_length;
    bool keep_alive;
    uint64_t length;

    /* Readable when REFUSED. */
    enum quoit_error error;
    const char *detail; /* static */

    /* Private. */
    enum guard_state state;
    bool in_trailers;
    bool closes; /* Connection: close was there */
    uint32_t index;
    unsigned names_left;     /* what a trailer's name may still be: BIT of guard_framing_names */
    uint32_t extension_size; /* of this chunk's line */
    uint64_t head_left;      /* until head_size_max */
    uint64_t body_left;      /* until body_size_max */
    uint64_t left;           /* of the data that is under way */
    struct guard_limits limits;
    struct guard_line lines[GUARD_LINES_NOTED];
};

/* Make ready for a new response, with its interim ones. */
void guard_reset(struct guard *guard, const struct guard_limits *limits);

/* Look at up to `size` bytes; *passed_out says how many may go on to llhttp. */
enum guard_verdict guard_scan(struct guard *guard, const char *bytes, size_t size,
                              size_t *passed_out);

/*
 * After HEAD_ENDS: cut the head, which stands whole in `head`, into names and values where it lies;
 * headers_out has room for lines_count. False: refused, they frame a message in none or two ways.
 */
QUOIT_MUST bool guard_judge(struct guard *guard, char *head, size_t size,
                            struct quoit_header *headers_out);

/* After an interim head: another one follows. */
void guard_begin_head(struct guard *guard);

/* After a judged final head. Without a body (has_body false, or length 0) the message ends here. */
void guard_begin_body(struct guard *guard, bool has_body);

#endif
