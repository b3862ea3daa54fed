/*
 * http_responses: the answers of tests/data/responses/responses.txt, whose verdicts are written
 * there: of the codec, fed whole, byte by byte, cut in two at every place and joined, and of the
 * reference parser, by which the headers are compared too. (R06 R07 R08 R09 R10 R11 R12 R13 R14
 * R31)
 */
#include "tests/fuzz/reference.h"
#include "tests/unit/http_rows.h"

static struct reference_response reference;

/* --- The reference --- */

/* What the verdict of the table is called there. */
static enum reference_verdict verdict_of(const struct exchange_case *wanted)
{
    if (wanted->progress == RESPONSE_COMPLETE) {
        return REFERENCE_COMPLETE;
    }
    if (wanted->error == QUOIT_E_PROTOCOL) {
        return REFERENCE_REFUSED;
    }
    return wanted->error == QUOIT_E_TOO_LARGE ? REFERENCE_TOO_LARGE : REFERENCE_PARTIAL;
}

/* The reference says what the table says; its headers become what is wanted of the codec. */
static void check_reference(void)
{
    static const enum reference_end ends[] = {
        [END_NONE] = REFERENCE_OPEN,
        [END_CLEAN] = REFERENCE_CLOSED,
        [END_UNCLEAN] = REFERENCE_CUT_OFF,
    };
    const struct exchange_case *wanted = &row.wanted;
    const struct reference_limits limits = {
        .body_size_max = wanted->body_size_max != 0 ? wanted->body_size_max : 1 << 20,
        .head_size_max = wanted->head_size_max != 0 ? wanted->head_size_max : 1 << 16,
        .lines_max = wanted->headers_max != 0 ? wanted->headers_max : 256,
        .interim_max = RESPONSE_INTERIM_MAX,
        .extension_max = RESPONSE_CHUNK_EXTENSION_MAX,
        .to_head = wanted->to_head,
        .end = ends[wanted->end],
    };
    uint8_t body[ROW_SIZE_MAX];
    size_t size = 0;

    check_case(wanted->name);
    reference_read_response((const uint8_t *)wanted->bytes, wanted->size, &limits, &reference,
                            body);
    CHECK_EQ(reference.verdict, verdict_of(wanted));
    if (wanted->progress != RESPONSE_COMPLETE || reference.verdict != REFERENCE_COMPLETE) {
        return;
    }
    CHECK_EQ(reference.size, wanted->size);
    CHECK_EQ(reference.status, wanted->status);
    CHECK_EQ(reference.keep_alive, !wanted->closes);
    CHECK_EQ(reference.interim_count, wanted->interim_count);
    for (uint32_t i = 0; i < reference.lines_count && size < sizeof(row.headers); i++) {
        const struct reference_line *line = &reference.lines[i];
        size += (size_t)snprintf(row.headers + size, sizeof(row.headers) - size, "%.*s: %.*s\n",
                                 (int)line->name.size, line->name.bytes, (int)line->value.size,
                                 line->value.bytes);
    }
}

/* Bodies of the table hold NULs, which exchange_check cannot tell from their end. */
static bool body_has_nul(void)
{
    return strstr(row.fields[3], "\\x00") != NULL;
}

static void test_each_answer_has_the_verdict_of_the_table(void)
{
    FILE *table = fopen(ROWS_FILE, "r");
    struct exchange exchange;
    uint32_t count = 0;

    CHECK(table != NULL);
    if (table == NULL) {
        return;
    }
    exchange_init(&exchange);
    while (row_read(table)) {
        check_reference();
        if (!body_has_nul()) {
            exchange_check(&exchange, &row.wanted);
        }
        count++;
    }
    check_case("");
    CHECK(count > 800);
    exchange_free(&exchange);
    fclose(table);
}

int main(void)
{
    RUN(test_each_answer_has_the_verdict_of_the_table);
    return check_done();
}
