"""servers: those that the clients are run against: an nginx and quoit-mock, both of our own.

nginx is one process with one thread, quoit-mock too, pinned to a cpu. Each is stopped by its
process id when its `with` ends, and dies with this process.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

from scenarios import LARGE_SIZE, SMALL_BODY

LIMIT_S = 10
PR_SET_PDEATHSIG = 1

CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
master_process off; # one process, whose CPU time is the server's
pid nginx.pid;
error_log error.log warn;
events {{
    worker_connections 8192;
}}
http {{
    access_log off;
    log_format connections '$connection $ssl_session_reused';
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type application/json;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=4;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    ssl_certificate certificate.pem;
    ssl_certificate_key key.pem;
    server {{
        listen 127.0.0.1:{http} backlog=4096;
        listen 127.0.0.1:{https} ssl backlog=4096;
        listen unix:{unix};
        location / {{
            return 200 '{small}';
        }}
        location /large {{
            root www;
        }}
    }}
    server {{
        listen 127.0.0.1:{cold} ssl backlog=4096;
        keepalive_timeout 0;
        access_log connections.log connections;
        location / {{
            return 200 '{small}';
        }}
    }}
}}
"""


def free_ports(count):
    """All held at once, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def find_nginx():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def start_server(command, cpu, output):
    def prepare():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                            stderr=subprocess.STDOUT, preexec_fn=prepare)


def stop_server(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_us(pid):
    """The time that a process has had a cpu; None where the kernel does not count it."""
    try:
        total_ns = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as times:
                total_ns += int(times.read().split()[0])
        return total_ns / 1e3
    except OSError:
        return None


def wait_for_port(process, port, log):
    for _ in range(LIMIT_S * 50):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    with open(log, encoding="utf-8", errors="replace") as said:
        raise RuntimeError(f"a server does not answer: {said.read()}")


class Nginx:
    """Places: small, large and cold; all of them over http, https and a unix socket but cold."""

    name = "nginx"

    def __init__(self, folder, cpu):
        self.folder, self.cpu = folder, cpu
        self.unix_socket = os.path.join(folder, "nginx.socket")
        self.ca_file = os.path.join(folder, "certificate.pem")
        self.connections_log = os.path.join(folder, "connections.log")
        self.ports = dict(zip(("http", "https", "cold"), free_ports(3)))

    def write_files(self):
        os.makedirs(os.path.join(self.folder, "www/large"))
        with open(os.path.join(self.folder, "www/large/file"), "wb") as file:
            file.write(os.urandom(LARGE_SIZE))
        with open(os.path.join(self.folder, "nginx.conf"), "w", encoding="utf-8") as file:
            # As root, so that it may use our folder.
            user = "user root;" if os.getuid() == 0 else ""
            file.write(CONFIGURATION.format(user=user, unix=self.unix_socket, small=SMALL_BODY,
                                            **self.ports))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"],
            cwd=self.folder, check=True, capture_output=True)

    def __enter__(self):
        self.write_files()
        log = os.path.join(self.folder, "output")
        with open(log, "wb") as output:
            self.process = start_server(
                [find_nginx(), "-p", self.folder, "-c", "nginx.conf", "-e", "error.log"],
                self.cpu, output)
        try:
            wait_for_port(self.process, self.ports["http"], log)
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop_server(self.process)

    def url(self, place, scheme):
        port = self.ports["cold" if place == "cold" else scheme]
        return f"{scheme}://127.0.0.1:{port}/{'large/file' if place == 'large' else ''}"

    def forget(self):
        """Nothing of the clients before shall be seen in the next one's figures."""
        if os.path.exists(self.connections_log):
            os.truncate(self.connections_log, 0)

    def seen(self):
        """Of the place `cold` since forget: connections, and how many resumed a session."""
        with open(self.connections_log, encoding="ascii") as log:
            lines = [line.split() for line in log]
        return {"connections": len({line[0] for line in lines}),
                "resumed": sum(line[1:] == ["r"] for line in lines)}


class Mock:
    """quoit-mock with the options of one scenario. Place: chat."""

    name = "quoit-mock"
    unix_socket = ca_file = None

    def __init__(self, build, folder, cpu, options):
        self.command = [os.path.join(build, "quoit-mock"), *options]
        self.folder, self.cpu = folder, cpu

    def __enter__(self):
        self.port, = free_ports(1)
        log = os.path.join(self.folder, "mock-output")
        with open(log, "wb") as output:
            self.process = start_server([*self.command, "--port", str(self.port)], self.cpu, output)
        try:
            wait_for_port(self.process, self.port, log)
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop_server(self.process)

    def url(self, _place, scheme):
        return f"{scheme}://127.0.0.1:{self.port}/v1/chat/completions"

    def forget(self):
        """So that the next client is drawn the same waits."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/ledger/reset", data=b"")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=LIMIT_S)

    def seen(self):
        return {}
