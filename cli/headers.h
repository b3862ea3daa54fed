/*
 * headers: what headers a request gets, and which of them may go where.
 *
 *     the line's own  >  -H  >  what we make: the key, OPENAI_ORG_ID, OPENAI_PROJECT_ID,
 *                               Content-Type, Accept, Accept-Encoding, User-Agent
 *
 * Idempotency-Key, if asked for, is of what we make too.
 *
 * A name that stands further left keeps out those to its right. The origin rule: the key, the
 * account headers, and those of -H that are secret go to the origin of --base-url and nowhere
 * else. Secret are Authorization, Cookie, names that hold api-key, token, secret or
 * subscription-key, and the one that --api-key-header gave.
 * Proxy-Authorization cannot be set: who we are to a proxy stands in its url.
 *
 * As with curl, 'NAME:' takes away what we make, and 'NAME;' sends it empty.
 */
#ifndef QUOIT_CLI_HEADERS_H
#define QUOIT_CLI_HEADERS_H

#include "cli/keys.h"
#include "llm/batch.h"
#include "quoit.h"

#define HEADERS_MAX 128                                       /* of -H, files included */
#define HEADERS_SET_MAX (BATCH_HEADERS_MAX + HEADERS_MAX + 8) /* of a request */

/* One of -H. */
struct headers_item {
    char *name;        /* owned */
    const char *value; /* behind name, in the same block; NULL: takes away */
    bool secret;
};

struct headers {
    struct headers_item items[HEADERS_MAX];
    size_t count;
    const char *literal_secret; /* a secret that stood on the command line: its name, or NULL */
    const char *key_name;       /* borrowed; the name under which the key goes */
    char user_agent[32];
};

/* The headers of one request. Borrowed from all that they were made of. */
struct headers_set {
    struct quoit_header items[HEADERS_SET_MAX];
    uint32_t count;
};

/*
 * Read what was given with -H. Values of secrets are blotted out in `given`, so that they do not
 * stand in the list of processes.
 *
 * Returns 0, or an exit code, with a line on stderr that holds no value.
 */
int headers_open(struct headers *headers, char **given, size_t count, const char *key_name);

void headers_close(struct headers *headers);

/* Must the value of this header be kept from people and from other origins? */
bool headers_is_secret(const struct headers *headers, const char *name);

/* Put together what goes with `line`. `at_base`: to the origin of --base-url. */
void headers_gather(const struct headers *headers, const struct keys *keys,
                    const struct batch_line *line, bool at_base, struct headers_set *set_out);

/* Add Idempotency-Key, unless the line or -H has one. `key` is borrowed; NULL: none. */
void headers_add_idempotency(const struct headers *headers, const char *key,
                             struct headers_set *set);

/* Is there one among them? */
bool headers_set_has_secret(const struct headers_set *set, const struct headers *headers);

/* Does the line bring one of its own? */
bool headers_line_has_secret(const struct headers *headers, const struct batch_line *line);

/* Is it a token (RFC 9110 5.6.2)? */
bool headers_is_name(const char *text);

/* Is it a name, and none of those that frame a request? Says why not, or NULL. */
const char *headers_name_fault(const char *name);

#endif
