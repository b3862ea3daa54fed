#!/bin/bash
# api_test: whatever tells of the library agrees with its headers. What `make install` has put below
# $QUOIT_BUILD/tests/installed is looked at:
#
#   headers     clean by themselves: C11, C17, C++17, C++20, with all warnings, gcc and clang
#   symbols     those of the libraries are the functions that the headers declare, no more, no less
#   manual      each function has a page, with the prototype of the header
#   versions    one everywhere
#   completions the command makes them, and each is where its shell looks
#   uninstall   leaves nothing
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build=${QUOIT_BUILD:-build}
installed=$PWD/$build/tests/installed
prefix=$installed/usr/local
if [ ! -e "$prefix/include/quoit.h" ]; then
    echo "nothing is installed there: make test-install"
    exit 77
fi
work=$(mktemp -d "$build/tests/api.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        head -n 30 "$work/said"
    fi
}

# --- Headers ---

warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wcast-qual -Werror"
c_warnings="$warnings -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wc++-compat"
cpp_warnings="$warnings -Wold-style-cast -Wzero-as-null-pointer-constant -Wextra-semi"

# header_is_clean COMPILER SUFFIX STANDARD HEADER: it stands first and alone, and once more.
header_is_clean() {
    local flags=$c_warnings
    [ "$2" = c ] || flags=$cpp_warnings
    {
        printf '#include <%s>\n#include <%s>\n' "$4" "$4"
        echo 'uint64_t never(void); uint64_t never(void) { return QUOIT_NEVER; }'
        echo 'uint32_t none(void); uint32_t none(void) { return QUOIT_NONE; }'
    } >"$work/use.$2"
    # shellcheck disable=SC2086 # the flags are words
    "$1" -std="$3" $flags -fsyntax-only -I"$prefix/include" "$work/use.$2"
}

can_compile() { echo 'int a;' | "$1" -fsyntax-only -x "$2" - 2>/dev/null; }

check_headers() {
    local compiler language suffix standard header
    for row in gcc:c:c clang:c:c g++:c++:cc clang++:c++:cc; do
        IFS=: read -r compiler language suffix <<<"$row"
        if ! can_compile "$compiler" "$language"; then
            echo "skipped: there is no $compiler to try the headers with"
            skipped=$((skipped + 1))
            continue
        fi
        for standard in "${language}11" "${language}17" "${language}20"; do
            # C++ begins with 17, and 20 is no C.
            case $standard in c++11 | c20) continue ;; esac
            for header in "$prefix"/include/*.h; do
                header=${header##*/}
                holds "$header is $standard for $compiler" \
                    header_is_clean "$compiler" "$suffix" "$standard" "$header"
            done
        done
    done
}

# --- Symbols ---

# declarations_of HEADER: what it offers, one a line, as the preprocessor leaves it.
declarations_of() {
    gcc -E -P -I"$prefix/include" "$prefix/include/$1" | tr '\n' ' ' | tr ';' '\n' |
        grep -F 'visibility("default")'
}

functions_of() { declarations_of "$1" | sed -E 's/^.*[ *](quoit_[a-z0-9_]+)\(.*/\1/' | sort -u; }

# The same without attributes and blanks, as prototypes are compared.
prototypes_of() {
    declarations_of "$1" | sed -E 's/__attribute__\(\([a-z_]+(\("default"\))?\)\)//g
        s/_Bool/bool/g; s/ //g'
}

global_in() { nm -g --defined-only "$@" | awk 'NF == 3 && $2 != "A" { sub(/@.*/, "", $3); print $3 }'; }

shows_just() {
    local wanted=$1
    shift
    [ -s "$wanted" ] && global_in "$@" | sort | diff "$wanted" -
}

has_versions() {
    nm -D --defined-only "$prefix"/lib/libquoit.so "$prefix"/lib/libquoit_llm.so | awk "NF == 3" |
        awk '$2 != "A" { if ($3 !~ /@@QUOIT_0\.[0-9]+$/) { print; bad = 1 } seen = 1 }
            END { exit bad || !seen }'
}

check_symbols() {
    local header
    functions_of quoit_llm.h >"$work/all"
    for header in "$prefix"/include/*.h; do
        [ "${header##*/}" = quoit_llm.h ] || functions_of "${header##*/}"
    done | sort -u >"$work/functions"
    comm -13 "$work/functions" "$work/all" >"$work/functions_llm"
    holds "libquoit.so shows what the headers declare" \
        shows_just "$work/functions" -D "$prefix/lib/libquoit.so"
    holds "each in a version" has_versions
    holds "libquoit.a shows the same" shows_just "$work/functions" "$prefix/lib/libquoit.a"
    holds "libquoit_llm.a shows what quoit_llm.h declares" \
        shows_just "$work/functions_llm" "$prefix/lib/libquoit_llm.a"
    holds "libquoit_llm.so shows the same" \
        shows_just "$work/functions_llm" -D "$prefix/lib/libquoit_llm.so"
    # A library with a function more, of our own name, is found out.
    echo 'void quoit_of_nobody(void); void quoit_of_nobody(void) {}' >"$work/more.c"
    gcc -shared -fPIC "$work/more.c" -o "$work/more.so"
    holds "one that shows more is found out" \
        eval "! shows_just '$work/functions' -D '$work/more.so'"
}

# --- The manual ---

# page_text PAGE: without roff's escapes; a link is followed.
page_text() {
    local page=$prefix/share/man/man3/$1.3 link
    link=$(sed -n '1s/^\.so //p' "$page") || return 1
    [ -z "$link" ] || page=$prefix/share/man/$link
    sed -e 's/\\&//g' -e 's/\\-/-/g' -e 's/\\f[BIR]//g' "$page"
}

