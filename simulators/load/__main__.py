"""`python -m simulators.load`: the same as `python -m simulators load`."""

import sys

from simulators.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main(["load", *sys.argv[1:]]))
