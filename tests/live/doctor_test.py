#!/usr/bin/env python3
"""doctor: `quoit doctor` on machines that lack something, each made out of this one.

    tests/live/doctor_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too. No test tells how fast this machine is:
others may run beside it.
"""

import ctypes
import errno
import json
import os
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (BUILD, LIMIT_S, QUOIT, SECRET, Result, check_equal, check_in, environment,
                        path_of, wait_for)

BRIEF = ["--duration", "30ms"]
IO_URING_SETUP = 425  # on all processors
BACKENDS = ["io_uring", "epoll"]
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)


class Filter(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("rules", ctypes.c_void_p)]


def refuse(number, error):
    """For preexec_fn: a seccomp filter under which one system call says `error`."""
    rules = ctypes.create_string_buffer(b"".join([
        struct.pack("=HBBI", 0x20, 0, 0, 0),                   # load the number
        struct.pack("=HBBI", 0x15, 0, 1, number),              # is it that one?
        struct.pack("=HBBI", 0x06, 0, 0, 0x00050000 | error),  # SECCOMP_RET_ERRNO
        struct.pack("=HBBI", 0x06, 0, 0, 0x7fff0000),          # SECCOMP_RET_ALLOW
    ]))

    def install():
        program = Filter(4, ctypes.addressof(rules))
        if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, ctypes.byref(program)) != 0:
            raise OSError(ctypes.get_errno(), "no seccomp filter")
    return install


def limit(kind, soft):
    return lambda: resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))


def doctor(*options, env=None, program=QUOIT, **more):
    done = subprocess.run([program, "doctor", *options], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=LIMIT_S, env=env or environment(), **more)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def examine(*options, **more):
    """Its exit code, and its JSON."""
    result = doctor("--json", "-", *BRIEF, *options, **more)
    return result.code, json.loads(result.stdout)


def check_of(report, name):
    found = [check for check in report["checks"] if check["name"] == name]
    assert found, "there is no check %s" % name
    return found[0]


def works_here(io):
    return doctor("--no-self-test", "--io", io).code in (0, 1)


# --- All is well ---


def test_each_back_end_that_works_is_measured_and_told():
    code, report = examine()
    assert code in (0, 1), code
    check_equal(report["failures"], 0)
    check_equal(report["warnings"] > 0, code == 1)
    check_equal(report["verdict"], ("ok", "warn")[code])
    wanted = [name for name, io in zip(BACKENDS, ("uring", "epoll")) if works_here(io)]
    check_equal([backend["io"] for backend in report["self_test"]["backends"]], wanted)
    for backend in report["self_test"]["backends"]:
        for load in ("requests_one", "requests_many", "events"):
            assert backend[load]["count"] > 0, load
            assert backend[load]["per_second"] > 0, load
            check_in(backend[load]["limit"], ("client", "stand-in", "both", "others", "latency"))
        check_equal(backend["requests_one"]["in_flight"], 1)
        check_equal(backend["requests_many"]["in_flight"], 64)
        check_equal([wait["wait_us"] for wait in backend["waits"]],
                    [100, 100, 1000, 1000, 10000, 10000])
        check_equal([wait["slack_us"] for wait in backend["waits"]][1::2], [0.001] * 3)
        assert all(wait["count"] > 0 for wait in backend["waits"])


def test_the_table_says_what_the_json_says():
    result = doctor("--json", path_of("report.json"), *BRIEF)
    with open(path_of("report.json")) as file:
        report = json.load(file)
    check_equal(result.stderr, "")
    lines = result.stdout.splitlines()
    for check in report["checks"]:
        at = [i for i, line in enumerate(lines)
              if line.startswith(check["verdict"]) and line.endswith(check["found"])]
        assert at, check
        if check["remedy"]:
            check_equal(lines[at[0] + 1].strip(), "-> " + check["remedy"])
    for backend in report["self_test"]["backends"]:
        check_in("\n%-26s" % backend["io"], result.stdout)
    check_equal(len(re.findall("requests, 64 in flight", result.stdout)),
                len(report["self_test"]["backends"]))
    assert lines[-1].startswith("this machine can run quoit"), lines[-1]


def test_one_back_end_is_measured_if_it_is_asked_for():
    code, report = examine("--io", "epoll")
    assert code in (0, 1), code
    check_equal([backend["io"] for backend in report["self_test"]["backends"]], ["epoll"])
    check_equal(check_of(report, "epoll")["verdict"], "ok")


def test_without_the_self_test_nothing_is_started():
    result = doctor("--no-self-test", "--json", path_of("report.json"), preexec_fn=refuse(
        49 if os.uname().machine == "x86_64" else 200, errno.EACCES))  # bind
    assert result.code in (0, 1), result.code
    with open(path_of("report.json")) as file:
        check_equal(json.load(file)["self_test"], None)
    assert "stand-in" not in result.stdout


