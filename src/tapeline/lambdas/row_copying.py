"""Copy final rows to Firehose after they were stored: the Lambda function on the change stream of the table of rows.

The copy is never in front of a row. DynamoDB keeps every change for a day, and Lambda calls this function with them, in
the order of each item, again and again until it succeeds: an outage of Firehose delays the copy, and nothing else. A
batch that comes again puts its rows again; the newest `written_at` counts, as everywhere in the copy.
"""

from __future__ import annotations

import time
from typing import Any

from aws_lambda_powertools import Logger

from tapeline.app import config
from tapeline.app.cloud_wiring import require
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.dynamodb.row_changes import final_rows
from tapeline.backends.aws.embedded_metrics import metric_line
from tapeline.backends.aws.firehose import FirehoseCopy
from tapeline.errors import StorageError
from tapeline.lambdas.remaining_time import seconds_left
from tapeline.runtime.clock import now_ms
from tapeline.runtime.deadline import Deadline

_SERVICE = "copier"


class Copier:
    """Keep what one execution environment reuses between invocations. Raises `ConfigError` without a stream."""

    def __init__(self) -> None:
        self.logger = Logger(service=_SERVICE)
        self.deadline = Deadline(time.sleep)
        settings = config.load()
        require(settings, "aws.firehose_stream")
        self._stack = settings.aws.stack
        stream = settings.aws.firehose_stream
        self._copy = FirehoseCopy(client("firehose"), stream, clock=now_ms, sleep=self.deadline.sleep)

    def __call__(self, event: dict[str, Any]) -> None:
        """Copy the final rows of an event, and count them. Raises `StorageError`, after which Lambda calls again."""
        rows = final_rows(event["Records"])
        try:
            self._copy(rows)
        except StorageError:
            self._count(0, len(rows))
            raise
        self._count(len(rows), 0)

    def _count(self, copied: int, delayed: int) -> None:
        figures = {"RowsCopied": float(copied), "RowsNotCopied": float(delayed)}
        self.logger.info("copy", extra=metric_line(_SERVICE, self._stack, figures))


_copier: Copier | None = None


def handler(event: dict[str, Any], context: Any = None) -> None:
    """Copy the rows of one event. The first call makes the parts; Lambda's entry point."""
    global _copier  # noqa: PLW0603 - what an execution environment keeps is module state by Lambda's design
    if _copier is None:
        _copier = Copier()
    _copier.deadline.left = seconds_left(context)
    _copier(event)
