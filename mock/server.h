/*
 * server: the loop of quoit-mock.
 *
 * One thread, one epoll with edges. A turn waits until something happens or a timer is due, hears
 * of those clients first that have left, then of all others, then fires timers, and frees at last
 * who is gone. So what is in flight is never counted with a request whose client has already left.
 */
#ifndef QUOIT_MOCK_SERVER_H
#define QUOIT_MOCK_SERVER_H

#include "mock/options.h"

/* Listen, serve until SIGTERM or SIGINT, write what is to be written. Returns the exit status. */
int server_run(const struct options *options);

#endif
