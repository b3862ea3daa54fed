/*
 * api_ask: what came of a request, told to each of its prompts.
 *
 * An answer is one block of memory: the struct, its numbers, its strings. Three are nobody's own:
 * that there was no memory for another one, that the caller cancelled, and why the batch stopped.
 */
#include "llm/api_batch.h"

#include "llm/utf8.h"
#include "llm/verdict.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_DETAIL_MAX 500 /* bytes of a line for people, whatever the server says */

static const struct quoit_llm_answer answer_no_memory = {
    .error = QUOIT_E_NO_MEMORY,
    .detail = "out of memory",
    .code = "",
    .content = { "", 0 },
    .finish_reason = "",
    .body = { "", 0 },
};

static const struct quoit_llm_answer answer_cancelled = {
    .error = QUOIT_E_CANCELLED,
    .detail = "cancelled by the caller",
    .code = "",
    .content = { "", 0 },
    .finish_reason = "",
    .body = { "", 0 },
};

/* --- Memory --- */

/* Copy bytes and a NUL to *at, which moves behind them. */
static const char *answer_put(char **at, const char *bytes, size_t size)
{
    char *put = *at;

    memcpy(put, bytes, size);
    put[size] = '\0';
    *at += size + 1;
    return put;
}

/* A copy in one block; or, where there is no memory for it, the answer that says so. */
static const struct quoit_llm_answer *answer_copy(const struct quoit_llm_answer *from)
{
    size_t numbers_size = from->embedding_count * sizeof(*from->embedding);
    size_t detail_size = strlen(from->detail), code_size = strlen(from->code);
    size_t finish_size = strlen(from->finish_reason);
    struct quoit_llm_answer *answer =
        malloc(sizeof(*answer) + numbers_size + from->content.size + from->body.size + detail_size +
               code_size + finish_size + 5);

    if (answer == NULL) {
        return &answer_no_memory;
    }
    *answer = *from;
    if (numbers_size != 0) {
        answer->embedding = memcpy(answer + 1, from->embedding, numbers_size);
    }
    char *at = (char *)(answer + 1) + numbers_size;
    answer->content.bytes = answer_put(&at, from->content.bytes, from->content.size);
    answer->body.bytes = answer_put(&at, from->body.bytes, from->body.size);
    answer->detail = answer_put(&at, from->detail, detail_size);
    answer->code = answer_put(&at, from->code, code_size);
    answer->finish_reason = answer_put(&at, from->finish_reason, finish_size);
    return answer;
}

static void answer_free(const struct quoit_llm_answer *answer)
{
    if (answer != &answer_no_memory && answer != &answer_cancelled) {
        free((void *)(uintptr_t)answer);
    }
}

void ask_free_answers(struct quoit_llm_batch *batch)
{
    for (size_t i = 0; i < batch->prompts_count; i++) {
        if (batch->answers[i] != batch->stopped) {
            answer_free(batch->answers[i]);
        }
    }
    answer_free(batch->stopped);
    batch->stopped = NULL;
}

void ask_end(struct quoit_llm_batch *batch, size_t index, const struct quoit_llm_answer *answer)
{
    assert(batch->answers[index] == NULL);
    batch->answers[index] = answer;
    batch->order[batch->ended++] = index;
    batch->good += answer->good;
    batch->tokens_in += answer->tokens_in;
    batch->tokens_out += answer->tokens_out;
}

/* --- Lines for people --- */

/* Make one line of it, at most ANSWER_DETAIL_MAX bytes long, without a secret. */
static const char *detail_finish(const struct quoit_llm_batch *batch, struct text *detail)
{
    if (detail->failed) {
        return "out of memory";
    }
    target_hide(&batch->target, detail); /* whole, before it is cut */
    if (detail->size > ANSWER_DETAIL_MAX) {
        text_cut(detail, utf8_size(detail->bytes, ANSWER_DETAIL_MAX));
    }
    for (size_t i = 0; i < detail->size; i++) {
        unsigned char byte = (unsigned char)detail->bytes[i];
        if (byte < 0x20 || byte == 0x7f) {
            detail->bytes[i] = ' ';
        }
    }
    return detail->bytes;
}

