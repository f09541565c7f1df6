"""The manual names every metric, and every setting and command that it mentions exists."""

import re
from pathlib import Path

from gateway import config
from gateway.cli import COMMANDS
from gateway.metrics import Metrics

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
VIEWS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway/storage/views").glob("*.sql"))


def test_every_metric_is_in_the_table_and_every_metric_of_the_table_exists():
    ours = {family.name for family in Metrics().registry.collect()}
    listed = set(re.findall(r"(?m)^\| `(gateway_\w+)` \|", MANUAL))
    assert listed == ours


def test_every_view_that_the_manual_mentions_exists():
    mentioned = set(re.findall(r"\bv_\w+", MANUAL))
    made = set(re.findall(r"VIEW (v_\w+)", VIEWS))
    assert len(mentioned) > 5
    assert mentioned <= made


def test_every_command_that_the_manual_shows_exists():
    shown = set(re.findall(r"(?m)(?:bin/|^    |`)gateway ([a-z][a-z-]+)", MANUAL))
    assert {"init", "check-config", "dead-letter", "migrate"} <= shown
    assert shown <= set(COMMANDS)


def test_every_setting_that_the_manual_shows_exists():
    known = set()
    for section in vars(config).values():
        if isinstance(section, type) and issubclass(section, config.Section):
            known |= set(section.model_fields)
    shown = set(re.findall(r"`(\w+) = [\w\"]", MANUAL)) - {"received"}
    shown |= {"drain_s", "max_mib", "fetch_gaps", "fetch_gaps_days", "oldest_days", "newest_minutes", "calibrate_clock"}
    shown |= {"allow_networks", "observation_days", "raw_frame_days"}
    assert all(f"`{name}" in MANUAL for name in shown)
    assert shown <= known
