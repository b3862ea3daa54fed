/*
 * endpoint: where a line's request goes, from --base-url, the line's url and --query. Pure text.
 *
 * An absolute url (http:// or https://, then a host) goes out as it is. Any other begins with `/`
 * and is joined so, where P is the path of the base without its final `/`:
 *
 *     1. url begins with P and `/`:          the base's origin, url
 *     2. else url begins with `/v1/`, and P  the base's origin, P, url without `/v1`
 *        has a segment of `v`, a digit and
 *        any letters or digits:
 *     3. else:                               the base's origin, P, url
 *
 * The query is the base's, then --query, then the url's own, joined with `&`; empty ones are left
 * out. A fragment (`#` and what follows) is never sent and is left out. Nothing is decoded or
 * normalised: `/v1` alone does not begin with `/v1/`, `/v1x` is no version of P `/v1`.
 *
 *     base                                   url                    sent
 *     http://h                               /v1/chat/completions   /v1/chat/completions
 *     http://h/v1                            /v1/chat/completions   /v1/chat/completions
 *     https://h/v1beta/openai/               /v1/chat/completions   /v1beta/openai/chat/completions
 *     https://h/openai/deployments/gpt?a=b   /chat/completions      /openai/deployments/gpt/chat
 *                                                                   /completions?a=b
 *     http://h/proxy                         /v1/embeddings         /proxy/v1/embeddings
 */
#ifndef QUOIT_LLM_ENDPOINT_H
#define QUOIT_LLM_ENDPOINT_H

#include "llm/text.h"

#include <stdbool.h>

enum endpoint_verdict {
    ENDPOINT_GOOD,
    ENDPOINT_BAD_BASE,  /* the base is not absolute */
    ENDPOINT_BAD_URL,   /* the url is neither absolute nor begins with `/` */
    ENDPOINT_NO_MEMORY, /* `out` cannot grow */
};

/* Is it http:// or https://, in any case, and then something that may be a host? */
JSON_MUST bool endpoint_is_absolute(const char *url);

/*
 * Append the absolute URL to `out`, by the rule above.
 *
 * `query` is of the form K=V or K=V&K=V, without `?`; NULL: none. The base may be NULL where url
 * is absolute. On all but ENDPOINT_GOOD nothing is appended.
 */
JSON_MUST enum endpoint_verdict endpoint_join(struct text *out, const char *base, const char *url,
                                              const char *query);

/*
 * May what is meant for `base` only, such as its key, go to the absolute `url`? Only if scheme,
 * host (in any case) and port (80 and 443 if none is said) are equal, and if both are written so
 * plainly that no two readers can disagree: an authority with anything but letters, digits, dots,
 * hyphens, underscores, a bracketed address and a port gives false.
 */
JSON_MUST bool endpoint_has_origin(const char *url, const char *base);

#endif
