#!/bin/bash
# abi_test: the libraries that were built keep the ABI of abi/, and one that does not is found out: by
# a function that went, by a field of another size, by one put in between.
#
# The faults are planted in small libraries, made of the one file that has quoit_stats_read; against
# their own description, since most functions are not there.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build=${QUOIT_BUILD:-build}
library=$build/libquoit.so.0
llm_library=$build/libquoit_llm.so.0
if ! command -v abidw >/dev/null; then
    echo "skipped: abidw is not installed (package abigail-tools)"
    exit 77
fi
if ! readelf -S "$library" | grep -qF .debug_info; then
    echo "skipped: $library was built without -g"
    exit 77
fi
work=$(mktemp -d "$build/tests/abi.XXXXXX") || exit 1
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

# make_small NAME [SED]: $work/NAME.abi, with quoit.h changed by a script for sed.
make_small() {
    mkdir -p "$work/include"
    sed "${2:-}" include/quoit.h >"$work/include/quoit.h" &&
        gcc -g -O1 -shared -fPIC -D_GNU_SOURCE -DQUOIT_API= -w -I"$work/include" \
            -x c "$work/small.c" -o "$work/$1.so" &&
        tests/abi.sh write "$work/$1.so" "$work/$1.abi"
}
{
    echo '#include "quoit.h"'
    echo 'struct quoit_result quoit_one; struct quoit_stats quoit_two;'
    echo 'void quoit_stats_read(const struct quoit_engine *engine, struct quoit_stats *stats) {}'
    echo 'const char *quoit_result_header(const struct quoit_result *r, const char *n) { return n; }'
    echo '#ifndef GONE'
    echo 'uint64_t quoit_now_ns(void) { return 0; }'
    echo '#endif'
} >"$work/small.c"

differs() {
    abidiff --no-added-syms "$work/$1.abi" "$work/$2.abi" >"$work/told"
    local status=$?
    cat "$work/told"
    ((status & 4)) && grep -qE "$3" "$work/told"
}

agrees() { abidiff --no-added-syms "$work/$1.abi" "$work/$2.abi"; }

prompts_have_no_inner_side() {
    tests/abi.sh write "$llm_library" "$work/llm.abi" &&
        grep -q "function-decl name='quoit_llm_batch_create'" "$work/llm.abi" &&
        ! grep -E "(function|class)-decl name='[^q]" "$work/llm.abi"
}

# The library once more, from the same objects, without one of its functions.
without_pause() {
    sed 's/^local:/local: quoit_pause;/' engine/libquoit.map >"$work/map" &&
        grep -qF quoit_pause "$work/map" &&
        mkdir "$work/whole" &&
        gcc -shared -fno-lto -o "$work/whole/libquoit.so" -Wl,-soname,libquoit.so.0 \
            -Wl,--version-script="$work/map" "$build/obj/libquoit.o" &&
        ! tests/abi.sh check "$work/whole/libquoit.so" >"$work/told" &&
        grep -q "\[D\] 'function .*quoit_pause(" "$work/told" &&
        grep -q '1 Removed' "$work/told"
}

holds "the library keeps the ABI that was promised" tests/abi.sh check "$library"
holds "and so does that of prompts" tests/abi.sh check "$llm_library"
holds "and has one that is the same each time" tests/abi.sh write "$library" "$work/again.abi"
holds "in which the inner side has no part" \
    sh -c "! grep -E \"(function|class)-decl name='[^q]\" '$work/again.abi'"
holds "in that of prompts neither" prompts_have_no_inner_side
holds "a function that went is found out" without_pause
holds "a small library is described" make_small small
holds "and again" make_small same
holds "which is no change" agrees small same
holds "one with a function less" make_small less '1i #define GONE'
holds "has lost it" differs small less "1 Removed"
holds "and with one more it has lost none" agrees less small
holds "one with a field that is smaller" make_small narrow 's/uint64_t spin_ns;/uint32_t spin_ns;/'
holds "is told by the struct" differs small narrow "quoit_stats"
holds "one with a field put in between" \
    make_small between 's/^    int os_error; .*/    int os_error, more;/'
holds "is told by its struct" differs small between "quoit_result"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
