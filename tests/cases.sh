#!/bin/bash
# cases: which tests hold each case of a hostile world, as a table; it fails if one has none.
#
#     tests/cases.sh          the table
#
# A test says which case it holds by its id, R01 to R40, in its text.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

cases=(
    "a second answer that nobody asked for"
    "a kept connection that dies with the next request"
    "an end after the first byte of an answer, or before one to a POST"
    "an answer that is cut short"
    "an end behind a whole answer"
    "two lengths, no length, a length and a coding"
    "transfer codings"
    "chunks that are none"
    "heads that are none"
    "the corpora of other parsers"
    "answers without a body"
    "floods of interim responses"
    "limits: one less, just so, one more"
    "bodies without an end, lengths beyond memory"
    "each timeout alone"
    "an answer at the very moment of the deadline"
    "cancelled in each state"
    "names and certificates"
    "chains of x509-limbo"
    "sessions resumed by somebody else"
    "connections shared by somebody else"
    "old, odd and broken TLS"
    "tickets, key updates and records of any size"
    "requests that would be two"
    "secrets in any output"
    "redirects"
    "waits that a server asks for"
    "storms of failures"
    "kept for longer than the server keeps it"
    "an answer before the request was read"
    "cut anywhere"
    "server-sent events"
    "lines of a batch"
    "nothing left: descriptors, ports, locked memory, io_uring"
    "no memory, once and from there on"
    "a simulated network"
    "buffers that the kernel may no longer touch"
    "signals"
    "killed at any moment, and resumed"
    "a full disk, a closed pipe, a slow reader"
)

missing=0
printf '| case | what | tests |\n|---|---|---|\n'
for i in "${!cases[@]}"; do
    id=$(printf 'R%02d' "$((i + 1))")
    tests=$(grep -rlE "\b$id\b" tests --include='*.c' --include='*.py' --include='*_test.sh' |
        sed -E 's|^tests/||; s|_test\.(c\|py\|sh)$||; s|\.c$||' | sort | paste -sd, | sed 's|,|, |g')
    if [ -z "$tests" ]; then
        tests="**none**"
        missing=$((missing + 1))
    fi
    printf '| %s | %s | %s |\n' "$id" "${cases[$i]}" "$tests"
done
printf '\n%d passed, %d failed\n' "$((${#cases[@]} - missing))" "$missing"
[ "$missing" -eq 0 ]
