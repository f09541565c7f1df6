"""One falsification at one place: the window, the target, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.falsification.site import Truth
from tests.evaluation.second_source.noise import FloatArray
from tests.evaluation.second_source.plant import HOUR_S, Channel, Point, Site

DAY_S = 86400
CLASSES = {
    "I1": "stuck_value", "I2": "narrow_band", "I3": "synthetic_noise", "I4": "scaled", "I5": "offset", "I6": "capped",
    "I7": "clipped", "I8": "replayed", "I9": "copied_channel", "I10": "smoothed", "I11": "diluted_with_air",
    "I12": "diluted_with_zero_gas", "I13": "oxygen_tampered", "I14": "flow_coefficient_edited", "I15": "false_flag",
    "I16": "selective_gap", "I17": "treatment_off", "I18": "running_while_stopped", "I19": "arithmetic_mismatch",
    "I20": "late_edit",
}  # fmt: skip
LEVELS = ("L1", "L2", "L3", "L4")
GASES = ("so2", "nox", "co", "hcl", "particulate")
SAMPLED = ("cod", "nh3n", "tp", "tn")


class CannotPlace(ValueError):
    """The site has nothing that this falsification needs, or runs nowhere long enough."""


@dataclass(slots=True)
class Case:
    """A falsification to be put into `site` at `point`; `is_careful`: what is computed from the target follows."""

    rng: np.random.Generator
    site: Site
    point: Point
    injection: str
    level: str
    is_careful: bool

    @property
    def rank(self) -> int:
        return LEVELS.index(self.level)

    def measured(self) -> Channel:
        """A pollutant as its analyser measures it."""
        names = [n for n in (*GASES, *SAMPLED) if n in self.point.channels]
        return self.point.channels[str(self.rng.choice(names))]

    def target(self) -> Channel:
        """What is falsified: the analyser's channel, or now and then, when careless, one that is reported from it."""
        own = self.measured()
        reported = [c for c in self.point.channels.values() if own.id in c.sources and c.statistic != "cou"]
        reported = [c for c in reported if c.interval_s < DAY_S and c.exact.size]
        if not self.is_careful and reported and self.rng.random() < 0.4:
            return reported[int(self.rng.integers(len(reported)))]
        return own

    def place(self, channel: Channel, duration_h: float) -> slice:
        """A window of the judged period in which the channel is normal nine tenths of the time."""
        site = self.site
        seconds = min(duration_h * HOUR_S, (site.end_s - site.accepted_s) - 2.2 * DAY_S)
        best, share = slice(0, 0), 0.0
        for _ in range(40):
            begin = self.rng.uniform(site.accepted_s + DAY_S, site.end_s - seconds - DAY_S)
            begin = site.start_s + (begin - site.start_s) // channel.interval_s * channel.interval_s
            window = channel.window(site.start_s, begin, begin + max(seconds, channel.interval_s))
            normal = float(np.mean((channel.flags[window] == "N") & np.isfinite(channel.exact[window])))
            if normal > share:
                best, share = window, normal
            if share > 0.97:
                break
        if share < 0.75:
            raise CannotPlace(f"{self.site.id}: no window of {duration_h} h")
        return best

    def history(self, channel: Channel, before: int, *, days: float = 30) -> FloatArray:
        """The normal values of the days before."""
        span = slice(max(0, before - int(days * DAY_S / channel.interval_s)), before)
        values: FloatArray = channel.exact[span]
        normal: FloatArray = values[(channel.flags[span] == "N") & np.isfinite(values)]
        return normal

    def put(self, channel: Channel, window: slice, values: FloatArray | float) -> None:
        """Replace the normal values of the window."""
        new = np.broadcast_to(np.asarray(values, dtype=np.float64), channel.exact[window].shape)
        is_open = (channel.flags[window] == "N") & np.isfinite(channel.exact[window]) & np.isfinite(new)
        channel.exact[window] = np.where(is_open, new, channel.exact[window])

    def truth(
        self, changed: Sequence[Channel], window: slice, *, known_s: float = 0.0, also: Iterable[str] = ()
    ) -> Truth:
        """The label; when careful, what depends on the changed channels is computed anew and belongs to it."""
        names = [c.id for c in changed]
        if self.is_careful:
            below = [n for n in self.point.descendants(names) if n not in names]
            self.point.derive(below)
            names += below
        every = changed[0].interval_s
        return self.label(
            names, self.site.start_s + window.start * every, self.site.start_s + window.stop * every, known_s, also
        )

    def label(
        self, names: Sequence[str], start_s: float, end_s: float, known_s: float = 0.0, also: Iterable[str] = ()
    ) -> Truth:
        return Truth(
            site=self.site.id, point=self.point.id, channels=[f"{self.point.id}/{name}" for name in names],
            falsified=True, class_name=CLASSES[self.injection], injection=self.injection, level=self.level,
            variant="careful" if self.is_careful else "lazy", start_s=int(start_s), end_s=int(end_s),
            also=list(also), known_s=known_s,
        )  # fmt: skip
