"""What every store does, the one in memory and the real one on both tiers."""

import hashlib
import math

import pytest

from drivers.events import BadFrame, Channel, Notice, Parameter, Position, Reason, Shape
from gateway.records import Disposition, count_records
from gateway.storage import AnyStore, Counts, DeadLetter, Device
from tests.storage.frames import (
    HOUR_US,
    HOURLY,
    MINUTE_US,
    NOW_US,
    SHAPE,
    SO2,
    FakeEvent,
    bad_frame,
    delivery,
    readings,
    values,
)

YEAR_1970 = 5_000_000
YEAR_2099 = 4_070_908_800_000_000


async def test_new_values_are_stored(any_store: AnyStore) -> None:
    written = await any_store.write([values(NOW_US, 1.0, 2.0), values(NOW_US, 3.0, 4.0, device="MN2")])
    assert written.counts == Counts(received=4, stored=4)
    assert written.seq == 1


async def test_equal_values_are_duplicates_in_one_batch_and_across_batches(any_store: AnyStore) -> None:
    first = await any_store.write([values(NOW_US, 1.0, 2.0), values(NOW_US, 1.0, 2.0)])
    second = await any_store.write([values(NOW_US, 1.0, 2.0)])
    assert first.counts == Counts(received=4, stored=2, duplicate=2)
    assert second.counts == Counts(received=2, duplicate=2)


async def test_different_values_are_revisions_and_a_repeated_revision_is_a_duplicate(any_store: AnyStore) -> None:
    same_batch = await any_store.write([values(NOW_US, 1.0, 2.0), values(NOW_US, 1.5, 2.0)])
    assert same_batch.counts == Counts(received=4, stored=2, duplicate=1, revision=1)
    later = await any_store.write([values(NOW_US, 1.0, 2.5)])
    assert later.counts == Counts(received=2, duplicate=1, revision=1)
    again = await any_store.write([values(NOW_US, 1.5, 2.5), values(NOW_US, 1.5, 2.5)])
    assert again.counts == Counts(received=4, duplicate=4)


async def test_another_flag_is_a_revision(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US, 1.0, 2.0)])
    written = await any_store.write([values(NOW_US, 1.0, 2.0, flags="ND")])
    assert written.counts == Counts(received=2, duplicate=1, revision=1)


async def test_a_missing_value_equals_only_a_missing_value(any_store: AnyStore) -> None:
    first = await any_store.write([values(NOW_US, math.nan, 2.0), values(NOW_US, math.nan, 2.0)])
    assert first.counts == Counts(received=4, stored=2, duplicate=2)
    second = await any_store.write([values(NOW_US, math.nan, math.nan), values(NOW_US, 0.0, math.nan)])
    assert second.counts == Counts(received=4, duplicate=2, revision=2)


async def test_new_and_known_values_share_a_batch(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US, 1.0, 2.0)])
    batch = [values(NOW_US - minute * MINUTE_US, 1.0, 2.0) for minute in range(5)]
    written = await any_store.write(batch)
    assert written.counts == Counts(received=10, stored=8, duplicate=2)


async def test_a_heartbeat_counts_for_nothing_and_is_kept_in_the_chain(any_store: AnyStore) -> None:
    written = await any_store.write([delivery()])
    assert written.counts == Counts()
    assert (await any_store.verify_chain()).frames == 1


async def test_an_empty_batch_is_refused(any_store: AnyStore) -> None:
    with pytest.raises(ValueError, match="empty"):
        await any_store.write([])


async def test_one_channel_at_different_intervals_makes_different_series(any_store: AnyStore) -> None:
    written = await any_store.write([delivery(readings(NOW_US, 1.0, 2.0), readings(NOW_US, 9.0, shape=HOURLY))])
    assert written.counts == Counts(received=3, stored=3)


async def test_shapes_are_told_apart_by_their_channels_not_only_by_identity(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US, 1.0, 2.0)])
    twin = Shape(SHAPE.channels)
    written = await any_store.write([delivery(readings(NOW_US, 1.0, 2.0, shape=twin))])
    assert written.counts == Counts(received=2, duplicate=2)


async def test_a_channel_in_another_unit_is_a_dead_letter(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US, 1.0, 2.0)])
    grams = Shape((Channel(SO2.code, SO2.quantity, SO2.statistic, "g/m3", SO2.interval_s),))
    bad = delivery(readings(NOW_US + MINUTE_US, 0.001, shape=grams))
    written = await any_store.write([bad, values(NOW_US + MINUTE_US, 1.0, 2.0)])
    assert written.counts == Counts(received=3, stored=2, dead_letter=1)
    assert (await any_store.dead_letters())[0].reason == "unusable_channel"


