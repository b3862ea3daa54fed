#!/bin/bash
# package_test: what `make install` has put below $QUOIT_BUILD/tests/packaged, for /usr, is as Debian
# wants it: four packages are made of it, as a packager would cut them, and lintian has nothing to
# say against them, but much against a fifth one with faults.
#
#   libquoit0     the shared library
#   libquoit-llm0 that of quoit_llm.h
#   libquoit-dev  headers, static libraries, pkg-config files, manual
#   quoit         the commands, their manual, completions
#
# What a packager's tools do (stripping, compression, checksums, modes) is done here by hand.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

build=${QUOIT_BUILD:-build}
packaged=$PWD/$build/tests/packaged
for program in dpkg-deb lintian; do
    if ! command -v $program >/dev/null; then
        echo "skipped: $program is not installed"
        exit 77
    fi
done
if [ ! -e "$packaged/usr/include/quoit.h" ]; then
    echo "nothing is installed there: make test-install"
    exit 77
fi
work=$(mktemp -d "$build/tests/package.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# What lintian may remark, and why.
accepted=(
    no-symbols-control-file  # the packager's to write; abi/libquoit.abi says more than it could
    spelling-error-in-binary # "words" that it finds in machine code, others in each build
)

# holds NAME COMMAND...: the promise NAME holds if the command succeeds.
holds() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
        head -n 40 "$work/said"
    fi
}

version=$(sed -n 's/^Version: //p' "$packaged"/usr/lib/*/pkgconfig/quoit.pc)
triplet=$(basename "$(dirname "$(dirname "$packaged"/usr/lib/*/pkgconfig/quoit.pc)")")

# --- What is in which package ---

paths_of() {
    case $1 in
    libquoit0) echo "usr/lib/$triplet/libquoit.so.*" ;;
    libquoit-llm0) echo "usr/lib/$triplet/libquoit_llm.so.*" ;;
    libquoit-dev)
        echo "usr/include usr/lib/$triplet/libquoit.so usr/lib/$triplet/libquoit_llm.so"
        echo "usr/lib/$triplet/*.a"
        echo "usr/lib/$triplet/pkgconfig usr/share/man/man3 usr/share/man/man7"
        ;;
    quoit)
        echo "usr/bin usr/share/man/man1 usr/share/man/man5 usr/share/bash-completion"
        echo "usr/share/zsh usr/share/fish"
        ;;
    esac
}

write_control() {
    echo "Package: $1"
    echo "Version: $version"
    echo "Architecture: $(dpkg --print-architecture)"
    echo "Maintainer: Quoit <quoit@example.org>"
    echo "Priority: optional"
    case $1 in
    libquoit0)
        echo "Section: libs"
        echo "Multi-Arch: same"
        echo "Depends: libc6 (>= 2.34), libssl3 (>= 3.0.0), liburing2 (>= 2.3)"
        ;;
    libquoit-llm0)
        echo "Section: libs"
        echo "Multi-Arch: same"
        echo "Depends: libc6 (>= 2.34), libquoit0 (= $version)"
        ;;
    libquoit-dev)
        echo "Section: libdevel"
        echo "Depends: libquoit0 (= $version), libquoit-llm0 (= $version), liburing-dev, libssl-dev"
        ;;
    quoit)
        echo "Section: net"
        echo "Depends: libc6 (>= 2.34), libssl3 (>= 3.0.0), liburing2 (>= 2.3), libcjson1, zlib1g"
        ;;
    esac
    echo "Description: HTTP requests in large batches ($1)"
    echo " Throws HTTP/1.1 requests over io_uring in large batches, and gets every answer."
    echo " This package was made by a test of what make install installs."
}

write_copyright() {
    echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    echo "Upstream-Name: quoit"
    echo
    echo "Files: *"
    sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
    echo "License: Expat"
    sed -e '1,/^Copyright/d' -e '/./!s/^/./' -e 's/^/ /' LICENSE | sed 1d
}

write_changelog() {
    echo "quoit ($version) unstable; urgency=medium"
    echo
    echo "  * A package that a test makes."
    echo
    echo " -- Quoit <quoit@example.org>  Thu, 01 Jan 2026 00:00:00 +0000"
}

