"""The figures of the MQTT benchmark as tables in Markdown, as they stand in docs/benchmarks.md."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from tests.bench.mqtt_receivers import Loss, Speed

SPEED_HEAD = (
    "receiver", "messages/s (range)", "values/s", "of the bare loop",
    "µs CPU a message: receiver", "broker", "database", "MB", "unacknowledged",
)  # fmt: skip
LOSS_HEAD = ("receiver", "kills", "messages", "lost", "doubled", "left with the broker")


def speed_table(runs: Mapping[str, Sequence[Speed]], *, values: int, bare: str) -> str:
    """Medians of the rounds; the last column is the worst round's."""
    limit = statistics.median(one.messages_per_s for one in runs[bare])
    return _markdown(SPEED_HEAD, (_speed_row(name, speeds, values, limit) for name, speeds in runs.items()))


def loss_table(found: Mapping[str, tuple[int, Loss]]) -> str:
    """What kills did; `found` has the messages sent and the loss of each receiver."""
    rows = (
        (name, f"{loss.kills}", f"{sent:,}", f"{loss.lost:,.0f}", f"{loss.doubled:,.0f}", f"{loss.not_taken:,.0f}")
        for name, (sent, loss) in found.items()
    )
    return _markdown(LOSS_HEAD, rows)


def _speed_row(name: str, speeds: Sequence[Speed], values: int, limit: float) -> tuple[str, ...]:
    rates = sorted(one.messages_per_s for one in speeds)
    rate = statistics.median(rates)

    def median(field: str) -> str:
        return f"{statistics.median(getattr(one, field) for one in speeds):,.0f}"

    return (
        name,
        f"{rate:,.0f} ({rates[0]:,.0f} to {rates[-1]:,.0f})",
        f"{rate * values:,.0f}",
        f"{rate / limit:.0%}",
        median("receiver_us"),
        median("broker_us"),
        median("database_us"),
        median("megabytes"),
        f"{max(one.unacknowledged for one in speeds)}",
    )


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    ruler = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *rows))
