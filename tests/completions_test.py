#!/usr/bin/env python3
"""completions: what `quoit --completions SHELL` prints completes command lines in that very shell.

    tests/completions_test.py [NAME...]     all tests, or those whose name contains a NAME

Each shell runs on a terminal of its own, with the script that `quoit` has just made, and is typed
to, tabs and all. In place of quoit it has a function that shows its arguments, so what the line had
become by the time of the return key is what is compared.

A shell that is not there is skipped, with a line that says so.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("QUOIT_BUILD", "build")
QUOIT = os.path.abspath(os.path.join(BUILD, "quoit"))
LIMIT_S = 60  # for anything that is waited for; none of it takes as long
SHELLS = ["bash", "zsh", "fish"]

# How each shell is started, with nothing of this account's, and told what has to be known: {script}
# is what is tested. READY comes when it has.
COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUPS = {
    "bash": ["bind 'set enable-bracketed-paste off'; source {script}",
             "quoit() {{ printf '<%s>' \"$@\"; echo .; }}; echo REA''DY"],
    "zsh": ["fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D",
            "quoit() {{ printf '<%s>' \"$@\"; echo .; }}; echo REA''DY"],
    "fish": ["source {script}; function quoit; printf '<%s>' $argv; echo .; end; echo REA''DY"],
}
SCRIPT_NAMES = {"bash": "quoit", "zsh": "_quoit", "fish": "quoit.fish"}

# What is typed, and the words that it becomes; `--a=b` counts as `--a` `b`.
TYPED = [
    ("quoit ba\t", "batch"),
    ("quoit ret\t", "retry-failed"),
    ("quoit --ver\t", "--version"),
    ("quoit batch --over\t", "batch --overwrite"),
    ("quoit batch --fsy\talw\t", "batch --fsync always"),
    ("quoit batch --fsync=nev\t", "batch --fsync never"),
    ("quoit batch -o answ\t", "batch -o answers here.jsonl"),
    ("quoit batch --summary answ\t", "batch --summary answers here.jsonl"),
    ("quoit batch quer\t--resu\t", "batch queries.jsonl --resume"),
    ("quoit bench --find\t", "bench --find-max-rate"),
    ("quoit bench --dialect vl\t", "bench --dialect vllm"),
    ("quoit bench quer\t", "bench quer"),
    ("quoit merge quer\tansw\t", "merge queries.jsonl answers here.jsonl"),
    ("quoit doctor --no\t", "doctor --no-self-test"),
]


class Terminal:
    """A shell, typed to."""

    def __init__(self, shell, folder):
        self.shell = shell
        self.said = b""
        self.child, self.fd = pty.fork()
        if self.child == 0:
            os.chdir(os.path.join(folder, "files"))
            os.environ.update(TERM="dumb" if shell != "fish" else "xterm", HOME=folder, PS1="",
                              XDG_DATA_HOME=folder, XDG_CONFIG_HOME=folder, LC_ALL="C.UTF-8")
            os.execvp(shell, COMMANDS[shell])

    def wait_for(self, pattern):
        """What matches `pattern`, once it is there; all before it is done with."""
        end = time.monotonic() + LIMIT_S
        while not (match := re.search(pattern, self.said)):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{self.shell} said only {self.said!r}")
            self.said += os.read(self.fd, 65536)
        self.said = self.said[match.end():]
        return match

    def type(self, text):
        os.write(self.fd, text.encode())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.child, 0)


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout


def make_folder(folder):
    os.mkdir(os.path.join(folder, "files"))
    for name in ["answers here.jsonl", "queries.jsonl"]:
        open(os.path.join(folder, "files", name), "w").close()
    for shell in SHELLS:
        with open(os.path.join(folder, SCRIPT_NAMES[shell]), "w") as script:
            script.write(run(QUOIT, "--completions", shell))


def words_of(shown):
    return shown.decode().strip("<>").replace("><", " ").replace("=", " ")


def complete(shell, folder):
    """The faults of one shell: lines that did not become what they should."""
    faults = []
    terminal = Terminal(shell, folder)
    try:
        for line in SETUPS[shell]:
            script = os.path.join(folder, SCRIPT_NAMES[shell])
            terminal.type(line.format(script=script, folder=folder) + "\r")
        terminal.wait_for(rb"READY")
        for typed, wanted in TYPED:
            terminal.type(typed + "\r")
            shown = words_of(terminal.wait_for(rb"(<[^\r\n]*>)\.").group(1))
            if shown != wanted:
                faults.append(f"{typed!r} became {shown!r}, not {wanted!r}")
    finally:
        terminal.close()
    return faults


def commands():
    """All commands, and the options of each, as its --help has them."""
    names = dict.fromkeys(re.findall(r"^  quoit ([a-z-]+)", run(QUOIT, "--help"), re.M))
    return {name: set(re.findall(r"^  (?:-\w,|   ) (--[a-z-]+)", run(QUOIT, name, "--help"), re.M))
            for name in names if not name.startswith("-")}


def offered_by_bash(folder, name):
    script = os.path.join(folder, SCRIPT_NAMES["bash"])
    ask = f"source {script}; COMP_WORDS=(quoit {name} --) COMP_CWORD=2; _quoit; echo ${{COMPREPLY[*]}}"
    return set(run("bash", "-c", ask).split())


def offered_by_zsh(folder, name):
    with open(os.path.join(folder, SCRIPT_NAMES["zsh"])) as script:
        case = re.search(rf"^    {name}\)$(.*?)^        ;;$", script.read(), re.M | re.S)
    return set(re.findall(r"^            '(?:\*|\([^)]*\))?(--[a-z-]+)", case[1], re.M))


def offered_by_fish(folder, name):
    script = os.path.join(folder, SCRIPT_NAMES["fish"])
    said = run("fish", "--no-config", "-c", f"source {script}; complete -C 'quoit {name} --'")
    return {line.split()[0] for line in said.splitlines()}


OFFERED_BY = {"bash": offered_by_bash, "zsh": offered_by_zsh, "fish": offered_by_fish}


def offers_all_options(shell, folder):
    faults = []
    for name, options in commands().items():
        offered = OFFERED_BY[shell](folder, name)
        if offered != options or not options:
            faults.append(f"{name}: {sorted(offered ^ options)} of --help or completion alone")
    return faults


def main(names):
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="completions.") as folder:
        make_folder(folder)
        for shell in SHELLS:
            if shutil.which(shell) is None:
                print(f"skipped: {shell} is not installed")
                skipped += 1
                continue
            for test in [complete, offers_all_options]:
                name = f"{shell}_{test.__name__}"
                if names and not any(word in name for word in names):
                    continue
                faults = test(shell, folder)
                passed += not faults
                failed += bool(faults)
                for fault in faults:
                    print(f"FAILED {name}: {fault}")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return failed != 0


sys.exit(main(sys.argv[1:]))
