#!/bin/bash
# examples_test: the programs of examples/ do what they say, against quoit-mock, and so does the C of
# README.md, built from its own text.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

build=${QUOIT_BUILD:-build}
compiler=${QUOIT_CC:-gcc}
work=$(mktemp -d "$build/tests/examples.XXXXXX") || exit 1
started=()
clean_up() {
    local process
    for process in "${started[@]}"; do
        { kill "$process" && wait "$process"; } 2>/dev/null
    done
    rm -rf "$work"
}
trap clean_up EXIT
passed=0 failed=0 skipped=0

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        head -n 20 "$work/said"
    fi
}

# start NAME COMMAND...: a server that writes its port into $work/NAME, which is then in $port.
start() {
    local name=$1 tries=0
    shift
    "$@" >"$work/log" 2>&1 &
    started+=($!)
    until [ -s "$work/$name" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ]; then
            cat "$work/log"
            echo "0 passed, 1 failed"
            exit 1
        fi
        sleep 0.05
    done
    port=$(cat "$work/$name")
}

start_mock() { start "$1" "$build/quoit-mock" --port 0 --port-file "$work/$1" "${@:2}"; }

# example NAME WORD...: what it prints is in $work/said, its exit code in $code.
example() {
    timeout 60 "$build/examples/$1" "${@:2}" >"$work/said" 2>&1
    code=$?
}

# says COUNT LINE: so many lines of what was said are that expression.
says() { [ "$(grep -cxE "$2" "$work/said")" -eq "$1" ]; }

# --- The course ---

try_requests() {
    example one "$origin/a"
    holds "one: its status is told" says 1 'status 200'
    holds "and its body" says 1 '\{"mock":"page","path":"/a",.*'
    holds "and it succeeds" [ $code -eq 0 ]
    example one nonsense
    holds "one: what is no URL is told" says 1 'one: not an absolute http or https URL'
    example one "http://127.0.0.1:1/"
    holds "one: what failed is told" says 1 'one: no connection to the server'
    holds "and it fails" [ $code -eq 1 ]

    example gather "$origin/"
    holds "gather: three answers, in order" [ "$(sed 's/:.*//' "$work/said" | tr -d '\n')" = 012 ]
    holds "all good" says 3 '.: status 200, [0-9]+ bytes, no error '
    holds "which is a success" [ $code -eq 0 ]
    example gather "$origin/missing"
    holds "gather: what is missing is a failure" [ $code -eq 1 ]

    example as_completed "$origin/"
    holds "as_completed: each is told as it comes" says 100 ' *[0-9]+ of 100: .*, status 200, no error'
    holds "each once" [ "$(grep -o 'request [0-9]*' "$work/said" | sort -u | wc -l)" -eq 100 ]
    holds "not in the order of the questions" \
        [ "$(grep -o 'request [0-9]*' "$work/said" | grep -o '[0-9]*' | sort -nc 2>&1 | wc -l)" -eq 1 ]
}

try_streams() {
    example stream "$origin/v1/chat/completions"
    holds "stream: its head comes first" [ "$(head -n 1 "$work/said")" = "head: status 200" ]
    holds "then events" says 11 'message: .*'
    holds "of which the last says so" says 1 'message: \[DONE\]'
    holds "then its end" [ "$(tail -n 1 "$work/said")" = "end: status 200, no error" ]
    example stream "$origin/missing"
    holds "stream: what is no stream comes as a whole" says 1 'end: status 404, no error'
    holds "and is a failure" [ $code -eq 1 ]
}

try_cancel() {
    local quick=$origin/ slow=$slow_origin/
    example cancel "$slow" "$quick" "$slow"
    holds "cancel: the first answer is kept" says 1 "$quick: the first answer, status 200"
    holds "and the others are given up" says 2 "$slow: cancelled by the caller"
    holds "and it succeeds" [ $code -eq 0 ]
    example cancel nonsense
    holds "cancel: nothing to ask is a failure" [ $code -eq 1 ]
}