strip_all() {
    find "$1" -type f -name '*.a' -exec strip --strip-debug --remove-section=.comment \
        --remove-section=.note --enable-deterministic-archives {} +
    find "$1" -type f \( -path '*/bin/*' -o -name '*.so.*' \) -exec strip --strip-unneeded \
        --remove-section=.comment --remove-section=.note {} +
}

make_package() {
    local name=$1 root=$work/$1
    mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$name"
    (cd "$packaged" && eval tar c "$(paths_of "$name" | tr '\n' ' ')") | tar x -C "$root" || return 1
    strip_all "$root"
    [ ! -e "$root/usr/share/man" ] || find "$root/usr/share/man" -type f -exec gzip -9n {} +
    write_copyright >"$root/usr/share/doc/$name/copyright"
    write_changelog | gzip -9n >"$root/usr/share/doc/$name/changelog.gz"
    write_control "$name" >"$root/DEBIAN/control"
    case $name in
    libquoit0) echo "libquoit 0 $name (>= $version)" >"$root/DEBIAN/shlibs" ;;
    libquoit-llm0) echo "libquoit_llm 0 $name (>= $version)" >"$root/DEBIAN/shlibs" ;;
    esac
    if [ -e "$root/DEBIAN/shlibs" ]; then
        echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
    fi
    (cd "$root" && find usr -type f -exec md5sum {} + | sort -k 2) >"$root/DEBIAN/md5sums"
    find "$root" -name '*.so.*' -type f -exec chmod 644 {} + # Debian's; other systems want 755
    chmod -R u=rwX,go=rX "$root"
    dpkg-deb --root-owner-group --build "$root" "$work" >/dev/null
}

# But LICENSE, which is each package's copyright file here.
all_is_packaged() {
    local name
    for name in libquoit0 libquoit-llm0 libquoit-dev quoit; do
        (cd "$work/$name" && find usr ! -type d ! -path 'usr/share/doc/*' | sed 's/\.gz$//')
    done | sort | diff <(cd "$packaged" && find usr ! -type d ! -path 'usr/share/doc/*' | sort) -
}

# Debian's shells, of which zsh is the one that does not look where others have it.
zsh_looks_there() {
    [ -e "$packaged/usr/share/zsh/vendor-completions/_quoit" ] &&
        zsh -f -c 'print -l $fpath' | grep -x /usr/share/zsh/vendor-completions
}

# A program that is not hardened, in a place that is not a packager's.
make_faulty_package() {
    local root=$work/quoit-faulty
    mkdir -p "$root/DEBIAN" "$root/usr/local/bin" "$root/usr/share/doc" || return 1
    cp -r "$work/quoit/usr/share/doc/quoit" "$root/usr/share/doc/quoit-faulty"
    write_control quoit | sed 's/^Package: .*/&-faulty/' >"$root/DEBIAN/control"
    echo 'int main(void) { return 0; }' |
        gcc -no-pie -Wl,-z,norelro -x c - -o "$root/usr/local/bin/unhardened" &&
        dpkg-deb --root-owner-group --build "$root" "$work" >/dev/null
}

# Errors, warnings and lesser remarks, of all packages at once.
run_lintian() {
    lintian --allow-root --no-cfg --color never --tag-display-limit 0 --display-info --pedantic \
        "$work"/*.deb >"$work/tags" 2>&1
    grep -vF -f <(printf '%s\n' "${accepted[@]}") "$work/tags" >"$work/remarks"
    true
}

finds_nothing() { ! grep -v quoit-faulty "$work/remarks"; }

finds() { grep "quoit-faulty: $1" "$work/remarks"; }

for name in libquoit0 libquoit-llm0 libquoit-dev quoit; do
    holds "$name is packed" make_package $name
done
holds "every file is in a package" all_is_packaged
! command -v zsh >/dev/null || holds "zsh looks where its completions are" zsh_looks_there
holds "a faulty package is packed" make_faulty_package
run_lintian
holds "lintian has nothing to say" finds_nothing
holds "where it finds a file in the wrong place" finds file-in-usr-local
holds "and a program that is not hardened" finds hardening-no-pie
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
