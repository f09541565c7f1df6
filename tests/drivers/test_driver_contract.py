"""What holds for every driver that is registered, and that each has its own tests and its line in the README."""

import re
from pathlib import Path

import pytest

from drivers import Driver, drivers
from drivers.testing import check_decoder

ROOT = Path(__file__).parents[2]
DRIVERS = list(drivers().values())


def test_there_are_drivers() -> None:
    assert "hj212" in drivers()


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_driver_passes_the_shared_checks(driver: Driver) -> None:
    check_decoder(driver, driver.examples)


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_driver_has_tests_of_its_own(driver: Driver) -> None:
    module = driver.decoder.__module__
    package = module.rpartition(".")[0]
    tests = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    named = re.compile(rf"^(?:from|import) (?:{re.escape(module)}|{re.escape(package)})\b", re.MULTILINE)
    assert any(named.search(path.read_text(encoding="utf-8")) for path in tests), f"no test imports {module}"


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
def test_driver_is_in_the_readme(driver: Driver) -> None:
    text = (ROOT / "drivers" / "README.md").read_text(encoding="utf-8")
    assert f"| `{driver.name}` |" in text, f"drivers/README.md does not list {driver.name}"


def test_readme_lists_only_drivers_that_there_are() -> None:
    text = (ROOT / "drivers" / "README.md").read_text(encoding="utf-8")
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert listed == set(drivers())
