"""ioos_qc, SaQC and pecos on the checks of `analysis_checks`, as a program for the interpreter of .venv-bench.

    .venv-bench/bin/python tests/bench/analysis_peers.py VALUES.npz ROUNDS

VALUES.npz holds arrays (n_series, n_times) by name. Prints one JSON object: library, check, array → points per second,
and what is wrong with the answer to the known case, if anything is. What is wrong is not timed. Everything that a peer
can do in one call for all series is asked of it in one call; building its own container from the array is not timed.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

import analysis_checks as checks  # this folder is no package to the other interpreter

Prepared = Callable[[], np.ndarray]
SAQC_SERIES = 10  # its cost grows faster than the number of fields: a thousand would take tens of minutes


def frame(values: np.ndarray) -> pd.DataFrame:
    index = pd.date_range("2026-03-01", periods=values.shape[1], freq=f"{checks.STEP_S}s")
    return pd.DataFrame(values.T, index=index, columns=[f"c{number}" for number in range(len(values))])


def ioos_qc(check: str, values: np.ndarray) -> Prepared:
    from ioos_qc import qartod

    times = frame(values[:1]).index.to_numpy()
    window = checks.RUN * checks.STEP_S

    def constant() -> np.ndarray:
        # The test flattens its input: one call a series. A sample is marked if it and the window before it are equal.
        settings = {"suspect_threshold": window, "fail_threshold": window, "tolerance": 1e-12}
        return np.stack([np.asarray(qartod.flat_line_test(row, times, **settings)) for row in values]) == 4

    def outside() -> np.ndarray:
        return np.asarray(qartod.gross_range_test(values, (checks.LOW, checks.HIGH))) == 4

    def spike() -> np.ndarray:
        settings = {"suspect_threshold": checks.SPIKE, "fail_threshold": checks.SPIKE}
        return np.stack([np.asarray(qartod.spike_test(row, **settings)) for row in values]) == 4

    return {"constant": constant, "range": outside, "spike": spike}[check]


def pecos(check: str, values: np.ndarray) -> Prepared:
    from pecos.monitoring import PerformanceMonitoring

    table = frame(values)
    arguments: dict[str, tuple[str, dict[str, Any]]] = {
        "constant": ("check_delta", {"bound": [1e-12, None], "window": (checks.RUN - 1) * checks.STEP_S}),
        "range": ("check_range", {"bound": [checks.LOW, checks.HIGH]}),
        "spike": ("check_increment", {"bound": [None, checks.SPIKE]}),
    }
    name, settings = arguments[check]

    def run() -> np.ndarray:
        monitor = PerformanceMonitoring()
        monitor.add_dataframe(table)
        getattr(monitor, name)(**settings)
        return ~monitor.mask.to_numpy().T

    return run


def saqc(check: str, values: np.ndarray) -> Prepared:
    from saqc import SaQC

    table = frame(values)
    held = SaQC(table)
    fields = list(table.columns)
    arguments: dict[str, tuple[str, dict[str, Any]]] = {
        "constant": ("flagConstants", {"window": checks.RUN, "thresh": 0, "min_periods": checks.RUN}),
        "range": ("flagRange", {"min": checks.LOW, "max": checks.HIGH}),
        "spike": ("flagZScore", {"window": 240, "thresh": 6, "min_periods": 60}),
    }
    name, settings = arguments[check]

    def run() -> np.ndarray:
        flagged = getattr(held, name)(fields, **settings)
        return np.stack([flagged.flags[field].to_numpy() > 0 for field in fields])

    return run


LIBRARIES = {"ioos_qc": ioos_qc, "pecos": pecos, "SaQC": saqc}


def measure(run: Prepared, points: int, rounds: int) -> float:
    """Points per second of processor time."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return points / median(seconds)


def report(path: Path, rounds: int) -> list[dict[str, Any]]:
    arrays = dict(np.load(path))
    known = checks.known_answer()
    out: list[dict[str, Any]] = []
    for library, prepare in LIBRARIES.items():
        for check in checks.BARE:
            wrong = checks.faults(check, prepare(check, known.values)(), known)
            for name, values in arrays.items() if not wrong else ():
                used = values[:SAQC_SERIES] if library == "SaQC" else values
                rate = measure(prepare(check, used), used.size, rounds)
                out.append({"library": library, "check": check, "array": name, "points_per_s": rate})
            if wrong:
                out.append({"library": library, "check": check, "wrong": "; ".join(wrong)})
    return out


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(report(Path(sys.argv[1]), int(sys.argv[2]))))