/* "status 400: what the server said". */
static void detail_append_status(struct text *detail, const struct quoit_result *result,
                                 const char *said)
{
    text_append_string(detail, "status ");
    text_append_number(detail, result->status);
    if (*said != '\0') {
        text_append_string(detail, ": ");
        text_append_string(detail, said);
    }
}

static const char *detail_of_error(struct quoit_llm_batch *batch, enum quoit_error error,
                                   const char *why)
{
    text_reset(&batch->detail);
    text_append_string(&batch->detail, quoit_error_message(error));
    if (*why != '\0') {
        text_append_string(&batch->detail, ": ");
        text_append_string(&batch->detail, why);
    }
    return detail_finish(batch, &batch->detail);
}

static const char *detail_of_status(struct quoit_llm_batch *batch,
                                    const struct quoit_result *result, const char *said)
{
    text_reset(&batch->detail);
    detail_append_status(&batch->detail, result, said);
    return detail_finish(batch, &batch->detail);
}

/* The server's word for its error. */
static const char *code_of(struct quoit_llm_batch *batch, const struct quoit_llm_reply *reply)
{
    text_reset(&batch->code);
    text_append_string(&batch->code,
                       *reply->error_code != '\0' ? reply->error_code : reply->error_type);
    return detail_finish(batch, &batch->code);
}

/* --- Judging --- */

enum ask_verdict ask_judge(const struct quoit_result *result)
{
    uint32_t status = result->status;

    if (result->error != QUOIT_OK || verdict_is_good(result)) {
        return ASK_FINAL; /* the engine has tried again what could be */
    }
    if (status == 401 || (status == 429 && verdict_quota_is_spent(result))) {
        return ASK_STOP;
    }
    if (verdict_is_transient(result)) {
        return ASK_AGAIN;
    }
    bool refused = status == 400 || status == 413 || status == 422;
    return refused && !verdict_quota_is_spent(result) ? ASK_REFUSED : ASK_FINAL;
}

/* --- From a result to answers --- */

/* What all prompts of a request share. */
static struct quoit_llm_answer answer_of(const struct quoit_result *result)
{
    const struct quoit_times *times = &result->times;
    bool granted = times->granted_ns != 0 && times->end_ns > times->granted_ns;

    return (struct quoit_llm_answer){
        .error = result->error,
        .status = result->status,
        .attempts = result->attempts,
        .detail = "",
        .code = "",
        .content = { "", 0 },
        .finish_reason = "",
        .latency_ns = granted ? times->end_ns - times->granted_ns : 0,
        .body = { "", 0 },
    };
}

/* All prompts of the ask get this answer; what the server counts together only the first one. */
static void settle_all(struct quoit_llm_batch *batch, const struct ask *ask,
                       struct quoit_llm_answer answer)
{
    for (size_t i = 0; i < ask->count; i++) {
        ask_end(batch, ask->first + i, answer_copy(&answer));
        answer.tokens_in = answer.tokens_out = 0;
        answer.body = (struct quoit_span){ "", 0 };
    }
}

/* The choice of that index, which most servers put into that place; NULL: there is none. */
static const struct quoit_llm_choice *settle_find(const struct quoit_llm_reply *reply, size_t index)
{
    if (index < reply->choices_count && reply->choices[index].index == index) {
        return &reply->choices[index];
    }
    for (size_t i = 0; i < reply->choices_count; i++) {
        if (reply->choices[i].index == index) {
            return &reply->choices[i];
        }
    }
    return NULL;
}

