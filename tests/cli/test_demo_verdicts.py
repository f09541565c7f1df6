"""What the demonstration says of itself: found, missed and wrongly accused, counted as they are."""

from typing import Any

from gateway.cli.demo_history import FOUND, MISSED, WRONG, Verdict, judge, verdict_table

DAY_S = 86_400.0


def label(site: str, start_s: float, end_s: float) -> dict[str, Any]:
    return {"site": site, "class_name": "scaled", "level": "L2", "start_s": start_s, "end_s": end_s}


def alert(site: str, fault: str | None, start_s: float = 0.0, end_s: float = 0.0) -> dict[str, Any]:
    return {"site": site, "class": fault, "start_s": start_s, "end_s": end_s}


def test_labels_are_moved_as_their_sites_were_and_compared_by_time() -> None:
    labels = [label("A", 0, 10), label("B", 0, 10), label("C", 0, 10)]
    moved = {"A": DAY_S, "B": DAY_S, "C": 0.0}
    alerts = [
        alert("A", "scaled", DAY_S + 9, DAY_S + 12),
        alert("A", "offset", DAY_S + 2, DAY_S + 3),
        alert("B", "scaled", 0, 10),  # where the label was before it was moved
        alert("C", None),
        alert("H", "replayed", 5, 6),
        alert("H", "replayed", 7, 8),
    ]
    assert judge(labels, alerts, moved) == [
        Verdict("A", "scaled (L2)", "scaled, offset", FOUND),
        Verdict("B", "scaled (L2)", "", MISSED),
        Verdict("C", "scaled (L2)", "", MISSED),
        Verdict("B", "", "scaled", WRONG),
        Verdict("H", "", "replayed", WRONG),
    ]


def test_an_alert_that_only_touches_a_label_does_not_find_it() -> None:
    verdicts = judge([label("A", 10, 20)], [alert("A", "scaled", 0, 10)], {"A": 0.0})
    assert [verdict.outcome for verdict in verdicts] == [MISSED, WRONG]


def test_the_table_gives_totals_and_the_budget() -> None:
    table = verdict_table(judge([label("A", 0, 10)], [], {"A": 0.0}), sites=1, budget=0.1)
    assert table.row_count == 1
    assert "found 查出: 0, missed 漏报: 1, wrongly accused 误报: 0" in str(table.caption)
    assert "0.1 per site and month" in str(table.caption)
