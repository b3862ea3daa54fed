/*
 * options: what the command line says.
 */
#ifndef QUOIT_MOCK_OPTIONS_H
#define QUOIT_MOCK_OPTIONS_H

#include "mock/behaviour.h"

enum options_mode {
    MODE_SERVE,     /* a server */
    MODE_NO_ACCEPT, /* the backlog is full: connecting hangs */
    MODE_SILENT,    /* accepts, reads, says nothing, not even in TLS */
    MODE_DEAF,      /* accepts and never reads: writing hangs */
};

enum options_verdict {
    OPTIONS_RUN,
    OPTIONS_DONE,  /* --help or --version were answered */
    OPTIONS_WRONG, /* a line on stderr says what; exit 2 */
};

struct options {
    const char *host; /* a loopback address */
    uint16_t port;
    const char *port_file; /* or NULL; so are all other strings */
    const char *unix_path;
    bool has_plain_port; /* a second listener, without TLS and always serving */
    uint16_t plain_port;
    const char *plain_port_file;
    const char *tls_cert;
    const char *tls_key;
    const char *tls_client_ca;
    const char *tls_alpn; /* what is answered, whatever was offered */
    int tls_min;          /* OpenSSL's numbers; 0: any */
    int tls_max;
    enum options_mode mode;
    uint64_t seed;
    uint64_t requests_per_connection_max; /* 0: no limit */
    uint64_t keep_alive_ns;               /* 0: no limit */
    uint64_t keep_alive_max;              /* 0: no limit */
    uint64_t requests_per_minute;
    uint64_t requests_burst;
    uint64_t tokens_per_minute;
    uint64_t tokens_burst;
    uint64_t slots_max;      /* 0: no limit */
    uint64_t stall_ns;       /* of the whole mock; 0: none */
    uint64_t stall_after_ns; /* the first request in the ledger */
    uint64_t spin_ns;        /* before something is due, not slept */
    size_t body_max;
    const char *ledger_file;
    const char *log_file;
    bool keeps_bodies;
    struct behaviour behaviour;
};

enum options_verdict options_parse(struct options *options, int count, char **arguments);

#endif
