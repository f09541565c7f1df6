"""Simulated meters and sondes: what they measure, how they answer, and what goes wrong. Sans-IO; the clock is passed.

    request ──► Dlt645Meter | ModbusInstrument ──► answer ──► Faults ──► [(after seconds, bytes)] ──► line

Answers are written here from the definitions of the protocols, not with the gateway's encoders, which can only read.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from drivers.electricity.dlt645 import Dlt645Decoder
from drivers.electricity.dlt645_control import READ_ADDRESS, READ_NEXT_2007
from drivers.electricity.dlt645_frame import Dlt645Frame
from drivers.fieldbus.modbus_frame import ModbusFrame
from drivers.fieldbus.modbus_rtu import ModbusRtuDecoder, crc16

Quantity = Callable[[float], float]
"""Value of something at a time [s]."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong with the answers of one device; the default is a good device that takes its time."""

    delay_s: float = 0.05
    is_silent: bool = False
    answers_as: str | int | None = None  # another address or unit in the answer
    before: bytes = b""  # glitch of the transceiver
    behind: bytes = b""
    preamble: int = 4  # FE bytes before a DL/T 645 answer
    byte_gap_s: float = 0.0  # byte by byte
    copies: int = 1  # frames in one go
    cut_first: int = 0  # a first attempt is cut off after so many bytes, then comes the whole
    is_checksum_wrong: bool = False
    refuses: bool = False  # D1 02, exception 2


class Device(Protocol):
    """Something on a line."""

    faults: Faults

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        """The frame that a good device of this kind sends, None if it is not addressed or does not understand."""
        ...


def transmission(device: Device, request: bytes, now_s: float) -> list[tuple[float, bytes]]:
    """What a device puts on the line after a request: pairs of delay from `now_s` and bytes, faults included."""
    faults = device.faults
    frame = None if faults.is_silent else device.answer(request, now_s)
    if frame is None:
        return []
    if faults.is_checksum_wrong:
        at = -2 if frame.endswith(b"\x16") else -1
        frame = frame[:at] + bytes((frame[at] ^ 0x55,)) + frame[len(frame) + at + 1 :]
    whole = faults.before + frame[: faults.cut_first] + frame * faults.copies + faults.behind
    if not faults.byte_gap_s:
        return [(faults.delay_s, whole)]
    return [(faults.delay_s + n * faults.byte_gap_s, whole[n : n + 1]) for n in range(len(whole))]


@dataclass(slots=True)
class ThreePhaseLoad:
    """A plant behind a meter: total power over time, `shares` of a third of it per phase, a steady power factor."""

    power_kw: Quantity
    voltage_v: Quantity = lambda t: 230 + 2 * math.sin(t / 700)
    power_factor: float = 0.85
    shares: tuple[float, float, float] = (1.0, 1.0, 1.0)
    energy_kwh: float = 1000.0
    _at_s: float | None = None

    def energy_at(self, now_s: float) -> float:
        """The register, advanced by power times time since it was last looked at."""
        if self._at_s is not None and now_s > self._at_s:
            steps = max(1, math.ceil((now_s - self._at_s) / 60))
            width_s = (now_s - self._at_s) / steps
            middle = [self._at_s + (n + 0.5) * width_s for n in range(steps)]
            self.energy_kwh += sum(max(0.0, self.power_kw(t)) for t in middle) * width_s / 3600
        self._at_s = now_s
        return self.energy_kwh

    def current_a(self, now_s: float) -> float:
        return self.power_kw(now_s) * 1000 / (3 * self.voltage_v(now_s) * self.power_factor)


