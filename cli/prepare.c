/*
 * prepare: the steps in their order: read the line, note its custom_id, name it, find its body, its
 * url, its proxy, its headers.
 */
#include "cli/prepare.h"

#include "llm/endpoint.h"
#include "llm/splice.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

bool prepare_init(struct prepare *prepare, const struct options *options,
                  const struct server *server, const struct headers *headers,
                  const struct keys *keys, const struct proxies *proxies)
{
    assert(prepare->ids != NULL); /* else repeated ids would pass without a word */
    prepare->options = options;
    prepare->server = server;
    prepare->headers = headers;
    prepare->keys = keys;
    prepare->proxies = proxies;
    batch_line_init(&prepare->line);
    prepare->line.may_stream = options->stream;
    text_init(&prepare->url, 0);
    text_init(&prepare->query, 0);
    text_init(&prepare->model, 0);
    text_init(&prepare->spare, 0);
    for (uint64_t i = 0; i < options->queries_count; i++) {
        text_append_string(&prepare->query, i == 0 ? "" : "&");
        text_append_string(&prepare->query, options->queries[i]);
    }
    if (options->model != NULL) {
        text_append_quoted(&prepare->model,
                           (struct json_span){ options->model, strlen(options->model) });
    }
    prepare->digest = digest_create();
    return prepare->digest != NULL && !prepare->query.failed && !prepare->model.failed;
}

void prepare_free(struct prepare *prepare)
{
    batch_line_free(&prepare->line);
    text_free(&prepare->url);
    text_free(&prepare->query);
    text_free(&prepare->model);
    text_free(&prepare->spare);
    digest_destroy(prepare->digest);
}

enum prepare_verdict prepare_refuse(struct prepare *prepare, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(prepare->message, sizeof(prepare->message), format, arguments);
    va_end(arguments);
    return PREPARE_INVALID;
}

