/*
 * curl_multi: libcurl's multi interface as its manual shows it: a handle for each request under
 * way, used again and again, and curl_multi_poll.
 *
 *     curl_multi_perform -> curl_multi_info_read -> the same handle again -> curl_multi_poll
 *
 * libcurl keeps the connections (as many as there are handles) and verifies TLS against --cacert.
 * A latency runs from the handle's return to the multi until curl_multi_info_read gives it back.
 * --stream counts the tokens of the events on their way. Exit 1 if a request failed, also in the
 * warm-up.
 *
 * Built where pkg-config finds libcurl.
 */
#include "perf/tokens.h"

#include <curl/curl.h>

#define CLIENT_BUFFER_SIZE (128L * 1024)

struct transfer {
    CURL *easy;
    struct client *client;
    struct tokens tokens;
    uint64_t sent_at_ns;
};

struct client {
    const struct options *options;
    CURLM *multi;
    struct curl_slist *headers;
    char *body;
    size_t body_size;
    struct transfer *transfers;
    uint64_t to_start, under_way, done; /* requests of the present run */
    struct measure measure;
};

static _Noreturn void client_die(const char *what)
{
    fprintf(stderr, "curl_multi: %s\n", what);
    exit(1);
}

/* libcurl's answers to what cannot go wrong with sane arguments. */
static void client_must(CURLMcode code)
{
    if (code != CURLM_OK) {
        client_die(curl_multi_strerror(code));
    }
}

static size_t transfer_on_body(char *bytes, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;

    (void)one; /* always 1 */
    if (transfer->client->options->stream) {
        tokens_feed(&transfer->tokens, &transfer->client->measure, bytes, size);
    }
    return size;
}

static void transfer_open(struct transfer *transfer, struct client *client)
{
    const struct options *options = client->options;
    CURL *easy = curl_easy_init();

    if (easy == NULL) {
        client_die("no handle");
    }
    transfer->client = client;
    transfer->easy = easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_URL, options->url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, CLIENT_BUFFER_SIZE);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    if (options->unix_path != NULL) {
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_path);
    }
    if (options->ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    }
    if (client->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, client->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)client->body_size);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers);
    }
}

static void transfer_start(struct transfer *transfer)
{
    struct client *client = transfer->client;

    client->to_start--;
    client->under_way++;
    transfer->sent_at_ns = measure_now_ns();
    tokens_reset(&transfer->tokens, transfer->sent_at_ns);
    client_must(curl_multi_add_handle(client->multi, transfer->easy));
}

static void transfer_end(struct transfer *transfer, CURLcode result)
{
    struct client *client = transfer->client;
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    bool good = result == CURLE_OK && status / 100 == 2 &&
                (!client->options->stream || transfer->tokens.ended);
    if (!good && client->measure.failed++ == 0) {
        fprintf(stderr, "curl_multi: a request failed: status %ld, %s\n", status,
                curl_easy_strerror(result));
    }
    measure_latency(&client->measure, measure_now_ns() - transfer->sent_at_ns);
    client->under_way--;
    client->done++;
    client_must(curl_multi_remove_handle(client->multi, transfer->easy));
    if (client->to_start != 0) {
        transfer_start(transfer);
    }
}

static void client_open(struct client *client)
{
    const struct options *options = client->options;

    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        client_die("libcurl cannot start");
    }
    client->multi = curl_multi_init();
    client->transfers = calloc(options->in_flight, sizeof(*client->transfers));
    if (client->multi == NULL || client->transfers == NULL) {
        client_die("out of memory");
    }
    client_must(curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->in_flight));
    if (options->post != NULL) {
        client->body = options_file("curl_multi", options->post, &client->body_size);
        client->headers = curl_slist_append(NULL, "Content-Type: application/json");
        client->headers = curl_slist_append(client->headers, "Expect:");
    }
    for (uint64_t i = 0; i < options->in_flight; i++) {
        transfer_open(&client->transfers[i], client);
    }
}

static void client_close(struct client *client)
{
    for (uint64_t i = 0; i < client->options->in_flight; i++) {
        curl_easy_cleanup(client->transfers[i].easy);
    }
    curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    curl_global_cleanup();
    free(client->transfers);
    free(client->body);
}

static void client_run(struct client *client, uint64_t requests)
{
    client->to_start = requests;
    client->done = 0;
    for (uint64_t i = 0; i < client->options->in_flight && client->to_start != 0; i++) {
        transfer_start(&client->transfers[i]);
    }
    while (client->under_way != 0) {
        int count;
        client_must(curl_multi_perform(client->multi, &count));
        for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &count)) != NULL;) {
            struct transfer *transfer;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
            transfer_end(transfer, message->data.result);
        }
        if (client->under_way != 0) {
            client_must(curl_multi_poll(client->multi, NULL, 0, 1000, NULL));
        }
    }
}

int main(int count, char **words)
{
    struct options options = options_read("curl_multi", count, words);
    static struct client client;
    struct measure_counts totals = { 0 };

    if (options.body_size != 0) {
        options_refuse("curl_multi", "no --body-size here", "");
    }
    client.options = &options;
    client_open(&client);
    client_run(&client, options.warmup);
    uint64_t failed = client.measure.failed;

    measure_start(&client.measure, &totals);
    client_run(&client, options.requests);
    measure_end(&client.measure, &totals);
    client.measure.requests = client.done;
    measure_print(&client.measure, &options);
    failed += client.measure.failed;
    client_close(&client);
    return failed != 0;
}
