/*
 * answer_body: the bodies of answers that come whole. See answer.h.
 */
#ifndef QUOIT_MOCK_ANSWER_BODY_H
#define QUOIT_MOCK_ANSWER_BODY_H

#include "mock/answer.h"

/* Append what a good answer says. *content_type_out changes where it is not JSON. */
void answer_body_write(const struct answer_request *request, struct blob *out,
                       const char **content_type_out);

/* Append what an answer of any other status says: OpenAI's error object. */
void answer_body_write_error(const struct answer_request *request, struct blob *out);

#endif
