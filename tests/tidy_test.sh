#!/bin/sh
# tidy_test: each kind of fault, planted in a small tree of its own, is named by tidy.
set -u
cd "$(dirname "$0")/.." || exit 1

project=$PWD
mkdir -p "${QUOIT_BUILD:-build}/tests"
tree=$(mktemp -d "${QUOIT_BUILD:-build}/tests/tidy.XXXXXX")
trap 'rm -rf "$tree" "$tree.includes"' EXIT
passed=0 failed=0
echo 'DisableFormat: true' >"$tree/.clang-format"

# plant FILE FAULT: with the standard input as FILE, tidy says FAULT (a part of a line), and that
# alone; with no FAULT it is content.
plant() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree/$(dirname "$1")"
    # Words that may not stand in this file either are written with an @ in them.
    sed 's/@//g' >"$tree/$1"
    said=$("$project/tests/tidy.sh" "$tree")
    status=$?
    faults=$(printf '%s\n' "$said" | grep -c '\[[a-z-]*\]')
    if [ -z "$2" ] && [ $status -eq 0 ] && [ "$faults" -eq 0 ]; then
        passed=$((passed + 1))
    elif [ -n "$2" ] && [ $status -eq 1 ] && [ "$faults" -eq 1 ] &&
        printf '%s\n' "$said" | grep -qF "$1:$2"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAILED %s: wanted "%s", and got:\n%s\n' "$1" "$2" "$said"
    fi
}

# includes FILE FAULT NAME...: FILE includes these, in this order.
includes() {
    file=$1 fault=$2
    shift 2
    {
        echo '/* file: planted. */'
        for name in "$@"; do
            case $name in
            *.h) echo "#include \"$name\"" ;;
            *) echo "#include <${name%>}>" ;;
            esac
        done
    } >"$tree.includes"
    plant "$file" "$fault" <"$tree.includes"
}

# lines COUNT: so many statements.
lines() { awk -v count="$1" 'BEGIN { while (count--) print "    b();" }'; }

# Who may include whom.
includes base/bits.c '2: [include] base may not include http/url.h' http/url.h
includes http/url.c '' base/buffer.h http/url.h quoit.h
includes http/url.c '2: [include] http may not include tls/session.h' tls/session.h
includes tls/session.c '2: [include] tls may not include http/url.h' http/url.h
includes engine/ring.c '' base/list.h engine/ring.h engine/ring_parts.h quoit.h
includes engine/ring.c '2: [include] engine/ring may not include engine/conn.h' engine/conn.h
includes engine/ring.c '2: [owner] liburing.h belongs to others' 'liburing.h>'
includes engine/ring_uring.h '' engine/ring_parts.h 'liburing.h>'
includes engine/slot.c '2: [include] engine/slot may not include engine/conn.h' engine/conn.h
includes engine/pool.c '' base/list.h engine/pool.h
includes engine/pool.c '2: [include] engine may not include engine/slot.h' engine/slot.h
includes engine/retry.c '2: [include] engine may not include http/hints.h' http/hints.h
includes engine/conn.c '' engine/conn.h engine/ring.h http/url.h tls/session.h
includes engine/conn.c '2: [include] engine/conn may not include engine/pool.h' engine/pool.h
includes engine/api.c '' engine/engine.h engine/slot.h http/url.h
includes engine/engine.c '2: [include] engine/engine may not include tls/session.h' tls/session.h
includes engine/engine.c '2: [include] engine/engine may not include cli/batch.h' cli/batch.h
includes llm/batch.c '' llm/json.h quoit.h 'cjson/cJSON.h>'
includes llm/batch.c '2: [include] llm may not include base/buffer.h' base/buffer.h
includes cli/check.c '' cli/batch.h llm/batch.h 'openssl/evp.h>' quoit.h
includes cli/main.c '' cli/batch.h bench/bench.h quoit.h
includes bench/work.c '' bench/plan.h cli/keys.h llm/batch.h quoit.h
includes cli/check.c '2: [include] cli may not include http/url.h' http/url.h
includes cli/check.c '2: [include] cli may not include bench/bench.h' bench/bench.h
includes mock/main.c '2: [include] mock may not include base/list.h' base/list.h
includes perf/floor.c '2: [include] perf may not include http/url.h' http/url.h
includes perf/parts.c '' http/url.h
includes examples/use.c '2: [include] examples may not include llm/json.h' llm/json.h
includes include/quoit.h '2: [include] include may not include base/bits.h' base/bits.h
includes include/quoit_llm.h '' 'quoit.h>'
includes include/quoit_llm.h '2: [include] include/quoit_llm may not include llm/json.h' llm/json.h
includes include/quoit_mailbox.h '2: [include] include/quoit_mailbox may not include base/list.h' base/list.h
includes engine/post.c '' engine/post.h engine/slot.h quoit_mailbox.h tls/context.h
includes engine/post.c '2: [include] engine/post may not include engine/engine.h' engine/engine.h
includes engine/replies.c '' engine/replies.h engine/post.h 'pthread.h>'
includes engine/replies.c '2: [include] engine/replies may not include engine/slot.h' engine/slot.h
includes examples/use.c '' 'quoit_mailbox.h>' adapters/quoit_threads.h
includes tests/unit/http_url_test.c '' http/url.h tests/unit/check.h

