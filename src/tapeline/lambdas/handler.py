"""Turn a batch of the Kinesis stream into rows in DynamoDB: the Lambda function.

A symbol whose state another invocation moved on is reported as a failed item, from its first record: Lambda delivers
the batch again from there, and what was applied is passed over. What cannot be read is kept on S3 and does not come
back. What there is no time for is reported too, so that a large batch is kept as far as it came. Any other error is
raised: Lambda retries, and cuts the batch in two until the culprit is alone.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord

from tapeline.app import cloud_wiring as cloud
from tapeline.app import config
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.embedded_metrics import NAMESPACE, metric_line
from tapeline.lambdas.heartbeat import HEARTBEAT, Heartbeat
from tapeline.lambdas.remaining_time import seconds_left
from tapeline.runtime.batch_records import Record
from tapeline.runtime.clock import now_ms
from tapeline.runtime.deadline import Deadline

#: Kinesis' sequence numbers have at most 186 bits. Numbers of shards only grow, and a shard that a symbol moves to when
#: the stream is resharded is newer than the one it was in: in front of the sequence number they keep the order.
_SEQUENCE_BITS = 200


class Function:
    """Keep what one execution environment reuses between invocations: logger, metrics, store, predictor."""

    def __init__(self) -> None:
        self.logger = Logger(service="processor")
        self.settings = config.load()
        self.metrics = EphemeralMetrics(namespace=NAMESPACE, service="processor")
        self.metrics.set_default_dimensions(stack=self.settings.aws.stack)
        self.deadline = Deadline()
        self.batches, self.predictor = cloud.batches(
            self.settings, client, self.logger.warning, sleep=self.deadline.sleep
        )
        store = cloud.dynamo_store(self.settings, client)
        wake = self.predictor.wake if self.predictor else (lambda: None)
        self.heartbeat = Heartbeat(store.latest, wake, now_ms)

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        """Apply the records of an event; write one log line and the metrics that the alarms watch."""
        if event == HEARTBEAT:
            age = {"RowAgeSeconds": self.heartbeat()}
            self.logger.info("heartbeat", extra=metric_line("processor", self.settings.aws.stack, age))
            return {}
        records = [_record(record) for record in KinesisStreamEvent(event).records]
        ready = self.predictor is None or self.predictor.prepare()
        missed = self.predictor.missed if self.predictor else 0
        outcome = self.batches.apply(records, self.deadline.left)
        missed = (self.predictor.missed if self.predictor else 0) - missed + (0 if ready else outcome.rows)
        if outcome.rejects:
            self.metrics.add_metric("RecordsRejected", MetricUnit.Count, outcome.rejects)
            self.logger.warning("records were rejected; they are kept on S3", extra={"rejects": outcome.rejects})
        if self.predictor:
            self.metrics.add_metric("PredictionsMissed", MetricUnit.Count, missed)
        if outcome.renewed:
            self.logger.warning("states were recomputed from their rows", extra={"states": outcome.renewed[:20]})
        if outcome.failed:
            reason = outcome.stopped or "their symbols were moved on meanwhile"
            self.logger.warning(f"records are given back: {reason}", extra={"failed": len(outcome.failed)})
        self.logger.info("batch", extra={
            "records": len(records), "bars": outcome.bars, "rows": outcome.rows, "repeated": outcome.repeated,
            "corrected": outcome.corrected, "rejected": outcome.rejects, "unpredicted": missed,
        })  # fmt: skip
        if self.metrics.metric_set:
            self.metrics.flush_metrics()
        return {"batchItemFailures": [{"itemIdentifier": sequence} for sequence in outcome.failed]}


_function: Function | None = None


def handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """Answer a Kinesis event with the items to deliver again. The first call makes the parts; Lambda's entry point."""
    global _function  # noqa: PLW0603 - what an execution environment keeps is module state by Lambda's design
    if _function is None:
        _function = Function()
    _function.deadline.left = seconds_left(context)
    return _function(event)


def _record(record: KinesisStreamRecord) -> Record:
    sequence = record.kinesis.sequence_number
    shard = record.event_id.partition(":")[0].rpartition("-")[2]
    return Record(int(shard) << _SEQUENCE_BITS | int(sequence), sequence, record.kinesis.data_as_bytes())
