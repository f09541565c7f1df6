from dataclasses import replace

import numpy as np
import pytest

from analysis.detectors.copied_levels import DETECTOR, line_nats, squared_correlation
from analysis.model.site import SiteData
from tests.analysis.series import alerts, channel, honest, site

COD = channel("cod", medium="water", unit="mg/L", interval_s=14400)
FLOW = channel("flow", medium="water", unit="m3/h")


def plain_nats(own, source, step):
    """The plain loop of `line_nats` for one window."""
    pairs = [(a, b) for a, b in zip(own, source, strict=True) if not np.isnan(a) and not np.isnan(b)]
    slope, offset = np.polyfit([b for _, b in pairs], [a for a, _ in pairs], 1)
    left = max(sum((a - slope * b - offset) ** 2 for a, b in pairs) / len(pairs), step**2 / 12)
    neighbours = list(zip(zip(own, source, strict=True), list(zip(own, source, strict=True))[1:], strict=False))
    known = [(abs(c - a), abs(d - b)) for (a, b), (c, d) in neighbours if not np.isnan([a, b, c, d]).any()]
    changes = min(sum(a > 0 for a, _ in known), sum(b > 0 for _, b in known))
    usual = float(np.median([a for a, _ in known if a > 0])) / 0.6745
    return max(0.5 * (changes - 1) * float(np.log(usual**2 / 2 / left)), 0.0)


def test_correlation_of_levels_agrees_with_the_plain_formula() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, (2, 1, 60))
    one[0, 40] = np.nan
    squared = squared_correlation(one, other, width=18)
    assert np.isnan(squared[0, 16])
    for end in (18, 30, 50):
        a, b = one[0, end - 18 : end], other[0, end - 18 : end]
        known = ~np.isnan(a)
        assert squared[0, end - 1] == pytest.approx(np.corrcoef(a[known], b[known])[0, 1] ** 2)


def test_nats_of_a_line_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(2)
    source = rng.normal(90, 9, (3, 18))
    own = np.round(20 + 0.3 * source + np.array([[0.0], [0.1], [3.0]]) * rng.normal(0, 1, (3, 18)), 1)
    own[:, 5] = np.nan
    got = line_nats(own, source, resolution=np.full(3, 0.1))
    assert got.tolist() == pytest.approx([plain_nats(a, b, 0.1) for a, b in zip(own, source, strict=True)])
    assert got[0] > got[1] > 40 > got[2]


def test_one_jump_of_both_says_little() -> None:
    rng = np.random.default_rng(3)
    jump = np.where(np.arange(18) < 9, 0.0, 60.0)
    own, source = (np.round(30 + jump + rng.normal(0, 1, 18), 1)[None, :] for _ in range(2))
    assert squared_correlation(own - 50, source - 50, width=18)[0, -1] > 0.98
    assert line_nats(own, source, resolution=np.array([0.1]))[0] < 5


def beside_a_flow(seed, *, image=None, gaps=True):
    """An analyser of four hours beside an hourly flow, and the site that holds both."""
    rng = np.random.default_rng(seed)
    flow, values = honest(rng, 3200, mean=90.0, spread=9.0), honest(rng, 800, mean=20.0, spread=4.0, memory=0.5)
    if image is not None:
        values[500:518] = np.round(20 + 0.4 * (image(flow.reshape(-1, 4))[500:518] - 90), 1)
    if gaps:
        values[np.arange(2, 800, 5)] = np.nan
    slow = site({COD: values}, n_accepted=360, interval_s=14400)
    fast = site({FLOW: flow}, n_accepted=1440)
    return SiteData(site=replace(slow.site, channels=(COD, FLOW)), grids={**slow.grids, **fast.grids})


@pytest.mark.parametrize("image", [lambda hours: hours.mean(axis=1), lambda hours: hours[:, 0]], ids=["mean", "start"])
def test_three_days_of_an_image_of_the_flow_alert(image) -> None:
    found = alerts(beside_a_flow(4, image=image), DETECTOR)
    assert [(one.fault, one.channels, one.evidence["source"]) for one in found] == [
        ("copied_channel", ("cod",), "flow")
    ]
    assert found[0].p_value < 0.01


def test_an_analyser_beside_an_unrelated_flow_does_not_alert() -> None:
    for seed in range(10, 20):
        assert not alerts(beside_a_flow(seed, gaps=seed % 2 == 0), DETECTOR)


def test_an_analyser_whose_load_follows_the_flow_does_not_alert() -> None:
    rng = np.random.default_rng(30)
    flow = honest(rng, 3200, mean=90.0, spread=9.0)
    values = np.round(20 + 0.4 * (flow.reshape(-1, 4).mean(axis=1) - 90) + rng.normal(0, 0.8, 800), 1)
    slow, fast = site({COD: values}, n_accepted=360, interval_s=14400), site({FLOW: flow}, n_accepted=1440)
    both = SiteData(site=replace(slow.site, channels=(COD, FLOW)), grids={**slow.grids, **fast.grids})
    assert not alerts(both, DETECTOR)


def test_a_registered_relation_is_no_copy() -> None:
    rng = np.random.default_rng(31)
    cod = honest(rng, 800, mean=20.0, spread=4.0, memory=0.5)
    toc_of = channel("toc", medium="water", unit="mg/L", interval_s=14400, derived_from=("cod",))
    toc = honest(rng, 800, mean=7.0, spread=1.5, memory=0.5)
    toc[500:] = np.round(0.35 * cod[500:], 1)
    assert not alerts(site({COD: cod, toc_of: toc}, n_accepted=360, interval_s=14400), DETECTOR)


def test_silence_of_the_source_is_not_judged_before_it_came() -> None:
    data = beside_a_flow(4, image=lambda hours: hours.mean(axis=1))
    late = data.grids[3600]
    shifted = replace(late, available=late.available + 5 * 86400.0)
    now, then = (
        alerts(SiteData(site=data.site, grids={**data.grids, 3600: grid}), DETECTOR) for grid in (late, shifted)
    )
    assert then[0].detected_s == now[0].detected_s + 5 * 86400.0
