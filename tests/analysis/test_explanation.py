"""What a finding says, for a channel, a point and a whole site."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from analysis.calibration import Exceedances
from analysis.detectors.interface import Target
from analysis.detectors.network_outage import DETECTOR
from analysis.findings import episodes
from analysis.findings.explanation import told


@pytest.mark.parametrize(
    ("point", "channels", "en", "zh"),
    [
        ("A1", ("so2", "nox"), "Suspected at S1/A1, so2, nox, from 1970-01-01", "疑似异常：S1/A1 so2、nox，1970-01-01"),
        ("A1", (), "Suspected at S1/A1, all channels, from 1970-01-01", "疑似异常：S1/A1 全部参数，1970-01-01"),
        ("", (), "Suspected at S1, the whole site, from 1970-01-01", "疑似异常：S1 全站，1970-01-01"),
    ],
)
def test_the_place_is_named_in_both_languages(point: str, channels: tuple[str, ...], en: str, zh: str) -> None:
    one, figures = np.ones(1), {"score": 5.0, "shared": 1.0}
    part = Exceedances(
        target=Target("S1", point, channels),
        fault=DETECTOR.fault,
        stream="",
        start_s=0 * one,
        end_s=7200 * one,
        available_s=7200 * one,
        expected=0.1 * one,
        score=2 * one,
        threshold=1.0,
        accepted=np.zeros(1, dtype=np.bool_),
        reference_blocks=100,
        evidence={},
    )
    (episode,) = episodes(DETECTOR, [part])
    explanation, innocent_if = told(episode, figures, start_s=0.0, end_s=7200.0, zone=ZoneInfo("Asia/Shanghai"))
    assert explanation["en"].startswith(en)
    assert explanation["zh"].startswith(zh)
    assert "5 h in a row" in explanation["en"]
    assert set(innocent_if) == {"en", "zh"}
