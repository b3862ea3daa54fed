/*
 * run_stream: from the events of a query under --stream to the one answer that they are.
 *
 *     HEAD, MESSAGE... --run_stream_take--> the query's stream
 *     END --run_stream_end--> a result as if the answer had come whole
 *
 * What an END with 2xx means where the stream is not an answer:
 *
 *     it ended before it was whole            incomplete_response, tried again
 *     an error that may pass came as event    the same
 *     one that will not                       stream_error, final
 *     insufficient_quota                      as a 429 that says so: the run stops
 *     an event that is no event of an answer  stream_error, final
 *     more than --body-max                    too_large, final
 *
 * In all of them the answer may have been paid for: maybe_billed, as soon as an event was there.
 */
#ifndef QUOIT_CLI_RUN_STREAM_H
#define QUOIT_CLI_RUN_STREAM_H

#include "cli/judge.h"
#include "cli/query.h"
#include "quoit.h"

/* What the ends of streams are written into; one for the whole run. */
struct run_stream {
    struct text answer;
    char detail[320];
    struct quoit_result result;
};

void run_stream_init(struct run_stream *streams);
void run_stream_free(struct run_stream *streams);

/*
 * Take in a HEAD or a MESSAGE. answer_max: of the whole answer, in bytes. False: whatever follows,
 * the query has failed for good.
 */
bool run_stream_take(struct query *query, const struct quoit_event *event, uint64_t answer_max);

/*
 * The result of a query that has ended, and what it means: for one that did not stream, `result`
 * itself. Good until the next call.
 */
const struct quoit_result *run_stream_end(struct run_stream *streams, struct query *query,
                                          const struct quoit_result *result,
                                          enum judge_verdict *verdict_out);

#endif
