/*
 * page: the files of bench/page/ in the program, and the JSON between them.
 */
#include "bench/page.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The assembler finds the files as the compiler finds headers, from the root of the tree. */
#define PAGE_PART(file) ".incbin \"bench/page/" file "\"\n"

#define PAGE_ESCAPE_SIZE 6 /* \u003c */

__asm__(".pushsection .rodata\n"
        "page_before:\n"                                                                     /* */
        PAGE_PART("begin.html") PAGE_PART("page.css") PAGE_PART("body.html") "page_after:\n" /* */
        PAGE_PART("script.html") PAGE_PART("number.js") PAGE_PART("dom.js") PAGE_PART("scale.js")
            PAGE_PART("chart.js") PAGE_PART("figures.js") PAGE_PART("tables.js")
                PAGE_PART("report.js") PAGE_PART("end.html") "page_end:\n"
                                                             ".popsection\n");

extern const char page_before[] __attribute__((visibility("hidden")));
extern const char page_after[] __attribute__((visibility("hidden")));
extern const char page_end[] __attribute__((visibility("hidden")));

static bool page_put(int fd, const char *bytes, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = write(fd, bytes + done, size - done);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += count < 0 ? 0 : (size_t)count;
    }
    return true;
}

/*
 * Append the sign at `at` to `to`, as it is to be written. In a script element only what begins
 * with < means anything; U+2028 and U+2029 end a line for older readers of scripts. Returns how
 * many bytes were taken in.
 */
static size_t page_escape(char *to, size_t *used, const char *at, size_t size)
{
    const char *escape = NULL;
    size_t length = 1;

    if (*at == '<') {
        escape = "\\u003c";
    } else if (size >= 3 && memcmp(at, "\xe2\x80", 2) == 0 && (at[2] & ~1) == '\xa8') {
        escape = at[2] == '\xa8' ? "\\u2028" : "\\u2029";
        length = 3;
    }
    if (escape == NULL) {
        to[(*used)++] = *at;
    } else {
        memcpy(to + *used, escape, PAGE_ESCAPE_SIZE);
        *used += PAGE_ESCAPE_SIZE;
    }
    return length;
}

static bool page_put_json(int fd, const char *json, size_t size)
{
    char buffer[16384];
    size_t used = 0;

    for (size_t i = 0; i < size;) {
        if (used > sizeof(buffer) - PAGE_ESCAPE_SIZE) {
            if (!page_put(fd, buffer, used)) {
                return false;
            }
            used = 0;
        }
        i += page_escape(buffer, &used, json + i, size - i);
    }
    return page_put(fd, buffer, used);
}

bool page_write(int fd, const char *json, size_t json_size)
{
    return page_put(fd, page_before, (size_t)(page_after - page_before)) &&
           page_put_json(fd, json, json_size) &&
           page_put(fd, page_after, (size_t)(page_end - page_after));
}
