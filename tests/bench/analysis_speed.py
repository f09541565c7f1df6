"""How fast falsification is searched for: the whole battery, a province's day, single checks beside peers, and whether
one process, two, and a Dask cluster find the same.

    python -m tests.bench analysis_speed [--small] [--sites 5000] [--rounds 3]

Processor times on one core are given where the machine may be shared; the province's day is wall time. The default
size needs several minutes and about 5 GB of disk; `--small` is for trying it out.
"""

import argparse
import filecmp
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from analysis.battery import Settings, analyse_sites
from analysis.dataset import read_dataset
from analysis.detectors import registered
from analysis.detectors.expected_level import without_spikes
from analysis.detectors.instrument_fault import impossible_samples
from analysis.detectors.stuck_value import run_lengths
from tests.bench import analysis_checks as checks
from tests.bench.analysis_samples import CHANNELS, SAMPLES, write_samples

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
GATEWAY = [sys.executable, "-m", "gateway", "analyse"]
SETTINGS = Settings(1.0, "Asia/Shanghai")
SAMPLE_S = 0.2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a twentieth of everything, one round")
    parser.add_argument("--sites", type=int, default=5_000, help="sites of the province, ten series each")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    part, rounds = (20, 1) if chosen.small else (1, chosen.rounds)
    subprocess.run([str(ROOT / "scripts" / "bench_peers.sh")], check=True)
    with tempfile.TemporaryDirectory(prefix="bench-analysis-") as name:
        folder = Path(name)
        battery(folder / "minutes", sites=100 // part, interval_s=60, rounds=rounds)
        battery(folder / "hours", sites=100 // part, interval_s=3_600, rounds=rounds)
        single_checks(folder, series=1_000 // part, samples=1_000_000 // part, rounds=rounds)
        same_findings(folder / "same", sites=80 // part)
        province(folder / "province", sites=chosen.sites // part)


def battery(folder: Path, *, sites: int, interval_s: int, rounds: int) -> None:
    """All detectors on some sites, on one core, reading excluded.

    A day of minutes is shorter than the windows of some detectors and than the history that calibration asks for;
    sixty days of hours, the same number of points, give everything something to do.
    """
    points = write_samples(folder, sites=sites, interval_s=interval_s)
    series = sites * len(CHANNELS)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with read_dataset(folder) as dataset:
            rows = [(partition, partition.rows()) for partition in dataset.partitions]
            gridding_s, analysis_s = [], []
            for _ in range(rounds):
                started = time.process_time()
                grids = [partition.grids(held) for partition, held in rows]
                gridded = time.process_time()
                findings = [finding for sites_data in grids for finding in analyse_sites(sites_data, SETTINGS)]
                gridding_s.append(gridded - started)
                analysis_s.append(time.process_time() - gridded)
    finally:
        os.sched_setaffinity(0, cores)
    seconds = median(analysis_s)
    print(
        f"{len(registered())} detectors with calibration, merging and explanation on {series:,} series x {SAMPLES:,} "
        f"samples of {interval_s} s, one core: {seconds:.2f} s ({min(analysis_s):.2f} to {max(analysis_s):.2f}), "
        f"{points / seconds:,.0f} points/s, {len(findings)} findings; rows onto grids before it: "
        f"{median(gridding_s):.2f} s; reading not included",
        flush=True,
    )


def own_constant(values: np.ndarray) -> np.ndarray:
    """`run_lengths` says for each sample how long its run is so far; a run that gets long is marked from its start."""
    length, start = run_lengths(values)
    long = length >= checks.RUN
    out = np.zeros((len(values), values.shape[1] + 1), dtype=np.int32)
    ends = long & np.concatenate([length[:, 1:] <= length[:, :-1], np.ones((len(values), 1), dtype=np.bool_)], axis=1)
    rows, columns = np.nonzero(ends)
    np.add.at(out, (rows, start[rows, columns]), 1)
    np.add.at(out, (rows, columns + 1), -1)
    return np.cumsum(out, axis=1)[:, :-1] > 0


def own_range(values: np.ndarray) -> np.ndarray:
    bounds = np.full((2, len(values)), [[checks.LOW], [checks.HIGH]])
    return impossible_samples(values, low=bounds[0], high=bounds[1])


def own_spike(values: np.ndarray) -> np.ndarray:
    return np.abs(values - without_spikes(values)) > checks.SPIKE


OWN: dict[str, checks.Check] = {"constant": own_constant, "range": own_range, "spike": own_spike}


def single_checks(folder: Path, *, series: int, samples: int, rounds: int) -> None:
    """Constant run, range and spike: ours, one bare numpy pass, and the peers."""
    rng = np.random.default_rng(3)
    arrays = {}
    for shape in ((series, SAMPLES), (1, samples)):
        values = np.round(50 + rng.normal(0, 2, shape), 3)  # no chance spikes: pecos pays for each report
        values[:: max(1, series // 20), 300:400] = 51.0
        arrays[f"{shape[0]:,} x {shape[1]:,}"] = values
    np.savez(folder / "values.npz", **arrays)
    known = checks.known_answer()
    found: dict[tuple[str, str], dict[str, float]] = {}
    for title, functions in (("ours", OWN), ("bare numpy", checks.BARE)):
        for check, function in functions.items():
            wrong = checks.faults(check, function(known.values), known)
            if wrong:
                print(f"  {title}, {check}: wrong on the known case: {'; '.join(wrong)}")
            for array, values in arrays.items():
                found.setdefault((check, array), {})[title] = _rate(function, values, rounds)
    for row in _peers(folder / "values.npz", rounds):
        if "wrong" in row:
            print(f"  {row['library']}, {row['check']}: not timed, wrong on the known case: {row['wrong']}")
        else:
            found[row["check"], row["array"]][row["library"]] = row["points_per_s"]
    print("million points/s, answers checked on a known case first (SaQC: ten series at most):")
    for (check, array), rates in sorted(found.items()):
        peers = [rate for name, rate in rates.items() if name not in ("ours", "bare numpy")]
        line = ", ".join(f"{name} {rate / 1e6:,.3g}" for name, rate in rates.items())
        compared = f"; ours is {rates['ours'] / max(peers):,.0f} x the fastest peer" if peers else ""
        print(f"  {check}, {array}: {line}{compared}", flush=True)


def _rate(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray, rounds: int) -> float:
    seconds = []
    for _ in range(max(rounds, 3)):
        started = time.process_time()
        function(values)
        seconds.append(time.process_time() - started)
    return values.size / max(median(seconds), 1e-9)


def _peers(path: Path, rounds: int) -> list[dict[str, str | float]]:
    if not (PEERS_PYTHON.parents[1] / ".installed").exists():
        print("ioos_qc, SaQC and pecos are left out: scripts/bench_peers.sh could not install them")
        return []
    command = [str(PEERS_PYTHON), str(Path(__file__).with_name("analysis_peers.py")), str(path), str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return list(json.loads(done.stdout))


def same_findings(folder: Path, *, sites: int) -> None:
    """One process, two, and a Dask cluster of two on a simulated year with falsified sites: the same bytes?"""
    from distributed import LocalCluster

    command = [sys.executable, "-m", "simulators.falsification", "--out", str(folder), "--collection", "ranking"]
    subprocess.run([*command, "--sites", str(sites)], check=True, stdout=subprocess.DEVNULL)
    dataset = folder / "dataset"
    with read_dataset(dataset) as read:
        size = f"{read.points_read:,} points, {len(read.registry.sites)} sites, {len(read.partitions)} partitions"
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        ways = {
            "1 worker": ["--workers", "1"],
            "2 workers": ["--workers", "2"],
            "Dask, 2 processes": ["--dask", cluster.scheduler_address],
        }
        seconds = {}
        for number, (way, options) in enumerate(ways.items()):
            started = time.monotonic()
            command = [*GATEWAY, str(dataset), "--out", str(folder / f"result{number}"), *options]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            seconds[way] = time.monotonic() - started
    first = folder / "result0"
    names = ("findings.jsonl", "ranking.csv")
    for number in range(1, len(ways)):
        differing = [name for name in names if not filecmp.cmp(first / name, folder / f"result{number}" / name, False)]
        verdict = f"DIFFERENT: {', '.join(differing)}" if differing else "the same bytes"
        print(f"{list(ways)[number]} against 1 worker: {verdict}")
    findings = (first / "findings.jsonl").read_bytes().count(b"\n")
    times = ", ".join(f"{way} {value:.1f} s" for way, value in seconds.items())
    print(f"  {size}, {findings:,} findings; whole command: {times}", flush=True)


def province(folder: Path, *, sites: int) -> None:
    """A day of minutes with two workers, start to end of `gateway analyse`, with the memory of all its processes."""
    points = write_samples(folder, sites=sites, interval_s=60)
    started = time.monotonic()
    command = [*GATEWAY, str(folder), "--out", str(folder / "result"), "--workers", "2"]
    process = psutil.Popen(command, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(SAMPLE_S)
    seconds = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"gateway analyse ended with {process.returncode}")
    summary = json.loads((folder / "result" / "summary.json").read_text())
    print(
        f"province's day, {sites * len(CHANNELS):,} series x {SAMPLES:,} minutes in Parquet, two workers: "
        f"{seconds:.1f} s, {points / seconds:,.0f} points/s with reading and writing, peak {peak / 1e9:.2f} GB in all "
        f"processes (shared pages counted in each), {summary['findings']} findings",
        flush=True,
    )


def _resident(process: psutil.Popen) -> int:
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # one of them has just ended; the next look will tell
    return total


if __name__ == "__main__":
    main()
