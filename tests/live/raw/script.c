/* script: see script.h. A line is a word and what that verb wants behind it. */
#include "tests/live/raw/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind a verb. */
enum script_behind {
    SCRIPT_NOTHING,
    SCRIPT_NUMBER,
    SCRIPT_TEXT,
    SCRIPT_MAYBE_TEXT,
    SCRIPT_NUMBER_AND_TEXT,
    SCRIPT_WORD,
    SCRIPT_MAYBE_WORD,
    SCRIPT_MODE,
};

static const struct {
    const char *name;
    enum script_behind behind;
} script_verbs[SCRIPT_VERBS] = {
#define X(verb, name, behind) { name, SCRIPT_##behind },
    SCRIPT_VERB_MAP(X)
#undef X
};

/* The reading of one script. */
struct script_reader {
    const char *at;
    const char *wrong; /* NULL: nothing yet */
    uint32_t open[SCRIPT_DEPTH_MAX];
    uint32_t open_count; /* repeats and loops that have no end yet */
};

static void script_blanks(struct script_reader *reader)
{
    reader->at += strspn(reader->at, " \t\r");
}

static bool script_at_end(const struct script_reader *reader)
{
    return *reader->at == '\n' || *reader->at == '\0' || *reader->at == '#';
}

static void script_wrong(struct script_reader *reader, const char *what)
{
    if (reader->wrong == NULL) {
        reader->wrong = what;
    }
}

/* A word, whose size is returned; 0: there is none. */
static size_t script_word(struct script_reader *reader, const char **word_out)
{
    script_blanks(reader);
    size_t size = script_at_end(reader) ? 0 : strcspn(reader->at, " \t\r\n");
    *word_out = reader->at;
    reader->at += size;
    return size;
}

static uint64_t script_number(struct script_reader *reader)
{
    char *end;

    script_blanks(reader);
    uint64_t number = strtoull(reader->at, &end, 10);
    if (*reader->at < '0' || *reader->at > '9') {
        script_wrong(reader, "a number is missing");
        return 0;
    }
    reader->at = end;
    return number;
}

/* What stands behind a backslash. */
static char script_escape(struct script_reader *reader)
{
    static const char names[] = "rnt0\"\\", bytes[] = "\r\n\t\0\"\\";
    unsigned value = 0;
    char name = *reader->at;

    if (name == 'x' && sscanf(reader->at + 1, "%2x", &value) == 1) {
        reader->at += 3;
        return (char)value;
    }
    const char *found = name == '\0' ? NULL : strchr(names, name);
    if (found == NULL) {
        script_wrong(reader, "an escape that is not known");
        return '?';
    }
    reader->at++;
    return bytes[found - names];
}

/* "text" into step->text, `times` in a row. */
static void script_text(struct script_reader *reader, struct script_step *step, uint64_t times)
{
    script_blanks(reader);
    size_t room = strlen(reader->at) + 1, size = 0;
    const char *end = strchr(reader->at, '\n');
    room = end == NULL ? room : (size_t)(end - reader->at) + 1;
    char *text = malloc(room);
    if (*reader->at++ != '"') {
        script_wrong(reader, "a text in double quotes is missing");
        free(text);
        return;
    }
    while (*reader->at != '"' && *reader->at != '\n' && *reader->at != '\0') {
        char byte = *reader->at++;
        text[size++] = byte == '\\' ? script_escape(reader) : byte;
    }
    if (*reader->at != '"') {
        script_wrong(reader, "a text without its end");
    } else {
        reader->at++;
    }
    step->text = malloc(size * times + 1);
    for (uint64_t i = 0; i < times; i++) {
        memcpy(step->text + i * size, text, size);
    }
    step->size = size * times;
    step->text[step->size] = '\0';
    free(text);
}

static void script_mode(struct script_reader *reader, struct script_step *step)
{
    const char *word;
    size_t size = script_word(reader, &word);

    if (size == 5 && memcmp(word, "whole", 5) == 0) {
        step->feed.cut = WIRE_WHOLE;
    } else if (size == 5 && memcmp(word, "bytes", 5) == 0) {
        step->feed.cut = WIRE_BYTES;
    } else if (size == 4 && memcmp(word, "cuts", 4) == 0) {
        step->feed = (struct wire_feed){ WIRE_CUTS, script_number(reader) };
    } else if (size == 5 && memcmp(word, "split", 5) == 0) {
        step->feed = (struct wire_feed){ WIRE_SPLIT, script_number(reader) };
    } else {
        script_wrong(reader, "not whole, bytes, cuts SEED or split SIZE");
    }
}

