"""Detection: the stored values through the analysis, and what it finds into the database.

    observation, revisions, ledger, events ── export ─► dataset folder ── analysis ─► findings ── keep ─► finding
                                                                                                  alert, outbox
                                                                                                  inspection

There is one path into the analysis, the dataset folder, for the analyst's command, for `gateway analyse --db` and for
the service's schedule alike: what is found does not depend on where the rows came from. `export_dataset` writes the
folder in bounded memory, `run_detection` does one scheduled run in a process of its own, `keep_detecting` starts such
processes. `import_dataset` is the way back: a dataset becomes rows of the database.
"""
