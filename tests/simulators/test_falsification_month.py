"""The fleet of a month: some sites falsify, each differently, and neither ids nor seeds give them away."""

from simulators.falsification import fleet
from simulators.falsification.site import DAY_S


def test_some_sites_falsify_each_in_a_way_of_its_own() -> None:
    sites = list(fleet.month(3, 6, 3))
    falsified = [label for site in sites for label in site.truth if label.falsified]
    assert len({label.site for label in falsified}) == 3
    assert len({label.injection for label in falsified}) == 3
    assert all((site.end_s - site.accepted_s) == 30 * DAY_S for site in sites)
    assert [site.id for site in sites] == [f"M-{number:04d}" for number in range(6)]


def test_a_site_does_not_depend_on_those_beside_it() -> None:
    few, more = list(fleet.month(3, 2, 0)), list(fleet.month(3, 4, 0))
    assert [len(site.points) for site in few] == [len(site.points) for site in more[:2]]
    assert (few[1].points[0].channels[0].values == more[1].points[0].channels[0].values).all()
