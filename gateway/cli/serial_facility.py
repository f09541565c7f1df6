"""`gateway facility learn` and `show` without a database: thresholds and contradictions from power in CSV files.

A power file has a line `time,power_kw` first; times are ISO 8601 with a zone or seconds since 1970, an empty power is
missing. Facilities stand in a TOML file:

    [[facility]]
    name = "kiln"
    kind = "production"            # or "treatment"
    off_kw = 1.0
    run_kw = 40.0
    signed_by = ""                 # who has accepted the thresholds; empty: a proposal
    [[link]]
    production = ["kiln"]          # any of them running
    treatment = ["fan-1", "fan-2"]
    mode = "any"                   # "any": standby twins; "all": stages that are all needed
    lead_s = 1800                  # optional: treatment runs so long before production starts,
    lag_s = 600                    # and so long after it stops
    least_ratio = 0.18             # optional: least power of treatment for a kilowatt of production
"""

import csv
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import typer

from analysis.facility import (
    FacilityPower,
    LearnedThresholds,
    LinkTerms,
    facility_states,
    learn_thresholds,
    supervise_link,
)
from analysis.facility_events import Floats, RuleEvent
from analysis.facility_states import NAMES, States
from gateway.errors import ConfigError

PowerFile = tuple[Floats, Floats]


def learn_from_file(power: Path) -> LearnedThresholds:
    """Thresholds proposed from a power file.

    Raises
    ------
    ConfigError
        If it cannot be read, is too short, or has no power above zero.
    """
    _, values = read_power(power)
    try:
        return learn_thresholds(values)
    except ValueError as error:
        raise ConfigError(str(error), file=str(power)) from error


def tell_learned(learned: LearnedThresholds, *, as_json: bool) -> None:
    """Print a proposal as the lines of a facilities file, or as JSON."""
    if as_json:
        typer.echo(json.dumps(asdict(learned)))
        return
    typer.echo(f'off_kw = {learned.off_kw:.3g}\nrun_kw = {learned.run_kw:.3g}\nsigned_by = ""')
    typer.echo(f"# {learned.samples} samples 样本; running 运行 {learned.running_level_kw:.3g} kW")
    if not learned.is_clear:
        typer.echo(
            "# no clear gap between running and not running: set the thresholds by hand 启停差异不明显，请人工设定"
        )


def show_files(facilities: Path, folder: Path, *, as_json: bool) -> None:
    """Print states and contradictions of the facilities of a TOML file, whose power is in FOLDER/NAME.csv."""
    data = _read_toml(facilities)
    named = {str(row["name"]): row for row in data.get("facility", [])}
    powers = {name: read_power(folder / f"{name}.csv") for name in named}
    states = {name: _states(row, powers[name][1], facilities) for name, row in named.items()}
    for name, found in states.items():
        tell({"facility": name, "kind": named[name].get("kind", ""), "samples": count_states(found)}, as_json=as_json)
    for link in data.get("link", []):
        for event in _link_events(link, powers, named, facilities):
            tell({"link": link, **asdict(event)}, as_json=as_json)


def count_states(states: States) -> dict[str, int]:
    """How many samples there are of each state, by its name."""
    return {NAMES[code]: int((states == code).sum()) for code in NAMES}


def read_power(path: Path) -> PowerFile:
    """Times [s, UTC] and powers [kW] of a power file.

    Raises
    ------
    ConfigError
        Naming the file and the line that cannot be read.
    """
    times, values = [], []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    times.append(_seconds(row["time"]))
                    values.append(float(row["power_kw"]) if row["power_kw"] else math.nan)
                except (KeyError, TypeError, ValueError) as error:
                    raise ConfigError(f"line {number}: {error}", file=str(path), expected="time,power_kw") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", file=str(path), expected="a CSV file") from error
    return np.array(times, dtype=np.float64), np.array(values, dtype=np.float64)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise ValueError(f"{text}: the time zone is missing") from None
        return time.timestamp()


def _states(row: Mapping[str, Any], power_kw: Floats, file: Path) -> States:
    try:
        return facility_states(power_kw, off_kw=float(row["off_kw"]), run_kw=float(row["run_kw"]))
    except (KeyError, ValueError) as error:
        raise ConfigError(str(error), file=str(file), key=str(row.get("name")), expected="off_kw and run_kw") from error


def _link_events(
    link: Mapping[str, Any], powers: Mapping[str, PowerFile], named: Mapping[str, Mapping[str, Any]], file: Path
) -> Sequence[RuleEvent]:
    names = [*link.get("production", []), *link.get("treatment", [])]
    unknown = [name for name in names if name not in powers]
    if unknown or not link.get("production") or not link.get("treatment"):
        raise ConfigError(f"unknown or missing facilities: {unknown}", file=str(file), key="link")
    times = powers[names[0]][0]
    if any(not np.array_equal(powers[name][0], times) for name in names):
        raise ConfigError(f"the files of {names} do not have the same times", file=str(file), key="link")

    def side(kind: str) -> list[FacilityPower]:
        rows = [(name, named[name], powers[name][1]) for name in link[kind]]
        return [FacilityPower(name, float(row["off_kw"]), float(row["run_kw"]), power) for name, row, power in rows]

    mode: Literal["any", "all"] = "all" if link.get("mode", "any") == "all" else "any"
    terms = LinkTerms(mode, link.get("lead_s"), link.get("lag_s"), link.get("least_ratio"))
    return supervise_link(times, side("production"), side("treatment"), terms=terms)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(error), file=str(path), expected="TOML") from error


def tell(row: dict[str, Any], *, as_json: bool) -> None:
    """Print a facility with its states, or a contradiction."""
    if as_json:
        typer.echo(json.dumps(row, ensure_ascii=False))
        return
    if "facility" in row:
        counts = ", ".join(f"{name} {count}" for name, count in row["samples"].items())
        typer.echo(f"{row['facility']} ({row['kind']}): {counts}")
        return
    start = datetime.fromtimestamp(row["start_s"], UTC).isoformat()
    end = datetime.fromtimestamp(row["end_s"], UTC).isoformat()
    typer.echo(f"{row['rule']} {start} - {end} {row['text_zh']} {row['text_en']} {row['figures']}")
