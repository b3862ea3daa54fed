#!/bin/sh
# deps: install the packages that are missing, and say so.
#
#   tests/deps.sh SET...      SET is build, test, ci, bench or slurm
#
# When all of them are there it does nothing: no network, no root, no word. Else it asks apt-get,
# as root or with sudo. Where there is no apt-get it names what is missing and exits 1.
# node-llhttp is wanted for its C sources only: where it would bring in Node.js, it is unpacked
# under build/third_party instead of being installed. What npm has goes there too.
set -eu
cd "$(dirname "$0")/.."

third_party=build/third_party
missing=""

has() { command -v "$1" >/dev/null 2>&1; }
has_library() { pkg-config --exists "$1" 2>/dev/null; }

# need PACKAGE CHECK...: the package is missing if the check fails. What counts is that the thing
# is there, not that it came from a package.
need() {
    package=$1
    shift
    "$@" || missing="$missing $package"
}

has_llhttp() {
    has_library libllhttp || [ -e /usr/share/llhttp/llhttp.c ] ||
        [ -e "$third_party/usr/share/llhttp/llhttp.c" ]
}

# What npm has: NAME@VERSION. A module is there when its folder is, in whatever version.
modules=""
has_module() { [ -e "$third_party/npm/node_modules/${1%@*}/package.json" ]; }

need_module() {
    has_module "$1" || modules="$modules $1"
}

bring_modules() {
    if [ -z "$modules" ]; then
        return
    fi
    echo "deps: npm install$modules"
    mkdir -p "$third_party/npm"
    # shellcheck disable=SC2086 # a list of words
    npm install --prefix "$third_party/npm" --ignore-scripts --no-audit --no-fund --loglevel=error \
        $modules >build/deps.log 2>&1 || {
        tail -n 20 build/deps.log >&2
        exit 1
    }
}

has_python_module() { has python3 && python3 -c "import $1" 2>/dev/null; }

has_service() { has "$1" || [ -x "/usr/sbin/$1" ]; }

# Debian's belongs to Debian's python3, which need not be the first one on PATH.
has_module_somewhere() {
    python3 -c "import $1" 2>/dev/null || /usr/bin/python3 -c "import $1" 2>/dev/null
}

has_clang_runtime() {
    has clang && [ -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]
}

need_set() {
    case $1 in
    build)
        need gcc has gcc
        need libc6-dev [ -e /usr/include/stdio.h ]
        need binutils has objcopy
        need make has make
        need pkg-config has pkg-config
        need scdoc has scdoc
        need liburing-dev has_library liburing
        need libssl-dev has_library openssl
        need libcjson-dev has_library libcjson
        need zlib1g-dev has_library zlib
        need node-llhttp has_llhttp
        need openssl has openssl
        need curl has curl
        ;;
    test)
        need python3 has python3
        need python3-jsonschema has_python_module jsonschema
        need python3-pytest has_module_somewhere pytest
        need python3-pytest-asyncio has_module_somewhere pytest_asyncio
        need python3-aiohttp has_module_somewhere aiohttp
        need python3-httpx has_module_somewhere httpx
        need python3-uvloop has_module_somewhere uvloop
        need python3-pip has_module_somewhere pip
        need python3-setuptools has_module_somewhere setuptools
        need python3-wheel has_module_somewhere wheel
        need nginx has_service nginx
        need tinyproxy-bin has tinyproxy
        need strace has strace
        need libuv1-dev has_library libuv
        need libglib2.0-dev has_library glib-2.0
        need libevent-dev has_library libevent
        need ca-certificates [ -e /etc/ssl/certs/ca-certificates.crt ]
        ;;
    ci)
        need clang has clang
        need libclang-rt-14-dev has_clang_runtime
        need clang-format has clang-format
        need g++ has g++
        need zsh has zsh
        need fish has fish
        need abigail-tools has abidw
        need lintian has lintian
        need gcovr has gcovr
        need nodejs has node
        need npm has npm
        need chromium has chromium
        # The reader that tests hold our histogram logs against, and what it needs.
        need_module hdr-histogram-js@3.0.1
        need_module @assemblyscript/loader@0.19.23
        need_module base64-js@1.5.1
        need_module pako@1.0.11
        ;;
    bench)
        need nginx has_service nginx
        need wrk has wrk
        need nghttp2-client has h2load
        need apache2-utils has ab
        need openssl has openssl
        need strace has strace
        need python3 has python3
        need libcurl4-openssl-dev has_library libcurl
        need python3-aiohttp has_module_somewhere aiohttp
        need nodejs has node
        need npm has npm
        need_module undici@6.29.1
        need_module autocannon@8.0.0
        ;;
    slurm) # for tests/slurm
        need munge has_service munged
        need slurmctld has_service slurmctld
        need slurmd has_service slurmd
        need slurm-client has sbatch
        need python3 has python3
        ;;
    *)
        echo "deps: no set is called $1: build, test, ci, bench, slurm" >&2
        exit 2
        ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install() {
    echo "deps: apt-get install$*"
    # shellcheck disable=SC2048,SC2086 # one string of names
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $* \
        >build/deps.log 2>&1 || {
        tail -n 20 build/deps.log >&2
        echo "deps: apt-get failed, the whole of it is in build/deps.log" >&2
        exit 1
    }
}

