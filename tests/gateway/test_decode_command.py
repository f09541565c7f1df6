"""`gateway decode`, through a command line of its own."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cli.decode import decode, unescape

APP = typer.Typer()
APP.command()(decode)
DATA = Path(__file__).parents[1]
GOOD = (
    b"##0121ST=32;CN=2011;PW=123456;MN=LD130182000126;CP=&&DataTime=20160823235400;"
    b"011-Rtd=31.00,011-Flag=N;B01-Rtd=1.06,B01-Flag=N&&4380"
)


def run(*arguments: str, given: bytes = b"") -> list[dict[str, Any]]:
    result = CliRunner().invoke(APP, list(arguments), input=given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout_bytes.decode("utf-8").splitlines()]


def test_one_object_per_frame() -> None:
    (message,) = run("hj212", "-", given=GOOD + b"\r\n")
    assert message["event"] == "message"
    assert (message["mn"], message["st"], message["cn"], message["qn"], message["flag"]) == (
        "LD130182000126",
        "32",
        "2011",
        "",
        None,
    )
    assert message["data_time"] == "2016-08-23T23:54:00+08:00"
    assert message["fields"] == {"011": {"Rtd": 31.0, "Flag": "N"}, "B01": {"Rtd": 1.06, "Flag": "N"}}
    assert message["deviations"] == []


def test_refused_bytes_are_results() -> None:
    noise, bad, good = run("hj212", given=b"\xffhello" + GOOD.replace(b"31.00", b"31.01") + GOOD)
    assert (noise["event"], noise["reason"], noise["raw"]) == ("bad_frame", "not_a_frame", "\\xffhello")
    assert (bad["event"], bad["reason"]) == ("bad_frame", "checksum")
    assert good["event"] == "message"


def test_file_is_read_in_pieces(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(gzip.decompress((DATA / "data" / "hj212_fieldlog_2016_sample.h212.gz").read_bytes()))
    shown = run("hj212", str(file))
    assert sum(event["event"] == "message" for event in shown) == 12_666
    assert sum(event["event"] == "bad_frame" for event in shown) == 9


def test_each_line_by_itself() -> None:
    lines = [GOOD, b"", GOOD[:50], rb"##test\x00\r\n", GOOD + rb"\r\n" + GOOD, GOOD + b"\r"]
    shown = run("hj212", "--lines", given=b"\n".join(lines))
    assert [line["line"] for line in shown] == [1, 2, 3, 4, 5, 6]
    kinds = [[event["event"] for event in line["events"]] for line in shown]
    assert kinds == [["message"], [], ["bad_frame"], ["bad_frame"], ["message", "message"], ["message"]]
    assert shown[2]["events"][0]["reason"] == "truncated"


def test_vectors_by_line_come_out_as_their_validity_says() -> None:
    text = (DATA / "vectors" / "hj212.jsonl").read_text(encoding="utf-8")
    vectors = [json.loads(line) for line in text.splitlines()]
    escaped = [
        "".join(f"\\x{ord(c):02x}" if c < " " or c > "~" or c == "\\" else c for c in v["frame"]) for v in vectors
    ]
    shown = run("hj212", "--lines", given="\n".join(escaped).encode())
    assert len(shown) == len(vectors)
    for vector, line in zip(vectors, shown, strict=True):
        named = any(
            "crc" in name or "length" in name
            for event in line["events"]
            for name in event["deviations"]
            if name != "lower_case_crc"
        )
        refused = any(event["event"] == "bad_frame" for event in line["events"])
        assert vector["valid"] != (named or refused), vector["frame"]


def test_hex_text() -> None:
    text = " ".join(f"{byte:02x}" for byte in GOOD)
    (message,) = run("hj212", "--hex", given=f"0x{text}\n".encode())
    assert message["mn"] == "LD130182000126"
    (line,) = run("hj212", "--hex", "--lines", given=text.encode())
    assert line["events"][0]["mn"] == "LD130182000126"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"a\r\n", b"a\r\n"),
        (rb"\\r", rb"\r"),
        (rb"\x00\xfF", b"\x00\xff"),
        (rb"\q\x1", rb"\q\x1"),
        (b"\\", b"\\"),
        ("断".encode(), "断".encode()),
    ],
)
def test_escapes(written: bytes, read: bytes) -> None:
    assert unescape(written) == read


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.sampled_from([(), ("--lines",), ("--hex",), ("--lines", "--hex")]))
def test_any_bytes_are_json_and_exit_code_0(data: bytes, options: tuple[str, ...]) -> None:
    for line in run("hj212", *options, given=data):
        json.dumps(line, allow_nan=False)


def test_unknown_driver_and_absent_file_are_said_and_not_a_traceback(tmp_path: Path) -> None:
    for arguments in (["nothing"], ["hj212", str(tmp_path / "absent")], ["hj212", str(tmp_path)]):
        result = CliRunner().invoke(APP, arguments)
        assert result.exit_code == 2
        assert not isinstance(result.exception, LookupError | OSError)
