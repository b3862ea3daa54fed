/*
 * standin: a server in another process, which a client is measured against.
 *
 *     standin_start -- fork --> [ accept, read a head, answer ] ... until standin_stop
 *
 * As little as a server can do, so that the client is the limit where that is possible: GET / has a
 * fixed answer of 13 bytes, GET /stream an endless stream of server-sent events, each in a chunk
 * and a segment of its own, as LLM servers send them, as fast as they are taken. One process, one
 * epoll, on 127.0.0.1 and a port that the kernel chooses; a processor of its own if it is given
 * one.
 *
 * It ends with standin_stop, and when the process that started it ends in whatever way.
 */
#ifndef QUOIT_CLI_STANDIN_H
#define QUOIT_CLI_STANDIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STANDIN_CONNS_MAX 256
#define STANDIN_NO_CPU (-1)

struct standin {
    pid_t pid;
    char url[64];        /* "http://127.0.0.1:PORT/" */
    char stream_url[64]; /* "http://127.0.0.1:PORT/stream" */
};

/* Start it on processor `cpu`, or STANDIN_NO_CPU. 0, or an errno with nothing left behind. */
int standin_start(struct standin *standin, int cpu);

/* Processor time that it has used, in nanoseconds. */
uint64_t standin_cpu_ns(const struct standin *standin);

/* End it, and wait until it has ended. */
void standin_stop(struct standin *standin);

#endif