async def test_a_reading_without_time_has_the_time_of_arrival(any_store: AnyStore) -> None:
    await any_store.write([values(None, 1.0, 2.0)])
    assert await any_store.last_times("MN1") == {60: NOW_US}


@pytest.mark.parametrize("time_us", [YEAR_1970, YEAR_2099, -(2**63), 2**63 - 1])
async def test_times_out_of_bounds_are_kept_apart_once_each(any_store: AnyStore, time_us: int) -> None:
    written = await any_store.write([values(time_us, 1.0, 2.0), values(time_us, 1.0, 2.0), values(time_us, 1.0, 3.0)])
    assert written.counts == Counts(received=6, stored=3, duplicate=3, out_of_bounds=3)
    assert await any_store.last_times("MN1") == {}


async def test_the_bounds_are_inclusive(any_store: AnyStore) -> None:
    early, late = NOW_US - 400 * 24 * HOUR_US, NOW_US + 10 * MINUTE_US
    inside = await any_store.write([values(early, 1.0, 2.0), values(late, 1.0, 2.0)])
    outside = await any_store.write([values(early - 1, 1.0, 2.0), values(late + 1, 1.0, 2.0)])
    assert (inside.counts.out_of_bounds, outside.counts.out_of_bounds) == (0, 4)


async def test_bad_frames_and_refused_ones_are_dead_letters_with_bytes_and_reason(any_store: AnyStore) -> None:
    refused = values(NOW_US, 1.0, 2.0)
    refused.disposition = Disposition.REFUSED
    written = await any_store.write([bad_frame(b"##0\x00\xff"), refused])
    assert written.counts == Counts(received=2, dead_letter=2)
    letters = await any_store.dead_letters()
    assert [(letter.reason, letter.raw) for letter in letters] == [
        ("checksum", b"##0\x00\xff"),
        ("not allowed", refused.raw),
    ]
    assert letters[0].detail == "0 is not 1"
    assert letters[1].device == "MN1"


POISON = {
    "nul in a text": delivery(Notice("MN1", NOW_US, "log", text="a\0b")),
    "nul deep in a detail": delivery(Notice("MN1", NOW_US, "log", detail={"a": ["b\0"]})),
    "lone surrogate": delivery(Parameter("MN1", NOW_US, "", "serial_number", "\udc80")),
    "latitude off the globe": delivery(Position("MN1", NOW_US, 91.0, 0.0)),
    "nul in the identity": delivery(readings(NOW_US, 1.0, 2.0, device="MN\0"), device="MN\0"),
    "nul in a channel": delivery(readings(NOW_US, 1.0, shape=Shape((Channel("a\0", "so2", "avg", "mg/m3", 60),)))),
    "infinite": delivery(readings(NOW_US, math.inf, 1.0)),
    "too few values": delivery(readings(NOW_US, 1.0)),
    "flag beyond ASCII": delivery(readings(NOW_US, 1.0, 2.0, flags="N故")),
    "time beyond 64 bits": delivery(readings(2**63, 1.0, 2.0)),
    "no identity": delivery(readings(NOW_US, 1.0, 2.0, device=""), device=""),
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
async def test_one_bad_delivery_never_costs_its_neighbours(any_store: AnyStore, poison) -> None:
    good = [values(NOW_US - minute * MINUTE_US, 1.0, 2.0, device="MN2") for minute in range(7)]
    written = await any_store.write([*good[:3], poison, *good[3:]])
    records = count_records(poison)
    assert written.counts == Counts(received=14 + records, stored=14, dead_letter=records)
    letter = (await any_store.dead_letters())[0]
    assert letter.raw == poison.raw
    assert letter.records == records
    assert letter.reason


async def test_a_driver_that_breaks_its_contract_costs_one_delivery(any_store: AnyStore) -> None:
    class Broken(FakeEvent):
        def contents(self):
            yield readings(NOW_US, 1.0, 2.0)
            raise KeyError("a21026")

    broken = delivery()
    broken.event = Broken((), device="MN1", raw=broken.raw)
    written = await any_store.write([broken, values(NOW_US, 1.0, 2.0)])
    assert written.counts == Counts(received=4, stored=2, dead_letter=2)


async def test_notices_are_kept_word_for_word_once(any_store: AnyStore) -> None:
    notice = Notice("MN1", NOW_US, "log", "a21026", "span check", {"code": 7})
    other = Notice("MN1", NOW_US, "log", "a21026", "span check", {"code": 8})
    written = await any_store.write([delivery(notice, other), delivery(notice)])
    assert written.counts == Counts(received=3, stored=2, duplicate=1)


async def test_a_notice_of_a_wrong_clock_is_kept_once_however_late_it_is_repeated(any_store: AnyStore) -> None:
    notice = Notice("MN1", YEAR_1970, "log", text="power up")
    first = await any_store.write([delivery(notice)])
    again = await any_store.write([delivery(notice, received_us=NOW_US + MINUTE_US)])
    assert first.counts == Counts(received=1, stored=1, out_of_bounds=1)
    assert again.counts == Counts(received=1, duplicate=1)


async def test_positions_are_stored_repeated_and_revised(any_store: AnyStore) -> None:
    here = Position("UAV1", NOW_US, 28.7, 115.9, altitude_msl_m=80.0)
    there = Position("UAV1", NOW_US, 28.8, 115.9, altitude_msl_m=80.0)
    lost = Position("UAV1", YEAR_2099, 28.8, 115.9)
    written = await any_store.write([delivery(here, here, there, lost, device="UAV1")])
    assert written.counts == Counts(received=4, stored=2, duplicate=1, revision=1, out_of_bounds=1)
    again = await any_store.write([delivery(here, there, lost, device="UAV1")])
    assert again.counts == Counts(received=3, duplicate=3)


async def test_the_ledger_gets_a_row_for_each_change_only(any_store: AnyStore) -> None:
    def report(minute: int, value: str):
        return delivery(Parameter("MN1", NOW_US + minute * MINUTE_US, "a21026", "range_high", value))

    written = await any_store.write([report(0, "300"), report(1, "300"), report(2, "150"), report(3, "300")])
    assert written.counts == Counts(received=4, stored=3, duplicate=1)
    entries = await any_store.parameters("MN1")
    assert [(entry.value, entry.changed_from) for entry in entries] == [
        ("300", None),
        ("150", "300"),
        ("300", "150"),
    ]
    assert entries[0].last_seen_us == NOW_US + MINUTE_US
    repeated = await any_store.write([report(0, "300"), report(1, "300"), report(2, "150"), report(3, "300")])
    assert repeated.counts == Counts(received=4, duplicate=4)
    assert await any_store.parameters("MN1") == entries


async def test_a_device_that_sends_is_registered_by_itself(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US, 1.0, 2.0)])
    device = await any_store.device("MN1")
    assert device is not None
    assert (device.status, device.protocol, device.site, device.point) == ("accepted", "hj212", "MN1", "1")
    assert await any_store.device("MN9") is None


