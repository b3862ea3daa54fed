/*
 * question: what a request asks for, by its path and the members of its JSON body.
 *
 * The body is walked once and not checked: bytes that only a strict parser would refuse are an
 * API's affair, and the mock has to take every body that a test sends.
 */
#ifndef QUOIT_MOCK_QUESTION_H
#define QUOIT_MOCK_QUESTION_H

#include "mock/incoming.h"

enum question_kind {
    QUESTION_CHAT,         /* POST .../chat/completions */
    QUESTION_COMPLETION,   /* POST .../completions */
    QUESTION_EMBEDDING,    /* POST .../embeddings */
    QUESTION_RESPONSES,    /* POST .../responses */
    QUESTION_MESSAGES,     /* POST .../messages */
    QUESTION_MODELS,       /* GET .../models */
    QUESTION_LEDGER,       /* GET /ledger */
    QUESTION_LEDGER_RESET, /* POST /ledger/reset */
    QUESTION_SETTINGS,     /* POST /mock/settings */
    QUESTION_STALL,        /* POST /mock/stall */
    QUESTION_ECHO,         /* any method, /echo */
    QUESTION_RAW,          /* POST /raw */
    QUESTION_MISSING,      /* any method, /missing */
    QUESTION_PAGE,         /* anything else */
};

struct question {
    enum question_kind kind;
    bool is_object;      /* the body is a JSON object, as far as was looked */
    bool stream;         /* "stream": true */
    bool include_usage;  /* "stream_options": {"include_usage": true} */
    uint64_t tokens_max; /* "max_tokens" and its younger names; 0: not given */
    uint64_t choices;    /* "n", for each element of "prompt"; at least 1 */
    uint64_t inputs;     /* the elements of "input"; at least 1 */
    uint64_t prompts;    /* of "prompt"; at least 1 */
    const char *model;   /* "model" as it stands, without its quotes; borrowed from the body */
    size_t model_size;
};

/* Read what `incoming`, which is whole, asks. */
void question_read(struct question *question, const struct incoming *incoming);

/* Only the kind, which the head alone tells. */
enum question_kind question_kind_of(const struct incoming *incoming);

/* A language model is asked: these are limited by --rpm and --tpm and carry their headers. */
bool question_is_metered(const struct question *question);

/* The path of the request: the target without its query, scheme and host. */
const char *question_path(const struct incoming *incoming, size_t *size_out);

#endif
