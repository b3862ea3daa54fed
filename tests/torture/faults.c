/*
 * faults: see faults.h.
 *
 * A definition in the program goes before that of every shared library, so all of the process comes
 * here. Memory goes on to glibc's or the sanitizer's own allocator by their second names, since the
 * loader allocates before anything could be looked up; the rest is looked up when it is first used.
 */
#include "tests/torture/faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#if defined(__SANITIZE_ADDRESS__)
#define FAULTS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAULTS_SANITIZED 1
#endif
#endif

#ifdef FAULTS_SANITIZED
#define OTHER_THREADS_TOO false
#define BENEATH(name) __interceptor_##name
#else
#define OTHER_THREADS_TOO true
#define BENEATH(name) __libc_##name
#define __libc_aligned_alloc __libc_memalign
#endif

void *BENEATH(malloc)(size_t size);
void *BENEATH(calloc)(size_t count, size_t size);
void *BENEATH(realloc)(void *bytes, size_t size);
void *BENEATH(aligned_alloc)(size_t alignment, size_t size);
void BENEATH(free)(void *bytes);

static struct faults_plan faults_plan;
static pthread_t faults_owner; /* who has begun */
static atomic_bool faults_on;
static atomic_uint_fast64_t faults_count;
static atomic_int_fast64_t faults_allocated;

void faults_begin(const struct faults_plan *plan)
{
    faults_plan = *plan;
    faults_owner = pthread_self();
    atomic_store(&faults_count, 0);
    atomic_store(&faults_on, true);
}

uint64_t faults_end(void)
{
    atomic_store(&faults_on, false);
    return atomic_load(&faults_count);
}

int64_t faults_live(void)
{
#ifdef FAULTS_SANITIZED
    return 0;
#else
    return atomic_load(&faults_allocated);
#endif
}

/* Count a call, and say whether it is to be refused: then errno is set. */
static bool refused(enum faults_kind kind)
{
    if (!atomic_load(&faults_on) || (faults_plan.kinds & kind) == 0) {
        return false;
    }
    if (!OTHER_THREADS_TOO && kind == FAULTS_MEMORY &&
        !pthread_equal(pthread_self(), faults_owner)) {
        return false;
    }
    uint64_t number = atomic_fetch_add(&faults_count, 1) + 1;
    if (faults_plan.at == 0 || number < faults_plan.at ||
        (number > faults_plan.at && !faults_plan.on)) {
        return false;
    }
    errno = faults_plan.error;
    return true;
}

/* -------- memory -------- */

static void *counted(void *bytes)
{
    atomic_fetch_add(&faults_allocated, bytes != NULL);
    return bytes;
}

void *malloc(size_t size)
{
    return refused(FAULTS_MEMORY) ? NULL : counted(BENEATH(malloc)(size));
}

void *calloc(size_t count, size_t size)
{
    return refused(FAULTS_MEMORY) ? NULL : counted(BENEATH(calloc)(count, size));
}

void *realloc(void *bytes, size_t size)
{
    if (refused(FAULTS_MEMORY)) {
        return NULL;
    }
    bool was = bytes != NULL;
    void *grown = BENEATH(realloc)(bytes, size);
    if (!was) {
        return counted(grown);
    }
    atomic_fetch_sub(&faults_allocated, grown == NULL && size == 0); /* it was freed */
    return grown;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return refused(FAULTS_MEMORY) ? NULL : counted(BENEATH(aligned_alloc)(alignment, size));
}

int posix_memalign(void **bytes_out, size_t alignment, size_t size)
{
    void *bytes = aligned_alloc(alignment, size);

    if (bytes == NULL) {
        return ENOMEM;
    }
    *bytes_out = bytes;
    return 0;
}

void free(void *bytes)
{
    atomic_fetch_sub(&faults_allocated, bytes != NULL);
    BENEATH(free)(bytes);
}

/* -------- calls -------- */

/* The definition that this program hides. */
#define NEXT(name) (*(__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    if (refused(FAULTS_MAP)) {
        return MAP_FAILED;
    }
    return NEXT(mmap)(address, size, protection, flags, fd, offset);
}

int socket(int domain, int type, int protocol)
{
    return refused(FAULTS_SOCKET) ? -1 : NEXT(socket)(domain, type, protocol);
}

int eventfd(unsigned count, int flags)
{
    return refused(FAULTS_DESCRIPTOR) ? -1 : NEXT(eventfd)(count, flags);
}

int epoll_create1(int flags)
{
    return refused(FAULTS_DESCRIPTOR) ? -1 : NEXT(epoll_create1)(flags);
}

int fcntl(int fd, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && refused(FAULTS_DESCRIPTOR)) {
        return -1;
    }
    return NEXT(fcntl)(fd, command, argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *),
                   void *argument)
{
    if (refused(FAULTS_THREAD)) {
        return errno;
    }
    return NEXT(pthread_create)(thread, attributes, work, argument);
}

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                               struct io_uring_params *params)
{
    if (refused(FAULTS_SETUP)) {
        return -errno;
    }
    return NEXT(io_uring_queue_init_params)(entries, ring, params);
}

int io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *registration,
                               unsigned flags)
{
    if (refused(FAULTS_REGISTER)) {
        return -errno;
    }
    return NEXT(io_uring_register_buf_ring)(ring, registration, flags);
}

int io_uring_register_ring_fd(struct io_uring *ring)
{
    return refused(FAULTS_REGISTER) ? -errno : NEXT(io_uring_register_ring_fd)(ring);
}

int io_uring_ring_dontfork(struct io_uring *ring)
{
    return refused(FAULTS_REGISTER) ? -errno : NEXT(io_uring_ring_dontfork)(ring);
}