static void script_behind(struct script_reader *reader, struct script_step *step)
{
    const char *word;
    size_t size;

    switch (script_verbs[step->verb].behind) {
    case SCRIPT_NOTHING:
        return;
    case SCRIPT_NUMBER:
        step->number = script_number(reader);
        return;
    case SCRIPT_MODE:
        script_mode(reader, step);
        return;
    case SCRIPT_NUMBER_AND_TEXT:
        step->number = script_number(reader);
        script_text(reader, step, 1);
        return;
    case SCRIPT_TEXT:
    case SCRIPT_MAYBE_TEXT:
        script_blanks(reader);
        if (!script_at_end(reader) || script_verbs[step->verb].behind == SCRIPT_TEXT) {
            bool repeated = *reader->at >= '0' && *reader->at <= '9';
            script_text(reader, step, repeated ? script_number(reader) : 1);
        }
        return;
    case SCRIPT_WORD:
    case SCRIPT_MAYBE_WORD:
        size = script_word(reader, &word);
        step->text = size == 0 ? NULL : strndup(word, size);
        step->size = size;
        if (size == 0 && script_verbs[step->verb].behind == SCRIPT_WORD) {
            script_wrong(reader, "a word is missing");
        }
        return;
    }
}

/* Join a repeat or loop and its end. */
static void script_pair(struct script_reader *reader, struct script *script, uint32_t index)
{
    struct script_step *step = &script->steps[index];

    if (step->verb == SCRIPT_LOOP) {
        step->number = SCRIPT_FOREVER;
    }
    if (step->verb == SCRIPT_LOOP || step->verb == SCRIPT_REPEAT) {
        if (reader->open_count == SCRIPT_DEPTH_MAX) {
            script_wrong(reader, "too many loops inside each other");
            return;
        }
        reader->open[reader->open_count++] = index;
    }
    if (step->verb == SCRIPT_END) {
        if (reader->open_count == 0) {
            script_wrong(reader, "an end of nothing");
            return;
        }
        step->partner_index = reader->open[--reader->open_count];
        script->steps[step->partner_index].partner_index = index;
    }
}

static void script_step(struct script_reader *reader, struct script *script, const char *word,
                        size_t size)
{
    enum script_verb verb = 0;

    while (verb < SCRIPT_VERBS && (strlen(script_verbs[verb].name) != size ||
                                   memcmp(script_verbs[verb].name, word, size) != 0)) {
        verb++;
    }
    if (verb == SCRIPT_VERBS || script->parts_count == 0) {
        script_wrong(reader, verb == SCRIPT_VERBS ? "a step that is not known"
                                                  : "a step before the first connection");
        return;
    }
    uint32_t index = script->steps_count++;
    script->steps = realloc(script->steps, script->steps_count * sizeof(*script->steps));
    script->steps[index] = (struct script_step){ .verb = verb };
    script_behind(reader, &script->steps[index]);
    script_pair(reader, script, index);
    script->parts[script->parts_count - 1].end = script->steps_count;
}

/* "1:", "2-5:", "6+:" or "*:" */
static void script_part(struct script_reader *reader, struct script *script)
{
    struct script_part part = { 1, UINT32_MAX, script->steps_count, script->steps_count };

    if (reader->open_count != 0) {
        script_wrong(reader, "a loop without its end");
    }
    script_blanks(reader);
    if (*reader->at == '*') {
        reader->at++;
    } else {
        part.connection_min = part.connection_max = (uint32_t)script_number(reader);
        if (*reader->at == '-') {
            reader->at++;
            part.connection_max = (uint32_t)script_number(reader);
        } else if (*reader->at == '+') {
            reader->at++;
            part.connection_max = UINT32_MAX;
        }
    }
    if (*reader->at++ != ':') {
        script_wrong(reader, "a colon is missing");
        reader->at--;
    }
    uint32_t index = script->parts_count++;
    script->parts = realloc(script->parts, script->parts_count * sizeof(*script->parts));
    script->parts[index] = part;
}

static void script_line(struct script_reader *reader, struct script *script)
{
    const char *word;
    size_t size = script_word(reader, &word);

    if (size == strlen("connection") && memcmp(word, "connection", size) == 0) {
        script_part(reader, script);
    } else if (size != 0) {
        script_step(reader, script, word, size);
    }
    script_blanks(reader);
    if (!script_at_end(reader)) {
        script_wrong(reader, "more than belongs into a line");
    }
}

const char *script_parse(struct script *script, const char *text)
{
    static char wrong[160];
    struct script_reader reader = { .at = text };

    *script = (struct script){ 0 };
    for (unsigned line = 1; reader.wrong == NULL; line++) {
        script_line(&reader, script);
        reader.at += strcspn(reader.at, "\n");
        if (reader.wrong == NULL && *reader.at == '\0' && reader.open_count != 0) {
            reader.wrong = "a loop without its end";
        }
        if (reader.wrong != NULL) {
            snprintf(wrong, sizeof(wrong), "line %u: %s", line, reader.wrong);
            script_free(script);
            return wrong;
        }
        if (*reader.at++ == '\0') {
            break;
        }
    }
    return NULL;
}

void script_free(struct script *script)
{
    for (uint32_t i = 0; i < script->steps_count; i++) {
        free(script->steps[i].text);
    }
    free(script->steps);
    free(script->parts);
    *script = (struct script){ 0 };
}

const struct script_part *script_part_of(const struct script *script, uint32_t connection)
{
    for (uint32_t i = 0; i < script->parts_count; i++) {
        const struct script_part *part = &script->parts[i];
        if (connection >= part->connection_min && connection <= part->connection_max) {
            return part;
        }
    }
    return NULL;
}
