/*
 * option: the parser, and the help that is printed from the same rows.
 */
#include "cli/option.h"

#include "cli/values.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Where the reading of the words stands, and what it fills. */
struct option_reader {
    const struct option_table *table;
    void *options;
    char **words;
    int count, index;
};

bool option_refuse(const struct option_table *table, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "%s: ", table->command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

/* --- One option --- */

static void *option_place(const struct option_reader *reader, size_t offset)
{
    return (char *)reader->options + offset;
}

static void option_put_number(const struct option_reader *reader, const struct option_row *row,
                              uint64_t value)
{
    memcpy(option_place(reader, row->offset), &value, sizeof(value));
}

static bool option_set_choice(const struct option_reader *reader, const struct option_row *row,
                              const char *spelled, const char *word)
{
    const char *at = row->argument;
    uint64_t place = 0;

    for (;;) {
        size_t size = strcspn(at, "|");
        if (strlen(word) == size && memcmp(at, word, size) == 0) {
            option_put_number(reader, row, place);
            return true;
        }
        if (at[size] == '\0') {
            return option_refuse(reader->table, "%s: say one of %s", spelled, row->argument);
        }
        at += size + 1;
        place++;
    }
}

static bool option_set_list(const struct option_reader *reader, const struct option_row *row,
                            const char *spelled, char *text)
{
    char **items = option_place(reader, row->offset);
    uint64_t *count = option_place(reader, row->offset_count);

    if (*count == row->most) {
        return option_refuse(reader->table, "%s: at most %ju of them", spelled,
                             (uintmax_t)row->most);
    }
    items[(*count)++] = text;
    return true;
}

static bool option_set_text(const struct option_reader *reader, const struct option_row *row,
                            const char *spelled, const char *text)
{
    const char **place = option_place(reader, row->offset);

    if (*text == '\0' && row->most == 0) {
        return option_refuse(reader->table, "%s: the value is empty", spelled);
    }
    *place = text;
    return true;
}

static bool option_set_count(const struct option_reader *reader, const struct option_row *row,
                             const char *spelled, const char *text)
{
    uint64_t count = 0;

    if (!values_count(text, &count)) {
        return option_refuse(reader->table, "%s: \"%s\" is not a number", spelled, text);
    }
    if (count < row->least) {
        return option_refuse(reader->table, "%s: at least %ju", spelled, (uintmax_t)row->least);
    }
    if (count > row->most) {
        return option_refuse(reader->table, "%s: at most %ju", spelled, (uintmax_t)row->most);
    }
    option_put_number(reader, row, count);
    return true;
}

static bool option_set_duration(const struct option_reader *reader, const struct option_row *row,
                                const char *spelled, const char *text)
{
    uint64_t value = 0;

    if (!values_duration(text, &value)) {
        return option_refuse(reader->table,
                             "%s: \"%s\" is not a duration: say 500ms, 5s, 2m, 1h or none", spelled,
                             text);
    }
    if (value == 0 && row->kind == OPTION_DURATION) {
        return option_refuse(reader->table, "%s: 0 is no time at all: say none for no limit",
                             spelled);
    }
    option_put_number(reader, row, value);
    return true;
}

static bool option_set_size(const struct option_reader *reader, const struct option_row *row,
                            const char *spelled, const char *text)
{
    uint64_t size = 0;

    if (!values_size(text, &size) || size == 0) {
        return option_refuse(reader->table, "%s: \"%s\" is not a size: say 64MiB, 512k or none",
                             spelled, text);
    }
    option_put_number(reader, row, size);
    return true;
}

/* Set what `row` says. `spelled` is the option as it was written, without its value. */
static bool option_set(const struct option_reader *reader, const struct option_row *row,
                       const char *spelled, char *text)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)option_place(reader, row->offset) = true;
        return true;
    case OPTION_TEXT:
        return option_set_text(reader, row, spelled, text);
    case OPTION_LIST:
        return option_set_list(reader, row, spelled, text);
    case OPTION_COUNT:
        return option_set_count(reader, row, spelled, text);
    case OPTION_DURATION:
    case OPTION_WAIT:
        return option_set_duration(reader, row, spelled, text);
    case OPTION_SIZE:
        return option_set_size(reader, row, spelled, text);
    case OPTION_CHOICE:
        return option_set_choice(reader, row, spelled, text);
    case OPTION_HEADING:
    case OPTION_REFUSED:
    case OPTION_WORD:
    case OPTION_WORDS:
        break;
    }
    abort(); /* a row that cannot be set was looked up, or one without a case */
}

/* --- The words --- */

static const struct option_row *option_find(const struct option_table *table, char letter,
                                            const char *name, size_t name_size)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        if (letter != 0 ? row->letter == letter
                        : row->name != NULL && strlen(row->name) == name_size &&
                              memcmp(row->name, name, name_size) == 0) {
            return row;
        }
    }
    return NULL;
}

