/*
 * tls: a server in this process, and somebody between it and us who changes what it says. No
 * plaintext comes from a server that is not who it must be, nor any that the server did not write;
 * and who was not shaken hands with hears nothing of ours.
 *
 *     input: flags, cut, edits of 4 bytes each (where (2), what, how much) up to one of what 0,
 *            then bytes that edits insert
 *
 * Flags: 1 2 who the server is (enum identity), 4 TLS 1.2, 8 nothing is verified. OpenSSL's chance
 * is replaced by a count, so that an input means the same each time; certificates are of the day.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tests/fuzz/fuzz.h"
#include "tests/unit/tls_peer.h"

#include <openssl/rand.h>

#define EDITS_MAX 8
#define TURNS_MAX 100000
#define YEARS_S (10L * 365 * 24 * 3600)
#define ASKED "GET / HTTP/1.1\r\n\r\n"
#define ANSWERED "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

enum identity { IDENTITY_RIGHT, IDENTITY_OTHER_NAME, IDENTITY_SELF_SIGNED, IDENTITY_NONE };

enum change { CHANGE_NOTHING, CHANGE_FLIP, CHANGE_DROP, CHANGE_INSERT, CHANGE_END, CHANGES };

/* At byte `at` of what the server says. */
struct edit {
    uint32_t at;
    enum change change;
    uint8_t amount;
};

struct attack {
    struct edit edits[EDITS_MAX];
    uint32_t edits_count;
    struct fuzz_input inserts;
    uint32_t said; /* bytes of the server that have passed */
    bool ended;
};

static SSL_CTX *servers[2][IDENTITY_NONE + 1]; /* TLS 1.2 and 1.3 */
static struct quoit_tls *strict, *insecure;

/* --- Chance --- */

static uint64_t chance_count;

static int chance_bytes(unsigned char *out, int size)
{
    for (int i = 0; i < size; i++) {
        uint64_t z = ++chance_count * UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        out[i] = (unsigned char)(z >> 56);
    }
    return 1;
}

static int chance_status(void)
{
    return 1;
}

static const RAND_METHOD chance = {
    .bytes = chance_bytes,
    .pseudorand = chance_bytes,
    .status = chance_status,
};

/* --- Once --- */

static SSL_CTX *make_server(const struct certificate *certificate, int version)
{
    const struct peer_wish wish = {
        .certificate = certificate,
        .ciphers = certificate == NULL ? "aNULL:@SECLEVEL=0" : NULL,
        .version = version,
    };
    SSL_CTX *server = peer_create(&wish);

    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
    return server;
}

static void make_cast(void)
{
    const long from_s = -YEARS_S, until_s = YEARS_S;
    struct certificate_wish wishes[] = {
        { .names = "DNS:good.test", .from_s = from_s, .until_s = until_s },
        { .names = "DNS:other.test", .from_s = from_s, .until_s = until_s },
    };
    struct certificate_wish root = {
        .common_name = "root", .authority = true, .from_s = from_s, .until_s = until_s
    };
    struct certificate authority = certificate_make(&root, NULL);
    struct certificate shown[] = { certificate_make(&wishes[0], &authority),
                                   certificate_make(&wishes[1], &authority),
                                   certificate_make(&wishes[0], NULL) };
    struct peer_file file = peer_certificate_file("authority.pem", &authority);
    struct quoit_tls_options options = { .ca_file = file.path };

    FUZZ_HOLDS(quoit_tls_create(&options, &strict) == QUOIT_OK);
    options.insecure = true;
    FUZZ_HOLDS(quoit_tls_create(&options, &insecure) == QUOIT_OK);
    for (uint32_t i = 0; i <= IDENTITY_NONE; i++) {
        const struct certificate *certificate = i == IDENTITY_NONE ? NULL : &shown[i];
        servers[0][i] = make_server(certificate, TLS1_3_VERSION);
        servers[1][i] = make_server(certificate, TLS1_2_VERSION);
    }
    for (uint32_t i = 0; i < IDENTITY_NONE; i++) {
        certificate_free(&shown[i]);
    }
    certificate_free(&authority);
    unlink(file.path);
    rmdir(peer_directory());
}

/* --- Who stands between --- */

static struct attack attack_of(struct fuzz_input *input)
{
    struct attack attack = { .said = 0 };

    while (attack.edits_count < EDITS_MAX && input->size > 0) {
        uint32_t at = fuzz_pair(input);
        enum change change = (enum change)(fuzz_byte(input) % CHANGES);
        uint8_t amount = fuzz_byte(input);
        if (change == CHANGE_NOTHING) {
            break;
        }
        attack.edits[attack.edits_count++] = (struct edit){ at, change, amount };
    }
    attack.inserts = *input;
    return attack;
}

