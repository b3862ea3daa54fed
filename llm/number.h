/*
 * number: between JSON numbers and doubles, in any locale: the decimal point of the C library's
 * functions is the locale's, that of JSON is not.
 */
#ifndef QUOIT_LLM_NUMBER_H
#define QUOIT_LLM_NUMBER_H

#include "llm/text.h"

/*
 * The value of a JSON number, which must come from a checked text. Of its digits the first 40 that
 * are not leading zeros count. What is too large for a double is infinite.
 */
JSON_MUST double number_read(struct json_span number);

/* Append the shortest digits that read back as `value`, which must be finite. */
void number_append(struct text *text, double value);

#endif
