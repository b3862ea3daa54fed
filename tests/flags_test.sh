#!/bin/bash
# flags_test: the flags of a packager reach the compiler as they were meant. Two builds in folders of
# different names give the same bytes, where -ffile-prefix-map asks for it; a distribution's own -flto
# breaks nothing; and its hardening is not weakened by ours.
#
# The builds are without optimization, and of one library and one program: what is looked for does
# not depend on more.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build=${QUOIT_BUILD:-build}
work=$PWD/$(mktemp -d "$build/tests/flags.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        tail -n 30 "$work/said"
    fi
}

# Nothing of the make that runs this test may reach the one below it.
make_alone() {
    env -u MAKEFLAGS -u MAKELEVEL -u CPPFLAGS -u LDFLAGS -u SAN -u TSAN -u CC make -j2 "$@"
}

# build_in FOLDER: a copy of this tree there, built with the flags of a distribution.
build_in() {
    mkdir -p "$work/$1/build" &&
        cp -r Makefile install.mk base llm mock include "$work/$1" || return 1
    [ ! -e build/third_party ] || ln -s "$PWD/build/third_party" "$work/$1/build/third_party"
    (cd "$work/$1" && make_alone CFLAGS="-g -O0 -flto=auto -ffile-prefix-map=$PWD=." LDFLAGS=-flto=auto \
        build/libquoit_llm.a build/quoit-mock)
}

is_the_same() { cmp "$work/one/build/$1" "$work/further/build/$1"; }

# asks_for WORD NAME=FLAGS: how often that word is in the command that compiles a file.
asks_for() {
    make_alone -n B="$work/none" V=1 "$2" "$work/none/obj/base/buffer.o" | grep -e '-c base/buffer.c' |
        tr ' ' '\n' | grep -cxe "$1"
}

fortifies() { [ "$(asks_for "$1" "$2")" -eq "$3" ]; }

holds "it builds with a distribution's own -flto" build_in one
holds "and in a folder of another name" build_in "further"
for file in libquoit_llm.a quoit-mock; do
    holds "$file is the same from both" is_the_same $file
done
ours=-D_FORTIFY_SOURCE=2
holds "ours is a hardened build" fortifies $ours CFLAGS=-O2 1
holds "a distribution may harden more, by CPPFLAGS" fortifies $ours CPPFLAGS=-D_FORTIFY_SOURCE=3 0
holds "or by CFLAGS" fortifies $ours 'CFLAGS=-O2 -Wp,-D_FORTIFY_SOURCE=3' 0
holds "and that is what is taken" fortifies -D_FORTIFY_SOURCE=3 CPPFLAGS=-D_FORTIFY_SOURCE=3 1
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
