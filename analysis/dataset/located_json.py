"""JSON whose objects know their line, for error messages.

Slower than a plain parser: used once a plain one has found a fault.
"""

import json
from json import decoder, scanner
from typing import Any


class Located(dict[str, Any]):
    """An object of the file, with the line on which it begins."""

    line: int = 0


class _Decoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__()
        self.parse_object = self._located
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _located(self, s_and_end: tuple[str, int], *rest: Any) -> tuple[Located, int]:
        text, position = s_and_end
        plain, end = decoder.JSONObject(s_and_end, *rest)  # type: ignore[attr-defined]
        located = Located(plain)
        located.line = text.count("\n", 0, position) + 1
        return located, end


def parse(text: str) -> Any:
    """Parse `text`; every object of it is a `Located`."""
    return _Decoder().decode(text)


def line_of(thing: Any) -> int | None:
    """The line of an object parsed here, otherwise `None`."""
    return thing.line if isinstance(thing, Located) else None
