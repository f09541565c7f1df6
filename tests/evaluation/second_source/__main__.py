"""Command line of the second source; see the package's docstring."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.evaluation.second_source.innocent import CONTROLS
from tests.evaluation.second_source.outcome import Size, measure
from tests.evaluation.second_source.placing import CLASSES, LEVELS
from tests.evaluation.second_source.section import text

ROOT = Path(__file__).resolve().parents[3]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation.second_source", description="A second simulator.")
    add = parser.add_argument
    add("--seed", type=int, default=7, help="below 100: development; from 100 on: scoring only")
    add("--placements", type=int, default=1, help="repetitions of each class and level")
    add("--sites", type=int, default=16, help="honest sites")
    add("--controls", type=int, default=1, help="repetitions of each innocent event")
    add("--ranked", type=int, default=0, help="sites of a fleet to be ranked")
    add("--class", dest="classes", action="append", choices=list(CLASSES), help="repeatable")
    add("--level", dest="levels", action="append", choices=LEVELS, help="repeatable")
    add("--event", dest="events", action="append", choices=list(CONTROLS), help="repeatable")
    add("--budget", dest="budgets", type=float, action="append", help="alerts per site-month; repeatable")
    add("--workers", type=int, default=1)
    add("--work", type=Path, default=ROOT / "var" / "second_source", help="where datasets and results go")
    a = parser.parse_args()
    size = Size(
        a.placements, a.sites, a.controls, a.ranked, tuple(a.classes or CLASSES), tuple(a.levels or LEVELS),
        tuple(a.events or CONTROLS),
    )  # fmt: skip
    outcomes = measure(a.seed, size, a.work, budgets=a.budgets or (1.0,), workers=a.workers)
    print("\n".join(text(outcomes, a.seed)))


if __name__ == "__main__":
    main()
