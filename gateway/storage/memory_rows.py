"""What `MemoryStore` keeps of contents: the rules of duplicate, revision and out of bounds, value by value."""

from collections.abc import Callable, Hashable
from dataclasses import asdict, replace
from typing import Any

from drivers.events import Content, Notice, Parameter, Position, Readings
from gateway.storage.contract import Counts, LedgerEntry, StorageSettings
from gateway.storage.unpack import Unpacked

Place = tuple[str, bool]  # device, whether in quarantine
SeriesKey = tuple[Place, str, str, int]  # place, channel, statistic, interval


class MemoryRows:
    """The tables that contents go to."""

    def __init__(self, settings: StorageSettings) -> None:
        self.settings = settings
        self.observations: dict[tuple[SeriesKey, int], tuple[float | None, str]] = {}
        self.revisions: set[Hashable] = set()
        self.events: set[Hashable] = set()
        self.track: dict[tuple[Place, int], Hashable] = {}
        self.out_of_bounds: set[Hashable] = set()
        self.units: dict[SeriesKey, str] = {}
        self.ledger: list[tuple[Place, LedgerEntry, int | None]] = []  # with the claimed time

    def refuse_unstorable(self, unpacked: Unpacked) -> None:
        """What PostgreSQL would refuse: text with NUL or lone surrogates, positions off the globe, mixed units."""
        for content in list(unpacked.contents()):
            if not all(map(_is_storable, _texts(content, unpacked.device_of(content)))):
                unpacked.refuse("refused_by_database", "text that PostgreSQL cannot hold")
            elif isinstance(content, Position) and not _is_on_the_globe(content):
                unpacked.refuse("refused_by_database", "latitude or longitude out of range")
        for reading in list(unpacked.readings):
            for key, channel in zip(self._series(unpacked, reading), reading.shape.channels, strict=True):
                if self.units.setdefault(key, channel.unit) != channel.unit:
                    unpacked.refuse("unusable_channel", f"{channel.code} is kept in {self.units[key]!r}")

    def keep(self, unpacked: Unpacked, content: Content) -> Counts:
        """One content into its table."""
        return _KEEP[type(content)](self, unpacked, content)

    def release(self, device: str) -> None:
        """What a device sent in quarantine becomes its own, unless it has values already."""
        old, new = (device, True), (device, False)
        if not any(key[0] == new for key, _ in self.observations):
            moved = {key: (new, *key[1:]) if key[0] == old else key for key in self.units}
            self.observations = {(moved[key], at): row for (key, at), row in self.observations.items()}
            self.units = {moved[key]: unit for key, unit in self.units.items()}
        self.ledger = [(new if place == old else place, entry, claimed) for place, entry, claimed in self.ledger]

    def _place(self, unpacked: Unpacked, content: Content) -> Place:
        return unpacked.device_of(content), unpacked.quarantined

    def _series(self, unpacked: Unpacked, reading: Readings) -> list[SeriesKey]:
        place = self._place(unpacked, reading)
        return [(place, channel.code, channel.statistic, channel.interval_s) for channel in reading.shape.channels]

    def _is_out_of_bounds(self, unpacked: Unpacked, content: Content) -> bool:
        received_us = unpacked.delivery.received_us
        if content.time_us is None:
            return False
        earliest = received_us - self.settings.past_limit_s * 1_000_000
        return not earliest <= content.time_us <= received_us + self.settings.future_limit_s * 1_000_000

    def _keep_once(self, kept: set[Hashable], key: Hashable, *, out_of_bounds: bool) -> Counts:
        is_new = key not in kept
        kept.add(key)
        return Counts(1, int(is_new), int(not is_new), out_of_bounds=int(is_new and out_of_bounds))

    def _revise(self, key: Hashable) -> Counts:
        is_new = key not in self.revisions
        self.revisions.add(key)
        return Counts(1, 0, int(not is_new), int(is_new))

    def _keep_readings(self, unpacked: Unpacked, reading: Readings) -> Counts:
        time_us = unpacked.delivery.received_us if reading.time_us is None else reading.time_us
        is_out = self._is_out_of_bounds(unpacked, reading)
        counts = Counts()
        for key, number, flag in zip(self._series(unpacked, reading), reading.values, reading.flags, strict=True):
            row = (None if number != number else number, flag)
            if is_out:
                counts += self._keep_once(self.out_of_bounds, (key, time_us, row), out_of_bounds=True)
            elif (key, time_us) not in self.observations:
                self.observations[key, time_us] = row
                counts += Counts(received=1, stored=1)
            elif self.observations[key, time_us] == row:
                counts += Counts(received=1, duplicate=1)
            else:
                counts += self._revise((key, time_us, row))
        return counts

    def _keep_notice(self, unpacked: Unpacked, notice: Notice) -> Counts:
        is_out = self._is_out_of_bounds(unpacked, notice)
        time_us = unpacked.delivery.received_us if notice.time_us is None else notice.time_us
        said = (notice.kind, notice.channel, notice.text, repr(sorted(notice.detail.items())))
        key = (unpacked.device_of(notice), time_us, said)
        return self._keep_once(self.out_of_bounds if is_out else self.events, key, out_of_bounds=is_out)

    def _keep_position(self, unpacked: Unpacked, position: Position) -> Counts:
        place = self._place(unpacked, position)
        time_us = unpacked.delivery.received_us if position.time_us is None else position.time_us
        facts = repr({**asdict(position), "time_us": None, "device": None})
        if self._is_out_of_bounds(unpacked, position):
            return self._keep_once(self.out_of_bounds, (place, time_us, facts), out_of_bounds=True)
        if (place, time_us) not in self.track:
            self.track[place, time_us] = facts
            return Counts(received=1, stored=1)
        if self.track[place, time_us] == facts:
            return Counts(received=1, duplicate=1)
        return self._revise((place, time_us, facts))

    def _keep_parameter(self, unpacked: Unpacked, parameter: Parameter) -> Counts:
        received_us = unpacked.delivery.received_us
        claimed_us = parameter.time_us
        is_claim_used = claimed_us is not None and not self._is_out_of_bounds(unpacked, parameter)
        time_us = claimed_us if is_claim_used and claimed_us is not None else received_us
        place = self._place(unpacked, parameter)
        entries = [
            (index, entry, claimed)
            for index, (where, entry, claimed) in enumerate(self.ledger)
            if where == place and (entry.channel, entry.name) == (parameter.channel, parameter.name)
        ]
        before = [one for one in entries if one[1].time_us <= time_us]
        in_force = max(before, key=lambda one: (one[1].time_us, one[0])) if before else None
        if in_force is not None and in_force[1].value == parameter.value:
            index, entry, claimed = in_force
            self.ledger[index] = (place, replace(entry, last_seen_us=max(entry.last_seen_us, time_us)), claimed)
            return Counts(received=1, duplicate=1)
        for _, entry, claimed in entries:
            is_same_time = entry.time_us == time_us if claimed_us is None else claimed == claimed_us
            if entry.value == parameter.value and is_same_time:
                return Counts(received=1, duplicate=1)
        changed_from = in_force[1].value if in_force else None
        device, _ = place
        entry = LedgerEntry(
            device, parameter.channel, parameter.name, parameter.value, time_us, received_us, time_us, changed_from
        )
        self.ledger.append((place, entry, claimed_us))
        return Counts(received=1, stored=1)


_KEEP: dict[type, Callable[[MemoryRows, Unpacked, Any], Counts]] = {
    Readings: MemoryRows._keep_readings,
    Notice: MemoryRows._keep_notice,
    Position: MemoryRows._keep_position,
    Parameter: MemoryRows._keep_parameter,
}


def _texts(content: Content, device: str) -> list[str]:
    """Everything in a content that goes into a text column."""
    if isinstance(content, Readings):
        return [device, *(text for one in content.shape.channels for text in (one.code, one.quantity, one.unit))]
    if isinstance(content, Notice):
        return [device, content.kind, content.channel, content.text, *_strings(content.detail)]
    if isinstance(content, Parameter):
        return [device, content.channel, content.name, content.value]
    return [device, *_strings(content.detail)]


def _strings(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        return [text for item in tree.items() for text in _strings(list(item))]
    if isinstance(tree, list | tuple):
        return [text for item in tree for text in _strings(item)]
    return [tree] if isinstance(tree, str) else []


def _is_storable(text: str) -> bool:
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def _is_on_the_globe(position: Position) -> bool:
    return -90 <= position.latitude_deg <= 90 and -180 <= position.longitude_deg <= 180
