"""The part of JSONPath that a mapping needs: `$.data.list[*].Ua`, `$.a["odd.key"][0]`, and `topic.3`.

    $            the message (in a mapping with `records`: the record)
    .name        a key of letters, digits, `_` and `-`        ["name"]   any key
    [2], [-1]    an element                                    [*]        every element, or every value of an object

`topic.N` is level N of the topic, from 0. No filters, no recursion: what needs them needs a driver.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_STEP = re.compile(r'\.(?P<name>[\w-]+)|\[(?P<index>-?\d+)\]|\[(?P<all>\*)\]|\["(?P<quoted>[^"]+)"\]')
_TOPIC = re.compile(r"topic\.(\d+)")


class Path(NamedTuple):
    """A parsed path: keys (str), indexes (int), None for every element."""

    text: str
    steps: tuple[str | int | None, ...]
    topic_level: int | None = None

    def first(self, value: Any, topic: str = "") -> Any:
        """The first match, or None."""
        if self.topic_level is not None:
            levels = topic.split("/")
            return levels[self.topic_level] if self.topic_level < len(levels) else None
        return next(_walk(value, self.steps), None)

    def all(self, value: Any) -> Iterator[Any]:
        """Every match, in order."""
        return _walk(value, self.steps)

    def exists(self, value: Any) -> bool:
        return any(True for _ in _walk(value, self.steps))


def parse_path(text: str) -> Path:
    """The path of `text`.

    Raises
    ------
    ValueError
        If it is not one; the message says where.
    """
    if found := _TOPIC.fullmatch(text):
        return Path(text, (), int(found[1]))
    if not text.startswith("$"):
        raise ValueError(f"path {text!r} must start with $ or be topic.N")
    steps: list[str | int | None] = []
    at = 1
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise ValueError(f"path {text!r} is not understood at {text[at:]!r}")
        if step["index"] is not None:
            steps.append(int(step["index"]))
        else:
            steps.append(None if step["all"] else step["name"] or step["quoted"])
        at = step.end()
    return Path(text, tuple(steps))


def _walk(value: Any, steps: tuple[str | int | None, ...]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step is None:
        items = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
        for item in items:
            yield from _walk(item, rest)
    elif isinstance(step, int):
        if isinstance(value, list) and -len(value) <= step < len(value):
            yield from _walk(value[step], rest)
    elif isinstance(value, dict) and step in value:
        yield from _walk(value[step], rest)
