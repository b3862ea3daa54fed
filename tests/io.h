/*
 * io: which back end the tests of this run are for: QUOIT_TEST_IO=uring or epoll; unset, it is what
 * an engine takes by itself. tests/run.sh sets it for a test whose name has it in front.
 */
#ifndef QUOIT_TESTS_IO_H
#define QUOIT_TESTS_IO_H

#include "quoit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline enum quoit_io test_io(void)
{
    const char *word = getenv("QUOIT_TEST_IO");

    if (word == NULL || *word == '\0' || strcmp(word, "auto") == 0) {
        return QUOIT_IO_AUTO;
    }
    if (strcmp(word, "uring") != 0 && strcmp(word, "epoll") != 0) {
        printf("QUOIT_TEST_IO is %s: neither uring nor epoll\n0 passed, 1 failed\n", word);
        exit(1);
    }
    return *word == 'u' ? QUOIT_IO_URING : QUOIT_IO_EPOLL;
}

#endif
