/*
 * doctor_setup: what quoit is made of here, whom it trusts, and what the environment tells it.
 *
 * Nothing that could be a secret is shown: of a key whether it is set, of a url what is left
 * without user name and query.
 */
#include "cli/doctor_checks.h"
#include "cli/proxies.h"
#include "cli/server.h"
#include "llm/endpoint.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

static void check_versions(struct findings *findings)
{
    struct finding *finding = findings_add(findings, "quoit");

    finding_say(finding, "%s; %s", quoit_version(), quoit_build_info());
}

/* --- Whom to trust --- */

/* The variable's value, or what OpenSSL was built with. */
static const char *trust_path(const char *variable, const char *otherwise)
{
    const char *value = getenv(variable);

    return value != NULL ? value : otherwise;
}

static int count_in_file(const char *path)
{
    X509_STORE *store = X509_STORE_new();
    int count = 0;

    if (store != NULL && X509_STORE_load_file(store, path) == 1) {
        count = sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
    }
    X509_STORE_free(store);
    return count;
}

/* OpenSSL looks for names like 5ed36f99.0: the hash of a subject, and a number. */
static bool is_hashed_name(const char *name)
{
    size_t size = 0;

    while (isxdigit((unsigned char)name[size])) {
        size++;
    }
    return size == 8 && name[size] == '.' && isdigit((unsigned char)name[size + 1]);
}

/* Of a list of folders, with colons between them. */
static int count_in_folders(const char *list)
{
    char *copy = strdup(list), *rest = copy;
    int count = 0;

    for (char *path; copy != NULL && (path = strsep(&rest, ":")) != NULL;) {
        DIR *folder = opendir(path);
        for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
            count += is_hashed_name(entry->d_name);
        }
        if (folder != NULL) {
            closedir(folder);
        }
    }
    free(copy);
    return count;
}

static void check_trust(struct findings *findings)
{
    struct finding *finding = findings_add(findings, "certificates");
    const char *file = trust_path(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    const char *folder = trust_path(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    int in_file = count_in_file(file), in_folder = count_in_folders(folder);

    finding_say(finding, "%d in %s, %d in %s", in_file, file, in_folder, folder);
    if (in_file + in_folder == 0) {
        finding_warn(finding, "no https server can be trusted: install ca-certificates, or name a "
                              "file by SSL_CERT_FILE or --cacert");
    } else if (in_file == 0 && getenv(X509_get_default_cert_file_env()) != NULL) {
        finding_warn(finding, "SSL_CERT_FILE names no file of certificates in PEM: mend or unset "
                              "it");
    }
}

/* --- Where to --- */

static void check_resolver(struct findings *findings, const struct facts *facts)
{
    struct finding *finding = findings_add(findings, "resolver");
    uint64_t servers = 0;

    if (!facts_count_lines(facts, "/etc/resolv.conf", "nameserver", &servers)) {
        finding_say(finding, "/etc/resolv.conf cannot be read: %s", strerror(errno));
        finding_warn(finding, "host names need a name server there; addresses and /etc/hosts do "
                              "not");
        return;
    }
    finding_say(finding, "%ju name server%s in /etc/resolv.conf (none was asked)",
                (uintmax_t)servers, servers == 1 ? "" : "s");
    if (servers == 0) {
        finding_warn(finding, "name one there, unless one listens on 127.0.0.1");
    }
}

/* Behind the last @, wherever it stands: a password with a / in it would look like a path. */
static void say_url(struct finding *finding, const char *url)
{
    const char *at = strrchr(url, '@');
    struct text shown;

    text_init(&shown, 0);
    server_append_url(&shown, at == NULL ? url : at + 1);
    finding_say(finding, "%s%s", at == NULL ? "" : "***@", shown.size != 0 ? shown.bytes : "");
    text_free(&shown);
}

static void check_environment(struct findings *findings)
{
    static const char *const secrets[] = { "OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID" };
    const char *base = getenv("OPENAI_BASE_URL");
    struct finding *finding = findings_add(findings, "OPENAI_*");

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        const char *value = getenv(secrets[i]);
        finding_say(finding, "%s %s, ", secrets[i],
                    value == NULL    ? "not set"
                    : *value == '\0' ? "empty"
                                     : "set");
    }
    finding_say(finding, "OPENAI_BASE_URL ");
    if (base == NULL || *base == '\0') {
        finding_say(finding, "not set");
        return;
    }
    say_url(finding, base);
    if (!endpoint_is_absolute(base)) {
        finding_warn(finding, "begin OPENAI_BASE_URL with http:// or https://");
    } else if (strchr(base, '@') != NULL) {
        finding_warn(finding, "take the user name out of OPENAI_BASE_URL; -H @FILE says it");
    }
}

static void say_proxy(struct finding *finding, const char *scheme, const struct proxies_item *item)
{
    finding_say(finding, "%s ", scheme);
    if (item->url == NULL) {
        finding_say(finding, "directly");
        return;
    }
    finding_say(finding, "by %s ", item->from);
    say_url(finding, item->url);
    if (*item->fault != '\0') {
        finding_warn(finding, "%s %s", item->from, item->fault);
    }
}

static void check_proxies(struct findings *findings)
{
    struct finding *finding = findings_add(findings, "proxies");
    struct proxies proxies;

    if (!proxies_open(&proxies, NULL)) {
        finding_say(finding, "out of memory");
        proxies_close(&proxies);
        return;
    }
    say_proxy(finding, "https", &proxies.secure);
    finding_say(finding, ", ");
    say_proxy(finding, "http", &proxies.plain);
    if (proxies.exempt != NULL) {
        finding_say(finding, "; no_proxy is set");
    }
    proxies_close(&proxies);
}

void doctor_check_setup(struct findings *findings, const struct facts *facts)
{
    check_versions(findings);
    check_trust(findings);
    check_resolver(findings, facts);
    check_environment(findings);
    check_proxies(findings);
}
