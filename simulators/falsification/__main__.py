"""Command line of the generator; see the package's docstring."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from simulators.falsification import fleet
from simulators.falsification.catalogue import INJECTIONS, LEVELS
from simulators.falsification.controls import CONTROLS
from simulators.falsification.dataset import write_dataset
from simulators.falsification.site import Site


def main() -> None:
    arguments = _parser().parse_args()
    labels = write_dataset(
        _sites(arguments), arguments.out / "dataset", file_format=arguments.format, truth=arguments.out / "truth.json"
    )
    print(f"{len(labels)} labels in {arguments.out / 'truth.json'}, data in {arguments.out / 'dataset'}")


def _sites(arguments: argparse.Namespace) -> Iterator[Site]:
    seed, cases = arguments.seed, arguments.cases
    orders = fleet.plan(
        [c for c in cases or INJECTIONS if c in INJECTIONS], arguments.levels or LEVELS, arguments.placements
    )
    names = [c for c in cases or CONTROLS if c in CONTROLS]
    if arguments.collection == "injected":
        return fleet.injected(seed, orders)
    if arguments.collection == "honest":
        return fleet.honest(seed, arguments.sites)
    if arguments.collection == "controls":
        return fleet.controls(seed, arguments.placements, names)
    if arguments.collection == "ranking":
        return fleet.ranking(seed, arguments.sites)
    if arguments.collection == "month":
        return fleet.month(seed, arguments.sites)
    if arguments.collection == "turbine":
        return fleet.turbine(seed, arguments.turbine_file, orders, arguments.sites)
    return chain(fleet.injected(seed, orders), fleet.honest(seed, arguments.sites), fleet.controls(seed, 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.falsification", description="Truth-labelled datasets.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--collection", choices=["mixed", *fleet.CODES], default="mixed")
    parser.add_argument("--class", dest="cases", action="append", help="I1 … I21 or the name of a control; repeatable")
    parser.add_argument("--level", dest="levels", action="append", choices=LEVELS)
    parser.add_argument("--placements", type=int, default=1, help="repetitions of each case")
    parser.add_argument("--sites", type=int, default=20, help="honest or ranked sites")
    parser.add_argument(
        "--turbine-file", type=Path, help="gasturbine_hourly_2011_2013.csv.gz, for --collection turbine"
    )
    parser.add_argument("--format", choices=["parquet", "csv.gz"], default="parquet")
    return parser


if __name__ == "__main__":
    main()
