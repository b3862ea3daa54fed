/* options: see options.h. */
#include "mock/options.h"

#include "mock/help.h"
#include "mock/text.h"

#include <llhttp.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_BODY_MAX (256u * 1024 * 1024)
#define OPTIONS_SPIN (20u * NS_PER_US) /* a sleep so short costs as much as it saves */
#define OPTIONS_SPIN_MAX NS_PER_S

typedef bool options_setter(struct options *options, const char *value);

static bool parse_port(const char *value, uint16_t *port_out)
{
    uint64_t port = 0;

    if (!text_to_number(value, UINT16_MAX, &port)) {
        return false;
    }
    *port_out = (uint16_t)port;
    return true;
}

static bool set_port(struct options *options, const char *value)
{
    return parse_port(value, &options->port);
}

static bool set_plain_port(struct options *options, const char *value)
{
    options->has_plain_port = true;
    return parse_port(value, &options->plain_port);
}

static bool set_host(struct options *options, const char *value)
{
    options->host = value;
    return true;
}

static bool set_port_file(struct options *options, const char *value)
{
    options->port_file = value;
    return true;
}

static bool set_plain_port_file(struct options *options, const char *value)
{
    options->plain_port_file = value;
    return true;
}

static bool set_unix_path(struct options *options, const char *value)
{
    options->unix_path = value;
    return true;
}

static bool set_tls_cert(struct options *options, const char *value)
{
    options->tls_cert = value;
    return true;
}

static bool set_tls_key(struct options *options, const char *value)
{
    options->tls_key = value;
    return true;
}

static bool set_tls_client_ca(struct options *options, const char *value)
{
    options->tls_client_ca = value;
    return true;
}

static bool set_tls_alpn(struct options *options, const char *value)
{
    options->tls_alpn = value;
    return strlen(value) < 256 && *value != '\0';
}

static bool parse_tls_version(const char *value, int *version_out)
{
    static const struct {
        const char *name;
        int version;
    } versions[] = { { "1.0", TLS1_VERSION },
                     { "1.1", TLS1_1_VERSION },
                     { "1.2", TLS1_2_VERSION },
                     { "1.3", TLS1_3_VERSION } };

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (strcmp(versions[i].name, value) == 0) {
            *version_out = versions[i].version;
            return true;
        }
    }
    return false;
}

static bool set_tls_min(struct options *options, const char *value)
{
    return parse_tls_version(value, &options->tls_min);
}

static bool set_tls_max(struct options *options, const char *value)
{
    return parse_tls_version(value, &options->tls_max);
}

static bool set_mode(struct options *options, const char *value)
{
    static const char *const names[] = {
        [MODE_SERVE] = "serve",
        [MODE_NO_ACCEPT] = "no-accept",
        [MODE_SILENT] = "silent",
        [MODE_DEAF] = "deaf",
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], value) == 0) {
            options->mode = (enum options_mode)i;
            return true;
        }
    }
    return false;
}

static bool set_seed(struct options *options, const char *value)
{
    return text_to_number(value, UINT64_MAX, &options->seed);
}

static bool set_requests_max(struct options *options, const char *value)
{
    return text_to_number(value, UINT64_MAX, &options->requests_per_connection_max);
}

static bool set_keep_alive_timeout(struct options *options, const char *value)
{
    return text_to_ns(value, &options->keep_alive_ns);
}

static bool set_keep_alive_max(struct options *options, const char *value)
{
    return text_to_number(value, UINT32_MAX, &options->keep_alive_max);
}

/* "N" or "N:BURST". */
static bool parse_rate(const char *value, uint64_t *rate_out, uint64_t *burst_out)
{
    char copy[64];

    if (strlen(value) >= sizeof(copy)) {
        return false;
    }
    snprintf(copy, sizeof(copy), "%s", value);
    char *burst = text_cut(copy, ':');
    return text_to_number(copy, UINT32_MAX, rate_out) &&
           (burst == NULL || text_to_number(burst, UINT32_MAX, burst_out));
}

static bool set_requests_rate(struct options *options, const char *value)
{
    return parse_rate(value, &options->requests_per_minute, &options->requests_burst);
}

static bool set_tokens_rate(struct options *options, const char *value)
{
    return parse_rate(value, &options->tokens_per_minute, &options->tokens_burst);
}

static bool set_slots(struct options *options, const char *value)
{
    return text_to_number(value, UINT32_MAX, &options->slots_max);
}

static bool set_stall_for(struct options *options, const char *value)
{
    return text_to_ns(value, &options->stall_ns);
}

static bool set_stall_after(struct options *options, const char *value)
{
    return text_to_ns(value, &options->stall_after_ns);
}

static bool set_spin(struct options *options, const char *value)
{
    return text_to_ns(value, &options->spin_ns) && options->spin_ns <= OPTIONS_SPIN_MAX;
}

static bool set_body_max(struct options *options, const char *value)
{
    return text_to_size(value, &options->body_max);
}

static bool set_ledger_file(struct options *options, const char *value)
{
    options->ledger_file = value;
    return true;
}

static bool set_log_file(struct options *options, const char *value)
{
    options->log_file = value;
    return true;
}

static bool set_no_bodies(struct options *options, const char *value)
{
    (void)value;
    options->keeps_bodies = false;
    return true;
}

