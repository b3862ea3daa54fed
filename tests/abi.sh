#!/bin/sh
# abi: what a program that was linked with an older libquoit.so or libquoit_llm.so relies on.
#
#   tests/abi.sh write LIBRARY FILE     the ABI of LIBRARY, as abidw describes it, into FILE
#   tests/abi.sh check LIBRARY          is it that of abi/LIBRARY.abi, or that and more?
#
# Functions may come; none may go, and no type in a public header may change. LIBRARY needs its debug
# information (-g), which is where types stand. Without abidw it exits 77.
#
# A field that is cut from `reserved` is a change to abidiff and none to a program: `make
# abi-baseline` then takes in what check has shown, and the commit says why it may.
set -u
cd "$(dirname "$0")/.." || exit 1

if ! command -v abidw >/dev/null; then
    echo "skipped: abidw is not installed (package abigail-tools)"
    exit 77
fi

write() {
    abidw --headers-dir include --drop-private-types --suppressions abi/public.ini \
        --exported-interfaces-only --drop-undefined-syms --no-elf-needed --no-architecture \
        --no-corpus-path --no-comp-dir-path --no-show-locs --out-file "$2" "$1" || return 1
    if ! grep -q "class-decl name='quoit_[a-z_]*' size" "$2"; then
        echo "abi: $1 has no debug information: build it with -g"
        return 1
    fi
}

check() {
    name=$(basename "$1")
    baseline=abi/${name%%.so*}.abi
    now=$(mktemp) || return 1
    write "$1" "$now" && abidiff --no-added-syms "$baseline" "$now"
    status=$?
    rm -f "$now"
    [ $status -eq 0 ] || echo "abi: this is not what $baseline promises; the head of $0 says more"
    return $status
}

case $1 in
write) write "$2" "$3" ;;
check) check "$2" ;;
*)
    echo "abi: write LIBRARY FILE, or check LIBRARY" >&2
    exit 2
    ;;
esac
