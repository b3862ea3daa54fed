#!/usr/bin/env python3
"""What the tests reach of http/, tls/ and engine/: shares, and what is left without a reason.

    tests/coverage.py BUILD     after tests of a build made with COVERAGE=1

gcovr reads the counts. An assertion's other side is no branch here: it is there not to be taken.
Every line and branch that no test reaches stands in tests/UNREACHED.md with its reason, found by
its file and its text, so that a line may move. Exit 1: a share is below what is promised, something
unreached has no reason, or a reason stands for something that is reached; "by chance: ..." may.
"""

import collections
import json
import re
import subprocess
import sys

FOLDERS = "(http|tls|engine)/"
ASSERTION = r".*\bassert\(.*"
LINES_AT_LEAST, BRANCHES_AT_LEAST = 95.0, 85.0
REASONS = "tests/UNREACHED.md"
BY_CHANCE = "by chance: "


def counts_of(build):
    """{file: [its lines that hold code]}"""
    report = subprocess.run(
        ["gcovr", "--root", ".", "--object-directory", build, "--filter", FOLDERS, "--json",
         "--exclude-lines-by-pattern", ASSERTION, "--exclude-unreachable-branches"],
        stdout=subprocess.PIPE, check=True).stdout
    return {one["file"]: [line for line in one["lines"] if not line["gcovr/noncode"]]
            for one in json.loads(report)["files"]}


def text_of(file):
    with open(file, encoding="utf-8") as source:
        return [line.strip() for line in source]


def reasons():
    """{(file, text): reason} from the rows of the table: | file | `text` | reason |"""
    found = {}
    with open(REASONS, encoding="utf-8") as table:
        for row in table:
            cells = re.match(r"\| (\S+\.[ch]) \| `` (.*) `` \| (.+) \|$", row)
            if cells:
                found[(cells[1], cells[2])] = cells[3]
    return found


def share(done, of):
    return 100.0 * done / of if of else 100.0


def row(name, lines, branches):
    print(f"{share(*lines):6.1f} % of {lines[1]:4} lines  {share(*branches):6.1f} % of"
          f" {branches[1]:4} branches  {name}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    all_lines, all_branches = [0, 0], [0, 0]
    unreached = collections.defaultdict(list)
    code = set()
    for file, lines in sorted(counts_of(sys.argv[1]).items()):
        text = text_of(file)
        sides = [side for line in lines for side in line["branches"]]
        done_lines = [sum(line["count"] > 0 for line in lines), len(lines)]
        done_branches = [sum(side["count"] > 0 for side in sides), len(sides)]
        row(file, done_lines, done_branches)
        for total, done in ((all_lines, done_lines), (all_branches, done_branches)):
            total[0] += done[0]
            total[1] += done[1]
        for line in lines:
            code.add((file, text[line["line_number"] - 1]))
            if line["count"] == 0 or any(side["count"] == 0 for side in line["branches"]):
                unreached[(file, text[line["line_number"] - 1])].append(line["line_number"])
    row("in all", all_lines, all_branches)

    known = reasons()
    bad = 0
    for (file, text), numbers in sorted(unreached.items()):
        if (file, text) not in known:
            bad += 1
            print(f"unreached, without a reason: | {file} | `` {text} `` | line"
                  f" {', '.join(map(str, numbers))} |")
    for file, text in sorted(set(known) - set(unreached)):
        if known[(file, text)].startswith(BY_CHANCE) and (file, text) in code:
            continue
        bad += 1
        print(f"{REASONS}: reached, or not there: {file}: {text}")
    for what, total, least in (("lines", all_lines, LINES_AT_LEAST),
                               ("branches", all_branches, BRANCHES_AT_LEAST)):
        if share(*total) < least:
            bad += 1
            print(f"{share(*total):.1f} % of the {what}: less than {least} %")
    print(f"{len(unreached) - bad if bad < len(unreached) else 0} unreached with a reason, {bad}"
          f" complaints")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
