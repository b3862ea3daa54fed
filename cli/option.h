/*
 * option: the words of a command line, read by a table of rows; the same table prints the help.
 *
 *     table + words --option_parse--> the command's struct
 *     table --option_print_help--> --help
 *
 * A command has a struct for what may be said, a table whose rows point into it by offset, and
 * checks of its own for what one option alone cannot tell. Rows are written with the macros below,
 * behind a `#define OPTION_STRUCT struct ...` that names that struct.
 *
 * It fails with one line on stderr that begins with the command's name, names the option and, where
 * people are used to another one, says what to say instead.
 */
#ifndef QUOIT_CLI_OPTION_H
#define QUOIT_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_HEADING,  /* no option: a line of the help */
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* char *, not empty but where `most` is 1 */
    OPTION_LIST,     /* const char *[], and behind it (offset_count) how many */
    OPTION_COUNT,    /* uint64_t, from `least` to `most` */
    OPTION_DURATION, /* uint64_t; 0 is refused: people mean "none" */
    OPTION_WAIT,     /* uint64_t; 0 is "at once" */
    OPTION_SIZE,     /* uint64_t, not 0 */
    OPTION_CHOICE,   /* uint64_t: the place of the word in `argument` */
    OPTION_REFUSED,  /* `help` says what to do instead */
    OPTION_WORD,     /* char *: the word that is no option, named `argument`; at most one */
    OPTION_WORDS,    /* char **, and how many: all such words; the array is a part of `words` */
};

struct option_row {
    enum option_kind kind;
    char letter;      /* or 0 */
    const char *name; /* without the dashes; NULL: a letter alone */
    size_t offset, offset_count;
    const char *argument; /* for the help; of a choice: all words, with bars between */
    const char *help;     /* a newline begins another line */
    uint64_t least, most;
};

/* A command line. */
struct option_table {
    const char *command; /* "quoit batch" */
    const struct option_row *rows;
    size_t rows_count;
    const char *head, *foot; /* of the help; foot NULL: none */
};

/* Of a struct option_table. */
#define OPTION_ROWS(array) .rows = (array), .rows_count = sizeof(array) / sizeof((array)[0])

#define AT(member) .offset = offsetof(OPTION_STRUCT, member)
#define FLAG(letter, name, member, text)                                                           \
    {                                                                                              \
        OPTION_FLAG, letter, name, AT(member), 0, NULL, text, 0, 0                                 \
    }
#define TEXT(letter, name, member, argument, help)                                                 \
    {                                                                                              \
        OPTION_TEXT, letter, name, AT(member), 0, argument, help, 0, 0                             \
    }
#define LIST(letter, name, member, argument, help, max)                                            \
    {                                                                                              \
        OPTION_LIST, letter, name, AT(member), offsetof(OPTION_STRUCT, member##_count), argument,  \
            help, 0, max                                                                           \
    }
#define COUNT(letter, name, member, argument, help, least, most)                                   \
    {                                                                                              \
        OPTION_COUNT, letter, name, AT(member), 0, argument, help, least, most                     \
    }
#define VALUE(kind, name, member, argument, help)                                                  \
    {                                                                                              \
        kind, 0, name, AT(member), 0, argument, help, 0, 0                                         \
    }
#define HEADING(text)                                                                              \
    {                                                                                              \
        OPTION_HEADING, 0, NULL, 0, 0, NULL, text, 0, 0                                            \
    }
#define REFUSED(letter, name, text)                                                                \
    {                                                                                              \
        OPTION_REFUSED, letter, name, 0, 0, NULL, text, 0, 0                                       \
    }
#define WORD(member, argument)                                                                     \
    {                                                                                              \
        OPTION_WORD, 0, NULL, AT(member), 0, argument, NULL, 0, 0                                  \
    }
#define WORDS(member)                                                                              \
    {                                                                                              \
        OPTION_WORDS, 0, NULL, AT(member), offsetof(OPTION_STRUCT, member##_count), NULL, NULL, 0, \
            0                                                                                      \
    }

/*
 * Set in `options`, the struct of the table's rows, what the words say. Strings point into argv and
 * stay there; `words` itself is reordered where there are OPTION_WORDS.
 *
 * False: a line on stderr says why; exit 2.
 */
bool option_parse(const struct option_table *table, void *options, int count, char **words);

/* One line on stderr, behind the command's name. Returns false, for the caller to return. */
__attribute__((format(printf, 2, 3))) bool option_refuse(const struct option_table *table,
                                                         const char *format, ...);

void option_print_help(const struct option_table *table, FILE *to);

#endif
