#!/usr/bin/env python3
"""batch_resume: `quoit batch --resume` after kill -9, full disks, changed lines and failures: every
custom_id stands there once, no answer is lost, none is paid twice (R38-R40).

    tests/live/batch_resume_test.py [NAME...]      all tests, or those whose name contains a NAME
    KILLS=100 QUERIES=20000 tests/live/batch_resume_test.py kill

What batch_test.py says of its environment holds here too. SEED chooses the moments of the kills.
"""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (BUILD, LIMIT_S, Mock, QUOIT, check_equal, check_in, environment, finish,
                        path_of, queries, query, read_lines, run, start, wait_for, write_file)

KILLS = int(os.environ.get("KILLS", "25"))
QUERIES = int(os.environ.get("QUERIES", "3000"))
SEED = int(os.environ.get("SEED", "1"))
IN_FLIGHT = 16


def ids_of(*names):
    return sorted(str(line["custom_id"]) for name in names if os.path.exists(path_of(name))
                  for line in read_lines(name))


def names_of(count):
    return sorted("q-%d" % i for i in range(count))


def resume(*options, batch=None, **more):
    return run(batch or path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--resume", *options,
               **more)


def append(name, content):
    with open(path_of(name), "a") as file:
        file.write(content)


def size_of(name):
    return os.path.getsize(path_of(name)) if os.path.exists(path_of(name)) else 0


