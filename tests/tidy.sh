#!/bin/sh
# tidy: the house rules that a machine can check.
#
#   tests/tidy.sh [DIRECTORY]
#
# Each fault is one line, FILE:LINE: [RULE] what is wrong; the last line counts the rules that hold.
# Who may include whom is the table `may` below: DESIGN.md 2 in code, by folder, and inside engine by
# file. clang-format is asked where version 14 of it is installed.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1
export LC_ALL=C

folders="include base http tls engine llm cli bench mock perf examples tests"
# shellcheck disable=SC2086 # the folders are words
c_files=$(find $folders -name '*.[ch]' 2>/dev/null | sort)
# Only the files that state the rules may name what is forbidden.
# shellcheck disable=SC2086
all_files=$(find $folders python .ci Makefile install.mk man .gitignore .editorconfig ./*.md -type f 2>/dev/null |
    grep -v -e '^tests/tidy' -e '\.jsonl$' -e '\.png$' | sort)

# All that is known from the lines of C alone.
# shellcheck disable=SC2086
check_c() {
    [ -z "$c_files" ] || awk '
    # may[WHO] is an expression that each include of ours must match; @ is the file itself, so that
    # @ allows a.h to a.c. WHO is the longest that fits: folder/file, folder/file_part or folder.
    BEGIN {
        may["include"] = "^$"
        may["include/quoit_llm"] = may["include/quoit_mailbox"] = "^quoit\\.h$"
        may["base"] = "^(quoit\\.h|base/.*)$"
        may["http"] = "^(quoit\\.h|(base|http)/.*)$"
        may["tls"] = "^(quoit\\.h|(base|tls)/.*)$"
        may["engine"] = "^(quoit\\.h|base/.*|@)$" # ring, slot, pool, retry, limiter, resolve
        may["engine/lesson"] = "^(quoit\\.h|base/.*|http/hints\\.h|@)$"
        may["engine/limiter"] = "^(quoit\\.h|base/.*|http/hints\\.h|engine/lesson\\.h|@)$"
        may["engine/slot"] = "^(quoit\\.h|base/.*|engine/limiter\\.h|@)$"
        may["engine/ring"] = "^(quoit\\.h|base/.*|engine/(ring|ring_parts|ring_uring|ring_epoll)\\.h)$"
        may["engine/post"] = "^(quoit(_mailbox)?\\.h|base/.*|engine/(slot|replies)\\.h|tls/context\\.h|@)$"
        may["engine/replies"] = "^(quoit(_mailbox)?\\.h|base/.*|engine/post\\.h|@)$"
        may["engine/conn"] = "^(quoit\\.h|(base|http|tls)/.*|engine/(ring|conn|conn_parts)\\.h)$"
        may["engine/engine"] = may["engine/api"] = "^(quoit\\.h|(base|http|engine)/.*|tls/context\\.h)$"
        may["llm"] = "^(quoit\\.h|quoit_llm\\.h|llm/.*)$"
        may["cli"] = "^(quoit\\.h|quoit_llm\\.h|(llm|cli)/.*)$"
        may["cli/main"] = "^(quoit\\.h|(cli|bench)/.*)$"
        may["bench"] = "^(quoit\\.h|(llm|cli|bench)/.*)$"
        may["mock"] = "^(quoit\\.h|mock/.*)$"
        may["perf"] = "^(quoit(_llm)?\\.h|perf/.*)$"
        may["perf/parts"] = "^(quoit\\.h|(perf|base|http|tls|engine|llm)/.*)$"
        may["examples"] = "^(quoit\\.h|quoit_(llm|mailbox)\\.h|adapters/.*)$"
        may["examples/adapters"] = "^quoit(_(hook|mailbox))?\\.h$"
        may["tests"] = "."
        # Each third party has its owners; tests may use anything.
        owner["liburing"] = "^(engine/ring_uring\\.h|perf/.*|tests/.*)$"
        owner["llhttp"] = "^(http/response\\.c|(mock|perf|tests)/.*)$"
        owner["openssl"] = "^(tls|cli|bench|mock|perf|tests)/"
        owner["cJSON"] = "^(llm|cli|bench|tests)/"
        owner["zlib"] = "^(cli/hdr\\.c|tests/.*)$"
        owner["pthread"] = "^(engine/(resolve|fork|replies|api_mailbox)[a-z_]*\\.[ch]|examples/.*|(cli|bench|mock|perf|tests)/.*)$"
        banned = "[^a-zA-Z0-9_>.](atoi|atol|strcpy|strcat|sprintf|vsprintf|strtok|gets) *\\("
    }
    function fault(line, rule, text) { printf "%s:%d: [%s] %s\n", FILENAME, line, rule, text }
    function third_party(name) {
        if (name ~ /^liburing/) return "liburing"
        if (name ~ /^llhttp/) return "llhttp"
        if (name ~ /^openssl\//) return "openssl"
        if (name ~ /cJSON/) return "cJSON"
        if (name ~ /^zlib\.h/) return "zlib"
        return name ~ /^pthread\.h/ ? "pthread" : ""
    }
    function check_include(name, quoted, whose, allowed) {
        whose = third_party(name)
        if (whose != "") {
            if (FILENAME !~ owner[whose]) fault(FNR, "owner", name " belongs to others")
            if (whose == "liburing" && FILENAME ~ /^engine/ && uring++)
                fault(FNR, "owner", name " is already used by another file of engine")
        } else if (quoted || name == "quoit.h") {
            allowed = may[who]
            sub(/@/, stem "\\.h", allowed)
            if (name !~ allowed) fault(FNR, "include", who " may not include " name)
        }
    }
    # A function is what stands between a brace in the first column and its end.
    function check_signature(text, depth, commas, i, c) {
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            depth += (c == "(") - (c == ")")
            commas += c == "," && depth == 1
        }
        if (commas > 5) fault(FNR, "parameters", commas + 1 " parameters, at most 6")
    }
    function end_of_file() {
        if (lines > 800) fault_at_end("[file-size] " lines " lines, at most 800")
        else if (lines > 600) print last_file ": warning: " lines " lines, better under 600"
    }
    function fault_at_end(text) { printf "%s:%d: %s\n", last_file, lines, text }
    FNR == 1 {
        if (NR > 1) end_of_file()
        last_file = FILENAME
        stem = FILENAME
        sub(/\.[ch]$/, "", stem)
        who = stem
        while (!(who in may) && sub(/[\/_][^\/_]*$/, "", who)) { }
        comment = body = list = 0
        signature = ""
        if ($0 !~ /^\/\*/) fault(1, "head", "does not begin with a comment that says what it is")
    }
    { lines = FNR }
    # A line of a list of errors that is too long has its tail poured into the lines below it, by
    # clang-format: so each line of such a list stays behind its indent.
    FILENAME ~ /^include\// {
        if (/^ \* Returns .*:$/) list = 1
        else if (!/^ \* /) list = 0
        else if (list && !/^ \*   /) fault(FNR, "list", "a line of a list, without its indent")
    }
    length($0) > 100 { fault(FNR, "columns", length($0) " columns, at most 100") }
    /\t/ { fault(FNR, "blanks", "a tab") }
    /[ \t\r]$/ { fault(FNR, "blanks", "blanks at the end") }
    /^ *# *include/ { split($0, part, /[<">]/); check_include(part[2], $0 ~ /"/) }
    /^typedef (struct|enum|union)/ { fault(FNR, "typedef", "structs and enums keep their keyword") }
    {
        code = $0
        gsub(/\\\\|\\"/, "", code)
        gsub(/"[^"]*"/, "\"\"", code)
        if (comment) {
            if (!sub(/^.*\*\//, "", code)) next
            comment = 0
        }
        gsub(/\/\*([^*]|\*[^\/])*\*\//, "", code)
        comment = sub(/\/\*.*/, "", code)
        if ((" " code) ~ banned) fault(FNR, "banned", "this function is not used here:" code)
    }
    /^{/ { body = FNR; check_signature(signature, 0, 0) }
    /^}/ {
        if (body && FNR - body + 2 > 70)
            fault(body, "function-size", FNR - body + 2 " lines, at most 70")
        body = 0
    }
    code ~ /^[a-z]/ { signature = "" }
    { signature = signature code }
    END { end_of_file() }
' $c_files
}

# shellcheck disable=SC2086
check_text() {
    grep -nE '\b(TODO|FIXME|XXX)\b' $all_files /dev/null |
        sed 's/^\([^:]*:[0-9]*:\).*/\1 [todo] do it, or write an issue/'
    grep -nE '/(work|home)/' $all_files /dev/null |
        sed 's/^\([^:]*:[0-9]*:\).*/\1 [path] a path of one machine/'
}

format=${CLANG_FORMAT:-clang-format}
has_format() { "$format" --version 2>/dev/null | grep -q 'version 14\.'; }

# A .clang-format that is not understood is a fault too, or nothing would be looked at.
# shellcheck disable=SC2086
check_format() {
    [ -z "$c_files" ] || "$format" --dry-run -ferror-limit=1 $c_files 2>&1 | sed -n \
        -e 's/^\([^:]*:[0-9]*\):.*code should be clang-formatted.*/\1: [format] make format/p' \
        -e 's/^.*\.clang-format:\([0-9]*\).*error: /.clang-format:\1: [format] /p' | sort -u
}

rules="include owner head columns list blanks typedef banned parameters function-size file-size"
rules="$rules todo path"
skipped=""
faults=$(check_c; check_text)
if has_format; then
    rules="$rules format"
    faults=$(printf '%s\n%s' "$faults" "$(check_format)")
else
    echo "skipped: clang-format 14 is not installed"
    skipped=", 1 skipped"
fi

if [ -n "$faults" ]; then
    printf '%s\n' "$faults" | grep .
fi
passed=0 failed=0
for rule in $rules; do
    if printf '%s\n' "$faults" | grep -qF ": [$rule] "; then
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
done
echo "$passed passed, $failed failed$skipped"
[ $failed -eq 0 ]
