/*
 * quoit_llm: ask a language model many questions, get every answer.
 *
 *     struct quoit_llm_prompt prompts[2] = { { .text = "What is a quoit?" },
 *                                            { .text = "What is a ring?" } };
 *     struct quoit_llm_options options = { .parameters = { .model = "m", .max_tokens = 4000 } };
 *     struct quoit_llm_batch *batch;
 *
 *     if (quoit_llm_batch_create(&options, prompts, 2, &batch) == QUOIT_OK) {
 *         quoit_llm_batch_wait(batch);
 *         for (size_t i = 0; i < 2; i++) {
 *             const struct quoit_llm_answer *answer = quoit_llm_batch_answer(batch, i);
 *             printf("%s\n", answer->good ? answer->content.bytes : answer->detail);
 *         }
 *         quoit_llm_batch_destroy(batch);
 *     }
 *
 * Three parts, each of use without the others:
 *
 *     a batch   quoit_llm_batch_*: prompts in, answers out; retries, limits, cancel, progress.
 *     a body    quoit_llm_body_create: the JSON of one request, for quoit_submit.
 *     a reply   quoit_llm_reply_read: what an answer's body says, or one event of a stream.
 *
 * What is said at the head of quoit.h holds here too: zero is the default of every field, structs
 * end in `reserved`, which must be zero, the words Copies, Borrows, Blocks and Costs, and that
 * after an error nothing has changed and no *_out was written. All strings are UTF-8 and end with a
 * NUL. A span that this library hands out has a NUL behind its last byte, so its bytes are a C
 * string too, as far as the text itself holds no NUL.
 *
 * Link with `pkg-config --libs quoit_llm`. C11 and C++17.
 */
#ifndef QUOIT_LLM_H
#define QUOIT_LLM_H

#include <quoit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* temperature and top_p: send 0, since 0 in the field is "send nothing". */
#define QUOIT_LLM_ZERO (-1.0)

struct quoit_llm_batch; /* opaque: prompts under way and their answers; its engine's thread's */

/* Which API is spoken. Whoever serves a model offers some of these. */
enum quoit_llm_endpoint {
    QUOIT_LLM_CHAT,        /* /v1/chat/completions: messages in, a message out */
    QUOIT_LLM_COMPLETIONS, /* /v1/completions: text in, what follows it out */
    QUOIT_LLM_EMBEDDINGS,  /* /v1/embeddings: text in, numbers out */
};

/* One message of a conversation. */
struct quoit_llm_message {
    const char *role;    /* "user", "assistant", "tool", ...; required */
    const char *content; /* NULL: the message has no member "content" but one in `members` */

    /*
     * More members, as JSON text: "\"tool_call_id\":\"c1\""; or a content of several parts, images
     * among them. NULL: none.
     */
    const char *members;
    uint64_t reserved[2];
};

/* One question: either text or messages. */
struct quoit_llm_prompt {
    const char *text;                         /* CHAT: one message of the role "user" */
    const struct quoit_llm_message *messages; /* CHAT only: a conversation so far, in its order */
    size_t messages_count;
    uint64_t reserved[2];
};

/*
 * What a request says beside its prompt. A field that is 0 is not sent, so the server decides; a
 * seed or a number of tokens that is to be 0 goes through `members`: "\"seed\":0".
 */
struct quoit_llm_parameters {
    enum quoit_llm_endpoint endpoint;
    const char *model;
    const char *system;  /* CHAT: a message of the role "system" before all others */
    const char *stop;    /* text at which an answer ends; several: in `members` */
    const char *members; /* any other parameters, as JSON text: "\"n\":2,\"logprobs\":true". A */
                         /* member that is named here too is not made of its field */
    uint64_t max_tokens; /* of an answer, by the older name */
    uint64_t max_completion_tokens; /* by the younger one, which some models ask for */
    uint64_t seed;
    double temperature, top_p; /* QUOIT_LLM_ZERO: 0 */
    bool stream; /* answer in server-sent events, usage at their end; not in a batch */
    uint64_t reserved[4];
};

/*
 * Make the body of one request.
 *
 *   prompts  CHAT takes one; COMPLETIONS and EMBEDDINGS take any number: one is sent as a string,
 *            more as an array, and the answer has a choice for each.
 *   Costs    one pass over the texts, one copy.
 *
 * Stores the JSON text, with a NUL behind it, which the caller frees with free().
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_ARGUMENT   a string is not UTF-8; `members` are no JSON members, or name the prompt's;
 *                      a temperature or top_p is no number, or below 0 and not QUOIT_LLM_ZERO; no
 *                      prompt, or more than the endpoint takes; a prompt with both or neither of
 *                      text and messages; messages or system where the endpoint takes text; a
 *                      message without a role; a stream of embeddings; an enum out of range, or
 *                      reserved is not zero.
 *   QUOIT_E_NO_MEMORY
 */
