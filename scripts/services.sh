#!/usr/bin/env bash
# Installs the servers that the tests run against; says in one line each what it is doing, and nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")"
missing=()
need() { dpkg -s "$1" >/dev/null 2>&1 || missing+=("$1"); }
need mosquitto
need mosquitto-clients
if [ ${#missing[@]} -gt 0 ]; then
    echo "services: installing ${missing[*]} from Debian"
    apt-get update -qq >/dev/null
    # Debian starts a broker at installation; ours are started by the tests, on ports of their own.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi
./timescaledb.sh
