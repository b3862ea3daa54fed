/*
 * tokens: the events of an LLM's stream, counted by the C clients of perf/ that are not quoit.
 *
 *     tokens_reset, then tokens_feed for each piece of the body as it comes
 *
 * A line is looked at where it lies, or joined from its pieces first. One that begins with "data: "
 * is an event; if it has a "content" that is not empty it is a token, and its time goes into the
 * window's histograms: of the first one since the request was sent, of each other since the one
 * before. The JSON is not parsed: this is the least that such a client can do, so that what
 * others need is compared with that.
 *
 * A line over TOKENS_LINE_MAX is not counted, so the sum of tokens shows it.
 */
#ifndef QUOIT_PERF_TOKENS_H
#define QUOIT_PERF_TOKENS_H

#include "perf/measure.h"

#define TOKENS_LINE_MAX 4096

struct tokens {
    uint64_t last_ns; /* of the token before; at first: of the send */
    bool first, ended;
    size_t size; /* of the line's beginning, kept below */
    char line[TOKENS_LINE_MAX];
};

static inline void tokens_reset(struct tokens *tokens, uint64_t sent_ns)
{
    tokens->last_ns = sent_ns;
    tokens->first = true;
    tokens->ended = false;
    tokens->size = 0;
}

static inline void tokens_read_line(struct tokens *tokens, struct measure *measure,
                                    const char *line, size_t size)
{
    static const char content[] = "\"content\":\"";

    if (size < 6 || memcmp(line, "data: ", 6) != 0) {
        return;
    }
    if (size >= 12 && memcmp(line + 6, "[DONE]", 6) == 0) {
        tokens->ended = true;
        return;
    }
    const char *found = memmem(line, size, content, sizeof(content) - 1);
    if (found == NULL || found[sizeof(content) - 1] == '"') {
        return;
    }
    uint64_t now_ns = measure_now_ns();
    measure_note(tokens->first ? &measure->first_tokens : &measure->gaps, now_ns - tokens->last_ns);
    measure->tokens++;
    tokens->first = false;
    tokens->last_ns = now_ns;
}

static inline void tokens_feed(struct tokens *tokens, struct measure *measure, const char *bytes,
                               size_t size)
{
    while (size != 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end == NULL ? size : (size_t)(end - bytes);
        if (end != NULL && tokens->size == 0) {
            tokens_read_line(tokens, measure, bytes, part);
        } else {
            size_t fits =
                TOKENS_LINE_MAX - tokens->size < part ? TOKENS_LINE_MAX - tokens->size : part;
            memcpy(tokens->line + tokens->size, bytes, fits);
            tokens->size += fits;
            if (end != NULL) {
                tokens_read_line(tokens, measure, tokens->line, tokens->size);
                tokens->size = 0;
            }
        }
        part += end != NULL;
        bytes += part;
        size -= part;
    }
}

#endif