static const struct {
    const char *name;
    options_setter *set;
    const char *value; /* NULL: it takes none */
    const char *help;
} server_options[] = {
    { "port", set_port, "P", "listen there; 0 (the default): any; printed as a line on stdout" },
    { "port-file", set_port_file, "F", "the port is written to F too, once it listens" },
    { "host", set_host, "ADDRESS", "a loopback address (127.0.0.1)" },
    { "unix-socket", set_unix_path, "PATH", "listen there instead of on a port" },
    { "plain-port", set_plain_port, "P", "listen there as well, without TLS and --mode" },
    { "plain-port-file", set_plain_port_file, "F", "its --port-file" },
    { "tls-cert", set_tls_cert, "F", "TLS, with the certificates of that PEM file" },
    { "tls-key", set_tls_key, "F", "and its key" },
    { "tls-client-ca", set_tls_client_ca, "F", "demand a client certificate that F signed" },
    { "tls-min", set_tls_min, "V", "1.0, 1.1, 1.2 or 1.3" },
    { "tls-max", set_tls_max, "V", "1.0, 1.1, 1.2 or 1.3" },
    { "tls-alpn", set_tls_alpn, "NAME", "choose that protocol, whatever was offered" },
    { "mode", set_mode, "MODE", "serve, or what is wrong with it, see Modes" },
    { "seed", set_seed, "N", "of all that is random (1)" },
    { "max-requests-per-connection", set_requests_max, "N", "then Connection: close" },
    { "keep-alive-timeout", set_keep_alive_timeout, "D", "hint, and close what is idle longer" },
    { "keep-alive-max", set_keep_alive_max, "N", "hint, and close after N, unsaid otherwise" },
    { "rpm", set_requests_rate, "N[:BURST]", "requests a minute: 429 and OpenAI's headers" },
    { "tpm", set_tokens_rate, "N[:BURST]", "tokens a minute: bytes/4 + 1 + those of the answer" },
    { "slots", set_slots, "N", "work on N requests at once; the others wait in order (no limit)" },
    { "stall-for", set_stall_for, "D", "do nothing at all for so long, once, see Stalls" },
    { "stall-after", set_stall_after, "D", "so long after the first request (0)" },
    { "spin", set_spin, "D", "do not sleep for the last D before something is due (20us)" },
    { "body-max", set_body_max, "SIZE", "larger requests get a 413 (256MiB)" },
    { "ledger-file", set_ledger_file, "F", "the ledger goes there at SIGTERM and SIGINT" },
    { "log", set_log_file, "F", "a line for each request, see Log" },
    { "no-bodies", set_no_bodies, NULL, "no counts per body and key in the ledger" },
};

#define SERVER_OPTIONS (sizeof(server_options) / sizeof(server_options[0]))

static void options_print_line(const char *name, const char *value, const char *help)
{
    char left[48];

    snprintf(left, sizeof(left), "--%s %s", name, value == NULL ? "" : value);
    printf("  %-32s %s\n", left, help);
}

static void options_print_help(void)
{
    printf("%s", help_head);
    for (size_t i = 0; i < SERVER_OPTIONS; i++) {
        options_print_line(server_options[i].name, server_options[i].value, server_options[i].help);
    }
    options_print_line("help", NULL, "this");
    options_print_line("version", NULL, "the versions of OpenSSL and llhttp");
    printf("%s", help_answers);
    behaviour_print_help();
    printf("%s", help_faults);
    fault_print_help();
    printf("%s", help_rest);
}

static void options_print_version(void)
{
    printf("quoit-mock, %s, llhttp %d.%d.%d\n", OpenSSL_version(OPENSSL_VERSION),
           LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
}

static void options_init(struct options *options)
{
    *options = (struct options){
        .host = "127.0.0.1",
        .seed = 1,
        .body_max = OPTIONS_BODY_MAX,
        .spin_ns = OPTIONS_SPIN,
        .keeps_bodies = true,
    };
    behaviour_init(&options->behaviour);
}

/* One option. Returns how many arguments it took, or 0 after a line on stderr. */
static int options_take(struct options *options, int count, char **arguments)
{
    char name[64];
    const char *equals = strchr(arguments[0], '=');
    size_t size = equals == NULL ? strlen(arguments[0]) : (size_t)(equals - arguments[0]);

    if (strncmp(arguments[0], "--", 2) != 0 || size - 2 >= sizeof(name)) {
        fprintf(stderr, "quoit-mock: what is %s? See --help\n", arguments[0]);
        return 0;
    }
    memcpy(name, arguments[0] + 2, size - 2);
    name[size - 2] = '\0';
    const char *value = equals != NULL ? equals + 1 : count > 1 ? arguments[1] : NULL;
    int taken = equals != NULL ? 1 : 2;

    for (size_t i = 0; i < SERVER_OPTIONS; i++) {
        if (strcmp(server_options[i].name, name) != 0) {
            continue;
        }
        if (server_options[i].value == NULL) {
            return server_options[i].set(options, NULL) ? 1 : 0;
        }
        if (value != NULL && server_options[i].set(options, value)) {
            return taken;
        }
    }
    if (value != NULL && behaviour_set(&options->behaviour, name, value)) {
        return taken;
    }
    fprintf(stderr, "quoit-mock: --%s %s was not understood. See --help\n", name,
            value == NULL ? "" : value);
    return 0;
}

enum options_verdict options_parse(struct options *options, int count, char **arguments)
{
    options_init(options);
    for (int i = 1; i < count;) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0) {
            options_print_help();
            return OPTIONS_DONE;
        }
        if (strcmp(arguments[i], "--version") == 0) {
            options_print_version();
            return OPTIONS_DONE;
        }
        int taken = options_take(options, count - i, arguments + i);
        if (taken == 0) {
            return OPTIONS_WRONG;
        }
        i += taken;
    }
    if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
        fprintf(stderr, "quoit-mock: --tls-cert and --tls-key go together\n");
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}
