/*
 * batch: opening everything in order, and closing it in the reverse order.
 */
#include "cli/batch.h"

#include "cli/dry_run.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "cli/reach.h"
#include "cli/run.h"
#include "cli/shard.h"
#include "cli/version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* All that one run of the command owns. */
struct batch {
    struct options options;
    struct server server;
    struct proxies proxies;
    struct headers headers;
    struct keys keys;
    struct input input;
    struct shard shard;
    struct reread reread; /* of a regular input */
    struct ids *ids;
    struct quoit_tls *tls;
    struct quoit_engine *engine;
    uint64_t connections; /* as many as descriptors allow */
    struct outputs outputs;
    struct progress progress;
    struct prepare prepare;
    struct summary summary;
    struct rates rates;
    struct run run;
};

/* --- Before the start --- */

static int batch_open_tls(struct batch *batch)
{
    const struct options *options = &batch->options;
    const struct reach_tls files = { options->cacert, options->cert, options->key,
                                     options->insecure };

    return reach_open_tls(&files, &batch->tls);
}

static int batch_open_engine(struct batch *batch)
{
    const struct options *options = &batch->options;
    uint32_t concurrency = (uint32_t)options->concurrency;
    struct quoit_options engine = {
        /* Slots of requests that have just ended come free one turn later. */
        .requests_max = (uint32_t)run_requests_max(concurrency) + concurrency + 64,
        .in_flight_max = concurrency,
        .in_flight_per_origin_max = concurrency,
        .body_size_max = options->body_max,
        /* The last event of a Response holds all of it. */
        .sse_line_max = options->stream ? options->body_max : 0,
        .sse_event_max = options->stream ? options->body_max : 0,
        .io = (enum quoit_io)options->io,
        .spin_max_ns = options->spin_ns == OPTIONS_UNSET ? 0 : reach_spin_ns(options->spin_ns),
        /* With several servers a query does not wait for one that is down, but goes to another. */
        .outage_wait_ns = options->base_urls_count > 1 ? 1 : options->wait_for_server_ns,
        .timeouts = {
            .connect_ns = options->connect_ns,
            .tls_ns = options->tls_ns,
            .write_ns = options->write_ns,
            .first_byte_ns = options->first_byte_ns,
            .idle_ns = options->idle_ns,
            .attempt_ns = options->timeout_ns,
            .deadline_ns = options->deadline_ns,
        },
        .tls = batch->tls,
    };
    batch->connections = reach_raise_descriptors(options->concurrency);
    enum quoit_error error = quoit_create(&engine, &batch->engine);

    return error == QUOIT_OK ? 0 : reach_refuse_engine(error);
}

/* The library judges a base url; better now than once for each line. */
static int batch_check_base(struct batch *batch, const char *base_url)
{
    const struct proxies_item *proxy = proxies_find(&batch->proxies, base_url);
    const struct quoit_request request = {
        .url = base_url,
        .unix_path = batch->options.unix_socket,
        .proxy_url = proxy == NULL ? NULL : proxy->url,
    };
    struct quoit_event event;
    uint64_t id = 0;
    enum quoit_error error = quoit_submit(batch->engine, &request, &id);

    if (error == QUOIT_E_ARGUMENT && proxy != NULL) {
        fprintf(stderr,
                "quoit batch: %s is not the url of a proxy: http://USER:PASSWORD@HOST:PORT, with "
                "what is not a letter or digit percent-encoded\n",
                proxy->from);
        return EXIT_USAGE;
    }
    if (error == QUOIT_E_URL || error == QUOIT_E_ARGUMENT) {
        const char *from = batch->server.variable != NULL ? batch->server.variable : "--base-url";
        fprintf(stderr, "quoit batch: %s: %s\n", error == QUOIT_E_URL ? from : "--unix-socket",
                error == QUOIT_E_URL ? quoit_error_message(error) : "the path is too long");
        return EXIT_USAGE;
    }
    if (error != QUOIT_OK) {
        fprintf(stderr, "quoit: cannot start: %s\n", quoit_error_message(error));
        return EXIT_START;
    }
    (void)quoit_cancel(batch->engine, id); /* before any turn, so nothing is sent */
    while (quoit_next(batch->engine, &event, 1) == 0) {
        (void)quoit_turn(batch->engine, 0);
    }
    return 0;
}

/* --- What is said first --- */

/* A server and its proxy, and the variable that named that. */
static void batch_append_server(const struct batch *batch, const char *base_url, struct text *url,
                                struct text *variables)
{
    const struct proxies_item *proxy = proxies_find(&batch->proxies, base_url);

