/*
 * runs: see runs.h.
 */
#include "bench/runs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNS_READ_SIZE ((size_t)64 << 10)

static bool runs_refuse(const char *path, const char *why)
{
    fprintf(stderr, "quoit: %s cannot be read: %s\n", path, why);
    return false;
}

/* --- Texts --- */

static bool runs_add(struct runs *runs, struct json_span text, size_t number)
{
    size_t file = runs->files_count - 1;
    const char *path = runs->files[file].path;
    char fault[RESULT_FAULT_SIZE];

    if (runs->count == RUNS_MAX || text.size > RESULT_SIZE_MAX) {
        return runs_refuse(path, runs->count == RUNS_MAX ? "more than 1000 runs"
                                                         : "a result of more than 16 MiB");
    }
    struct run *items = reallocarray(runs->items, runs->count + 1, sizeof(*items));
    if (items == NULL) {
        return runs_refuse(path, strerror(ENOMEM));
    }
    runs->items = items;
    if (!result_read(text, &items[runs->count].result, fault)) {
        fprintf(stderr, "quoit: %s is no result to compare: in its JSON text %zu %s\n", path,
                number, fault);
        return false;
    }
    items[runs->count].file = file;
    items[runs->count].number = number;
    runs->count++;
    return true;
}

/*
 * Cut `rest` behind its first JSON text: the first byte that is wrong then begins the next one, if
 * what stands before it is good. False: it begins with no JSON text.
 */
static bool runs_cut(struct json_span rest, size_t *size_out, struct json_defect *defect_out)
{
    struct json_defect ignored;

    *size_out = rest.size;
    if (json_check(rest, defect_out)) {
        return true;
    }
    *size_out = defect_out->offset;
    return json_check((struct json_span){ rest.bytes, *size_out }, &ignored);
}

/* The texts of the last file. */
static bool runs_add_all(struct runs *runs, struct json_span whole)
{
    const char *path = runs->files[runs->files_count - 1].path;
    struct json_span rest = whole;
    struct json_defect defect = { .reason = "nothing is in it" };
    size_t size = 0;

    if (whole.size == 0) {
        return runs_refuse(path, "it is empty");
    }
    for (size_t number = 1; rest.size > 0; number++) {
        if (!runs_cut(rest, &size, &defect)) {
            fprintf(stderr, "quoit: %s is no JSON: byte %zu: %s\n", path,
                    whole.size - rest.size + defect.offset, defect.reason);
            return false;
        }
        if (!runs_add(runs, (struct json_span){ rest.bytes, size }, number)) {
            return false;
        }
        rest = (struct json_span){ rest.bytes + size, rest.size - size };
    }
    return true;
}

/* --- Files --- */

/* All of it; `*bytes_out` is the caller's, also after a failure. False: errno. */
static bool runs_read(int fd, char **bytes_out, size_t *size_out)
{
    size_t room = 0, size = 0;
    ssize_t count;

    do {
        if (size == room) {
            room = room == 0 ? RUNS_READ_SIZE : 2 * room;
            char *bytes = realloc(*bytes_out, room);
            if (bytes == NULL) {
                return false;
            }
            *bytes_out = bytes;
        }
        count = read(fd, *bytes_out + size, room - size);
        size += count > 0 ? (size_t)count : 0;
        if (size > RUNS_FILE_SIZE_MAX) {
            errno = EFBIG;
            return false;
        }
    } while (count > 0 || (count < 0 && errno == EINTR));
    *size_out = size;
    return count == 0;
}

/* `path` becomes ours. */
static bool runs_add_file(struct runs *runs, char *path)
{
    struct runs_file *files = reallocarray(runs->files, runs->files_count + 1, sizeof(*files));
    size_t size = 0;

    if (files == NULL || path == NULL) {
        runs->files = files != NULL ? files : runs->files;
        free(path);
        return runs_refuse(runs->name, strerror(ENOMEM));
    }
    runs->files = files;
    struct runs_file *file = &files[runs->files_count++];
    *file = (struct runs_file){ .path = path };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && runs_read(fd, &file->bytes, &size);
    int os_error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (!is_read) {
        return runs_refuse(path, strerror(os_error));
    }
    return runs_add_all(runs, (struct json_span){ file->bytes, size });
}

/* --- Folders --- */

static int runs_is_wanted(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);

    return entry->d_name[0] != '.' && size > 5 && strcmp(entry->d_name + size - 5, ".json") == 0;
}

static bool runs_add_folder(struct runs *runs)
{
    struct dirent **entries = NULL;
    int count = scandir(runs->name, &entries, runs_is_wanted, alphasort);
    bool good = true;

    if (count < 0) {
        return runs_refuse(runs->name, strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (good) {
            path = asprintf(&path, "%s/%s", runs->name, entries[i]->d_name) < 0 ? NULL : path;
            good = runs_add_file(runs, path);
        }
        free(entries[i]);
    }
    free(entries);
    return good && count == 0 ? runs_refuse(runs->name, "no *.json is in this folder") : good;
}

bool runs_open(struct runs *runs, const char *name)
{
    struct stat status;

    *runs = (struct runs){ .name = name };
    if (stat(name, &status) == 0 && S_ISDIR(status.st_mode)) {
        return runs_add_folder(runs);
    }
    return runs_add_file(runs, strdup(name));
}

void runs_close(struct runs *runs)
{
    for (size_t i = 0; i < runs->files_count; i++) {
        free(runs->files[i].path);
        free(runs->files[i].bytes);
    }
    free(runs->files);
    free(runs->items);
    *runs = (struct runs){ .name = NULL };
}

/* What has no p99 stands behind all that have one. */
static bool runs_is_before(const struct runs *runs, size_t one, size_t other)
{
    double a = runs->items[one].result.values[MEASURE_LATENCY_P99];
    double b = runs->items[other].result.values[MEASURE_LATENCY_P99];

    if (isnan(a) || isnan(b) || a == b) {
        return isnan(a) == isnan(b) ? one < other : isnan(b);
    }
    return a < b;
}

const struct run *runs_median(const struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        size_t before = 0;
        for (size_t j = 0; j < runs->count; j++) {
            before += runs_is_before(runs, j, i);
        }
        if (before == (runs->count - 1) / 2) {
            return &runs->items[i];
        }
    }
    abort(); /* they are in order, so one is in the middle */
}
