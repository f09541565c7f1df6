"""Derived values that their parts do not give, and which channel the contradiction points at.

The identity of each derived channel is audited sample by sample against what rounding and the site's own habit allow
(see `arithmetic_residual`), and by the mean residual of a day and of a week, which sees a bias below the rounding of
one value. Where an input takes part in several identities and breaks them all, it is the input that was altered, and
the others give its honest value back: `contradicted_value` names the manner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.detectors.arithmetic_residual import Tightness, bound_ratio, learn_tightness, mean_residual_z
from analysis.detectors.audit import Audit
from analysis.detectors.derived_channels import audits_of
from analysis.detectors.disagreement import PATTERNS, Disagreement, describe
from analysis.detectors.identities import reporting_step
from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.detectors.once_a_site import once_a_site
from analysis.model.arrays import Bools, Floats, Ints
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

BIAS_WINDOWS = (24, 168)
_BIAS_Z = (
    8.0  # roundings of neighbouring samples are not quite independent: far out, and beyond what accepted rows reach
)
_BIAS_MARGIN = 1.5
HONEST_AT_BOUND = 0.01  # values a hair beyond their bound, a month: habits of loggers that were not thought of
_PLAIN_ERROR = 0.15  # a factor nearer to one than this on a derived value is an arithmetic error before it is a scaling


@dataclass(frozen=True, eq=False)
class Checked:
    """An audit that accepted rows keep. `ratio` (n,): |residual| over its bound; `bias` window → (n,): |z| over its
    bound."""

    audit: Audit
    ratio: Floats
    bias: dict[int, Floats]
    tolerance: Floats


@once_a_site
def checked_audits(data: SiteData) -> tuple[Checked, ...]:
    """The audits of a site that its accepted history supports."""
    found = []
    for audit in audits_of(data):
        tightness = learn_tightness(
            audit.residual,
            bound=audit.bound,
            sigma=audit.sigma,
            expected=audit.expected,
            own_step=audit.own_step,
            reference=audit.reference,
        )
        if not tightness.is_usable:
            continue
        bound = tightness.own_bound + audit.doubt if tightness.own_bound else audit.bound
        ratio = bound_ratio(audit.residual, bound=bound + audit.coarse, scale=tightness.scale)
        # a broken value speaks for itself; the mean is for the bias that no single value shows, and readings for "less
        # than" lie all to one side
        is_sharp = bound_ratio(audit.residual, bound=bound, scale=tightness.scale) <= 1
        intact = np.where(is_sharp & (audit.doubt == 0), audit.residual, np.nan)
        bias = {window: _bias_ratio(audit, intact, tightness, window=window) for window in BIAS_WINDOWS}
        found.append(Checked(audit, ratio, bias, bound * tightness.scale))
    return tuple(found)


def _bias_ratio(audit: Audit, intact: Floats, tightness: Tightness, *, window: int) -> Floats:
    """|z| of the mean residual over what accepted rows reach; 0 where the last quarter of the window no longer shows
    it."""
    z, recent = (
        mean_residual_z(intact, bound=audit.bound, sigma=audit.sigma, tightness=tightness, window=width)
        for width in (window, window // 4)
    )
    known = np.abs(z[: audit.grid.n_accepted])
    reached = float(np.max(known[np.isfinite(known)], initial=0.0))
    with np.errstate(invalid="ignore"):
        # a mean of a quarter of the rows has half the z
        lasts = recent * np.sign(z) > 0.5 / 3 * np.abs(z)
    return np.where(np.isfinite(z) & ~lasts, 0.0, np.abs(z) / max(_BIAS_Z, _BIAS_MARGIN * reached))


def run(data: SiteData) -> list[Scores]:
    """Scores of single values, and of the mean residual of 24 and 168 values, for every audited channel."""
    out = []
    for checked in checked_audits(data):
        audit = checked.audit
        target = Target(data.site.id, audit.channel.point, (audit.channel.id,))
        figures = {
            "reported": audit.grid.values[audit.row],
            "expected": audit.expected,
            "tolerance": checked.tolerance,
        }
        out.append(sample_scores(audit.grid, {target: _log_score(checked.ratio)}, evidence=figures))
        for window, ratio in checked.bias.items():
            out.append(
                sample_scores(
                    audit.grid, {target: _log_score(ratio)}, evidence=figures, stream=f"mean of {window}", window=window
                )
            )
    return out


def _log_score(ratio: Floats) -> Floats:
    """1 at the bound, and no faster than the number of digits beyond it."""
    return np.log2(1 + ratio)


def sample_scores(
    grid: Grid,
    rows: dict[Target, Floats],
    *,
    evidence: dict[str, Floats],
    stream: str = "",
    window: int = 1,
    fault: str | None = None,
) -> Scores:
    """Scores of each sample of a grid, or of each hour (the largest) where samples are shorter.

    Parameters
    ----------
    grid : Grid
        Time base.
    rows : Target → (n,) float64
        Scores of the samples.
    evidence : name → (n,) float64
        Figures of the samples, the same for all rows.
    window : int
        Samples that a score stands for. [1]

    Returns
    -------
    Scores
    """
    per_window = max(1, 3600 // grid.interval_s)
    count = -(-grid.n_times // per_window)
    stacked = np.stack(list(rows.values()))
    best = _largest(stacked, per_window=per_window, count=count)
    ends = np.minimum((np.arange(count) + 1) * per_window, grid.n_times)
    picked = {name: np.stack([values[index] for index in best]) for name, values in evidence.items()}
    begin = np.maximum(best - window + 1, 0) if window > 1 else best
    return Scores(
        targets=tuple(rows),
        interval_s=grid.interval_s,
        start_s=grid.start_s,
        ends=ends.astype(np.int64),
        starts=begin.astype(np.int64),
        scores=np.take_along_axis(stacked, best, axis=1),
        available=np.broadcast_to(grid.available[ends - 1], (len(rows), count)),
        n_accepted=np.full(len(rows), grid.n_accepted, dtype=np.int64),
        evidence=picked,
        stream=stream,
        fault=fault,
    )


def _largest(scores: Floats, *, per_window: int, count: int) -> Ints:
    """Index of the largest score of each window, its first sample if all are NaN. (rows, count)"""
    padded = np.full((scores.shape[0], count * per_window), -1.0)
    padded[:, : scores.shape[1]] = np.where(np.isfinite(scores), scores, -1.0)
    index = padded.reshape(scores.shape[0], count, per_window).argmax(axis=2) + per_window * np.arange(count)
    return np.asarray(index, dtype=np.int64)


def culprits(broken: Bools, available: Bools, taking_part: Bools) -> Bools:
    """Which channels alone explain the broken identities of each sample.

    Parameters
    ----------
    broken, available : (a, n) bool
        Identities that fail, and that could be formed.
    taking_part : (c, a) bool
        Channels of each identity.

    Returns
    -------
    suspects : (c, n) bool
        Channels that take part in every broken identity and in no intact one. None where two channels must have been
        altered.
    """
    # c × a by a × n products count identities; c and a are a handful
    explained = taking_part.astype(np.float64) @ broken.astype(np.float64)
    cleared = taking_part.astype(np.float64) @ (available & ~broken).astype(np.float64) > 0
    total = broken.sum(axis=0)
    return np.asarray((explained == total) & (total > 0) & ~cleared)


def run_contradicted(data: SiteData) -> list[Scores]:
    """Scores by manner of alteration, for the channels that the contradictions point at."""
    out = []
    checked = checked_audits(data)
    for grid in data.grids.values():
        for point in dict.fromkeys(channel.point for channel in grid.channels):
            group = [c for c in checked if c.audit.grid is grid and c.audit.channel.point == point]
            if group:
                out += _contradictions(data, grid, group)
    return out


def _contradictions(data: SiteData, grid: Grid, group: list[Checked]) -> list[Scores]:
    """Of the identities of one grid and point."""
    broken = np.stack([c.ratio > 1 for c in group])
    if not broken[:, grid.n_accepted :].any():
        return []
    available = np.stack([np.isfinite(c.ratio) for c in group])
    rows = [
        row
        for row, channel in enumerate(grid.channels)
        if channel.point == group[0].audit.channel.point and any(channel.id in c.audit.implied for c in group)
    ]
    taking_part = np.array([[grid.channels[row].id in c.audit.implied for c in group] for row in rows])
    suspects = culprits(broken, available, taking_part)
    described = {
        row: (mask, _describe(grid, row, group, broken)) for row, mask in zip(rows, suspects, strict=True) if mask.any()
    }
    return _named(data, grid, group, broken, described) if described else []


def _describe(grid: Grid, row: int, group: list[Checked], broken: Bools) -> Disagreement:
    """Against the first identity that gives the channel's honest value back."""
    implied = np.full(grid.n_times, np.nan)
    wrong = np.zeros(grid.n_times, dtype=bool)
    for checked, mask in zip(group, broken, strict=True):
        given = checked.audit.implied.get(grid.channels[row].id)
        if given is not None:
            implied = np.where(np.isfinite(implied), implied, given)
            wrong |= mask
    return describe(grid.values[row], implied, broken=wrong, step=reporting_step(grid.values[row]))


