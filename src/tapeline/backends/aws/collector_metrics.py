"""Write the collector's figures as CloudWatch metrics: a log line in the embedded metric format."""

from __future__ import annotations

from typing import Any


def collector_metrics(bar_age_seconds: float, records_rejected: int) -> dict[str, Any]:
    """Return what to log so that CloudWatch makes one metric of each figure; `services/` has an alarm for each."""
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    metrics = EphemeralMetrics(namespace="Tapeline", service="collector")
    metrics.add_metric("BarAgeSeconds", MetricUnit.Seconds, bar_age_seconds)
    metrics.add_metric("RecordsRejected", MetricUnit.Count, records_rejected)
    return dict(metrics.serialize_metric_set())
