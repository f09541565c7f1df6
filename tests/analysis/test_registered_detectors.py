import string
from pathlib import Path

import pytest

from analysis.detectors import CLASSES, Detector, registered

ROOT = Path(__file__).resolve().parents[2]


def test_every_falsification_class_has_a_detector() -> None:
    alternatives = {name for detector in registered() for name in (detector.fault, *detector.alternatives)}
    assert set(CLASSES) <= alternatives


@pytest.mark.parametrize("detector", registered(), ids=lambda detector: detector.name)
def test_a_detector_is_tested_documented_and_names_known_classes(detector: Detector) -> None:
    assert (ROOT / "tests" / "analysis" / f"test_{detector.name}.py").is_file()
    assert f"| `{detector.name}` |" in (ROOT / "docs" / "analysis.md").read_text()
    assert {detector.fault, *detector.alternatives} <= set(CLASSES)


@pytest.mark.parametrize("detector", registered(), ids=lambda detector: detector.name)
def test_both_languages_quote_the_same_kind_of_thing(detector: Detector) -> None:
    for text in (detector.explanation, detector.innocent_if):
        assert text.en
        assert any("\u4e00" <= letter <= "\u9fff" for letter in text.zh)
        assert "falsified" not in text.en
        for sentence in (text.en, text.zh):
            list(string.Formatter().parse(sentence))