    server_append_url(url, base_url);
    if (proxy != NULL) {
        text_append_string(url, " through ");
        server_append_url(url, proxy->url);
        if (strstr(variables->size == 0 ? "" : variables->bytes, proxy->from) == NULL) {
            reach_append_variable(variables, proxy->from);
        }
    }
}

/* The servers, the way to them, and which variables had a say. */
static void batch_say_server(struct batch *batch)
{
    const struct options *options = &batch->options;
    bool secure = false;
    struct text url, variables;

    text_init(&url, 0);
    text_init(&variables, 0);
    for (size_t i = 0; i < batch->server.count; i++) {
        text_append_string(&url, i == 0 ? "" : ", ");
        batch_append_server(batch, batch->server.base_urls[i], &url, &variables);
        secure = secure || strncasecmp(batch->server.base_urls[i], "https:", 6) == 0;
    }
    if (options->unix_socket != NULL) {
        text_append_string(&url, " over ");
        text_append_string(&url, options->unix_socket);
    }
    reach_append_variable(&variables, batch->server.variable);
    reach_append_variable(&variables, batch->keys.variable);
    reach_append_variable(&variables, "OPENAI_ORG_ID");
    reach_append_variable(&variables, "OPENAI_PROJECT_ID");
    if (secure && options->cacert == NULL && !options->insecure) {
        reach_append_variable(&variables, "SSL_CERT_FILE");
        reach_append_variable(&variables, "SSL_CERT_DIR");
    }
    text_append_string(&variables, variables.size == 0 ? "" : ")");
    if (!url.failed && !variables.failed) {
        progress_say(&batch->progress, "server%s %s%s", batch->server.count > 1 ? "s" : "",
                     url.bytes, variables.bytes);
    }
    if (batch->proxies.literal_secret) {
        progress_say(&batch->progress, "-x: other users of this machine may have seen the "
                                       "password: say it in https_proxy or http_proxy");
    }
    if (batch->headers.literal_secret != NULL) {
        progress_say(&batch->progress,
                     "-H %s: other users of this machine may have seen it: say -H @FILE",
                     batch->headers.literal_secret);
    }
    text_free(&url);
    text_free(&variables);
}

/* io_uring was asked for as a matter of course, and refused. */
static void batch_say_io(struct batch *batch)
{
    struct quoit_stats stats;
    struct text line;

    quoit_stats_read(batch->engine, &stats);
    text_init(&line, 0);
    reach_append_io(&line, &stats);
    if (line.size != 0) {
        progress_say(&batch->progress, "%s", line.bytes);
    }
    text_free(&line);
}

/* Which lines these are: their numbers are those in the shard. */
static void batch_say_shard(struct batch *batch)
{
    const struct shard *shard = &batch->shard;

    if (shard->count != 0) {
        progress_say(&batch->progress, "shard %ju of %ju%s%s: the lines from byte %ju to %ju of %s",
                     (uintmax_t)shard->index, (uintmax_t)shard->count,
                     shard->variable != NULL ? ", by " : "",
                     shard->variable != NULL ? shard->variable : "", (uintmax_t)shard->begin,
                     (uintmax_t)shard->end, batch->input.name);
    }
}

/* Fewer descriptors than requests that shall be in flight. */
static void batch_say_descriptors(struct batch *batch)
{
    if (batch->connections < batch->options.concurrency) {
        progress_say(&batch->progress,
                     "files that may be open: enough for %ju in flight, fewer than -c %ju: raise "
                     "ulimit -n",
                     (uintmax_t)batch->connections, (uintmax_t)batch->options.concurrency);
    }
}

/* --- The steps --- */

static int batch_open_proxies(struct batch *batch)
{
    static char none[] = "";
    const struct options *options = &batch->options;

    if (!proxies_open(&batch->proxies, options->unix_socket != NULL ? none : options->proxy)) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    for (size_t i = 0; i < batch->server.count; i++) {
        const struct proxies_item *proxy =
            proxies_find(&batch->proxies, batch->server.base_urls[i]);
        if (proxy != NULL && proxy->fault[0] != '\0') {
            fprintf(stderr, "quoit batch: %s %s; -x '' for no proxy\n", proxy->from, proxy->fault);
            return EXIT_USAGE;
        }
    }
    return 0;
}

