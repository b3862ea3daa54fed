/*
 * guard_parts: what guard.c and guard_judge.c share.
 */
#ifndef QUOIT_HTTP_GUARD_PARTS_H
#define QUOIT_HTTP_GUARD_PARTS_H

#include "http/guard.h"

/* Say why, and take nothing more. Gives GUARD_REFUSED. */
enum guard_verdict guard_refuse(struct guard *guard, enum quoit_error error, const char *detail);

#endif