# A server that says 503, then 200 with an error in it, then an answer; the fourth, an error again.
cat >"$work/moody.py" <<'END'
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.count += 1
        status = 503 if Handler.count == 1 else 200
        body = b'{"choices":[]}' if Handler.count == 3 else b'{"error":"overloaded"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
END

try_retry() {
    if ! command -v python3 >/dev/null; then
        echo "skipped: python3, which the server for retry is written in"
        skipped=$((skipped + 1))
        return
    fi
    start moody python3 "$work/moody.py" "$work/moody"
    example retry "http://127.0.0.1:$port/"
    holds "retry: a 503 is tried again by itself" says 1 '2 attempts, 1 retries: status 200, no error'
    holds "and what only the caller can judge" says 1 '3 attempts, 2 retries: status 200, no error'
    holds "until it is good" [ $code -eq 0 ]
    timeout 60 env "$build/examples/retry" "$origin/missing" >"$work/said" 2>&1
    code=$?
    holds "retry: a 404 is final at once" says 1 '1 attempts, 0 retries: status 404, no error'
    holds "and is told" says 1 'retry: the request has no attempt left'
    holds "and is a failure" [ $code -eq 1 ]
}

# --- The loops ---

packages_of() { # shellcheck disable=SC2016 # it is what stands there
    sed -n 's/.*$(pkg-config --cflags --libs quoit \([^)]*\)).*/\1/p' "examples/$1.c"
}

try_loop() {
    local packages
    packages=$(packages_of "$1")
    if [ -n "$packages" ] && ! pkg-config --exists "$packages"; then
        echo "skipped: $1, since pkg-config finds no $packages"
        skipped=$((skipped + 1))
        return 1
    fi
    example "$1" "$origin/"
    holds "$1: all is answered, and its timer ticks" says 1 '100 of 100 answered, [1-9][0-9]* ticks'
    holds "and it succeeds" [ $code -eq 0 ]
    return 0
}

# headers_are LANGUAGE "COMPILER OPTION" NAME...: a source that includes just these adapters, each twice.
headers_are() {
    local language=$1 compiler=$2 name others=""
    shift 2
    for name in "$@" "$@"; do
        echo "#include \"adapters/quoit_$name.h\""
    done >"$work/headers.$language"
    for name in "$@"; do
        [ ! -e "examples/$name.c" ] || others="$others $(packages_of "$name")"
    done
    # shellcheck disable=SC2086 # these are words
    [ -z "${others// /}" ] || others=$(pkg-config --cflags $others | sed 's/-I/-isystem /g')
    # shellcheck disable=SC2086
    $compiler -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only \
        "$work/headers.$language" -Iinclude -Iexamples $others >"$work/said" 2>&1
}

try_headers() {
    local name candidate cpp=""
    for candidate in g++ clang++; do
        if [ -z "$cpp" ] && echo 'int a;' | "$candidate" -fsyntax-only -x c++ - 2>/dev/null; then
            cpp=$candidate
        fi
    done
    if [ -z "$cpp" ]; then
        echo "skipped: there is no C++ compiler to try the adapters with"
        skipped=$((skipped + 1))
    fi
    for name in "$@" "$*"; do # one by one, and all of them in one program
        # shellcheck disable=SC2086 # these are words
        holds "adapters/quoit_X.h is C11 for X: $name" headers_are c "gcc -std=gnu11" $name
        # shellcheck disable=SC2086
        [ -z "$cpp" ] || holds "and C++17" headers_are cc "$cpp -std=c++17" $name
    done
}

# --- README.md ---

# Its blocks of C, one by one, in $work/readme/1.c and on; each a whole program or lines of one.
mkdir "$work/readme"
awk -v to="$work/readme" '/^```c$/ { inside = 1; count++; next } /^```$/ { inside = 0 }
     inside { print >(to "/" count ".c") }' README.md

