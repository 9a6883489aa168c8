"""Answer `/metrics`: the health document in the text format of Prometheus."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Response

from tapeline.errors import TapelineError
from tapeline.forecast import HORIZON
from tapeline.forecast.price_bands import COVERAGES
from tapeline.runtime.delivery_lag import BOUNDS
from tapeline.web.api.health_routes import gather_health
from tapeline.web.api.parameters import CurrentPage
from tapeline.web.api.problems import problems
from tapeline.web.page import Page

routes = APIRouter(tags=["health"])

#: The histogram before the first delivery, and where none comes in.
_NO_LAG: dict[str, Any] = {"bounds": BOUNDS, "counts": [0] * (len(BOUNDS) + 1), "seconds": 0.0}


@routes.get(
    "/metrics", summary="Metrics for Prometheus", response_class=Response,
    responses={
        **problems(),
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The text format."},
    },
)  # fmt: skip
async def metrics(page: CurrentPage) -> Response:
    """Answer with gauges, counters and a histogram. A gauge that nobody in this process knows is NaN, so no rule fires.

    Every series is there from the start, as Prometheus advises: a query then tells "nothing yet" from a wrong name. The
    registry is a new one at each request, because every value is read now and none is counted here.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    from prometheus_client.registry import Collector

    class Counted(Collector):
        """Give what others count; the library's own classes could only count up from 0."""

        def collect(self) -> Iterable[CounterMetricFamily | HistogramMetricFamily]:
            for name, (text, value) in counters.items():
                yield CounterMetricFamily(f"tapeline_{name}", text, value)
            lag = found["lag"] or _NO_LAG
            yield HistogramMetricFamily(
                "tapeline_lag_seconds", "From a message's arrival to its row.", _steps(lag), sum_value=lag["seconds"]
            )

    found = await gather_health(page)
    registry = CollectorRegistry()
    counters = {
        "internal_errors": ("Answers of 500 since the start.", found["internal_errors"]),
        "closed_connections": ("Connections closed for waiting too long or for room.", page.connections.closed),
        "refused_connections": ("Connections refused because all were busy.", page.connections.refused),
        "shed_connections": ("Connections closed for want of a file descriptor.", page.connections.shed),
    }
    alerts = page.data.alerts
    with contextlib.suppress(TapelineError):
        newest = await page.read(lambda: alerts.newest(1)) if alerts else []
        counters["alerts"] = ("Alerts that fired, ever.", newest[0].id if newest else 0)
    registry.register(Counted())

    def gauge(name: str, text: str, value: float | None) -> None:
        Gauge(f"tapeline_{name}", text, registry=registry).set(math.nan if value is None else value)

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
    coverage = Gauge(
        "tapeline_range_coverage",
        "Share of closes within a band five bars ahead, of late.",
        ["band"],
        registry=registry,
    )
    shares = await _coverage(page)
    for band in COVERAGES:
        coverage.labels(str(band)).set(shares.get(band, math.nan))
    collector = found["collector"] or {}
    gauge("collector_streaming", "1 while prices are streamed, 0 while they are asked for or not to be had.",
          collector["state"] == "streaming" if collector else None)  # fmt: skip
    gauge("last_message_timestamp_seconds", "Last message of the feed.", _seconds(collector.get("last_message")))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _steps(lag: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the histogram's bounds as text, each with how many deliveries took at most as long."""
    bounds = [*map(str, lag["bounds"]), "+Inf"]
    return list(zip(bounds, map(float, itertools.accumulate(lag["counts"])), strict=True))


async def _coverage(page: Page) -> Mapping[int, float]:
    """Return the share of closes within each band, by its coverage in percent, where ranges were graded."""
    try:
        found = await page.judge(lambda: page.scores.judge_ranges(page.range_models(), HORIZON))
    except TapelineError:
        return {}  # the health document says what cannot be read
    whole = found.grades[0] if found.grades and found.grades[0].decided else None
    return {} if whole is None else {band: share.value for band, share in whole.coverage.items()}


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
