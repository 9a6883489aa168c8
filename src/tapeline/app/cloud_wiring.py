"""Settings -> wired parts of the AWS runtime. Clients are handed in, so that only entry points speak to boto3."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tapeline.app.config import (
    Settings,
)
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.firehose import FirehoseCopy
from tapeline.backends.aws.s3_rejects import S3Rejects
from tapeline.backends.aws.sagemaker_predictor import SageMakerPredictor
from tapeline.core.market import Rows
from tapeline.errors import ConfigError
from tapeline.runtime.batches import Batches
from tapeline.runtime.clock import now_ms
from tapeline.runtime.processor import Processor

#: A boto3 client of the service of that name.
Clients = Callable[[str], Any]


def required(settings: Settings, *names: str) -> None:
    """Raises `ConfigError` when one of these settings is empty."""
    for name in names:
        if not getattr(settings, name):
            raise ConfigError(f"setting {name} is empty; set TAPELINE_{name.upper()}")


def store(settings: Settings, client: Clients) -> DynamoStore:
    """The rows and states in DynamoDB. Raises `ConfigError`."""
    required(settings, "rows_table", "state_table")
    return DynamoStore(client("dynamodb"), settings.rows_table, settings.state_table, row_days=settings.row_days)


def batches(
    settings: Settings, client: Clients, warn: Callable[[str], None]
) -> tuple[Batches, SageMakerPredictor | None]:
    """What the Lambda function runs, and the predictor in it (None without an endpoint). Raises `ConfigError`."""
    required(settings, "bucket")
    rows = store(settings, client)
    predictor = None
    if settings.sagemaker_endpoint:
        runtime = client("sagemaker-runtime")
        predictor = SageMakerPredictor(runtime, settings.sagemaker_endpoint, clock=now_ms, warn=warn)

    def nowhere(_: Rows) -> None:
        return

    copy: Callable[[Rows], None] = nowhere
    if settings.firehose_stream:
        copy = FirehoseCopy(client("firehose"), settings.firehose_stream, clock=now_ms, sleep=time.sleep)
    return (
        Batches(
            rows,
            lambda: Processor(settings.indicators, predictor),
            clock=now_ms,
            refuse=S3Rejects(client("s3"), settings.bucket, clock=now_ms),
            copy=copy,
        ),
        predictor,
    )
