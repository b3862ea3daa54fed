/*
 * post: see post.h.
 */
#include "engine/post.h"

#include "engine/replies.h"
#include "tls/context.h"

#include <stdlib.h>
#include <string.h>

static size_t string_size(const char *string)
{
    return string == NULL ? 0 : strlen(string) + 1;
}

/* How many bytes all that the request points to takes. */
static size_t request_size(const struct quoit_request *request)
{
    size_t size = request->headers_count * sizeof(*request->headers);

    size += string_size(request->method) + string_size(request->url);
    size += string_size(request->unix_path) + string_size(request->proxy_url);
    for (uint32_t i = 0; i < request->headers_count; i++) {
        size += string_size(request->headers[i].name) + string_size(request->headers[i].value);
    }
    return size + request->body.size;
}

static const char *write_bytes(char **at, const char *bytes, size_t size)
{
    char *copy = *at;

    if (size > 0) {
        memcpy(copy, bytes, size);
        *at += size;
    }
    return copy;
}

static const char *write_string(char **at, const char *string)
{
    return string == NULL ? NULL : write_bytes(at, string, string_size(string));
}

/* Copy the request, and behind the post what it points to: the array of headers, then bytes. */
static void post_write(struct post *post, const struct quoit_request *request)
{
    struct quoit_request *copy = &post->request;
    struct quoit_header *headers = (struct quoit_header *)(void *)(post + 1);
    char *at = (char *)(headers + request->headers_count);

    for (uint32_t i = 0; i < request->headers_count; i++) {
        headers[i].name = write_string(&at, request->headers[i].name);
        headers[i].value = write_string(&at, request->headers[i].value);
    }
    *copy = *request;
    copy->headers = headers;
    copy->method = write_string(&at, request->method);
    copy->url = write_string(&at, request->url);
    copy->unix_path = write_string(&at, request->unix_path);
    copy->proxy_url = write_string(&at, request->proxy_url);
    copy->body.bytes = write_bytes(&at, request->body.bytes, request->body.size);
}

struct post *post_create(const struct quoit_request *request, struct quoit_replies *replies)
{
    struct post *post = malloc(sizeof(*post) + request_size(request));

    if (post == NULL) {
        return NULL;
    }
    *post = (struct post){
        .reply = { .context = request->context,
                   .request = &post->request,
                   .result = &post->answer.result },
        .replies = replies_hold(replies),
        .timer.kind = TIMER_POST,
        .posted_ns = quoit_now_ns(),
    };
    post_write(post, request);
    if (request->tls != NULL) {
        tls_context_hold(request->tls);
    }
    list_init(&post->link);
    list_init(&post->cancel_link);
    return post;
}

void post_free(struct post *post)
{
    if (post == NULL) {
        return;
    }
    if (post->replies != NULL) {
        replies_drop(post->replies);
    }
    tls_context_drop(post->request.tls);
    slot_answer_free(&post->answer);
    free(post);
}
