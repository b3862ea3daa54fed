/*
 * sync: one lock, one condition, on which the thread waits for work, in a pause, or for its end.
 */
#include "cli/sync.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Between two groups: long enough that the disk is left to others, and the run too. */
#define SYNC_PAUSE_MS 50

struct sync {
    int fds[SYNC_FILES];
    struct quoit_engine *engine;
    pthread_t thread;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t changed;
    struct sync_counts posted[SYNC_FILES];
    struct sync_state state;
    bool idle; /* the thread waits for work */
    bool ending;
};

/* Like a write, a sync that a signal has interrupted is begun again. */
int sync_now(int fd)
{
    while (fdatasync(fd) != 0) {
        if (errno == EINVAL || errno == EROFS) {
            return 0;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static bool sync_is_behind(const struct sync *sync)
{
    return memcmp(sync->posted, sync->state.durable, sizeof(sync->posted)) != 0;
}

/* Wait until there is work, or the end. With the lock. */
static void sync_wait_for_work(struct sync *sync)
{
    sync->idle = true;
    while (!sync->ending && !sync_is_behind(sync)) {
        pthread_cond_wait(&sync->changed, &sync->lock);
    }
    sync->idle = false;
}

/* With the lock. Only the end ends it early. */
static void sync_pause(struct sync *sync)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SYNC_PAUSE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    while (!sync->ending && pthread_cond_timedwait(&sync->changed, &sync->lock, &until) == 0) {
    }
}

/* Bring to disk what is posted. With the lock, which is given up meanwhile. */
static bool sync_group(struct sync *sync)
{
    struct sync_counts group[SYNC_FILES];
    int os_error = 0;
    size_t i = 0;

    memcpy(group, sync->posted, sizeof(group));
    for (; i < SYNC_FILES && os_error == 0; i++) {
        bool behind = memcmp(&group[i], &sync->state.durable[i], sizeof(group[i])) != 0;
        if (behind && sync->fds[i] >= 0) {
            pthread_mutex_unlock(&sync->lock);
            os_error = sync_now(sync->fds[i]);
            pthread_mutex_lock(&sync->lock);
        }
        if (os_error == 0) {
            sync->state.durable[i] = group[i];
        }
    }
    if (os_error != 0) {
        sync->state.os_error = os_error;
        sync->state.failed_file = i - 1;
    }
    return os_error == 0;
}

static void *sync_main(void *context)
{
    struct sync *sync = context;

    pthread_mutex_lock(&sync->lock);
    for (;;) {
        sync_wait_for_work(sync);
        if (!sync_is_behind(sync)) {
            break; /* the end, and nothing is left */
        }
        if (!sync_group(sync)) {
            if (sync->engine != NULL && !sync->ending) {
                quoit_wake(sync->engine);
            }
            break;
        }
        sync_pause(sync);
    }
    pthread_mutex_unlock(&sync->lock);
    return NULL;
}

/* Signals are for the thread that looks at them. */
static int sync_start_thread(struct sync *sync)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&sync->thread, NULL, sync_main, sync);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

bool sync_create(const int fds[SYNC_FILES], struct quoit_engine *engine, struct sync **sync_out,
                 int *os_error_out)
{
    struct sync *sync = calloc(1, sizeof(*sync));
    pthread_condattr_t attributes;

    if (sync == NULL) {
        *os_error_out = ENOMEM;
        return false;
    }
    memcpy(sync->fds, fds, sizeof(sync->fds));
    sync->engine = engine;
    pthread_mutex_init(&sync->lock, NULL); /* of the usual kinds, these cannot fail here */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sync->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int error = sync_start_thread(sync);
    if (error != 0) {
        pthread_cond_destroy(&sync->changed);
        pthread_mutex_destroy(&sync->lock);
        free(sync);
        *os_error_out = error;
        return false;
    }
    *sync_out = sync;
    return true;
}

void sync_post(struct sync *sync, const struct sync_counts written[SYNC_FILES])
{
    pthread_mutex_lock(&sync->lock);
    memcpy(sync->posted, written, sizeof(sync->posted));
    if (sync->idle) {
        pthread_cond_signal(&sync->changed);
    }
    pthread_mutex_unlock(&sync->lock);
}

void sync_read(struct sync *sync, struct sync_state *state_out)
{
    pthread_mutex_lock(&sync->lock);
    *state_out = sync->state;
    pthread_mutex_unlock(&sync->lock);
}

void sync_end(struct sync *sync, struct sync_state *state_out)
{
    if (sync == NULL) {
        return;
    }
    pthread_mutex_lock(&sync->lock);
    sync->ending = true;
    pthread_cond_signal(&sync->changed);
    pthread_mutex_unlock(&sync->lock);
    pthread_join(sync->thread, NULL);
    *state_out = sync->state;
    pthread_cond_destroy(&sync->changed);
    pthread_mutex_destroy(&sync->lock);
    free(sync);
}