/* A good reply: each prompt gets its choice, or the first of its choices if it has several. */
static void settle_split(struct quoit_llm_batch *batch, const struct ask *ask,
                         const struct quoit_result *result, struct quoit_llm_answer answer)
{
    const struct quoit_llm_reply *reply = &batch->reply;
    bool even = reply->choices_count % ask->count == 0;
    size_t each = even ? reply->choices_count / ask->count : 1;

    for (size_t i = 0; i < ask->count; i++) {
        const struct quoit_llm_choice *choice = settle_find(reply, i * each);
        bool embeddings = batch->body.endpoint == QUOIT_LLM_EMBEDDINGS;
        struct quoit_llm_answer one = answer;

        one.good = choice != NULL && (!embeddings || choice->embedding != NULL);
        if (one.good) {
            one.content = choice->content;
            one.finish_reason = choice->finish_reason;
            one.embedding = choice->embedding;
            one.embedding_count = choice->embedding_count;
        } else {
            one.detail = detail_of_status(batch, result, "there is no answer to this prompt in it");
        }
        ask_end(batch, ask->first + i, answer_copy(&one));
        answer.tokens_in = answer.tokens_out = 0;
        answer.body = (struct quoit_span){ "", 0 };
    }
}

/* An answer came: read it. */
static void settle_answered(struct quoit_llm_batch *batch, const struct ask *ask,
                            const struct quoit_result *result)
{
    enum quoit_error error = quoit_llm_reply_read(&batch->reply, result->body);
    const struct quoit_llm_reply *reply = &batch->reply;
    struct quoit_llm_answer answer = answer_of(result);

    if (error == QUOIT_E_NO_MEMORY) {
        answer.error = error;
        answer.detail = detail_of_error(batch, error, "");
        settle_all(batch, ask, answer);
        return;
    }
    answer.tokens_in = reply->tokens_in;
    answer.tokens_out = reply->tokens_out;
    answer.body = batch->keep_bodies ? result->body : answer.body;
    answer.code = code_of(batch, reply);
    if (verdict_is_good(result) && verdict_is_coded(result)) {
        answer.detail = detail_of_status(batch, result, "it is in a coding that was not asked for");
    } else if (reply->failed || !verdict_is_good(result)) {
        answer.detail = detail_of_status(batch, result, reply->error_message);
    } else if (error != QUOIT_OK) {
        answer.detail = detail_of_status(batch, result, "it is not JSON");
    } else {
        settle_split(batch, ask, result, answer);
        return;
    }
    settle_all(batch, ask, answer);
}

void ask_settle(struct quoit_llm_batch *batch, const struct ask *ask,
                const struct quoit_result *result)
{
    struct quoit_llm_answer answer = answer_of(result);

    batch->attempts += result->attempts;
    if (result->error == QUOIT_OK) {
        settle_answered(batch, ask, result);
        return;
    }
    if (result->error == QUOIT_E_CANCELLED && batch->stopped != NULL) {
        struct quoit_llm_answer stopped = *batch->stopped; /* it waited to be sent again */
        stopped.attempts = answer.attempts;
        stopped.latency_ns = answer.latency_ns;
        settle_all(batch, ask, stopped);
        return;
    }
    answer.detail = detail_of_error(batch, result->error, result->detail);
    settle_all(batch, ask, answer);
}

void ask_refuse(struct quoit_llm_batch *batch, size_t first, size_t count, enum quoit_error error,
                const char *why)
{
    const struct quoit_result unsent = { .error = error };
    const struct ask ask = { .first = first, .count = count };
    struct quoit_llm_answer answer = answer_of(&unsent);

    answer.detail = detail_of_error(batch, error, why);
    settle_all(batch, &ask, answer);
}

/* --- Stopping --- */

void ask_stop(struct quoit_llm_batch *batch, const struct quoit_result *result)
{
    struct quoit_llm_answer answer = answer_of(result);

    if (batch->stopped != NULL) {
        return;
    }
    if (quoit_llm_reply_read(&batch->reply, result->body) == QUOIT_OK) {
        answer.code = code_of(batch, &batch->reply);
    }
    answer.attempts = 0;
    answer.latency_ns = 0;
    text_reset(&batch->detail);
    text_append_string(&batch->detail, "given up, as another prompt was answered: ");
    detail_append_status(&batch->detail, result, batch->reply.error_message);
    answer.detail = detail_finish(batch, &batch->detail);
    batch->stopped = answer_copy(&answer);
}

void ask_stop_cancelled(struct quoit_llm_batch *batch)
{
    if (batch->stopped == NULL) {
        batch->stopped = &answer_cancelled;
    }
}