def _named(
    data: SiteData, grid: Grid, group: list[Checked], broken: Bools, described: dict[int, tuple[Bools, Disagreement]]
) -> list[Scores]:
    """Scores by channel and class. Of several suspects the one whose alteration is the steadiest is meant."""
    spreads = np.stack([np.where(mask, found.spread, np.inf) for mask, found in described.values()])
    chosen = spreads.argmin(axis=0)
    worst = _log_score(np.max(np.where(broken, np.stack([c.ratio for c in group]), 0.0), axis=0))
    derived = {c.audit.row for c in group}
    out = []
    for position, (row, (mask, found)) in enumerate(described.items()):
        channel = grid.channels[row]
        mine = mask & (chosen == position) & np.isfinite(spreads[position])
        faults = _fault_codes(channel, found, is_derived=row in derived)
        # the channels that contradict it come along, so that one story is told of one thing
        others = [c.audit.channel.id for c in group if channel.id in c.audit.implied]
        target = Target(data.site.id, channel.point, tuple(dict.fromkeys([channel.id, *others])))
        figures = {"factor": found.factor, "difference": found.difference}
        for fault in filter(None, dict.fromkeys(faults[mine])):
            scores = np.where(mine & (faults == fault), worst, 0.0)
            out.append(sample_scores(grid, {target: scores}, evidence=figures, fault=str(fault)))
    return out


