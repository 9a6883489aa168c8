"""Write figures as CloudWatch metrics: a log line in the embedded metric format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The namespace of every metric of ours; `services/` has an alarm for each.
NAMESPACE = "Tapeline"


def metric_line(service: str, stack: str, figures: Mapping[str, float]) -> dict[str, Any]:
    """Return what to log so that CloudWatch makes a metric of each figure, with the dimensions `service` and `stack`.

    `stack` keeps the copies of one account apart. A figure whose name ends in `Seconds` has that unit, any other is a
    count.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    metrics.add_dimension(name="stack", value=stack)
    for name, value in figures.items():
        metrics.add_metric(name, MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count, value)
    return dict(metrics.serialize_metric_set())
