import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config import Config, load
from gateway.errors import ConfigError

OPTIONAL = r"^(\w+_days = (1826|3652)|keys_file).*$"  # shown with a value, absent by default
DEFAULT = (files("gateway") / "default.toml").read_text(encoding="utf-8")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_written_default_is_the_default(tmp_path: Path) -> None:
    config = load(written(tmp_path, DEFAULT))
    assert config == Config(hj212=config.hj212)
    uncommented = re.sub(r"^# (\w+ = .*)$", r"\1", DEFAULT, flags=re.MULTILINE)
    assert "observation_days" in uncommented
    shown = load(written(tmp_path, re.sub(OPTIONAL, "", uncommented, flags=re.MULTILINE)))
    assert shown == config


def test_every_setting_of_the_service_stands_in_the_written_default() -> None:
    tables = tomllib.loads(re.sub(r"^# (\w+ = .*)$", r"\1", DEFAULT, flags=re.MULTILINE))
    for name in ("gateway", "database", "retention", "intake", "spool", "admin", "detection", "alerts"):
        section = Config.model_fields[name].annotation
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        assert set(section.model_fields) == set(tables[name])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[admin]\nport = 99999", ["admin.port", "65535", "99999"]),
        ("[admin]\nprot = 1", ["admin.prot", "no such key"]),
        ("[[hj212]]\nunknown_device = 'maybe'", ["hj212.0.unknown_device", "quarantine"]),
        ("[[hj212]]\nallow_networks = ['10.0.0.300/8']", ["hj212.0.allow_networks", "10.0.0.300"]),
        ("[[hj212]]\n[[hj212]]", ["name", "used twice"]),
        ("[database]\ndsn = 'env:NO_SUCH_VARIABLE'", ["database.dsn", "NO_SUCH_VARIABLE", "not set"]),
        ("[database]\ndsn = 'file:/no/such/file'", ["database.dsn", "/no/such/file"]),
        ("[gateway\n", ["TOML"]),
    ],
)
def test_a_mistake_is_named_with_file_key_and_what_was_expected(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


def test_secrets_come_from_environment_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_DSN", "postgresql://one")
    assert load(written(tmp_path, "[database]\ndsn = 'env:THE_DSN'")).database.dsn == "postgresql://one"
    (tmp_path / "dsn").write_text("postgresql://two\n")
    assert load(written(tmp_path, f"[database]\ndsn = 'file:{tmp_path}/dsn'")).database.dsn == "postgresql://two"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")


def test_the_serial_example_of_the_written_default_is_a_valid_one(tmp_path: Path) -> None:
    example = DEFAULT[DEFAULT.index("# [[serial]]") :].split("\n\n")[0]
    config = load(written(tmp_path, re.sub(r"^# ?", "", example, flags=re.MULTILINE)))
    assert [device.name for device in config.serial[0].device] == ["P1", "P2"]
    assert config.serial[0].device[0].ratio[0].current == 40
