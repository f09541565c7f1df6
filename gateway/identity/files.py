"""Files that a broker reads: replaced whole, durable, and not for everybody's eyes."""

import contextlib
import os
from pathlib import Path

MODE = 0o640
"""Owner and group: the broker runs as another user, and reads by its group."""


def replace_file(path: Path, text: str) -> None:
    """Write the file anew; a reader sees the old or the new one, a crash leaves one of them.

    Owner and group of the file that is replaced, or of its folder, are kept as far as we may.
    """
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    known = path if path.exists() else path.parent
    with contextlib.suppress(PermissionError):  # not root and not of that group: then the operator sets it
        os.chown(draft, -1, known.stat().st_gid)
    os.chmod(draft, MODE)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
