"""Which channels of a site are computed from others, and what they should read.

Declared formulas (`derived_from` with `formula`) are audited; a relation by an unknown rule is left alone. Converted
values are audited without a declaration too, as their formula is the standard's.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.detectors import identities
from analysis.detectors.aggregate_audits import aggregate_audit
from analysis.detectors.audit import Audit, Series
from analysis.detectors.conversion_audit import CONVERTED, oxygen_conversion_audit, undeclared_sources
from analysis.detectors.once_a_site import once_a_site
from analysis.detectors.stack_audits import audit_by_roles, dry_standard_flow_audit, line_audit, mass_audit
from analysis.model.metadata import Channel
from analysis.model.site import Grid, SiteData

Builder = Callable[[SiteData, Grid, int, list[Series]], Audit | None]

BUILDERS: dict[str, Builder] = {
    "oxygen_conversion": oxygen_conversion_audit,
    "mass": mass_audit,
    "dry_standard_flow": dry_standard_flow_audit,
    "power_factor": audit_by_roles(
        {"active": ("power", "energy"), "reactive": ("reactive_energy", "reactive_power")},
        identities.power_factor,
        formula="power_factor",
    ),
    "no_to_nox": audit_by_roles({"no": ("no",), "no2": ("no2",)}, identities.no_to_nox, formula="no_to_nox"),
    "affine": line_audit,
    "rate": line_audit,
    "mean": aggregate_audit,
    "sum": aggregate_audit,
    "flow_weighted_mean": aggregate_audit,
}


@once_a_site
def audits_of(data: SiteData) -> tuple[Audit, ...]:
    """All identities that can be formed at a site, in the order of its channels."""
    found = []
    for grid in data.grids.values():
        for row, channel in enumerate(grid.channels):
            audit = _audit(data, grid, row, channel) if grid.n_times else None
            if audit is not None:
                found.append(audit)
    return tuple(found)


def _audit(data: SiteData, grid: Grid, row: int, channel: Channel) -> Audit | None:
    formula = channel.formula
    sources = [data.channel(channel.point, name) for name in channel.derived_from]
    if formula is None and channel.statistic in CONVERTED and channel.reference_oxygen_pct is not None:
        formula, sources = "oxygen_conversion", undeclared_sources(data, channel)
    builder = BUILDERS.get(formula or "")
    known = [source for source in sources if source is not None]
    if builder is None or not known or len(known) < len(sources):
        return None
    return builder(data, grid, row, known)
