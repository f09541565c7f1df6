"""JSON from the field, parsed under limits: size, nesting, keys and digits are capped before the parser sees a byte.

The order is: size, characters, nesting, number of keys, length of numbers, then `orjson`, which refuses NaN, Infinity,
1e400 and lone surrogates by itself. The scans are linear and cost nothing on honest messages: counting the brackets and
colons bounds nesting and keys from above, and only a message that looks suspicious by that is scanned token by token.

Text that is not UTF-8 is tried as GB 18030, which many Chinese terminals send; that is noted as a deviation.
"""

import re
from typing import Any

import orjson

from drivers.events import Reason

MAX_PAYLOAD_BYTES = 45_000
"""As base64 in an envelope line this stays below 64 KiB, what a decoder may hold. About 450 samples of four values."""

MAX_DEPTH = 25  # OpenStack Ironic allows 25 for hardware inventories, the deepest honest JSON that we know of
MAX_KEYS = 5_000  # a full DJI dock OSD has about 300
MAX_NUMBER_CHARS = 64  # a double needs 24 at most; longer digit strings only serve to burn time

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_LONG_NUMBER = re.compile(rb"[-+.0-9eE]{%d}" % (MAX_NUMBER_CHARS + 1))


class Refused(Exception):
    """Why a message does not become an event; the router turns it into a `BadFrame`, it never leaves this package."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        deviations: tuple[str, ...] = (),
        identity: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.deviations = deviations
        self.identity = identity  # who spoke, under which other name


def mismatch(speaker: str, claimed: object) -> Refused:
    """The refusal of a message whose body names another device than its topic."""
    text = str(claimed)[:64]
    return Refused(Reason.REFUSED, f"topic says {speaker}, body says {text}", identity=(speaker, text))


def parse_json(payload: bytes) -> tuple[Any, tuple[str, ...]]:
    """The value in `payload`, and what was odd about its spelling.

    Raises
    ------
    Refused
        OVERSIZE, SANITY (nesting, keys, digits, NUL) or SYNTAX.
    """
    deviations: tuple[str, ...] = ()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Refused(Reason.OVERSIZE, f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are taken")
    if payload.startswith(b"\xef\xbb\xbf"):
        payload, deviations = payload[3:], ("byte_order_mark",)
    if not payload.isascii():
        payload, foreign = _as_utf8(payload)
        deviations += foreign
    _check_structure(payload)
    try:
        return orjson.loads(payload), deviations
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise Refused(Reason.SYNTAX, f"not JSON: {error}", deviations=deviations) from None


def _as_utf8(payload: bytes) -> tuple[bytes, tuple[str, ...]]:
    try:
        payload.decode()
    except UnicodeDecodeError:
        try:
            return payload.decode("gb18030").encode(), ("encoding_gb18030",)
        except UnicodeDecodeError:
            raise Refused(Reason.SYNTAX, "neither UTF-8 nor GB 18030") from None
    return payload, ()


def _check_structure(payload: bytes) -> None:
    # PostgreSQL text cannot hold U+0000: one such value would cost the whole batch it is written with.
    if b"\\u0000" in payload and _has_nul_escape(payload):
        raise Refused(Reason.SANITY, "NUL character in a string")
    suspicious = (
        payload.count(b"[") + payload.count(b"{") > MAX_DEPTH
        or payload.count(b":") > MAX_KEYS
        or _LONG_NUMBER.search(payload) is not None
    )
    if not suspicious:
        return
    bare = _STRING.sub(b"", payload)
    if bare.count(b":") > MAX_KEYS:
        raise Refused(Reason.SANITY, f"{bare.count(b':')} keys, at most {MAX_KEYS} are taken")
    if _LONG_NUMBER.search(bare):
        raise Refused(Reason.SANITY, f"a number of more than {MAX_NUMBER_CHARS} characters")
    if (depth := _depth(bare)) > MAX_DEPTH:
        raise Refused(Reason.SANITY, f"nested {depth} deep, at most {MAX_DEPTH} is taken")


def _has_nul_escape(payload: bytes) -> bool:
    r"""Whether one of the `\u0000` is an escape and not the tail of an escaped backslash (`\\u0000`)."""
    return any(len(run.group(1)) % 2 == 0 for run in re.finditer(rb"(\\*)\\u0000", payload))


def _depth(bare: bytes) -> int:
    deepest = depth = 0
    for byte in bare:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
