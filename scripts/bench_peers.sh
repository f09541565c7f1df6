#!/usr/bin/env bash
# Installs what `make bench` compares with: Python peers into .venv-bench (pinned by hash), Node-RED into the cache folder.
# `--lock` pins the Python peers anew. Nothing here is needed to run or test the gateway. A peer that cannot be installed
# is said in one line and left out of the benchmark; this script then still ends well.
set -uo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"
limit_s="${BENCH_PEERS_LIMIT_S:-180}"
node_red="${XDG_CACHE_HOME:-$HOME/.cache}/offsite-supervision-gateway/node-red"
node_red_packages="node-red@4.1.15 pg@8.23.1"
flags=(--universal --generate-hashes --no-header --no-annotate --quiet --python-version 3.11)

if [ "${1:-}" = --lock ]; then
    exec "$uv" pip compile "${flags[@]}" requirements/bench.in -o requirements/bench.txt
fi

python_peers() {
    local stamp=.venv-bench/.installed want
    want=$(sha256sum requirements/bench.txt)
    [ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && return 0
    echo "bench: installing the Python peers into .venv-bench"
    rm -rf .venv-bench
    .venv/bin/python -m venv --without-pip .venv-bench || return 1
    timeout "$limit_s" "$uv" pip install --quiet --python .venv-bench/bin/python --require-hashes \
        -r requirements/bench.txt || return 1
    echo "$want" >"$stamp"
}

node_red() {
    command -v npm >/dev/null || return 1
    [ "$(cat "$node_red/.installed" 2>/dev/null)" = "$node_red_packages" ] && return 0
    echo "bench: installing Node-RED into the cache folder"
    rm -rf "$node_red" && mkdir -p "$node_red" || return 1
    # Words on purpose: two packages. No install scripts: none of the two needs one.
    # shellcheck disable=SC2086
    (cd "$node_red" && timeout "$limit_s" npm install --silent --no-audit --no-fund --ignore-scripts $node_red_packages) \
        >/dev/null 2>&1 || return 1
    echo "$node_red_packages" >"$node_red/.installed"
}

python_peers || echo "bench: the Python peers could not be installed within $limit_s s; ioos_qc, SaQC, pecos, FastStream are left out"
node_red || echo "bench: Node-RED could not be installed within $limit_s s; it is left out"
