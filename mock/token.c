/* token: see token.h. */
#include "mock/token.h"

#include "mock/chance.h"

/* Some of them are what trips a client up: quotes, escapes, and UTF-8 of two to four bytes. */
static const char *const token_words[64] = {
    " the",
    " ring",
    " is",
    " thrown",
    " and",
    " every",
    " answer",
    " comes",
    " back",
    " at",
    " once",
    " or",
    " later",
    " in",
    " order",
    " of",
    " time",
    " with",
    " no",
    " loss",
    ".",
    ",",
    ":",
    "\\n",
    " one",
    " two",
    " three",
    " 42",
    " 3.14",
    " -1",
    " x",
    " y",
    " caf\xc3\xa9",
    " \303\274ber",
    " \xe7\x8c\xab",
    " \xf0\x9f\x8e\xaf",
    " \\\"quoted\\\"",
    " back\\\\slash",
    " tab\\there",
    " \\u00e9",
    " \\ud83d\\ude00",
    " {",
    " }",
    " [1]",
    " data:",
    " [DONE]",
    " null",
    " true",
    " why",
    " not",
    " who",
    " what",
    " where",
    " when",
    " a",
    " long",
    " sentence",
    " that",
    " ends",
    " here",
    " then",
    " goes",
    " on",
    " still",
};

void token_write(const struct token_source *source, uint64_t index, struct blob *out)
{
    if (index == 0) {
        blob_text(out, "Answer to ");
        blob_hex(out, source->body_hash);
        blob_text(out, ":");
        return;
    }
    uint64_t place = chance_mix(source->body_hash ^ source->seed, index + (source->choice << 32));
    blob_text(out, token_words[place % 64]);
}
