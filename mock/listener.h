/*
 * listener: a socket that clients connect to.
 */
#ifndef QUOIT_MOCK_LISTENER_H
#define QUOIT_MOCK_LISTENER_H

#include "mock/options.h"

#include <openssl/types.h>

struct listener {
    int fd; /* -1: there is none */
    enum options_mode mode;
    SSL_CTX *context; /* owned; NULL: plain */
    uint16_t port;    /* that it got; 0 for a unix socket */
    int *fillers;     /* owned; connections of our own that fill the backlog of NO_ACCEPT */
    unsigned fillers_count;
};

/* Listen as the options say; false after a line on stderr. */
bool listener_open_tcp(struct listener *listener, const char *host, uint16_t port,
                       enum options_mode mode);
bool listener_open_unix(struct listener *listener, const char *path, enum options_mode mode);

/* Close it and what fills it. */
void listener_close(struct listener *listener);

/* Write `port` and LF to `file`, which is there at once or not at all; false after a line. */
bool listener_write_port(uint16_t port, const char *file);

#endif
