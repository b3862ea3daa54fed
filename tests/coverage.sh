#!/bin/sh
# coverage: the share of lines that were reached, by file.
#
#   tests/coverage.sh BUILD     after tests of a build made with COVERAGE=1
set -eu
cd "$(dirname "$0")/.."

find "$1/obj" -name '*.gcda' \( -path '*/base/*' -o -path '*/http/*' -o -path '*/tls/*' \
    -o -path '*/engine/*' -o -path '*/llm/*' -o -path '*/cli/*' -o -path '*/mock/*' \) \
    -exec gcov --no-output {} + 2>/dev/null | tr -d "'" | awk '
    /^File / { file = $2; next }
    /^Lines executed:/ && file ~ /^[a-z]+\/[a-z_]+\.c$/ {
        split($0, part, /[:% ]+/)
        printf "%6.1f %%  %5d lines  %s\n", part[3], part[5], file | "sort -k4"
        reached += part[3] * part[5] / 100
        lines += part[5]
        file = ""
    }
    END {
        close("sort -k4")
        if (lines) printf "%6.1f %%  %5d lines  in all\n", 100 * reached / lines, lines
    }'
