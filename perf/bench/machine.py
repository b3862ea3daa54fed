"""machine: on what, and of what, the figures were taken."""

import os
import platform
import re
import subprocess
import time

from clients import MODULES, ROOT


def output_of(words):
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, cwd=ROOT, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip()


def cpu_model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"model name\s*: (.*)", file.read())
    except OSError:
        found = None
    return found.group(1).strip() if found else "unknown CPU"


def commit():
    """Of the source, results aside: they are what is being made."""
    name = output_of(["git", "rev-parse", "--short=10", "HEAD"])
    changed = output_of(["git", "status", "--porcelain", "--", ".", ":!perf/RESULTS.md",
                         ":!perf/plots"])
    return f"{name}, with changes" if changed else name


def first_line(text, pattern):
    found = re.search(pattern, text)
    return found.group(1) if found else (text.splitlines() or ["unknown version"])[0]


def version_of(client, words):
    """As short as it says it."""
    if client.version:
        return first_line(output_of(words[:1] + list(client.version)),
                          r"(?:wrk |nghttp2/|Version )([^\s<\[,]+(?: <\$[^$]*\$>)?)")
    if client.name == "aiohttp":
        return output_of([words[0], "-c", "import aiohttp, sys; print(aiohttp.__version__,"
                          " 'on Python', sys.version.split()[0])"])
    if client.name in ("undici", "autocannon"):
        package = os.path.join(MODULES, client.name, "package.json")
        with open(package, encoding="utf-8") as file:
            found = first_line(file.read(), r'"version": "([^"]+)"')
        return f"{found} on Node.js {output_of([words[0], '--version']).lstrip('v')}"
    if client.name == "libcurl":
        return output_of(["pkg-config", "--modversion", "libcurl"])
    if client.name == "quoit":
        return first_line(output_of([words[0], "--version"]), r"quoit ([^\s]+)")
    return ""


def describe(clients, cpus):
    """All that RESULTS.md says of it."""
    return {
        "cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release(),
        "cpus": cpus, "load": [round(value, 2) for value in os.getloadavg()],
        "commit": commit(), "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "liburing": output_of(["pkg-config", "--modversion", "liburing"]),
        "openssl": first_line(output_of(["openssl", "version"]), r"OpenSSL ([^\s]+)"),
        "compiler": first_line(output_of(["cc", "--version"]), r"(.*)"),
        "versions": {client.name: version_of(client, words) for client, words in clients},
    }
