/*
 * page: the page of the result on stdin, on stdout, for bench_page_test.py.
 *
 * Exits 1 when it cannot be read or written, or is larger than any result.
 */
#include "bench/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JSON_SIZE_MAX ((size_t)16 << 20)

int main(void)
{
    char *json = malloc(JSON_SIZE_MAX);

    if (json == NULL) {
        perror("page");
        return 1;
    }
    size_t size = fread(json, 1, JSON_SIZE_MAX, stdin);
    bool done = size < JSON_SIZE_MAX && !ferror(stdin) && page_write(STDOUT_FILENO, json, size);
    free(json);
    if (!done) {
        perror("page");
    }
    return done ? 0 : 1;
}
