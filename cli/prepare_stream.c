/*
 * prepare_stream: "stream":true, and for completions the wish for a chunk of usage, set into the
 * body by splicing, so that no other byte of it changes.
 */
#include "cli/prepare.h"

#include "llm/member.h"
#include "llm/splice.h"

#include <string.h>

#define SPARE_KEPT_MAX (1 << 20) /* bytes of memory that are kept for the next body */

/* Set one member of the request's body, which then is the query's own. */
static enum prepare_verdict prepare_set(struct prepare *prepare, struct query *query,
                                        const char *name, struct json_span value)
{
    struct json_span body = { prepare->request.body.bytes, prepare->request.body.size };
    struct text *spare = &prepare->spare;

    text_reset(spare);
    switch (splice_member(spare, body, name, value)) {
    case SPLICE_GOOD:
        break;
    case SPLICE_NOT_OBJECT:
        return prepare_refuse(prepare, "--stream needs a body that is an object");
    case SPLICE_NO_MEMORY:
        return PREPARE_NO_MEMORY;
    }
    struct text before = query->body;
    query->body = *spare;
    *spare = before;
    prepare->request.body = (struct quoit_span){ query->body.bytes, query->body.size };
    return PREPARE_GOOD;
}

/* "stream_options" with "include_usage":true; what else it holds stays. */
static enum prepare_verdict prepare_usage(struct prepare *prepare, struct query *query)
{
    static const struct json_span yes = { "true", 4 };
    static const struct json_span alone = { "{\"include_usage\":true}", 22 };
    struct json_span body = { prepare->request.body.bytes, prepare->request.body.size };
    struct json_member options;
    struct text merged;

    if (!member_find(body, "stream_options", &options) || options.kind != JSON_OBJECT) {
        return prepare_set(prepare, query, "stream_options", alone);
    }
    text_init(&merged, 0);
    enum prepare_verdict verdict = PREPARE_NO_MEMORY;
    if (splice_member(&merged, options.value, "include_usage", yes) == SPLICE_GOOD) {
        verdict = prepare_set(prepare, query, "stream_options",
                              (struct json_span){ merged.bytes, merged.size });
    }
    text_free(&merged);
    return verdict;
}

enum prepare_verdict prepare_stream(struct prepare *prepare, struct query *query)
{
    static const struct json_span yes = { "true", 4 };
    const struct options *options = prepare->options;

    query->form = STREAM_NONE;
    if (!options->stream || !prepare->line.has_body) {
        return PREPARE_GOOD;
    }
    enum stream_form form = stream_form_of(prepare->request.url);
    if (form == STREAM_NONE) {
        return PREPARE_GOOD;
    }
    enum prepare_verdict verdict = prepare_set(prepare, query, "stream", yes);
    bool wants_usage = form == STREAM_CHAT || form == STREAM_COMPLETION;
    if (verdict == PREPARE_GOOD && wants_usage && !options->no_stream_usage) {
        verdict = prepare_usage(prepare, query);
    }
    if (prepare->spare.room > SPARE_KEPT_MAX) {
        text_free(&prepare->spare);
    }
    query->form = form;
    prepare->request.stream = QUOIT_SSE;
    prepare->request.stream_size_max = QUOIT_NEVER; /* the answer itself is measured */
    return verdict;
}
