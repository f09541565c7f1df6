"""Requests to HJ 212 devices as plain data, so that they can wait in the database: {"kind": "history", …}."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from drivers.environment.hj212 import Edition, requests
from drivers.environment.hj212.exchange import Result
from drivers.environment.hj212.requests import Request
from drivers.environment.hj212.times import CHINA_OFFSET_S, iso
from drivers.errors import EncodeError

_HISTORY = {"minute": "2051", "hour": "2061", "day": "2031", "running_time": "2041"}


def _moment_us(text: str) -> int:
    """ISO 8601; without an offset, China Standard Time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone(timedelta(seconds=CHINA_OFFSET_S)))
    return round(moment.timestamp() * 1e6)


def _history(data: dict[str, Any]) -> Request:
    interval = str(data["interval"])
    if interval not in _HISTORY:
        raise EncodeError(f"history of {interval!r} is not kept by devices; there is {', '.join(_HISTORY)}")
    return requests.history(_HISTORY[interval], _moment_us(str(data["begin"])), _moment_us(str(data["end"])))


KINDS: dict[str, Callable[[dict[str, Any], int, Edition], Request]] = {
    "get_clock": lambda data, now_us, edition: requests.get_clock(str(data.get("pol_id", ""))),
    "set_clock": lambda data, now_us, edition: requests.set_clock(now_us, str(data.get("pol_id", ""))),
    "get_real_time_interval": lambda data, now_us, edition: requests.get_real_time_interval(),
    "set_real_time_interval": lambda data, now_us, edition: requests.set_real_time_interval(int(data["seconds"])),
    "get_minute_interval": lambda data, now_us, edition: requests.get_minute_interval(),
    "set_minute_interval": lambda data, now_us, edition: requests.set_minute_interval(int(data["minutes"])),
    "set_timeout": lambda data, now_us, edition: requests.set_timeout(int(data["seconds"]), int(data["retries"])),
    "start_real_time": lambda data, now_us, edition: requests.start_real_time(),
    "stop_real_time": lambda data, now_us, edition: requests.stop_real_time(),
    "start_facility_state": lambda data, now_us, edition: requests.start_facility_state(),
    "stop_facility_state": lambda data, now_us, edition: requests.stop_facility_state(),
    "history": lambda data, now_us, edition: _history(data),
    "get_serial": lambda data, now_us, edition: requests.get_serial(str(data["pol_id"])),
    "get_information": lambda data, now_us, edition: requests.get_information(
        str(data["pol_id"]), str(data["info_id"])
    ),
    "get_log": lambda data, now_us, edition: requests.get_log(
        str(data["pol_id"]), str(data["info_id"]), _moment_us(str(data["begin"])), _moment_us(str(data["end"]))
    ),
    "keep_sample": lambda data, now_us, edition: requests.keep_sample(edition),
}
"""What may be asked. What would change an instrument is not among them, and the encoder would refuse it."""


def request_of(data: dict[str, Any], *, now_us: int, edition: Edition) -> Request:
    """The request that plain data stand for.

    Raises
    ------
    EncodeError
        If there is no such kind, or one of its values is missing or not of the form it must have.
    """
    kind = str(data.get("kind"))
    if kind not in KINDS:
        raise EncodeError(f"no request of kind {kind!r}; there are: {', '.join(KINDS)}")
    try:
        return KINDS[kind](data, now_us, edition)
    except KeyError as error:
        raise EncodeError(f"{kind} needs {error.args[0]!r}") from error
    except ValueError as error:
        raise EncodeError(f"{kind}: {error}") from error


def result_of(result: Result) -> dict[str, Any]:
    """What came of a request, as plain data."""
    return {
        "outcome": result.outcome.value,
        "reason": result.reason,
        "sends": result.sends,
        "packets": result.packets,
        "replies": [
            {
                "time": None if reply.data_time_us is None else iso(reply.data_time_us),
                "items": reply.items,
                "fields": reply.fields,
            }
            for reply in result.replies
        ],
    }
