#!/bin/sh
# bench: clients against one nginx, in turn, on the machine at hand.
#
#   make bench
#   QUOIT_BUILD=build ROUNDS=5 SECONDS_EACH=1 perf/bench.sh
#
# It starts an nginx of its own (one worker, pinned to the first cpu; a free port of 127.0.0.1 and a
# unix socket), lets perf/compare.py run the clients on the second and print the tables, and stops
# that nginx by its process id however this ends. perf/README.md says what the tables mean. Exit 0:
# all clients ran, whatever the figures; 1: something could not be run; 77: there is no nginx.
set -eu
cd "$(dirname "$0")/.."

build=$(pwd)/build
[ -z "${QUOIT_BUILD:-}" ] || build=$(cd "$QUOIT_BUILD" && pwd)
PATH=$PATH:/usr/sbin:/sbin
command -v nginx >/dev/null || {
    echo "bench: skipped: nginx is not installed (make bench-deps)"
    exit 77
}
[ -x "$build/perf/floor" ] || {
    echo "bench: $build/perf/floor is not built: run \`make\`" >&2
    exit 1
}

folder=$(mktemp -d "$build/perf/nginx.XXXXXX")
socket_folder=$(mktemp -d) # not below the build: a socket's path may have 107 bytes only
nginx_id=""
stop() {
    if [ -n "$nginx_id" ]; then
        kill "$nginx_id" 2>/dev/null || true
        wait "$nginx_id" 2>/dev/null || true
    fi
    rm -rf "$folder" "$socket_folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
user=""
[ "$(id -u)" -ne 0 ] || user="user root;" # so that its worker may use our folders

cat >"$folder/nginx.conf" <<END
daemon off;
$user
worker_processes 1;
master_process off; # one process, whose CPU time is the server's
pid nginx.pid;
error_log error.log warn;
events {
    worker_connections 4096;
}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    server {
        listen 127.0.0.1:$port backlog=4096;
        listen unix:$socket_folder/nginx;
        default_type application/json;
        location / {
            return 200 '{"id":"0123456789","object":"answer","text":"The quick brown fox jumps."}';
        }
    }
}
END

# The server gets the first cpu that we may use, the clients the second. pin CPU COMMAND...
# shellcheck disable=SC2046 # a list of words
set -- $(python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')
server_cpu=$1
client_cpu=${2:-$1}
pin() {
    cpu=$1
    shift
    if [ "$server_cpu" != "$client_cpu" ] && command -v taskset >/dev/null; then
        exec taskset -c "$cpu" "$@"
    fi
    exec "$@"
}

(pin "$server_cpu" nginx -p "$folder" -c nginx.conf -e error.log) >"$folder/output" 2>&1 &
nginx_id=$!

url=http://127.0.0.1:$port/
answers() { "$build/perf/floor" --url "$url" -n 1 -c 1 >"$folder/first" 2>&1; }
tries=0
until answers; do
    tries=$((tries + 1))
    if [ $tries -ge 50 ] || ! kill -0 "$nginx_id" 2>/dev/null; then
        echo "bench: nginx does not answer:" >&2
        cat "$folder/output" "$folder/error.log" "$folder/first" >&2
        exit 1
    fi
    sleep 0.1
done

(pin "$client_cpu" python3 perf/compare.py --build "$build" --url "$url" \
    --unix-socket "$socket_folder/nginx" --server-pid "$nginx_id" \
    --rounds "${ROUNDS:-5}" --seconds "${SECONDS_EACH:-1}")
