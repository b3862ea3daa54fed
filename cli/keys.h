/*
 * keys: the API key, where it comes from, and the header that it becomes.
 *
 * Happy path: keys_open; keys_refresh now and then; `header` is what goes with a request. The key
 * comes from a variable or from a file. A file is read again when it has changed; what cannot be
 * used (it is empty, it has gone) leaves the key that there was.
 *
 * `generation` counts the keys that there were, so that a request that was refused can tell whether
 * a newer key is there.
 *
 * The promise: no message holds a key, nor any part of one.
 */
#ifndef QUOIT_CLI_KEYS_H
#define QUOIT_CLI_KEYS_H

#include "quoit.h"

#include <sys/stat.h>

#define KEYS_SIZE_MAX 16384 /* bytes of a key */

struct keys_source {
    const char *variable; /* NULL: OPENAI_API_KEY, which need not be set */
    const char *file;     /* NULL: none */
    const char *header;   /* NULL: Authorization: Bearer KEY */
};

struct keys {
    /* To be read. */
    struct quoit_header header; /* value NULL: there is no key */
    const char *variable;       /* the one that was used; NULL: none */
    uint32_t generation;

    /* Private. */
    const char *file; /* borrowed */
    char *value;      /* owned; what header.value points to */
    struct stat stamp;
    uint64_t next_look_ns;
};

/* Find the key. False: a line on stderr says why. */
bool keys_open(struct keys *keys, const struct keys_source *source);

/* Wipes and frees it. */
void keys_close(struct keys *keys);

/* Read the file again if it has changed; looks at most once a second unless `now`. */
void keys_refresh(struct keys *keys, bool now);

#endif
