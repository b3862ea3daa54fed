/*
 * engine_post_test: a post holds all of a request by itself, and a queue gives posts in their
 * order.
 */
#include "engine/post.h"

#include "engine/replies.h"
#include "tests/unit/check.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static struct quoit_replies *make_replies(void)
{
    struct quoit_replies *replies = NULL;

    CHECK_EQ(quoit_replies_create(&replies), QUOIT_OK);
    return replies;
}

static void test_a_post_holds_every_field_and_byte_of_its_request(void)
{
    static const char body[] = { 'a', '\0', 'b' };
    char method[] = "PUT", url[] = "http://a/b?c", path[] = "/run/s", proxy[] = "http://p:1";
    char names[2][8] = { "Accept", "X-Empty" }, values[2][8] = { "text/*", "" };
    struct quoit_header headers[2] = { { names[0], values[0] }, { names[1], values[1] } };
    char *bytes = malloc(sizeof(body)); /* of the exact size */
    struct quoit_request request = {
        .method = method,
        .url = url,
        .unix_path = path,
        .proxy_url = proxy,
        .headers = headers,
        .headers_count = 2,
        .body = { memcpy(bytes, body, sizeof(body)), sizeof(body) },
        .context = method,
        .start_ns = 1,
        .timeouts.idle_ns = 2,
        .retries = 3,
        .stream = QUOIT_DISCARD,
        .judge = true,
        .stream_size_max = 4,
    };
    struct quoit_replies *replies = make_replies();
    struct post *post = post_create(&request, replies);

    memset(method, 'x', sizeof(method));
    memset(url, 'x', sizeof(url));
    memset(path, 'x', sizeof(path));
    memset(proxy, 'x', sizeof(proxy));
    memset(names, 'x', sizeof(names));
    memset(values, 'x', sizeof(values));
    memset(headers, 0, sizeof(headers));
    free(bytes);
    const struct quoit_request *copy = post->reply.request;
    CHECK_STR(copy->method, "PUT");
    CHECK_STR(copy->url, "http://a/b?c");
    CHECK_STR(copy->unix_path, "/run/s");
    CHECK_STR(copy->proxy_url, "http://p:1");
    CHECK_EQ(copy->headers_count, 2);
    CHECK_STR(copy->headers[0].name, "Accept");
    CHECK_STR(copy->headers[0].value, "text/*");
    CHECK_STR(copy->headers[1].name, "X-Empty");
    CHECK_STR(copy->headers[1].value, "");
    CHECK_MEM(copy->body.bytes, copy->body.size, body, sizeof(body));
    CHECK(copy->context == method && post->reply.context == method);
    CHECK(copy->start_ns == 1 && copy->timeouts.idle_ns == 2 && copy->retries == 3);
    CHECK(copy->stream == QUOIT_DISCARD && copy->judge && copy->stream_size_max == 4);
    post_free(post);
    quoit_replies_destroy(replies);
}

static void test_what_a_request_lacks_its_post_lacks_too(void)
{
    struct quoit_replies *replies = make_replies();
    struct post *post = post_create(&(struct quoit_request){ .url = "http://a/" }, replies);
    const struct quoit_request *copy = post->reply.request;

    CHECK(copy->method == NULL && copy->unix_path == NULL && copy->proxy_url == NULL);
    CHECK(copy->headers_count == 0 && copy->body.size == 0 && copy->tls == NULL);
    post_free(post);
    post_free(NULL);
    quoit_replies_destroy(replies);
}

static void test_a_queue_gives_replies_in_the_order_in_which_they_came(void)
{
    struct quoit_replies *replies = make_replies();
    struct quoit_request request = { .url = "http://a/" };

    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t id = 1; id <= 5; id++) {
            struct post *post = post_create(&request, replies);
            post->reply.id = id;
            replies_put(post);
        }
        for (uint64_t id = 1; id <= 5; id++) {
            struct quoit_reply *reply = quoit_replies_next(replies, QUOIT_NEVER);
            CHECK_EQ(reply->id, id);
            quoit_reply_free(reply);
        }
        CHECK(quoit_replies_next(replies, 0) == NULL);
    }
    quoit_replies_destroy(replies);
}

/* Leaks and uses after free are for the sanitizer to see. */
static void test_a_queue_that_is_gone_drops_what_comes(void)
{
    struct quoit_replies *replies = make_replies();
    struct quoit_request request = { .url = "http://a/" };
    struct post *early = post_create(&request, replies);
    struct post *late = post_create(&request, replies);
    struct post *never = post_create(&request, replies);

    replies_put(early);
    CHECK(quoit_replies_fd(replies) >= 0);
    quoit_replies_destroy(replies);
    replies_put(late);
    post_free(never);
}

/* -------- several threads at one queue -------- */

struct taker {
    pthread_t thread;
    struct quoit_replies *replies;
    pthread_barrier_t *begins;
    bool got;
};

static void *taker_run(void *context)
{
    struct taker *taker = context;

    pthread_barrier_wait(taker->begins);
    struct quoit_reply *reply = quoit_replies_next(taker->replies, UINT64_C(10000000000));
    taker->got = reply != NULL;
    quoit_reply_free(reply);
    return NULL;
}

/* Each takes one and leaves: nobody else would wake one that was forgotten. */
static void test_each_reply_of_a_burst_wakes_a_thread_that_waits(void)
{
    enum { TAKERS = 4, ROUNDS = 200 };
    struct quoit_replies *replies = make_replies();
    struct quoit_request request = { .url = "http://a/" };
    struct taker takers[TAKERS];
    pthread_barrier_t begins;
    bool all = true;

    pthread_barrier_init(&begins, NULL, TAKERS + 1);
    for (unsigned round = 0; round < ROUNDS && all; round++) {
        struct post *posts[TAKERS];
        for (unsigned i = 0; i < TAKERS; i++) {
            posts[i] = post_create(&request, replies);
            takers[i] = (struct taker){ .replies = replies, .begins = &begins };
            CHECK_EQ(pthread_create(&takers[i].thread, NULL, taker_run, &takers[i]), 0);
        }
        pthread_barrier_wait(&begins);
        for (unsigned i = 0; i < round * 10; i++) {
            sched_yield(); /* they get asleep, or not quite */
        }
        for (unsigned i = 0; i < TAKERS; i++) {
            replies_put(posts[i]);
        }
        for (unsigned i = 0; i < TAKERS; i++) {
            pthread_join(takers[i].thread, NULL);
            all = all && takers[i].got;
        }
    }
    CHECK(all);
    pthread_barrier_destroy(&begins);
    quoit_replies_destroy(replies);
}

int main(void)
{
    RUN(test_a_post_holds_every_field_and_byte_of_its_request);
    RUN(test_what_a_request_lacks_its_post_lacks_too);
    RUN(test_a_queue_gives_replies_in_the_order_in_which_they_came);
    RUN(test_a_queue_that_is_gone_drops_what_comes);
    RUN(test_each_reply_of_a_burst_wakes_a_thread_that_waits);
    return check_done();
}