# section PAGE NAME: the lines of one section.
section() { page_text "$1" | awk -v name="$2" '/^\.SH/ { on = $2 == name; next } on'; }

# The one that ends in just that name: its return type, without blanks, stands glued before it.
prototype_of() {
    grep -E "^(void|bool|int|size_t|uint32_t|uint64_t|enumquoit_error|.*\*)$1\(" "$work/prototypes"
}

has_page() {
    local name=$1
    section "$name" NAME | tr -d ',' | tr ' ' '\n' | grep -qx "$name" ||
        { echo "NAME has no $name" && return 1; }
    section "$name" SYNOPSIS | grep -vE '^(\.|#include|Link with)' | tr -d ' \n' | tr ';' '\n' |
        grep -xF "$(prototype_of "$name")"
}

# As `man quoit_next` looks for it: by its name, and through the link.
man_finds() { MANWIDTH=80 man -M "$prefix/share/man" 3 "$1" | grep -qF 'QUOIT_E_STALE'; }

lists_all_pages() {
    local page
    for page in man/*.3.scd; do
        page=${page#man/}
        grep -qF "*${page%.3.scd}*(3)" man/quoit.7.scd || { echo "not $page" && return 1; }
    done
}

# A header that has changed is in the page without a word: so only a page of nobody can be wrong.
refuses_unknown_names() {
    printf 'quoit(3)\n\n@about quoit_of_nobody\n' >"$work/page"
    ! awk -f man/manual.awk include/*.h "$work/page"
}

formats_without_warnings() {
    local page
    for page in "$prefix"/share/man/man[1357]/*; do
        case $(head -c 3 "$page") in .so) continue ;; esac
        groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null | grep . && return 1
    done
    true
}

check_manual() {
    local name
    for header in "$prefix"/include/*.h; do
        prototypes_of "${header##*/}"
    done | sort -u >"$work/prototypes"
    while read -r name; do
        holds "$name has a page with its prototype" has_page "$name"
    done < <(sort -u "$work/all" "$work/functions")
    if command -v man >/dev/null; then
        holds "man follows its link" man_finds quoit_release
    fi
    holds "quoit(7) names all pages" lists_all_pages
    holds "a name that no header has ends the build" refuses_unknown_names
    if command -v groff >/dev/null; then
        holds "groff warns of nothing" formats_without_warnings
    fi
}

# --- Versions ---

same_version() {
    local version page
    cat >"$work/version.c" <<'END_OF_C'
#include <quoit.h>
#include <stdio.h>

int main(void)
{
    printf("%d.%d.%d %s\n", QUOIT_VERSION_MAJOR, QUOIT_VERSION_MINOR, QUOIT_VERSION_PATCH,
           quoit_version());
    return 0;
}
END_OF_C
    # shellcheck disable=SC2086 # the compiler is words
    ${QUOIT_CC:-gcc} "$work/version.c" -I"$prefix/include" -L"$prefix/lib" -lquoit \
        -Wl,-rpath,"$prefix/lib" -o "$work/version" || return 1
    version=$(pkg-config --modversion "$prefix/lib/pkgconfig/quoit.pc")
    set -x
    [ "$("$work/version")" = "$version $version" ] || return 1
    [ "$(pkg-config --modversion "$prefix/lib/pkgconfig/quoit_llm.pc")" = "$version" ] || return 1
    [ "$("$prefix/bin/quoit" --version | head -n 1)" = "quoit $version" ] || return 1
    [ "$(readlink "$prefix/lib/libquoit.so.0")" = "libquoit.so.$version" ] || return 1
    [ "$(readlink "$prefix/lib/libquoit_llm.so.0")" = "libquoit_llm.so.$version" ] || return 1
    { set +x; } 2>/dev/null
    for page in "$prefix"/share/man/man[1357]/*; do
        grep -qE "^\.so |^\.TH .* \"quoit $version\"" "$page" || { echo "$page" && return 1; }
    done
}

says_how_it_was_built() {
    "$prefix/bin/quoit" --version | sed -n 2p | grep -E 'liburing .*OpenSSL .*llhttp [0-9]'
}

# --- Completions ---

# has_completions SHELL PLACE: where that shell looks for them, those of the installed command.
has_completions() { "$prefix/bin/quoit" --completions "$1" | cmp - "$prefix/share/$2"; }

check_completions() {
    holds "bash finds its completions" has_completions bash bash-completion/completions/quoit
    holds "zsh finds its completions" has_completions zsh zsh/site-functions/_quoit
    holds "fish finds its completions" has_completions fish fish/vendor_completions.d/quoit.fish
    holds "another shell has none" eval "! '$prefix/bin/quoit' --completions csh"
}

# --- Uninstalling ---

leaves_nothing() {
    cp -a "$installed" "$work/tree" || return 1
    env -u MAKEFLAGS -u MAKELEVEL make uninstall PREFIX=/usr/local LIBDIR=/usr/local/lib \
        DESTDIR="$work/tree" || return 1
    find "$work/tree" ! -type d | grep . && return 1
    true
}

check_headers
check_symbols
check_manual
holds "the version is one everywhere" same_version
holds "and the library says what it is made of" says_how_it_was_built
check_completions
holds "make uninstall leaves nothing" leaves_nothing

printf '%d passed, %d failed' $passed $failed
[ $skipped -eq 0 ] || printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ]
