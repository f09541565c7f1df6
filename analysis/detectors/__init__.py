"""One file a fault, named by it. A module here that defines `DETECTOR` (or `DETECTORS`) is registered by that alone."""

import importlib
import pkgutil
from functools import cache

from analysis.detectors.interface import CLASSES as CLASSES
from analysis.detectors.interface import INNOCENT as INNOCENT
from analysis.detectors.interface import Detector as Detector
from analysis.detectors.interface import Scores as Scores
from analysis.detectors.interface import Target as Target
from analysis.detectors.interface import Text as Text


@cache
def registered() -> tuple[Detector, ...]:
    """All detectors, ordered by name.

    Raises
    ------
    ValueError
        If two share a name, or one names an unknown class.
    """
    found: dict[str, Detector] = {}
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        detectors = getattr(module, "DETECTORS", None) or filter(None, [getattr(module, "DETECTOR", None)])
        for detector in detectors:
            if detector.name in found:
                raise ValueError(f"two detectors named {detector.name}")
            if detector.fault not in CLASSES:
                raise ValueError(f"detector {detector.name} names the unknown class {detector.fault}")
            found[detector.name] = detector
    return tuple(found[name] for name in sorted(found))
