"""`gateway analyse --db`: the command gives of the database what it gives of the dataset that is in it."""

import subprocess
import sys
from pathlib import Path

from gateway.detection.dataset_import import import_dataset
from tests.detection.datasets import falsified

UNTIL = "2025-11-01T00:00:00+08:00"  # within the data: both must cut them alike


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "gateway", "analyse", *arguments], capture_output=True, text=True, check=False
    )


def test_the_database_is_judged_as_the_dataset_is(postgres_dsn: str, tmp_path: Path) -> None:
    dataset = falsified(tmp_path / "dataset", "I1")
    import_dataset(postgres_dsn, dataset)
    config = tmp_path / "gateway.toml"
    config.write_text(f'[database]\ndsn = "{postgres_dsn}"\n', encoding="utf-8")
    of_folder = run(str(dataset), "--until", UNTIL, "--out", str(tmp_path / "a"))
    of_database = run(
        "--db", "--since", "2020-01-01", "--until", UNTIL, "--out", str(tmp_path / "b"), "-c", str(config)
    )
    assert (of_folder.returncode, of_database.returncode) == (0, 0), of_folder.stderr + of_database.stderr
    findings = (tmp_path / "a" / "findings.jsonl").read_bytes()
    assert b'"class":"stuck_value"' in findings
    assert (tmp_path / "b" / "findings.jsonl").read_bytes() == findings
    assert (tmp_path / "b" / "ranking.csv").read_bytes() == (tmp_path / "a" / "ranking.csv").read_bytes()


def test_neither_folder_nor_database_is_told(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "--db with --since" in done.stderr


def test_a_time_that_is_none_is_told(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("", encoding="utf-8")
    done = run("--db", "--since", "yesterday", "--out", str(tmp_path / "out"), "-c", str(config))
    assert done.returncode == 2
    assert "--since" in done.stderr
    assert "yesterday" in done.stderr
