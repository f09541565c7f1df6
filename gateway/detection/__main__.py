"""`python -m gateway.detection`: one run, ordered by JSON on stdin, reported as a line of JSON on stdout.

The order is not on the command line, because it holds the password of the database.
"""

import json
import os
import sys
from pathlib import Path

from gateway.detection.order import Order
from gateway.detection.run import run_detection
from gateway.errors import GatewayError

NICE = 10  # what comes in goes before
FAILED = 1


def main() -> int:
    """Exit code 0: done, or nothing to do; 1: failed, with the reason on stderr."""
    given = json.load(sys.stdin)
    os.nice(NICE)
    order = Order(**{**given, "folder": Path(given["folder"]), "feeds": tuple(given["feeds"])})
    try:
        report = run_detection(order)
    except (GatewayError, ValueError) as error:
        print(error, file=sys.stderr)
        return FAILED
    print(json.dumps(report.line()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
