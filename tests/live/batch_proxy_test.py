#!/usr/bin/env python3
"""batch_proxy: `quoit batch` behind a proxy, as -x and the environment name it.

    tests/live/batch_proxy_test.py [NAME...]     all tests, or those whose name contains a NAME

The proxy is one of the test's own that notes each head it is asked with. QUOIT_BUILD is the build
folder (build). Only 127.0.0.1 is used.
"""

import base64
import socket
import socketserver
import subprocess
import sys
import threading

sys.dont_write_bytecode = True  # a test leaves nothing behind
import batch_test  # noqa: E402
from batch_test import (  # noqa: E402
    LIMIT_S, Mock, check_equal, check_in, environment, path_of, queries, read_lines, run)

PASSWORD = "pa55-SECRET"
USER = "user:pa55%2dSECRET"  # the same, as a url has it
BASIC = base64.b64encode(("user:" + PASSWORD).encode()).decode()


class Proxy:
    """With Proxy() as proxy: proxy.port, proxy.heads. `answer` is all that it says to anybody."""

    def __init__(self, answer=None):
        self.answer, self.heads = answer, []

    def __enter__(self):
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def url(self, user=""):
        return "http://%s127.0.0.1:%d" % (user + "@" if user else "", self.port)

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        if self.answer is not None:
            client.sendall(self.answer)
            return
        target = head.split()[1].decode()
        tunnel = head.startswith(b"CONNECT ")
        place = target if tunnel else target.split("/")[2]
        server = socket.create_connection((place.split(":")[0], int(place.split(":")[1])))
        if tunnel:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            server.sendall(head)
        back = threading.Thread(target=self.carry, args=(server, client), daemon=True)
        back.start()
        self.carry(client, server)
        back.join(LIMIT_S)
        server.close()

    @staticmethod
    def carry(source, target):
        try:
            while True:
                piece = source.recv(65536)
                if not piece:
                    break
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them has left


def check_no_secret(*texts):
    for text in texts:
        text = text if isinstance(text, str) else text.decode()
        for secret in (PASSWORD, USER, BASIC):
            assert secret not in text, "a secret: " + repr(text)


def certificate():
    """A certificate for 127.0.0.1 that trusts itself, and its key."""
    cert, key = path_of("cert.pem"), path_of("key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mock",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, stderr=subprocess.DEVNULL)
    return cert, key


def test_x_leads_all_through_the_proxy_and_shows_no_password():
    batch = queries(30)
    with Mock() as mock, Proxy() as proxy:
        result = run(batch, "--base-url", mock.base, "-x", proxy.url(USER), "-v", "--details",
                     "-c", "4", "--summary", path_of("summary"))
        check_equal(mock.ledger()["executions_total"], 30, "executions")
    check_equal(result.code, 0, "exit; " + result.stderr)
    check_in("server %s through http://127.0.0.1:%d" % (mock.base, proxy.port), result.stderr)
    check_in("-x: other users of this machine may have seen the password", result.stderr)
    with open(path_of("summary")) as file:
        check_no_secret(result.stdout, result.stderr, file.read())
    assert 1 <= len(proxy.heads) <= 4, "connections: %d" % len(proxy.heads)
    check_in("POST http://127.0.0.1:%d/v1/chat/completions HTTP/1.1" % mock.port, proxy.heads[0])
    check_in("Proxy-Authorization: Basic " + BASIC, proxy.heads[0])


def test_the_environment_names_one_for_each_scheme():
    batch = queries(5)
    cert, key = certificate()
    tls = ("--tls-cert", cert, "--tls-key", key)
    with Mock() as plain, Mock(*tls, scheme="https") as secure, Proxy() as one, Proxy() as other:
        env = environment(https_proxy=one.url(USER), http_proxy="127.0.0.1:%d" % other.port,
                          HTTP_PROXY="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")
        for mock, proxy, name in ((secure, one, "https_proxy"), (plain, other, "http_proxy")):
            result = run(batch, "--base-url", mock.base, "--cacert", cert, env=env)
            check_equal(result.code, 0, "exit; " + result.stderr)
            first = result.stderr.splitlines()[0]
            check_in("through http://127.0.0.1:%d" % proxy.port, first)
            check_in("from the environment: " + name, first)
            check_no_secret(result.stdout, result.stderr)
    check_in("CONNECT 127.0.0.1:%d HTTP/1.1" % secure.port, one.heads[0])
    check_in("Proxy-Authorization: Basic " + BASIC, one.heads[0])
    check_in("POST http://127.0.0.1:%d/v1/" % plain.port, other.heads[0])
    assert "Proxy-Authorization" not in other.heads[0]


