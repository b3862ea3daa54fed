/*
 * tunnel: any bytes as a proxy's answer to CONNECT. Where they are cut changes nothing, a tunnel is
 * answered exactly where the reference finds the end of a final head, and no byte behind that is
 * taken or looked at: it is the server's.
 *
 *     input: cuts (4), then the answer
 */
#include "http/tunnel.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

#define CUTS 4

/* What came of one way of feeding. */
struct outcome {
    enum tunnel_progress progress;
    enum quoit_error error;
    const char *detail;
    uint16_t status;
    size_t consumed;
};

/* The answer in pieces of these sizes in turn; a 0 is all the rest. */
static struct outcome run(struct fuzz_input answer, const uint8_t *sizes, uint32_t sizes_count)
{
    struct outcome outcome = { .progress = TUNNEL_INCOMPLETE };
    struct tunnel tunnel;

    tunnel_reset(&tunnel);
    for (uint32_t i = 0; outcome.progress == TUNNEL_INCOMPLETE && outcome.consumed < answer.size;
         i++) {
        size_t left = answer.size - outcome.consumed, consumed = SIZE_MAX;
        uint8_t wanted = sizes[i % sizes_count];
        size_t size = wanted == 0 || wanted > left ? left : wanted;
        char *piece = fuzz_copy(answer.bytes + outcome.consumed, size);
        outcome.progress = tunnel_feed(&tunnel, piece, size, &consumed);
        free(piece);
        FUZZ_HOLDS(consumed <= size);
        FUZZ_HOLDS(outcome.progress != TUNNEL_INCOMPLETE || consumed == size);
        outcome.consumed += consumed;
    }
    outcome.error = tunnel.error;
    outcome.detail = tunnel.detail;
    outcome.status = tunnel.status;
    if (outcome.progress == TUNNEL_ANSWERED) {
        FUZZ_HOLDS(tunnel_is_open(&tunnel) == (tunnel.status / 100 == 2));
    }
    return outcome;
}

static void check_same(const struct outcome *got, const struct outcome *wanted)
{
    FUZZ_HOLDS(got->progress == wanted->progress);
    FUZZ_HOLDS(got->error == wanted->error);
    FUZZ_HOLDS((got->detail == NULL) == (wanted->detail == NULL));
    FUZZ_HOLDS(got->detail == NULL || strcmp(got->detail, wanted->detail) == 0);
    FUZZ_HOLDS(got->status == wanted->status);
    FUZZ_HOLDS(got->consumed == wanted->consumed);
}

/* The reference waits for the ends of lines, so that it may still hope where the guard does not. */
static void check_reference(struct fuzz_input answer, const struct outcome *got)
{
    static struct reference_response reference;
    const struct reference_limits limits = {
        .head_size_max = TUNNEL_HEAD_MAX,
        .lines_max = TUNNEL_HEADERS_MAX,
        .interim_max = TUNNEL_INTERIM_MAX,
        .to_connect = true,
    };

    reference_read_response(answer.bytes, answer.size, &limits, &reference, NULL);
    switch (got->progress) {
    case TUNNEL_INCOMPLETE:
        FUZZ_HOLDS(reference.verdict == REFERENCE_PARTIAL);
        FUZZ_HOLDS(got->error == QUOIT_OK && got->status == 0);
        return;
    case TUNNEL_ANSWERED:
        FUZZ_HOLDS(reference.verdict == REFERENCE_COMPLETE);
        FUZZ_HOLDS(got->consumed == reference.size && got->status == reference.status);
        FUZZ_HOLDS(got->status >= 200 && got->error == QUOIT_OK);
        return;
    case TUNNEL_INVALID:
        FUZZ_HOLDS(reference.verdict != REFERENCE_COMPLETE);
        FUZZ_HOLDS(got->error == QUOIT_E_PROTOCOL || got->error == QUOIT_E_TOO_LARGE);
        FUZZ_HOLDS(got->detail != NULL && got->detail[0] != '\0' && got->status == 0);
        return;
    }
    abort(); /* a progress without a case */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t all = 0, single = 1;
    struct fuzz_input input = { bytes, size };
    struct fuzz_input cuts = fuzz_bytes(&input, CUTS);
    struct outcome whole = run(input, &all, 1), bytewise = run(input, &single, 1);

    check_same(&bytewise, &whole);
    if (cuts.size == CUTS) {
        struct outcome cut = run(input, cuts.bytes, CUTS);
        check_same(&cut, &whole);
    }
    check_reference(input, &whole);
    if (whole.progress == TUNNEL_ANSWERED) { /* the same without what stands behind */
        struct outcome alone = run(fuzz_bytes(&input, whole.consumed), &all, 1);
        check_same(&alone, &whole);
    }
    return 0;
}
