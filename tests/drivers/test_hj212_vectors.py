"""Every frame of the vector file comes out as its `valid` says, however it is fed.

`valid` means that length and check value are as the standard says, the case of the hex digits apart.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from drivers.environment.hj212 import Decoder, Message
from drivers.environment.hj212.deviations import DEVIATIONS, INTEGRITY
from drivers.events import BadFrame
from drivers.testing import check_decoder, good_events, printed, random_pieces, run

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "hj212.jsonl").read_text(encoding="utf-8").splitlines()
]
SPOILT = set(INTEGRITY) - {"lower_case_crc"}


def frame_of(vector: dict[str, Any]) -> bytes:
    return str(vector["frame"]).encode("latin-1")


def assert_as_valid_says(vector: dict[str, Any], events: list[Any]) -> None:
    messages = [event for event in events if isinstance(event, Message)]
    bad = [event for event in events if isinstance(event, BadFrame)]
    if vector["valid"]:
        assert len(messages) == 1
        assert not bad
        assert not SPOILT & set(messages[0].deviations)
    else:
        assert bad or all(SPOILT & set(message.deviations) for message in messages)
        assert bad or messages


def test_the_vectors_are_all_here() -> None:
    assert len(VECTORS) == 142
    assert sum(vector["valid"] for vector in VECTORS) == 82


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_vector_comes_out_as_its_validity_says(vector: dict[str, Any]) -> None:
    frame = frame_of(vector)
    rng = random.Random(212)
    whole = run(Decoder(), [frame])
    assert_as_valid_says(vector, whole)
    for event in whole:
        assert set(event.deviations) <= set(DEVIATIONS)
    assert printed(run(Decoder(), [frame[i : i + 1] for i in range(len(frame))])) == printed(whole)
    for _ in range(5):
        assert printed(run(Decoder(), random_pieces(frame, rng))) == printed(whole)


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector["valid"]], ids=lambda v: v["frame"][2:60])
def test_valid_vector_survives_noise_around_it(vector: dict[str, Any]) -> None:
    frame = frame_of(vector)
    alone = printed(run(Decoder(), [frame]))
    for before in (b"\x00\xff", b"##", b"##12", b"GET / HTTP/1.0\r\n\r\n", b"#" * 50, b"&&1C80\r\n"):
        for after in (b"\r\n", b"\r\n+++\r\n", b"\xff" * 30, b"\r\n##0099ST=3"):
            events = run(Decoder(), [before + frame + after])
            assert printed(good_events(events)) == alone, (before, after)


def test_all_vectors_in_one_stream_do_not_cost_each_other() -> None:
    stream = b"\r\n".join(frame_of(vector) for vector in VECTORS) + b"\r\n"
    raws = [event.raw for event in good_events(run(Decoder(), [stream]))]
    for vector in VECTORS:
        if vector["valid"]:
            assert frame_of(vector).rstrip(b"\r\n*") in raws


def test_valid_vectors_pass_the_shared_checks() -> None:
    valid = [frame_of(vector) for vector in VECTORS if vector["valid"]]
    check_decoder(Decoder, valid[::4])  # the whole list passes as well, and takes its time
