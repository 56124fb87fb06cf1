#!/usr/bin/env bash
# Plays the APIs of public projects through the gateway: `init` for their descriptors, then `check` and `openapi` for what
# it wrote.
#
# The descriptors come from the projects' own packages on PyPI and npm, at pinned versions: .proto files where a package has
# them (compiled by `gateway descriptors`), else the serialized descriptors of its generated modules. Prints a line for each
# project and exits non-zero when a command fails or panics, or when `check` has a finding. A project whose registry is out
# of reach is skipped with a line on standard error.
#
#     run.sh [PROJECT...]
#
# Packages are installed below $PROJECTS_CACHE (default: cargo's target folder) and reused. GATEWAY names a program to use
# instead of building one.
#
# Needs: cargo (without GATEWAY), python3 with pip; node and npm for zitadel.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
cache=${PROJECTS_CACHE:-$target/projects}

# Imports of generated modules come from these.
common=(googleapis-common-protos==1.76.0 protobuf==7.36.2)

# Project, package, and the folder of its .proto files below the package's folder; `-` takes its generated modules.
projects='
containerd     pypi containerd==1.5.3                -
cosmos         pypi cosmpy==0.12.2                   -
etcd           pypi aetcd==1.0.0                     -
googleapis     pypi googleapis-common-protos==1.76.0 .
milvus         pypi pymilvus==3.0.2                  -
opentelemetry  pypi opentelemetry-proto==1.45.2      -
qdrant         pypi qdrant-client==1.20.0            qdrant_client/proto
qdrant-set     pypi qdrant-client==1.20.0            -
temporal       pypi temporalio==1.35.0               temporalio/bridge/sdk-core/crates/protos/protos/api_upstream
temporal-set   pypi temporalio==1.35.0               -
zitadel        npm  @zitadel/proto@1.3.1             -
'
# What protoc-gen-es wrote for zitadel needs this to be read.
protobuf_es=@bufbuild/protobuf@2.17.0

# Installs a package of PyPI into a folder of its own, without its dependencies; prints the folder.
pypi() {
    local folder=$cache/pypi/$1
    if [[ ! -d $folder ]]; then
        rm -rf "$folder.partial"
        python3 -m pip install --quiet --no-input --disable-pip-version-check --root-user-action=ignore \
            --no-deps --only-binary=:all: --target "$folder.partial" "$1" >&2 || return
        mv "$folder.partial" "$folder"
    fi
    echo "$folder"
}

# The same for npm.
npm_package() {
    local folder=$cache/npm/${1//\//_}
    if [[ ! -d $folder ]]; then
        rm -rf "$folder.partial" && mkdir -p "$folder.partial"
        echo '{"private": true}' >"$folder.partial/package.json"
        (cd "$folder.partial" \
            && npm install --loglevel=error --ignore-scripts --no-audit --no-fund "$1" "$protobuf_es" >&2) || return
        mv "$folder.partial" "$folder"
    fi
    echo "$folder"
}

# Whether a log says that a registry cannot be reached, in the words of pip and npm.
is_out_of_reach() {
    grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|from versions: none' \
        "$1"
}

# Puts the descriptor set of a project into a file. Exit code 3 when a package cannot be installed.
descriptors() {
    local registry=$1 package=$2 protos=$3 set=$4 folder
    if [[ $registry == npm ]]; then
        folder=$(npm_package "$package") || return 3
        (cd "$folder" && find "node_modules/${package%@*}/es" -name '*_pb.js' | sort >modules)
        node "$here/node_descriptors.mjs" "$set" "$folder"
        return
    fi
    folder=$(pypi "$package") || return 3
    if [[ $protos != - ]]; then
        "$gateway" descriptors "$folder/$protos" -o "$set" >/dev/null
        return
    fi
    local others=() other
    for other in "${common[@]}"; do
        other=$(pypi "$other") || return 3
        others+=("$other")
    done
    python3 -B "$here/python_descriptors.py" "$set" "$folder" "${others[@]}"
}

gateway=${GATEWAY:-}
if [[ -z $gateway ]]; then
    (cd "$root" && cargo build --release --locked --quiet -p gateway)
    gateway=$target/release/gateway
fi
gateway=$(realpath "$gateway")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache"

failed=0 done=0
printf '%-14s %6s %9s %8s %7s %9s  %s\n' project files services methods routes upstreams result
while read -r project registry package protos; do
    [[ -n $project ]] || continue
    [[ $# -eq 0 || " $* " == *" $project "* ]] || continue
    mkdir "$work/$project"
    set=$work/$project/all.binpb file=$work/$project/routes.yaml log=$work/$project/log
    status=0
    descriptors "$registry" "$package" "$protos" "$set" 2>"$log" </dev/null || status=$?
    if [[ $status -eq 3 ]] && is_out_of_reach "$log"; then
        echo "skipped $project: the registry of $package is out of reach" >&2
        continue
    fi
    result=ok routes=- upstreams=-
    if [[ $status -ne 0 ]]; then
        result="no descriptors"
    elif ! "$gateway" init --descriptors "$set" -o "$file" >>"$log" 2>&1; then
        result="init failed"
    else
        "$gateway" check --format json -c "$file" >"$work/$project/check.json" 2>>"$log" || result="check failed"
        grep -q '"findings": *\[ *\]' "$work/$project/check.json" || result="check has findings"
        "$gateway" openapi -c "$file" >/dev/null 2>>"$log" || result="openapi failed"
        routes=$(grep -cE '^ +(- )?(get|put|post|patch|delete|custom): ' "$file")
        upstreams=$(grep -cE '^    address: ' "$file")
    fi
    if grep -q 'panicked at' "$log"; then result=panic; fi
    read -r files services methods < <(python3 -B "$here/counts.py" "$set" 2>/dev/null || echo - - -)
    printf '%-14s %6s %9s %8s %7s %9s  %s\n' \
        "$project" "$files" "$services" "$methods" "$routes" "$upstreams" "$result"
    done=$((done + 1))
    if [[ $result != ok ]]; then
        failed=$((failed + 1))
        sed 's/^/    /' "$log" >&2
        [[ ! -s $work/$project/check.json ]] || sed 's/^/    /' "$work/$project/check.json" >&2
    fi
done <<<"$projects"

echo "$done projects, $failed failed"
[[ $failed -eq 0 ]]
