/*
 * openai: what OpenAI's batch API asks of a file beyond what `quoit batch` does. Pure.
 *
 * As its documentation says: at most 50,000 requests, 50,000 inputs of embeddings and 200 MB; one
 * endpoint, of those that have batches, and one model for the whole file; method POST, urls that
 * are paths, and bodies that are objects and ask for no stream. What is ours (headers,
 * body_encoding) is not there.
 */
#ifndef QUOIT_CLI_OPENAI_H
#define QUOIT_CLI_OPENAI_H

#include "cli/census.h"
#include "llm/batch.h"

#define OPENAI_REQUESTS_MAX 50000
#define OPENAI_INPUTS_MAX 50000 /* texts to be embedded */
#define OPENAI_BYTES_MAX UINT64_C(200000000)
#define OPENAI_FAULTS_MAX 6

/* What is wrong with a line that is else good, or NULL. Static. */
const char *openai_line_fault(const struct batch_line *line);

/* How many texts a line that is good for OpenAI wants embedded; 0: it is for another endpoint. */
uint64_t openai_inputs(const struct batch_line *line);

/* What is wrong with the file as a whole; returns how many faults that are. Static texts. */
size_t openai_file_faults(const struct census *census, uint64_t file_bytes, uint64_t inputs,
                          const char *faults_out[OPENAI_FAULTS_MAX]);

#endif
