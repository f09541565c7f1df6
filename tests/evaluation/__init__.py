"""How good the analysis is, measured on data whose truth is known: `python -m tests.evaluation`.

    python -m tests.evaluation                              # everything, held-out seeds, writes docs/evaluation.md
    python -m tests.evaluation --quick                      # the same path in two minutes, prints only
    python -m tests.evaluation --class I4 --level L2        # one case on the development seed, every miss in detail
    python -m tests.evaluation --class honest_step          # an innocent event
    python -m tests.evaluation --class honest --sites 60    # false alerts of honest sites in detail

`cohort` builds datasets with `simulators.falsification` and lets the baselines look at the same sites; `program` runs
`gateway analyse` on them; `matching` decides what counts as found; `measures` sums up; `report` writes.
`second_source` is another generator by another hand; its figures are a section of the same page.

Seeds below 100 are for development: thresholds and rules may be tuned on them. Seeds from 100 on are for scoring only.
"""
