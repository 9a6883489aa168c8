"""Answer `/metrics`: the health document in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Response

from tapeline.web.api.health_routes import gather_health
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems

routes = APIRouter(tags=["health"])


@routes.get(
    "/metrics", summary="Metrics for Prometheus", response_class=Response,
    responses={
        **problems(),
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The text format."},
    },
)  # fmt: skip
async def metrics(page: CurrentPage) -> Response:
    """Answer with gauges of what is known; a part that nobody in this process knows has none.

    The registry is a new one at each request, because every value is read now and none is counted here.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest
    from prometheus_client.core import CounterMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    from prometheus_client.registry import Collector

    class Counters(Collector):
        """Give counters that others count; the library's own class could only count up from 0."""

        def collect(self) -> Iterable[CounterMetricFamily]:
            for name, (text, value) in counters.items():
                yield CounterMetricFamily(f"tapeline_{name}", text, value)

    found = await gather_health(page)
    registry = CollectorRegistry()
    counters = {
        "internal_errors": ("Answers of 500 since the start.", found["internal_errors"]),
        "closed_connections": ("Connections closed for waiting too long or for room.", page.connections.closed),
        "refused_connections": ("Connections refused because all were busy.", page.connections.refused),
        "shed_connections": ("Connections closed for want of a file descriptor.", page.connections.shed),
    }
    registry.register(Counters())

    def gauge(name: str, text: str, value: float | None) -> None:
        if value is not None:
            Gauge(f"tapeline_{name}", text, registry=registry).set(value)

    gauge("up", "1 when the store can be read.", 0 if found["error"] else 1)
    gauge("rows", "Rows in the store.", found["rows"])
    gauge("symbols", "Symbols with rows.", found["symbols"])
    gauge("rejected_records", "Records that were refused and kept.", found["rejects"])
    gauge("stream_depth_bars", "Bars that wait in the stream.", found["depth"])
    gauge("disk_free_bytes", "Free bytes where the data directory is.", found["disk_free"])
    gauge("clients", "Open connections for live updates.", found["clients"])
    gauge("connections", "Open connections of the page's server.", found["connections"])
    gauge("errors", "Things that went wrong lately.", len(found["errors"]))
    gauge("last_bar_timestamp_seconds", "Open time of the newest bar.", _seconds(found["last"]))
    gauge("model_trained_until_seconds", "Last bar that the model in use saw.", _seconds(found["trained"]))
    troubles = Gauge("tapeline_trouble", "1 while something of this kind is wrong.", ["kind"], registry=registry)
    for kind, lines in (await page.read(page.data.troubles)).items():
        troubles.labels(kind).set(bool(lines))
    lag, collector = found["lag"] or {}, found["collector"] or {}
    for share in ("p50", "p99"):
        gauge(f"lag_{share}_seconds", "From a message to its row.", _seconds(lag.get(share)))
    gauge("last_message_timestamp_seconds", "Last message of the feed.", _seconds(collector.get("last_message")))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
