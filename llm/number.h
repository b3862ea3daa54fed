/*
 * number: between JSON numbers and doubles, in any locale: the decimal point of the C library's
 * functions is the locale's, that of JSON is not.
 */
#ifndef QUOIT_LLM_NUMBER_H
#define QUOIT_LLM_NUMBER_H

#include "llm/text.h"

#define NUMBER_SIZE 32 /* bytes of any sum, with a NUL */

/*
 * The value of a JSON number, which must come from a checked text. Of its digits the first 40 that
 * are not leading zeros count. What is too large for a double is infinite.
 */
JSON_MUST double number_read(struct json_span number);

/* Append the shortest digits that read back as `value`, which must be finite. */
void number_append(struct text *text, double value);

/*
 * Write the sum of two numbers of a checked text to `out`: exactly if both are integers and so is
 * their sum in 64 bits, else as doubles, by the shortest digits that tell them apart; always with a
 * dot, whatever the locale. False: it is not finite; then nothing was written.
 */
JSON_MUST bool number_add(struct json_span a, struct json_span b, char out[NUMBER_SIZE]);

#endif
