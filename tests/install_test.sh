#!/bin/sh
# install_test: what a user of the library meets, in what `make install` has put below
# $QUOIT_BUILD/tests/installed: a header for C and C++, two libraries that show quoit_* and nothing
# else, a pkg-config file that is right for both, and examples that build with it.
set -u
cd "$(dirname "$0")/.." || exit 1

build=${QUOIT_BUILD:-build}
compiler=${QUOIT_CC:-gcc}
installed=$PWD/$build/tests/installed
prefix=$installed/usr/local
if [ ! -e "$prefix/include/quoit.h" ]; then
    echo "nothing is installed there: make test-install"
    exit 77
fi
work=$(mktemp -d "$build/tests/user.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        cat "$work/said"
    fi
}

package() {
    PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --define-variable=prefix="$prefix" "$@" quoit
}

# shellcheck disable=SC2046,SC2086 # compiler and flags are words
build_shared() { $compiler -std=c11 "$1" -o "$work/program" $(package --cflags --libs); }

# shellcheck disable=SC2046,SC2086
build_static() {
    $compiler -std=c11 "$1" -o "$work/program" $(package --cflags) \
        $(package --static --libs | sed 's/-lquoit/-l:libquoit.a/')
}

says_version() {
    [ "$(LD_LIBRARY_PATH="$prefix/lib" "$work/program")" = "$(package --modversion)" ]
}

# Whatever its names, a library defines only quoit_* (and the version node of the shared one).
only_ours() {
    nm -g --defined-only "$@" | awk 'NF == 3 && $3 !~ /^(quoit_|QUOIT_0$)/ { print; bad = 1 }
        NF == 3 { seen = 1 } END { exit bad || !seen }'
}

has_soname() { readelf -d "$prefix/lib/libquoit.so" | grep -qF '[libquoit.so.0]'; }

# shellcheck disable=SC2086
header_is_c() {
    $compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c "$prefix/include/quoit.h"
}

header_is_cpp() {
    "$1" -std=c++17 -Wall -Wextra -Werror -fsyntax-only -x c++ "$work/use.cc" -I"$prefix/include"
}

cat >"$work/version.c" <<'END'
#include <quoit.h>
#include <stdio.h>

int main(void)
{
    return puts(quoit_version()) < 0;
}
END
echo '#include <quoit.h>' >"$work/use.cc"

holds "the header is C11 by itself" header_is_c
cpp=""
for candidate in g++ clang++; do
    if [ -z "$cpp" ] && echo 'int a;' | "$candidate" -fsyntax-only -x c++ - 2>/dev/null; then
        cpp=$candidate
    fi
done
if [ -n "$cpp" ]; then
    holds "the header is C++17 too" header_is_cpp "$cpp"
else
    echo "skipped: there is no C++ compiler to try the header with"
    skipped=1
fi
holds "a program links with the shared library" build_shared "$work/version.c"
holds "and finds the version of the pkg-config file" says_version
holds "a program links with the static library" build_static "$work/version.c"
holds "and finds the same version" says_version
holds "the static library shows quoit_* only" only_ours "$prefix/lib/libquoit.a"
holds "the shared library shows quoit_* only" only_ours -D "$prefix/lib/libquoit.so"
holds "the shared library has its soname" has_soname
for example in examples/*.c; do
    if [ -e "$example" ]; then
        holds "$example builds against the installed library" build_shared "$example"
    fi
done
for program in quoit quoit-mock; do
    if [ -e "$build/$program" ]; then
        holds "$program is installed and starts" "$prefix/bin/$program" --version
    fi
done

printf '%d passed, %d failed' $passed $failed
[ $skipped -eq 0 ] || printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ]
