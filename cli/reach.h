/*
 * reach: what all commands that send requests need before the first of them: whom to trust, who to
 * be, how many files may be open, an engine; and what is said of it.
 *
 * What cannot be used is one line on stderr, and an exit code.
 */
#ifndef QUOIT_CLI_REACH_H
#define QUOIT_CLI_REACH_H

#include "cli/keys.h"
#include "llm/text.h"
#include "quoit.h"

/* Files of the command line, as options of that name; NULL: not given. */
struct reach_tls {
    const char *cacert, *cert, *key;
    bool insecure;
};

/* *tls_out is NULL for the library's own: the system's trust, read when it is first needed. */
int reach_open_tls(const struct reach_tls *files, struct quoit_tls **tls_out);

/* Find the key. `command`: "quoit batch". */
int reach_open_keys(struct keys *keys, const struct keys_source *source, const char *command);

/*
 * Let as many files be open as are needed for that many connections, if that may be. Returns how
 * many connections there may be.
 */
uint64_t reach_raise_descriptors(uint64_t connections);

/* spin_max_ns of the library, of an option where 0 is never. */
uint64_t reach_spin_ns(uint64_t spin_ns);

/* Why there is no engine. Returns the exit code. */
int reach_refuse_engine(enum quoit_error error);

/* What to know where an engine of QUOIT_IO_AUTO runs on epoll; appends nothing where it does not.
 */
void reach_append_io(struct text *out, const struct quoit_stats *stats);

/* Append "(from the environment: NAME" or ", NAME", if that variable is set. */
void reach_append_variable(struct text *out, const char *name);

#endif
