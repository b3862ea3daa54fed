# manual: a page of the manual, with what stands in the headers put in its place.
#
#   awk -f man/manual.awk include/quoit.h include/quoit_llm.h man/quoit_turn.3.scd | scdoc
#
# The first line of each page gets the version. A line that begins with @ stands for a part of a header, so that no page can tell
# anything else than the headers do:
#
#   @function NAME...   in the synopsis: the prototypes, as they are declared
#   @about NAME         what is said above that declaration
#   @struct NAME        the struct or enum, with its comments
#   @errors             the list of errors, as QUOIT_ERROR_MAP has it
#
# A name that no header has ends it, with a line on stderr and exit 1.

# Lines are gathered into blocks, which an empty line ends: a comment and what it is about.
FILENAME ~ /\.h$/ {
    if ($0 == "" && !in_comment && !in_struct) comment = ""
    else read_line($0)
    next
}
FNR == 1 { print $0 " \"quoit " version "\""; next }
/^@function / { print "```"; for (i = 2; i <= NF; i++) print_prototype($i); print "```"; next }
/^@about / { print_about(about[known($2, about)]); next }
/^@struct / { print "```"; printf "%s", body[known($2, body)]; print "```"; next }
/^@errors/ { print_errors(); next }
/^@/ { fail($0 " is not known here") }
{ print }

function fail(text) {
    print FILENAME ":" FNR ": " text >"/dev/stderr"
    exit 1
}

function known(name, of) {
    if (!(name in of)) fail("no header has " name)
    return name
}

# --- The headers ---

function read_line(line) {
    if (line ~ /^#define QUOIT_VERSION_/) {
        version = version (version == "" ? "" : ".") $3
    } else if (in_struct) {
        body[struct_name] = body[struct_name] line "\n"
        if (line ~ /^}/) in_struct = 0
    } else if (line ~ /^\/\*/ || in_comment) {
        if (declaration == "" && !in_comment) comment = ""
        in_comment = line !~ /\*\/$/
        read_comment(line)
    } else if (line ~ /^ *X\(|^ +"/) {
        read_error(line)
    } else if (line ~ /^(struct|enum) [a-z_]+ \{/) {
        struct_name = $2
        about[struct_name] = comment
        body[struct_name] = line "\n"
        in_struct = line !~ /}/
    } else if (line ~ /^QUOIT_API/ || declaration != "") {
        read_declaration(line)
    }
}

function read_comment(line) {
    sub(/^\/\*+ ?/, "", line)
    sub(/^ \*\/?( |$)/, "", line)
    sub(/ *\*\/$/, "", line)
    comment = comment line "\n"
}

# A declaration ends with its semicolon; a comment behind that is a part of what is said about it.
function read_declaration(line, aside) {
    if (match(line, /;.*\/\*.*\*\/$/)) {
        aside = substr(line, RSTART + 1)
        gsub(/^ *\/\* *| *\*\/$/, "", aside)
        line = substr(line, 1, RSTART)
    }
    sub(/^QUOIT_API (QUOIT_MUST )?/, "", line)
    sub(/^ */, declaration ~ /^$|\($/ ? "" : " ", line)
    declaration = declaration line
    if (line ~ /;$/) {
        match(declaration, /quoit_[a-z_]+\(/)
        function_name = substr(declaration, RSTART, RLENGTH - 1)
        prototype[function_name] = declaration
        about[function_name] = comment (aside == "" ? "" : "\n" aside "\n")
        is_function[function_name] = 1
        declaration = ""
    }
}

# X(1, NO_MEMORY, true, "resource", "out of memory"), which may go on in the next lines.
function read_error(line) {
    sub(/ *\\$/, "", line)
    sub(/^ +/, "", line)
    pending = pending line
    if (line !~ /\)$/) return
    gsub(/" *"/, "", pending)
    match(pending, /, [A-Z_0-9]+,/)
    error = "QUOIT_E_" substr(pending, RSTART + 2, RLENGTH - 3)
    errors[++errors_count] = error
    match(pending, /"[^"]*"\)$/)
    message[error] = substr(pending, RSTART + 1, RLENGTH - 3)
    match(pending, /"[a-z_]+"/)
    code[error] = substr(pending, RSTART + 1, RLENGTH - 2)
    transient[error] = pending ~ /, true,/
    pending = ""
}

# --- The page ---

# Text for scdoc: nothing in it is markup but the names of functions and errors.
function escape(text, out, word, plain) {
    out = ""
    while (match(text, /quoit_[a-z_]+|QUOIT_[A-Z_]+/)) {
        plain = substr(text, 1, RSTART - 1)
        word = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        out = out escape_plain(plain)
        if (word in is_function)
            out = out "*" escape_plain(word) "*" (text ~ /^\(/ ? "" : "(3)")
        else if (word ~ /^QUOIT_/) out = out "*" escape_plain(word) "*"
        else out = out escape_plain(word)
    }
    return out escape_plain(text)
}

function escape_plain(text) {
    gsub(/[\\*_`<>#|\[\]~+-]/, "\\\\&", text)
    return text
}

# A prototype that is too long for a line goes on at its parameters, one a line.
function print_prototype(name, text, head) {
    text = prototype[known(name, prototype)]
    if (length(text) > 72) {
        match(text, /\(/)
        head = substr(text, 1, RSTART)
        text = substr(text, RSTART + 1)
        gsub(/, /, ",\n    ", text)
        text = head "\n    " text
    }
    print text
}

# Paragraphs, and lists: a line with an indent of three is an item, a word and what it means.
function print_about(text, lines, count, i, line, paragraph) {
    count = split(text, lines, "\n")
    paragraph = ""
    for (i = 1; i <= count; i++) {
        line = lines[i]
        if (line ~ /^  ? ?[^ ]/ || line == "") {
            print_paragraph(paragraph)
            paragraph = line
        } else {
            sub(/^ +/, "", line)
            paragraph = paragraph (paragraph == "" ? "" : " ") line
        }
    }
    print_paragraph(paragraph)
}

function print_paragraph(text, term, names, count, i) {
    if (text == "") return
    if (text !~ /^  /) {
        print escape(text) "\n"
        return
    }
    sub(/^ +/, "", text)
    if (match(text, /  +/)) {
        print_item(substr(text, 1, RSTART - 1), substr(text, RSTART + RLENGTH))
    } else if (text !~ /^QUOIT_E_/) {
        print_item(text, "")
    } else {
        count = split(text, names, ", ")
        for (i = 1; i <= count; i++) print_item(names[i], message[known(names[i], message)] ".")
    }
}

function print_item(term, text) {
    print term ~ /^[A-Za-z_, ]+$/ && text != "" ? "*" escape_plain(term) "*" : escape(term)
    if (text != "") print "\t" escape(text)
    print ""
}

function print_errors(i, error) {
    for (i = 1; i <= errors_count; i++) {
        error = errors[i]
        print "*" escape_plain(error) "* (" code_of(error) ")"
        print "\t" escape(message[error]) "."
        print ""
    }
}

function code_of(error) {
    return escape_plain(code[error]) (transient[error] ? ", transient" : "")
}
