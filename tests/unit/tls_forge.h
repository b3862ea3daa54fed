/*
 * tls_forge: records that no OpenSSL server would send, under the keys of one that has shaken
 * hands.
 *
 * forge_watch comes before the server's handshake and holds it to a cipher that is known here;
 * forge_begin comes after it. From then on all that the server says is made by forge_record, and
 * its SSL only reads. Without tickets of its own the server has sent nothing under these keys but,
 * in TLS 1.2, its Finished.
 *
 * AES-128-GCM with SHA-256, as RFC 5288 and RFC 8446 5.2 have it.
 */
#ifndef QUOIT_TESTS_TLS_FORGE_H
#define QUOIT_TESTS_TLS_FORGE_H

#include "tests/unit/check.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>

#define FORGE_OVERHEAD 30 /* header, nonce, type and tag: at most */
#define FORGE_SECRET 32
#define FORGE_ALERT 21 /* the types of records */
#define FORGE_HANDSHAKE 22
#define FORGE_DATA 23

struct forge {
    bool modern; /* TLS 1.3, else 1.2 */
    unsigned char secret[FORGE_SECRET];
    unsigned char key[16], iv[12]; /* of TLS 1.2: four bytes of iv */
    uint64_t sequence;
};

/* HKDF-Expand-Label of RFC 8446 7.1, without a context, for at most FORGE_SECRET bytes. */
static inline void forge_expand(const unsigned char *secret, const char *label, unsigned char *out,
                                size_t size)
{
    unsigned char info[64], whole[FORGE_SECRET];
    int used = snprintf((char *)info + 3, sizeof(info) - 5, "tls13 %s", label);

    info[0] = 0;
    info[1] = (unsigned char)size;
    info[2] = (unsigned char)used;
    info[3 + used] = 0; /* of the context */
    info[4 + used] = 1; /* the number of the block: there is one */
    CHECK(HMAC(EVP_sha256(), secret, FORGE_SECRET, info, (size_t)used + 5, whole, NULL) != NULL);
    memcpy(out, whole, size);
}

static inline void forge_take_keys(struct forge *forge)
{
    forge_expand(forge->secret, "key", forge->key, sizeof(forge->key));
    forge_expand(forge->secret, "iv", forge->iv, sizeof(forge->iv));
    forge->sequence = 0;
}

/* The next generation of keys, as after a KeyUpdate (RFC 8446 7.2). */
static inline void forge_update(struct forge *forge)
{
    unsigned char next[FORGE_SECRET];

    forge_expand(forge->secret, "traffic upd", next, sizeof(next));
    memcpy(forge->secret, next, sizeof(next));
    forge_take_keys(forge);
}

/* OpenSSL tells each secret as a line "NAME CLIENT_RANDOM SECRET", in hexadecimal. */
static inline void forge_on_secret(const SSL *server, const char *line)
{
    struct forge *forge = SSL_get_app_data(server);
    const char *last = strrchr(line, ' ');

    if (forge == NULL || strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) != 0) {
        return;
    }
    for (size_t i = 0; i < FORGE_SECRET; i++) {
        char digits[3] = { last[1 + 2 * i], last[2 + 2 * i], '\0' };
        forge->secret[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
}

/* Borrows forge until the handshake is done. */
static inline void forge_watch(struct forge *forge, SSL *server)
{
    *forge = (struct forge){ 0 };
    SSL_set_app_data(server, forge);
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(server), forge_on_secret);
    CHECK(SSL_set_ciphersuites(server, "TLS_AES_128_GCM_SHA256") == 1);
    CHECK(SSL_set_cipher_list(server, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1);
    CHECK(SSL_set_num_tickets(server, 0) == 1);
}

/* The keys of TLS 1.2 (RFC 5246 6.3): two of 16 bytes, then two nonces of 4; ours are second. */
static inline void forge_take_old_keys(struct forge *forge, const SSL *server)
{
    unsigned char master[48], seed[64], block[40];

    SSL_SESSION_get_master_key(SSL_get_session(server), master, sizeof(master));
    SSL_get_server_random(server, seed, 32);
    SSL_get_client_random(server, seed + 32, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof(master)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (void *)(uintptr_t) "key expansion",
                                          13),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    CHECK(EVP_KDF_derive(context, block, sizeof(block), params) == 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    memcpy(forge->key, block + 16, 16);
    memcpy(forge->iv, block + 36, 4);
    forge->sequence = 1;
}

static inline void forge_begin(struct forge *forge, const SSL *server)
{
    forge->modern = SSL_version(server) == TLS1_3_VERSION;
    if (forge->modern) {
        forge_take_keys(forge);
    } else {
        forge_take_old_keys(forge, server);
    }
}

static inline void forge_put(unsigned char *out, uint64_t number, size_t size)
{
    for (size_t i = size; i-- > 0; number >>= 8) {
        out[i] = (unsigned char)number;
    }
}

struct forge_sealing {
    unsigned char nonce[12], known[13];
    int known_size;
};

/* GCM over size bytes in place; the tag comes behind them. */
static inline void forge_seal(const struct forge *forge, const struct forge_sealing *sealing,
                              unsigned char *bytes, size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int used = 0;

    CHECK(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, forge->key, sealing->nonce) == 1);
    CHECK(EVP_EncryptUpdate(context, NULL, &used, sealing->known, sealing->known_size) == 1);
    CHECK(EVP_EncryptUpdate(context, bytes, &used, bytes, (int)size) == 1);
    CHECK(EVP_EncryptFinal_ex(context, bytes + size, &used) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, bytes + size) == 1);
    EVP_CIPHER_CTX_free(context);
}

