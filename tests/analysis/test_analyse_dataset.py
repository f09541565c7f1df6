import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from analysis.dataset import read_dataset
from analysis.findings import Finding
from analysis.run import analyse_dataset
from gateway.cli.analyse import analyse
from simulators.falsification import fleet
from simulators.falsification.dataset import write_dataset
from tests.analysis.series import honest

CASES = ("I1", "I8", "I11", "I15", "I20")


@pytest.fixture(scope="module")
def falsified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A handful of simulated sites with transport, outages and late rows, each falsified in another way."""
    out = tmp_path_factory.mktemp("falsified") / "dataset"
    write_dataset(fleet.injected(3, fleet.plan(CASES, ("L2",), 1)), out)
    return out


def find(folder: Path, **options: float) -> list[Finding]:
    with read_dataset(folder, **options) as dataset:
        result = analyse_dataset(dataset, alerts_per_site_month=1.0, mapper=map, done=lambda sites: None, started_s=0.0)
    return result.findings


def fixed(finding: Finding) -> tuple[object, ...]:
    return (
        finding.site, finding.point, finding.channels, finding.start_s, finding.detected_s, finding.detector,
        finding.alert,
    )  # fmt: skip


@pytest.mark.slow
def test_a_dataset_cut_at_any_time_gives_the_same_findings_up_to_there(falsified: Path) -> None:
    whole = find(falsified)
    assert any(finding.alert for finding in whole)
    moments = sorted(finding.detected_s for finding in whole)
    for share in (0.2, 0.5, 0.8):
        until_s = moments[int(share * (len(moments) - 1))] + 1.0
        wanted = Counter(fixed(finding) for finding in whole if finding.detected_s <= until_s)
        assert not wanted - Counter(fixed(finding) for finding in find(falsified, until_s=until_s))


def write_small(folder: Path) -> Path:
    """Two sites of one channel with 90 days; the second freezes for two days in the third month."""
    rng = np.random.default_rng(1)
    rows = ["time,point,channel,value,flag"]
    sites = []
    for site in ("S01", "S02"):
        values = honest(rng, 90 * 24)
        if site == "S02":
            values[70 * 24 : 72 * 24] = values[70 * 24]
        times = np.datetime64("2026-01-01T00:00:00") + np.arange(len(values)) * np.timedelta64(1, "h")
        rows += [f"{time},{site}/A1,nox,{value:.1f}," for time, value in zip(times, values, strict=True)]
        channel = {"id": "nox", "quantity": "nox", "statistic": "avg", "unit": "mg/m3", "interval_s": 3600}
        point = {"id": "A1", "medium": "air", "channels": [channel]}
        sites.append({"id": site, "accepted_until": "2026-02-20T00:00:00+08:00", "points": [point]})
    folder.mkdir()
    (folder / "observations.csv").write_text("\n".join(rows))
    (folder / "sites.json").write_text(json.dumps({"time_zone": "Asia/Shanghai", "sites": sites}))
    return folder


def command() -> Typer:
    app = Typer()
    app.command()(analyse)
    return app


def test_the_command_writes_findings_ranking_and_summary(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "small")
    done = CliRunner().invoke(command(), [str(folder), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    findings = [json.loads(line) for line in (tmp_path / "out" / "findings.jsonl").read_text().splitlines()]
    (stuck,) = [one for one in findings if one["detector"] == "stuck_value"]
    assert (stuck["site"], stuck["channels"], stuck["class"], stuck["alert"]) == ("S02", ["nox"], "stuck_value", True)
    assert stuck["start"] == "2026-03-12T00:00:00+08:00"
    assert stuck["start"] < stuck["detected_at"] < stuck["end"]
    assert stuck["explanation"]["en"].startswith("Suspected at S02/A1, nox")
    assert "疑似" in stuck["explanation"]["zh"]
    assert 0.5 < stuck["score"] <= 1
    lines = (tmp_path / "out" / "ranking.csv").read_text().splitlines()
    assert lines[0] == "rank,site,period,score,findings,top_class,top_finding"
    assert lines[1].split(",")[1:3] == ["S02", "2026-03"]
    assert sorted(line.split(",")[1] + line.split(",")[2] for line in lines[1:]) == [
        "S012026-02", "S012026-03", "S022026-02", "S022026-03",
    ]  # fmt: skip
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["points_read"] == 2 * 90 * 24
    assert summary["findings_by_class"]["stuck_value"] >= 1


def test_a_malformed_dataset_is_told_and_ends_with_code_2(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "small")
    with (folder / "observations.csv").open("a") as file:
        file.write("\n2026-03-31T00:00:00,S01/A1,nox,oops,")
    done = CliRunner().invoke(command(), [str(folder), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "observations.csv, line 4322: value must be a number or empty, not 'oops'" in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_workers_and_dask_change_no_byte(falsified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr("analysis.dataset.partitions.BUCKET_SERIES", 1)
    monkeypatch.setattr("analysis.dataset.partitions.PARTITION_ROWS", 1)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        outs = []
        for options in ([], ["--workers", "2"], ["--dask", cluster.scheduler_address]):
            out = tmp_path / "-".join(["out", *options[:1]])
            done = CliRunner().invoke(command(), [str(falsified), "--out", str(out), *options])
            assert done.exit_code == 0, done.output
            outs.append([(out / name).read_bytes() for name in ("findings.jsonl", "ranking.csv")])
    assert outs[0][0]
    assert outs[0] == outs[1] == outs[2]
