"""Every figure that a rule gives has words in both languages, and they say it right."""

import re
from pathlib import Path

import pytest

import analysis
from gateway.facilities.alerting import charge_of
from gateway.facilities.wording import WORDS, chinese, english

RULES = sorted(Path(analysis.__file__).parent.glob("facility_*.py"))
MARKS = {"is_start", "is_lost", "is_negative", "is_identical"}
PHASES = {f"{name}_{phase}_{unit}" for name, unit in (("current", "a"), ("power", "kw")) for phase in "abc"}


def test_every_figure_of_the_rules_has_words() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in RULES)
    units = {"s", "kw", "kwh", "v", "ratio", "share", "emission", "most", "up", "factor", "ui"}
    named = {name for name in re.findall(r'"([a-z_]+)":', text) if name.rsplit("_", 1)[-1] in units}
    assert len(named) > 20
    assert named - MARKS <= WORDS.keys()
    assert WORDS.keys() - named <= PHASES | {"required_lead_s", "required_lag_s"}  # made of parts


def test_figures_are_told_in_the_units_that_people_use() -> None:
    figures = {"duration_s": 3540.0, "production_kw": 60.123, "treatment_kw": 0.05, "is_start": 1.0}
    assert english(figures) == "for 59 min, production 60.12 kW, treatment 0.05 kW"
    assert chinese(figures) == "持续 59 分钟，生产功率 60.12 kW，治理功率 0.05 kW"
    assert english({"share": 0.925, "allowed_share": 0.5}) == "92.5 % of the baseline, 50 % allowed"
    assert chinese({"current_b_a": 3.0}) == "B 相电流 3 A"


@pytest.mark.parametrize(
    ("figures", "fault", "accuses"),
    [({"is_lost": 1.0}, "instrument_fault", False), ({"is_identical": 1.0}, "copied_channel", True)],
)
def test_three_phases_that_are_one_are_copied_and_a_lost_one_is_a_fault(
    figures: dict[str, float], fault: str, accuses: bool
) -> None:
    charge = charge_of("P9", figures)
    assert (charge.fault, charge.accuses) == (fault, accuses)
