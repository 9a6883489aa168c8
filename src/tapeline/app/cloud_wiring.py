"""Wire the parts of the AWS runtime. Clients are passed in, so that tests can pass stand-ins."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from typing import Any, Protocol

from tapeline.app.config import Settings, variable
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.aws.s3_rejects import S3Rejects
from tapeline.backends.aws.sagemaker_predictor import SageMakerPredictor
from tapeline.core.ports import Predictor
from tapeline.errors import ConfigError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.promoted_model import PromotedModel
from tapeline.forecast.registry import Registry
from tapeline.runtime.batches import Batches
from tapeline.runtime.clock import now_ms
from tapeline.runtime.processor import Processor

#: Makes a boto3 client of the service of that name.
Clients = Callable[[str], Any]


class CloudPredictor(Predictor, Protocol):
    """Predict without ever holding up the stream. `missed` counts rows that were asked about in vain."""

    missed: int

    def prepare(self) -> bool:
        """Learn which model predicts, if that is unknown. Return False when nothing can predict now."""
        ...

    def wake(self) -> None:
        """Have what predicts ready before the first bars come."""
        ...


def _passed_ms() -> int:
    """Return ms that have passed since some moment, however the machine's clock is set."""
    return int(time.monotonic() * 1000)


def require(settings: Settings, *names: str) -> None:
    """Raise `ConfigError` when one of these settings is empty; names are dotted, such as `aws.bucket`."""
    for name in names:
        if not operator.attrgetter(name)(settings):
            raise ConfigError(f"setting {name} is empty; set {variable(name)}")


def dynamo_store(settings: Settings, client: Clients, sleep: Callable[[float], None] = time.sleep) -> DynamoStore:
    """Return the store of rows and states in DynamoDB. Raises `ConfigError`."""
    require(settings, "aws.rows_table", "aws.state_table")
    aws = settings.aws
    return DynamoStore(client("dynamodb"), aws.rows_table, aws.state_table, row_days=aws.row_days, sleep=sleep)


def cloud_predictor(settings: Settings, client: Clients, warn: Callable[[str], None]) -> CloudPredictor | None:
    """Return what predicts on AWS: the endpoint, or the model promoted in the bucket; None without an endpoint."""
    aws = settings.aws
    if aws.predictor == "local":
        require(settings, "aws.bucket")
        registry = Registry(S3Folder(client("s3"), aws.bucket, "models"))
        return PromotedModel(registry, DEFAULT_NAME, clock=_passed_ms, warn=warn)
    if not aws.sagemaker_endpoint:
        return None
    return SageMakerPredictor(client("sagemaker-runtime"), aws.sagemaker_endpoint, clock=_passed_ms, warn=warn)


def batches(
    settings: Settings, client: Clients, warn: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> tuple[Batches, CloudPredictor | None]:
    """Return what the Lambda function runs, and the predictor in it, None without one.

    `sleep` waits for seconds before a refused call is repeated. Raises `ConfigError`.
    """
    require(settings, "aws.bucket")
    predictor = cloud_predictor(settings, client, warn)
    made = Batches(
        dynamo_store(settings, client, sleep),
        lambda: Processor(settings.indicators, predictor),
        clock=now_ms,
        refuse=S3Rejects(client("s3"), settings.aws.bucket, clock=now_ms),
    )
    return made, predictor
