"""Series for the detector tests: an honest process with memory, and blocks made of it."""

import numpy as np

from analysis.model import Channel, SeriesBlock
from analysis.model.metadata import Site
from analysis.model.site import Grid, SiteData

START_S = 1_767_196_800  # 2026-01-01T00:00+08:00


def honest(rng, n, *, mean=50.0, spread=8.0, memory=0.85, step=0.1):
    """A first-order process reported in steps."""
    noise = rng.normal(0, spread * np.sqrt(1 - memory**2), n)
    noise[0] = rng.normal(0, spread)
    for i in range(1, n):
        noise[i] += memory * noise[i - 1]
    return np.round((mean + noise) / step) * step


def channel(name="nox", **changes):
    registered = {
        "site": "S01", "point": "A1", "id": name, "medium": "air", "quantity": name, "statistic": "avg",
        "unit": "mg/m3", "interval_s": 3600, "range_low": 0.0, "range_high": 300.0,
    }  # fmt: skip
    return Channel(**{**registered, **changes})


def block(values, *, n_accepted, interval_s=3600, channels=None):
    """Rows side by side, one channel each."""
    values = np.atleast_2d(np.asarray(values, dtype=np.float64))
    channels = channels or tuple(channel("nox", point=f"A{row}", interval_s=interval_s) for row in range(len(values)))
    ends = START_S + interval_s * np.arange(1, values.shape[1] + 1, dtype=np.float64)
    return SeriesBlock(
        interval_s=interval_s,
        start_s=START_S,
        channels=tuple(channels),
        values=values,
        n_accepted=np.full(len(values), n_accepted, dtype=np.int64),
        available=np.broadcast_to(ends, values.shape),
    )


def site(rows, *, n_accepted, interval_s=3600):
    """A site with one grid; `rows` maps channels to values."""
    channels = tuple(rows)
    values = np.array(list(rows.values()), dtype=np.float64)
    ends = START_S + interval_s * np.arange(1, values.shape[1] + 1, dtype=np.float64)
    grid = Grid(
        interval_s=interval_s,
        start_s=START_S,
        channels=channels,
        values=values,
        raw=values,
        flags=np.zeros(values.shape, dtype=np.uint8),
        present=~np.isnan(values),
        arrival=np.broadcast_to(ends, values.shape),
        available=ends,
        n_accepted=n_accepted,
    )
    registered = Site("S01", "S01", "", channels, accepted_until_s=START_S + n_accepted * interval_s)
    return SiteData(site=registered, grids={interval_s: grid})


def alerts(data, detector, *, budget=1.0):
    """Findings that alert when only this detector runs on this site."""
    from analysis.battery import Settings, analyse_sites

    found = analyse_sites([data], Settings(budget, "Asia/Shanghai"), [detector])
    return [finding for finding in found if finding.alert]
