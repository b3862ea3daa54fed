#!/bin/sh
# python_test: the tests of the Python package, python/tests, by pytest.
#
# PYTHON is the interpreter (the first that has pytest, its asyncio and aiohttp: python3, else
# Debian's /usr/bin/python3). Sanitized, its memory is watched by the library's own sanitizer.
set -u
cd "$(dirname "$0")/../.." || exit 1

build=${QUOIT_BUILD:-build}
has_modules() { "$1" -c 'import pytest, pytest_asyncio, aiohttp' 2>/dev/null; }

for python in ${PYTHON:-python3 /usr/bin/python3}; do
    if has_modules "$python"; then
        found=$python
        break
    fi
done
if [ -z "${found:-}" ]; then
    echo "skipped: no python3 has pytest, pytest-asyncio and aiohttp: make deps"
    exit 77
fi

# A library with a sanitizer wants it loaded before all else. Python itself leaks at its end.
case ${QUOIT_CC:-cc} in
*clang*-fsanitize=address*)
    echo "skipped: clang's sanitizer is not a library that could be loaded first"
    exit 77
    ;;
*-fsanitize=address*)
    compiler=${QUOIT_CC%% *}
    preload="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libstdc++.so.6)"
    export LD_PRELOAD="$preload" ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" PYTHONMALLOC=malloc
    ;;
esac

mkdir -p "$build/tests"
log=$(mktemp "$build/tests/python.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
# Nothing is written beside the sources.
PYTHONDONTWRITEBYTECODE=1 "$found" -m pytest -q -p no:cacheprovider -p no:faulthandler \
    -c python/pyproject.toml --rootdir python python/tests "$@" >"$log" 2>&1
status=$?
cat "$log"

# pytest's last line: "2 failed, 149 passed, 1 skipped in 28.9s"
count() { sed -n '$s/.*\b\([0-9][0-9]*\) '"$1"'.*/\1/p' "$log"; }
passed=$(count passed) failed=$(count failed) errors=$(count error) skipped=$(count skipped)
failed=$((${failed:-0} + ${errors:-0}))
if [ $status -ne 0 ] && [ $failed -eq 0 ]; then
    failed=1
fi
echo "${passed:-0} passed, $failed failed${skipped:+, $skipped skipped}"
[ $failed -eq 0 ]
