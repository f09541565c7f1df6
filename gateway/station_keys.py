"""SM4 keys of HJ 212-2025 stations, from a file: `MN key [older key …]`, a line each, # for comments.

Older keys stay for a while: a key changes every 90 days at the latest (HJ 212-2025 §6.4), and frames sent before the
change may come after it.
"""

from pathlib import Path

from drivers.environment.hj212 import Decoder, Profiles
from gateway.config import Hj212Settings
from gateway.errors import ConfigError

KEY_BYTES = 16

StationKeys = dict[str, tuple[bytes, ...]]


def load_keys(path: Path | None) -> StationKeys:
    """Keys by MN, newest first; none where there is no file.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a line is not of the form it must have.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(error), file=str(path), key="keys_file", expected="a readable text file") from error
    keys: StationKeys = {}
    for number, line in enumerate(lines, 1):
        mn, *texts = line.partition("#")[0].split() or [""]
        if not mn:
            continue
        if not texts or any(len(text) != KEY_BYTES for text in texts):
            expected = f"MN and keys of {KEY_BYTES} characters each"
            raise ConfigError(f"line {number} is not", file=str(path), key="keys_file", expected=expected)
        keys[mn] = tuple(text.encode() for text in texts)
    return keys


def decoder_for(settings: Hj212Settings, keys: StationKeys, *, profiles: Profiles | None = None) -> Decoder:
    """A decoder with a port's settings."""
    return Decoder(
        utc_offset_s=settings.utc_offset_minutes * 60,
        minute_interval_s=settings.minute_interval_s,
        keys=(lambda mn: keys.get(mn, ())) if keys else None,
        profiles=profiles,
    )
