import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.events import BadFrame, Reason
from gateway.intake import Spool, SpoolFull
from gateway.records import Disposition
from tests.gateway.lines import decode, delivery


def open_spool(path: Path, *, max_bytes: int = 2**24) -> Spool:
    return Spool(path, max_bytes=max_bytes, decode=decode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.sqlite3"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    opened = open_spool(path)
    yield opened
    opened.close()


def drain(spool: Spool) -> list[list[bytes]]:
    batches = []
    while batch := spool.oldest():
        batches.append([item.raw for item in batch.deliveries])
        spool.remove(batch)
    return batches


def test_batches_come_back_in_order_and_whole_after_reopening(path: Path) -> None:
    spool = open_spool(path)
    spool.append([delivery("A;1;2"), delivery("B;3")])
    spool.append([delivery("C;4")])
    spool.close()
    spool = open_spool(path)
    assert (spool.batches, spool.records) == (2, 4)
    assert drain(spool) == [[b"A;1;2", b"B;3"], [b"C;4"]]
    assert (spool.batches, spool.records) == (0, 0)
    spool.close()


def test_everything_that_a_delivery_says_survives(spool: Spool) -> None:
    sent = delivery("A;1", received_us=1_700_000_000_000_001)
    sent.disposition, sent.reason = Disposition.REFUSED, "wrong_password"
    bad = delivery("A;x")
    spool.append([sent, bad])
    batch = spool.oldest()
    assert batch is not None
    back, back_bad = batch.deliveries
    assert (back.received_us, back.source, back.driver, back.peer, back.device, back.raw, back.event) == (
        sent.received_us, sent.source, sent.driver, sent.peer, sent.device, sent.raw, sent.event,
    )  # fmt: skip
    assert (back.disposition, back.reason) == (Disposition.REFUSED, "wrong_password")
    assert back_bad.event == bad.event


def test_a_full_spool_refuses_whole_batches_and_takes_them_again_when_drained(path: Path) -> None:
    spool = open_spool(path, max_bytes=300_000)
    big = [delivery("A;" + "1;" * 5_000 + "2")]
    stored = 0
    with pytest.raises(SpoolFull):
        while True:
            spool.append(big)
            stored += 1
    assert stored > 5
    assert spool.batches == stored
    assert spool.fill > 0.9
    assert len(drain(spool)) == stored
    spool.append(big)
    assert spool.batches == 1
    spool.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\x00" * 100 + data[100:],
        lambda data: data[: len(data) // 2],
        lambda data: data[:8192] + b"\x00" * 4096 + data[12288:],
        lambda data: b"not a database at all" * 1_000,
    ],
    ids=["header", "truncated", "zero-page", "rubbish"],
)
def test_a_damaged_spool_is_set_aside_and_the_readable_part_taken_over(path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    spool = open_spool(path)
    sent = [f"A{i};{i}" + "0" * 3_000 for i in range(40)]
    for text in sent:
        spool.append([delivery(text)])
    spool.close()
    path.write_bytes(damage(path.read_bytes()))
    spool = open_spool(path)
    assert spool.set_aside is not None
    assert spool.set_aside.exists()
    spool.append([delivery("Z;1")])
    back = [raw.decode() for batch in drain(spool) for raw in batch]
    assert back[-1] == "Z;1"
    assert [text for text in sent if text in set(back)] == back[:-1]
    spool.close()


def test_a_bit_flipped_in_a_frame_comes_out_as_a_bad_frame_not_as_data(path: Path) -> None:
    spool = open_spool(path)
    spool.append([delivery("A;12345")])
    spool.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE delivery SET raw = CAST('A;12344' AS BLOB)")
    connection.close()
    spool = open_spool(path)
    batch = spool.oldest()
    assert batch is not None
    event = batch.deliveries[0].event
    assert isinstance(event, BadFrame)
    assert event.reason is Reason.CHECKSUM
    spool.close()


def test_what_append_returned_from_survives_kill_9(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.gateway.lines import decode, delivery\n"
        "from gateway.intake import Spool\n"
        "spool = Spool(Path(sys.argv[1]), max_bytes=2**24, decode=decode)\n"
        "for i in range(50):\n"
        "    spool.append([delivery(f'A;{i}')]); print(i, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / "spool.sqlite3"
    run = subprocess.run(
        [sys.executable, "-c", script, str(path), str(Path.cwd())], capture_output=True, text=True, check=False
    )
    assert run.returncode == -9
    spool = open_spool(path)
    assert spool.batches == len(run.stdout.split()) == 50
    spool.close()
