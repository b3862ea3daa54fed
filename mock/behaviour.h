/*
 * behaviour: how answers are to be, by options and, for one request, by its X-Mock- headers.
 *
 * Both say the same by the same names: `--latency 50ms` for all, `X-Mock-Latency: 50ms` for one.
 * POST /mock/settings changes the options of a running mock.
 */
#ifndef QUOIT_MOCK_BEHAVIOUR_H
#define QUOIT_MOCK_BEHAVIOUR_H

#include "mock/delay.h"
#include "mock/fault.h"
#include "mock/incoming.h"

#define BEHAVIOUR_ERRORS_MAX 8
#define BEHAVIOUR_TEXT_SIZE 128
#define BEHAVIOUR_HEADERS_SIZE 2048

/* Which requests the faults may strike. */
enum behaviour_when {
    WHEN_ALWAYS,
    WHEN_REUSED, /* not the first one on its connection */
    WHEN_FRESH,  /* the first one on its connection */
    WHEN_FIRST,  /* the first execution of this key */
};

struct behaviour_error {
    uint16_t status;
    double share;
};

struct behaviour {
    struct delay latency;  /* from the whole request to the head of the answer */
    struct delay ttft;     /* of a stream: from the whole request to the first token */
    struct delay gap;      /* of a stream: from token to token */
    uint64_t tokens;       /* of an answer */
    size_t body_size;      /* of a page; SIZE_MAX: the usual small one */
    uint16_t status;       /* of every answer; 0: 200 */
    uint64_t status_first; /* so many requests get status_first_status */
    uint16_t status_first_status;
    uint64_t fail_first; /* so many executions of each key get fail_first_status */
    uint16_t fail_first_status;
    struct behaviour_error errors[BEHAVIOUR_ERRORS_MAX];
    unsigned errors_count;
    struct fault_rule faults[FAULT_RULES_MAX];
    unsigned faults_count;
    enum behaviour_when fault_when;
    bool answer_to_key;      /* what is drawn and written follows from the key, not from the body */
    uint16_t refused_status; /* of a body that holds `refused` */
    char refused[BEHAVIOUR_TEXT_SIZE];      /* "": none is refused */
    char retry_after[BEHAVIOUR_TEXT_SIZE];  /* "": none */
    char error_code[BEHAVIOUR_TEXT_SIZE];   /* "": what belongs to the status */
    char content_type[BEHAVIOUR_TEXT_SIZE]; /* "": what belongs to the body */
    char headers[BEHAVIOUR_HEADERS_SIZE];   /* lines that end in CR LF */
};

/* What a mock does that was told nothing. */
void behaviour_init(struct behaviour *behaviour);

/*
 * Set one by its name, without -- or X-Mock-, in any case. False if there is none of that name or
 * it does not take that value; then nothing has changed. `value` is read only.
 */
bool behaviour_set(struct behaviour *behaviour, const char *name, const char *value);

/*
 * Set what the X-Mock- headers of a request say. The first rule of a list that a request names
 * replaces the list of the options. Returns NULL, or the name of the header that was wrong.
 */
const char *behaviour_read_headers(struct behaviour *behaviour, const struct incoming *incoming);

/*
 * Set what lines of "name value" or "name: value" say, as they stand in the body of a request.
 * False at the first that is wrong; those before it hold.
 */
bool behaviour_read_lines(struct behaviour *behaviour, const struct blob *lines);

/* Print a line of help for each, on stdout. */
void behaviour_print_help(void);

#endif
