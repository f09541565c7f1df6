"""I1 to I10: the values themselves are invented, moved, cut, copied or smoothed. Levels as in the catalogue."""

from __future__ import annotations

import numpy as np

from simulators.falsification.noise import FloatArray, autoregressive
from simulators.falsification.scene import Scene
from simulators.falsification.site import DAY_S, HOUR_S, Channel, grid_window


def hold_constant(scene: Scene) -> list[str]:
    """I1: one value for the whole interval."""
    scene.write(np.full(_n(scene), np.median(scene.history())))
    return []


def narrow_band(scene: Scene) -> list[str]:
    """I2: uniform within a share of the median; where rounding leaves one value it is a stuck value as well."""
    share = (0.002, 0.005, 0.02, 0.02)[scene.level]
    middle = float(np.median(scene.history()))
    scene.write(middle * (1 + scene.rng.uniform(-share, share, _n(scene))))
    return ["stuck_value"] if np.unique(scene.channel.values[scene.window][scene.normal()]).size == 1 else []


def synthetic_noise(scene: Scene) -> list[str]:
    """I3: noise drawn around the mean: white at 0.3 and 1 sigma, AR(1) with 0.5, AR(1) matched."""
    past = scene.history()
    mean, sigma = float(past.mean()), float(past.std())
    if scene.level < 2:
        noise = scene.rng.normal(0, (0.3, 1.0)[scene.level] * sigma, _n(scene))
    else:
        rho = 0.5 if scene.level == 2 else _rho(past)
        noise = autoregressive(scene.rng, _n(scene), tau=-1 / np.log(rho), sigma=sigma)
    scene.write(np.maximum(mean + noise, 0.0))
    return ["narrow_band"] if scene.level == 0 else []


def scale(scene: Scene) -> list[str]:
    """I4: a factor from one instant; at L4 0.9 at once or a ramp of 2 % a day. Before or after the rounding."""
    factor = np.full(_n(scene), (0.5, 0.7, 0.8, 0.9)[scene.level])
    if scene.level == 3 and scene.rng.random() < 0.5:
        factor = 1 - 0.02 * np.arange(_n(scene)) * scene.channel.interval_s / DAY_S
    _multiply(scene, factor)
    return []


def offset(scene: Scene) -> list[str]:
    """I5: a share of the median taken off; what falls below zero is reported as zero."""
    shift = (0.4, 0.2, 0.1, 0.05)[scene.level] * float(np.median(scene.history()))
    scene.write(np.maximum(scene.channel.exact[scene.window] - shift, 0.0))
    return []


def cap(scene: Scene) -> list[str]:
    """I6: values above a quantile of the month drawn again below it; at L4 from the month's own tail."""
    values = scene.channel.exact[scene.window].copy()
    own = values[scene.normal()]
    limit = float(np.quantile(own, (0.75, 0.9, 0.95, 0.98)[scene.level]))
    above = np.flatnonzero(values > limit)
    if scene.level == 3:
        pool = own[(own > np.quantile(own, 0.9)) & (own <= limit)]
    else:
        pool = scene.rng.uniform(0.85 * limit, limit, 400)
    values[above] = scene.rng.choice(pool if pool.size else np.array([limit]), above.size)
    scene.write(values)
    return ["clipped"] if scene.level == 3 else []


def clip(scene: Scene) -> list[str]:
    """I7: values above a quantile of the month reported as that quantile."""
    values = scene.channel.exact[scene.window]
    limit = float(np.quantile(values[scene.normal()], (0.8, 0.9, 0.97, 0.995)[scene.level]))
    scene.write(np.minimum(values, limit))
    return ["capped"]


