/*
 * response: any bytes as an answer. Where they are cut changes nothing, and what is taken is what
 * the reference reads there, part by part.
 *
 *     input: flags, head_size_max (2), headers_max, body_size_max (2), cuts (4), then the answer
 *
 * Flags: 1 to HEAD, 2 the connection ends, 4 without a proper end, 8 the limits count.
 */
#include "http/response.h"
#include "base/bits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

#define CUTS 4

struct plan {
    struct response_options options;
    enum reference_end end;
    uint8_t cuts[CUTS];
    struct fuzz_input answer;
};

/* What came of one way of feeding. */
struct outcome {
    enum response_progress progress;
    enum quoit_error error;
    const char *detail;
    size_t consumed;
    uint16_t status;
    bool head_done, keep_alive, ends_with_close, has_length;
    uint64_t length, body_size;
    uint32_t interim_count, headers_count;
    struct buffer head, body; /* head: each name and value with its NUL */
};

static struct plan plan_of(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    uint8_t flags = fuzz_byte(&input);
    uint32_t head_size_max = fuzz_pair(&input);
    uint32_t headers_max = fuzz_byte(&input);
    uint32_t body_size_max = fuzz_pair(&input);
    bool limited = (flags & 8) != 0;
    struct plan plan = {
        .options = { .to_head = (flags & 1) != 0,
                     .head_size_max = limited ? head_size_max : 65536,
                     .headers_max = limited ? headers_max : 256,
                     .body_size_max = limited ? body_size_max : 1 << 20 },
        .end = (flags & 2) == 0   ? REFERENCE_OPEN
               : (flags & 4) == 0 ? REFERENCE_CLOSED
                                  : REFERENCE_CUT_OFF,
    };

    for (uint32_t i = 0; i < CUTS; i++) {
        plan.cuts[i] = fuzz_byte(&input);
    }
    plan.answer = input;
    return plan;
}

static void append(struct buffer *to, const void *bytes, size_t size)
{
    if (!buffer_append(to, bytes, size)) {
        abort();
    }
}

static void note_outcome(const struct response *response, struct outcome *outcome)
{
    outcome->error = response->error;
    outcome->detail = response->detail;
    outcome->status = response->status;
    outcome->head_done = response->head_done;
    outcome->keep_alive = response->keep_alive;
    outcome->ends_with_close = response->ends_with_close;
    outcome->has_length = response->has_length;
    outcome->length = response->length;
    outcome->body_size = response->body_size;
    outcome->interim_count = response->interim_count;
    outcome->headers_count = response->headers_count;
    for (uint32_t i = 0; i < response->headers_count; i++) {
        const struct quoit_header *header = &response_headers(response)[i];
        append(&outcome->head, header->name, strlen(header->name) + 1);
        append(&outcome->head, header->value, strlen(header->value) + 1);
    }
}

