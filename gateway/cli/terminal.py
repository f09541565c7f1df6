"""Where the commands print: as wide as the terminal, and without breaking cells where there is none."""

import sys

from rich.console import Console

WIDE = 240


def console() -> Console:
    """A console on standard output."""
    return Console() if sys.stdout.isatty() else Console(width=WIDE)
