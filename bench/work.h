/*
 * work: the requests that a run sends, ready to be submitted: one, or those of a batch file.
 *
 * Happy path: work_open; items are read by all threads; work_close. Bodies go out as they stand in
 * the file. Nothing is decided while the clock runs: urls, headers and bodies are put together
 * before.
 *
 * It fails with one line on stderr, and an exit code.
 */
#ifndef QUOIT_BENCH_WORK_H
#define QUOIT_BENCH_WORK_H

#include "bench/options.h"
#include "cli/headers.h"
#include "cli/keys.h"
#include "cli/proxies.h"
#include "llm/stream.h"
#include "llm/text.h"
#include "quoit.h"

struct work_item {
    const char *method, *url, *proxy_url; /* proxy_url NULL: none */
    const struct quoit_header *headers;
    uint32_t headers_count;
    struct quoit_span body;
    enum stream_form form; /* by its url: which API of an LLM, if any */
};

struct work {
    /* To be read. */
    struct work_item *items;
    size_t count;            /* at least 1 */
    const char *url;         /* of the server, absolute */
    const char *unix_socket; /* NULL: none */
    const char *variable;    /* OPENAI_BASE_URL if that named it, else NULL */

    /* Private. */
    struct text url_text, body;
    struct work_block *blocks; /* owned: what the items point to */
    size_t room;
};

/*
 * Make them ready. Borrows all but the structs themselves until work_close.
 *
 * Returns 0, EXIT_USAGE or EXIT_START.
 */
int work_open(struct work *work, const struct bench_options *options, const struct headers *headers,
              const struct keys *keys, const struct proxies *proxies);

void work_close(struct work *work);

/* Would the library take each of them? Sends nothing. Returns 0, EXIT_USAGE or EXIT_START. */
int work_check(const struct work *work);

#endif
