"""Limits of GB 20952-2020 for vapour recovery of petrol stations: its tables, and the interpolation between rows."""

from bisect import bisect_left

RESISTANCE_LIMITS_PA = {18: 40.0, 28: 90.0, 38: 155.0}
"""Nitrogen flow [L/min] → pressure that must not be reached [Pa] (table 1)."""

A_L_RANGE = (1.0, 1.2)
A_L_RETEST_MARGIN = 0.1
"""Outside the range by no more than this, two more runs decide (section 5.3)."""

EXHAUST_LIMIT_G_M3 = 25.0
LEAK_LIMIT_UMOL_MOL = 500.0
BOUNDARY_LIMIT_MG_M3 = 4.0

NOZZLE_COLUMNS = (6, 12, 18, 24)
"""Last nozzle count of each column of table 2 but the open last one."""

TIGHTNESS_PA: dict[int, tuple[int, int, int, int, int]] = {
    1893: (182, 172, 162, 152, 142),
    2082: (199, 189, 179, 169, 159),
    2271: (217, 204, 194, 184, 177),
    2460: (232, 219, 209, 199, 192),
    2650: (244, 234, 224, 214, 204),
    2839: (257, 244, 234, 227, 217),
    3028: (267, 257, 247, 237, 229),
    3217: (277, 267, 257, 249, 239),
    3407: (286, 277, 267, 257, 249),
    3596: (294, 284, 277, 267, 259),
    3785: (301, 294, 284, 274, 267),
    4542: (329, 319, 311, 304, 296),
    5299: (349, 341, 334, 326, 319),
    6056: (364, 356, 351, 344, 336),
    6813: (376, 371, 364, 359, 351),
    7570: (389, 381, 376, 371, 364),
    8327: (396, 391, 386, 381, 376),
    9084: (404, 399, 394, 389, 384),
    9841: (411, 406, 401, 396, 391),
    10598: (416, 411, 409, 404, 399),
    11355: (421, 418, 414, 409, 404),
    13248: (431, 428, 423, 421, 416),
    15140: (438, 436, 433, 428, 426),
    17033: (446, 443, 441, 436, 433),
    18925: (451, 448, 446, 443, 441),
    22710: (458, 456, 453, 451, 448),
    26495: (463, 461, 461, 458, 456),
    30280: (468, 466, 463, 463, 461),
    34065: (471, 471, 468, 466, 466),
    37850: (473, 473, 471, 468, 468),
    56775: (481, 481, 481, 478, 478),
    75700: (486, 486, 483, 483, 483),
    94625: (488, 488, 488, 486, 486),
}
"""Ullage [L] → least pressure after five minutes [Pa] for 1-6, 7-12, 13-18, 19-24 and more nozzles (table 2)."""

_ULLAGES = tuple(TIGHTNESS_PA)

SAMPLING = ((6, None, 1), (10, 6, 1), (15, 8, 2), (20, 10, 2), (None, 12, 3))
"""Nozzles in use up to (None: any) → nozzles to test at least (None: all), failing nozzles that fail the station
(table 4). A province may be stricter."""


def least_pressure_pa(ullage_l: float, nozzles: int) -> float:
    """Least pressure five minutes after 500 Pa, interpolated linearly between rows (formula B.2). [Pa]

    Parameters
    ----------
    ullage_l : float
        Vapour space of the tank or of the joined tanks. [L]
    nozzles : int
        Nozzles whose vapour lines lead to it: all of a station with joined tanks.

    Raises
    ------
    ValueError
        Outside 1893 to 94625 L, for which the table has no value, and for fewer than one nozzle.
    """
    if nozzles < 1:
        raise ValueError(f"{nozzles} nozzles: at least one is affected")
    if not _ULLAGES[0] <= ullage_l <= _ULLAGES[-1]:
        raise ValueError(f"ullage {ullage_l} L is outside the table, {_ULLAGES[0]} to {_ULLAGES[-1]} L")
    column = bisect_left(NOZZLE_COLUMNS, nozzles)
    above = bisect_left(_ULLAGES, ullage_l)
    if _ULLAGES[above] == ullage_l:
        return float(TIGHTNESS_PA[_ULLAGES[above]][column])
    low, high = _ULLAGES[above - 1], _ULLAGES[above]
    low_pa, high_pa = TIGHTNESS_PA[low][column], TIGHTNESS_PA[high][column]
    return low_pa + (high_pa - low_pa) * (ullage_l - low) / (high - low)


def sampling_rule(nozzles_in_use: int) -> tuple[int, int]:
    """Nozzles to test at least, and failing nozzles from which the station fails (table 4).

    Raises
    ------
    ValueError
        For fewer than one nozzle.
    """
    if nozzles_in_use < 1:
        raise ValueError(f"{nozzles_in_use} nozzles in use: at least one")
    for last, sample, fail_at in SAMPLING:
        if last is None or nozzles_in_use <= last:
            return (nozzles_in_use if sample is None else sample), fail_at
    raise AssertionError("the last row of the table is open")
