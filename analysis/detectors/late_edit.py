"""A value that was sent again, and was another one.

The first row of a key is what the field said at the time; a later row that differs is an edit of the past. Sending
the same again, or filling in what was empty, is what HJ 212-2017 asks for (补传) and is innocent. Size, direction
and delay say how grave it is; that it happened is exact.
"""

from __future__ import annotations

import numpy as np

from analysis.detectors.interface import Detector, Scores, Target, Text
from analysis.model.arrays import Bools, Codes, Floats, Ints
from analysis.model.site import NORMAL, Grid, SiteData

_DAY_S = 86400.0


def run(data: SiteData) -> list[Scores]:
    """One score a revision, for every channel that has one."""
    return [_row_scores(data, grid, int(row)) for grid in data.grids.values() for row in np.unique(grid.revisions.row)]


def _first_rows(grid: Grid, row: int) -> tuple[Floats, Codes]:
    """Value and flag of the first row of each sample, whether it came on time or late."""
    value, flag = grid.raw[row].copy(), grid.flags[row].copy()
    late = grid.late.row == row
    value[grid.late.column[late]], flag[grid.late.column[late]] = grid.late.value[late], grid.late.flag[late]
    return value, flag


def _row_scores(data: SiteData, grid: Grid, row: int) -> Scores:
    revisions = grid.revisions
    mine = np.flatnonzero(revisions.row == row)
    order = mine[np.lexsort((revisions.received_s[mine], revisions.column[mine]))]
    column = revisions.column[order]
    first, first_flag = _first_rows(grid, row)
    before, flag_before = previous_version(
        column, revisions.value[order], revisions.flag[order], first=first, first_flag=first_flag
    )
    channel = grid.channels[row]
    delay_d = (revisions.received_s[order] - grid.start_s - (column + 1) * float(grid.interval_s)) / _DAY_S
    score = edit_score(
        before,
        revisions.value[order],
        flag_removed=(flag_before == NORMAL) & (revisions.flag[order] != NORMAL),
        delay_d=delay_d,
        limit=channel.limit,
    )
    return Scores(
        targets=(Target(data.site.id, channel.point, (channel.id,)),),
        interval_s=grid.interval_s,
        start_s=grid.start_s,
        ends=column + 1,
        starts=column[None, :],
        scores=score[None, :],
        available=revisions.received_s[order][None, :],
        n_accepted=np.array([grid.n_accepted]),
        evidence={
            "was": before[None, :],
            "became": revisions.value[order][None, :],
            "delay_h": 24 * delay_d[None, :],
        },
    )


def previous_version(
    column: Ints,
    value: Floats,
    flag: Codes,
    *,
    first: Floats,
    first_flag: Codes,
) -> tuple[Floats, Codes]:
    """What each revision replaced: the revision of the same sample before it, or the first row.

    Parameters
    ----------
    column : (r,) int64
        Samples, sorted, and within a sample by arrival.
    value, flag : (r,) float64, uint8
        Of the revisions.
    first, first_flag : (n,) float64, uint8
        Of the first rows.

    Returns
    -------
    value, flag : (r,) float64, uint8
    """
    again = np.concatenate([[False], column[1:] == column[:-1]])
    earlier = np.concatenate([[np.nan], value[:-1]]), np.concatenate([flag[:1], flag[:-1]])
    return np.where(again, earlier[0], first[column]), np.where(again, earlier[1], first_flag[column])


def edit_score(
    before: Floats,
    after: Floats,
    *,
    flag_removed: Bools,
    delay_d: Floats,
    limit: float | None,
) -> Floats:
    """How grave an edit is.

    Parameters
    ----------
    before, after : (r,) float64
        Value replaced, and what it became; NaN where empty. [unit of the channel]
    flag_removed : (r,) bool
        A counted value was flagged afterwards, and counts no more.
    delay_d : (r,) float64
        From the end of the sample to the edit. [d]
    limit : float or None
        [unit of the channel]

    Returns
    -------
    score : (r,) float64
        0: the same again, or an empty value filled. Else 1, plus up to 2 for size, 1 for delay, and 2 if the edit
        ends an exceedance. [1]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.abs(after - before) / np.maximum(np.abs(before), 1e-12)
        emptied = np.isfinite(before) & ~np.isfinite(after)
        changed = (np.abs(after - before) > 1e-9 * np.maximum(np.abs(before), np.abs(after))) | emptied | flag_removed
        ended = (before > limit) & ~(after > limit) if limit is not None else np.zeros(before.shape, dtype=bool)
    grave = 1.0 + np.minimum(np.nan_to_num(size, nan=1.0) * 4, 2.0) + np.clip(delay_d, 0.0, 1.0) + 2.0 * ended
    return np.where(changed & (np.isfinite(before)), grave, 0.0)


DETECTOR = Detector(
    name="late_edit",
    fault="late_edit",
    runs_on="site",
    run=run,
    explanation=Text(
        en="{delay_h:.0f} h after its interval the row was sent again with another content: {was:.6g} became "
        "{became:.6g}",
        zh="该时段数据在 {delay_h:.0f} 小时后被重新上报且内容不同：{was:.6g} 变为 {became:.6g}",
    ),
    innocent_if=Text(
        en="a documented correction (failed calibration, wrong parameter) was reported to the authority before it "
        "was made",
        zh="若为经报备的数据修正（校准不合格、参数错误等），则可排除",
    ),
    floor=1.0,
    kind="exact",
    specificity=8,
    alternatives=("arithmetic_mismatch", "scaled"),
)
