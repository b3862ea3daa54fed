/*
 * capture: what a piece of code says on stderr.
 *
 * Happy path: capture_begin; the code; capture_end gives the text, which is good until the next
 * capture_end.
 */
#ifndef QUOIT_TESTS_CAPTURE_H
#define QUOIT_TESTS_CAPTURE_H

#include <assert.h>
#include <stdio.h>

static FILE *capture_stderr;

static inline void capture_begin(void)
{
    FILE *file = tmpfile();

    assert(file != NULL);
    capture_stderr = stderr;
    stderr = file; /* glibc lets it be assigned */
}

static inline const char *capture_end(void)
{
    static char text[4096];
    FILE *file = stderr;

    stderr = capture_stderr;
    rewind(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

#endif