async def test_a_device_put_by_hand_keeps_its_place_when_changed(any_store: AnyStore) -> None:
    device = Device("MN1", "hj212", site="S01", point="A1", password_hash="x", answer={"plain": True}, name="1#")
    await any_store.put_device(device)
    await any_store.write([values(NOW_US, 1.0, 2.0)])
    await any_store.put_device(Device("MN1", "hj212", status="revoked", allow_list=("10.0.0.0/8",)))
    found = await any_store.device("MN1")
    assert found is not None
    assert (found.status, found.site, found.point, found.allow_list) == ("revoked", "S01", "A1", ("10.0.0.0/8",))
    assert [one.external_id for one in await any_store.devices()] == ["MN1"]


async def test_quarantined_values_neither_show_nor_stand_in_the_way(any_store: AnyStore) -> None:
    suspect = values(NOW_US, 9.0, 9.0)
    suspect.disposition = Disposition.QUARANTINED
    await any_store.write([suspect])
    assert await any_store.last_times("MN1") == {}
    written = await any_store.write([values(NOW_US, 1.0, 2.0)])
    assert written.counts == Counts(received=2, stored=2)


async def test_a_released_device_brings_what_it_sent_in_quarantine(any_store: AnyStore) -> None:
    early = delivery(readings(NOW_US, 9.0, 9.0), Parameter("MN1", NOW_US, "", "slope", "1"))
    early.disposition = Disposition.QUARANTINED
    await any_store.write([early])
    device = await any_store.device("MN1")
    assert device is not None
    assert device.status == "quarantined"
    await any_store.release_device("MN1")
    assert await any_store.last_times("MN1") == {60: NOW_US}
    assert [entry.value for entry in await any_store.parameters("MN1")] == ["1"]
    written = await any_store.write([values(NOW_US, 9.0, 9.0), values(NOW_US + MINUTE_US, 1.0, 2.0)])
    assert written.counts == Counts(received=4, stored=2, duplicate=2)


async def test_pending_devices_are_listed_until_they_are_put(any_store: AnyStore) -> None:
    await any_store.mark_pending("MN7", protocol="hj212", peer="10.1.1.1:1", at_us=NOW_US)
    await any_store.mark_pending("MN7", protocol="hj212", peer="10.1.1.1:2", at_us=NOW_US + 5)
    (pending,) = await any_store.pending_devices()
    assert (pending.peer, pending.first_seen_us, pending.last_seen_us, pending.attempts) == (
        "10.1.1.1:2",
        NOW_US,
        NOW_US + 5,
        2,
    )
    await any_store.put_device(Device("MN7", "hj212"))
    assert await any_store.pending_devices() == []


