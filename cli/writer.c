/*
 * writer: one text, in which each line is built.
 */
#include "cli/writer.h"

#include "cli/judge.h"
#include "llm/answer.h"
#include "llm/verdict.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void writer_init(struct writer *writer, struct output *output, bool details)
{
    *writer = (struct writer){ .output = output, .details = details };
    text_init(&writer->line, 0);
}

void writer_free(struct writer *writer)
{
    for (size_t i = 0; i < writer->held_count; i++) {
        free(writer->held[i].bytes);
    }
    writer->held_count = 0;
    text_free(&writer->line);
}

/* How long after `from_ns` something happened; never, if one of them did not. */
static uint64_t between_ns(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns == 0 || to_ns < from_ns ? ANSWER_NEVER : to_ns - from_ns;
}

/*
 * When the last attempt got its slot. The library tells that of the first one; of a later one only
 * what came next is known.
 */
static uint64_t slot_ns(const struct quoit_result *result)
{
    const struct quoit_times *times = &result->times;

    if (result->attempts <= 1) {
        return times->granted_ns;
    }
    if (!result->reused && times->resolved_ns != 0) {
        return times->resolved_ns;
    }
    return times->sent_ns != 0 ? times->sent_ns : times->granted_ns;
}

static struct answer_details details_of(const struct query *query,
                                        const struct quoit_result *result)
{
    const struct quoit_times *times = &result->times;
    const struct query_tokens *tokens = &query->tokens;
    uint64_t begin_ns = slot_ns(result);
    uint64_t open_ns = times->secured_ns != 0 ? times->secured_ns : times->connected_ns;

    return (struct answer_details){
        .line = query->number,
        .attempts = query->attempts + result->attempts,
        .reused = result->reused,
        .queued_ns = between_ns(query->read_ns, times->granted_ns),
        .connect_ns = result->reused ? 0 : between_ns(begin_ns, open_ns),
        .first_byte_ns = between_ns(begin_ns, times->first_byte_ns),
        .latency_ns = between_ns(begin_ns, times->end_ns),
        .bytes_in = result->bytes_in,
        .streamed = tokens->streamed,
        .token_events = tokens->count,
        .first_token_ns =
            tokens->count == 0 ? ANSWER_NEVER : between_ns(begin_ns, tokens->first_ns),
        .last_token_ns = tokens->count == 0 ? ANSWER_NEVER : between_ns(begin_ns, tokens->last_ns),
        .token_gap_max_ns = tokens->count < 2 ? ANSWER_NEVER : tokens->gap_max_ns,
    };
}

/* Build the line of a result. False: no memory for it. */
static bool writer_build(struct writer *writer, const struct query *query,
                         const struct quoit_result *result)
{
    struct answer_details details = details_of(query, result);
    char message[512];
    struct answer answer = {
        .id = query->name,
        .custom_id = query->custom_id,
        .details = writer->details ? &details : NULL,
    };

    if (result->error != QUOIT_OK) {
        bool has_detail = result->detail[0] != '\0';
        snprintf(message, sizeof(message), has_detail ? "%s (%s)" : "%s",
                 quoit_error_message(result->error), result->detail);
        answer.error_code = quoit_error_code(result->error);
        answer.error_message = message;
    } else {
        answer.status = result->status;
        answer.request_id = judge_request_id(result);
        answer.body = (struct json_span){ result->body.bytes, result->body.size };
        answer.body_is_coded = verdict_is_coded(result);
    }
    text_reset(&writer->line);
    return answer_write(&writer->line, &answer);
}

static struct json_span writer_line(const struct writer *writer)
{
    return (struct json_span){ writer->line.bytes, writer->line.size };
}

void writer_put_error(struct writer *writer, const struct query *query, const char *code,
                      const char *message)
{
    struct answer_details details = {
        .line = query->number,
        .queued_ns = ANSWER_NEVER,
        .connect_ns = ANSWER_NEVER,
        .first_byte_ns = ANSWER_NEVER,
        .latency_ns = ANSWER_NEVER,
    };
    struct answer answer = {
        .id = query->name,
        .custom_id = query->custom_id,
        .error_code = code,
        .error_message = message,
        .details = writer->details ? &details : NULL,
    };

    text_reset(&writer->line);
    if (!answer_write(&writer->line, &answer)) {
        output_skip(writer->output, query->sequence); /* not even memory to say so */
        return;
    }
    output_put(writer->output, query->sequence, OUTPUT_FAILED, writer_line(writer));
}

void writer_put(struct writer *writer, const struct query *query, const struct quoit_result *result,
                enum output_kind kind)
{
    if (!writer_build(writer, query, result)) {
        writer_put_error(writer, query, quoit_error_code(QUOIT_E_NO_MEMORY),
                         "out of memory (for the line of this answer)");
        return;
    }
    output_put(writer->output, query->sequence, kind, writer_line(writer));
}

void writer_hold(struct writer *writer, const struct query *query,
                 const struct quoit_result *result)
{
    struct writer_held *held = &writer->held[writer->held_count];

    assert(writer->held_count < WRITER_HELD_MAX);
    char *bytes = writer_build(writer, query, result) ? malloc(writer->line.size) : NULL;
    if (bytes == NULL) {
        writer_put(writer, query, result, OUTPUT_FAILED);
        return;
    }
    memcpy(bytes, writer->line.bytes, writer->line.size);
    *held = (struct writer_held){ bytes, writer->line.size, query->sequence };
    writer->held_count++;
}

void writer_release(struct writer *writer)
{
    for (size_t i = 0; i < writer->held_count; i++) {
        struct writer_held *held = &writer->held[i];
        output_put(writer->output, held->sequence, OUTPUT_FAILED,
                   (struct json_span){ held->bytes, held->size });
        free(held->bytes);
    }
    writer->held_count = 0;
}

void writer_forget(struct writer *writer)
{
    for (size_t i = 0; i < writer->held_count; i++) {
        output_skip(writer->output, writer->held[i].sequence);
        free(writer->held[i].bytes);
    }
    writer->held_count = 0;
}
