"""Remember what was computed for a site as long as the site is in memory: several detectors ask for the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from analysis.model.site import SiteData

T = TypeVar("T")


def once_a_site(function: Callable[[SiteData], T]) -> Callable[[SiteData], T]:
    """Decorate a pure function of a site, so that it runs once for each. The result must not refer to the site
    itself."""
    known: WeakKeyDictionary[SiteData, T] = WeakKeyDictionary()

    @wraps(function)
    def remembering(data: SiteData) -> T:
        if data not in known:
            known[data] = function(data)
        return known[data]

    return remembering
