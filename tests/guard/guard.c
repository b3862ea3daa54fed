/*
 * guard: an allocator that gives nothing back to be used again, for `make GUARD=1`: R37.
 *
 *         page     page     page
 *     | ....hBBBB|BBBBBBBB|--------|       h: its struct guarded, B: the caller's bytes
 *
 * Each allocation has pages of its own, ends where a page that nobody may touch begins, and when it
 * is freed nobody may touch it either, for good: the addresses are not handed out again. So a
 * completion of io_uring that reads or writes memory given back too early is -EFAULT, at which
 * engine/ring_uring.c asserts; a sanitizer does not see what the kernel does.
 *
 * Happy path: addresses are taken one behind the other from one large reservation. A mapping can
 * only be refused for want of memory (NULL), or since there are too many (vm.max_map_count): above
 * GUARDED_MAX live ones, further allocations are ordinary. So are all of OpenSSL's: the kernel
 * never gets its memory, and it allocates thousands of times in a handshake. The definitions are
 * weak, so that a test that has an allocator of its own keeps it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SIZE ((size_t)4096)
#define ALIGNMENT ((size_t)16)
#define RESERVED_SIZE ((size_t)16 << 40)
#define GUARDED_MAX 30000 /* two mappings each, of the 65,530 that Linux allows */

#pragma weak free
#pragma weak malloc
#pragma weak calloc
#pragma weak realloc
#pragma weak aligned_alloc
#pragma weak posix_memalign
#pragma weak CRYPTO_set_mem_functions

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *bytes, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *bytes);

/* Stands right before what the caller got. */
struct guarded {
    char *pages;
    size_t size; /* the caller's */
};

static _Atomic(char *) guard_next; /* the first address not handed out yet; NULL: not reserved */
static char *_Atomic guard_begin;
static atomic_int guard_live;

_Static_assert(sizeof(struct guarded) == ALIGNMENT, "so that what follows it is aligned");

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

/* Reserve the addresses; another thread may be quicker. */
static bool guard_reserve(void)
{
    char *begin =
        mmap(NULL, RESERVED_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    char *none = NULL;

    if (begin == MAP_FAILED) {
        return false;
    }
    if (atomic_compare_exchange_strong(&guard_begin, &none, begin)) {
        atomic_store(&guard_next, begin);
    } else {
        munmap(begin, RESERVED_SIZE);
        while (atomic_load(&guard_next) == NULL) {
        }
    }
    return true;
}

static bool is_guarded(const void *bytes)
{
    const char *begin = atomic_load(&guard_begin);
    const char *at = bytes;

    return begin != NULL && at >= begin && at < begin + RESERVED_SIZE;
}

static size_t guarded_pages_size(size_t size, size_t alignment)
{
    return round_up(size + alignment + sizeof(struct guarded), PAGE_SIZE);
}

static void *guard_take(size_t size, size_t alignment)
{
    size_t pages_size = guarded_pages_size(size, alignment);

    if (size > RESERVED_SIZE / 4 || (atomic_load(&guard_next) == NULL && !guard_reserve())) {
        errno = ENOMEM;
        return NULL;
    }
    char *pages = atomic_fetch_add(&guard_next, pages_size + PAGE_SIZE);
    if (pages + pages_size >= atomic_load(&guard_begin) + RESERVED_SIZE ||
        mprotect(pages, pages_size, PROT_READ | PROT_WRITE) != 0) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t end = (uintptr_t)pages + pages_size;
    char *bytes = (char *)((end - size) / alignment * alignment);
    struct guarded *guarded = (struct guarded *)(void *)bytes - 1;
    *guarded = (struct guarded){ pages, size };
    atomic_fetch_add(&guard_live, 1);
    return bytes;
}

void free(void *bytes)
{
    int error = errno; /* free leaves it alone */

    if (!is_guarded(bytes)) {
        __libc_free(bytes);
        return;
    }
    struct guarded guarded = *((struct guarded *)bytes - 1);
    size_t pages_size = round_up((size_t)((char *)bytes - guarded.pages) + guarded.size, PAGE_SIZE);
    atomic_fetch_sub(&guard_live, 1);
    /* A new mapping in its place: its memory goes, and it becomes one with its neighbours. */
    if (mmap(guarded.pages, pages_size, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        abort();
    }
    errno = error;
}

void *malloc(size_t size)
{
    if (atomic_load(&guard_live) >= GUARDED_MAX) {
        return __libc_malloc(size);
    }
    return guard_take(size, ALIGNMENT);
}

void *calloc(size_t count, size_t size)
{
    if (atomic_load(&guard_live) >= GUARDED_MAX) {
        return __libc_calloc(count, size);
    }
    if (size != 0 && count > SIZE_MAX / size) {
        errno = ENOMEM;
        return NULL;
    }
    return guard_take(count * size, ALIGNMENT); /* never used before, so it is zero */
}

void *realloc(void *bytes, size_t size)
{
    if (bytes != NULL && !is_guarded(bytes)) {
        return __libc_realloc(bytes, size);
    }
    void *moved = malloc(size);
    if (moved != NULL && bytes != NULL) {
        size_t before = ((struct guarded *)bytes - 1)->size;
        memcpy(moved, bytes, before < size ? before : size);
        free(bytes);
    }
    return moved;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (atomic_load(&guard_live) >= GUARDED_MAX) {
        return __libc_memalign(alignment, size);
    }
    return guard_take(size, alignment < ALIGNMENT ? ALIGNMENT : alignment);
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

/* -------- OpenSSL's -------- */

typedef void *crypto_malloc(size_t size, const char *file, int line);
typedef void *crypto_realloc(void *bytes, size_t size, const char *file, int line);
typedef void crypto_free(void *bytes, const char *file, int line);

/* Not there in programs that do not link with it. */
int CRYPTO_set_mem_functions(crypto_malloc *, crypto_realloc *, crypto_free *);

static void *ordinary_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return __libc_malloc(size);
}

static void *ordinary_realloc(void *bytes, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return __libc_realloc(bytes, size);
}

static void ordinary_free(void *bytes, const char *file, int line)
{
    (void)file;
    (void)line;
    __libc_free(bytes);
}

static void __attribute__((constructor)) guard_leave_openssl_alone(void)
{
    if (CRYPTO_set_mem_functions != NULL) {
        (void)CRYPTO_set_mem_functions(ordinary_malloc, ordinary_realloc, ordinary_free);
    }
}