def wait_at_most(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


# --- R39: kill -9 ---


def kill_and_resume(kills, count, options):
    """Kill that many runs at random moments, then let one end. Returns the ledger."""
    chance = random.Random(SEED)
    batch = queries(count)
    struck = 0
    torn = '{"id":"quoit-0123456789abcdef-1","custom_id":"q-1","response":{"status_code":200,"re'
    with Mock("--latency", "uniform:2ms:8ms") as mock:
        for _ in range(kills):
            process = start(batch, "-o", path_of("out.jsonl"), "--resume", "-c", str(IN_FLIGHT),
                            "--base-url", mock.base, *options)
            if chance.random() < 0.3:  # while it starts, or reads what is there
                wait_at_most(process, chance.uniform(0.001, 0.1))
            else:  # somewhere on its way: so many bytes later, of about 500 a line
                more = chance.uniform(0, 2 * 500 * count / kills)
                size = size_of("out.jsonl") + more
                end = time.monotonic() + LIMIT_S
                while process.poll() is None and size_of("out.jsonl") < size:
                    assert time.monotonic() < end, "no more answers came"
                    time.sleep(0.001)
            process.kill()
            struck += finish(process).code == -signal.SIGKILL
            for name in ("out.jsonl", "errors.jsonl"):
                if os.path.exists(path_of(name)) and chance.random() < 0.5:
                    append(name, torn[:chance.randrange(1, len(torn))])
        last = resume("-c", str(IN_FLIGHT), "--base-url", mock.base, *options)
        ledger = mock.ledger()
    assert struck >= kills // 2, "only %d of %d kills met a run" % (struck, kills)
    print("%d of %d kills met a run; %d sent for %d" % (struck, kills, ledger["requests"], count))
    return last, ledger


def check_killed(last, ledger, kills, count):
    check_equal(last.code, 0, "exit; " + last.stderr)
    check_equal(ids_of("out.jsonl"), names_of(count), "ids")
    for line in read_lines("out.jsonl"):
        check_equal(line["response"]["status_code"], 200, "status")
    most = count + kills * IN_FLIGHT
    assert count <= ledger["requests"] <= most, "%d sent, at most %d" % (ledger["requests"], most)
    check_equal([name for name in os.listdir(batch_test.work) if "quoit-new" in name], [], "rests")


def test_after_any_kill_every_id_stands_there_once():
    kills = KILLS - KILLS // 3
    last, ledger = kill_and_resume(kills, QUERIES, [])
    check_killed(last, ledger, kills, QUERIES)


def test_after_any_kill_the_order_of_the_input_is_kept():
    kills = KILLS // 3
    last, ledger = kill_and_resume(kills, QUERIES, ["--order", "input"])
    # What was answered but waited for those before it is lost with the process.
    check_equal(last.code, 0, "exit; " + last.stderr)
    check_equal([line["custom_id"] for line in read_lines("out.jsonl")],
                ["q-%d" % i for i in range(QUERIES)], "order")
    most = QUERIES + kills * 17 * IN_FLIGHT
    assert QUERIES <= ledger["requests"] <= most, "%d sent" % ledger["requests"]


def test_after_kills_while_lines_change_only_the_newest_answers_stand_there():
    chance = random.Random(SEED)
    count, wanted = 300, {}
    with Mock("--latency", "uniform:1ms:4ms") as mock:
        for turn in range(6):
            for i in range(count):
                if turn == 0 or chance.random() < 0.3:
                    wanted["q-%d" % i] = "turn %d" % turn
            write_file("batch.jsonl", "".join(
                json.dumps({"custom_id": name, "url": "/echo", "body": {"say": say}}) + "\n"
                for name, say in wanted.items()))
            process = start(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--resume", "-c",
                            "8", "--base-url", mock.base[:-3])
            wait_at_most(process, chance.uniform(0.02, 0.12))
            process.kill()
            finish(process)
        last = resume("--base-url", mock.base[:-3])
        again = resume("--base-url", mock.base[:-3])
    check_equal((last.code, again.code), (0, 0), "exit")
    got = {line["custom_id"]: line["response"]["body"]["say"] for line in read_lines("out.jsonl")}
    check_equal(got, wanted, "answers")
    check_equal(len(read_lines("out.jsonl")), count, "lines")
    check_in("%d done before (0 failed)" % count, again.stderr)


# --- What is sent again ---


def test_a_changed_body_is_sent_again_and_its_old_answer_goes():
    queries(50)
    with Mock() as mock:
        check_equal(resume("--base-url", mock.base).code, 0, "exit")
        with open(path_of("batch.jsonl")) as file:
            text = file.read()
        write_file("batch.jsonl", text.replace("say q-7\"", "say 7\"").replace(
            "say q-30\"", "say 30\""))
        changed = resume("--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 52, "requests")
        by_pipe = resume("--base-url", mock.base, batch="-", stdin_bytes=text.encode())
        check_equal(mock.ledger()["requests"], 54, "requests of what was changed back")
    check_equal((changed.code, by_pipe.code), (0, 0), "exit")
    check_in("2 lines have changed since", changed.stderr)
    check_equal(ids_of("out.jsonl"), names_of(50), "ids")


def test_what_failed_for_a_moment_is_sent_again():
    queries(40)
    errors = ["--errors", path_of("errors.jsonl")]
    with Mock("--error", "500:0.3", "--error", "400:0.2", "--seed", "3") as mock:
        first = resume("--base-url", mock.base, "--retries", "0", *errors)
    statuses = [line["response"]["status_code"] for line in read_lines("errors.jsonl")]
    assert 500 in statuses and 400 in statuses, "the seed is of no use: %r" % statuses
    with Mock() as mock:
        none = resume("--base-url", mock.base, "--resume-failed", "none", *errors)
        check_equal(mock.ledger()["requests"], 0, "requests with none")
        second = resume("--base-url", mock.base, *errors)
        check_equal(mock.ledger()["requests"], statuses.count(500), "requests")
        check_equal(ids_of("out.jsonl", "errors.jsonl"), names_of(40), "ids")
        check_equal(len(read_lines("errors.jsonl")), statuses.count(400), "errors")
        third = resume("--base-url", mock.base, "--resume-failed", "all", *errors)
        check_equal(mock.ledger()["requests"], len(statuses), "requests with all")
    check_equal([first.code, none.code, second.code, third.code], [1, 1, 1, 0], "exits")
    check_equal(ids_of("out.jsonl"), names_of(40), "ids")
    check_equal(read_lines("errors.jsonl"), [], "errors at the end")


def test_invalid_and_repeated_lines_are_told_of_once():
    write_file("batch.jsonl", query("q-0") + "\nnot json\n" + query("q-1") + "\n" + query("q-0") +
               "\n\n{\"url\":\"/v1/x\"}\n" + query("q-2") + "\n")
    with Mock() as mock:
        first = resume("--base-url", mock.base)
        lines = read_lines("out.jsonl")
        second = resume("--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 3, "requests")
    check_equal((first.code, second.code), (1, 1), "exits")
    check_equal(len(lines), 6, "lines")
    check_equal(read_lines("out.jsonl"), lines, "lines of the second run")


def test_answers_of_others_are_done_by_their_id():
    queries(6)
    write_file("out.jsonl", "".join(
        '{"id":"batch_req_%d","custom_id":"q-%d","response":{"status_code":200,"request_id":"r",'
        '"body":{}},"error":null}\n' % (i, i) for i in range(4)))
    with Mock() as mock:
        result = resume("--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 2, "requests")
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_equal(ids_of("out.jsonl"), names_of(6), "ids")


def test_a_limit_a_pipe_and_no_id_check_go_on_too():
    queries(60)
    with open(path_of("batch.jsonl"), "rb") as file:
        text = file.read()
    with Mock() as mock:
        resume("--base-url", mock.base, "--limit", "20")
        check_equal(ids_of("out.jsonl"), sorted("q-%d" % i for i in range(20)), "ids with a limit")
        resume("--base-url", mock.base, "--limit", "40", batch="-", stdin_bytes=text)
        last = resume("--base-url", mock.base, "--no-id-check")
        check_equal(mock.ledger()["requests"], 60, "requests")
        interrupted = start(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--resume",
                            "--base-url", mock.base)
        check_equal(finish(interrupted).code, 0, "exit with all done")
    check_in("40 done before (0 failed)", last.stderr)
    check_equal(ids_of("out.jsonl"), names_of(60), "ids")


def test_in_order_what_is_missing_or_changed_is_refused():
    queries(30)
    order = ["--order", "input"]
    with Mock() as mock:
        check_equal(resume("--base-url", mock.base, "--limit", "20", *order).code, 0, "exit")
        lines = open(path_of("out.jsonl")).readlines()
        write_file("out.jsonl", "".join(lines[:4] + lines[5:]))
        missing = resume("--base-url", mock.base, *order)
        write_file("out.jsonl", "".join(lines))
        text = open(path_of("batch.jsonl")).read()
        write_file("batch.jsonl", text.replace("say q-9\"", "say nine\""))
        changed = resume("--base-url", mock.base, *order)
        check_equal(mock.ledger()["requests"], 20, "requests")
        write_file("batch.jsonl", text)
        good = resume("--base-url", mock.base, *order)
    check_equal((missing.code, changed.code, good.code), (3, 3, 0), "exits; " + good.stderr)
    check_in("line 5 has changed or has no answer", missing.stderr)
    check_in("line 10 has changed or has no answer", changed.stderr)
    check_equal([line["custom_id"] for line in read_lines("out.jsonl")],
                ["q-%d" % i for i in range(30)], "order")


def test_an_interrupted_run_is_gone_on_with():
    queries(400)
    with Mock("--latency", "20ms") as mock:
        process = start(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--base-url", mock.base,
                        "-c", "8")
        wait_for("some answers", lambda: os.path.exists(path_of("out.jsonl")) and
                 os.path.getsize(path_of("out.jsonl")) > 2000)
        process.send_signal(signal.SIGTERM)
        first = finish(process)
        done = len(read_lines("out.jsonl"))
        second = resume("--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 400, "requests")
    check_equal((first.code, second.code), (143, 0), "exits")
    check_in("quoit: %d done" % done, first.stderr)
    check_in("%d done before (0 failed)" % done, second.stderr)
    check_equal(ids_of("out.jsonl"), names_of(400), "ids")


# --- Files ---


def test_a_file_of_something_else_is_refused():
    queries(3)
    for content in ("precious\n", "precious", open(path_of("batch.jsonl")).read()):
        write_file("out.jsonl", content)
        refused = resume("--base-url", "http://127.0.0.1:1")
        check_equal(refused.code, 3, "exit")
        check_in("is it the output of a batch?", refused.stderr)
        check_equal(open(path_of("out.jsonl")).read(), content, "the file")
    torn = '{"id":"quoit-0123456789abcdef-1","custom_id":"q-1","resp'
    write_file("out.jsonl", torn)
    write_file("errors.jsonl", "precious\n")
    refused = resume("--errors", path_of("errors.jsonl"), "--base-url", "http://127.0.0.1:1")
    check_equal(refused.code, 3, "exit for a wrong file of errors")
    check_equal(open(path_of("out.jsonl")).read(), torn, "the file beside the wrong one")
    os.unlink(path_of("out.jsonl"))
    os.mkfifo(path_of("out.jsonl"))
    reader = os.open(path_of("out.jsonl"), os.O_RDONLY | os.O_NONBLOCK)
    refused = resume("--base-url", "http://127.0.0.1:1")
    os.close(reader)
    check_equal(refused.code, 3, "exit of a pipe")
    check_in("regular files", refused.stderr)


def test_two_runs_cannot_write_one_file():
    queries(200)
    with Mock("--latency", "30ms") as mock:
        first = start(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "-c", "2", "--errors",
                      path_of("errors.jsonl"), "--base-url", mock.base)
        wait_for("an answer", lambda: os.path.exists(path_of("out.jsonl")) and
                 os.path.getsize(path_of("out.jsonl")) > 0)
        for options in (["-o", path_of("out.jsonl"), "--resume"],
                        ["-o", path_of("out.jsonl"), "--overwrite"],
                        ["-o", path_of("errors.jsonl")],
                        ["-o", path_of("other.jsonl"), "--errors", path_of("out.jsonl")]):
            second = run(path_of("batch.jsonl"), "--base-url", mock.base, *options)
            check_equal(second.code, 3, " ".join(options))
            check_in("another run writes " + batch_test.work, second.stderr)
        first.kill()
        finish(first)
        check_equal(resume("--base-url", mock.base, "-c", "50", "--errors",
                           path_of("errors.jsonl")).code, 0, "exit after the kill")
    check_equal(ids_of("out.jsonl"), names_of(200), "ids")


def in_small_file_system(size, words):
    """The words of a command in which FOLDER is a file system of that size; None: not here."""
    folder = path_of("small")
    os.makedirs(folder, exist_ok=True)
    command = ["unshare", "-rm", "sh", "-c",
               'mount -t tmpfs -o size=%s none %s && exec "$@"' % (size, folder), "sh", *words]
    probe = subprocess.run(command[:5] + ["sh", "true"], capture_output=True)
    return command if probe.returncode == 0 else None


def test_a_file_system_that_fills_up_twice_loses_nothing():
    count = 1000
    queries(count)
    # In the namespace of one shell, since the file system ends with it.
    script = ('o="batch %s --base-url $URL -c 16 -o %s/out.jsonl --resume --quiet"\n'
              '"$QUOIT" $o; echo "exit $?"\nmount -o remount,size=256k none %s\n'
              '"$QUOIT" $o; echo "exit $?"\nmount -o remount,size=16m none %s\n'
              '"$QUOIT" $o; echo "exit $?"\ncp %s/out.jsonl %s\n' %
              (path_of("batch.jsonl"), path_of("small"), path_of("small"), path_of("small"),
               path_of("small"), path_of("out.jsonl")))
    command = in_small_file_system("96k", ["sh", "-c", script])
    if command is None:
        print("skipped: no user and mount namespaces here")
        return
    with Mock() as mock:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S,
                              env=environment(URL=mock.base, QUOIT=QUOIT))
        ledger = mock.ledger()
    check_equal(done.stdout.decode().split("\n")[:3], ["exit 4", "exit 4", "exit 0"],
                "exits; " + done.stderr.decode())
    check_in("No space left on device", done.stderr.decode())
    check_equal(ids_of("out.jsonl"), names_of(count), "ids")
    assert ledger["requests"] <= count + 2 * 16, "%d sent" % ledger["requests"]


def test_a_limit_of_the_files_size_ends_the_run_with_whole_lines():
    queries(300)
    with Mock() as mock:
        process = subprocess.Popen(
            [QUOIT, "batch", *batch_test.IO, path_of("batch.jsonl"), "-o", path_of("out.jsonl"),
             "--base-url", mock.base, "-c", "8"], stderr=subprocess.PIPE, env=environment(),
            preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                                resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))))
        stderr = process.communicate(timeout=LIMIT_S)[1].decode()
        check_equal(process.returncode, 4, "exit")
        check_in("File too large", stderr)
        done = len(read_lines("out.jsonl"))
        check_in("quoit: %d done" % done, stderr)
        check_equal(resume("--base-url", mock.base).code, 0, "exit after it")
    check_equal(ids_of("out.jsonl"), names_of(300), "ids")


def test_a_read_only_folder_is_exit_4():
    queries(3)
    folder = path_of("folder")
    os.mkdir(folder)
    os.chmod(folder, 0o500)
    with Mock() as mock:
        if os.geteuid() == 0:  # root may write there: a path through a file stands for it
            folder = path_of("batch.jsonl")
        result = run(path_of("batch.jsonl"), "-o", folder + "/out.jsonl", "--base-url", mock.base)
        check_equal(mock.ledger()["requests"], 0, "requests")
    check_equal(result.code, 4, "exit")
    check_in("cannot be written", result.stderr)


# --- A line counts when it is on disk ---

# Takes the place of fdatasync: after N calls that are good, those that are not. Each call is noted.
SHIM = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
int fdatasync(int fd)
{
    static int calls;
    int log = open(getenv("SHIM_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    (void)fd;
    if (write(log, ".", 1) != 1) abort();
    close(log);
    if (++calls > atoi(getenv("SHIM_GOOD"))) { errno = EIO; return -1; }
    return 0;
}
"""


def shim(good):
    """The environment in which fdatasync fails after `good` calls; None: not with sanitizers."""
    if "san" in os.path.basename(BUILD):
        return None
    source = write_file("shim.c", SHIM)
    subprocess.run([*os.environ.get("QUOIT_CC", "gcc").split(), "-shared", "-fPIC", "-o",
                    path_of("shim.so"), source], check=True)
    return environment(LD_PRELOAD=path_of("shim.so"), SHIM_LOG=path_of("log"), SHIM_GOOD=str(good))


def calls_of_fdatasync():
    return os.path.getsize(path_of("log")) if os.path.exists(path_of("log")) else 0


def test_what_a_failing_disk_may_not_have_is_not_done():
    queries(500)
    for mode, good in (("group", 0), ("always", 5)):
        env = shim(good)
        if env is None:
            print("skipped: a sanitizer wants to be the first library")
            return
        with Mock("--latency", "2ms") as mock:
            result = run(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--overwrite", "-c",
                         "8", "--fsync", mode, "--base-url", mock.base, env=env)
            sent = mock.ledger()["requests"]
        check_equal(result.code, 4, mode + ": " + result.stderr)
        check_in("quoit: %d done" % good, result.stderr)
        check_in("out.jsonl cannot be written: Input/output error", result.stderr)
        assert sent < 500, "it went on"
        # Not counted, but perhaps there: a line that is there is not paid for again.
        read_lines("out.jsonl")


def test_syncs_are_as_many_as_was_said():
    queries(40)
    calls = {}
    for mode in ("always", "group", "never"):
        env = shim(1000000)
        if env is None:
            print("skipped: a sanitizer wants to be the first library")
            return
        before = calls_of_fdatasync()
        with Mock() as mock:
            result = run(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--overwrite",
                         "--fsync", mode, "--base-url", mock.base, env=env)
        check_equal(result.code, 0, mode)
        check_in("quoit: 40 done", result.stderr)
        calls[mode] = calls_of_fdatasync() - before
    check_equal((calls["always"], calls["never"]), (40, 0), "calls")
    assert 1 <= calls["group"] < 40, "%d calls" % calls["group"]


# --- Memory ---


def hash_of_file(name):
    """In pieces: the memory of a process that was forked off counts as that of the new program."""
    digest = hashlib.sha256()
    with open(path_of(name), "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def most_memory_of(*options):
    """Exit code and the most resident memory in bytes of a run."""
    process = subprocess.Popen([QUOIT, "batch", *batch_test.IO, *options, "--quiet"],
                               stderr=subprocess.PIPE, env=environment())
    process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def test_memory_is_64_mib_and_24_bytes_a_line():
    if "san" in os.path.basename(BUILD) or "guard" in os.path.basename(BUILD):
        print("skipped: the memory of this build is not that of quoit alone")
        return
    count = 400000
    with open(path_of("batch.jsonl"), "w") as file:
        for i in range(count):  # without a url: an error line each, and no request
            file.write('{"custom_id":"request-%d","body":{"model":"m"}}\n' % i)
            if i == count // 2:
                for _ in range(100):
                    file.write("x" * 1000000)
                file.write("\n")
    most = (64 << 20) + 24 * count
    for order in ("completion", "input"):
        code, size = most_memory_of(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--order",
                                    order, "--overwrite", "--base-url", "http://127.0.0.1:1")
        check_equal(code, 1, "exit")
        assert size <= most, "%s: %d bytes, at most %d" % (order, size, most)
    before = hash_of_file("out.jsonl")
    code, size = most_memory_of(path_of("batch.jsonl"), "-o", path_of("out.jsonl"), "--resume",
                                "--base-url", "http://127.0.0.1:1")
    check_equal(code, 1, "exit")
    assert size <= most, "resumed: %d bytes, at most %d" % (size, most)
    check_equal(hash_of_file("out.jsonl"), before, "the output after a second run")
    with open(path_of("out.jsonl"), "rb") as file:
        lines = file.read().splitlines()
    check_equal(len(lines), count + 1, "lines")
    check_in("longer than 16 MiB", lines[count // 2 + 1].decode())


def test_a_reader_that_does_not_read_costs_no_memory():
    if "san" in os.path.basename(BUILD) or "guard" in os.path.basename(BUILD):
        print("skipped: the memory of this build is not that of quoit alone")
        return
    queries(30000)
    with Mock("--body-size", "16KiB") as mock:
        text = open(path_of("batch.jsonl")).read().replace("/v1/chat/completions", "/page")
        write_file("batch.jsonl", text)
        process = start(path_of("batch.jsonl"), "--base-url", mock.base)
        wait_for("a full pipe", lambda: batch_test.bytes_in(process.stdout) > 30000)
        sent = mock.ledger()["requests"]
        with open("/proc/%d/status" % process.pid) as file:
            high = [line for line in file if line.startswith("VmHWM")][0]
        process.kill()
        finish(process)
    assert sent < 1000, "%d requests while nobody reads" % sent
    assert int(high.split()[1]) < 64 << 10, high


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