# One owner for each third party.
includes http/request.c '2: [owner] llhttp.h belongs to others' 'llhttp.h>'
includes http/response.c '' http/response.h 'llhttp.h>'
includes engine/conn.c '2: [owner] liburing.h belongs to others' 'liburing.h>'
includes engine/api.c '2: [owner] openssl/ssl.h belongs to others' 'openssl/ssl.h>'
includes http/url.c '2: [owner] cjson/cJSON.h belongs to others' 'cjson/cJSON.h>'
includes cli/hdr.c '' cli/hdr.h 'zlib.h>'
includes cli/hlog.c '2: [owner] zlib.h belongs to others' 'zlib.h>'
includes engine/pool.c '2: [owner] pthread.h belongs to others' 'pthread.h>'
includes engine/resolve.c '' 'pthread.h>'

# Text.
plant http/url.c '1: [head]' <<'END'
int a;
END
plant http/url.h '1: [head]' <<'END'
int a;
END
plant http/url.c '2: [columns] 101 columns' <<END
/* url: planted. */
/* $(printf '%96s' '' | tr ' ' x)*/
END
plant http/url.c '' <<END
/* url: planted. */
/* $(printf '%94s' '' | tr ' ' x) */
END
plant include/quoit.h '5: [list]' <<'END'
/*
 * quoit: planted.
 * Returns QUOIT_OK, or:
 *   QUOIT_E_URL       it is none. And here the line was too long, so that its tail was
 * poured into this one. QUOIT_E_HEADER not this one
 */
END
plant include/quoit.h '' <<'END'
/*
 * quoit: planted.
 * Returns QUOIT_OK, or:
 *   QUOIT_E_URL       it is none,
 *                     whatever it is.
 *
 * And no more.
 */
END
plant http/url.c '2: [blanks] a tab' <<END
/* url: planted. */
/*$(printf '\t')*/
END
plant http/url.c '1: [blanks] blanks at the end' <<'END'
/* url: planted. */ @
END
plant http/url.c '3: [typedef]' <<'END'
/* url: planted. */

typedef struct url url;
END
for name in ato@i strc@py strc@at spri@ntf strt@ok ge@ts; do
    plant http/url.c '4: [banned]' <<END
/* url: planted; a word as $name() in a comment is none, nor is "$name()" in a string. */
void f(void)
{
    $name(a, "*/");
}
END
done
plant http/url.c '' <<'END'
/*
 * url: planted. The function ge@ts() is not called here.
 */
void f(void)
{
    fge@ts(a, 3, "ge@ts()");
    snpri@ntf(a, 3, "a");
    a->ge@ts(3);
}
END
plant http/url.c '4: [parameters] 7 parameters' <<'END'
/* url: planted. */

void f(int a, int b, int c, int d, int e, int f, int g)
{
}
END
plant http/url.c '' <<'END'
/* url: planted. */
static int a[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

void f(int a, int b, int c, int d, int e, void (*f)(int a, int b))
{
}
END
plant http/url.c '3: [function-size] 71 lines' <<END
/* url: planted. */
void f(void)
{
$(lines 68)
}
END
plant http/url.c '' <<END
/* url: planted. */
void f(void)
{
$(lines 67)
}
END
plant http/url.c '801: [file-size] 801 lines' <<END
/* url: planted. */
$(awk 'BEGIN { for (i = 0; i < 800; i++) print "int a" i ";" }')
END
plant http/url.c '2: [todo]' <<'END'
/* url: planted. */
/* TO@DO: later. */
END
plant tests/live/a.sh '2: [path]' <<'END'
#!/bin/sh
cd /ho@me/somebody
END
plant README.md '1: [path]' <<'END'
See /wo@rk/main.
END

if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    cp .clang-format "$tree/"
    plant http/url.c '2: [format]' <<'END'
/* url: planted. */
int  a;
END
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
