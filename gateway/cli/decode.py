"""`gateway decode DRIVER [FILE|-]`: what a driver makes of bytes, one JSON object a line.

    gateway decode hj212 capture.bin          one object per frame, refused bytes included
    gateway decode hj212 --lines log.txt      each line by itself: {"line": n, "events": […]}
    gateway decode dlt645 --hex dump.txt      the input is hex text

Whatever the bytes, the exit code is 0: refused bytes are results here. It is 2 for a driver or file that is not there.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer

from drivers import Driver, driver, drivers
from drivers.errors import UnknownDriver
from drivers.events import BadFrame, Reason

CHUNK_BYTES = 64 * 1024

_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|([rn\\]))")
_PLAIN = {b"r": b"\r", b"n": b"\n", b"\\": b"\\"}
_NOT_HEX = re.compile(rb"[^0-9A-Fa-f]+|0[xX]")


def decode(
    name: Annotated[str, typer.Argument(metavar="DRIVER", help="hj212, dlt645, … / 协议")],
    file: Annotated[Path, typer.Argument(help="Input, - is standard input. / 输入文件")] = Path("-"),
    lines: Annotated[
        bool, typer.Option("--lines", help=r"Decode each line by itself; \r \n \\ \xNN are escapes. / 逐行解析")
    ] = False,
    hex_: Annotated[bool, typer.Option("--hex", help="The input is hex text. / 输入为十六进制文本")] = False,
) -> None:
    """Print what a driver makes of bytes, one JSON object per frame. / 解析报文，每帧输出一行 JSON。"""
    try:
        chosen = driver(name)
    except UnknownDriver:
        raise typer.BadParameter(f"{name}: {', '.join(drivers())}", param_hint="DRIVER") from None
    try:
        with _opened(file) as source:
            objects = _by_line(chosen, source, hex_) if lines else _as_stream(chosen, source, hex_)
            for shown in objects:
                sys.stdout.buffer.write(_json(shown) + b"\n")
    except FileNotFoundError:
        raise typer.BadParameter(f"{file}: no such file / 文件不存在", param_hint="FILE") from None
    except IsADirectoryError:
        raise typer.BadParameter(f"{file}: is a directory / 是目录", param_hint="FILE") from None
    except BrokenPipeError:
        sys.stderr.close()
        return
    sys.stdout.flush()


def _as_stream(chosen: Driver, source: BinaryIO, is_hex: bool) -> Iterator[dict[str, Any]]:
    decoder = chosen.decoder()
    for chunk in _unhexed(source) if is_hex else iter(lambda: source.read(CHUNK_BYTES), b""):
        for event in decoder.feed(chunk):
            yield event.to_json()
    for event in decoder.flush():
        yield event.to_json()


def _by_line(chosen: Driver, source: BinaryIO, is_hex: bool) -> Iterator[dict[str, Any]]:
    read: Callable[[bytes], bytes] = _hex_line if is_hex else bytes if chosen.has_own_escapes else unescape
    for number, line in enumerate(source, 1):
        data = read(line.rstrip(b"\n"))
        decoder = chosen.decoder()
        events = [event.to_json() for event in [*decoder.feed(data), *decoder.flush()]]
        if not events and data.strip(b"\r\n"):
            events = [BadFrame(Reason.NOT_A_FRAME, data).to_json()]
        yield {"line": number, "events": events}


def unescape(line: bytes) -> bytes:
    r"""Bytes of a line in which `\r`, `\n`, `\\` and `\xNN` stand for bytes; another backslash is itself."""
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else _PLAIN[m[2]], line)


def _hex_line(line: bytes) -> bytes:
    digits = _NOT_HEX.sub(b"", line)
    return bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))


def _unhexed(source: BinaryIO) -> Iterator[bytes]:
    """Hex text as bytes; whatever is no hex digit separates, a last odd digit is dropped."""
    rest = b""
    for chunk in iter(lambda: source.read(CHUNK_BYTES), b""):
        digits = rest + _NOT_HEX.sub(b"", chunk)
        even = len(digits) & ~1
        rest = digits[even:]
        yield bytes.fromhex(digits[:even].decode("ascii"))


def _json(shown: dict[str, Any]) -> bytes:
    """As JSON; NaN and infinities as null, which orjson does; lone surrogates and huge integers as text."""
    try:
        return orjson.dumps(shown, default=str, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return orjson.dumps(_plain(shown), default=str)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as source:
        yield source
