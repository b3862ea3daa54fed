#!/bin/sh
# fuzz: each target for some seconds.
#
#   tests/fuzz.sh SECONDS       with the targets in $QUOIT_BUILD/tests/fuzz
#
# A source with libFuzzer's entry is a target. What it learns stays in $QUOIT_BUILD/corpus/NAME for
# the next time, beside the cases that tests/data/fuzz/NAME holds, and it tries the words that stand
# in tests/data/fuzz/NAME.dict, where there are any. An input that breaks it is left in
# $QUOIT_BUILD/broken/NAME-*, and running the target with that file shows the failure again.
set -u
cd "$(dirname "$0")/.." || exit 1

seconds=${1:-60}
build=${QUOIT_BUILD:-build/clang-fuzz}
passed=0 failed=0
mkdir -p "$build/broken"
# Freed memory is kept from use for a while, but not so much of it that it slows everything down.
export ASAN_OPTIONS="${ASAN_OPTIONS:-quarantine_size_mb=16}"
for source in tests/fuzz/*.c; do
    grep -qs '^int LLVMFuzzerTestOneInput' "$source" || continue
    name=$(basename "$source" .c)
    mkdir -p "$build/corpus/$name"
    set -- "$build/corpus/$name"
    if [ -d "tests/data/fuzz/$name" ]; then
        set -- "$@" "tests/data/fuzz/$name"
    fi
    if [ -e "tests/data/fuzz/$name.dict" ]; then
        set -- "-dict=tests/data/fuzz/$name.dict" "$@"
    fi
    log=$build/broken/$name.log
    if "$build/tests/fuzz/$name" -max_total_time="$seconds" -timeout=10 -max_len=8192 \
        -artifact_prefix="$build/broken/$name-" "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "  ok       $name: $(grep -o '^Done .*' "$log")"
    else
        failed=$((failed + 1))
        echo "  FAILED   $name"
        tail -n 40 "$log"
        echo "    run it again:  $build/tests/fuzz/$name $build/broken/$name-*"
    fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