unpack_llhttp() {
    echo "deps: node-llhttp would bring in Node.js; unpacking it into $third_party"
    mkdir -p "$third_party"
    (cd "$third_party" && apt-get download -q node-llhttp >/dev/null 2>&1) ||
        (cd "$third_party" && apt-get -o APT::Sandbox::User=root download node-llhttp)
    dpkg-deb -x "$third_party"/node-llhttp_*.deb "$third_party"
}

# Such packages are wanted for their programs, not as services: nothing may start while they are
# installed, nor at the next boot. A policy-rc.d that is there already stays as it is.
policy=/usr/sbin/policy-rc.d
install_services() {
    policy_is_ours=no
    if [ ! -e $policy ]; then
        policy_is_ours=yes
        trap 'as_root rm -f $policy' EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    apt_install "$1"
    if [ $policy_is_ours = yes ]; then
        as_root rm -f $policy
        trap - EXIT INT TERM
    fi
    for service in $1; do
        if [ -d /run/systemd/system ]; then
            as_root systemctl disable --now --quiet "$service"
            echo "deps: the service $service stays off: systemctl enable --now $service starts it"
        elif [ "$service" = nginx ] && [ -e /run/nginx.pid ]; then
            as_root service nginx stop
        fi
    done
}

for set in "$@"; do
    need_set "$set"
done
# shellcheck disable=SC2086 # a list of words
missing=$(printf '%s\n' $missing | sort -u | tr '\n' ' ')
missing=${missing% }
if [ -z "$missing" ]; then
    bring_modules
    exit 0
fi
if ! has apt-get; then
    echo "deps: please install what these Debian packages hold: $missing" >&2
    echo "deps: (llhttp: a libllhttp that pkg-config finds, in place of node-llhttp)" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! has sudo; then
    echo "deps: neither root nor sudo; please run: apt-get install $missing" >&2
    exit 1
fi

mkdir -p build
echo "deps: missing: $missing"
as_root apt-get update -q >build/deps.log 2>&1 ||
    echo "deps: apt-get update failed; going on with the lists that are here" >&2
packages=""
services=""
for package in $missing; do
    case $package in
    nginx | munge | slurmctld | slurmd)
        services="$services $package"
        ;;
    node-llhttp)
        if apt-get install -s --no-install-recommends node-llhttp | grep -q '^Inst nodejs'; then
            unpack_llhttp
        else
            packages="$packages node-llhttp"
        fi
        ;;
    *)
        packages="$packages $package"
        ;;
    esac
done
if [ -n "$services" ]; then
    install_services "$services"
fi
if [ -n "$packages" ]; then
    apt_install "$packages"
fi

missing="" modules=""
for set in "$@"; do
    need_set "$set"
done
if [ -n "$missing" ]; then
    echo "deps: still missing:$missing" >&2
    exit 1
fi
bring_modules
