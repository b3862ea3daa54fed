#!/bin/sh
# install_test: what a user of the libraries meets, in what `make install` has put below
# $QUOIT_BUILD/tests/installed: headers for C and C++, libraries that show quoit_* and nothing else,
# pkg-config files that are right for them, and examples that build with those.
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

# package NAME OPTION...: what pkg-config says of an installed package.
package() {
    package=$1
    shift
    PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --define-variable=prefix="$prefix" "$@" \
        "$package"
}

# The package that a source needs, by the header it includes.
package_of() { grep -q '#include <quoit_llm.h>' "$1" && echo quoit_llm || echo quoit; }

# shellcheck disable=SC2046,SC2086 # compiler and flags are words
build_shared() {
    $compiler -std=gnu11 "$1" -o "$work/program" $(package "$(package_of "$1")" --cflags --libs)
}

# shellcheck disable=SC2046,SC2086
build_static() {
    $compiler -std=gnu11 "$1" -o "$work/program" $(package "$(package_of "$1")" --cflags) \
        $(package "$(package_of "$1")" --static --libs | sed 's/-lquoit\( \|$\)/-l:libquoit.a /g')
}

says_version() {
    [ "$(LD_LIBRARY_PATH="$prefix/lib" "$work/program")" = "$(package quoit --modversion)" ]
}

# Whatever its names, a library defines only quoit_* (and the version node of the shared one).
only_ours() {
    nm -g --defined-only "$@" | awk 'NF == 3 && $3 !~ /^(quoit_|QUOIT_0$)/ { print; bad = 1 }
        NF == 3 { seen = 1 } END { exit bad || !seen }'
}

has_soname() { readelf -d "$prefix/lib/libquoit.so" | grep -qF '[libquoit.so.0]'; }

# shellcheck disable=SC2086
header_is_c() {
    $compiler -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -x c \
        "$prefix/include/$1" -I"$prefix/include"
}

header_is_cpp() {
    echo "#include <$2>" >"$work/use.cc"
    "$1" -std=c++17 -Wall -Wextra -Wshadow -Werror -fsyntax-only -x c++ "$work/use.cc" \
        -I"$prefix/include"
}

cat >"$work/version.c" <<'END'
#include <quoit.h>
#include <stdio.h>

int main(void)
{
    return puts(quoit_version()) < 0;
}
END
cat >"$work/body.c" <<'END'
#include <quoit_llm.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct quoit_llm_parameters parameters = { .max_tokens = 1 };
    struct quoit_llm_prompt prompt = { .text = "a" };
    struct quoit_llm_batch *batch;
    char *body;

    if (quoit_llm_body_create(&parameters, &prompt, 1, &body) != QUOIT_OK ||
        quoit_llm_batch_create(NULL, NULL, 0, &batch) != QUOIT_OK) {
        return 1;
    }
    free(body);
    quoit_llm_batch_destroy(batch);
    return puts(quoit_version()) < 0;
}
END

for header in quoit.h quoit_mailbox.h quoit_llm.h; do
    holds "$header is C11 by itself" header_is_c $header
done
cpp=""
for candidate in g++ clang++; do
    if [ -z "$cpp" ] && echo 'int a;' | "$candidate" -fsyntax-only -x c++ - 2>/dev/null; then
        cpp=$candidate
    fi
done
if [ -n "$cpp" ]; then
    for header in quoit.h quoit_mailbox.h quoit_llm.h; do
        holds "$header is C++17 too" header_is_cpp "$cpp" $header
    done
else
    echo "skipped: there is no C++ compiler to try the headers with"
    skipped=1
fi
for source in version body; do
    holds "$source.c links with the shared library" build_shared "$work/$source.c"
    holds "and finds the version of the pkg-config file" says_version
    holds "$source.c links with the static library" build_static "$work/$source.c"
    holds "and finds the same version" says_version
done
holds "both packages have one version" \
    [ "$(package quoit --modversion)" = "$(package quoit_llm --modversion)" ]
holds "the static library shows quoit_* only" only_ours "$prefix/lib/libquoit.a"
holds "the shared library shows quoit_* only" only_ours -D "$prefix/lib/libquoit.so"
holds "libquoit_llm.a shows quoit_* only" only_ours "$prefix/lib/libquoit_llm.a"
for source in man/*.scd; do
    page=${source#man/}
    page=${page%.scd}
    page=man${page##*.}/$page
    holds "$page is installed" grep -q '^\.SH NAME' "$prefix/share/man/$page"
done
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
