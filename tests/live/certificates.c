/* certificates: see certificates.h. */
#include "tests/live/certificates.h"

#include "tests/live/live.h"

#include <stdio.h>
#include <stdlib.h>

static const char script[] =
    "set -eu; cd '%s'\n"
    "printf '[req]\\ndistinguished_name=dn\\n[dn]\\n' >cnf\n"
    "make() { name=$1; shift\n"
    "    openssl req -config cnf -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\\n"
    "        -days 2 -subj \"/CN=$name\" -keyout $name.key -out $name.pem \"$@\" 2>/dev/null\n"
    "}\n"
    "for name in authority stranger; do\n"
    "    make $name -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign\n"
    "done\n"
    "make server -CA authority.pem -CAkey authority.key \\\n"
    "    -addext subjectAltName=DNS:good.test,DNS:localhost,IP:127.0.0.1\n"
    "make client -CA authority.pem -CAkey authority.key -addext extendedKeyUsage=clientAuth\n"
    "make impostor -CA stranger.pem -CAkey stranger.key -addext extendedKeyUsage=clientAuth\n";

bool certificates_make(void)
{
    char command[sizeof(script) + 300];

    snprintf(command, sizeof(command), script, live_folder());
    return system("command -v openssl >/dev/null") == 0 && system(command) == 0;
}

const char *certificate(const char *name)
{
    static char paths[8][300];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", live_folder(), name);
    return path;
}
