#!/bin/sh
# llm_example_test: examples/llm_batch.c does what README.md shows, against quoit-mock: one answer a
# prompt, whatever stands in it, and an exit code that tells whether all are there.
set -u
cd "$(dirname "$0")/../.." || exit 1

build=${QUOIT_BUILD:-build}
work=$(mktemp -d "$build/tests/llm_example.XXXXXX") || exit 1
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
        head -n 5 "$work/answers" "$work/said"
    fi
}

# start_mock OPTION...: starts one, and waits until it has told its port, which is then in $url.
start_mock() {
    rm -f "$work/port"
    "$build/quoit-mock" --port 0 --port-file "$work/port" "$@" >"$work/log" 2>&1 &
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
    url=http://127.0.0.1:$(cat "$work/port")/v1
}

# example: asks what stands in $work/prompts. Its exit code is in $code.
example() {
    env -u OPENAI_API_KEY OPENAI_BASE_URL="$url" timeout 60 \
        "$build/examples/llm_batch" model <"$work/prompts" >"$work/answers" 2>"$work/said"
    code=$?
}

numbers() { sed -n 's/^\([0-9]*\): Answer to .*/\1/p' "$work/answers" | sort -u | wc -l; }

# The block of C in README.md that uses quoit_llm.h, as it stands.
awk '/^```c$/ { block = ""; inside = 1; next }
     /^```$/ { if (inside && block ~ /quoit_llm\.h/) printf "%s", block; inside = 0 }
     inside { block = block $0 "\n" }' README.md >"$work/answers"
: >"$work/said"
holds "README.md shows it whole" cmp "$work/answers" examples/llm_batch.c

seq 1 500 | sed 's/$/: say "so" \\ \t/' >"$work/prompts"
start_mock --latency uniform:1ms:20ms
example
holds "it succeeds" [ $code -eq 0 ]
holds "every prompt has its answer" [ "$(grep -c '^[0-9]*: Answer to ' "$work/answers")" -eq 500 ]
holds "each one once" [ "$(numbers)" -eq 500 ]
holds "and says so" grep -qx '500 prompts, 500 answers, 8000 tokens' "$work/said"

# README.md's line, but for the make before it, and with this server and this build.
line=$(sed -n 's/^\$ make && \(.* | OPENAI_BASE_URL=.*\)$/\1/p' README.md |
    sed -e "s|http://127.0.0.1:8000/v1|$url|" -e "s|build/|$build/|")
timeout 60 sh -c "$line" >"$work/answers" 2>"$work/said"
holds "README.md's line runs" [ $? -eq 0 ]
holds "and its prompt has its answer" grep -q '^1: Answer to ' "$work/answers"
kill "$mock" && wait "$mock" 2>/dev/null

start_mock --status 401
example
holds "a key that is wrong is told" [ $code -eq 1 ]
holds "for each prompt" [ "$(grep -c 'status 401: the mock answers' "$work/answers")" -eq 500 ]
holds "and counted" grep -qx '500 prompts, 0 answers, 0 tokens' "$work/said"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
