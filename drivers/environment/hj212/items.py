"""The items of CP: `name=value`, `;` between items, `,` between the values of one item (HJ 212-2017 §6.3.3.1).

Both separators are read alike, because the field mixes them and every value carries its whole name. Log texts stand
between `//` and `//` and may hold either. A factor's name and its suffix are split at the last hyphen.
"""

import re
from typing import NamedTuple

_ITEM = re.compile(r"([^;,=]*)(?:=(//.*?//(?=[;,]|\Z)|[^;,]*))?([;,]|\Z)", re.DOTALL)


class Items(NamedTuple):
    """`pairs` in the order of the frame, values stripped; and what was odd."""

    pairs: tuple[tuple[str, str], ...]
    deviations: tuple[str, ...]


def read_items(cp: str) -> Items:
    """All items of CP."""
    parts = cp.replace(",", ";").split(";")
    if "//" not in cp and " " not in cp:
        plain = [tuple(part.split("=")) for part in parts]
        if all(len(pair) == 2 and pair[0] for pair in plain):
            return Items(tuple(plain), ())  # type: ignore[arg-type]
    if not cp:
        return Items((), ())
    pairs: list[tuple[str, str]] = []
    odd: dict[str, None] = {}
    for found in _ITEM.finditer(cp):
        name, value, separator = found.groups()
        name = name.strip()
        if not name and not value:
            if separator or (cp[-1:] in ";," and cp):
                odd["empty_item" if separator and cp[found.end() :].strip(" ;,") else "trailing_separator"] = None
        elif not name or value is None:
            odd["bare_item"] = None
            pairs.append((name, (value or "").strip()))
        else:
            pairs.append((name, value.strip()))
    return Items(tuple(pairs), tuple(odd))


def split_name(name: str) -> tuple[str, str]:
    """Code and suffix of `a21026-Rtd`; the suffix is "" for a plain name such as `DataTime`."""
    code, _, suffix = name.rpartition("-")
    return (code, suffix) if code else (name, "")
