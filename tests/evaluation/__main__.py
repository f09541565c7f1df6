"""Command line of the evaluation; see the package's docstring."""

from __future__ import annotations

import argparse
from pathlib import Path

from simulators.falsification.catalogue import LEVELS
from tests.evaluation import tuning_loop
from tests.evaluation.full_run import FULL, QUICK, evaluate

ROOT = Path(__file__).resolve().parents[2]
HELD_OUT_SEED = 102
DEVELOPMENT_SEED = 7
BUDGETS = (1.0, 0.1)


def main() -> None:
    arguments = _parser().parse_args()
    if arguments.cases:
        _tune(arguments)
    elif arguments.quick:
        seed = DEVELOPMENT_SEED if arguments.seed is None else arguments.seed
        print(evaluate(seed, QUICK, arguments.work, budgets=BUDGETS[:1], workers=arguments.workers))
    else:
        seed = HELD_OUT_SEED if arguments.seed is None else arguments.seed
        text = evaluate(seed, FULL, arguments.work, budgets=BUDGETS, workers=arguments.workers)
        arguments.out.write_text(text, encoding="utf-8")
        print(f"written: {arguments.out}")


def _tune(arguments: argparse.Namespace) -> None:
    if strange := tuning_loop.unknown(arguments.cases):
        raise SystemExit(f"no such case: {', '.join(strange)}; known are I1 … I21, the innocent events, honest")
    choice = tuning_loop.Choice(
        arguments.cases,
        arguments.levels or LEVELS,
        arguments.placements,
        arguments.sites,
        arguments.real,
        DEVELOPMENT_SEED if arguments.seed is None else arguments.seed,
    )
    tuning_loop.run(choice, arguments.work, budget=arguments.budget, workers=arguments.workers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.evaluation", description="How good the analysis is.")
    add = parser.add_argument
    add("--quick", action="store_true", help="few cases, two minutes, development seed, prints only")
    add("--class", dest="cases", action="append", help="I1 … I21, an innocent event, or honest; repeatable")
    add("--level", dest="levels", action="append", choices=LEVELS)
    add("--placements", type=int, default=10, help="with --class: repetitions of each case")
    add("--sites", type=int, default=40, help="honest sites with --class honest")
    add("--real", action="store_true", help="with --class: on the real series")
    add("--budget", type=float, default=1.0, help="with --class: alerts per site-month")
    add("--seed", type=int, help="below 100: development; from 100 on: scoring only")
    add("--workers", type=int, default=2)
    add("--work", type=Path, default=ROOT / "var" / "evaluation", help="where datasets and results go")
    add("--out", type=Path, default=ROOT / "docs" / "evaluation.md", help="where the page goes")
    return parser


if __name__ == "__main__":
    main()
