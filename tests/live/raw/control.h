/*
 * control: the second port of the raw server, plain HTTP, through which a test reads the ledger and
 * gives orders. A request a connection, one after the other:
 *
 *     GET /ledger     the ledger, see ledger.h
 *     POST /script    end all connections, forget the ledger, and play the script in the body
 *     POST /go        let one `pause` go on
 *
 * 200, or 400 with a line that says what is wrong with the script, or 404.
 */
#ifndef QUOIT_TESTS_RAW_CONTROL_H
#define QUOIT_TESTS_RAW_CONTROL_H

#include <stddef.h>

enum control_order { CONTROL_LEDGER, CONTROL_SCRIPT, CONTROL_GO, CONTROL_UNKNOWN };

struct control_request {
    enum control_order order;
    char *body; /* owned; NUL-ended */
};

/* Read one; the order is UNKNOWN where it cannot be read. */
void control_read(int fd, struct control_request *request);

/* Answer, and close fd. */
void control_answer(int fd, int status, const char *body, size_t size);

#endif
