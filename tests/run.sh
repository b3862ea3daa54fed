#!/bin/sh
# run: run test programs, each with a time limit, and sum what they say.
#
#   tests/run.sh [--together TEST...] [--waiting TEST...] [--in-turn TEST...]
#
# TEST is a program or a script (sh, python); its last line is "N passed, N failed", perhaps with
# ", N skipped". Exit 77 is a skip, and the last line says why. Of --together two run at a time, of
# --waiting, which mostly wait, four.
# epoll:TEST is the same TEST with QUOIT_TEST_IO=epoll (tests/io.h).
# Only failures show their output, without what was ok, and how to run them again; V=1 shows
# everything.
#
#   QUOIT_BUILD   the build folder, for the scripts (build)
#   QUOIT_CC      the compiler with the flags that a program needs to link with ours (gcc)
#   TEST_LIMIT_S  seconds a test may take (300)
#
# The last line is the sum of all. Exits 1 if anything failed or nothing was run.
set -u
cd "$(dirname "$0")/.." || exit 1

export QUOIT_BUILD="${QUOIT_BUILD:-build}"
export TEST_LIMIT_S="${TEST_LIMIT_S:-300}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

# The command line that runs a test: a script is given to the interpreter that its first line names.
command_of() {
    case $1 in
    *.sh | *.py) printf '%s %s' "$(sed -n '1s/^#! *//p' "$1")" "$1" ;;
    *) printf '%s' "$1" ;;
    esac
}

# Runs the test $1. Leaves "PASSED FAILED SKIPPED" in $results/NAME.count.
run_one() {
    name=$(printf '%s' "$1" | tr /: ..)
    log=$results/$name.log
    again=""
    case $1 in
    epoll:*)
        export QUOIT_TEST_IO=epoll
        again="QUOIT_TEST_IO=epoll "
        set -- "${1#epoll:}" " over epoll"
        ;;
    esac
    command=$(command_of "$1")
    io=${2:-}
    began_ns=$(date +%s%N)

    # In the background, so that an interrupt ends the test too; but the shell would then have it
    # ignore SIGINT, which the tests of SIGINT would inherit.
    # shellcheck disable=SC2086 # the command is words
    env --default-signal=INT,QUIT timeout -k 5 "$TEST_LIMIT_S" $command >"$log" 2>&1 </dev/null &
    child=$!
    trap 'kill $child; exit 130' INT TERM HUP
    wait $child
    status=$?
    trap - INT TERM HUP
    took_ms=$((($(date +%s%N) - began_ns) / 1000000))

    why=""
    counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1 | tr -cd '0-9 ')
    # shellcheck disable=SC2086 # the counts are words
    set -- "$1" $counts 0 0 0
    passed=$2 failed=$3 skipped=$4
    if [ $status -eq 77 ]; then
        passed=0 failed=0 skipped=1
    elif [ $status -eq 124 ] || [ $status -eq 137 ]; then
        why=" (no end after $TEST_LIMIT_S s, or killed)" failed=$((failed + 1))
    elif [ $status -ne 0 ] && [ "$failed" -eq 0 ]; then
        why=" (exit $status)" failed=1
    elif [ $status -eq 0 ] && [ -z "$counts" ]; then
        why=" (no line 'N passed, N failed')" failed=1
    elif [ $status -eq 0 ] && [ "$failed" -ne 0 ]; then
        why=" (exit 0 in spite of failures)"
    fi
    echo "$passed $failed $skipped" >"$results/$name.count"

    # In one piece: two may end at the same time.
    {
        if [ "$failed" -ne 0 ]; then
            printf '  FAILED   %s%s%s\n' "$1" "$io" "$why"
        elif [ $status -eq 77 ]; then
            printf '  skipped  %s%s: %s\n' "$1" "$io" "$(tail -n 1 "$log")"
        else
            printf '  ok       %s%s: %d in %d ms\n' "$1" "$io" "$passed" "$took_ms"
        fi
        if [ "${V:-0}" = 1 ]; then
            sed 's/^/    | /' "$log"
        elif [ "$failed" -ne 0 ]; then
            sed '/^ok /d; s/^/    | /' "$log"
        fi
        if [ "$failed" -ne 0 ]; then
            printf '    run it again:  %s' "$again"
            case $1 in
            *.sh | *.py) printf "QUOIT_BUILD=%s QUOIT_CC='%s' " "$QUOIT_BUILD" "${QUOIT_CC:-gcc}" ;;
            esac
            printf '%s\n' "$command"
        fi
    } >"$results/$name.report"
    cat "$results/$name.report"
}

if [ "${1:-}" = --one ]; then
    results=$2
    run_one "$3"
    exit 0
fi

mkdir -p "$QUOIT_BUILD/tests"
results=$(mktemp -d "$QUOIT_BUILD/tests/results.XXXXXX")
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM HUP

# $1 is the word before the tests, $2 how many run at a time, and then all arguments follow.
run_batch() {
    word=$1 jobs=$2
    shift 2
    batch=$(printf '%s\n' "$@" | awk -v word="$word" '/^--/ { on = $0 == word; next } on && NF')
    if [ -n "$batch" ]; then
        printf '%s\n' "$batch" | xargs -n 1 -P "$jobs" tests/run.sh --one "$results"
    fi
}
run_batch --together 2 "$@"
run_batch --waiting 4 "$@"
run_batch --in-turn 1 "$@"

wanted=$(printf '%s\n' "$@" | grep -vc '^--')
cat "$results"/*.count 2>/dev/null | awk -v wanted="$wanted" '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        if (NR < wanted) failed += wanted - NR # ended before they could say anything
        if (NR == 0) print "run: there are no tests here yet"
        printf "%d passed, %d failed", passed, failed
        if (skipped) printf ", %d skipped", skipped
        printf "\n"
        exit NR == 0 || failed != 0
    }'