static inline size_t forge_old_record(struct forge *forge, int type, const void *bytes, size_t size,
                                      unsigned char *out)
{
    struct forge_sealing sealing = { .known_size = 13 };

    forge_put(out, (uint64_t)type << 32 | 0x0303u << 16 | (size + 24), 5);
    forge_put(out + 5, forge->sequence, 8);
    memcpy(sealing.nonce, forge->iv, 4);
    memcpy(sealing.nonce + 4, out + 5, 8);
    forge_put(sealing.known, forge->sequence, 8);
    forge_put(sealing.known + 8, (uint64_t)type << 32 | 0x0303u << 16 | size, 5);
    memcpy(out + 13, bytes, size);
    forge_seal(forge, &sealing, out + 13, size);
    forge->sequence++;
    return size + 29;
}

/* One record into out, which has room for size + FORGE_OVERHEAD. Gives its size. */
static inline size_t forge_record(struct forge *forge, int type, const void *bytes, size_t size,
                                  unsigned char *out)
{
    struct forge_sealing sealing = { .known_size = 5 };

    if (!forge->modern) {
        return forge_old_record(forge, type, bytes, size, out);
    }
    forge_put(out, (uint64_t)FORGE_DATA << 32 | 0x0303u << 16 | (size + 17), 5);
    memcpy(sealing.known, out, 5);
    forge_put(sealing.nonce + 4, forge->sequence, 8);
    for (size_t i = 0; i < 12; i++) {
        sealing.nonce[i] ^= forge->iv[i];
    }
    memcpy(out + 5, bytes, size);
    out[5 + size] = (unsigned char)type;
    forge_seal(forge, &sealing, out + 5, size + 1);
    forge->sequence++;
    return size + 22;
}

/* --- What a server may say at any time, and as often as it likes --- */

enum forge_flood {
    FORGE_KEY_UPDATES,        /* TLS 1.3, no answer wanted */
    FORGE_KEY_UPDATES_ASKING, /* TLS 1.3 */
    FORGE_TICKETS,            /* TLS 1.3 */
    FORGE_HELLO_REQUESTS,     /* TLS 1.2: renegotiation */
    FORGE_EMPTY_RECORDS,
    FORGE_WARNINGS, /* alerts that end nothing: user_canceled */
    FORGE_FLOODS,
};

#define FORGE_FLOOD_MAX 256 /* bytes of one of them, at most */

/* Is there such a thing in that version? */
static inline bool forge_may(const struct forge *forge, enum forge_flood flood)
{
    switch (flood) {
    case FORGE_KEY_UPDATES:
    case FORGE_KEY_UPDATES_ASKING:
    case FORGE_TICKETS:
        return forge->modern;
    case FORGE_HELLO_REQUESTS:
        return !forge->modern;
    case FORGE_EMPTY_RECORDS:
    case FORGE_WARNINGS:
        return true;
    case FORGE_FLOODS:
        break;
    }
    abort(); /* a flood without a case */
}

/* A NewSessionTicket (RFC 8446 4.6.1): an hour, no age, a nonce of 8 bytes, a ticket of 64. */
static inline size_t forge_ticket(struct forge *forge, unsigned char *out)
{
    unsigned char message[4 + 4 + 4 + 9 + 2 + 64 + 2] = { 4, 0, 0, 85, 0, 0, 14, 16 };

    message[12] = 8;
    forge_put(message + 13, forge->sequence, 8);
    message[22] = 64;
    forge_put(message + 23, forge->sequence, 8);
    return forge_record(forge, FORGE_HANDSHAKE, message, sizeof(message), out);
}

/* One of them into out. Gives its size. */
static inline size_t forge_one(struct forge *forge, enum forge_flood flood,
                               unsigned char out[FORGE_FLOOD_MAX])
{
    size_t size;

    switch (flood) {
    case FORGE_KEY_UPDATES:
        size = forge_record(forge, FORGE_HANDSHAKE, "\x18\0\0\1\0", 5, out);
        forge_update(forge);
        return size;
    case FORGE_KEY_UPDATES_ASKING:
        size = forge_record(forge, FORGE_HANDSHAKE, "\x18\0\0\1\1", 5, out);
        forge_update(forge);
        return size;
    case FORGE_TICKETS:
        return forge_ticket(forge, out);
    case FORGE_HELLO_REQUESTS:
        return forge_record(forge, FORGE_HANDSHAKE, "\0\0\0\0", 4, out);
    case FORGE_EMPTY_RECORDS:
        return forge_record(forge, FORGE_DATA, "", 0, out);
    case FORGE_WARNINGS:
        return forge_record(forge, FORGE_ALERT, "\1\x5a", 2, out);
    case FORGE_FLOODS:
        break;
    }
    abort(); /* a flood without a case */
}

static inline const char *forge_flood_name(enum forge_flood flood)
{
    static const char *const names[FORGE_FLOODS] = {
        [FORGE_KEY_UPDATES] = "KeyUpdates",
        [FORGE_KEY_UPDATES_ASKING] = "KeyUpdates that ask for one",
        [FORGE_TICKETS] = "tickets",
        [FORGE_HELLO_REQUESTS] = "HelloRequests",
        [FORGE_EMPTY_RECORDS] = "empty records",
        [FORGE_WARNINGS] = "warning alerts",
    };
    return names[flood];
}

#endif
