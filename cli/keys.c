/*
 * keys: reading and checking a key.
 */
#include "cli/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define KEYS_LOOK_NS UINT64_C(1000000000)

/*
 * Make `text` the key, if it can be one: blanks around it are dropped, and what is left must be fit
 * for a header. Says why not, or NULL.
 */
static const char *keys_set(struct keys *keys, const char *text, size_t size)
{
    const char *scheme = strcasecmp(keys->header.name, "Authorization") == 0 ? "Bearer " : "";
    size_t scheme_size = strlen(scheme);

    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL) {
        size--;
    }
    while (size > 0 && strchr(" \t\r\n", *text) != NULL) {
        text++;
        size--;
    }
    if (size == 0) {
        return "holds no key";
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return "holds more than a key: one line, without control characters";
        }
    }
    char *value = malloc(scheme_size + size + 1);
    if (value == NULL) {
        return "cannot be kept: out of memory";
    }
    memcpy(value, scheme, scheme_size);
    memcpy(value + scheme_size, text, size);
    value[scheme_size + size] = '\0';
    if (keys->value != NULL && strcmp(keys->value, value) == 0) {
        explicit_bzero(value, scheme_size + size);
        free(value);
        return NULL;
    }
    keys_close(keys);
    keys->value = value;
    keys->header.value = value;
    keys->generation++;
    return NULL;
}

/* Read the file. Says why it cannot be used, or NULL. */
static const char *keys_read_file(struct keys *keys)
{
    char text[KEYS_SIZE_MAX + 1];
    int fd = open(keys->file, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return strerror(errno);
    }
    (void)fstat(fd, &keys->stamp);
    ssize_t size = read(fd, text, sizeof(text));
    const char *why = size < 0               ? strerror(errno)
                      : size > KEYS_SIZE_MAX ? "is too large for a key"
                                             : keys_set(keys, text, (size_t)size);
    close(fd);
    explicit_bzero(text, sizeof(text));
    return why;
}

static bool keys_is_variable(const char *name)
{
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

bool keys_open(struct keys *keys, const struct keys_source *source)
{
    const char *name = source->variable != NULL ? source->variable : "OPENAI_API_KEY";
    const char *header = source->header != NULL ? source->header : "Authorization";

    *keys = (struct keys){ .file = source->file, .header = { header, NULL } };
    if (source->file != NULL) {
        const char *why = keys_read_file(keys);
        if (why != NULL) {
            fprintf(stderr, "quoit: --api-key-file %s: %s\n", source->file, why);
        }
        return why == NULL;
    }
    const char *text = getenv(name);
    if (text == NULL || *text == '\0') {
        if (source->variable != NULL) {
            /* What is no name may be the key itself. */
            fprintf(stderr, "quoit: --api-key-env %s: the variable is not set\n",
                    keys_is_variable(name) ? name : "NAME");
        }
        return source->variable == NULL;
    }
    const char *why = keys_set(keys, text, strlen(text));
    if (why != NULL) {
        fprintf(stderr, "quoit: the variable %s %s\n", name, why);
    }
    keys->variable = name;
    return why == NULL;
}

void keys_close(struct keys *keys)
{
    if (keys->value != NULL) {
        explicit_bzero(keys->value, strlen(keys->value));
        free(keys->value);
    }
    keys->value = NULL;
    keys->header.value = NULL;
}

static bool keys_has_changed(const struct keys *keys)
{
    struct stat now;

    if (stat(keys->file, &now) != 0) {
        return false;
    }
    return now.st_ino != keys->stamp.st_ino || now.st_dev != keys->stamp.st_dev ||
           now.st_size != keys->stamp.st_size || now.st_mtim.tv_sec != keys->stamp.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != keys->stamp.st_mtim.tv_nsec;
}

void keys_refresh(struct keys *keys, bool now)
{
    uint64_t now_ns = keys->file != NULL ? quoit_now_ns() : 0;

    if (keys->file == NULL || (!now && now_ns < keys->next_look_ns)) {
        return;
    }
    keys->next_look_ns = now_ns + KEYS_LOOK_NS;
    if (now || keys_has_changed(keys)) {
        (void)keys_read_file(keys); /* if it fails, the key that there was goes on */
    }
}
