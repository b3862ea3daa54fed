/*
 * server_fuzz: servers for the simulated network of tests/sim that say what the fuzzer says.
 *
 * A request is read to its end, and then the next script is said, whatever it holds. The model is
 * simple: what a connection was told is one stream of bytes, and the reference cuts it into the
 * answers of the requests that came over it, in their order. So an answer handed out must be one of
 * those cuts, and nothing else.
 *
 * Violations: bytes that are no request; a connection used again whose last answer was not whole,
 * or did not allow it, or behind which the client was told of bytes that nobody had asked for.
 */
#ifndef QUOIT_TESTS_SERVER_FUZZ_H
#define QUOIT_TESTS_SERVER_FUZZ_H

#include "quoit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/reference.h"

#define SCRIPT_END 0xff /* ends a script; the byte behind it says what the server does then */

/*
 * Begin with these scripts, one behind the other, and with the engine's limits. When they are used
 * up each request gets a small whole answer. Borrowed until server_fuzz_end.
 */
void server_fuzz_begin(struct fuzz_input scripts, const struct reference_limits *limits);
void server_fuzz_end(void);

/*
 * Is this result, with this body, an answer that was said to request `number`? `body` is the
 * result's, or the pieces put together.
 */
bool server_fuzz_has_said(uint32_t number, const struct quoit_result *result,
                          struct quoit_span body);

#endif
