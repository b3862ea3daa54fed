/*
 * http_rows: reads tests/data/responses/responses.txt, the answers that have their verdicts beside
 * them; tests/data/responses/make.py says what its fields are.
 *
 * fopen ROWS_FILE, row_read until it gives false; row.wanted is the case then, without headers. A
 * table that cannot be understood is a failure of the test.
 */
#ifndef QUOIT_TESTS_HTTP_ROWS_H
#define QUOIT_TESTS_HTTP_ROWS_H

#include "tests/unit/http_exchange.h"

#define ROWS_FILE "tests/data/responses/responses.txt"
#define ROW_SIZE_MAX 4096
#define ROW_FIELDS 4

/* A row, with what its fields say. */
struct row {
    char line[ROW_SIZE_MAX];
    char *fields[ROW_FIELDS]; /* name, options, bytes, verdict */
    char bytes[ROW_SIZE_MAX], body[ROW_SIZE_MAX], headers[EXCHANGE_TEXT_MAX];
    struct exchange_case wanted;
};

static struct row row;
static inline int row_hex(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* \r \n \t \\ \xHH; returns the size. */
static inline size_t row_unescape(const char *text, char *out)
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
            out[size++] = (char)(row_hex(text[1]) << 4 | row_hex(text[2]));
            text += 2;
            break;
        default:
            CHECK_FAIL("\\%c in the table", *text);
        }
    }
    return size;
}

static inline void row_read_option(const char *option)
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

static inline void row_read_verdict(const char *verdict)
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
                row.body[row_unescape(verdict + body_at, row.body)] = '\0';
            }
            return;
        }
    }
    CHECK_FAIL("the verdict %s", verdict);
}

/* The next row of the table. False: there is none. */
static inline bool row_read(FILE *table)
{
    do {
        if (fgets(row.line, sizeof(row.line), table) == NULL) {
            return false;
        }
    } while (row.line[0] == '#');
    CHECK(row.line[strlen(row.line) - 1] == '\n');
    row.line[strlen(row.line) - 1] = '\0';
    char *rest = row.line;
    for (size_t i = 0; i < ROW_FIELDS; i++) {
        row.fields[i] = strsep(&rest, "\t");
        if (row.fields[i] == NULL) {
            CHECK_FAIL("a row of %zu fields: %s", i, row.line);
            return false;
        }
    }
    row.wanted = (struct exchange_case){ .name = row.fields[0], .bytes = row.bytes };
    row.wanted.size = row_unescape(row.fields[2], row.bytes);
    row.wanted.body = row.body;
    row.body[0] = '\0';
    row.wanted.headers = row.headers;
    row.headers[0] = '\0';
    char *options = row.fields[1];
    for (char *option; (option = strsep(&options, ",")) != NULL;) {
        row_read_option(option);
    }
    row_read_verdict(row.fields[3]);
    return true;
}

#endif