/* One byte of the server's, and what becomes of it on the way. */
static void attack_pass(struct attack *attack, uint8_t byte, struct buffer *out)
{
    bool dropped = false;

    for (uint32_t i = 0; i < attack->edits_count; i++) {
        struct edit edit = attack->edits[i];
        bool here = edit.at == attack->said;
        attack->ended = attack->ended || (here && edit.change == CHANGE_END);
        if (here && edit.change == CHANGE_FLIP) {
            byte ^= edit.amount;
        }
        if (here && edit.change == CHANGE_INSERT) {
            struct fuzz_input more = fuzz_bytes(&attack->inserts, edit.amount);
            FUZZ_HOLDS(buffer_append(out, more.bytes, more.size));
        }
        dropped = dropped || (edit.change == CHANGE_DROP && attack->said >= edit.at &&
                              attack->said - edit.at < edit.amount);
    }
    attack->said++;
    if (!dropped && !attack->ended) {
        FUZZ_HOLDS(buffer_append(out, &byte, 1));
    }
}

/* --- A talk --- */

/* Some bytes of the server's on their way. False: it has none. */
static bool carry_to_session(struct talk *talk, struct attack *attack, enum tls_result *result)
{
    char *bytes;
    long size = BIO_get_mem_data(SSL_get_wbio(talk->server), &bytes);
    struct buffer changed = { 0 };
    uint8_t piece[256];

    if (size <= 0) {
        return false;
    }
    size_t room = talk->cut < sizeof(piece) ? talk->cut : sizeof(piece);
    size = BIO_read(SSL_get_wbio(talk->server), piece, (int)room);
    for (long i = 0; i < size; i++) {
        attack_pass(attack, piece[i], &changed);
    }
    if (changed.size != 0) {
        *result = talk_feed(talk, changed.bytes, changed.size);
    }
    buffer_free(&changed);
    return true;
}

static void speak(struct talk *talk, bool *asked, bool *answered)
{
    if (talk->secured && !*asked) {
        *asked = true;
        enum tls_result result = tls_session_write(talk->session, ASKED, strlen(ASKED));
        FUZZ_HOLDS(result == TLS_DONE || tls_session_error(talk->session) != QUOIT_OK);
    }
    if (talk->server_secured && !*answered) {
        *answered = true;
        SSL_write(talk->server, ANSWERED, (int)strlen(ANSWERED));
        ERR_clear_error();
    }
}

static enum tls_result run(struct talk *talk, struct attack *attack)
{
    enum tls_result result = talk_feed(talk, NULL, 0);
    bool asked = false, answered = false;

    for (uint32_t turns = 0; result == TLS_STARVED; turns++) {
        FUZZ_HOLDS(turns < TURNS_MAX);
        speak(talk, &asked, &answered);
        if (!carry_to_session(talk, attack, &result) && !talk_carry_to_server(talk)) {
            break;
        }
    }
    if (talk->secured) {
        tls_session_close(talk->session);
    }
    talk_carry_to_server(talk);
    return result;
}

static bool is_prefix(const struct buffer *bytes, const char *text)
{
    return bytes->size <= strlen(text) &&
           (bytes->size == 0 || memcmp(bytes->bytes, text, bytes->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input input = { bytes, size };
    uint8_t flags = fuzz_byte(&input), cut = fuzz_byte(&input);
    enum identity identity = (enum identity)(flags & 3);
    bool old = (flags & 4) != 0 || identity == IDENTITY_NONE, verifies = (flags & 8) == 0;

    if (strict == NULL) {
        RAND_set_rand_method(&chance);
        make_cast();
    }
    chance_count = 0;
    struct attack attack = attack_of(&input);
    struct talk talk =
        talk_open(servers[old][identity], verifies ? strict : insecure, "good.test", NULL);
    talk.cut = cut == 0 ? SIZE_MAX : cut;
    enum tls_result result = run(&talk, &attack);
    if (verifies && identity != IDENTITY_RIGHT) {
        FUZZ_HOLDS(!talk.secured && talk.heard.size == 0 && talk.server_heard.size == 0);
    }
    FUZZ_HOLDS(is_prefix(&talk.heard, ANSWERED));
    FUZZ_HOLDS(is_prefix(&talk.server_heard, ASKED));
    FUZZ_HOLDS((result == TLS_FAILED) == (tls_session_error(talk.session) != QUOIT_OK));
    FUZZ_HOLDS(result != TLS_FAILED || tls_session_detail(talk.session)[0] != '\0');
    if (attack.edits_count == 0 && identity == IDENTITY_RIGHT) {
        FUZZ_HOLDS(talk.secured && talk.heard.size == strlen(ANSWERED));
        FUZZ_HOLDS(talk.server_heard.size == strlen(ASKED));
    }
    FUZZ_HOLDS(check_failures == 0);
    talk_close(&talk);
    return 0;
}
