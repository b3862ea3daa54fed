/*
 * certificates: made on the spot by openssl(1), for servers and clients of the live tests, in a
 * folder that goes with the program.
 */
#ifndef QUOIT_TESTS_CERTIFICATES_H
#define QUOIT_TESTS_CERTIFICATES_H

#include <stdbool.h>

/*
 * Make authority, stranger (another authority), server (for good.test, localhost and 127.0.0.1),
 * client (both signed by authority), and impostor (a client signed by stranger). NAME.pem and
 * NAME.key belong together. False: there is no openssl(1) here.
 */
bool certificates_make(void);

/* The path of one of those files: "server.pem". Good until the eighth call that follows. */
const char *certificate(const char *name);

#endif
