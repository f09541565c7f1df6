"""Sites whose data are known to be honest or falsified, in the format of `gateway analyse`, with truth labels.

    python -m simulators.falsification --out DIR --seed 1                          # a little of everything
    python -m simulators.falsification --out DIR --seed 1 --collection injected --class I4 --level L2 --placements 20
    python -m simulators.falsification --out DIR --seed 1 --collection honest --sites 40
    python -m simulators.falsification --out DIR --seed 1 --collection controls --class honest_step
    python -m simulators.falsification --out DIR --seed 1 --collection ranking --sites 250
    python -m simulators.falsification --out DIR --seed 1 --collection month --sites 20
    python -m simulators.falsification --out DIR --seed 1 --collection turbine --turbine-file gasturbine_….csv.gz

writes DIR/dataset (hand this to `gateway analyse`) and DIR/truth.json (keep this from it). The site ids name the case,
so that a result can be read by eye; nothing may be concluded from them by a detector.

Pure generators: the same arguments give the same bytes. Imports nothing of the project. A site is built honest
(`operation`, `stack`, `outlet`, `meters`, `turbine`), lives (`condition`), is summed up (`aggregates`), sent
(`transport`), and then falsified (`catalogue` and the three `*_forgeries`) or given an innocent event (`controls`).
In code: `fleet.injected(seed, fleet.plan(["I4"], ["L2"], 20))` yields sites, `dataset.write_dataset` writes them.
"""
