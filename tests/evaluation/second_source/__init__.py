"""A second, independent source of data whose truth is known: `python -m tests.evaluation.second_source`.

It was written from the dataset format and the injection protocol alone, without a look at `simulators.falsification` or
at the detectors, so that rules which fit the habits of one simulator fail here. The two share the protocol (classes I1
to I20, levels L1 to L4) and the scoring rules of `tests.evaluation`, nothing of the data.

    noise          building blocks of honest series
    plant          channels, points, sites, and the formulas of what is computed from what
    stacks, turbine, outlets   honest sites
    transport      losses, outages, calibration flags, arrival times
    shape_changes, level_changes, mark_changes   the injections
    innocent       events that must not be alerted
    cohorts        which sites a run consists of
    writing        the dataset's files
    outcome        runs and scores
    section        the figures as text

Seeds below 100 are for development, seeds from 100 on for scoring only.
"""