def replay(scene: Scene) -> list[str]:
    """I8: an earlier window again: exact, exact or scaled, with 1 % noise, with 3 % from far back at the same hour."""
    site, channel = scene.site, scene.channel
    length = scene.hi_s - scene.lo_s
    days = [d for d in range(max(1, length // DAY_S + 1), 400) if scene.lo_s - d * DAY_S >= site.start_s]
    days = days[len(days) // 2 :] if scene.level == 3 else days
    back_s = int(scene.rng.choice(days)) * DAY_S if days else length
    if scene.level < 2 and scene.rng.random() < 0.4:
        back_s += int(scene.rng.integers(-6, 7)) * max(HOUR_S, channel.interval_s)
    back_s = min(back_s, scene.lo_s - site.start_s)
    factor = float(scene.rng.choice([1.0, 0.8, 0.9])) if scene.level == 1 else 1.0
    spread = (0.0, 0.0, 0.01, 0.03)[scene.level]
    targets = [channel]
    if scene.variant == "whole":
        targets = [c for c in scene.point.channels if c.formula is None]
    for target in targets:
        shift = back_s // target.interval_s
        window = scene.window_of(target)
        source = target.values[max(window.start - shift, 0) : max(window.stop - shift, 0)].copy()
        source = _bridged(source, _n(scene, target))
        if spread > 0.0:
            scene.write(source * (1 + scene.rng.normal(0, spread, source.size)), target)
        elif target is channel and factor != 1.0:
            scene.write(source * factor, target)
        else:
            scene.write_exactly(source, target)
    return []


def copy_channel(scene: Scene) -> list[str]:
    """I9: an affine image of temperature or flow with the target's own mean and spread; noise at L3 and L4."""
    names = ("stack_temperature", "flow_dry_standard", "flow", "water_temperature", "o2", "ph", "velocity")
    others = [
        c for name in names for c in scene.point.find(name) + scene.point.find(name, measured=False)
        if c.interval_s == scene.channel.interval_s or c.interval_s < scene.channel.interval_s
    ]  # fmt: skip
    source = others[int(scene.rng.integers(min(3, len(others))))]
    past = scene.history()
    course = _resampled(scene, source)
    course = (course - np.nanmean(course)) / max(float(np.nanstd(course)), 1e-9)
    image = float(past.mean()) + float(past.std()) * course
    spread = (0.0, 0.0, 0.02, 0.10)[scene.level]
    unit = float(past.std()) if scene.rng.random() < 0.5 else np.abs(image)
    image = image + spread * unit * scene.rng.normal(0, 1, image.size)
    scene.write(np.maximum(_bridged(image, _n(scene)), 0.0))
    return []


def smooth(scene: Scene) -> list[str]:
    """I10: a moving mean over 24, 6 or 3 samples; at L4 every second value is held."""
    values = _bridged(scene.channel.exact[scene.window].copy(), _n(scene))
    if scene.level == 3:
        scene.write(np.repeat(values[::2], 2)[: values.size])
        return []
    width = (24, 6, 3)[scene.level]
    padded = np.concatenate([np.full(width - 1, values[0]), values])
    scene.write(np.convolve(padded, np.full(width, 1 / width), "valid"))
    return ["narrow_band"] if scene.level == 0 else []


def _n(scene: Scene, channel: Channel | None = None) -> int:
    window = scene.window_of(channel or scene.channel)
    return int(window.stop - window.start)


def _rho(values: FloatArray) -> float:
    centred = values - values.mean()
    total = float((centred * centred).sum())
    if total <= 0.0:
        return 0.5
    return min(max(float((centred[1:] * centred[:-1]).sum()) / total, 0.05), 0.98)


def _multiply(scene: Scene, factor: FloatArray) -> None:
    if scene.rng.random() < 0.5:
        scene.write(scene.channel.exact[scene.window] * factor)
        return
    # after the rounding: the logger multiplies what the analyser showed and rounds to its own finer or equal step
    finer = scene.channel.step / float(scene.rng.choice([1, 10]))
    scene.write_exactly(np.round(np.round(scene.channel.values[scene.window] * factor / finer) * finer, 9))


def _bridged(values: FloatArray, n: int) -> FloatArray:
    """`values` without gaps and of the length n: a forger leaves no holes."""
    if values.size != n or not np.isfinite(values).any():
        values = np.resize(values, n) if values.size else np.zeros(n)
    good = np.isfinite(values)
    if not good.any():
        return np.zeros(n)
    return np.where(good, values, np.interp(np.arange(n), np.flatnonzero(good), values[good]))


def _resampled(scene: Scene, source: Channel) -> FloatArray:
    """The source on the grid of the target, means of shorter intervals."""
    target = scene.window
    ratio = scene.channel.interval_s // source.interval_s
    window = grid_window(source, scene.site.start_s, scene.lo_s, scene.hi_s)
    values = _bridged(source.values[window].copy(), (target.stop - target.start) * ratio)
    return np.asarray(values.reshape(-1, ratio).mean(axis=1))