# --- Refusals ---


def test_a_filter_on_io_uring_is_named_and_epoll_is_measured():
    for error, said in ((errno.EPERM, "Operation not permitted"),
                        (errno.ENOSYS, "Function not implemented")):
        code, report = examine(preexec_fn=refuse(IO_URING_SETUP, error))
        check_equal(code, 1)
        check = check_of(report, "io_uring")
        check_equal(check["verdict"], "warn")
        check_in("refused (%s)" % said, check["found"])
        check_in("quoit runs on epoll", check["found"])
        if not int(open("/proc/sys/kernel/io_uring_disabled").read() or 0):
            check_in("seccomp filter", check["found"])
            check_in("io_uring_setup", check["remedy"])
        check_equal([backend["io"] for backend in report["self_test"]["backends"]], ["epoll"])


def test_io_uring_that_is_asked_for_and_refused_is_a_failure():
    code, report = examine("--io", "uring", preexec_fn=refuse(IO_URING_SETUP, errno.EPERM))
    check_equal(code, 3)
    check_equal(check_of(report, "io_uring")["verdict"], "fail")
    check_in("refused", check_of(report, "io_uring")["found"])
    check_equal(report["self_test"], None)
    result = doctor("--io", "uring", *BRIEF, preexec_fn=refuse(IO_URING_SETUP, errno.EPERM))
    assert result.stdout.splitlines()[-1].startswith("this machine cannot run quoit; 1 failure")


def test_few_descriptors_are_warned_of_and_fewer_are_a_failure():
    for count, in_flight in ((16, 3), (64, 51)):
        code, report = examine(preexec_fn=limit(resource.RLIMIT_NOFILE, count))
        check_equal(code, 1)
        check = check_of(report, "open files")
        check_equal(check["verdict"], "warn")
        check_in("-c up to %d" % in_flight, check["found"])
        check_in("ulimit -n", check["remedy"])
        for backend in report["self_test"]["backends"]:
            check_equal(backend["requests_many"]["in_flight"], in_flight)
        assert report["self_test"]["backends"]
    code, report = examine(preexec_fn=limit(resource.RLIMIT_NOFILE, 8))
    check_equal(code, 3)
    check_equal(check_of(report, "open files")["verdict"], "fail")
    code, report = examine(preexec_fn=limit(resource.RLIMIT_NOFILE, 4))
    check_equal(code, 3)
    check_in("descriptor", check_of(report, "io_uring")["found"])


def nobody_program():
    """The command, where somebody without rights may run it."""
    folder = os.path.join(batch_test.work, "bin")
    os.mkdir(folder)
    shutil.copy(QUOIT, folder)
    for path in (batch_test.work, folder, os.path.join(folder, "quoit")):
        os.chmod(path, 0o755)
    return os.path.join(folder, "quoit")


def test_locked_memory_that_does_not_do_is_named_and_epoll_needs_none():
    program = nobody_program()

    def become_nobody():
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    code, report = examine(program=program, preexec_fn=become_nobody)
    check_equal(check_of(report, "locked memory")["verdict"], "warn")
    if check_of(report, "io_uring")["verdict"] == "fail":
        check_equal(code, 3)
        check_in("locked memory", check_of(report, "io_uring")["found"])
        check_in("ulimit -l", check_of(report, "io_uring")["remedy"])
        check_equal(report["self_test"], None)
    else:
        print("skipped: this kernel locks no memory of rings")
    code, report = examine("--io", "epoll", program=program, preexec_fn=become_nobody)
    check_equal(code, 1)
    check_equal(len(report["self_test"]["backends"]), 1)


def test_one_processor_is_warned_of_and_is_enough():
    one = min(os.sched_getaffinity(0))
    code, report = examine(preexec_fn=lambda: os.sched_setaffinity(0, {one}))
    check_equal(code, 1)
    check_equal(check_of(report, "processors")["verdict"], "warn")
    assert "client_cpu" not in report["self_test"]
    assert report["self_test"]["backends"]


def test_a_stand_in_that_cannot_be_started_or_reached_is_a_failure():
    numbers = {"x86_64": (56, 49), "aarch64": (220, 200)}.get(os.uname().machine)
    if numbers is None:
        print("skipped: the numbers of clone and bind are not known here")
        return
    if "san" in os.path.basename(BUILD):
        numbers = numbers[1:]  # its search for leaks needs clone
    for number in numbers:
        code, report = examine(preexec_fn=refuse(number, errno.EACCES))
        check_equal(code, 3)
        check = check_of(report, "self-test")
        check_equal(check["verdict"], "fail")
        check_in("the stand-in cannot be started: Permission denied", check["found"])
        check_equal(report["self_test"]["backends"], [])
    connect = {"x86_64": 42, "aarch64": 203}[os.uname().machine]
    code, report = examine("--io", "epoll", preexec_fn=refuse(connect, errno.EACCES))
    check_equal(code, 3)
    check_in("requests on epoll: ", check_of(report, "self-test")["found"])