def _fault_codes(
    channel: Channel, found: Disagreement, *, is_derived: bool
) -> np.ndarray[tuple[int, ...], np.dtype[np.str_]]:
    """Class of each sample, empty where the manner says nothing."""
    faults = np.array(PATTERNS)[found.code]
    if channel.quantity == "o2":
        return np.where((faults != "") & (found.difference < 0), "oxygen_tampered", "")
    if channel.quantity.startswith("flow") or channel.quantity == "velocity":
        return np.where(faults == "scaled", "flow_coefficient_edited", faults)
    if is_derived:
        with np.errstate(invalid="ignore"):
            slight = np.isin(faults, ("scaled", "offset", "capped")) & (np.abs(found.factor - 1) < _PLAIN_ERROR)
            faults = np.where(slight, "", faults)
    return np.asarray(faults)


MISMATCH = Detector(
    name="arithmetic_mismatch",
    fault="arithmetic_mismatch",
    runs_on="site",
    run=run,
    explanation=Text(
        en="the channel is computed from others and does not follow from them: reported {reported:.6g}, expected "
        "{expected:.6g}, allowed "
        "by rounding and the site's own habit {tolerance:.2g}",
        zh="该通道由其他通道计算得出，但与之不符：上报值 {reported:.6g}，应为 {expected:.6g}，按修约和该站点自身习惯"
        "允许偏差 {tolerance:.2g}",
    ),
    innocent_if=Text(
        en="the logger's formula or a parameter of it (reference oxygen, duct area, conversion) was changed and "
        "reported",
        zh="若采集仪的计算公式或参数（基准氧含量、烟道截面积、折算方式）已变更并报备，则可排除",
    ),
    floor=1.0,
    kind="exact",
    honest_at_floor=HONEST_AT_BOUND,
    specificity=3,
    alternatives=("scaled", "offset", "parameter_edited"),
)
CONTRADICTED = Detector(
    name="contradicted_value",
    fault="arithmetic_mismatch",
    runs_on="site",
    run=run_contradicted,
    explanation=Text(
        en="the first of these channels contradicts those computed from it or for it, which give its honest value "
        "back: it is {factor:.3g} "
        "times that value, {difference:.4g} apart",
        zh="首个通道与由其计算或用于计算它的通道矛盾，由后者可反推真实值：上报值为其 {factor:.3g} 倍，相差 "
        "{difference:.4g}",
    ),
    innocent_if=Text(
        en="the logger's formula or a parameter of it was changed and reported",
        zh="若采集仪的计算公式或参数已变更并报备，则可排除",
    ),
    floor=1.0,
    kind="exact",
    honest_at_floor=HONEST_AT_BOUND,
    specificity=8,
    alternatives=("arithmetic_mismatch", "parameter_edited"),
)
DETECTORS = (MISMATCH, CONTRADICTED)