static void prepare_hex(char *out, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* The output's "id": what was asked, as it stands in the input, and where. */
static void prepare_name(struct prepare *prepare, struct query *query, struct json_span method,
                         struct json_span url, struct json_span body)
{
    unsigned char digest[DIGEST_SIZE];
    char hex[17];

    digest_begin(prepare->digest);
    digest_add(prepare->digest, method.bytes, method.size);
    digest_add(prepare->digest, "\n", 1);
    digest_add(prepare->digest, url.bytes, url.size);
    digest_add(prepare->digest, "\n", 1);
    digest_add(prepare->digest, body.bytes, body.size);
    digest_end(prepare->digest, digest);
    prepare_hex(hex, digest, 8);
    query->asked = 0;
    for (size_t i = 0; i < sizeof(query->asked); i++) {
        query->asked = query->asked << 8 | digest[i];
    }
    snprintf(query->name, sizeof(query->name), "quoit-%s-%ju", hex, (uintmax_t)query->number);
}

static struct ids_line ids_line_of(const struct query *query, struct json_span id)
{
    return (struct ids_line){ id, query->asked, query->number, query->offset };
}

/* Is a line that is refused, or one without an id, answered already? */
static bool prepare_is_refused_before(struct prepare *prepare, const struct query *query)
{
    const struct ids_line line = ids_line_of(query, (struct json_span){ NULL, 0 });
    enum ids_verdict verdict = ids_note_refused(prepare->ids, &line);

    prepare->done_failed = verdict == IDS_FAILED;
    return verdict != IDS_NEW;
}

enum prepare_verdict prepare_unread(struct prepare *prepare, struct query *query, size_t line_max)
{
    const struct json_span none = { NULL, 0 };

    prepare_name(prepare, query, none, none, none);
    if (prepare_is_refused_before(prepare, query)) {
        return PREPARE_DONE;
    }
    return prepare_refuse(prepare, "the line is longer than %zu MiB", line_max >> 20);
}

static enum prepare_verdict prepare_refuse_repeated(struct prepare *prepare,
                                                    const struct query *query)
{
    const struct json_span id = prepare->line.id_raw;
    uint64_t first = ids_first_line(prepare->ids);
    char where[48] = "an earlier line";

    if (prepare_is_refused_before(prepare, query)) {
        return PREPARE_DONE;
    }
    if (first != 0) {
        snprintf(where, sizeof(where), "line %ju", (uintmax_t)first);
    }
    return prepare_refuse(prepare, "custom_id %.*s of line %ju stands on %s already",
                          (int)(id.size < 300 ? id.size : 300), id.bytes, (uintmax_t)query->number,
                          where);
}

/* Look the line up and note it. PREPARE_GOOD: nobody had its id before, and it has no answer. */
static enum prepare_verdict prepare_note(struct prepare *prepare, struct query *query)
{
    const struct ids_line line = ids_line_of(query, prepare->line.id);

    if (prepare->line.id_raw.size == 0) { /* then the line is invalid, and says so itself */
        return prepare_is_refused_before(prepare, query) ? PREPARE_DONE : PREPARE_GOOD;
    }
    enum ids_verdict verdict = ids_note(prepare->ids, &line);
    switch (verdict) {
    case IDS_CHANGED:
    case IDS_NEW:
        prepare->changed += verdict == IDS_CHANGED;
        query->custom_id = prepare->line.id_raw;
        return PREPARE_GOOD;
    case IDS_DONE:
    case IDS_FAILED:
        prepare->done_failed = verdict == IDS_FAILED;
        return PREPARE_DONE;
    case IDS_REPEATED:
        return prepare_refuse_repeated(prepare, query);
    case IDS_NO_MEMORY:
        return PREPARE_NO_MEMORY;
    }
    abort(); /* a verdict without a case */
}

/* Read the line; the first time, see to its custom_id and its name. */
static enum prepare_verdict prepare_line(struct prepare *prepare, struct query *query)
{
    struct json_span bytes = { query->bytes, query->size };
    const struct json_span none = { NULL, 0 };
    struct batch_line *line = &prepare->line;
    enum batch_verdict read = batch_line_read(line, bytes);

    if (read == BATCH_NO_MEMORY) {
        return PREPARE_NO_MEMORY;
    }
    if (!query->noted) {
        bool good = read == BATCH_GOOD;
        query->noted = true;
        prepare_name(prepare, query, good ? line->method_raw : none, good ? line->url_raw : none,
                     good ? line->body_raw : bytes);
        enum prepare_verdict noted = prepare_note(prepare, query);
        if (noted != PREPARE_GOOD) {
            return noted;
        }
    }
    return read == BATCH_GOOD ? PREPARE_GOOD : prepare_refuse(prepare, "%s", line->message);
}

/* The body as it stands in the line, or, where that is not what is sent, in the query's own. */
static enum prepare_verdict prepare_body(struct prepare *prepare, struct query *query)
{
    const struct batch_line *line = &prepare->line;
    struct json_span body = line->has_body ? line->body : (struct json_span){ NULL, 0 };
    bool in_line = body.bytes >= query->bytes && body.bytes < query->bytes + query->size;

    text_reset(&query->body);
    if (prepare->model.size != 0 && line->has_body) {
        struct json_span model = { prepare->model.bytes, prepare->model.size };
        switch (splice_member(&query->body, body, "model", model)) {
        case SPLICE_GOOD:
            body = (struct json_span){ query->body.bytes, query->body.size };
            break;
        case SPLICE_NOT_OBJECT:
            return prepare_refuse(prepare, "--model needs a body that is an object");
        case SPLICE_NO_MEMORY:
            return PREPARE_NO_MEMORY;
        }
    } else if (!in_line && body.size != 0) {
        text_append(&query->body, body);
        if (query->body.failed) {
            return PREPARE_NO_MEMORY;
        }
        body = (struct json_span){ query->body.bytes, query->body.size };
    }
    prepare->request.body = (struct quoit_span){ body.bytes, body.size };
    return PREPARE_GOOD;
}

/* What the library would refuse without saying why, or NULL. */
static const char *prepare_url_fault(const char *url)
{
    const char *host = endpoint_is_absolute(url) ? strstr(url, "://") + 3 : NULL;

    if (host != NULL && memchr(host, '@', strcspn(host, "/?#")) != NULL) {
        return "url holds a user name: say it in \"headers\"";
    }
    for (; *url != '\0'; url++) {
        if ((unsigned char)*url > 0x7f) {
            return "url holds a byte that is not ASCII: percent-encode it";
        }
    }
    return NULL;
}

static enum prepare_verdict prepare_url(struct prepare *prepare, struct query *query)
{
    const char *url = prepare->line.url != NULL ? prepare->line.url : prepare->options->endpoint;
    const char *more = prepare->query.size != 0 ? prepare->query.bytes : NULL;

    if (url == NULL) {
        return prepare_refuse(prepare, "the line has no url, and --endpoint is not given");
    }
    const char *fault = prepare_url_fault(url);
    if (fault != NULL) {
        return prepare_refuse(prepare, "%s", fault);
    }
    text_reset(&prepare->url);
    size_t server = query->server == SERVERS_NONE ? 0 : query->server;
    switch (endpoint_join(&prepare->url, prepare->server->base_urls[server], url, more)) {
    case ENDPOINT_GOOD:
        query->server = endpoint_is_absolute(url) ? SERVERS_NONE : server;
        prepare->request.url = prepare->url.bytes;
        return PREPARE_GOOD;
    case ENDPOINT_BAD_BASE:
    case ENDPOINT_BAD_URL:
        return prepare_refuse(prepare, "url neither begins with / nor is absolute");
    case ENDPOINT_NO_MEMORY:
        break;
    }
    return PREPARE_NO_MEMORY;
}

/* The proxy that the url is reached through, if any. */
static enum prepare_verdict prepare_proxy(struct prepare *prepare)
{
    const struct proxies_item *proxy = proxies_find(prepare->proxies, prepare->request.url);

    if (proxy != NULL && proxy->fault[0] != '\0') {
        return prepare_refuse(prepare, "%s %s", proxy->from, proxy->fault);
    }
    prepare->request.proxy_url = proxy == NULL ? NULL : proxy->url;
    return PREPARE_GOOD;
}

/*
 * The query's Idempotency-Key, the same for all its attempts; NULL: none is asked for, or there is
 * no randomness. A custom_id may be any text: what may not stand in a header, or is long, goes as
 * its hash.
 */
static const char *prepare_idempotency(struct prepare *prepare, struct query *query)
{
    const struct json_span id = prepare->line.id;
    unsigned char bytes[DIGEST_SIZE];

    switch ((enum options_idempotency)prepare->options->idempotency) {
    case OPTIONS_KEY_NONE:
        return NULL;
    case OPTIONS_KEY_RANDOM:
        if (query->random[0] == '\0') {
            if (getrandom(bytes, 16, 0) != 16) {
                return NULL;
            }
            prepare_hex(query->random, bytes, 16);
        }
        return query->random;
    case OPTIONS_KEY_CUSTOM_ID:
        break;
    }
    bool plain = id.size < IDEMPOTENCY_SIZE;
    for (size_t i = 0; plain && i < id.size; i++) {
        plain = id.bytes[i] > 0x20 && id.bytes[i] < 0x7f;
        prepare->idempotency[i] = id.bytes[i];
        prepare->idempotency[i + 1] = '\0';
    }
    if (!plain) {
        digest_begin(prepare->digest);
        digest_add(prepare->digest, id.bytes, id.size);
        digest_end(prepare->digest, bytes);
        prepare_hex(prepare->idempotency, bytes, sizeof(bytes));
    }
    return prepare->idempotency;
}

enum prepare_verdict prepare_request(struct prepare *prepare, struct query *query)
{
    const struct options *options = prepare->options;
    enum prepare_verdict verdict = prepare_line(prepare, query);
    uint32_t retries =
        query->retries < options->retries ? (uint32_t)options->retries - query->retries : 0;

    prepare->request = (struct quoit_request){
        .unix_path = options->unix_socket,
        .context = query,
        .retries = retries == 0 ? QUOIT_NONE : retries,
        .replay = QUOIT_REPLAY_YES,
        .judge = true,
    };
    verdict = verdict == PREPARE_GOOD ? prepare_body(prepare, query) : verdict;
    verdict = verdict == PREPARE_GOOD ? prepare_url(prepare, query) : verdict;
    verdict = verdict == PREPARE_GOOD ? prepare_proxy(prepare) : verdict;
    verdict = verdict == PREPARE_GOOD ? prepare_stream(prepare, query) : verdict;
    if (verdict != PREPARE_GOOD) {
        return verdict;
    }
    prepare->request.method = prepare->line.method;
    query->at_base = server_is_one(prepare->server, prepare->request.url);
    query->key_generation = prepare->keys->generation;
    headers_gather(prepare->headers, prepare->keys, &prepare->line, query->at_base, &prepare->set);
    const char *key = prepare_idempotency(prepare, query);
    if (key == NULL && options->idempotency != OPTIONS_KEY_NONE) {
        return prepare_refuse(prepare, "no randomness for its Idempotency-Key");
    }
    headers_add_idempotency(prepare->headers, key, &prepare->set);
    query->has_key = headers_set_has_secret(&prepare->set, prepare->headers);
    query->has_our_key = query->at_base && query->has_key &&
                         !headers_line_has_secret(prepare->headers, &prepare->line);
    prepare->request.headers = prepare->set.items;
    prepare->request.headers_count = prepare->set.count;
    return PREPARE_GOOD;
}
