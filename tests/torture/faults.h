/*
 * faults: what a process asks of the machine can be refused: the N-th time, or from the N-th on.
 *
 * Linked into a test, it stands in place of malloc and its kin for the whole process, so OpenSSL,
 * cJSON, liburing and libc are refused memory as well; and of some calls that the library makes:
 * sockets, threads, mappings, eventfds, and liburing's calls that make a ring or register with it.
 *
 *     faults_begin(&(struct faults_plan){ .kinds = FAULTS_MEMORY, .at = 7, .error = ENOMEM });
 *     ...                                  the seventh allocation from here fails
 *     if (faults_end() < 7) ...            there were fewer: the run was untouched
 *
 * Nothing is refused outside of begin and end, which any thread may run through. A sanitizer's own
 * strdup takes memory past us, and it cannot begin a thread without memory: under one, such calls
 * and other threads are never refused memory, and it looks for leaks itself.
 */
#ifndef QUOIT_TESTS_TORTURE_FAULTS_H
#define QUOIT_TESTS_TORTURE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum faults_kind {
    FAULTS_MEMORY = 1 << 0,     /* malloc, calloc, realloc, posix_memalign, aligned_alloc */
    FAULTS_MAP = 1 << 1,        /* mmap */
    FAULTS_SOCKET = 1 << 2,     /* socket */
    FAULTS_DESCRIPTOR = 1 << 3, /* eventfd, epoll_create1, fcntl that duplicates */
    FAULTS_THREAD = 1 << 4,     /* pthread_create */
    FAULTS_SETUP = 1 << 5,      /* io_uring_queue_init_params */
    FAULTS_REGISTER = 1 << 6,   /* registering: buffers, the ring's descriptor; ring_dontfork */
};

struct faults_plan {
    unsigned kinds; /* of enum faults_kind, together */
    uint64_t at;    /* from 1; 0: none, count only */
    int error;      /* an errno */
    bool on;        /* all that follow as well */
};

/* Count from 0, and refuse as the plan says. */
void faults_begin(const struct faults_plan *plan);

/* Refuse nothing more. Returns how many calls of these kinds there were. */
uint64_t faults_end(void);

/* Allocations that were made and not freed; 0 under a sanitizer, which looks for leaks itself. */
int64_t faults_live(void);

#endif
