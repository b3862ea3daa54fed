#!/bin/sh
# demo: a batch of 1,000 queries goes out and every answer comes back, over HTTP, then over HTTPS.
#
# The server is quoit-mock, which makes its answers up, on a port of 127.0.0.1 that is free; the
# certificate is made on the spot. Nothing leaves this machine, and no key is needed. What was
# started is stopped at the end, however it ends.
set -eu
cd "$(dirname "$0")/.."

build=${QUOIT_BUILD:-build}
began_s=$(date +%s)
work=$(mktemp -d "$build/demo.XXXXXX")
mocks=""

clean_up() {
    for mock in $mocks; do
        kill "$mock" 2>/dev/null || true
        wait "$mock" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# start_mock NAME OPTION...: starts one, waits until it has told its port, and puts that in $port.
start_mock() {
    name=$1
    shift
    "$build/quoit-mock" --port 0 --port-file "$work/$name.port" --latency 200ms "$@" \
        >"$work/$name.log" 2>&1 &
    mocks="$mocks $!"
    tries=0
    until [ -s "$work/$name.port" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 100 ] || ! kill -0 $! 2>/dev/null; then
            echo "demo: quoit-mock did not start:" >&2
            cat "$work/$name.log" >&2
            exit 1
        fi
        sleep 0.05
    done
    port=$(cat "$work/$name.port")
}

# batch NAME OPTION...: runs the batch. The answers stay in $work/NAME.jsonl.
batch() {
    name=$1
    shift
    printf '\n$ quoit batch batch.jsonl -o %s.jsonl -c 64 %s\n' "$name" "$*"
    env -u OPENAI_API_KEY -u OPENAI_BASE_URL no_proxy=127.0.0.1 \
        "$build/quoit" batch "$work/batch.jsonl" -o "$work/$name.jsonl" -c 64 "$@"
    answers=$(wc -l <"$work/$name.jsonl")
    if [ "$answers" -ne "$queries" ]; then
        echo "demo: $queries queries, but $answers answers" >&2
        exit 1
    fi
    printf '\nThe first three of %d answers:\n' "$answers"
    head -n 3 "$work/$name.jsonl" | cut -c 1-300
}

sh examples/make_batch.sh >"$work/batch.jsonl"
queries=$(wc -l <"$work/batch.jsonl")
printf 'A batch of %d queries. The first one:\n' "$queries"
head -n 1 "$work/batch.jsonl"

start_mock http
batch http --base-url "http://127.0.0.1:$port/v1"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 \
    -subj /CN=localhost -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>"$work/openssl.log" || {
    cat "$work/openssl.log" >&2
    exit 1
}
start_mock https --tls-cert "$work/cert.pem" --tls-key "$work/key.pem"
batch https --base-url "https://127.0.0.1:$port/v1" --cacert "$work/cert.pem"

printf '\nDone: %d answers in %d s, and everything is stopped again.\n' $((2 * queries)) \
    $(($(date +%s) - began_s))