QUOIT_API QUOIT_MUST enum quoit_error
quoit_llm_body_create(const struct quoit_llm_parameters *parameters,
                      const struct quoit_llm_prompt *prompts, size_t prompts_count,
                      char **body_out);

/* One of the answers in a reply; of a stream's event, what it adds to one. */
struct quoit_llm_choice {
    struct quoit_span content; /* the text, joined where it has parts; may be empty */
    const char *finish_reason; /* the server's word: "stop", "length", ...; "": none, or not yet */
    const float *embedding;    /* EMBEDDINGS, as numbers (not in base64); NULL: none */
    size_t embedding_count;
    uint64_t index; /* which one: choices of a stream come one by one, others in any order */
    uint64_t reserved[2];
};

/* What a reply says. Zero it before its first use: struct quoit_llm_reply reply = { 0 }. */
struct quoit_llm_reply {
    const struct quoit_llm_choice *choices; /* in the order in which they stand */
    size_t choices_count;
    uint64_t tokens_in, tokens_out; /* 0: not said. Of a stream's, the last that are not 0 count */
    const char *error_type, *error_code, *error_message; /* the server's words; "": not said */
    bool failed; /* it tells of an error, whatever the status was */
    bool done;   /* of a stream: there was all of it, this was the last event that matters */

    void *storage; /* private */
    uint64_t reserved[4];
};

/*
 * Read the body of an answer, or the data of one server-sent event (QUOIT_MESSAGE). Its shape tells
 * what it is: chat completions and their chunks, completions, embeddings, OpenAI's Responses and
 * Anthropic's messages with their events, `[DONE]`, and the errors of all these, of vLLM and of
 * other servers.
 *
 *   Copies   what it keeps: bytes may go at once. What the reply points to is good until it is
 *            read anew or freed.
 *   Costs    a few passes over bytes; memory that the reply keeps for its next use.
 *
 * Half of a surrogate pair, which JSON allows and UTF-8 does not, becomes U+FFFD. What is JSON and
 * of none of these shapes has no choices. The last event of a Responses stream repeats the whole
 * answer: of that, finish_reason and tokens are read, and no content.
 *
 * Returns QUOIT_OK, or, with an empty reply:
 *   QUOIT_E_ARGUMENT   bytes are neither a JSON object nor `[DONE]`.
 *   QUOIT_E_NO_MEMORY
 */
QUOIT_API QUOIT_MUST enum quoit_error quoit_llm_reply_read(struct quoit_llm_reply *reply,
                                                           struct quoit_span bytes);

/* Free what a reply holds, and zero it. A zeroed one is allowed. */
QUOIT_API void quoit_llm_reply_free(struct quoit_llm_reply *reply);

/*
 * How a batch is asked.
 *
 * Authorization: Bearer, Content-Type, Accept and User-Agent are made, each unless request.headers
 * has one of that name. All requests go to the origin of base_url, so the key reaches no other.
 * Proxies are used only as request.proxy_url says.
 */
struct quoit_llm_options {
    struct quoit_llm_parameters parameters; /* of all prompts */

    const char *base_url; /* NULL: $OPENAI_BASE_URL, else https://api.openai.com/v1 */
    const char *path;     /* joined to base_url as `quoit batch` does; NULL: the endpoint's */
    const char *api_key;  /* NULL: $OPENAI_API_KEY, if there is one; "": none */

    struct quoit_engine *engine; /* NULL: one of its own, which waits up to 30 s for a server */
                                 /* that is down. Yours keeps connections for the next batch. */
    uint32_t in_flight_max; /* requests that hold a connection: 64. With an engine of yours, what */
                            /* that was made with */
    uint32_t batch_size;    /* prompts in one request: 1. COMPLETIONS and EMBEDDINGS take more */
    bool keep_bodies; /* answers have their body, for what is not read here: logprobs, tools */

    /*
     * What holds for each request as in quoit_submit: timeouts, retries, tls, proxy_url, unix_path,
     * headers, body_size_max, limit with its limit_tokens (0: estimated). The other fields are the
     * batch's own, and are not looked at.
     */
    struct quoit_request request;
    uint64_t reserved[8];
};

/*
 * What came of one prompt. With a batch_size above 1, the prompts of a request share all but
 * content, finish_reason and embedding; tokens and body, which the server gives for all together,
 * stand in the first one's. Of a prompt that was sent alone after its request was refused, all is
 * about the second request.
 */
struct quoit_llm_answer {
    bool good;              /* a 2xx, and what was asked for is there */
    enum quoit_error error; /* why no answer came; QUOIT_OK: one came, of any status */
    uint32_t status;        /* 0: no answer */
    uint32_t attempts;      /* 0: not sent */
    const char *detail; /* why it is not good, a line for people; "" if it is. Holds no key and */
                        /* no value of request.headers, whatever the server said */
    const char *code;   /* the server's word for its error: "context_length_exceeded"; "": none */

    struct quoit_span content; /* empty if it is not good */
    const char *finish_reason; /* "" if it is not good, or not said */
    const float *embedding;    /* NULL if it is not good */
    size_t embedding_count;

