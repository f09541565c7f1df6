from __future__ import annotations

import numpy as np
import pytest

from analysis.detectors.arithmetic_mismatch import culprits, run_contradicted
from analysis.detectors.disagreement import PATTERNS, describe
from tests.analysis import naive_relations as naive
from tests.analysis.plant import derived_values, honest_site, honest_values, make_site

ACCEPTED, FIRST, LAST = 2160, 2500, 2740


def classes_of(values: dict[str, np.ndarray]) -> dict[tuple[str, str], int]:
    """(accused channel, class) → hours."""
    site = make_site(values, accepted=ACCEPTED)
    return {
        (one.targets[0].channels[0], one.fault or ""): int((one.scores >= 1).sum()) for one in run_contradicted(site)
    }


def with_altered(name: str, change, *, last: int = LAST) -> dict[str, np.ndarray]:
    raw = honest_values()
    values = raw | derived_values(raw)
    values[name] = values[name].copy()
    values[name][FIRST:last] = change(values[name][FIRST:last])
    return values


def test_culprits_agree_with_the_plain_loop() -> None:
    rng = np.random.default_rng(4)
    available = rng.random((3, 200)) > 0.2
    broken = available & (rng.random((3, 200)) > 0.6)
    taking_part = rng.random((5, 3)) > 0.4
    found = culprits(broken, available, taking_part)
    assert found.tolist() == naive.culprits(broken.tolist(), available.tolist(), taking_part.tolist())


def test_the_channel_in_all_broken_identities_and_no_intact_one_is_meant() -> None:
    # identities: converted (nox, o2), mass (nox, flow); columns: nox altered, converted altered, both outputs intact
    broken = np.array([[True, True, False], [True, False, False]])
    taking_part = np.array([[True, True], [True, False], [False, True]])  # nox, o2, flow
    assert culprits(broken, np.ones((2, 3), dtype=bool), taking_part).tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, False],
    ]


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda x: 0.7 * x, "scaled"),
        (lambda x: x - 15, "offset"),
        (lambda x: np.full_like(x, 70.0), "stuck_value"),
        (lambda x: 70 + 0.05 * (x - 70), "narrow_band"),
        (lambda x: np.minimum(x, 85.0), "clipped"),
    ],
)
def test_the_manner_is_read_off_the_honest_values(change, pattern: str) -> None:
    rng = np.random.default_rng(1)
    implied = np.round(75 + 8 * np.sin(np.arange(300) / 9) + rng.normal(0, 2, 300), 2)
    reported = np.where(np.arange(300) < 100, implied, np.round(change(implied), 2))
    found = describe(reported, implied, broken=np.abs(reported - implied) > 0.01, step=0.01)
    assert PATTERNS[found.code[260]] == pattern
    assert not found.code[:100].any()


@pytest.mark.parametrize(
    ("name", "change", "last", "expected"),
    [
        ("nox", lambda x: np.round(0.7 * x, 2), LAST, ("nox", "scaled")),
        ("nox", lambda x: np.round(x - 15, 2), LAST, ("nox", "offset")),
        ("nox", lambda x: np.full_like(x, 70.0), FIRST + 24, ("nox", "stuck_value")),
        ("o2", lambda x: x - 1.5, LAST, ("o2", "oxygen_tampered")),
        ("o2", lambda x: x - 0.4, LAST, ("o2", "oxygen_tampered")),
        ("flow", lambda x: np.round(0.7 * x), LAST, ("flow", "flow_coefficient_edited")),
        ("velocity", lambda x: np.round(0.85 * x, 2), LAST, ("velocity", "flow_coefficient_edited")),
        ("nox_zs", lambda x: np.round(0.6 * x, 2), LAST, ("nox_zs", "scaled")),
    ],
)
def test_an_altered_channel_whose_derived_channels_were_left_is_found_and_named(name, change, last, expected) -> None:
    found = classes_of(with_altered(name, change, last=last))
    assert expected in found
    # the manner shows from the third hour on
    assert found[expected] >= last - FIRST - 6
    assert sum(found.values()) - found[expected] <= 6


def test_a_slight_error_of_a_derived_channel_stays_an_arithmetic_error() -> None:
    assert sum(classes_of(with_altered("nox_zs", lambda x: np.round(0.98 * x, 2))).values()) == 0


def test_two_altered_channels_have_no_single_culprit() -> None:
    values = with_altered("nox_zs", lambda x: np.round(0.6 * x, 2))
    values["nox_mass"] = values["nox_mass"].copy()
    values["nox_mass"][FIRST:LAST] *= 0.8
    assert ("o2", "oxygen_tampered") not in classes_of(values)


def test_honest_data_contradict_nothing() -> None:
    assert run_contradicted(honest_site(accepted=ACCEPTED)) == []
