/*
 * page: a result as one HTML file, to be opened anywhere, for --html.
 *
 *     bench/page/begin.html, page.css, body.html | the result, as JSON | the scripts, end.html
 *
 * The files of bench/page/ are in the program. Whatever the page shows, its script makes of the
 * JSON, in the browser of who reads it; a policy in the page forbids it the network.
 */
#ifndef QUOIT_BENCH_PAGE_H
#define QUOIT_BENCH_PAGE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Write the page of a result of `quoit bench`, or of several:
 * {"runs":[{"name","result"}...],"compare":{...}}.
 *
 * The JSON may hold any text: what could end the element that carries it is written as \u003c,
 * which is the same JSON.
 *
 *   Borrows  json, for the call.
 *   Blocks   as long as fd does.
 *
 * False: a write failed; errno says why.
 */
bool page_write(int fd, const char *json, size_t json_size);

#endif
