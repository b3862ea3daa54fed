/*
 * resolve: see resolve.h.
 *
 * The shared part is counted by the resolver and by each thread, and freed by the last of them. A
 * thread takes one job after the other until none waits.
 */
#include "engine/resolve.h"

#include "base/bits.h"
#include "base/list.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct resolve_job {
    struct list link;
    struct resolve_answer answer;
    uint16_t port;
    char host[]; /* NUL-terminated */
};

/* What the engine's thread and the look-ups share; all under the mutex. */
struct resolver {
    pthread_mutex_t mutex;
    struct list waiting, done;
    uint32_t threads;
    bool closing; /* the engine is gone: answers are dropped */
    int wake_fd;  /* owned */
};

bool resolve_parse(const char *host, uint16_t port, struct resolve_address *address_out)
{
    struct resolve_address address = { 0 };

    if (inet_pton(AF_INET, host, &address.as.v4.sin_addr) == 1) {
        address.as.v4.sin_family = AF_INET;
        address.as.v4.sin_port = htons(port);
        address.size = sizeof(address.as.v4);
    } else if (inet_pton(AF_INET6, host, &address.as.v6.sin6_addr) == 1) {
        address.as.v6.sin6_family = AF_INET6;
        address.as.v6.sin6_port = htons(port);
        address.size = sizeof(address.as.v6);
    } else {
        return false;
    }
    *address_out = address;
    return true;
}

bool resolve_path(const char *path, struct resolve_address *address_out)
{
    struct resolve_address address = { .size = sizeof(address.as.local) };

    if (*path == '\0' || strlen(path) >= sizeof(address.as.local.sun_path)) {
        return false;
    }
    address.as.local.sun_family = AF_UNIX;
    snprintf(address.as.local.sun_path, sizeof(address.as.local.sun_path), "%s", path);
    *address_out = address;
    return true;
}

static void resolve_free(struct resolver *resolver)
{
    LIST_EACH (&resolver->waiting, link) {
        free(CONTAINER_OF(link, struct resolve_job, link));
    }
    LIST_EACH (&resolver->done, link) {
        free(CONTAINER_OF(link, struct resolve_job, link));
    }
    close(resolver->wake_fd);
    pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

struct resolver *resolve_create(int wake_fd, enum quoit_error *error_out)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    *error_out = QUOIT_E_NO_MEMORY;
    if (resolver == NULL) {
        return NULL;
    }
    resolver->wake_fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);
    if (resolver->wake_fd < 0) {
        *error_out = QUOIT_E_NO_DESCRIPTOR;
        free(resolver);
        return NULL;
    }
    pthread_mutex_init(&resolver->mutex, NULL);
    list_init(&resolver->waiting);
    list_init(&resolver->done);
    return resolver;
}

void resolve_destroy(struct resolver *resolver)
{
    if (resolver == NULL) {
        return;
    }
    pthread_mutex_lock(&resolver->mutex);
    resolver->closing = true;
    bool last = resolver->threads == 0;
    pthread_mutex_unlock(&resolver->mutex);
    if (last) {
        resolve_free(resolver);
    }
}

/*
 * The place of the next address: the families take turns, the first family first (RFC 8305 4), and
 * the order within each is getaddrinfo's.
 */
static const struct addrinfo *resolve_pick(const struct addrinfo **v4, const struct addrinfo **v6,
                                           bool want_v6)
{
    const struct addrinfo **from = want_v6 ? v6 : v4;

    if (*from == NULL) {
        from = want_v6 ? v4 : v6;
    }
    const struct addrinfo *picked = *from;
    int family = picked->ai_family;
    do {
        *from = (*from)->ai_next;
    } while (*from != NULL && (*from)->ai_family != family);
    return picked;
}

static const struct addrinfo *resolve_first_of(const struct addrinfo *found, int family)
{
    while (found != NULL && found->ai_family != family) {
        found = found->ai_next;
    }
    return found;
}

