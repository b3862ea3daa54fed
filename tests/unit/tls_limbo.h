/*
 * tls_limbo: the certificate chains of x509-limbo, with what OpenSSL 3.0.22 says of each.
 *
 * They lie in $QUOIT_SHARED/corpora/x509-limbo (../shared): limbo_cases.json, and
 * limbo_openssl3022.tsv with a column for each set of flags. limbo_open reads both, or says what is
 * not there.
 *
 * Which columns are ours (tls/context.c, tls/session.c):
 *
 *   An identity with x509_strict sets X509_V_FLAG_X509_STRICT, NEVER_CHECK_SUBJECT and
 *   NO_PARTIAL_WILDCARDS, and no PARTIAL_CHAIN: `strict_hostflags_no_partial_chain`, to the letter.
 *   The usual identity is without X509_STRICT. No column has just that. It is `defaults`, less the
 *   three that the flags of names refuse: limbo_is_refused_by_name.
 */
#ifndef QUOIT_TESTS_TLS_LIMBO_H
#define QUOIT_TESTS_TLS_LIMBO_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMBO_NOW ((time_t)-1) /* a case that may be judged at any time */

struct limbo {
    cJSON *cases;
    char *verdicts;
    int defaults, strict; /* columns, from 0 */
};

/* One of them. Strings are borrowed from struct limbo. */
struct limbo_case {
    const char *id, *key, *peer; /* key: NULL, it is not known */
    const cJSON *trusted, *between, *revoked;
    const char *name; /* whom the certificate must be for; NULL: nobody in particular */
    bool is_address;
    int depth_max;  /* of the chain; -1: any */
    time_t time_s;  /* the instant to judge at, or LIMBO_NOW */
    bool is_server; /* else it is about clients */
};

static inline char *limbo_read(const char *name)
{
    char path[4096];
    const char *shared = getenv("QUOIT_SHARED");

    snprintf(path, sizeof(path), "%s/corpora/x509-limbo/%s", shared == NULL ? "../shared" : shared,
             name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    size_t room = (size_t)8 << 20;
    char *text = malloc(room);
    text[fread(text, 1, room - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Where in a line of tabs a column stands; -1: nowhere. */
static inline int limbo_column(const char *line, const char *name)
{
    size_t size = strlen(name);

    for (int column = 0;; column++) {
        if (strncmp(line, name, size) == 0 && strchr("\t\n", line[size]) != NULL) {
            return column;
        }
        line += strcspn(line, "\t\n");
        if (*line++ != '\t') {
            return -1;
        }
    }
}

static inline void limbo_close(struct limbo *limbo)
{
    cJSON_Delete(limbo->cases);
    free(limbo->verdicts);
}

/* NULL, or why it cannot be used. */
static inline const char *limbo_open(struct limbo *limbo)
{
    char *text = limbo_read("limbo_cases.json");

    *limbo = (struct limbo){ .cases = text == NULL ? NULL : cJSON_Parse(text),
                             .verdicts = limbo_read("limbo_openssl3022.tsv") };
    free(text);
    if (!cJSON_IsArray(limbo->cases) || limbo->verdicts == NULL) {
        limbo_close(limbo);
        return "no x509-limbo: limbo_cases.json and limbo_openssl3022.tsv of $QUOIT_SHARED/corpora";
    }
    limbo->defaults = limbo_column(limbo->verdicts, "defaults");
    limbo->strict = limbo_column(limbo->verdicts, "strict_hostflags_no_partial_chain");
    if (limbo->defaults < 0 || limbo->strict < 0) {
        limbo_close(limbo);
        return "no column of our flags in limbo_openssl3022.tsv";
    }
    return NULL;
}

/* Refused by NEVER_CHECK_SUBJECT and NO_PARTIAL_WILDCARDS, which `defaults` is without. */
static inline bool limbo_is_refused_by_name(const char *id)
{
    return strcmp(id, "webpki::san::wildcard-embedded-leftmost-san") == 0 ||
           strcmp(id, "webpki::san::no-san") == 0 || strcmp(id, "webpki::v1-cert") == 0;
}

/* 1: accepted, 0: refused, -1: there is no verdict. */
static inline int limbo_verdict(const struct limbo *limbo, const char *id, bool strict)
{
    size_t size = strlen(id);
    const char *line = limbo->verdicts;

    while ((line = strchr(line, '\n')) != NULL) {
        line++;
        if (strncmp(line, id, size) != 0 || line[size] != '\t') {
            continue;
        }
        for (int column = strict ? limbo->strict : limbo->defaults; column > 0; column--) {
            line += strcspn(line, "\t\n") + 1;
        }
        return strncmp(line, "ACCEPT", 6) == 0 && (strict || !limbo_is_refused_by_name(id));
    }
    return -1;
}

static inline const char *limbo_text(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

/* "2024-03-01T00:00:00+00:00", perhaps with a fraction. */
static inline time_t limbo_time(const char *text)
{
    struct tm tm = { 0 };

    return text == NULL || strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) == NULL ? LIMBO_NOW
                                                                            : timegm(&tm);
}

static inline struct limbo_case limbo_case(const cJSON *json)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(json, "expected_peer_name");
    const cJSON *depth = cJSON_GetObjectItemCaseSensitive(json, "max_chain_depth");
    const char *kind = limbo_text(name, "kind");
    const char *validated = limbo_text(json, "validation_kind");

    return (struct limbo_case){
        .id = limbo_text(json, "id"),
        .key = limbo_text(json, "peer_certificate_key"),
        .peer = limbo_text(json, "peer_certificate"),
        .trusted = cJSON_GetObjectItemCaseSensitive(json, "trusted_certs"),
        .between = cJSON_GetObjectItemCaseSensitive(json, "untrusted_intermediates"),
        .revoked = cJSON_GetObjectItemCaseSensitive(json, "crls"),
        .name = limbo_text(name, "value"),
        .is_address = kind != NULL && strcmp(kind, "IP") == 0,
        .depth_max = cJSON_IsNumber(depth) ? depth->valueint : -1,
        .time_s = limbo_time(limbo_text(json, "validation_time")),
        .is_server = validated != NULL && strcmp(validated, "SERVER") == 0,
    };
}

/* All trusted certificates of a case as one PEM file. False: it cannot be written. */
static inline bool limbo_write_trusted(const struct limbo_case *the, const char *path)
{
    FILE *file = fopen(path, "w");
    const cJSON *trusted;

    if (file == NULL) {
        return false;
    }
    cJSON_ArrayForEach(trusted, the->trusted)
    {
        fputs(cJSON_GetStringValue(trusted), file);
        fputc('\n', file);
    }
    return fclose(file) == 0;
}

#endif