async def test_gaps_are_the_stretches_without_any_value(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US + minute * MINUTE_US, 1.0, 2.0) for minute in (0, 1, 4, 5)])
    span = {"since_us": NOW_US - 2 * MINUTE_US, "until_us": NOW_US + 8 * MINUTE_US}
    gaps = await any_store.gaps("MN1", interval_s=60, **span)
    assert [((start - NOW_US) // MINUTE_US, (end - NOW_US) // MINUTE_US) for start, end in gaps] == [
        (-2, 0),
        (2, 4),
        (6, 8),
    ]
    assert await any_store.gaps("MN1", interval_s=3600, **span) == []
    assert await any_store.last_times("MN1") == {60: NOW_US + 5 * MINUTE_US}


async def test_dead_letters_are_found_by_what_they_are(any_store: AnyStore) -> None:
    await any_store.write([bad_frame(b"1"), bad_frame(b"2", reason=Reason.LENGTH), bad_frame(b"3")])
    assert [letter.raw for letter in await any_store.dead_letters(reason="checksum")] == [b"1", b"3"]
    assert [letter.raw for letter in await any_store.dead_letters(source="mqtt")] == []
    (first,) = await any_store.dead_letters(limit=1)
    assert [letter.raw for letter in await any_store.dead_letters(after_id=first.id)] == [b"2", b"3"]
    assert await any_store.dead_letters(replayed=True) == []


async def test_replayed_dead_letters_are_stored_and_the_hopeless_ones_stay(any_store: AnyStore) -> None:
    await any_store.write([bad_frame(b"good after all"), bad_frame(b"hopeless")])
    good, hopeless = await any_store.dead_letters()

    def decode(letter: DeadLetter):
        if letter.raw == b"hopeless":
            return [BadFrame(Reason.CHECKSUM, letter.raw, "still")]
        return [FakeEvent((readings(NOW_US, 1.0, 2.0),), device="MN1", raw=letter.raw)]

    replayed = await any_store.replay([good.id, hopeless.id, 999], decode=decode)
    assert replayed.replayed == (good.id,)
    assert replayed.counts == Counts(received=2, stored=2)
    assert replayed.failed == {hopeless.id: "checksum: still", 999: "not there, or replayed already"}
    assert [letter.id for letter in await any_store.dead_letters()] == [hopeless.id]
    assert [letter.id for letter in await any_store.dead_letters(replayed=True)] == [good.id]
    (books,) = await any_store.books()
    assert books.counts == Counts(received=4, stored=2, dead_letter=2)


async def test_the_chain_can_be_recomputed_by_anybody(any_store: AnyStore) -> None:
    batches = [[values(NOW_US + n, 1.0, 2.0), bad_frame(b"%d" % n)] for n in range(3)]
    hashes = [(await any_store.write(batch)).hash for batch in batches]
    expected, previous = [], bytes(32)
    for batch in batches:
        frames = b"".join(hashlib.sha256(one.raw).digest() for one in batch)
        previous = hashlib.sha256(previous + frames).digest()
        expected.append(previous)
    assert hashes == expected
    report = await any_store.verify_chain()
    assert (report.batches, report.frames, report.verified, report.linked, report.problems) == (3, 6, 3, 0, ())


async def test_the_books_add_up_over_batches_and_show_the_spool(any_store: AnyStore) -> None:
    await any_store.write([values(NOW_US, 1.0, 2.0), bad_frame()])
    await any_store.write([values(NOW_US, 1.0, 3.0), values(YEAR_1970, 1.0, 2.0)])
    await any_store.report_spool(17)
    (books,) = await any_store.books()
    assert books.writer == "w1"
    assert books.spooled == 17
    assert books.counts == Counts(received=7, stored=4, duplicate=1, revision=1, dead_letter=1, out_of_bounds=2)
    assert books.counts.balance == 0


async def test_channels_are_those_of_real_time_and_mean_values(any_store: AnyStore) -> None:
    kinds = (("b", "rtd"), ("a", "avg"), ("c", "max"))
    shape = Shape(tuple(Channel(code, code, statistic, "1", 0) for code, statistic in kinds))
    await any_store.write([delivery(readings(NOW_US, 1.0, 2.0, 3.0, shape=shape))])
    assert await any_store.channels("MN1") == ["a", "b"]
    assert await any_store.channels("MN2") == []