def test_a_machine_without_proc_is_examined_all_the_same():
    if "san" in os.path.basename(BUILD) or os.getuid() != 0 or not shutil.which("unshare"):
        print("skipped: a sanitizer wants /proc, or only root can hide it")
        return
    hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc || exit 77; exec "$@"', "sh"]
    done = subprocess.run([*hide, QUOIT, "doctor", "--json", "-", *BRIEF], capture_output=True,
                          timeout=LIMIT_S, env=environment())
    if done.returncode == 77:
        print("skipped: /proc cannot be hidden here")
        return
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    check_equal(check_of(report, "local ports")["found"], "unknown")
    assert report["self_test"]["backends"]


# --- What it says, and where ---


def test_no_secret_is_said():
    secrets = environment(OPENAI_API_KEY=SECRET, OPENAI_ORG_ID=SECRET, OPENAI_PROJECT_ID=SECRET,
                          OPENAI_BASE_URL="http://user:%s@localhost/v1?key=%s" % (SECRET, SECRET),
                          https_proxy="http://user:%s@localhost:1" % SECRET,
                          http_proxy="http://user:%s/x@localhost:1" % SECRET)
    for options in ((), ("--json", "-")):
        result = doctor("--no-self-test", *options, env=secrets)
        for output in (result.stdout, result.stderr):
            assert SECRET not in output, output
        check_in("OPENAI_API_KEY set", result.stdout + result.stderr)
        check_in("***@localhost", result.stdout + result.stderr)


def test_colours_are_for_terminals_that_want_them():
    assert "\033" not in doctor("--no-self-test").stdout

    def on_terminal(**more):
        leader, follower = pty.openpty()
        subprocess.run([QUOIT, "doctor", "--no-self-test"], stdin=subprocess.DEVNULL,
                       stdout=follower, stderr=follower, timeout=LIMIT_S,
                       env=environment(TERM="xterm", **more))
        os.close(follower)
        said = b""
        try:
            while chunk := os.read(leader, 65536):
                said += chunk
        except OSError:  # all was read
            pass
        os.close(leader)
        return said

    check_in(b"\033[32mok", on_terminal())
    assert b"\033" not in on_terminal(NO_COLOR="1")


def test_output_that_cannot_be_written_is_said_by_the_exit_code():
    with open("/dev/full", "w") as full:
        for options in ((), ("--json", "-")):
            done = subprocess.run([QUOIT, "doctor", "--no-self-test", *options], stdout=full,
                                  stderr=subprocess.PIPE, timeout=LIMIT_S, env=environment())
            check_equal(done.returncode, 4)
            check_in(b"stdout: No space left", done.stderr)
    closed = subprocess.run(["sh", "-c", '"$0" doctor --no-self-test >&-', QUOIT],
                            stderr=subprocess.PIPE, timeout=LIMIT_S, env=environment())
    check_equal(closed.returncode, 4)
    for path in ("/dev/full", path_of("none/report.json")):
        result = doctor("--no-self-test", "--json", path)
        check_equal(result.code, 4)
        check_in("quoit doctor: %s: " % path, result.stderr)
        check_in("this machine can", result.stdout)


def test_wrong_words_are_refused():
    for words, said in ((["--duration", "0"], "--duration"), (["--duration", "2m"], "at most 1m"),
                        (["--duration", "none"], "at most 1m"), (["--io", "kqueue"], "--io"),
                        (["now"], "now"), (["--json"], "--json")):
        result = doctor(*words)
        check_equal(result.code, 2)
        check_in(said, result.stderr)
        check_equal(result.stdout, "")
    check_equal(doctor("--help").code, 0)
    check_in("--no-self-test", doctor("--help").stdout)


# --- The stand-in ends ---


def children_of(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def is_running(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_the_stand_in_ends_with_the_doctor_however_that_ends():
    for end in (None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        duration = "30ms" if end is None else "10s"
        process = subprocess.Popen([QUOIT, "doctor", "--duration", duration, "--io", "epoll"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=environment())
        wait_for("the stand-in", lambda: children_of(process.pid) or process.poll() is not None)
        standins = children_of(process.pid)
        if end is not None:
            assert standins, "it ended before its time"
            process.send_signal(end)
        code = process.wait(LIMIT_S)
        assert code in ((0, 1) if end is None else (-end,)), code
        wait_for("its end", lambda: not any(is_running(pid) for pid in standins))


def main():
    if os.environ.get("QUOIT_TEST_IO") == "epoll":
        print("skipped: doctor looks at both back ends by itself")
        return 77
    return batch_test.main(globals())


if __name__ == "__main__":
    sys.exit(main())