@dataclass(slots=True)
class Dlt645Meter:
    """A three-phase meter of either edition. `settings` overrides identifiers with raw data, lowest byte first."""

    address: str
    load: ThreePhaseLoad
    faults: Faults = Faults()
    is_1997: bool = False
    current_ratio: int = 1  # values are secondary: the load divided by this
    settings: dict[str, bytes] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()
    parts: Mapping[str, int] = field(default_factory=dict)  # identifier → frames that its answer is cut into
    filled_phases: str = ""  # phases that are not there: FF fill
    requests: list[str] = field(default_factory=list)

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        frames = [event for event in Dlt645Decoder().feed(request) if isinstance(event, Dlt645Frame)]
        if not frames or frames[0].control.is_reply or not self._is_addressed(frames[0].address):
            return None
        asked = frames[0]
        if asked.control.function == READ_ADDRESS:
            return None if self.is_1997 else self._frame(0x93, bytes.fromhex(self.address)[::-1])
        if (len(asked.identifier) == 4) != self.is_1997:
            return None  # a meter of one edition is silent to the other
        self.requests.append(asked.identifier)
        data = None if self.faults.refuses or asked.identifier in self.lacks else self._data(asked.identifier, now_s)
        if data is None:
            return self._frame(0xC1 if self.is_1997 else 0xD1, b"\x02")
        return self._part(asked, data)

    def _part(self, asked: Dlt645Frame, data: bytes) -> bytes:
        """The whole answer, or the part that was asked for."""
        wire = bytes.fromhex(asked.identifier)[::-1]
        count = self.parts.get(asked.identifier, 1)
        number = asked.data[-1] if asked.control.function == READ_NEXT_2007 else 0
        size = -(-len(data) // count)
        piece = data[number * size : (number + 1) * size]
        is_last = number == count - 1
        if self.is_1997:
            return self._frame(0x81 if is_last else 0xA1, wire + piece)
        if number == 0:
            return self._frame(0x91 if is_last else 0xB1, wire + piece)
        return self._frame(0x92 if is_last else 0xB2, wire + piece + bytes((number,)))

    def _is_addressed(self, address: str) -> bool:
        pairs = zip(address[::2], address[1::2], self.address[::2], self.address[1::2], strict=True)
        return all(a + b in ("AA", c + d) for a, b, c, d in pairs)

    def _data(self, identifier: str, now_s: float) -> bytes | None:
        if identifier in self.settings:
            return self.settings[identifier]
        quantities = MEASURED_1997 if self.is_1997 else MEASURED_2007
        if identifier not in quantities:
            return None
        name, parts, size, decimals = quantities[identifier]
        total = self._value(name, now_s)
        encoded = []
        for part in parts:
            value = total / 3 if part != "T" and name == "power" else total
            if part != "T" and name in ("power", "current"):
                value *= self.load.shares["ABC".index(part)]
            is_missing = part != "T" and part in self.filled_phases
            encoded.append(b"\xff" * size if is_missing else bcd(value, size, decimals))
        return b"".join(encoded)

    def _value(self, name: str, now_s: float) -> float:
        load, ratio = self.load, self.current_ratio
        values: dict[str, Callable[[], float]] = {
            "voltage": lambda: load.voltage_v(now_s),
            "current": lambda: load.current_a(now_s) / ratio,
            "power": lambda: load.power_kw(now_s) / ratio,
            "power_factor": lambda: load.power_factor,
            "energy": lambda: load.energy_at(now_s) / ratio,
        }
        return values[name]()

    def _frame(self, control: int, data: bytes) -> bytes:
        address = str(self.faults.answers_as or self.address)
        head = b"\x68" + bytes.fromhex(address)[::-1] + b"\x68" + bytes((control, len(data)))
        body = head + bytes((byte + 0x33) & 0xFF for byte in data)
        return b"\xfe" * self.faults.preamble + body + bytes((sum(body) & 0xFF, 0x16))


MEASURED_2007 = {
    "0201FF00": ("voltage", "ABC", 2, 1),
    "0202FF00": ("current", "ABC", 3, 3),
    "0203FF00": ("power", "TABC", 3, 4),
    "0206FF00": ("power_factor", "TABC", 2, 3),
    "00010000": ("energy", "T", 4, 2),
    **{f"02010{n}00": ("voltage", "ABC"[n - 1], 2, 1) for n in (1, 2, 3)},
    **{f"02020{n}00": ("current", "ABC"[n - 1], 3, 3) for n in (1, 2, 3)},
    **{f"02030{n}00": ("power", "TABC"[n], 3, 4) for n in range(4)},
    **{f"02060{n}00": ("power_factor", "TABC"[n], 2, 3) for n in range(4)},
}
MEASURED_1997 = {
    "B61F": ("voltage", "ABC", 2, 0),
    "B62F": ("current", "ABC", 2, 2),
    "B63F": ("power", "TABC", 3, 4),
    "B65F": ("power_factor", "TABC", 2, 3),
    "9010": ("energy", "T", 4, 2),
}
"""Identifier → quantity, parts (T total), bytes and decimals of each."""


def bcd(value: float, size: int, decimals: int) -> bytes:
    """Binary-coded decimal, lowest byte first; a negative value has the top bit set."""
    digits = bytearray.fromhex(f"{round(abs(value) * 10**decimals):0{2 * size}d}"[-2 * size :])
    if value < 0:
        digits[0] |= 0x80
    return bytes(reversed(digits))


@dataclass(slots=True)
class ModbusInstrument:
    """Registers behind a unit number; `registers` gives the value of a wire address at a time, None for none."""

    unit: int
    registers: Callable[[int, float], int | None]
    faults: Faults = Faults()
    functions: frozenset[int] = frozenset({3, 4})
    most_registers: int = 125
    requests: list[tuple[int, int]] = field(default_factory=list)

    def answer(self, request: bytes, now_s: float) -> bytes | None:
        frames = [event for event in ModbusRtuDecoder().feed(request) if isinstance(event, ModbusFrame)]
        if not frames or frames[0].kind != "request" or frames[0].unit != self.unit:
            return None
        asked = frames[0]
        address, count = asked.address or 0, asked.count or 0
        self.requests.append((address, count))
        unit = int(self.faults.answers_as or self.unit)
        values = [self.registers(address + n, now_s) for n in range(count)]
        code = 1 if asked.function not in self.functions else 2 if self.faults.refuses or None in values else 0
        code = 3 if count > self.most_registers and not code else code
        if code:
            return _with_crc(bytes((unit, asked.function | 0x80, code)))
        data = b"".join((value or 0).to_bytes(2, "big") for value in values)
        return _with_crc(bytes((unit, asked.function, len(data))) + data)


def _with_crc(data: bytes) -> bytes:
    return data + crc16(data)


def broken(device: Device, **changes: object) -> None:
    """Change the faults of a device from now on."""
    device.faults = replace(device.faults, **changes)  # type: ignore[arg-type]
