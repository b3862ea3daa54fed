#!/bin/bash
# threads_test: ThreadSanitizer finds no race among the threads of programs: those of a load test
# beside the one that looks on, that of `quoit batch --fsync group`, and those of the examples.
#
# QUOIT_TSAN is the build with ThreadSanitizer, whose programs are run; `make tsan` says which. The
# stand-in is that of $QUOIT_BUILD.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build=${QUOIT_BUILD:-build}
quoit=${QUOIT_TSAN:-}/quoit
if [ ! -x "$quoit" ]; then
    echo "skipped: QUOIT_TSAN names no build: make tsan"
    exit 77
fi
work=$(mktemp -d "$build/threads.XXXXXX") || exit 1
mock=""
clean_up() {
    [ -z "$mock" ] || { kill "$mock" && wait "$mock"; } 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
passed=0 failed=0

# A race makes the program's exit code 66.
export TSAN_OPTIONS="exitcode=66"

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        head -n 60 "$work/said"
    fi
}

start_mock() {
    local tries=0
    "$build/quoit-mock" --port 0 --port-file "$work/port" >"$work/log" 2>&1 &
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
    # A name: it is looked up in a thread.
    origin=http://localhost:$(cat "$work/port")
}

bench() { timeout 120 "$quoit" bench "$origin/v1/chat/completions" -d "$body" --threads 3 "$@"; }

batch() {
    examples/make_batch.sh | head -n 300 >"$work/queries.jsonl"
    timeout 120 "$quoit" batch "$work/queries.jsonl" -o "$work/answers.jsonl" --fsync group -c 32 \
        --base-url "$origin/v1"
}

start_mock
body='{"model":"mock","stream":true,"max_tokens":8,"messages":[{"role":"user","content":"What?"}]}'
holds "a closed loop of three threads has no race" bench -c 9 -n 900
holds "nor one of a time, over epoll" bench -c 9 -z 1s --warmup 200ms --io epoll
holds "nor an open loop, with streams and all its files" bench -q 100 --arrival poisson -z 1s --stream \
    --json "$work/run.json" --csv "$work/run.csv" --hlog "$work/run.hlog" --html "$work/run.html"
holds "nor a batch whose answers a thread brings to disk" batch
holds "of which each has its answer" [ "$(wc -l <"$work/answers.jsonl")" -eq 300 ]
holds "nor threads that ask one engine" timeout 120 "$QUOIT_TSAN/examples/threads" "$origin/page"
holds "nor a service of several" timeout 120 "$QUOIT_TSAN/examples/service" "$origin/page" 2000
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
