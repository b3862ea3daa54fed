#!/bin/bash
# install_test: what a user of the libraries meets, in what `make install` has put below
# $QUOIT_BUILD/tests/installed: pkg-config files that are right for the shared and for the static
# libraries, and programs that build with either and run against quoit-mock: the examples, those of
# the manual, and one that has an llhttp of its own.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build=${QUOIT_BUILD:-build}
compiler=${QUOIT_CC:-gcc}
prefix=$PWD/$build/tests/installed/usr/local
if [ ! -e "$prefix/include/quoit.h" ]; then
    echo "nothing is installed there: make test-install"
    exit 77
fi
work=$(mktemp -d "$build/tests/user.XXXXXX") || exit 1
mock=""
clean_up() {
    [ -z "$mock" ] || { kill "$mock" && wait "$mock"; } 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
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

# --- Building, as a user does ---

# package NAME OPTION...: what pkg-config says of an installed package.
package() {
    local package=$1
    shift
    PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --define-variable=prefix="$prefix" "$@" \
        "$package"
}

# The packages of a source: of an example those that its own head names, else by what it includes.
packages_of() {
    local named
    # shellcheck disable=SC2016 # it is what stands there
    named=$(sed -n 's/.*$(pkg-config --cflags --libs \([^)]*\)).*/\1/p' "$1")
    if [ -n "$named" ]; then
        echo "$named"
    else
        grep -q '#include <quoit_llm.h>' "$1" && echo quoit_llm || echo quoit
    fi
}

ours_of() { packages_of "$1" | tr ' ' '\n' | grep '^quoit'; }

others_of() { packages_of "$1" | tr ' ' '\n' | grep -v '^quoit'; }

# With a shared and a static library of one name the linker takes the shared one.
static() { sed -E 's/-l(quoit(_llm)?)( |$)/-l:lib\1.a /g'; }

# build shared|static SOURCE [OBJECT...]: $work/program. Of others' headers no warning is ours.
build() {
    local ours flags libraries others
    ours=$(ours_of "$2") || return 1
    others=$(others_of "$2")
    flags=$(package "$ours" --cflags) || return 1
    if [ "$1" = shared ]; then
        # An rpath of old holds for the libraries of a library, too: libquoit_llm.so needs libquoit.so.
        libraries="$(package "$ours" --libs) -Wl,--disable-new-dtags -Wl,-rpath,$prefix/lib"
    else
        libraries=$(package "$ours" --libs --static | static)
    fi
    if [ -n "$others" ]; then
        # shellcheck disable=SC2086 # these are words
        others=$(pkg-config --cflags --libs $others | sed 's/-I/-isystem /g') || return 1
    fi
    shift
    # shellcheck disable=SC2086
    $compiler -std=gnu11 -Wall -Wextra -Werror $flags "$@" -o "$work/program" $libraries $others
}

links_with() { ldd "$work/program" | grep -F libquoit; }

uses_shared() { links_with | grep -qF "$prefix/lib/libquoit.so.0"; }

uses_static() { ! links_with; }

# builds NAME SOURCE: with both libraries; the program that is left is the one in `kind`.
builds() {
    holds "$1 builds with the $kind library" build "$kind" "$2"
    holds "and is linked with that one" "uses_$kind"
}

# --- Running ---

start_mock() {
    local tries=0
    "$prefix/bin/quoit-mock" --port 0 --port-file "$work/port" >"$work/log" 2>&1 &
    mock=$!
    until [ -s "$work/port" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ]; then
            cat "$work/log"
            echo "0 passed, 1 failed"
            exit 1
        fi
        sleep 0.05
    done
    origin=http://127.0.0.1:$(cat "$work/port")
}

# prints COUNT PATTERN WORD...: the program, given these words, prints so many lines of that kind.
prints() {
    local count=$1 pattern=$2
    shift 2
    env -u OPENAI_API_KEY OPENAI_BASE_URL="$origin/v1" timeout 60 "$work/program" "$@" \
        <examples/prompts.txt >"$work/printed" || return 1
    cat "$work/printed"
    [ "$(grep -cE "$pattern" "$work/printed")" -eq "$count" ]
}

# The program that stands in a page of the manual.
program_of() {
    awk '/^```$/ { inside = !inside; next } inside' "man/$1.scd" | sed 's/\\\\/\\/g' >"$work/$1.c"
    grep -q '^int main' "$work/$1.c"
}

try_examples() {
    local source others
    for source in examples/*.c; do
        others=$(others_of "$source")
        # shellcheck disable=SC2086 # names of packages
        if [ -n "$others" ] && ! pkg-config --exists $others; then
            echo "skipped: $source needs" $others
            skipped=$((skipped + 1))
            continue
        fi
        builds "$source" "$source"
        case $source in
        examples/gather.c) holds "and it runs" prints 3 '^[0-2]: status 200' "$origin/" ;;
        examples/llm_batch.c)
            holds "and it runs" prints "$(wc -l <examples/prompts.txt)" ': Answer to ' model
            ;;
        esac
    done
}

try_manual() {
    local page
    for page in quoit.7 quoit_batch.3 quoit_fd.3 quoit_mailbox.3 quoit_llm.3; do
        holds "$page has a program" program_of "$page"
        builds "that of $page" "$work/$page.c"
        case $page in
        quoit.7) holds "and it runs" prints 30 '^200, [1-9]' "$origin/" 30 ;;
        quoit_batch.3) holds "and it runs" prints 2 ': 200 ' "$origin/a" "$origin/b" ;;
        quoit_fd.3) holds "and it runs" prints 2 '^200 ' "$origin/a" "$origin/b" ;;
        quoit_mailbox.3) holds "and it runs" prints 2 '^200 ' "$origin/a" "$origin/b" ;;
        quoit_llm.3) holds "and it runs" prints 2 '^Answer to ' ;;
        esac
    done
}

# --- An llhttp of the program's own ---

for share in /usr/share build/third_party/usr/share; do
    [ -e "$share/llhttp/llhttp.c" ] && break
done

make_own_llhttp() {
    local part
    for part in api http llhttp; do
        gcc -O1 -w -I"$share/include/llhttp" -c "$share/llhttp/$part.c" -o "$work/own_$part.o" ||
            return 1
    done
}

# Another version would differ in what is behind the names. This one says the same of an answer, but
# only the program may hear of it.
write_own_program() {
    cat >"$work/own.c" <<'END_OF_C'
#include "llhttp.h"

#include <quoit.h>
#include <stdio.h>
#include <string.h>

static int heard;

static int hear(llhttp_t *parser)
{
    heard += parser->status_code == 204;
    return 0;
}

int main(int count, char **words)
{
    const char *text = "HTTP/1.1 204 No Content\r\n\r\n";
    struct quoit_request request = { .url = words[count - 1] };
    struct quoit_engine *engine;
    struct quoit_batch *batch;
    llhttp_settings_t settings;
    llhttp_t parser;

    llhttp_settings_init(&settings);
    settings.on_message_complete = hear;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    if (quoit_create(NULL, &engine) != QUOIT_OK ||
        quoit_batch_create(engine, &request, 1, &batch) != QUOIT_OK) {
        return 1;
    }
    quoit_batch_wait(batch);
    printf("status %u\n", quoit_batch_result(batch, 0)->status);
    quoit_batch_destroy(batch);
    quoit_destroy(engine);
    llhttp_execute(&parser, text, strlen(text));
    printf("heard %d\n", heard);
    return 0;
}
END_OF_C
}

build_own() {
    build "$kind" "$work/own.c" -I"$share/include/llhttp" "$work"/own_*.o &&
        nm "$work/program" | grep -q ' T llhttp_execute$'
}

try_own_llhttp() {
    holds "a program with an llhttp of its own builds with the $kind library" build_own
    holds "its requests are answered" prints 1 '^status 200$' "$origin/"
    holds "and its parser parses" prints 1 '^heard 1$' "$origin/"
}

start_mock
if [ -e "$share/llhttp/llhttp.c" ]; then
    holds "an llhttp is made" make_own_llhttp
    write_own_program
else
    echo "skipped: the sources of node-llhttp are not here"
    skipped=$((skipped + 1))
fi
for kind in shared static; do
    try_examples
    try_manual
    [ ! -e "$work/own.c" ] || try_own_llhttp
done
for program in quoit quoit-mock; do
    holds "$program is installed and starts" "$prefix/bin/$program" --version
done

printf '%d passed, %d failed' $passed $failed
[ $skipped -eq 0 ] || printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ]
