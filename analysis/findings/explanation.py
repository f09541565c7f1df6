"""The two sentences of a finding, filled with its figures."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from analysis.detectors.interface import Text
from analysis.findings.episodes import Episode

_OPENING = Text(
    en="Suspected at {site}/{point}, {channels}, from {start} to {end}: ",
    zh="疑似异常：{site}/{point} 的 {channels}，{start} 至 {end}：",
)


def told(
    episode: Episode, figures: Mapping[str, float | str], *, start_s: float, end_s: float, zone: ZoneInfo
) -> tuple[dict[str, str], dict[str, str]]:
    """Explanation and innocent explanations, each by language."""
    names: dict[str, float | str] = {
        **figures,
        "site": episode.target.site,
        "point": episode.target.point,
        "channels": ", ".join(episode.target.channels),
        "start": _local(start_s, zone),
        "end": _local(end_s, zone),
        "hours": (end_s - start_s) / 3600.0,
    }
    detector = episode.detector
    return (
        {
            language: _filled(getattr(_OPENING, language) + getattr(detector.explanation, language), names)
            for language in ("en", "zh")
        },
        {language: _filled(getattr(detector.innocent_if, language), names) for language in ("en", "zh")},
    )


def _filled(template: str, names: dict[str, float | str]) -> str:
    return template.format_map(names)


def _local(seconds: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
