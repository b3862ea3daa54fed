/*
 * player: plays the script of one connection, from its first step to its end.
 */
#ifndef QUOIT_TESTS_RAW_PLAYER_H
#define QUOIT_TESTS_RAW_PLAYER_H

#include "tests/live/raw/script.h"

/* What all connections share. Borrowed while any of them lives. */
struct player_shared {
    struct script script;
    SSL_CTX *tls; /* NULL: plain */
    int stop_fd;  /* readable: end everything */
    int go_fd;    /* an eventfd of EFD_SEMAPHORE: a token for each POST /go */
};

/* Takes over fd. Returns when the connection is closed and noted. */
void player_run(struct player_shared *shared, int fd, uint32_t connection);

#endif
