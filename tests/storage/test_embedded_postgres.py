"""The embedded PostgreSQL: durable, restartable, reachable by its socket only."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.errors import StorageError
from gateway.storage import Store
from gateway.storage.embedded import EmbeddedPostgres, embedded_postgres
from tests.storage.frames import NOW_US, values

pytestmark = pytest.mark.database


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's own: it closes its folder to the server's user whenever another session starts."""
    with tempfile.TemporaryDirectory(prefix="offsite-embedded-") as name:
        yield Path(name) / "postgresql"


def settings_of(dsn: str) -> dict[str, str]:
    names = ["fsync", "full_page_writes", "synchronous_commit", "listen_addresses", "data_checksums"]
    with psycopg.connect(dsn) as connection:
        return dict(
            connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names]).fetchall()
        )


async def test_what_was_committed_is_there_after_a_restart(folder: Path) -> None:
    async with embedded_postgres(folder) as dsn:
        assert settings_of(dsn) == {
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "data_checksums": "on",
        }
        async with Store.open(dsn, writer="w1") as store:
            await store.write([values(NOW_US, 1.0, 2.0)])
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn, connect_timeout=2)
    async with embedded_postgres(folder) as dsn, Store.open(dsn, writer="w1") as store:
        assert (await store.write([values(NOW_US, 1.0, 2.0)])).counts.duplicate == 2


def test_a_server_that_runs_already_is_used_and_left_running(folder: Path) -> None:
    first, second = EmbeddedPostgres(folder), EmbeddedPostgres(folder)
    first.start()
    try:
        assert second.start() == first.dsn
        second.stop()
        psycopg.connect(first.dsn).close()
    finally:
        first.stop()


def test_a_folder_too_deep_for_a_socket_gets_its_socket_elsewhere(folder: Path) -> None:
    deep = folder / ("deep" * 25)
    server = EmbeddedPostgres(deep)
    try:
        psycopg.connect(server.start()).close()
        assert str(deep) not in server.dsn
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    server.stop()
    (folder / "data" / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(StorageError, match=r"9\.1"):
        server.start()


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "half").write_text("made")
    server = EmbeddedPostgres(folder)
    try:
        psycopg.connect(server.start()).close()
    finally:
        server.stop()
