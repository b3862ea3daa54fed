/*
 * facts: see facts.h. Such files are read whole each time: they are small, and they change.
 */
#include "cli/facts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* False: no such path can be. */
static bool facts_path(const struct facts *facts, const char *path, char out[FACTS_PATH_MAX])
{
    int size = snprintf(out, FACTS_PATH_MAX, "%s%s", facts->root, path);

    return size > 0 && size < FACTS_PATH_MAX;
}

static FILE *facts_open(const struct facts *facts, const char *path)
{
    char whole[FACTS_PATH_MAX];

    return facts_path(facts, path, whole) ? fopen(whole, "re") : NULL;
}

bool facts_exists(const struct facts *facts, const char *path)
{
    char whole[FACTS_PATH_MAX];

    return facts_path(facts, path, whole) && access(whole, F_OK) == 0;
}

bool facts_line(const struct facts *facts, const char *path, char out[FACTS_LINE_MAX])
{
    FILE *file = facts_open(facts, path);

    *out = '\0';
    if (file == NULL) {
        return false;
    }
    bool known = fgets(out, FACTS_LINE_MAX, file) != NULL;
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
    return known;
}

/* Digits, or "max", and nothing behind them but blanks. */
static bool facts_parse(const char *text, uint64_t *number_out)
{
    char *end = NULL;

    text += strspn(text, " \t");
    if (strncmp(text, "max", 3) == 0 && text[3 + strspn(text + 3, " \t\n")] == '\0') {
        *number_out = UINT64_MAX;
        return true;
    }
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    unsigned long long number = strtoull(text, &end, 10);
    if (end[strspn(end, " \t\n")] != '\0') {
        return false;
    }
    *number_out = number;
    return true;
}

bool facts_number(const struct facts *facts, const char *path, uint64_t *number_out)
{
    char line[FACTS_LINE_MAX];

    return facts_line(facts, path, line) && facts_parse(line, number_out);
}

/* What stands behind that word at a line's begin, or NULL. */
static const char *facts_behind(const char *line, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(line, word, size) != 0 || strchr(": \t\n", line[size]) == NULL) {
        return NULL;
    }
    return line + size + strspn(line + size, ": \t");
}

bool facts_field(const struct facts *facts, const char *path, const char *key, uint64_t *number_out)
{
    FILE *file = facts_open(facts, path);
    char line[FACTS_LINE_MAX];
    const char *value = NULL;

    while (file != NULL && value == NULL && fgets(line, sizeof(line), file) != NULL) {
        value = facts_behind(line, key);
    }
    if (file != NULL) {
        fclose(file);
    }
    return value != NULL && facts_parse(value, number_out);
}

bool facts_count_lines(const struct facts *facts, const char *path, const char *word,
                       uint64_t *count_out)
{
    FILE *file = facts_open(facts, path);
    char line[FACTS_LINE_MAX];
    uint64_t count = 0;

    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        count += facts_behind(line, word) != NULL;
    }
    fclose(file);
    *count_out = count;
    return true;
}
