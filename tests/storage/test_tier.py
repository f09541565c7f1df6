"""Which tier a server's facts make."""

import pytest

from gateway.storage.tier import Tier, tier_of


@pytest.mark.parametrize(
    ("installed", "licence", "tier"),
    [
        (None, None, Tier.PLAIN),
        ("2.12.2", "timescale", Tier.PLAIN),
        ("2.13.0", "apache", Tier.TIMESCALE_APACHE),
        ("2.17.2", "timescale", Tier.TIMESCALE_APACHE),
        ("2.18.0", "timescale", Tier.TIMESCALE_TSL),
        ("2.19.3", "apache", Tier.TIMESCALE_APACHE),
        ("2.31.0-dev", "timescale", Tier.TIMESCALE_TSL),
        ("3.0.0", "timescale", Tier.TIMESCALE_TSL),
    ],
)
def test_version_and_licence_make_the_tier(installed: str | None, licence: str | None, tier: Tier) -> None:
    assert tier_of(installed=installed, licence=licence) is tier
