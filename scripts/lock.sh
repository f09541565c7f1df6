#!/usr/bin/env bash
# Pins every dependency by version and hash. The lock files name no registry: pip uses the one that the machine is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"
flags=(--universal --generate-hashes --no-header --no-annotate --quiet)
"$uv" pip compile "${flags[@]}" pyproject.toml -o requirements/runtime.txt
"$uv" pip compile "${flags[@]}" --extra dev -c requirements/runtime.txt pyproject.toml -o requirements/dev.txt
