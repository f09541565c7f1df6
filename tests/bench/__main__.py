"""`make bench`: every benchmark in turn. Prints figures, asserts nothing: timings on shared machines are noisy."""

import importlib
import pkgutil
from pathlib import Path

for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
    if module.name != "__main__":
        print(f"== {module.name.removeprefix('bench_')}", flush=True)
        importlib.import_module(f"tests.bench.{module.name}").main()
