"""What a detector is, and what it returns.

A detector scores windows and quotes the figures; it knows no p-value, no budget, no finding. A higher score is more
suspect, NaN says that it cannot tell; a score is 0 or less where things are as usual, and need not be cut at 0. The
shared path compares it with the same stream's scores in accepted history: choose a scale on which honest scores have a
tail like a normal distribution's (a log ratio, a z-score) or like log odds; not a ratio that can explode.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from analysis.model.arrays import AnyArray, Floats, Ints
from analysis.model.block import SeriesBlock
from analysis.model.site import SiteData

INNOCENT = frozenset({"instrument_fault", "process_change", "network_outage"})
CLASSES = [
    "stuck_value",
    "narrow_band",
    "synthetic_noise",
    "scaled",
    "offset",
    "capped",
    "clipped",
    "replayed",
    "copied_channel",
    "smoothed",
    "diluted_with_air",
    "diluted_with_zero_gas",
    "oxygen_tampered",
    "flow_coefficient_edited",
    "false_flag",
    "selective_gap",
    "treatment_off",
    "running_while_stopped",
    "arithmetic_mismatch",
    "late_edit",
    "parameter_edited",
    "instrument_fault",
    "process_change",
    "network_outage",
]


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a row of scores would accuse: channels of one point."""

    site: str
    point: str
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Scores:
    """Scores of windows: one row a target, one column a window, windows in order of their ends.

    targets : n_rows of them, no two rows of one `Scores` alike
    interval_s, start_s : the time base of the indices below: sample i starts at start_s + i·interval_s [s, UTC]
    ends : (n_windows,) int64, one past the last sample that the window used; not decreasing. Nothing after it was
        looked at
    starts : (n_rows, n_windows) int64, the first sample accused if the window is
    scores : (n_rows, n_windows) float64, ≥ 0, NaN where it cannot tell
    available : (n_rows, n_windows) float64, when all that was used had come [s, UTC]; not decreasing along a row
    n_accepted : (n_rows,) int64, samples of accepted history: windows that end within it are the reference
    evidence : name → (n_rows, n_windows) float64 or text, figures and names that the explanation quotes
    stream : tells streams of one detector apart, such as "24h"; part of no finding
    fault : another class than the detector's own, where one run names several
    """

    targets: tuple[Target, ...]
    interval_s: int
    start_s: int
    ends: Ints
    starts: Ints
    scores: Floats
    available: Floats
    n_accepted: Ints
    evidence: dict[str, AnyArray] = field(default_factory=dict)
    stream: str = ""
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in two languages; `{name}` takes a figure of the evidence, `{name:.2g}` formats it."""

    en: str
    zh: str


@dataclass(frozen=True)
class Detector:
    """A registered detector.

    name : the fault that it finds, its file's name
    fault : the class of its findings, one of `CLASSES`
    runs_on : "block": `run(SeriesBlock)` over series of many sites at once; "site": `run(SiteData)` for one site
    needs : for a block detector, whether a channel is worth looking at (called once a channel)
    floor : a score below it is never a finding, whatever the history
    kind : "calibrated": threshold from accepted history and the budget. "exact": any score ≥ `floor` is a finding,
        unless accepted history shows the same (then only what exceeds it is): for contradictions that honest data
        cannot show
    tail : how honest scores fall off: "normal" for log ratios and z-scores, "odds" for log likelihood ratios in nats
        against an honest model (0: as likely as its rival), "exponential" for scores with many ties
    least_scale : the spread of honest scores is never taken as smaller; a tenth of `floor` unless given.
    share : weight in the budget against the other calibrated detectors
    believed : of what its tail claims beyond the reach of history, the share of the nats that is believed; that of the
        kind of tail unless given
    honest_at_floor : of an exact detector, how many findings just at the floor honest data are taken to show a month;
        at twice the floor none are
    specificity : between overlapping findings the higher one names the class (0 general … 9 proof)
    alternatives : other classes that would show the same, likeliest first
    """

    name: str
    fault: str
    runs_on: Literal["block", "site"]
    run: Callable[[SeriesBlock], list[Scores]] | Callable[[SiteData], list[Scores]]
    explanation: Text
    innocent_if: Text
    floor: float
    kind: Literal["calibrated", "exact"] = "calibrated"
    tail: Literal["normal", "exponential", "odds"] = "normal"
    least_scale: float | None = None
    needs: Callable[..., bool] | None = None
    share: float = 1.0
    believed: float | None = None
    honest_at_floor: float = 1e-6
    specificity: int = 5
    alternatives: tuple[str, ...] = ()
    version: str = "1"
