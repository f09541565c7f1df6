"""I11 to I14: the sample or its conversion is tampered with, so that several channels move by one law."""

from __future__ import annotations

import numpy as np

from simulators.falsification.aggregates import POLLUTANTS
from simulators.falsification.scene import Scene
from simulators.falsification.site import Channel

DILUTED = (POLLUTANTS | {"no", "no2", "co2"}) - {"particulate"}  # dust is measured in the duct, not in the line


def dilute_with_air(scene: Scene) -> list[str]:
    """I11: all gases and (21 - O) by one factor; `duct`: humidity too, `line`: humidity is measured elsewhere."""
    keep = 1 - _share(scene)
    _dilute_gases(scene, keep)
    oxygen = _oxygen(scene)
    scene.write(20.9 - (20.9 - oxygen.exact[scene.window_of(oxygen)]) * keep, oxygen)
    if scene.variant == "duct":
        for humidity in scene.point.find("humidity"):
            scene.write(humidity.exact[scene.window_of(humidity)] * keep, humidity)
    return []


def dilute_with_zero_gas(scene: Scene) -> list[str]:
    """I12: nitrogen: all gases and the oxygen itself by one factor."""
    keep = 1 - _share(scene)
    _dilute_gases(scene, keep)
    oxygen = _oxygen(scene)
    scene.write(oxygen.exact[scene.window_of(oxygen)] * keep, oxygen)
    return []


def pull_oxygen(scene: Scene) -> list[str]:
    """I13: the oxygen reads low, so that the converted values fall."""
    oxygen = _oxygen(scene)
    low = oxygen.exact[scene.window_of(oxygen)] - (3.0, 1.5, 0.8, 0.4)[scene.level]
    scene.write(np.maximum(low, 0.5), oxygen)
    return []


def edit_flow(scene: Scene) -> list[str]:
    """I14: `coefficient`: the flow by a factor, velocity as it was; `velocity`: velocity too; `lazy`: flow only."""
    factor = (0.5, 0.7, 0.85, 0.93)[scene.level]
    velocity = scene.point.find("velocity")
    if scene.variant == "velocity" and velocity and scene.channel.formula is not None:
        scene.write(velocity[0].exact[scene.window_of(velocity[0])] * factor, velocity[0])
        return ["scaled"]
    scene.write(scene.channel.exact[scene.window] * factor)
    return ["scaled"] if scene.channel.formula is None else []


def _share(scene: Scene) -> float:
    return (0.5, 0.3, 0.15, 0.08)[scene.level]


def _dilute_gases(scene: Scene, keep: float) -> None:
    for channel in scene.point.channels:
        if channel.quantity in DILUTED and channel.formula is None and channel.statistic != "cou":
            scene.write(channel.exact[scene.window_of(channel)] * keep, channel)


def _oxygen(scene: Scene) -> Channel:
    return min(scene.point.find("o2"), key=lambda channel: channel.interval_s)
