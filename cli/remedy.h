/*
 * remedy: what people can do about an answer that all others will be like.
 */
#ifndef QUOIT_CLI_REMEDY_H
#define QUOIT_CLI_REMEDY_H

#include "llm/text.h"
#include "quoit.h"

/*
 * Append one line, without its end, for what judge_is_hopeless. Nothing that a server sent but a
 * redirect's target is in it, and that without query and user name.
 */
void remedy_append(struct text *out, const struct quoit_result *result, bool key_was_sent);

#endif
