/*
 * relay: an HTTP proxy of the tests' own, which leads every way to one port of 127.0.0.1.
 *
 * A child process, and one more of it for each connection. It reads a head, notes it, and then
 * carries bytes both ways as they come: behind a 200 where the head is a CONNECT, and else with the
 * head as it is, so that the server behind it tells what a proxy was asked. It knows no names: what
 * is reached through it was looked up by nobody.
 *
 * Happy path: relay_start, relay.url, relay_heads, relay_stop.
 */
#ifndef QUOIT_TESTS_RELAY_H
#define QUOIT_TESTS_RELAY_H

#include <stdint.h>
#include <sys/types.h>

struct relay {
    pid_t pid;
    uint16_t port;
    char url[64];        /* http://127.0.0.1:PORT */
    char log_path[300];  /* the heads it was asked with, one behind the other */
    char with_user[128]; /* the same url with a user and password */
};

/*
 * answer: what a CONNECT is answered with, in place of a 200; then nothing is carried, and the
 * connection stays until the client leaves. NULL: a proxy that works.
 */
struct relay relay_start(uint16_t to_port, const char *answer);
void relay_stop(struct relay *relay);

/* All heads so far; the caller frees them. */
char *relay_heads(const struct relay *relay);

/* How many of them there were: connections that said anything. */
unsigned relay_count(const struct relay *relay);

#endif