/* Which part of the input is ours, if several processes share it. */
static int batch_open_shard(struct batch *batch)
{
    const char *text = batch->options.shard;
    const char *fault = text == NULL ? NULL : shard_parse(&batch->shard, text);
    struct input *input = &batch->input;

    if (text == NULL) {
        return 0;
    }
    if (fault != NULL) {
        fprintf(stderr, "quoit batch: --shard %s: %s\n", text, fault);
        return EXIT_USAGE;
    }
    shard_cut(&batch->shard, input->size);
    if (!input_set_range(input, batch->shard.begin, batch->shard.end)) {
        fprintf(stderr, "quoit batch: --shard: %s %s\n", input->name,
                input->os_error == ESPIPE ? "is not a regular file, of which there are parts"
                                          : strerror(input->os_error));
        return EXIT_USAGE;
    }
    return 0;
}

/* The set in which custom_ids are looked up. False: no memory for it. */
static bool batch_open_ids(struct batch *batch)
{
    const struct options *options = &batch->options;

    if (batch->input.regular) {
        reread_init(&batch->reread, batch->input.fd);
    }
    batch->ids = ids_create(batch->input.regular ? &batch->reread : NULL);
    if (batch->ids != NULL && options->no_id_check) {
        ids_forget_lines(batch->ids);
    }
    batch->outputs.journal.ids = batch->prepare.ids = batch->ids;
    return batch->ids != NULL;
}

/* All that needs no engine. */
static int batch_open(struct batch *batch)
{
    const struct options *options = &batch->options;
    const struct keys_source source = {
        .variable = options->api_key_env,
        .file = options->api_key_file,
        .header = options->api_key_header,
    };

    if (!server_choose(&batch->server, options->base_urls, options->base_urls_count)) {
        return EXIT_USAGE;
    }
    int exit_code = headers_open(&batch->headers, (char **)options->headers, options->headers_count,
                                 options->api_key_header);
    exit_code = exit_code != 0 ? exit_code : batch_open_proxies(batch);
    if (exit_code != 0) {
        return exit_code;
    }
    exit_code = reach_open_keys(&batch->keys, &source, "quoit batch");
    if (exit_code != 0) {
        return exit_code;
    }
    if (!input_open(&batch->input, options->input)) {
        fprintf(stderr, "quoit: %s cannot be read: %s\n", batch->input.name,
                strerror(batch->input.os_error));
        return EXIT_START;
    }
    exit_code = batch_open_shard(batch);
    if (exit_code != 0) {
        return exit_code;
    }
    if (!batch_open_ids(batch) || !prepare_init(&batch->prepare, options, &batch->server,
                                                &batch->headers, &batch->keys, &batch->proxies)) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    return 0;
}

static int batch_start(struct batch *batch)
{
    int exit_code = batch_open_tls(batch);

    exit_code = exit_code != 0 ? exit_code : batch_open_engine(batch);
    for (size_t i = 0; exit_code == 0 && i < batch->server.count; i++) {
        exit_code = batch_check_base(batch, batch->server.base_urls[i]);
    }
    return exit_code;
}

static bool batch_write_summary(struct batch *batch)
{
    struct output_file *file = &batch->outputs.summary;
    int os_error = 0;

    if (file->fd < 0) {
        return true;
    }
    if (output_file_empty(file, &os_error)) {
        errno = 0;
        if (summary_write_json(&batch->summary, file->fd) &&
            (file->fd == STDOUT_FILENO || close(file->fd) == 0)) {
            return true;
        }
        os_error = errno;
    }
    progress_warn(&batch->progress, "%s cannot be written: %s", file->name, strerror(os_error));
    return false;
}

/* What is to be said at the end, and the exit code. */
static int batch_finish(struct batch *batch)
{
    struct output *output = &batch->outputs.output;
    struct summary *summary = &batch->summary;
    int number = interrupt_signal();
    uint64_t lines = output->good + output->failed_lines;
    bool complete = batch->run.stop == RUN_GOING;
    bool written = outputs_finish(&batch->outputs, &batch->options, complete, &batch->progress);

    summary->good = output->good;
    summary->failed = output->failed_lines;
    summary->left += lines - summary->good - summary->failed; /* on no disk, perhaps */
    bool broken = !written && !(output->os_error == EINTR && number != 0);
    if (broken) {
        progress_warn(&batch->progress, "%s cannot be written: %s", output->failed_name,
                      strerror(output->os_error));
        snprintf(summary->stopped, sizeof(summary->stopped), "the output cannot be written: %s",
                 strerror(output->os_error));
    } else if (summary->stopped[0] != '\0') {
        progress_warn(&batch->progress, "stopped: %s", summary->stopped);
    }
    if (batch->prepare.changed != 0) {
        progress_say(&batch->progress, "%ju %s since; %s", (uintmax_t)batch->prepare.changed,
                     batch->prepare.changed == 1 ? "line has changed" : "lines have changed",
                     complete && !broken ? "sent again"
                                         : "the old answers stay until --resume has ended");
    }
    if (output->lost != 0) {
        summary->maybe_billed += output->lost;
        progress_warn(&batch->progress,
                      "%ju answers that stand behind one that is missing were not written, since "
                      "--order input keeps the order: --resume asks again",
                      (uintmax_t)output->lost);
    }
    if (!batch->options.quiet) {
        summary_print(summary, stderr);
    }
    bool summary_written = batch_write_summary(batch);
    if (broken || !summary_written) {
        return EXIT_OUTPUT;
    }
    if (summary->interrupted) {
        return EXIT_SIGNAL + (number == SIGINT ? SIGINT : SIGTERM);
    }
    if (batch->run.input_error != 0 || batch->run.stop == RUN_UNFIT) {
        return EXIT_START;
    }
    return summary->failed != 0 || summary->resumed_failed != 0 || batch->run.stop != RUN_GOING
               ? EXIT_FAILED
               : EXIT_GOOD;
}

