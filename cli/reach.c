/*
 * reach: nothing here is done twice, and most of it before anything else.
 */
#include "cli/reach.h"

#include "cli/exit.h"
#include "cli/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_BESIDE 128 /* 64 of them connections that are kept */
#define DESCRIPTORS_OF_OURS 16 /* files, the ring, what wakes it */

/* Can the file be read? TLS errors do not say which file they mean, nor why. */
static bool reach_can_read(const char *option, const char *path)
{
    if (path != NULL && access(path, R_OK) != 0) {
        fprintf(stderr, "quoit: %s %s: %s\n", option, path, strerror(errno));
        return false;
    }
    return true;
}

int reach_open_tls(const struct reach_tls *files, struct quoit_tls **tls_out)
{
    struct quoit_tls_options tls = {
        .ca_file = files->cacert,
        .cert_file = files->cert,
        .key_file = files->key,
        .insecure = files->insecure,
    };

    if (!reach_can_read("--cacert", tls.ca_file) || !reach_can_read("--cert", tls.cert_file) ||
        !reach_can_read("--key", tls.key_file)) {
        return EXIT_START;
    }
    if (tls.ca_file == NULL && tls.cert_file == NULL && !tls.insecure) {
        *tls_out = NULL;
        return 0;
    }
    enum quoit_error error = quoit_tls_create(&tls, tls_out);
    if (error != QUOIT_OK) {
        fprintf(stderr, "quoit: %s:%s%s%s%s: not PEM, or the key does not fit the certificate\n",
                quoit_error_message(error), tls.ca_file != NULL ? " --cacert " : "",
                tls.ca_file != NULL ? tls.ca_file : "", tls.cert_file != NULL ? " --cert " : "",
                tls.cert_file != NULL ? tls.cert_file : "");
        return EXIT_START;
    }
    return 0;
}

int reach_open_keys(struct keys *keys, const struct keys_source *source, const char *command)
{
    const char *fault = source->header != NULL ? headers_name_fault(source->header) : NULL;

    if (fault != NULL) {
        /* What is no name may be "NAME: KEY". */
        fprintf(stderr, "%s: --api-key-header %s %s\n", command,
                headers_is_name(source->header) ? source->header : "NAME: what stands there",
                fault);
        return EXIT_USAGE;
    }
    return keys_open(keys, source) ? 0 : EXIT_START;
}

uint64_t reach_raise_descriptors(uint64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = connections + DESCRIPTORS_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return connections;
    }
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    uint64_t room = limit.rlim_cur > DESCRIPTORS_OF_OURS ? limit.rlim_cur - DESCRIPTORS_OF_OURS : 1;
    return room < connections ? room : connections;
}

uint64_t reach_spin_ns(uint64_t spin_ns)
{
    return spin_ns == 0 ? QUOIT_NEVER : spin_ns;
}

int reach_refuse_engine(enum quoit_error error)
{
    fprintf(stderr, "quoit: cannot start: %s%s\n", quoit_error_message(error),
            error == QUOIT_E_NO_URING        ? "; --io auto goes on with epoll"
            : error == QUOIT_E_NO_DESCRIPTOR ? ": raise RLIMIT_NOFILE (ulimit -n)"
                                             : "");
    return EXIT_START;
}

void reach_append_io(struct text *out, const struct quoit_stats *stats)
{
    if (stats->io_refusal == EPERM || stats->io_refusal == EACCES) {
        text_append_string(
            out, "io_uring is refused here (a container's seccomp filter, or sysctl "
                 "kernel.io_uring_disabled): going on with epoll; allow it, or say --io epoll");
    } else if (stats->io_refusal != 0) {
        text_append_string(out, "io_uring is not there (");
        text_append_string(out, strerror(stats->io_refusal));
        text_append_string(out, ": a kernel older than 6.1, or a seccomp filter): going on with "
                                "epoll; say --io epoll if that is meant");
    }
}

void reach_append_variable(struct text *out, const char *name)
{
    const char *value = name == NULL ? NULL : getenv(name);

    if (value != NULL && *value != '\0') {
        text_append_string(out, out->size == 0 ? " (from the environment: " : ", ");
        text_append_string(out, name);
    }
}
