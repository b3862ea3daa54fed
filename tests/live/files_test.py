#!/usr/bin/env python3
"""files: `quoit check`, `quoit merge` and `quoit retry-failed`, and shards that are run apart.

    tests/live/files_test.py [NAME...]     all tests, or those whose name contains a NAME

What batch_test.py says of its environment holds here too.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import zlib

sys.dont_write_bytecode = True  # nothing is written beside the sources
import batch_test
from batch_test import (LIMIT_S, Mock, QUOIT, Result, big_batch, check_equal, check_in, environment,
                        finish, path_of, queries, query, read_lines, run, start, wait_for,
                        write_file)

SHARDS = 8


def quoit(*words, stdin_bytes=None, **more):
    done = subprocess.run([QUOIT, *words], input=stdin_bytes or b"", capture_output=True,
                          timeout=LIMIT_S, env=environment(), **more)
    return Result(done.returncode, done.stdout, done.stderr.decode())


def read_bytes(name):
    with open(path_of(name), "rb") as file:
        return file.read()


def ids_of(name):
    return [line["custom_id"] for line in read_lines(name)]


# --- Lines as they are written by others ---


def ours(custom_id, status=200, asked="9f86d081884c7d65", line=1, body=None):
    return json.dumps({"id": "quoit-%s-%d" % (asked, line), "custom_id": custom_id,
                       "response": {"status_code": status, "request_id": "r",
                                    "body": body or {"of": "quoit"}}, "error": None})


def ours_error(custom_id, code="connect_error", asked="9f86d081884c7d65", line=1):
    return json.dumps({"id": "quoit-%s-%d" % (asked, line), "custom_id": custom_id,
                       "response": None, "error": {"code": code, "message": "m"}})


def openai(custom_id, status=200):
    return json.dumps({"id": "batch_req_1", "custom_id": custom_id,
                       "response": {"status_code": status, "request_id": "r",
                                    "body": {"of": "openai"}}, "error": None})


def openai_expired(custom_id):
    return json.dumps({"id": "batch_req_2", "custom_id": custom_id, "response": None,
                       "error": {"code": "batch_expired", "message": "m"}})


def vllm(custom_id):
    return json.dumps({"id": "vllm-1", "custom_id": custom_id,
                       "response": {"status_code": 200, "request_id": "vllm-batch-1",
                                    "body": {"of": "vllm"}}, "error": None})


def vllm_error(custom_id):
    return json.dumps({"id": "vllm-2", "custom_id": custom_id,
                       "response": {"status_code": 400, "request_id": "vllm-batch-2",
                                    "body": {"of": "vllm"}}, "error": "bad request"})


def lines_file(name, *lines):
    return write_file(name, "".join(line + "\n" for line in lines))


# --- check ---


def test_a_good_file_is_good_and_counted():
    batch = big_batch()
    result = quoit("check", batch, "--json")
    check_equal(result.code, 0, "exit; " + result.stderr)
    found = json.loads(result.stdout)
    with open(batch, "rb") as file:
        lines = file.read().splitlines()
    bodies = [json.loads(line)["body"] for line in lines]
    check_equal(found["good"], True, "good")
    check_equal(found["errors"], [], "errors")
    check_equal(found["requests"], len(lines), "requests")
    check_equal(found["bytes"], os.path.getsize(batch), "bytes")
    check_equal(sum(model["requests"] for model in found["models"]), len(lines), "models")
    check_equal([url["url"] for url in found["urls"]], ["/v1/chat/completions"], "urls")
    check_equal(found["tokens_estimate"]["out_max"],
                sum(body.get("max_tokens", 0) for body in bodies), "tokens")
    plain = quoit("check", batch)
    check_equal(plain.code, 0, "exit without --json")
    check_equal(plain.stderr, "", "stderr")
    check_in(b"an estimate", plain.stdout)


BAD = [('{"custom_id":"a","url":"/v1/x","body":{}}', None),
       ("nonsense", "not JSON"),
       ('{"custom_id":"a","url":"/v1/x","body":{}}', "stands on line 1 already"),
       ('{"custom_id":7,"url":"/v1/x","body":{}}', "quote it"),
       ('{"custom_id":"b","body":{}}', "no url"),
       ('{"custom_id":"c","url":"/v1/x"}', "body"),
       ('{"custom_id":"d","url":"/v1/x","body":{"stream":true}}', "stream"),
       ('{"custom_id":"e","url":"http://user@h/","body":{}}', "user name"),
       ('{"custom_id":"f","url":"/v1/x","body":{}}', None)]


def test_check_finds_what_batch_refuses_with_the_same_words():
    batch = lines_file("bad.jsonl", *[line for line, _ in BAD])
    result = quoit("check", batch, "--json")
    check_equal(result.code, 1, "exit; " + result.stderr)
    found = json.loads(result.stdout)
    check_equal([error["line"] for error in found["errors"]],
                [number for number, (_, fault) in enumerate(BAD, 1) if fault], "lines")
    for error in found["errors"]:
        check_in(BAD[error["line"] - 1][1], error["message"])
    with Mock() as mock:
        run(batch, "-o", path_of("out.jsonl"), "--base-url", mock.base, "--order", "input")
    refused = [line["error"]["message"] for line in read_lines("out.jsonl") if line["error"]]
    check_equal([error["message"] for error in found["errors"]], refused, "messages")


def test_a_repeated_id_is_found_in_a_file_and_in_a_pipe_however_far_apart():
    lines = "\n".join([query("q-%d" % i) for i in range(5000)] + ["", query("q-4321")]) + "\n"
    for result in (quoit("check", write_file("batch.jsonl", lines)),
                   quoit("check", "-", stdin_bytes=lines.encode())):
        check_equal(result.code, 1, "exit")
        check_in(':5002: custom_id "q-4321" of line 5002 stands on line 4322 already', result.stderr)
    twice = lines_file("twice.jsonl", query("a"), query("a"))
    with Mock() as mock:
        both = run(twice, "--no-id-check", "--base-url", mock.base)
    check_equal((both.code, len(both.stdout.splitlines())), (0, 2), "not looked for")


def test_what_is_wrong_is_told_20_times_and_then_counted():
    batch = write_file("bad.jsonl", "no\n" * 50)
    result = quoit("check", batch)
    check_equal(result.code, 1, "exit")
    check_equal(result.stderr.count("not JSON"), 20, "faults")
    check_in("50 faults in all", result.stderr)
    check_equal(quoit("check", "-v", batch).stderr.count("not JSON"), 50, "faults with -v")
    check_equal(len(json.loads(quoit("check", "--json", batch).stdout)["errors"]), 20, "in JSON")


def test_check_takes_what_batch_takes():
    lines = "\ufeff" + query("a") + "\r\n\r\n  \n" + query("b")
    result = quoit("check", "-", "--json", stdin_bytes=lines.encode())
    check_equal(result.code, 0, "exit; " + result.stderr)
    found = json.loads(result.stdout)
    check_equal((found["lines"], found["requests"]), (2, 2), "lines")
    check_equal(found["bytes"], len(lines.encode()), "bytes")
    batch = lines_file("no-url.jsonl", '{"custom_id":"a","body":{}}')
    check_equal(quoit("check", batch).code, 1, "no url")
    check_equal(quoit("check", batch, "--endpoint", "/v1/x").code, 0, "with --endpoint")


def test_a_body_may_ask_for_a_stream_where_batch_would_be_told_so():
    batch = lines_file("batch.jsonl", query("a", body={"model": "m", "stream": True}))
    result = quoit("check", batch)
    check_equal(result.code, 1, "exit")
    check_in("say --stream", result.stderr)
    check_equal(quoit("check", batch, "--stream").code, 0, "exit with --stream")
    for more in ([], ["--stream"]):
        result = quoit("check", batch, "--openai", *more)
        check_equal(result.code, 1, "exit with --openai")
        check_in('OpenAI: body says "stream":true, and a batch has none', result.stderr)
    text = lines_file("text.jsonl", query("a", body=[1]))
    for command in (("check",), ("batch", "--dry-run")):
        result = quoit(*command, text, "--stream")
        check_equal(result.code, 1, "exit, of no object")
        check_in("--stream needs a body that is an object", result.stderr)


def test_tokens_that_nothing_limits_are_unknown():
    limited = query("a", body={"model": "m", "max_tokens": 70})
    for lines, words in (([query("b"), query("c")], b"   unknown  out: no request sets max_tokens\n"),
                         ([limited, query("b")], b"70  out at most, by max_tokens; 1 requests set "),
                         ([limited], b"70  out at most, by max_tokens\n")):
        check_in(words, quoit("check", lines_file("batch.jsonl", *lines)).stdout)


def test_openais_own_limits_are_asked_for():
    batch = lines_file("batch.jsonl", query("a"), query("b", "/v1/embeddings"),
                       query("c", body={"model": "other"}))
    check_equal(quoit("check", batch).code, 0, "ours")
    result = quoit("check", batch, "--openai")
    check_equal(result.code, 1, "OpenAI's")
    check_in("more than one url", result.stderr)
    check_in("more than one model", result.stderr)
    inputs = lines_file("inputs.jsonl", *[query("e-%d" % i, "/v1/embeddings",
                                                body={"model": "m", "input": ["t"] * 25000})
                                          for i in range(3)])
    check_in("50,000 inputs of embeddings", quoit("check", inputs, "--openai").stderr)
    check_in("have batches", quoit("check", lines_file("x.jsonl", query("x", "/v1/x")),
                                   "--openai").stderr)
    many = queries(50001)
    check_equal(quoit("check", many).code, 0, "ours, many")
    check_in("50,000", quoit("check", many, "--openai").stderr)


# --- A dry run ---


def test_a_dry_run_goes_on_to_the_first_good_line_and_tells_of_the_bad_ones():
    batch = lines_file("batch.jsonl", "nonsense", "", '{"custom_id":"a","body":{}}', query("good"),
                       "more nonsense")
    result = run(batch, "--dry-run")
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_in("line 1: invalid_input_line: ", result.stderr)
    check_in("line 3: invalid_input_line: ", result.stderr)
    check_equal(result.stderr.count("invalid_input_line"), 2, "lines told of")
    check_in(b"say good", result.stdout)
    none = run(lines_file("bad.jsonl", "nonsense", "none"), "--dry-run")
    check_equal((none.code, none.stdout), (1, b""), "exit, with no good line")
    check_in("no line in it that is good", none.stderr)


# --- merge ---


def test_files_of_all_makers_are_joined_and_a_good_answer_wins():
    one = lines_file("one.jsonl", ours_error("a"), openai("b"), openai_expired("c"), ours("d", 500),
                     vllm_error("e"), ours("f", body={"turn": 1}), ours_error("g", "timeout_idle"))
    two = lines_file("two.jsonl", openai("a"), ours_error("b"), vllm("c"), ours("f", body={"turn": 2}),
                     ours("g", 503))
    result = quoit("merge", one, two, "-o", path_of("all.jsonl"))
    check_equal(result.code, 0, "exit; " + result.stderr)
    merged = {line["custom_id"]: line for line in read_lines("all.jsonl")}
    check_equal(len(read_lines("all.jsonl")), 7, "lines")
    check_equal(sorted(merged), list("abcdefg"), "ids")
    check_equal({name: (line["response"] or {}).get("status_code") for name, line in merged.items()},
                {"a": 200, "b": 200, "c": 200, "d": 500, "e": 400, "f": 200, "g": 503}, "statuses")
    check_equal(merged["f"]["response"]["body"], {"turn": 2}, "the later of two good ones")
    given = set(read_bytes("one.jsonl").splitlines() + read_bytes("two.jsonl").splitlines())
    assert set(read_bytes("all.jsonl").splitlines()) <= given, "a line was changed"


def test_failed_lines_go_to_a_file_of_their_own():
    one = lines_file("one.jsonl", ours("a"), ours("b", 500), ours_error("c"))
    result = quoit("merge", one, "-o", path_of("all.jsonl"), "--errors", path_of("errors.jsonl"))
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_equal(ids_of("all.jsonl"), ["a"], "answers")
    check_equal(ids_of("errors.jsonl"), ["b", "c"], "errors")
    same = quoit("merge", one, "-o", path_of("x.jsonl"), "--errors", path_of("./x.jsonl"))
    check_equal(same.code, 2, "the same file twice")
    check_equal(os.path.exists(path_of("x.jsonl")), False, "x.jsonl")


def test_the_order_is_the_inputs_and_what_is_missing_is_told():
    batch = queries(30)
    out = lines_file("out.jsonl", *[ours("q-%d" % i) for i in reversed(range(30)) if i % 3],
                     ours("stranger"), ours_error(None, "invalid_input_line"))
    result = quoit("merge", out, "--input", batch, "-o", path_of("all.jsonl"))
    check_equal(result.code, 1, "exit")
    check_in('no answer to "q-0"', result.stderr)
    check_equal(ids_of("all.jsonl"), ["q-%d" % i for i in range(30) if i % 3] + ["stranger", None],
                "order")
    check_in("1 answers to what", result.stderr)
    whole = lines_file("rest.jsonl", *[ours("q-%d" % i) for i in range(0, 30, 3)])
    result = quoit("merge", out, whole, "--input", batch, "-o", path_of("all.jsonl"), "--overwrite")
    check_equal(result.code, 0, "exit with all; " + result.stderr)
    check_equal(ids_of("all.jsonl")[:30], ["q-%d" % i for i in range(30)], "order with all")


def test_of_many_missing_ones_ten_are_named():
    out = lines_file("out.jsonl", ours("q-5"))
    result = quoit("merge", out, "--input", queries(100), "-o", path_of("all.jsonl"))
    check_equal(result.code, 1, "exit")
    check_equal(result.stderr.count("no answer to"), 10, "named")
    check_in("99 queries in all have no answer", result.stderr)


def test_torn_tails_and_other_lines_are_left_out_with_a_word():
    lines = ours("a") + "\n" + ours("b", body={"x": {}, "error": None}) + "\n"
    whole = lines.replace(": ", ":").replace(", ", ",")  # as quoit writes them
    answers_end = whole.index('{},"error":null}') + len('{},"error":null}')  # looks like a line's
    for cut in (whole.index("\n") + 20, answers_end, len(whole) - 2):
        torn = write_file("torn.jsonl", whole[:cut])
        result = quoit("merge", torn, "-o", path_of("all.jsonl"), "--overwrite")
        check_equal(result.code, 0, "exit; " + result.stderr)
        check_equal(ids_of("all.jsonl"), ["a"], "ids, cut at %d" % cut)
        check_in("the last line is torn", result.stderr)
    no_end = write_file("no-end.jsonl", whole[:-1])
    check_equal(quoit("merge", no_end, "-o", path_of("all.jsonl"), "--overwrite").code, 0, "no LF")
    check_equal(ids_of("all.jsonl"), ["a", "b"], "whole but for its LF")
    middle = write_file("middle.jsonl", whole[:50] + "\n\n" + whole)
    result = quoit("merge", middle, "-o", path_of("all.jsonl"), "--overwrite")
    check_equal(result.code, 1, "exit; " + result.stderr)
    check_in("middle.jsonl:1: not a line", result.stderr)
    check_equal(ids_of("all.jsonl"), ["a", "b"], "the others")


def test_lines_without_an_id_are_kept_once_for_what_was_asked():
    invalid = [ours_error(None, "invalid_input_line", line=3),
               ours_error(None, "invalid_input_line", line=4),
               ours_error(None, "invalid_input_line", asked="0123456789abcdef", line=3)]
    foreign = vllm_error(None)
    one = lines_file("one.jsonl", *invalid[:2], foreign, ours("a"))
    two = lines_file("two.jsonl", *invalid, foreign)
    result = quoit("merge", one, two, "-o", path_of("all.jsonl"))
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_equal(sorted(read_bytes("all.jsonl").decode().splitlines()),
                sorted([*invalid, foreign, ours("a")]), "lines")


# As HdrHistogram itself wrote it: 11 values of all sizes, and 10^12 times 50,000.
HISTOGRAM = ("HISTFAAAADp4nJNpmSzMwMAgwQABzFCaEch0M9ixgMH+A0SAieWnPBPLRo+GAytOzbLqdmNrtGQ6v4iJCQAn"
             "Xg0O")


def counts_of(text):
    """The counts of a histogram, and below 0 how many buckets are empty."""
    plain = zlib.decompress(base64.b64decode(text)[8:])[40:]
    counts, number, shift = [], 0, 0
    for byte in plain:
        number |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            counts.append(-((number + 1) // 2) if number & 1 else number // 2)
            number = shift = 0
    return counts


def hlog(name, start, *tags):
    return write_file(name, "#[Histogram log format version 1.3]\n#[StartTime: %d.000 (seconds)]\n"
                      % start + "".join("Tag=%s,1.000,2.000,3.000,%s\n" % (tag, HISTOGRAM)
                                        for tag in tags))


def test_logs_of_histograms_are_added_up_tag_by_tag():
    one, two = hlog("one.hlog", 1700000000, "latency", "itl"), hlog("two.hlog", 1700000010, "latency")
    result = quoit("merge", one, two, "-o", path_of("all.hlog"))
    check_equal(result.code, 0, "exit: " + result.stderr)
    check_in("2 histogram logs, 3 intervals: merged into 2", result.stderr)
    with open(path_of("all.hlog")) as file:
        lines = [line.rstrip("\n").split(",") for line in file if line.startswith("Tag=")]
    check_equal([line[:3] for line in lines], [["Tag=latency", "0.000", "12.000"],
                                               ["Tag=itl", "0.000", "2.000"]], "intervals")
    check_equal(counts_of(lines[1][4]), counts_of(HISTOGRAM), "what one log counts")
    check_equal(counts_of(lines[0][4]), [count * 2 if count > 0 else count
                                         for count in counts_of(HISTOGRAM)], "the sum")


def test_logs_of_histograms_go_with_nothing_else():
    one, out = hlog("one.hlog", 1700000000, "latency"), write_file("out.jsonl", ours("a") + "\n")
    for more, code, said in (([out], 3, "not a histogram log, as another FILE is"),
                             (["--input", queries(1)], 2, "go with answers"),
                             (["--errors", path_of("errors")], 2, "go with answers")):
        result = quoit("merge", one, *more, "-o", path_of("all"))
        check_equal(result.code, code, "exit")
        check_in(said, result.stderr)
        assert not os.path.exists(path_of("all")), "something is there"


def test_a_file_may_be_merged_into_itself_and_nothing_is_lost_on_the_way():
    one = lines_file("one.jsonl", ours("a", 500), ours("b"))
    two = lines_file("two.jsonl", ours("a"))
    check_equal(quoit("merge", one, two, "-o", one).code, 3, "exit without --overwrite")
    check_equal(ids_of("one.jsonl"), ["a", "b"], "untouched")
    check_equal(quoit("merge", one, two, "-o", one, "--overwrite").code, 0, "exit")
    check_equal(sorted(ids_of("one.jsonl")), ["a", "b"], "merged")
    check_equal(sorted(os.listdir(path_of("."))), ["one.jsonl", "two.jsonl"], "files")
    check_equal(quoit("merge", one, "/nowhere", "-o", path_of("x.jsonl")).code, 3, "no such file")
    check_equal(quoit("merge", one, "-o", "/dev/full").code, 4, "a full disk")
    check_equal(quoit("merge").code, 2, "no file")
    check_equal(sorted(os.listdir(path_of("."))), ["one.jsonl", "two.jsonl"], "files at the end")


# --- retry-failed ---


def test_what_failed_is_run_again_until_nothing_is_left():
    batch = queries(60)
    outputs = []
    with Mock("--fail-first", "3:500") as mock:
        todo = batch
        for turn in range(6):
            outputs.append(path_of("out-%d.jsonl" % turn))
            run(todo, "-o", outputs[-1], "--retries", "0", "--base-url", mock.base)
            todo = path_of("todo-%d.jsonl" % turn)
            result = quoit("retry-failed", batch, *outputs, "-o", todo)
            check_equal(result.code, 0, "exit; " + result.stderr)
            if os.path.getsize(todo) == 0:
                break
            check_equal(read_bytes("todo-%d.jsonl" % turn), read_bytes("batch.jsonl"), "bytes")
    check_equal(turn, 3, "turns")
    check_equal(os.path.getsize(todo), 0, "what is left")
    check_equal(quoit("merge", *outputs, "--input", batch, "-o", path_of("all.jsonl")).code, 0,
                "merge")
    check_equal([line["response"]["status_code"] for line in read_lines("all.jsonl")], [200] * 60,
                "statuses")


def test_missing_and_transient_ones_are_taken_and_final_ones_on_demand():
    batch = lines_file("batch.jsonl", *[query(name) for name in ("good", "missing", "503", "400",
                                                                 "reset", "expired", "again")],
                       "nonsense", query("good"), '{"custom_id":"no-body","url":"/v1/x"}')
    one = lines_file("one.jsonl", ours("good"), ours("503", 503), ours("400", 400),
                     ours_error("reset", "connection_reset"), openai_expired("expired"),
                     ours("again", 500), ours_error("no-body", "invalid_input_line"))
    two = lines_file("two.jsonl", ours("again"), ours_error("good"))
    for failed, ids in (([], ["missing", "503", "reset", "expired"]),
                        (["--failed", "all"], ["missing", "503", "400", "reset", "expired"])):
        result = quoit("retry-failed", batch, one, two, *failed)
        check_equal(result.code, 0, "exit; " + result.stderr)
        lines = result.stdout.splitlines()
        check_equal([json.loads(line)["custom_id"] for line in lines], ids, "ids")
        given = read_bytes("batch.jsonl").splitlines()
        assert all(line in given for line in lines), "a line was changed"
    check_in("1 missing, 3 failed and may succeed, 1 failed for good; 2 are answered",
             result.stderr)
    check_in("3 lines of", result.stderr)
    check_equal(quoit("retry-failed", batch).code, 2, "no output")


def test_a_file_that_begins_with_no_answer_is_no_output():
    batch = lines_file("batch.jsonl", query("a"), query("b"))
    out = lines_file("out.jsonl", ours("a"), "nonsense")
    for output in (batch, write_file("no-end.jsonl", query("a")), lines_file("text.jsonl", "text")):
        for outputs in ([output], [out, output]):
            result = quoit("retry-failed", batch, *outputs, "-o", path_of("again.jsonl"))
            check_equal(result.code, 3, "exit; " + result.stderr)
            check_in("%s: line 1 is not an answer" % output, result.stderr)
    check_equal(quoit("retry-failed", out, batch).code, 3, "the wrong way round")
    check_equal(os.path.exists(path_of("again.jsonl")), False, "again.jsonl")
    for begin in ("", ours("a")[:30]):
        output = write_file("begun.jsonl", begin)
        result = quoit("retry-failed", batch, output, out)
        check_equal(result.code, 1, "exit, with a line that cannot be read; " + result.stderr)
        check_equal(len(result.stdout.splitlines()), 1, "lines")


def test_no_source_is_replaced_whatever_its_name():
    batch, out = lines_file("batch.jsonl", query("a")), lines_file("out.jsonl", ours("a", 500))
    os.symlink(batch, path_of("link"))
    os.link(out, path_of("hard"))
    held = [read_bytes("batch.jsonl"), read_bytes("out.jsonl")]
    refused = [("retry-failed", batch, out, "-o", name) for name in (batch, out, path_of("link"),
                                                                    path_of("hard"))]
    refused += [("merge", out, "--input", batch, "-o", name) for name in (batch, path_of("link"))]
    refused += [("merge", out, "--input", batch, "--errors", batch)]
    for words in refused:
        for more in ([], ["--overwrite"]):
            result = quoit(*words, *more)
            check_equal(result.code, 2, "exit of %s; %s" % (words, result.stderr))
            check_in("would be replaced", result.stderr)
    for words in (("retry-failed", batch, out), ("merge", out, "--input", batch)):
        with open(batch, "ab") as file:
            done = subprocess.run([QUOIT, *words], stdout=file, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, timeout=LIMIT_S, env=environment())
        check_equal(done.returncode, 2, "exit with stdout appended to a source")
    check_equal([read_bytes("batch.jsonl"), read_bytes("out.jsonl")], held, "the sources")
    check_equal(sorted(os.listdir(path_of("."))), ["batch.jsonl", "hard", "link", "out.jsonl"],
                "files")


# --- Shards ---


def bodies_by_id(name):
    lines = read_lines(name)
    found = {line["custom_id"]: (line["response"] or {}).get("body") for line in lines}
    check_equal(len(found), len(lines), "ids that come once in " + name)
    return found


def start_shard(batch, index, base, *more):
    return start(batch, "--shard", "%d/%d" % (index, SHARDS), "-o",
                 path_of("out-%d.jsonl" % index), "-c", "4", "--base-url", base, *more)


def test_eight_shards_one_killed_and_run_again_are_one_run():
    batch = big_batch()
    with Mock("--latency", "10ms") as mock:
        whole = run(batch, "-o", path_of("whole.jsonl"), "--base-url", mock.base)
        check_equal(whole.code, 0, "exit of the whole; " + whole.stderr)
        shards = [start_shard(batch, i, mock.base) for i in range(SHARDS)]
        wait_for("some answers", lambda: os.path.exists(path_of("out-3.jsonl")) and
                 os.path.getsize(path_of("out-3.jsonl")) > 4096)
        shards[3].send_signal(signal.SIGKILL)
        codes = [finish(shard).code for shard in shards]
        check_equal(codes, [0, 0, 0, -signal.SIGKILL, 0, 0, 0, 0], "exits")
        outputs = [path_of("out-%d.jsonl" % i) for i in range(SHARDS)]
        partial = quoit("merge", *outputs, "--input", batch, "-o", path_of("partial.jsonl"))
        check_equal(partial.code, 1, "exit of the merge with one shard killed")
        again = finish(start_shard(batch, 3, mock.base, "--overwrite"))
        check_equal(again.code, 0, "exit of the shard; " + again.stderr)
    result = quoit("merge", *outputs, "--input", batch, "-o", path_of("all.jsonl"))
    check_equal(result.code, 0, "exit of the merge; " + result.stderr)
    check_in(" 0 repeated", result.stderr)
    check_equal(bodies_by_id("all.jsonl"), bodies_by_id("whole.jsonl"), "the answers")
    with open(batch, "rb") as file:
        ids = [json.loads(line)["custom_id"] for line in file.read().splitlines()]
    check_equal(ids_of("all.jsonl"), ids, "order")


def test_every_line_is_sent_by_exactly_one_shard_however_the_file_ends():
    lines = [query("q-%d" % i) for i in range(7)]
    for name, content in (("plain", "\n".join(lines) + "\n"), ("no end", "\n".join(lines)),
                          ("bom", "\ufeff" + "\r\n".join(lines) + "\r\n"),
                          ("blank", "\n\n" + "\n \n\n".join(lines) + "\n\n")):
        batch = write_file("batch.jsonl", content.encode())
        with Mock() as mock:
            for count in (3, 20):
                ids = []
                for index in range(count):
                    result = run(batch, "--shard", "%d/%d" % (index, count), "--base-url",
                                 mock.base)
                    check_equal(result.code, 0, "exit; " + result.stderr)
                    ids += [json.loads(line)["custom_id"] for line in result.stdout.splitlines()]
                check_equal(sorted(ids), ["q-%d" % i for i in range(7)], "%s, %d" % (name, count))


def test_the_scheduler_says_which_shard_it_is():
    batch = queries(16)
    array = {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1",
             "SLURM_ARRAY_TASK_MAX": "4"}
    with Mock() as mock:
        slurm = [run(batch, "--shard", "auto", "--base-url", mock.base,
                     env=environment(SLURM_ARRAY_TASK_ID=str(i), **array)) for i in range(1, 5)]
        jobs = [run(batch, "--shard", "auto/4", "--base-url", mock.base,
                    env=environment(JOB_COMPLETION_INDEX=str(i))) for i in range(4)]
    for one, other in zip(slurm, jobs):
        check_equal(one.code, 0, "exit; " + one.stderr)
        names = [sorted(json.loads(line)["id"] for line in result.stdout.splitlines())
                 for result in (one, other)]
        assert names[0], "no lines"
        check_equal(names[0], names[1], "lines")
    check_in("shard 0 of 4, by SLURM_ARRAY_TASK_ID: the lines from byte 0", slurm[0].stderr)
    alone = environment(SLURM_ARRAY_TASK_ID="3", SLURM_ARRAY_TASK_COUNT="1",
                        SLURM_ARRAY_TASK_MIN="3", SLURM_ARRAY_TASK_MAX="3")
    refused = run(batch, "--shard", "auto", "--base-url", "http://127.0.0.1:1/v1", env=alone)
    check_equal(refused.code, 2, "one task of an array, alone")
    check_in("say auto/N", refused.stderr)
    check_equal(run("-", "--shard", "0/4", stdin_bytes=b"").code, 2, "a pipe")


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
