#!/bin/sh
# threads_example_test: examples/threads.c and examples/service.c ask quoit-mock: each answer comes to
# who asked for it, and an exit code tells whether all are there.
set -u
cd "$(dirname "$0")/../.." || exit 1

build=${QUOIT_BUILD:-build}
work=$(mktemp -d "$build/tests/threads_example.XXXXXX") || exit 1
mock=""
clean_up() {
    [ -z "$mock" ] || { kill "$mock" && wait "$mock"; } 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
passed=0 failed=0

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        head -n 5 "$work/said"
    fi
}

"$build/quoit-mock" --port 0 --port-file "$work/port" >"$work/log" 2>&1 &
mock=$!
tries=0
until [ -s "$work/port" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ]; then
        cat "$work/log"
        echo "0 passed, 1 failed"
        exit 1
    fi
    sleep 0.05
done
url=http://127.0.0.1:$(cat "$work/port")

says() { timeout 60 "$build/examples/$1" "$2" "${3:-}" >"$work/said" 2>&1; }
fails() { ! says "$@"; }

holds "four threads ask one engine" says threads "$url/page"
for thread in 1 2 3 4; do
    holds "thread $thread has its answers" grep -qx "thread $thread: 10 answers" "$work/said"
done
holds "what is not found is told" fails threads "$url/missing"
holds "by each thread" [ "$(grep -c ': 0 answers$' "$work/said")" -eq 4 ]
holds "a service asks more than its mailboxes hold" says service "$url/page" 20000
holds "and has all answers" grep -Eq '^20000 requests over [0-9]+ engines, 20000 good' "$work/said"
holds "a service says what is wrong" fails service "$url/missing" 10
holds "of each request" [ "$(grep -c 'status 404' "$work/said")" -eq 10 ]

# Half an answer has a status, too.
holds "bodies are cut" curl -sf --noproxy '*' -o "$work/said" -d 'fault: close-mid-body' "$url/mock/settings"
holds "which each thread sees" fails threads "$url/page"
holds "and takes for no answer" [ "$(grep -c ': 0 answers$' "$work/said")" -eq 4 ]
holds "nor does a service" fails service "$url/page" 10
holds "of whose it says so" [ "$(grep -c 'status 200, ' "$work/said")" -eq 10 ]

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
