"""The two sentences of a finding, filled with its figures."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from analysis.detectors.interface import Text
from analysis.findings.episodes import Episode

_OPENING = Text(
    en="Suspected at {place}, {channels}, from {start} to {end}: ",
    zh="疑似异常：{place} {channels}，{start} 至 {end}：",
)
_ALL_OF_POINT = Text(en="all channels", zh="全部参数")
_ALL_OF_SITE = Text(en="the whole site", zh="全站")
_BETWEEN = Text(en=", ", zh="、")


def told(
    episode: Episode, figures: Mapping[str, float | str], *, start_s: float, end_s: float, zone: ZoneInfo
) -> tuple[dict[str, str], dict[str, str]]:
    """Explanation and innocent explanations, each by language."""
    target, detector = episode.target, episode.detector
    names: dict[str, float | str] = {
        **figures,
        "site": target.site,
        "point": target.point,
        "place": f"{target.site}/{target.point}" if target.point else target.site,
        "start": _local(start_s, zone),
        "end": _local(end_s, zone),
        "hours": (end_s - start_s) / 3600.0,
    }
    explanation, innocent_if = {}, {}
    for language in ("en", "zh"):
        every = getattr(_ALL_OF_POINT if target.point else _ALL_OF_SITE, language)
        names["channels"] = getattr(_BETWEEN, language).join(target.channels) or every
        opening, found = getattr(_OPENING, language), getattr(detector.explanation, language)
        explanation[language] = (opening + found).format_map(names)
        innocent_if[language] = getattr(detector.innocent_if, language).format_map(names)
    return explanation, innocent_if


def _local(seconds: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
