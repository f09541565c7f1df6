"""The messages of the MQTT benchmark: numbered, each with a time of its own, fresh enough for any store."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DEVICES = tuple(f"s{number}" for number in range(10))
_CODES = (
    "a21026", "a21002", "a19001", "a01012", "a21001", "a21003", "a21004", "a21005", "a21018", "a21022",
    "a21024", "a21028", "a25002", "a25003", "a25005", "a24087", "a34001", "a34002", "a34004", "a34013",
    "a05001", "a05002", "a05024", "a01001", "a01002", "a01006", "a01007", "a01008", "a01013", "a01014",
)  # fmt: skip


@dataclass(frozen=True)
class Load:
    """`messages` messages of `values` values, spread evenly over the devices, a second apart within each device."""

    messages: int
    values: int
    first: datetime

    @classmethod
    def ending_now(cls, messages: int, values: int) -> "Load":
        per_device = -(-messages // len(DEVICES))
        first = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=per_device)
        return cls(per_device * len(DEVICES), values, first)

    @property
    def rows(self) -> int:
        return self.messages * self.values

    @property
    def bytes_each(self) -> float:
        bodies = self.lines(DEVICES[0])
        return len(bodies) / bodies.count(b"\n") - 1

    def lines(self, device: str) -> bytes:
        """One body a line, oldest first: the input of `mosquitto_pub -l`."""
        return b"".join(self._body(device, number) + b"\n" for number in range(self.messages // len(DEVICES)))

    def _body(self, device: str, number: int) -> bytes:
        time = (self.first + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = {code: round(number % 10 + place / 10, 1) for place, code in enumerate(_CODES[: self.values])}
        return json.dumps({"t": time, "id": device, "v": values}, separators=(",", ":")).encode()