def test_no_proxy_and_an_empty_x_turn_it_off():
    batch = queries(3)
    dead = {"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "socks5://127.0.0.1:1"}
    with Mock() as mock:
        cases = ((("-x", ""), {}), ((), {"no_proxy": "127.0.0.1"}),
                 ((), {"NO_PROXY": "example.com, 127.0.0.0/8"}),
                 ((), {"no_proxy": "127.0.0.1:%d" % mock.port}))
        for options, more in cases:
            result = run(batch, "--base-url", mock.base, *options, env=environment(**dead, **more))
            check_equal(result.code, 0, "exit; " + result.stderr)
            assert "through" not in result.stderr, result.stderr
        check_equal(mock.ledger()["executions_total"], 3 * len(cases), "executions")


def test_a_proxy_that_cannot_be_used_is_wrong_usage():
    batch = queries(3)
    bad = "http://a@b:" + PASSWORD + "@p"
    cases = ((("-x", "socks5://%s@p" % USER), {}, "-x names a proxy of socks5://"),
             (("-x", "https://p"), {}, "-x names a proxy of https://"),
             (("-x", bad), {}, "-x is not the url of a proxy"),
             (("-x", "http://p/path"), {}, "-x is not the url of a proxy"),
             ((), {"ALL_PROXY": "socks5h://%s@p" % USER}, "ALL_PROXY names a proxy of socks5h://"),
             ((), {"http_proxy": bad}, "http_proxy is not the url of a proxy"))
    for options, more, words in cases:
        for extra in ((), ("--dry-run",)):
            if extra and "is not the url" in words:
                continue  # that is the library's to judge
            result = run(batch, "--base-url", "http://127.0.0.1:1/v1", *options, *extra,
                         env=environment(**more))
            check_equal(result.code, 2, "exit; " + result.stderr)
            check_in(words, result.stderr)
            check_equal(len(result.stderr.splitlines()), 1, "lines")
            check_no_secret(result.stdout, result.stderr)
    result = run(batch, "-H", "Proxy-Authorization: " + PASSWORD)
    check_equal(result.code, 2, "exit")
    check_no_secret(result.stdout, result.stderr)


def test_a_proxy_that_refuses_stops_the_run_and_says_why():
    batch = queries(200)
    refusal = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    for base, code in (("https://127.0.0.1:1/v1", "no way"), ("http://127.0.0.1:1/v1", "407")):
        with Proxy(refusal) as proxy:
            result = run(batch, "--base-url", base, "-x", proxy.url(USER), "-c", "8")
            check_equal(result.code, 1, "exit; " + result.stderr)
            check_equal(result.stdout, b"", "output")
            check_in("stopped: the first 20 answers were all", result.stderr)
            check_in(code, result.stderr)
            check_in("407", result.stderr)
            check_no_secret(result.stderr)
            assert len(proxy.heads) <= 100, "asked %d times" % len(proxy.heads)


def test_fewer_lines_than_a_probation_get_their_errors():
    with Proxy(b"HTTP/1.1 403 Filtered\r\n\r\n") as proxy:
        result = run(queries(2), "--base-url", "https://127.0.0.1:1/v1", "-o", path_of("out"),
                     "-x", proxy.url())
    check_equal(result.code, 1, "exit; " + result.stderr)
    for line in read_lines("out"):
        check_equal(line["error"]["code"], "proxy_refused", "code")
        check_in("the proxy answers 403 to CONNECT", line["error"]["message"])
    check_in("look at the proxy's url", result.stderr)


if __name__ == "__main__":
    sys.exit(batch_test.main(globals()))
