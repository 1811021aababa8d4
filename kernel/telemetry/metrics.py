"""What is counted, in Prometheus' terms. Served at /metrics."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

_deliveries = Counter(
    "annex_deliveries_total", "Webhook deliveries by what became of them", ["connection", "outcome"], registry=REGISTRY
)
_intake = Histogram(
    "annex_intake_seconds", "Time from a webhook's arrival to our answer", ["connection"], registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.25, 0.5, 1, 3),
)  # fmt: skip
_outgoing = Histogram(
    "annex_outgoing_seconds", "Calls to outside systems", ["connection", "status"], registry=REGISTRY,
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60),
)  # fmt: skip
_reads = Histogram(
    "annex_source_seconds", "Questions to sources of data, over all their pages", ["connection", "set", "outcome"],
    registry=REGISTRY, buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)  # fmt: skip
_jobs = Counter("annex_jobs_total", "Jobs by name and outcome", ["job", "outcome"], registry=REGISTRY)
_swept = Counter(
    "annex_sweep_looks_total", "Changes that no delivery had reported, found by a sweep", ["portal"], registry=REGISTRY
)
_waiting = Gauge("annex_waiting", "What waits, by kind", ["kind"], registry=REGISTRY)
_calls = Gauge("annex_calls", "Calls that have not ended well, by connection", ["connection", "state"], registry=REGISTRY)
_up = Gauge("annex_connection_up", "1: the connection works as far as we know", ["connection"], registry=REGISTRY)


def delivery(connection: str, outcome: str) -> None:
    _deliveries.labels(connection, outcome).inc()


def intake(connection: str, seconds: float) -> None:
    _intake.labels(connection).observe(seconds)


def outgoing(connection: str, status: str, seconds: float) -> None:
    _outgoing.labels(connection, status).observe(seconds)


def source_read(connection: str, data_set: str, outcome: str, seconds: float) -> None:
    _reads.labels(connection, data_set, outcome).observe(seconds)


def job(name: str, outcome: str) -> None:
    _jobs.labels(name, outcome).inc()


def swept(portal: str, syncs: int) -> None:
    _swept.labels(portal).inc(syncs)


def waiting(kind: str, number: int) -> None:
    _waiting.labels(kind).set(number)


def connection(name: str, *, up: bool, calls: Mapping[str, int]) -> None:
    _up.labels(name).set(int(up))
    for state, number in calls.items():
        _calls.labels(name, state).set(number)


def page() -> bytes:
    return generate_latest(REGISTRY)
