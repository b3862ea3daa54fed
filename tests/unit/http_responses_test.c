/*
 * http_responses: the answers of tests/data/responses/responses.txt, whose verdicts are written
 * there: of the codec, fed whole, byte by byte, cut in two at every place and joined, and of the
 * reference parser, by which the headers are compared too. (R06 R07 R08 R09 R10 R11 R12 R13 R14
 * R31)
 */
#include "tests/fuzz/reference.h"
#include "tests/unit/http_exchange.h"

#define TABLE "tests/data/responses/responses.txt"
#define LINE_MAX_SIZE 4096
#define FIELDS 4

/* A row, with what its fields say. */
struct row {
    char line[LINE_MAX_SIZE];
    char *fields[FIELDS]; /* name, options, bytes, verdict */
    char bytes[LINE_MAX_SIZE], body[LINE_MAX_SIZE], headers[EXCHANGE_TEXT_MAX];
    struct exchange_case wanted;
};

static struct row row;
static struct reference_response reference;

/* --- The table --- */

static int hex(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* \r \n \t \\ \xHH; returns the size. */
static size_t unescape(const char *text, char *out)
{
    size_t size = 0;

    for (; *text != '\0'; text++) {
        if (*text != '\\') {
            out[size++] = *text;
            continue;
        }
        text++;
        switch (*text) {
        case 'r':
            out[size++] = '\r';
            break;
        case 'n':
            out[size++] = '\n';
            break;
        case 't':
            out[size++] = '\t';
            break;
        case '\\':
            out[size++] = '\\';
            break;
        case 'x':
            out[size++] = (char)(hex(text[1]) << 4 | hex(text[2]));
            text += 2;
            break;
        default:
            CHECK_FAIL("\\%c in the table", *text);
        }
    }
    return size;
}

static void read_option(const char *option)
{
    struct exchange_case *wanted = &row.wanted;
    unsigned number;

    if (strcmp(option, "head") == 0) {
        wanted->to_head = true;
    } else if (strcmp(option, "end") == 0) {
        wanted->end = END_CLEAN;
    } else if (strcmp(option, "cut") == 0) {
        wanted->end = END_UNCLEAN;
    } else if (sscanf(option, "head_size=%u", &number) == 1) {
        wanted->head_size_max = number;
    } else if (sscanf(option, "lines=%u", &number) == 1) {
        wanted->headers_max = number;
    } else if (sscanf(option, "body=%u", &number) == 1) {
        wanted->body_size_max = number;
    } else if (strcmp(option, "-") != 0) {
        CHECK_FAIL("the option %s", option);
    }
}

static void read_verdict(const char *verdict)
{
    static const struct {
        const char *word;
        enum response_progress progress;
        enum quoit_error error;
    } words[] = {
        { "complete ", RESPONSE_COMPLETE, QUOIT_OK },
        { "partial", RESPONSE_INCOMPLETE, QUOIT_OK },
        { "protocol", RESPONSE_INVALID, QUOIT_E_PROTOCOL },
        { "incomplete", RESPONSE_INVALID, QUOIT_E_INCOMPLETE },
        { "too_large", RESPONSE_INVALID, QUOIT_E_TOO_LARGE },
    };
    struct exchange_case *wanted = &row.wanted;
    unsigned status = 0, interim_count = 0;
    char keep[8] = "";
    int body_at = 0;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strncmp(verdict, words[i].word, strlen(words[i].word)) == 0) {
            wanted->progress = words[i].progress;
            wanted->error = words[i].error;
            if (i == 0) {
                CHECK_EQ(sscanf(verdict, "complete %u %7s %u%n", &status, keep, &interim_count,
                                &body_at),
                         3);
                wanted->status = (uint16_t)status;
                wanted->closes = strcmp(keep, "close") == 0;
                wanted->interim_count = interim_count;
                body_at += verdict[body_at] == ' ';
                row.body[unescape(verdict + body_at, row.body)] = '\0';
            }
            return;
        }
    }
    CHECK_FAIL("the verdict %s", verdict);
}

/* The next row of the table. False: there is none. */
static bool read_row(FILE *table)
{
    do {
        if (fgets(row.line, sizeof(row.line), table) == NULL) {
            return false;
        }
    } while (row.line[0] == '#');
    CHECK(row.line[strlen(row.line) - 1] == '\n');
    row.line[strlen(row.line) - 1] = '\0';
    char *rest = row.line;
    for (size_t i = 0; i < FIELDS; i++) {
        row.fields[i] = strsep(&rest, "\t");
        if (row.fields[i] == NULL) {
            CHECK_FAIL("a row of %zu fields: %s", i, row.line);
            return false;
        }
    }
    row.wanted = (struct exchange_case){ .name = row.fields[0], .bytes = row.bytes };
    row.wanted.size = unescape(row.fields[2], row.bytes);
    row.wanted.body = row.body;
    row.body[0] = '\0';
    row.wanted.headers = row.headers;
    row.headers[0] = '\0';
    char *options = row.fields[1];
    for (char *option; (option = strsep(&options, ",")) != NULL;) {
        read_option(option);
    }
    read_verdict(row.fields[3]);
    return true;
}

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
    uint8_t body[LINE_MAX_SIZE];
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
    FILE *table = fopen(TABLE, "r");
    struct exchange exchange;
    uint32_t count = 0;

    CHECK(table != NULL);
    if (table == NULL) {
        return;
    }
    exchange_init(&exchange);
    while (read_row(table)) {
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
