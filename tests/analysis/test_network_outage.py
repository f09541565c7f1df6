from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.detectors.network_outage import run
from analysis.model.site import OtherSites
from tests.analysis.plant import START_S, honest_values, make_site

FIRST = 2500


def site_without(hours: slice, names: tuple[str, ...] | None = None):
    raw = honest_values()
    present = np.ones(3600, dtype=bool)
    present[hours] = False
    return make_site(raw, accepted=2160, present=dict.fromkeys(names or tuple(raw), present))


def test_a_silent_site_is_counted_from_its_first_hour() -> None:
    (scores,) = run(site_without(slice(FIRST, FIRST + 5)))
    assert np.flatnonzero(scores.scores[0]).tolist() == list(range(FIRST, FIRST + 5))
    assert scores.scores[0, FIRST + 4] == 5
    assert scores.starts[0, FIRST + 4] == FIRST
    assert scores.evidence["shared"].max() == 0


def test_one_silent_channel_is_no_outage_unless_other_sites_fell_silent_too() -> None:
    most = ("nox", "co", "o2", "temp", "pressure", "humidity")
    quiet = site_without(slice(FIRST, FIRST + 5), most)
    assert np.nanmax(run(quiet)[0].scores) == 0
    share = np.zeros(3600)
    share[FIRST : FIRST + 5] = 0.9
    assert np.nanmax(run(replace(quiet, others=OtherSites(START_S, share)))[0].scores) == 5


def test_before_the_first_row_nothing_was_expected() -> None:
    (scores,) = run(site_without(slice(0, 40)))
    assert np.nanmax(scores.scores) == 0
