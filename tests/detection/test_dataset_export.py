"""The database as a dataset: what was put in comes out, and is judged the same."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis.dataset.observations import Notes
from analysis.dataset.records import read_events, read_ledger
from analysis.dataset.sites import read_sites
from analysis.model.metadata import Event, LedgerEntry
from gateway.detection.dataset_import import import_dataset
from gateway.detection.export import export_dataset
from gateway.detection.window import Window
from gateway.errors import GatewayError
from gateway.storage import Store
from tests.detection.datasets import analysed, falsified

EVER = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return falsified(tmp_path_factory.mktemp("made") / "dataset", "I1", "I20", "I21")


def test_a_dataset_comes_out_of_the_database_as_it_went_in(dataset: Path, database: str, tmp_path: Path) -> None:
    done = import_dataset(database, dataset)
    out = export_dataset(database, tmp_path / "out", EVER)
    assert done.revisions > 0
    assert done.parameters > 0
    assert out.rows == done.observations + done.revisions
    assert read_sites(tmp_path / "out" / "sites.json").sites == read_sites(dataset / "sites.json").sites
    for read, name in ((read_ledger, "parameters.csv"), (read_events, "events.csv")):
        zone = read_sites(dataset / "sites.json").zone
        assert sorted_text(read(tmp_path / "out" / name, zone=zone, notes=Notes())) == sorted_text(
            read(dataset / name, zone=zone, notes=Notes())
        )
    found = analysed(tmp_path / "out")
    assert found == analysed(dataset)
    assert "stuck_value" in {line["class"] for line in found}


def sorted_text(read: dict[str, list[LedgerEntry]] | list[Event]) -> list[str]:
    """Rows of a side table, whatever their order in the file."""
    rows = [row for site in read.values() for row in site] if isinstance(read, dict) else read
    return sorted(map(repr, rows))


async def test_an_import_balances_in_the_books(dataset: Path, database: str) -> None:
    done = import_dataset(database, dataset)
    async with Store.open(database, writer="w1") as store:
        books = {item.writer: item.counts for item in await store.books()}
        report = await store.verify_chain("import")
    counts = books["import"]
    assert counts.balance == 0
    assert counts.received == done.rows + done.parameters
    assert report.problems == ()


def test_sites_that_are_there_are_not_mixed_into(dataset: Path, database: str, tmp_path: Path) -> None:
    import_dataset(database, dataset)
    first = export_dataset(database, tmp_path / "first", EVER)
    with pytest.raises(GatewayError, match="already"):
        import_dataset(database, dataset)
    assert export_dataset(database, tmp_path / "second", EVER).rows == first.rows


def test_an_import_may_be_moved_by_whole_days_to_end_now(dataset: Path, database: str, tmp_path: Path) -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    done = import_dataset(database, dataset, ending=now)
    assert all(shift % 86_400 == 0 for shift in done.shift_s.values())
    last_day = export_dataset(database, tmp_path / "last", Window(now - timedelta(days=2), now))
    assert 0 < last_day.rows < done.rows
    assert export_dataset(database, tmp_path / "after", Window(now, now + timedelta(days=9))).rows == 0


def test_a_window_goes_back_to_the_accepted_period_where_it_is_told_to(
    dataset: Path, database: str, tmp_path: Path
) -> None:
    import_dataset(database, dataset)
    accepted_s = [site.accepted_until_s or 0.0 for site in read_sites(dataset / "sites.json").sites]
    late = datetime.fromtimestamp(max(accepted_s), UTC) + timedelta(days=20)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    without = export_dataset(database, tmp_path / "without", Window(late, until))
    with_reference = export_dataset(database, tmp_path / "with", Window(late, until, reference_days=7))
    assert 0 < without.rows < with_reference.rows
