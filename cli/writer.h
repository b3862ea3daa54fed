/*
 * writer: from how a query ended to its line in the output.
 *
 * The first answers of a run may all say that nothing will succeed. Until that is known they are
 * held back here, since a run that stops for them writes no line of them: writer_hold keeps one,
 * writer_release writes those that were kept, writer_forget drops them.
 */
#ifndef QUOIT_CLI_WRITER_H
#define QUOIT_CLI_WRITER_H

#include "cli/output.h"
#include "cli/query.h"
#include "quoit.h"

#define WRITER_HELD_MAX 20

struct writer_held {
    char *bytes; /* owned */
    size_t size;
    uint64_t sequence;
};

struct writer {
    struct output *output; /* borrowed */
    bool details;
    struct text line;
    struct writer_held held[WRITER_HELD_MAX];
    size_t held_count;
};

void writer_init(struct writer *writer, struct output *output, bool details);

void writer_free(struct writer *writer);

/* Write the line of a query that ended with `result`. */
void writer_put(struct writer *writer, const struct query *query, const struct quoit_result *result,
                enum output_kind kind);

/* Write the line of a query that was never sent. */
void writer_put_error(struct writer *writer, const struct query *query, const char *code,
                      const char *message);

/* Keep the line, which is of a failure. At most WRITER_HELD_MAX. */
void writer_hold(struct writer *writer, const struct query *query,
                 const struct quoit_result *result);

void writer_release(struct writer *writer);

void writer_forget(struct writer *writer);

#endif