static void resolve_take_addresses(struct resolve_answer *answer, const struct addrinfo *found)
{
    const struct addrinfo *v4 = resolve_first_of(found, AF_INET);
    const struct addrinfo *v6 = resolve_first_of(found, AF_INET6);
    bool want_v6 = found->ai_family == AF_INET6;

    while ((v4 != NULL || v6 != NULL) && answer->count < RESOLVE_ADDRESSES_MAX) {
        const struct addrinfo *picked = resolve_pick(&v4, &v6, want_v6);
        struct resolve_address *address = &answer->addresses[answer->count++];
        assert(picked->ai_addrlen <= sizeof(address->as));
        address->size = picked->ai_addrlen;
        memcpy(&address->as, picked->ai_addr, picked->ai_addrlen);
        want_v6 = picked->ai_family == AF_INET;
    }
}

/* What a look-up has failed for: without descriptors or memory even a good name is not found. */
static enum quoit_error resolve_error_of(int error, int os_error)
{
    if (error == EAI_MEMORY || os_error == ENOMEM) {
        return QUOIT_E_NO_MEMORY;
    }
    return os_error == EMFILE || os_error == ENFILE ? QUOIT_E_NO_DESCRIPTOR : QUOIT_E_DNS;
}

/* Ask the system. Blocks for as long as that takes. */
static void resolve_look_up(struct resolve_job *job)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *found = NULL;
    char port[sizeof("65535")];

    snprintf(port, sizeof(port), "%u", job->port);
    errno = 0;
    int error = getaddrinfo(job->host, port, &hints, &found);
    if (error == 0 && found != NULL) {
        resolve_take_addresses(&job->answer, found);
    }
    job->answer.error = resolve_error_of(error, errno);
    job->answer.reason = error == 0 ? "it has no address" : gai_strerror(error);
    if (found != NULL) {
        freeaddrinfo(found);
    }
}

static void *resolve_work(void *argument)
{
    struct resolver *resolver = argument;
    pthread_mutex_lock(&resolver->mutex);
    while (!resolver->closing && !list_is_empty(&resolver->waiting)) {
        struct resolve_job *job = LIST_FIRST(&resolver->waiting, struct resolve_job, link);
        list_remove(&job->link);
        pthread_mutex_unlock(&resolver->mutex);
        resolve_look_up(job);
        pthread_mutex_lock(&resolver->mutex);
        list_append(&resolver->done, &job->link);
        ssize_t written = write(resolver->wake_fd, "", 1);
        (void)written; /* it takes it unless many wait already, or nobody waits any more */
    }
    resolver->threads--;
    bool last = resolver->closing && resolver->threads == 0;
    pthread_mutex_unlock(&resolver->mutex);
    if (last) {
        resolve_free(resolver);
    }
    return NULL;
}

/* One more thread, which takes no signals: those are the host's. */
static bool resolve_start_thread(struct resolver *resolver)
{
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, resolve_work, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        return false;
    }
    pthread_detach(thread);
    return true;
}

enum quoit_error resolve_start(struct resolver *resolver, const char *host, uint16_t port,
                               void *context)
{
    size_t size = strlen(host) + 1;
    struct resolve_job *job = calloc(1, sizeof(*job) + size);

    if (job == NULL) {
        return QUOIT_E_NO_MEMORY;
    }
    memcpy(job->host, host, size);
    job->port = port;
    job->answer.context = context;
    list_init(&job->link);

    bool started = true;
    pthread_mutex_lock(&resolver->mutex);
    list_append(&resolver->waiting, &job->link);
    if (resolver->threads < RESOLVE_THREADS_MAX) {
        started = resolve_start_thread(resolver);
        resolver->threads += started;
        started = started || resolver->threads > 0; /* another one will take it */
    }
    if (!started) {
        list_remove(&job->link);
        free(job);
    }
    pthread_mutex_unlock(&resolver->mutex);
    return started ? QUOIT_OK : QUOIT_E_NO_THREAD;
}

bool resolve_next(struct resolver *resolver, struct resolve_answer *answer_out)
{
    struct resolve_job *job = NULL;

    pthread_mutex_lock(&resolver->mutex);
    if (!list_is_empty(&resolver->done)) {
        job = LIST_FIRST(&resolver->done, struct resolve_job, link);
        list_remove(&job->link);
    }
    pthread_mutex_unlock(&resolver->mutex);
    if (job == NULL) {
        return false;
    }
    *answer_out = job->answer;
    free(job);
    return true;
}
