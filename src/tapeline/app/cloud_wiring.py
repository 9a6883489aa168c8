"""Wire the parts of the AWS runtime. Clients are passed in, so that tests can pass stand-ins."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any

from tapeline.app.config import Settings, variable
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.firehose import FirehoseCopy
from tapeline.backends.aws.s3_rejects import S3Rejects
from tapeline.backends.aws.sagemaker_predictor import SageMakerPredictor
from tapeline.core.market import Rows
from tapeline.errors import ConfigError
from tapeline.runtime.batches import Batches
from tapeline.runtime.clock import now_ms
from tapeline.runtime.processor import Processor

#: Makes a boto3 client of the service of that name.
Clients = Callable[[str], Any]


def _passed_ms() -> int:
    """Return ms that have passed since some moment, however the machine's clock is set."""
    return int(time.monotonic() * 1000)


def require(settings: Settings, *names: str) -> None:
    """Raise `ConfigError` when one of these settings is empty; names are dotted, such as `aws.bucket`."""
    for name in names:
        if not operator.attrgetter(name)(settings):
            raise ConfigError(f"setting {name} is empty; set {variable(name)}")


def dynamo_store(settings: Settings, client: Clients) -> DynamoStore:
    """Return the store of rows and states in DynamoDB. Raises `ConfigError`."""
    require(settings, "aws.rows_table", "aws.state_table")
    aws = settings.aws
    return DynamoStore(client("dynamodb"), aws.rows_table, aws.state_table, row_days=aws.row_days)


def batches(
    settings: Settings, client: Clients, warn: Callable[[str], None]
) -> tuple[Batches, SageMakerPredictor | None]:
    """Return what the Lambda function runs, and the predictor in it, None without an endpoint.

    Raises `ConfigError`.
    """
    require(settings, "aws.bucket")
    store = dynamo_store(settings, client)
    predictor = None
    if settings.aws.sagemaker_endpoint:
        runtime = client("sagemaker-runtime")
        predictor = SageMakerPredictor(runtime, settings.aws.sagemaker_endpoint, clock=_passed_ms, warn=warn)

    def nowhere(_: Rows) -> None:
        return

    copy: Callable[[Rows], None] = nowhere
    if settings.aws.firehose_stream:
        copy = FirehoseCopy(client("firehose"), settings.aws.firehose_stream, clock=now_ms, sleep=time.sleep)
    return (
        Batches(
            store,
            lambda: Processor(settings.indicators, predictor),
            clock=now_ms,
            refuse=S3Rejects(client("s3"), settings.aws.bucket, clock=now_ms),
            copy=copy,
        ),
        predictor,
    )
