/*
 * census: what a file of queries asks for, counted: urls, models, bytes, and an estimate of tokens.
 *
 * Happy path: census_init, census_take for each query, read the fields, census_free. Memory does
 * not grow with the file: names beyond the first CENSUS_NAMES_MAX are counted together.
 */
#ifndef QUOIT_CLI_CENSUS_H
#define QUOIT_CLI_CENSUS_H

#include "llm/json.h"
#include "llm/text.h"

#include <stdint.h>

#define CENSUS_NAMES_MAX 64

struct census_name {
    struct text name; /* what the JSON string says */
    uint64_t requests;
};

/* Names in the order in which they came. */
struct census_names {
    struct census_name items[CENSUS_NAMES_MAX];
    size_t count;
    uint64_t others; /* requests with names for which there was no room */
};

struct census {
    struct census_names urls, models;
    uint64_t requests;
    uint64_t body_bytes;
    uint64_t tokens_in;   /* a quarter of each body's bytes */
    uint64_t tokens_out;  /* the most that the bodies allow */
    uint64_t without_max; /* requests that allow any number: not in tokens_out */
    uint64_t without_model;
    bool failed; /* out of memory: names are missing */

    struct text decoded; /* private */
};

void census_init(struct census *census);

void census_free(struct census *census);

/*
 * Count one query: its url, and its body as it will be sent, which may be any bytes. Of a body's
 * "max_tokens", "max_completion_tokens" and "max_output_tokens" the largest counts, "n" times.
 */
void census_take(struct census *census, const char *url, struct json_span body);

#endif
