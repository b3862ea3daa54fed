/*
 * digest: over OpenSSL, which allocates nothing between begin and end.
 */
#include "cli/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct digest {
    EVP_MD *algorithm; /* fetched once: a look-up by name costs more than a short text */
    EVP_MD_CTX *context;
};

/* SHA-256 over memory cannot fail once it was fetched; if it does, nothing can be trusted. */
static void digest_must(int returned)
{
    if (returned != 1) {
        abort();
    }
}

struct digest *digest_create(void)
{
    struct digest *digest = calloc(1, sizeof(*digest));

    if (digest == NULL) {
        return NULL;
    }
    digest->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    digest->context = EVP_MD_CTX_new();
    if (digest->algorithm == NULL || digest->context == NULL ||
        EVP_DigestInit_ex(digest->context, digest->algorithm, NULL) != 1) {
        digest_destroy(digest);
        return NULL;
    }
    return digest;
}

void digest_destroy(struct digest *digest)
{
    if (digest != NULL) {
        EVP_MD_CTX_free(digest->context);
        EVP_MD_free(digest->algorithm);
        free(digest);
    }
}

void digest_begin(struct digest *digest)
{
    digest_must(EVP_DigestInit_ex(digest->context, NULL, NULL));
}

void digest_add(struct digest *digest, const void *bytes, size_t size)
{
    if (size != 0) {
        digest_must(EVP_DigestUpdate(digest->context, bytes, size));
    }
}

void digest_end(struct digest *digest, unsigned char out[DIGEST_SIZE])
{
    digest_must(EVP_DigestFinal_ex(digest->context, out, NULL));
}
