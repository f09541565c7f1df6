"""Mosquitto's configuration file against the promise: what cannot be seen from outside."""

from pathlib import Path

from gateway.doctor.finding import Finding, Grade


def check_broker_file(path: Path) -> list[Finding]:
    """Read a mosquitto.conf; the last value of a key counts, as it does for Mosquitto's global settings."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        return [Finding(Grade.UNKNOWN, str(path), f"cannot be read: {error.strerror}")]
    given: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key and not key.startswith("#"):
            given[key] = value.strip()
    if "persist_sqlite" in given.get("plugin", "") or "plugin_opt_flush_period" in given:
        return [_sqlite(given), *_common(given)]
    return [_persistence(given), _autosave(given), *_common(given)]


def _sqlite(given: dict[str, str]) -> Finding:
    period = given.get("plugin_opt_flush_period", "5")
    if period == "0":
        return Finding(Grade.GOOD, "broker persistence", "SQLite, flushed before the acknowledgement")
    return Finding(
        Grade.BAD,
        "broker persistence",
        f"SQLite, flushed every {period} s",
        "plugin_opt_flush_period 0, plugin_opt_sync full",
    )


def _persistence(given: dict[str, str]) -> Finding:
    if given.get("persistence") == "true":
        return Finding(Grade.GOOD, "broker persistence", "true")
    return Finding(Grade.BAD, "broker persistence", "false: a restart forgets sessions and queues", "persistence true")


def _autosave(given: dict[str, str]) -> Finding:
    interval = given.get("autosave_interval", "1800")
    what = "broker autosave"
    if given.get("autosave_on_changes") == "true":
        text = f"the whole file after every {interval} changes: unusably slow with a queue"
        return Finding(Grade.WARNING, what, text, "autosave_on_changes false, autosave_interval 1")
    if interval.isdigit() and 0 < int(interval) <= 5:
        text = f"every {interval} s: a crash may lose what was acknowledged since and not taken yet"
        return Finding(Grade.WARNING, what, text, "none in Mosquitto 2.0; 2.1 with persist-sqlite and flush period 0")
    return Finding(Grade.BAD, what, f"every {interval} s (0: never)", "autosave_interval 1")


def _common(given: dict[str, str]) -> list[Finding]:
    checks = (
        ("max_queued_messages", "1000", lambda value: value == "0", "max_queued_messages 0"),
        (
            "max_inflight_messages",
            "20",
            lambda value: int(value) == 0 or int(value) >= 1000,
            "max_inflight_messages 2000",
        ),
        ("allow_anonymous", "false", lambda value: value == "false", "allow_anonymous false"),
        ("use_username_as_clientid", "false", lambda value: value == "true", "use_username_as_clientid true"),
    )
    found = []
    for key, default, is_good, change in checks:
        value = given.get(key, default)
        try:
            good = is_good(value)
        except ValueError:
            good = False
        found.append(Finding(Grade.GOOD if good else Grade.BAD, f"broker {key}", value, "" if good else change))
    missing = [key for key in ("password_file", "acl_file") if key not in given]
    return found + [Finding(Grade.BAD, f"broker {key}", "none", f"{key} of gateway device") for key in missing]
