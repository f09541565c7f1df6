#!/usr/bin/env bash
# Makes .venv with the pinned dependencies and the console script `gateway`. Does nothing when the lock has not changed.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.venv/.installed
want=$(sha256sum requirements/dev.txt pyproject.toml | sha256sum)
if [ -x .venv/bin/gateway ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: $python is older than 3.11" >&2; exit 1; }
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "setup: installing Debian's python3-venv"
    apt-get update -qq >/dev/null && apt-get install -qq -y python3-venv >/dev/null
fi
echo "setup: creating .venv with the pinned dependencies (about a minute)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
echo "$want" > "$stamp"
