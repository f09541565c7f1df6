"""The bus schedule in virtual time: a minute of sixteen meters runs in milliseconds, the same every time."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from drivers.fieldbus.polled_sample import PolledSample
from drivers.profiles import parse, shipped_profile
from drivers.profiles.profile import SerialSettings
from drivers.profiles.ratio import Ratio
from gateway.sources.bus_budget import USUAL_DELAY_S, plan_bus
from gateway.sources.bus_device import BusDevice
from gateway.sources.bus_exchange import Outcome
from gateway.sources.bus_plan import ModbusPlan
from gateway.sources.bus_schedule import Bus
from gateway.sources.bus_settings import SerialLineSettings
from gateway.sources.bus_timing import LineTiming
from simulators.meters import Dlt645Meter, Faults, ModbusInstrument, bcd, broken
from simulators.meters_line import SimulatedLine
from tests.sources.virtual_bus import LINE, METER, MINUTE_US, START_US, VirtualRun, device, meter


def run(meters: Sequence[Dlt645Meter], *, minutes: float = 3, **line: object) -> VirtualRun:
    bus = Bus([device(item) for item in meters], LineTiming.of(LINE))
    return VirtualRun(bus, SimulatedLine(meters, LINE.character_s, **line)).until(60 * minutes)  # type: ignore[arg-type]


def slots(samples: Sequence[PolledSample]) -> list[int]:
    return [(sample.time_us - START_US // MINUTE_US * MINUTE_US) // MINUTE_US for sample in samples if sample.values]


def test_sixteen_meters_with_one_dead_one_late_one_babbling_complete_every_minute() -> None:
    meters = [meter(n) for n in range(16)]
    broken(meters[3], is_silent=True)
    broken(meters[7], delay_s=2.4)  # later than the time-out at first
    done = run(meters, minutes=12, babble_every_s=5.0, babble_bytes=20)
    for item in meters:
        if item not in (meters[3], meters[7]):
            whole = [sample for sample in done.of(item.address) if len(sample.values) == 15]
            assert slots(whole) == list(range(1, 12)), item.address
    assert done.bus.statistics.outcomes[Outcome.DAMAGED] > 10, "the babbling device must have been felt"
    assert not slots(done.of(meters[3].address))
    assert slots(done.of(meters[7].address))


def test_every_sample_of_a_clean_bus_is_whole_and_in_its_minute() -> None:
    meters = [meter(n) for n in range(16)]
    done = run(meters, minutes=5)
    for item in meters:
        samples = done.of(item.address)
        assert slots(samples) == [1, 2, 3, 4]
        assert all(0 < sample.read_us - sample.time_us < MINUTE_US for sample in samples)
    assert done.bus.statistics.outcomes[Outcome.SILENCE] == 0


def test_measured_time_on_the_line_is_the_budgets() -> None:
    meters = [meter(n, faults=Faults(delay_s=USUAL_DELAY_S)) for n in range(16)]
    done = run(meters, minutes=4)
    devices = [{"name": item.address, "profile": METER.name, "address": item.address} for item in meters]
    settings = {"name": "line", "port": "/dev/x", "baud": 2400, "parity": "E", "device": devices}
    budget = plan_bus(SerialLineSettings.model_validate(settings))
    last = [max(s.read_us - s.time_us for s in done.of(item.address)) / 1e6 for item in meters]
    assert max(last) == pytest.approx(budget.usual_s, rel=0.2)  # one daily question a slot comes on top
    assert budget.usual_s < max(last) < budget.worst_s < 60


def test_values_are_those_of_the_meter_with_ratios_applied() -> None:
    simulated = meter(1, current_ratio=40)
    bus = Bus([device(simulated, ratios=[Ratio(0, current=40)])], LineTiming.of(LINE))
    done = VirtualRun(bus, SimulatedLine([simulated], LINE.character_s)).until(100)
    values = done.values(simulated.address)
    assert values["02030000"] == pytest.approx(11.0, abs=40e-4)
    assert values["02010100"] == pytest.approx(230, abs=3)
    assert values["00010000"] == pytest.approx(1000, abs=0.5)


def test_dead_device_is_asked_less_and_less_and_told_once() -> None:
    dead, alive = meter(1, faults=Faults(is_silent=True)), meter(2)
    done = run([dead, alive], minutes=40)
    wire = bytes.fromhex(dead.address)[::-1]
    asked = [round(t // 60) for t, data in done.sent if wire in data]
    assert max(Counter(asked).values()) <= 4
    assert len(set(asked)) <= 8
    assert [notice.kind for sample in done.of(dead.address) for notice in sample.notices] == ["device_silent"]
    assert len(slots(done.of(alive.address))) == 39


def test_device_that_comes_back_is_polled_again_and_told() -> None:
    simulated, other = meter(1, faults=Faults(is_silent=True)), meter(2)
    bus = Bus([device(simulated), device(other)], LineTiming.of(LINE))
    done = VirtualRun(bus, SimulatedLine([simulated, other], LINE.character_s)).until(600)
    broken(simulated, is_silent=False)
    done.until(600 + 17 * 60)
    kinds = [
        notice.kind for sample in done.of(simulated.address) for notice in sample.notices if "device" in notice.kind
    ]
    assert kinds == ["device_silent", "device_answers"]
    assert done.of(simulated.address)[-1].values


def test_late_reply_is_never_taken_for_the_next_ones() -> None:
    """Modbus replies carry no identity of their question: every value must be that of its own device and register."""
    units = [ModbusInstrument(n, lambda address, t, n=n: 1000 * n + address) for n in (1, 2, 3)]  # type: ignore[misc]
    broken(units[0], delay_s=1.5)  # between one and two time-outs
    profile = shipped_profile("dust-bolin")
    devices = [BusDevice(f"dust-{item.unit}", profile, ModbusPlan(profile, item.unit)) for item in units]
    timing = LineTiming(SerialSettings().character_s)
    done = VirtualRun(Bus(devices, timing), SimulatedLine(units, SerialSettings().character_s)).until(600)
    for item in units:
        for sample in done.of(f"dust-{item.unit}"):
            expected = [(1000 * item.unit + address) * 65536 + 1000 * item.unit + address + 1 for address in (0, 2, 4)]
            assert list(sample.values) in (expected, [])
    assert len(slots(done.of("dust-2"))) == len(slots(done.of("dust-3"))) == 9
    assert slots(done.of("dust-1")), "a device that is always late gets more time"
    assert done.bus.statistics.late_bytes > 0


THREE_EQUAL_BLOCKS = parse(
    """
    [profile]
    name = "equal"
    title = "Three blocks whose answers look alike"
    protocol = "modbus"
    [modbus]
    item = [
        {code = "a", quantity = "power", unit = "kW", address = 0, type = "u32"},
        {code = "b", quantity = "power", unit = "kW", address = 100, type = "u32"},
        {code = "c", quantity = "power", unit = "kW", address = 200, type = "u32"},
    ]
    """
)
ADDRESSES = {"a": 0, "b": 100, "c": 200}


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("delay_s", [0.4, 0.9, 1.05, 1.5, 1.95, 2.05, 2.4, 2.7, 2.95, 3.05, 3.3, 3.55, 4.2, 5.9, 9.5])
def test_no_delay_makes_an_answer_pass_for_another(delay_s: float, units: int) -> None:
    """Whatever the delay up to ten seconds, every value is that of the device and register that were asked."""
    devices = [ModbusInstrument(n, lambda address, t, n=n: 1000 * n + address) for n in range(1, units + 1)]  # type: ignore[misc]
    broken(devices[0], delay_s=delay_s)
    asked = [BusDevice(f"d{d.unit}", THREE_EQUAL_BLOCKS, ModbusPlan(THREE_EQUAL_BLOCKS, d.unit)) for d in devices]
    character_s = SerialSettings().character_s
    done = VirtualRun(Bus(asked, LineTiming(character_s)), SimulatedLine(devices, character_s)).until(900)
    for sample in done.samples:
        first = 1000 * int(sample.device[1:])
        for channel, value in zip(sample.channels, sample.values, strict=True):
            register = first + ADDRESSES[channel.code]
            assert value == register * 65536 + register + 1
    for item in devices[1:]:
        assert len(slots(done.of(f"d{item.unit}"))) >= 14
    if delay_s <= 2.95:
        assert slots(done.of("d1")), "a device that answers within three seconds is read in the end"


@pytest.mark.parametrize("seed", range(3))
def test_changing_delays_and_noise_never_give_a_value_of_another(seed: int) -> None:
    rng = random.Random(seed)
    devices = [ModbusInstrument(n, lambda address, t, n=n: 1000 * n + address) for n in (1, 2, 3, 4)]  # type: ignore[misc]
    asked = [BusDevice(f"d{d.unit}", THREE_EQUAL_BLOCKS, ModbusPlan(THREE_EQUAL_BLOCKS, d.unit)) for d in devices]
    character_s = SerialSettings().character_s
    line = SimulatedLine(devices, character_s, babble_every_s=7.0, babble_bytes=5, rng=rng)
    done = VirtualRun(Bus(asked, LineTiming(character_s)), line)
    while done.now_s < 900:
        changed, delay_s = rng.choice(devices), rng.choice([0.05, 0.05, 0.3, 1.2, 2.5, 4.0, 8.0])
        broken(changed, delay_s=delay_s, is_silent=rng.random() < 0.05)
        done.until(done.now_s + rng.uniform(0.3, 9))
    values = [
        (1000 * int(sample.device[1:]) + ADDRESSES[channel.code], value)
        for sample in done.samples
        for channel, value in zip(sample.channels, sample.values, strict=True)
    ]
    assert len(values) > 50
    assert [value for register, value in values if value != register * 65536 + register + 1] == []


@pytest.mark.parametrize(
    "faults",
    [
        Faults(before=b"\x00"),
        Faults(before=b"\xff", behind=b"\x00"),
        Faults(before=b"\x68\x01", behind=b"\xff\xff"),
        Faults(preamble=0),
        Faults(preamble=1),
        Faults(copies=2),
        Faults(cut_first=14),
        Faults(delay_s=0.5),
    ],
    ids=lambda faults: repr(faults)[7:60],
)
def test_faults_that_cost_nothing(faults: Faults) -> None:
    simulated = meter(5, faults=faults)
    done = run([simulated], minutes=4)
    assert slots(done.of(simulated.address)) == [1, 2, 3]
    assert done.values(simulated.address)["02030000"] == pytest.approx(15.0, abs=1e-4)


@pytest.mark.parametrize("faults", [Faults(answers_as="251100000099"), Faults(is_checksum_wrong=True)])
def test_faults_that_must_not_give_a_value(faults: Faults) -> None:
    simulated, other = meter(5, faults=faults), meter(6)
    done = run([simulated, other], minutes=4)
    assert not slots(done.of(simulated.address))
    assert slots(done.of(other.address)) == [1, 2, 3]


def test_damaged_answer_is_kept_as_evidence() -> None:
    simulated = meter(5, faults=Faults(is_checksum_wrong=True))
    (first, *_) = run([simulated], minutes=2).samples
    damaged = [notice for notice in first.notices if notice.kind == "damaged_answer"]
    assert damaged
    assert bytes.fromhex(damaged[0].detail["raw"]).endswith(b"\x16")


def test_echo_of_the_adapter_is_skipped() -> None:
    simulated = meter(5)
    assert slots(run([simulated], minutes=3, has_echo=True).samples) == [1, 2]


def test_block_that_a_meter_lacks_is_read_item_by_item_and_the_block_not_asked_again() -> None:
    simulated = meter(5, lacks=frozenset({"0203FF00", "02030300"}))
    done = run([simulated], minutes=4)
    values = done.values(simulated.address)
    assert {"02030000", "02030100", "02030200"} <= values.keys()
    assert simulated.requests.count("0203FF00") == 1
    assert simulated.requests.count("02030300") == 1
    assert simulated.requests.count("02030100") >= 3


def test_meter_of_1997_is_found_and_read_by_its_own_identifiers() -> None:
    simulated = meter(5, is_1997=True)
    done = run([simulated], minutes=4)
    values = done.values(simulated.address)
    assert values["B630"] == pytest.approx(15.0, abs=1e-4)
    assert values["9010"] == pytest.approx(1000.0, abs=1)
    assert not {identifier for identifier in simulated.requests if len(identifier) == 8}


def test_follow_up_answers_are_joined() -> None:
    simulated = meter(5, parts={"0203FF00": 3})
    done = run([simulated], minutes=3)
    values = done.values(simulated.address)
    assert values["02030300"] == pytest.approx(5.0, abs=1e-4)
    assert len(values) == 3 + 3 + 4 + 4 + 1


def test_missing_phase_is_null() -> None:
    simulated = meter(5, filled_phases="BC")
    values = run([simulated], minutes=3).values(simulated.address)
    assert math.isnan(values["02010200"])
    assert not math.isnan(values["02010100"])


def test_non_bcd_digit_is_null_and_flagged() -> None:
    simulated = meter(5, settings={"00010000": bytes.fromhex("00000e00")})
    sample = run([simulated], minutes=2).samples[0]
    at = [channel.code for channel in sample.channels].index("00010000")
    assert math.isnan(sample.values[at])
    assert sample.flags[at] == "D"


def test_ratio_change_and_cover_opening_become_notices_the_next_day() -> None:
    simulated = meter(5, settings={"04000306": bcd(40, 3, 0), "03300D00": bcd(1, 3, 0)})
    bus = Bus([device(simulated)], LineTiming.of(LINE), period_s=600)
    done = VirtualRun(bus, SimulatedLine([simulated], LINE.character_s)).until(3 * 3600)
    parameters = {p.name: p.value for sample in done.samples for p in sample.parameters}
    assert parameters["ct_ratio"] == "40"
    kinds = {notice.kind for sample in done.samples for notice in sample.notices}
    assert kinds == {"ratio_mismatch"}
    simulated.settings["04000306"] = bcd(30, 3, 0)
    simulated.settings["03300D00"] = bcd(2, 3, 0)
    before = len(done.samples)
    done.until(10 * 3600)  # past Beijing midnight
    kinds = {notice.kind for sample in done.samples[before:] for notice in sample.notices}
    assert kinds == {"ratio_mismatch", "ratio_changed", "cover_opened"}


def test_clock_drift_is_told_and_nothing_is_ever_written() -> None:
    simulated = meter(5, settings={"04000102": bytes.fromhex("000012")})  # noon for ever
    done = run([simulated], minutes=20)
    drifts = [n.detail["drift_s"] for sample in done.samples for n in sample.notices if n.kind == "clock_drift"]
    assert len(drifts) == 1
    controls = {data.lstrip(b"\xfe")[8] for _, data in done.sent}
    assert controls <= {0x11, 0x12, 0x01, 0x02}


def test_device_is_not_asked_again_before_its_sample_is_durable() -> None:
    simulated = meter(5)
    bus = Bus([device(simulated)], LineTiming.of(LINE))
    done = VirtualRun(bus, SimulatedLine([simulated], LINE.character_s), is_durable_at_once=False).until(240)
    assert slots(done.samples) == [1]
    assert bus.statistics.held_back == 3
    done.held.pop().became_durable()
    done.until(250)
    assert slots(done.samples) == [1, 4]


def test_slot_that_had_begun_before_the_start_is_left_to_the_process_before() -> None:
    done = run([meter(5)], minutes=2)
    assert slots(done.samples)[0] == 1
    assert done.samples[0].time_us % MINUTE_US == 0


def test_unplugged_line_loses_no_minute_that_was_told_and_doubles_none() -> None:
    meters = [meter(n) for n in range(4)]
    bus = Bus([device(item) for item in meters], LineTiming.of(LINE))
    done = VirtualRun(bus, SimulatedLine(meters, LINE.character_s))
    for number in range(20):
        done.until(60 * number + 60 + 0.37 * number)  # somewhere in an exchange
        bus.line_lost()
        done.line = SimulatedLine(meters, LINE.character_s)  # what was on the wire is gone
    done.until(60 * 22 + 30)
    for item in meters:
        times = [sample.time_us for sample in done.of(item.address)]
        assert len(times) == len(set(times)) == 22
        assert not [n for sample in done.of(item.address) for n in sample.notices if n.kind == "device_silent"]


def test_line_that_was_away_for_minutes_does_not_date_new_readings_back() -> None:
    simulated = meter(5)
    bus = Bus([device(simulated)], LineTiming.of(LINE))
    done = VirtualRun(bus, SimulatedLine([simulated], LINE.character_s)).until(59.3)
    bus.line_lost()
    done.now_s = 250.0
    done.until(300)
    for sample in done.samples:
        assert sample.read_us - sample.time_us < MINUTE_US


def test_bus_speaks_over_a_line_that_is_never_quiet() -> None:
    done = run([meter(5)], minutes=3, babble_every_s=0.015, babble_bytes=1)
    assert done.sent
    assert done.bus.statistics.outcomes[Outcome.DAMAGED] > 0


def test_device_that_sends_byte_by_byte_is_read_and_holds_nobody_up() -> None:
    slow, others = meter(5, faults=Faults(byte_gap_s=0.4)), [meter(n) for n in range(6, 12)]
    done = run([slow, *others], minutes=6)
    assert done.values(slow.address)["02030000"] == pytest.approx(15.0, abs=1e-4)
    for item in others:
        assert slots(done.of(item.address)) == [1, 2, 3, 4, 5]


def test_clock_that_jumps_back_gives_no_second_sample_of_a_slot() -> None:
    simulated = meter(5)
    bus = Bus([device(simulated)], LineTiming.of(LINE))
    seen: dict[int, int] = defaultdict(int)
    for now_us in (START_US, START_US + MINUTE_US, START_US, START_US + MINUTE_US, START_US + 2 * MINUTE_US):
        for _ in range(3):
            bus.step(now_us / 1e6, now_us)
        seen[bus.devices[0].slot_us] += 1
    assert len([slot for slot in seen if slot]) <= 2
