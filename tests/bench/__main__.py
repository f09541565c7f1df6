"""`make bench`: every benchmark in turn. Prints figures, asserts nothing: timings on shared machines are noisy.

    python -m tests.bench [NAME …] [--options of that benchmark]

A benchmark is a module of this folder with a function `main`; the others are their parts and are passed over.
"""

import importlib
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `analysis` does, which numpy may be imported before
FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Modules with a `main`, found by their text: some parts are for another interpreter and cannot be imported."""
    files = sorted(path for path in FOLDER.glob("*.py") if path.name != "__main__.py")
    return [path.stem for path in files if re.search(r"^def main\(", path.read_text(encoding="utf-8"), re.MULTILINE)]


def run() -> None:
    arguments = sys.argv[1:]
    first_option = next((at for at, text in enumerate(arguments) if text.startswith("-")), len(arguments))
    chosen, options = arguments[:first_option], arguments[first_option:]
    unknown = sorted(set(chosen) - set(names()))
    if unknown or (options and len(chosen) != 1):
        reason = f"no benchmark named {', '.join(unknown)}" if unknown else "options belong to one benchmark: name it"
        sys.exit(f"bench: {reason}; there are {', '.join(names())}")
    for name in chosen or names():
        print(f"== {name.removeprefix('bench_')}", flush=True)
        sys.argv = [name, *options]
        importlib.import_module(f"tests.bench.{name}").main()


if __name__ == "__main__":
    run()
