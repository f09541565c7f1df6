"""Detectors of suspected falsification, and the path from their scores to findings: pure functions on arrays.

`dataset` reads and writes the folder format at the edge, `model` holds a site's arrays, `detectors` score windows,
`calibration` turns scores into p-values against the site's own accepted history and a threshold that keeps the alert
budget, `findings` merges, names, explains and ranks. `battery` runs them all, partition by partition. Nothing here
imports the gateway, opens a socket or reads a clock. Errors are `ValueError` and `TypeError` only.
"""

import os

# Whole sites run in parallel. On matrices this small the threads of BLAS mostly wait for each other and take up to ten
# times the processor time of one. Read when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

VERSION = "1"
