from pathlib import Path

import pytest

from drivers.environment.hj212 import Edition, Message
from drivers.environment.hj212.encode import encode
from gateway.config import Hj212Settings
from gateway.errors import ConfigError
from gateway.station_keys import decoder_for, load_keys

MN = "010000A8900016F000169DC0"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sm4.keys"
    path.write_text(text)
    return path


def test_a_station_that_encrypts_is_read_with_its_new_and_its_old_key(tmp_path: Path) -> None:
    keys = load_keys(
        written(tmp_path, f"# station keys\n{MN} 1111222233334444 0000000000000000  # two\n\nB {'x' * 16}\n")
    )
    assert set(keys) == {MN, "B"}
    decoder = decoder_for(Hj212Settings(), keys)
    groups = ("DataTime=20240520210700", "a34013-Avg=15.1,a34013-Flag=N", "a21026-Avg=20.2,a21026-Flag=N")
    for key in (b"1111222233334444", b"0000000000000000"):
        [frame] = encode("2051", groups, mn=MN, st="31", qn="20240520210700000", edition=Edition.HJ2025, key=key)
        assert b"a34013" not in frame
        [message] = decoder.feed(frame)
        assert isinstance(message, Message)
        assert message.is_encrypted
        assert message.fields["a21026"] == {"Avg": "20.2", "Flag": "N"}


@pytest.mark.parametrize("text", [f"{MN}\n", f"{MN} short\n", f"A {'x' * 16}\n{MN} {'x' * 17}\n"])
def test_a_malformed_line_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"line {text.count(chr(10))} .*16 characters"):
        load_keys(written(tmp_path, text))


def test_no_file_means_no_keys() -> None:
    assert load_keys(None) == {}
