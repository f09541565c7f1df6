"""The figures that the gateway shows on `/metrics`.

No label ever carries a device, an address or anything else from the field: the number of label values is bounded
by the configuration and by enumerations of ours.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
RUN_SECONDS = (1, 5, 15, 60, 300, 900, 3_600, 14_400)
RECORDS = (1, 10, 100, 1_000, 2_500, 5_000, 10_000, 20_000)


class Metrics:
    """All of our metrics, in a registry of their own, so that several gateways can live in one test process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"gateway_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"gateway_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"gateway_{name}", text, registry=registry, buckets=buckets)

        # The books: records_received = sum of records over outcomes + records_spooled.
        self.received = counter("records_received", "records made durable, in the database or in the spool")
        self.records = counter("records", "records by what became of them", "outcome")
        self.spooled = gauge("records_spooled", "records waiting in the local spool")
        # Intake
        self.frames = counter("frames", "frames that came in", "source", "verdict")
        self.bytes = counter("bytes_received", "bytes that came in", "source")
        self.inbox_bytes = gauge("inbox_bytes", "bytes that wait for a batch")
        self.inbox_full = counter("inbox_full", "times that the sources were told to wait")
        self.batch_records = histogram("batch_records", "records in a batch", RECORDS)
        self.commit_seconds = histogram("commit_seconds", "time to make a batch durable", SECONDS)
        self.lag_seconds = histogram("lag_seconds", "arrival to durable, oldest frame of a batch", SECONDS)
        self.spool_full = counter("spool_full", "batches that neither the database nor the spool could take at once")
        self.storage_errors = counter("storage_errors", "batches that the database could not take", "transient")
        self.database_up = gauge("database_up", "1 while the last write to the database worked")
        # Sources
        self.connections = gauge("connections", "open connections", "source")
        self.refused_connections = counter("connections_refused", "connections closed at once", "source", "reason")
        self.closed_connections = counter("connections_closed", "connections that we closed", "source", "reason")
        self.deviations = counter("deviations", "departures from the standard, by name", "source", "deviation")
        self.identity = counter("identity", "identity checks that did not simply pass", "source", "verdict")
        self.answers = counter("answers", "answers sent to devices", "source", "command")
        self.exchanges = counter("exchanges", "requests to devices by how they ended", "request", "result")
        # Detection: what this process did
        self.detection_runs = counter("detection_runs", "runs of the analysis that this process started", "outcome")
        self.detection_seconds = histogram("detection_seconds", "time that such runs took", RUN_SECONDS)
        self.detection_every = gauge("detection_every_seconds", "how often this process looks for a run; 0: never")
        # Detection: what the database says, the same from every process; see `gateway.detection.figures`
        self.detection_success = gauge("detection_last_success_timestamp_seconds", "end of the last run without error")
        self.detection_lag = gauge("detection_lag_seconds", "newest data behind which the last such run stands")
        self.detection_locked = gauge("detection_lock_held", "1 while some process analyses")
        self.findings = gauge("findings", "findings in the database", "class")
        self.alerts = gauge("alerts", "alerts in the database", "class", "state")
        self.outbox_pending = gauge("alert_outbox_pending", "messages about alerts that wait for their feed")
        self.outbox_age = gauge("alert_outbox_oldest_seconds", "age of the oldest of them")
        self.facilities_looked = gauge(
            "facilities_last_look_timestamp_seconds", "last look, site looked at longest ago"
        )
