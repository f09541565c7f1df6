"""The record of a vapour recovery test as it comes from a tester, a phone or a file: raw readings, no verdicts needed.

JSON in, typed record out: `VapourRecoveryRecord.model_validate_json`; its `ValueError` names each wrong field.
What an instrument printed as its verdict is kept (`instrument_verdict`) and compared, never copied.
"""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rig(_Part):
    """The instruments of the test team and their last calibrations."""

    id: str
    serial_settings: str = ""
    pressure_calibrated: date | None = None
    gas_meter_calibrated: date | None = None
    raw_sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """Hash of the bytes that the instrument sent or printed."""


class Fix(_Part):
    """Where the test was made, by GNSS. [deg]"""

    latitude_deg: float = Field(ge=-90, le=90)
    longitude_deg: float = Field(ge=-180, le=180)


class _Timed(_Part):
    started: AwareDatetime
    ended: AwareDatetime


class Tightness(_Timed):
    """密闭性: pressurised to 500 Pa, read each minute for five minutes."""

    tank: str
    ullage_l: float = Field(gt=0)
    affected_nozzles: int = Field(ge=1)
    is_joined: bool
    capacity_l: float | None = Field(None, gt=0)
    nitrogen_l_min: float | None = Field(None, gt=0)
    pressurising_s: float | None = Field(None, gt=0)
    initial_pa: float
    minute_pa: tuple[float, ...] = Field(min_length=1, max_length=5)
    gauge_warm_up_min: float | None = None
    gauge_drift_pa: float | None = None
    last_fuelling: AwareDatetime | None = None
    last_delivery: AwareDatetime | None = None


class Resistance(_Timed):
    """液阻 of one dispenser: pressure at each nitrogen flow [L/min → Pa]."""

    dispenser: str
    pressure_pa: dict[Literal["18", "28", "38"], float]
    settled_s: float | None = None


class Run(_Part):
    """One fuelling with both meters read before and after. [L]"""

    vapour_start_l: float
    vapour_end_l: float
    fuel_start_l: float
    fuel_end_l: float
    fuel_l_min: float | None = None

    @property
    def fuel_l(self) -> float:
        return self.fuel_end_l - self.fuel_start_l


class AirToLiquid(_Timed):
    """气液比 of one nozzle."""

    nozzle: str
    runs: tuple[Run, ...] = Field(min_length=1, max_length=3)
    gas_meter_correction: float = Field(1.0, gt=0)


class RigLeak(_Part):
    """Leak test of the A/L rig: pressure at the start and three minutes later. [Pa]"""

    start_pa: float
    end_pa: float


class VapourRecoveryRecord(_Part):
    """All tests of one visit to one station."""

    station: str
    operator: str
    rig: Rig
    fix: Fix | None = None
    nozzles_in_use: int = Field(ge=1)
    tightness: tuple[Tightness, ...] = ()
    resistance: tuple[Resistance, ...] = ()
    air_to_liquid: tuple[AirToLiquid, ...] = ()
    rig_leak_before: RigLeak | None = None
    rig_leak_after: RigLeak | None = None
    exhaust_g_m3: float | None = None
    leaks_umol_mol: tuple[float, ...] = ()
    boundary_nmhc_mg_m3: tuple[float, ...] = ()
    instrument_verdict: dict[
        Literal["tightness", "resistance", "air_to_liquid", "station"], Literal["pass", "fail"]
    ] = {}
