#!/bin/sh
# llhttp_system_test: where pkg-config knows a libllhttp, http/ is built against that one, and its
# unit tests hold.
#
# The libllhttp is made here, out of the sources that node-llhttp ships, so that the test needs no
# package of that name; what is tried is the way that the Makefile takes then.
set -u
cd "$(dirname "$0")/.." || exit 1

build=${QUOIT_BUILD:-build}
for share in /usr/share build/third_party/usr/share; do
    [ -e "$share/llhttp/llhttp.c" ] && break
done
if [ ! -e "$share/llhttp/llhttp.c" ]; then
    echo "skipped: the sources of node-llhttp are not here"
    exit 77
fi
work=$PWD/$(mktemp -d "$build/tests/llhttp.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        tail -n 40 "$work/said"
    fi
}

make_library() {
    mkdir -p "$work/lib" "$work/include" &&
        cp "$share/include/llhttp/llhttp.h" "$work/include/" &&
        for part in api http llhttp; do
            gcc -O1 -fPIC -w -DLLHTTP_STRICT_MODE=1 -I"$work/include" -c "$share/llhttp/$part.c" \
                -o "$work/$part.o" || return 1
        done &&
        ar rcs "$work/lib/libllhttp.a" "$work/api.o" "$work/http.o" "$work/llhttp.o" &&
        printf '%s\n' "Name: libllhttp" "Description: made for a test" "Version: 0" \
            "Cflags: -I$work/include -DLLHTTP_STRICT_MODE=1" "Libs: -L$work/lib -lllhttp" \
            >"$work/lib/libllhttp.pc"
}

# The tests that read nothing but what is in this tree.
tests="guard hints octets request response responses sse url"
build_tests() {
    targets=""
    for test in $tests; do
        targets="$targets $work/build/tests/unit/http_${test}_test"
    done
    # Nothing of the make that runs this test may reach the one below it.
    # shellcheck disable=SC2086 # the targets are words
    env -u MAKEFLAGS -u MAKELEVEL PKG_CONFIG_PATH="$work/lib" \
        make -j2 B="$work/build" CFLAGS=-O1 SAN= $targets
}

has_no_own_parser() { [ ! -e "$work/build/obj/llhttp.a" ]; }

holds "a libllhttp is made" make_library
holds "http/ builds against it" build_tests
holds "the parser is that one" has_no_own_parser
for test in $tests; do
    holds "http_$test" "$work/build/tests/unit/http_${test}_test"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