    uint64_t tokens_in, tokens_out; /* 0: not said */
    uint64_t latency_ns;    /* from its first connection to its end, retries and waits included */
    struct quoit_span body; /* as the server sent it; empty without keep_bodies */
    uint64_t reserved[4];
};

/* How far a batch is. */
struct quoit_llm_counts {
    size_t prompts;     /* all of it */
    size_t ended, good; /* prompts that have their answer; those of them that are good */
    uint64_t in_flight; /* requests that hold a connection now */
    uint64_t attempts;  /* all that were sent for requests that have ended */
    uint64_t tokens_in, tokens_out; /* of prompts that have ended */
    uint64_t reserved[4];
};

/*
 * Ask an array of prompts: quoit_llm_batch_wait gives all answers, quoit_llm_batch_next each as it
 * comes.
 *
 *   Copies   options, and its strings. NULL: all defaults.
 *   Borrows  prompts, options->engine and what options->request points to, until
 *            quoit_llm_batch_destroy.
 *   Blocks   briefly, to make an engine. Nothing is sent before the first wait or next.
 *   Costs    16 bytes a prompt, its answer once it is there, and the bodies that are under way.
 *
 * An engine of yours is used by the batch alone: between create and destroy no other request may be
 * under way in it, and events are the batch's to take.
 *
 * Requests may be sent more than once: errors and timeouts as quoit_submit tries again what may be
 * (QUOIT_REPLAY_YES), answers of 408, 409, 429 and from 500 as quoit_again does, unless the server
 * says x-should-retry. A 429 that says insufficient_quota, and a 401, stop the batch, since all
 * others would be answered so: requests that were not sent, or wait to be sent again, end with it.
 *
 * A request of several prompts that is answered with 400, 413 or 422 was not billed, and one of
 * them may be to blame: each of them is then asked alone, and has an answer of its own.
 *
 * Returns QUOIT_OK, or:
 *   QUOIT_E_ARGUMENT   parameters that quoit_llm_body_create refuses; stream; a batch_size above 1
 *                      for CHAT; in_flight_max above 1,000,000; an engine with requests under way;
 *                      a key with control characters, or a header that is NULL; reserved is not
 *                      zero.
 *   QUOIT_E_URL        base_url is not absolute, has a user name or is written oddly; path does not
 *                      begin with `/`.
 *   QUOIT_E_NO_MEMORY
 *   QUOIT_E_THREAD, QUOIT_E_FORKED
 *   any of quoit_create, when it makes an engine.
 */
QUOIT_API QUOIT_MUST enum quoit_error
quoit_llm_batch_create(const struct quoit_llm_options *options,
                       const struct quoit_llm_prompt *prompts, size_t prompts_count,
                       struct quoit_llm_batch **batch_out);

/* Blocks until all prompts have their answer. That some failed is told by their answers. */
QUOIT_API void quoit_llm_batch_wait(struct quoit_llm_batch *batch);

/*
 * The index of one more prompt that has its answer, in the order in which they come. A prompt that
 * cannot be sent (not UTF-8, say) has one too. Blocks up to wait_ns, also over signals and
 * quoit_wake. SIZE_MAX: none came in that time, or all have been given.
 *
 * In an event loop of yours: with an engine of yours, watch its quoit_fd; when it is readable, and
 * once at the beginning, call this with 0 until it gives SIZE_MAX. Each such call does a bounded
 * piece of the work.
 */
QUOIT_API size_t quoit_llm_batch_next(struct quoit_llm_batch *batch, uint64_t wait_ns);

/* What came of prompt `index`, good until quoit_llm_batch_destroy. NULL: it has not ended. */
QUOIT_API const struct quoit_llm_answer *quoit_llm_batch_answer(const struct quoit_llm_batch *batch,
                                                                size_t index);

/*
 * Counts as of now. Never blocks. In another thread, or a forked child, *counts_out is left alone.
 */
QUOIT_API void quoit_llm_batch_counts(const struct quoit_llm_batch *batch,
                                      struct quoit_llm_counts *counts_out);

/*
 * Give up what has not ended: the wait or next that is under way, or the following one, cancels it.
 * It ends with QUOIT_E_CANCELLED, or with the answer that was there first, and quoit_llm_batch_next
 * gives it; when it does, the kernel holds nothing of it.
 *
 *   Threads  any, and any signal handler; not once quoit_llm_batch_destroy has begun.
 */
QUOIT_API void quoit_llm_batch_cancel(struct quoit_llm_batch *batch);

/*
 * Cancel what is left, wait until the kernel holds nothing of it, free, and clear the copy of the
 * key. Before an engine of yours is destroyed. NULL is allowed.
 *
 *   Blocks   for milliseconds while connections close.
 */
QUOIT_API void quoit_llm_batch_destroy(struct quoit_llm_batch *batch);

#ifdef __cplusplus
}
#endif

#endif
