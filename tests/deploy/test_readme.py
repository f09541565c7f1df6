"""What the front pages claim: every command, target, file and module that they name exists."""

import re
from pathlib import Path

import pytest

from gateway.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "README.zh-CN.md")


@pytest.fixture(params=PAGES)
def page(request):
    return (ROOT / request.param).read_text(encoding="utf-8")


def test_the_first_screen_has_the_two_commands_and_the_picture(page):
    first_screen = page.splitlines()[:25]
    assert any(line.strip().startswith("make demo") for line in first_screen)
    assert any(line.strip().startswith("make test") for line in first_screen)
    assert sum(line.startswith("```") for line in first_screen) == 2


def test_every_make_target_exists(page):
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(re.findall(r"(?m)(?:^    |`)make ([a-z-]+)", page))
    assert {"demo", "test", "setup", "check"} <= named <= targets


def test_every_gateway_command_exists(page):
    named = set(re.findall(r"bin/gateway ([a-z-]+)", page))
    assert {"init", "run", "decode"} <= named <= set(COMMANDS)


def test_every_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) >= 6
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_simulator_exists(page):
    for name in re.findall(r"python -m ([a-z.]+)", page):
        folder = ROOT / name.replace(".", "/")
        assert (folder / "__main__.py").is_file(), name


def test_both_languages_have_the_same_sections_and_commands():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in PAGES)
    for pattern in (r"(?m)^    (\.venv/bin/gateway [a-z-]+|make [a-z]+)", r"(?m)^(##) ", r"`(make [a-z]+)`"):
        assert re.findall(pattern, english) == re.findall(pattern, chinese)


def test_the_changelog_has_the_version_that_the_program_has():
    version = re.search(r'(?m)^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")).group(1)
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
