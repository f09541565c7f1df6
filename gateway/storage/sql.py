"""The SQL of this package: named queries, migrations and views, all in `.sql` files beside this one.

`queries.sql` holds blocks headed `-- name: some_name`; parameters are psycopg's, by name: `%(some_parameter)s`.
"""

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def folder() -> Traversable:
    """Where the `.sql` files are."""
    return files("gateway.storage")


@cache
def queries() -> dict[str, bytes]:
    """All named queries of this package, ready to send."""
    return read_queries(folder().joinpath("queries.sql"))


def read_queries(file: Traversable) -> dict[str, bytes]:
    """The named queries of a `.sql` file, ready to send."""
    parts = _NAME.split(file.read_text("utf-8"))
    names, texts = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{file.name}: a name is used twice")
    return {name: _without_comments(text) for name, text in zip(names, texts, strict=True)}


def query(name: str) -> bytes:
    """One named query."""
    return queries()[name]


def _without_comments(text: str) -> bytes:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().encode()