/* `--name`, `--name=value` or `--name value`. */
static bool option_take_long(struct option_reader *reader)
{
    const struct option_table *table = reader->table;
    char *word = reader->words[reader->index];
    size_t name_size = strcspn(word + 2, "=");
    const struct option_row *row = option_find(table, 0, word + 2, name_size);
    char spelled[64];

    snprintf(spelled, sizeof(spelled), "--%.*s", (int)(name_size < 60 ? name_size : 60), word + 2);
    if (row == NULL) {
        return option_refuse(table, "unknown option %s: see %s --help", spelled, table->command);
    }
    char *value = word[2 + name_size] == '=' ? word + 2 + name_size + 1 : NULL;
    if (row->kind == OPTION_REFUSED) {
        return option_refuse(table, "%s is %s", spelled, row->help);
    }
    if (row->kind == OPTION_FLAG) {
        return value != NULL ? option_refuse(table, "%s takes no value", spelled)
                             : option_set(reader, row, spelled, NULL);
    }
    if (value == NULL) {
        if (reader->index + 1 == reader->count) {
            return option_refuse(table, "%s needs a value: %s", spelled, row->argument);
        }
        value = reader->words[++reader->index];
    }
    return option_set(reader, row, spelled, value);
}

/* `-k`, `-kv`, `-c64` or `-c 64`. */
static bool option_take_letters(struct option_reader *reader)
{
    const struct option_table *table = reader->table;

    for (char *letter = reader->words[reader->index] + 1; *letter != '\0'; letter++) {
        const struct option_row *row = option_find(table, *letter, NULL, 0);
        char spelled[] = { '-', *letter, '\0' };
        if (row == NULL) {
            return option_refuse(table, "unknown option %s: see %s --help", spelled,
                                 table->command);
        }
        if (row->kind == OPTION_REFUSED) {
            return option_refuse(table, "%s %s%s", spelled, row->name != NULL ? "is " : "",
                                 row->help);
        }
        if (row->kind == OPTION_FLAG) {
            (void)option_set(reader, row, spelled, NULL);
            continue;
        }
        if (letter[1] != '\0') {
            return option_set(reader, row, spelled, letter + 1);
        }
        if (reader->index + 1 == reader->count) {
            return option_refuse(table, "%s needs a value: %s", spelled, row->argument);
        }
        return option_set(reader, row, spelled, reader->words[++reader->index]);
    }
    return true;
}

static const struct option_row *option_find_kind(const struct option_table *table,
                                                 enum option_kind kind)
{
    for (size_t i = 0; i < table->rows_count; i++) {
        if (table->rows[i].kind == kind) {
            return &table->rows[i];
        }
    }
    return NULL;
}

/* A word that is no option. With OPTION_WORDS they gather at the front of the words. */
static bool option_take_word(const struct option_reader *reader, char *word)
{
    const struct option_row *row = option_find_kind(reader->table, OPTION_WORD);
    const struct option_row *all = option_find_kind(reader->table, OPTION_WORDS);

    if (all != NULL) {
        uint64_t *count = option_place(reader, all->offset_count);
        *(char ***)option_place(reader, all->offset) = reader->words;
        reader->words[(*count)++] = word; /* never past the word at hand */
        return true;
    }
    if (row == NULL) {
        return option_refuse(reader->table, "\"%s\" is one word too many: only options are read",
                             word);
    }
    char **place = option_place(reader, row->offset);
    if (*place != NULL) {
        return option_refuse(reader->table, "one %s, and \"%s\" is a second one", row->argument,
                             word);
    }
    *place = word;
    return true;
}

bool option_parse(const struct option_table *table, void *options, int count, char **words)
{
    struct option_reader reader = { table, options, words, count, 0 };
    bool only_words = false;

    for (; reader.index < count; reader.index++) {
        char *word = words[reader.index];
        bool good;
        if (only_words || word[0] != '-' || word[1] == '\0') {
            good = option_take_word(&reader, word);
        } else if (strcmp(word, "--") == 0) {
            good = only_words = true;
        } else if (word[1] == '-') {
            good = option_take_long(&reader);
        } else {
            good = option_take_letters(&reader);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

/* --- The help --- */

static void option_print(FILE *to, const struct option_row *row)
{
    char left[64];
    int size = snprintf(left, sizeof(left), "  %c%c%s --%s %s", row->letter != 0 ? '-' : ' ',
                        row->letter != 0 ? row->letter : ' ', row->letter != 0 ? "," : " ",
                        row->name, row->argument != NULL ? row->argument : "");
    const char *line = row->help;

    fprintf(to, size > 32 ? "%s\n%34s" : "%-34s%s", left, "");
    for (size_t length; (length = strcspn(line, "\n")), true; line += length + 1) {
        fprintf(to, "%.*s\n", (int)length, line);
        if (line[length] == '\0') {
            return;
        }
        fprintf(to, "%34s", "");
    }
}

void option_print_help(const struct option_table *table, FILE *to)
{
    fputs(table->head, to);
    for (size_t i = 0; i < table->rows_count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row->kind == OPTION_HEADING) {
            fprintf(to, "\n%s\n", row->help);
        } else if (row->kind != OPTION_REFUSED && row->help != NULL) {
            option_print(to, row);
        }
    }
    if (table->foot != NULL) {
        fputs(table->foot, to);
    }
}
