/*
 * server: which servers a batch goes to, said so that people may see it.
 *
 * A base url may hold more than is good for a screen: its query is never shown, and a user name in
 * it is refused.
 */
#ifndef QUOIT_CLI_SERVER_H
#define QUOIT_CLI_SERVER_H

#include "cli/servers.h"
#include "llm/text.h"

#include <stdbool.h>

struct server {
    const char *base_urls[SERVERS_MAX];
    size_t count;         /* at least 1 */
    const char *variable; /* OPENAI_BASE_URL if that named it, else NULL */
};

/* `given` are the --base-url. False: a line on stderr says why; exit 2. */
bool server_choose(struct server *server, const char *const *given, size_t count);

/* May what is meant for our servers only, such as the key, go to that url? */
bool server_is_one(const struct server *server, const char *url);

/* Append the url without its query and without control characters. */
void server_append_url(struct text *out, const char *url);

/* Append the url; of its query, values of names like key, token, sig are hidden. */
void server_append_url_hidden(struct text *out, const char *url);

#endif
