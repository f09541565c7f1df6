"""What a simulated site is: kind, protocol edition, instruments and habits, all derived from a number and a seed."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np


class Edition(Enum):
    """The edition of the protocol; its value is the version in bits 2-7 of Flag (HJ 212-2017 section 6.3.2)."""

    E2005 = 0
    E2017 = 1
    E2025 = 2


@dataclass(frozen=True, slots=True)
class Factor:
    """One channel of a site, with the codes of both tables of the standard and what the instrument can show."""

    code: str  # HJ 212-2017 appendix B
    code_2005: str
    decimals: int
    range_high: float
    is_gas: bool = False  # concentration, converted to reference oxygen, with a mass
    has_mass: bool = False


STACK_FACTORS = (
    Factor("a21026", "02", 2, 200.0, is_gas=True, has_mass=True),  # sulphur dioxide [mg/m3]
    Factor("a21002", "03", 1, 300.0, is_gas=True, has_mass=True),  # nitrogen oxides as NO2 [mg/m3]
    Factor("a34013", "01", 2, 50.0, is_gas=True, has_mass=True),  # dust [mg/m3]
    Factor("a19001", "S01", 2, 25.0),  # oxygen, dry [%]
    Factor("a01011", "S02", 2, 40.0),  # velocity [m/s]
    Factor("a01012", "S03", 1, 300.0),  # temperature [C]
    Factor("a01013", "S08", 3, 5.0),  # static pressure [kPa]
    Factor("a01014", "S05", 2, 40.0),  # humidity [%]
    Factor("a00000", "B02", 2, 1000.0),  # flow, dry, 0 C, 101.325 kPa [m3/s]
)

OUTLET_FACTORS = (
    Factor("w01018", "011", 2, 200.0, has_mass=True),  # chemical oxygen demand [mg/L]
    Factor("w21003", "060", 3, 30.0, has_mass=True),  # ammonia nitrogen [mg/L]
    Factor("w21011", "101", 3, 5.0, has_mass=True),  # total phosphorus [mg/L]
    Factor("w21001", "065", 2, 50.0, has_mass=True),  # total nitrogen [mg/L]
    Factor("w01001", "001", 2, 14.0),  # pH [1]
    Factor("w00000", "B01", 2, 5000.0),  # flow [L/s]
)


@dataclass(frozen=True, slots=True)
class Site:
    """A simulated outlet with its field host. Frozen: signals are functions of a site and a time."""

    number: int
    seed: int
    mn: str
    password: str
    edition: Edition
    is_stack: bool
    habits: frozenset[str]
    realtime_s: int  # RtdInterval
    minute_s: int  # MinInterval, in seconds
    limits: dict[str, float] = field(compare=False)  # emission limits by 2017 code, converted values for stacks
    reference_oxygen: float = 6.0  # coal-fired boilers, GB 13223-2011
    duct_area_m2: float = 12.0
    falsification: str = ""

    @property
    def factors(self) -> tuple[Factor, ...]:
        return STACK_FACTORS if self.is_stack else OUTLET_FACTORS

    @property
    def system_code(self) -> str:
        return "31" if self.is_stack else "32"

    def code(self, factor: Factor) -> str:
        return factor.code_2005 if self.edition is Edition.E2005 else factor.code


# Ultra-low coal-fired limits at 6 % oxygen; GB 18918-2002 class 1A.
STACK_LIMITS = {"a21026": 35.0, "a21002": 50.0, "a34013": 10.0}
OUTLET_LIMITS = {"w01018": 50.0, "w21003": 5.0, "w21011": 0.5, "w21001": 15.0}

# Dealt by number modulo 20: most stations conform. The places match EDITION_DECK (2005: 1, 6, 11, 16; 2025: 3, 8, 13,
# 18) and the kind (stacks are even), so that each habit sits on a device that has it in the field.
HABIT_DECK: dict[int, str] = {
    2: "lower_case_crc",
    4: "over_1024",
    6: "milliseconds",
    7: "missing_crlf",
    9: "wrong_length",
    10: "long_messages",
    11: "no_flag",
    12: "crc_modbus",
    14: "gbk_text",
    16: "spread_group",
    17: "repeats",
}
EDITION_DECK = (Edition.E2017, Edition.E2005, Edition.E2017, Edition.E2025, Edition.E2017)
FALSIFICATION_DECK = (
    "stuck_value",
    "scaled",
    "clipped_at_limit",
    "false_flags",
    "copied_channel",
    "replayed",
    "oxygen_lowered",
)


def device_number(number: int, edition: Edition, prefix: str) -> str:
    """The MN: 14 characters in 2005 (maker and serial), 24 since 2017."""
    return f"{prefix}{number:0{(14 if edition is Edition.E2005 else 24) - len(prefix)}d}"


def make_site(number: int, *, seed: int = 1, prefix: str = "SIM", falsified_share: float = 0.0) -> Site:
    """Site `number` of the fleet with this seed; the same arguments give the same site."""
    random = np.random.default_rng([seed, number])
    edition = EDITION_DECK[number % len(EDITION_DECK)]
    is_stack = number % 2 == 0
    is_falsified = random.random() < falsified_share
    falsification = FALSIFICATION_DECK[int(random.integers(len(FALSIFICATION_DECK)))] if is_falsified else ""
    if falsification == "oxygen_lowered" and not is_stack:
        falsification = "scaled"
    return Site(
        number=number,
        seed=int(random.integers(2**40)),
        mn=device_number(number, edition, prefix),
        password="123456",
        edition=edition,
        is_stack=is_stack,
        habits=frozenset(filter(None, [HABIT_DECK.get(number % 20)])),
        realtime_s=int(random.choice([30, 60])),
        minute_s=600,
        limits=STACK_LIMITS if is_stack else OUTLET_LIMITS,
        duct_area_m2=float(round(random.uniform(6.0, 28.0), 2)),
        falsification=falsification,
    )


def make_fleet(count: int, *, seed: int = 1, prefix: str = "SIM", falsified_share: float = 0.0) -> list[Site]:
    """The first `count` sites: stacks and outlets in turn, three editions, every habit from 20 sites up."""
    return [
        make_site(number, seed=seed, prefix=prefix, falsified_share=falsified_share) for number in range(1, count + 1)
    ]