# built SOURCE [PACKAGE]: $work/program, against the library of this build.
built() {
    local others=""
    if [ $# -gt 1 ]; then
        others=$(pkg-config --cflags --libs "$2" | sed 's/-I/-isystem /g')
    fi
    # shellcheck disable=SC2086 # these are words
    $compiler -std=gnu11 -Wall -Wextra -Werror -Iinclude -Iexamples "$1" -o "$work/program" \
        -L"$build" -lquoit -Wl,-rpath,"$PWD/$build" $others >"$work/said" 2>&1
}

# ran WORD...: it succeeds within its time.
ran() { timeout 60 "$work/program" "$@" >"$work/said" 2>&1; }

is_an_example() {
    local example
    for example in examples/*.c; do
        ! cmp -s "$1" "$example" || return 0
    done
    return 1
}

# What README.md leaves out around the lines of a loop: what is declared before, an on_event that
# leaves the loop after the third answer, what frees the loop, and a line that tells.
around() {
    local setup leave free
    case $1 in
    uv)
        setup='uv_loop_t *loop = uv_default_loop();'
        leave='(void)context;'
        free='uv_run(loop, UV_RUN_DEFAULT); uv_loop_close(loop);'
        ;;
    glib)
        setup='GMainLoop *loop = g_main_loop_new(NULL, FALSE);'
        leave='if (answered == 3) g_main_loop_quit(context);'
        free='g_main_loop_unref(loop);'
        ;;
    libevent)
        setup='struct event_base *base = event_base_new();'
        leave='if (answered == 3) event_base_loopbreak(context);'
        free='event_base_free(base);'
        ;;
    esac
    cat <<END
#include "adapters/quoit_$1.h"
#include <stdio.h>
static int answered;
static void on_event(void *context, const struct quoit_event *event)
{
    answered += event->result->status == 200;
    $leave
}
int main(int argc, char **argv)
{
    const struct quoit_request request = { .url = argv[argc - 1] };
    struct quoit_engine *engine;
    uint64_t id;
    $setup
    if (quoit_create(NULL, &engine) != QUOIT_OK)
        return 1;
$(cat "$2")
    quoit_destroy(engine);
    $free
    printf("%d answered\n", answered);
    return 0;
}
END
}

try_block() {
    local block=$1 loop
    loop=$(grep -oE 'struct quoit_(uv|glib|libevent) ' "$block" | sed 's/struct quoit_//; s/ //')
    if grep -q '^ \*   cc ' "$block"; then
        holds "README.md shows an example whole ($(sed -n '2s/:.*//p' "$block"))" is_an_example "$block"
    elif grep -q '^int main' "$block"; then
        sed -i "s|127.0.0.1:8000|${origin#http://}|" "$block"
        holds "README.md: its first program builds" built "$block"
        holds "and runs" ran
        holds "and tells" says 2 200
    elif [ -n "$loop" ] && pkg-config --exists "$(packages_of "$loop")"; then
        holds "README.md: the lines for $loop are ten at most" [ "$(wc -l <"$block")" -le 10 ]
        around "$loop" "$block" >"$work/loop.c"
        holds "and build" built "$work/loop.c" "$(packages_of "$loop")"
        holds "and run" ran "$origin/"
        holds "and tell" says 1 '3 answered'
    else
        holds "README.md: it is known what to do with ${block##*/}" [ -n "$loop" ]
    fi
}

: >"$work/said"
start_mock mock --latency uniform:5ms:40ms
origin=http://127.0.0.1:$port
start_mock slow --latency 20s
slow_origin=http://127.0.0.1:$port
try_requests
try_streams
try_cancel
try_retry
loops=()
for loop in epoll uv glib libevent; do
    try_loop $loop && loops+=("$loop")
done
try_headers "${loops[@]}" threads hook
for block in "$work"/readme/*.c; do
    try_block "$block"
done
holds "README.md has a block for each loop" \
    [ "$(cat "$work"/readme/*.c | grep -cE 'struct quoit_(epoll|uv|glib|libevent) adapter')" -eq 4 ]

printf '%d passed, %d failed' $passed $failed
[ $skipped -eq 0 ] || printf ', %d skipped' $skipped
echo
[ $failed -eq 0 ]