static bool batch_begin_output(struct batch *batch)
{
    enum output_promise promise = (enum output_promise)batch->options.fsync;
    int os_error = 0;

    if (output_begin(&batch->outputs.output, promise, batch->engine, &os_error)) {
        return true;
    }
    fprintf(stderr, "quoit: cannot start a thread for --fsync group: %s\n", strerror(os_error));
    return false;
}

static int batch_run(struct batch *batch)
{
    bool set = batch->options.grace_ns != OPTIONS_UNSET;
    int exit_code = outputs_open(&batch->outputs, &batch->options, &batch->input);

    if (exit_code != 0) {
        return exit_code;
    }
    interrupt_catch(set ? batch->options.grace_ns : RUN_GRACE_NS,
                    set ? batch->options.grace_ns : RUN_TERM_GRACE_NS);
    interrupt_set_engine(batch->engine);
    batch_say_server(batch);
    batch_say_shard(batch);
    batch_say_io(batch);
    batch_say_descriptors(batch);
    rates_open(&batch->rates, batch->engine, batch->options.rpm, batch->options.tpm);
    if (batch->options.resume) {
        outputs_say(&batch->outputs, &batch->progress);
    }
    if (!batch_begin_output(batch)) {
        return EXIT_START;
    }
    batch->run = (struct run){
        .engine = batch->engine,
        .options = &batch->options,
        .server = &batch->server,
        .keys = &batch->keys,
        .input = &batch->input,
        .output = &batch->outputs.output,
        .progress = &batch->progress,
        .summary = &batch->summary,
        .prepare = &batch->prepare,
        .rates = &batch->rates,
        .reread = batch->input.regular ? &batch->reread : NULL,
        .ordered_until = batch->outputs.journal.ordered ? batch->outputs.journal.last_line : 0,
        .requests_max = run_requests_max(batch->options.concurrency),
    };
    batch->summary.started_at = (int64_t)time(NULL);
    batch->summary.begin_ns = quoit_now_ns();
    run_go(&batch->run);
    batch->summary.end_ns = quoit_now_ns();
    return batch_finish(batch);
}

static void batch_close(struct batch *batch)
{
    interrupt_set_engine(NULL);
    rates_close(&batch->rates);
    quoit_destroy(batch->engine);
    quoit_tls_destroy(batch->tls);
    outputs_free(&batch->outputs);
    prepare_free(&batch->prepare);
    ids_destroy(batch->ids);
    reread_free(&batch->reread);
    input_close(&batch->input);
    keys_close(&batch->keys);
    headers_close(&batch->headers);
    proxies_close(&batch->proxies);
    free(batch);
}

int batch_main(int count, char **words)
{
    struct batch *batch = calloc(1, sizeof(*batch)); /* its histograms are too large for a stack */
    int exit_code = EXIT_GOOD;

    if (batch == NULL) {
        fputs("quoit: out of memory\n", stderr);
        return EXIT_START;
    }
    outputs_init(&batch->outputs);
    batch->input.fd = -1;
    if (!options_parse(&batch->options, count, words)) {
        exit_code = EXIT_USAGE;
    } else if (batch->options.help) {
        options_print_help(stdout);
    } else if (batch->options.version) {
        version_print();
    } else {
        progress_init(&batch->progress, (enum options_progress)batch->options.progress,
                      batch->options.quiet);
        exit_code = batch_open(batch);
        exit_code = exit_code != 0 ? exit_code : batch_start(batch);
        if (exit_code == 0 && batch->options.dry_run) {
            exit_code = dry_run_print(&batch->prepare, &batch->input) ? 0 : EXIT_FAILED;
        } else if (exit_code == 0) {
            exit_code = batch_run(batch);
        }
    }
    batch_close(batch);
    return exit_code;
}
