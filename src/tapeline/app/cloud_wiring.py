"""Wire the parts of the AWS runtime. Clients are passed in, so that tests can pass stand-ins."""

from __future__ import annotations

import contextlib
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tapeline.app.config import Settings, variable
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.backends.aws.s3_rejects import S3Rejects
from tapeline.backends.aws.sagemaker_predictor import SageMakerPredictor
from tapeline.core.bars import usual_interval
from tapeline.core.ports import Predictor, Store
from tapeline.core.series import split_series
from tapeline.errors import ConfigError, StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.promoted_model import PromotedModel
from tapeline.forecast.promoted_range import PromotedRange
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.runtime.batches import Batches
from tapeline.runtime.clock import now_ms
from tapeline.runtime.processor import Processor

_TELLING_ROWS = 64

#: Makes a boto3 client of the service of that name.
Clients = Callable[[str], Any]

#: Returns the range models of these versions, as far as they are known.
KnownRanges = Callable[[Sequence[str]], Mapping[str, RangeModel]]


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


def dynamo_store(
    settings: Settings, client: Clients, sleep: Callable[[float], None] = time.sleep,
    ranges: KnownRanges = lambda _: {},
) -> DynamoStore:  # fmt: skip
    """Return the store of rows and states in DynamoDB, which writes ranges with these models. Raises `ConfigError`."""
    require(settings, "aws.rows_table", "aws.state_table")
    aws = settings.aws
    return DynamoStore(
        client("dynamodb"), aws.rows_table, aws.state_table, row_days=aws.row_days, sleep=sleep, ranges=ranges
    )


def cloud_models(settings: Settings, client: Clients) -> S3Folder:
    """Return the folder of the models in the bucket. Raises `ConfigError`."""
    require(settings, "aws.bucket")
    return S3Folder(client("s3"), settings.aws.bucket, "models")


def cloud_ranges(settings: Settings, client: Clients) -> RangeRegistry:
    """Return the registry of range models in the bucket. Raises `ConfigError`."""
    return RangeRegistry(cloud_models(settings, client))


def stored_interval(store: Store) -> Callable[[], int | None]:
    """Return a function that returns the length (ms) of the bars in a store; None as long as they do not tell it.

    The first series of a symbol tells it: bars of other lengths say theirs in their names.
    """
    known: int | None = None

    def find() -> int | None:
        nonlocal known
        with contextlib.suppress(StorageError):  # it is asked again
            names = store.latest().bars.symbols if known is None else ()
            for symbol in [name for name in names if split_series(name)[1] is None][:1]:
                known = usual_interval(store.rows(symbol, limit=_TELLING_ROWS).bars.timestamp)
        return known

    return find


def cloud_predictor(
    settings: Settings, client: Clients, warn: Callable[[str], None], interval: Callable[[], int | None] = lambda: None
) -> CloudPredictor | None:
    """Return what predicts on AWS: the endpoint, or the model promoted in the bucket; None without an endpoint.

    `interval` returns the length of the bars (ms), None as long as it is not known.
    """
    aws = settings.aws
    if aws.predictor == "local":
        registry = Registry(cloud_models(settings, client))
        return PromotedModel(registry, DEFAULT_NAME, clock=_passed_ms, warn=warn, interval=interval)
    if not aws.sagemaker_endpoint:
        return None
    return SageMakerPredictor(
        client("sagemaker-runtime"), aws.sagemaker_endpoint, clock=_passed_ms, warn=warn, interval=interval
    )


def batches(
    settings: Settings, client: Clients, warn: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> tuple[Batches, CloudPredictor | None]:
    """Return what the Lambda function runs, and the predictor in it, None without one.

    `sleep` waits for seconds before a refused call is repeated. Raises `ConfigError`.
    """
    require(settings, "aws.bucket")
    ranges = PromotedRange(cloud_ranges(settings, client), DEFAULT_NAME, clock=_passed_ms, warn=warn)
    store = dynamo_store(settings, client, sleep, ranges.known)
    predictor = cloud_predictor(settings, client, warn, stored_interval(store))
    made = Batches(
        store,
        lambda: Processor(settings.indicators, predictor),
        clock=now_ms,
        refuse=S3Rejects(client("s3"), settings.aws.bucket, clock=now_ms),
        range_model=ranges.current,
    )
    return made, predictor
