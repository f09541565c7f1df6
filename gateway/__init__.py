"""The service: sources, intake, storage, detection, alerts, web and command line.

The only package with I/O to the field and the database. `pipeline.py` knows all stages; the stages do not know
each other. What passes between them is in `records.py`.
"""

__version__ = "0.1.0"