/* The answer in pieces of these sizes in turn; a 0 is all the rest. */
static struct outcome run(struct response *response, const struct plan *plan, const uint8_t *sizes,
                          uint32_t sizes_count)
{
    struct outcome outcome = { .progress = RESPONSE_INCOMPLETE };
    struct buffer *body = plan->options.body;

    response_reset(response, &plan->options);
    for (uint32_t i = 0;
         outcome.progress == RESPONSE_INCOMPLETE && outcome.consumed < plan->answer.size; i++) {
        size_t left = plan->answer.size - outcome.consumed, consumed = SIZE_MAX;
        uint8_t wanted = sizes[i % sizes_count];
        size_t size = wanted == 0 || wanted > left ? left : wanted;
        char *piece = fuzz_copy(plan->answer.bytes + outcome.consumed, size);
        outcome.progress = response_feed(response, piece, size, &consumed);
        free(piece);
        FUZZ_HOLDS(consumed <= size);
        FUZZ_HOLDS(outcome.progress != RESPONSE_INCOMPLETE || consumed == size);
        outcome.consumed += consumed;
        append(&outcome.body, body->bytes, body->size);
        buffer_reset(body);
    }
    if (outcome.progress == RESPONSE_INCOMPLETE && plan->end != REFERENCE_OPEN) {
        outcome.progress = response_end(response, plan->end == REFERENCE_CLOSED);
    }
    note_outcome(response, &outcome);
    return outcome;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_same_buffer(const struct buffer *a, const struct buffer *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static void check_same(const struct outcome *got, const struct outcome *wanted)
{
    FUZZ_HOLDS(got->progress == wanted->progress);
    FUZZ_HOLDS(got->error == wanted->error);
    FUZZ_HOLDS(is_same_text(got->detail, wanted->detail));
    FUZZ_HOLDS(got->consumed == wanted->consumed);
    FUZZ_HOLDS(got->status == wanted->status);
    FUZZ_HOLDS(got->head_done == wanted->head_done);
    FUZZ_HOLDS(got->keep_alive == wanted->keep_alive);
    FUZZ_HOLDS(got->ends_with_close == wanted->ends_with_close);
    FUZZ_HOLDS(got->has_length == wanted->has_length && got->length == wanted->length);
    FUZZ_HOLDS(got->body_size == wanted->body_size);
    FUZZ_HOLDS(got->interim_count == wanted->interim_count);
    FUZZ_HOLDS(got->headers_count == wanted->headers_count);
    FUZZ_HOLDS(is_same_buffer(&got->head, &wanted->head));
    FUZZ_HOLDS(is_same_buffer(&got->body, &wanted->body));
}

/* The lines that the reference found, in the form of outcome.head. */
static struct buffer head_of(const struct reference_response *reference)
{
    struct buffer head = { 0 };

    for (uint32_t i = 0; i < reference->lines_count; i++) {
        const struct reference_line *line = &reference->lines[i];
        append(&head, line->name.bytes, line->name.size);
        append(&head, "", 1);
        append(&head, line->value.bytes, line->value.size);
        append(&head, "", 1);
    }
    return head;
}

/*
 * Both COMPLETE, or neither, and then with the same parts; but llhttp refuses more of what is
 * ignored: chunk extensions, trailers, a tab. And no byte is ever taken for one of a body that the
 * reference does not find in it.
 */
static void check_reference(const struct plan *plan, const struct outcome *got)
{
    static struct reference_response reference;
    const struct reference_limits limits = {
        .body_size_max = plan->options.body_size_max,
        .head_size_max = plan->options.head_size_max,
        .lines_max = plan->options.headers_max,
        .interim_max = RESPONSE_INTERIM_MAX,
        .extension_max = RESPONSE_CHUNK_EXTENSION_MAX,
        .to_head = plan->options.to_head,
        .end = plan->end,
    };
    uint8_t *body = malloc(plan->answer.size + 1);

    FUZZ_HOLDS(body != NULL);
    reference_read_response(plan->answer.bytes, plan->answer.size, &limits, &reference, body);
    bool complete = reference.verdict == REFERENCE_COMPLETE;
    FUZZ_HOLDS(got->progress != RESPONSE_COMPLETE || complete);
    FUZZ_HOLDS(got->progress == RESPONSE_COMPLETE || !complete || reference.has_extras);
    FUZZ_HOLDS(got->body.size <= reference.body_size);
    FUZZ_HOLDS(got->body.size == 0 || memcmp(got->body.bytes, body, got->body.size) == 0);
    if (got->progress == RESPONSE_COMPLETE) {
        struct buffer head = head_of(&reference);
        FUZZ_HOLDS(got->consumed == reference.size);
        FUZZ_HOLDS(got->status == reference.status);
        FUZZ_HOLDS(got->keep_alive == reference.keep_alive);
        FUZZ_HOLDS(got->ends_with_close == reference.ends_with_close);
        FUZZ_HOLDS(got->has_length == reference.has_length && got->length == reference.length);
        FUZZ_HOLDS(got->interim_count == reference.interim_count);
        FUZZ_HOLDS(got->headers_count == reference.lines_count);
        FUZZ_HOLDS(is_same_buffer(&got->head, &head));
        FUZZ_HOLDS(got->body.size == reference.body_size && got->body_size == reference.body_size);
        buffer_free(&head);
    }
    free(body);
}

static void outcome_free(struct outcome *outcome)
{
    buffer_free(&outcome->head);
    buffer_free(&outcome->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t all = 0, single = 1;
    struct plan plan = plan_of(bytes, size);
    struct response response;
    struct buffer text = { 0 }, headers = { 0 }, body = { 0 };

    FUZZ_HOLDS(response_init(&response));
    plan.options.text = &text;
    plan.options.headers = &headers;
    plan.options.body = &body;
    struct outcome whole = run(&response, &plan, &all, 1);
    struct outcome bytewise = run(&response, &plan, &single, 1);
    struct outcome cut = run(&response, &plan, plan.cuts, CUTS);
    check_same(&bytewise, &whole);
    check_same(&cut, &whole);
    check_reference(&plan, &whole);

    outcome_free(&whole);
    outcome_free(&bytewise);
    outcome_free(&cut);
    response_free(&response);
    buffer_free(&text);
    buffer_free(&headers);
    buffer_free(&body);
    return 0;
}
