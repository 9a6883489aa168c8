"""Ask a SageMaker endpoint for predictions without ever holding up the stream.

All rows of a batch go in one request, in several only where the payload limit demands it. An endpoint that fails or is
slow costs one time-out; after a few failures in a row it is left alone for a while. What it did not answer is NaN: the
row is stored without a prediction, and counted in `missed`. A model made for other features is not asked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.backends.aws.botocore_errors import AwsProblem, botocore_errors
from tapeline.core.foreign import Bounds, load_json
from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Floats
from tapeline.core.times import interval_name
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.npy import NPY, packed, unpacked

#: Bytes of rows in a request. Serverless endpoints take 4 MiB; the rest is room for the array's header.
PAYLOAD_BYTES = 4_000_000

#: Bytes of an answer that are read. An honest one has a number for each row.
_LARGEST_ANSWER = PAYLOAD_BYTES

#: Asks what the endpoint serves.
_DESCRIBE = b'{"describe": true}'

#: What its description of the model may have, and the characters of a name in it.
_DESCRIPTION = Bounds(size=1 << 20, depth=4)
_LONGEST = 64

#: How many failures in a row make the predictor leave the endpoint alone, and for how long (ms).
FAILURES = 3
PAUSE = 30_000


@dataclass(frozen=True, slots=True)
class _Served:
    """Hold what one model behind the endpoint says of itself."""

    trained_until: int
    hold_margin: float
    interval: int | None


def _described(document: Any) -> tuple[str, str, tuple[str, ...], _Served]:
    """Return version, schema, features and the rest of what an endpoint says it serves.

    Raises `ValueError`, `KeyError` and `TypeError` for a description that is none.
    """
    version, schema, features = document["version"], document["feature_hash"], document["features"]
    until, margin, interval = document["trained_until"], document["band"], document.get("interval")
    if not (isinstance(version, str) and isinstance(schema, str) and 0 < len(version) <= _LONGEST >= len(schema)):
        raise ValueError("version and feature_hash are no names")
    if not isinstance(until, int) or not EARLIEST_TIMESTAMP <= until <= LATEST_TIMESTAMP:
        raise ValueError("trained_until is no time")
    if not isinstance(margin, int | float) or not 0 <= margin <= 1:
        raise ValueError("band is no number from 0 to 1")
    if not (interval is None or (type(interval) is int and interval > 0)):
        raise ValueError("interval is no length of time")
    return version, schema, tuple(features), _Served(until, float(margin), interval)


class SageMakerPredictor:
    """Implement `Predictor` with the models behind an endpoint: one, or two while a deployment shifts traffic.

    `version` and `hold_margin` are those of the model that answered last; `trained_until` is the latest of all models
    known to be served. `client` is a boto3 `sagemaker-runtime` client with short time-outs; `clock` returns ms that
    have passed, however the machine's clock is set; `warn` gets one line when the endpoint begins to fail. Until the
    endpoint has described its model, `trained_until` is the end of time, so it is asked for nothing. A model for other
    features, or for bars of another length than `interval` returns (ms; None: not known yet), gets a warning only.
    """

    def __init__(
        self,
        client: Any,
        endpoint: str,
        *,
        clock: Callable[[], int],
        warn: Callable[[str], None] = lambda _: None,
        features: FeatureSet = DEFAULT_FEATURES,
        interval: Callable[[], int | None] = lambda: None,
    ) -> None:
        self.version = ""
        self.features = features.names
        self.trained_until = LATEST_TIMESTAMP
        self.hold_margin = 0.0
        self.interval = 0
        self.missed = 0
        self._client = client
        self._endpoint = endpoint
        self._where = f"endpoint {endpoint}"
        self._clock = clock
        self._warn = warn
        self._schema = features.hash
        self._interval = interval
        self._served: dict[str, _Served] = {}
        self._failures = 0
        self._until = 0  # the endpoint is left alone until then
        self._warned = ""

    def prepare(self) -> bool:
        """Ask what the endpoint serves, if that is unknown. Return False when it cannot be asked now.

        A model of bars of another length is not asked: one of days has seen the close of the day that minutes are in.
        """
        if not self._served and not self._describe():
            return False
        for version, served in list(self._served.items()):
            if not self._is_for_these_bars(version, served):
                del self._served[version]
        self.trained_until = max((each.trained_until for each in self._served.values()), default=LATEST_TIMESTAMP)
        return bool(self._served)

    def wake(self) -> None:
        """Ask what the endpoint serves, so that one that was idle starts. No answer in time is no failure here."""
        with contextlib.suppress(*botocore_errors(), OSError):
            self._client.invoke_endpoint(
                EndpointName=self._endpoint, Body=_DESCRIBE, ContentType="application/json", Accept=NPY
            )["Body"].read(_LARGEST_ANSWER)

    def predict(self, features: Floats) -> Floats:
        """Return the probability of UP for each row of float64 [n, len(self.features)], float64 [n]; NaN: no answer."""
        probability = np.full(len(features), np.nan)
        asked = np.flatnonzero(np.isfinite(features).all(axis=1))
        rows = max(1, PAYLOAD_BYTES // (8 * max(1, features.shape[1])))
        answered = ""
        for start in range(0, len(asked), rows):
            part = asked[start : start + rows]
            version, answers = self._answers(features[part])
            if answers is None or (answered and version != answered):  # a batch names one model
                self.missed += len(asked) - start
                break
            answered = version
            probability[part] = answers
        if answered:
            self.version, self.hold_margin = answered, self._served[answered].hold_margin
        return probability

    def _answers(self, features: Floats) -> tuple[str, Floats | None]:
        """Return which model answered, and the probabilities; None without an answer that can be used.

        A model that answers for the first time may have been trained on these bars, unless its training ended before
        that of the model they were chosen for: from the next batch on it is asked about bars after its training only.
        """
        answer = self._ask(packed(features), NPY)
        if answer is None:
            return "", None
        body, version = answer
        chosen_for = self.trained_until
        if version not in self._served and not (self._describe() and version in self._served):
            return "", None
        if self._served[version].trained_until > chosen_for:
            return "", None
        try:
            found = unpacked(body)
        except ValueError as error:
            self._fail(f"{self._where}: its answer cannot be read: {error}")
            return "", None
        if found.shape != (len(features),) or found.dtype != np.float64:
            self._fail(f"{self._where}: it answered {found.dtype} {found.shape} to {len(features)} rows")
            return "", None
        if not (np.isnan(found) | ((found >= 0) & (found <= 1))).all():
            self._fail(f"{self._where}: it answered numbers that are no probabilities")
            return "", None
        return version, np.asarray(found, np.float64)

    def _ask(self, body: bytes, kind: str) -> tuple[bytes, str] | None:
        """Return the answer and the version of the model that gave it, None when there is no answer."""
        if self._clock() < self._until:
            return None
        errors: tuple[type[Exception], ...] = (*botocore_errors(), OSError)  # the last while the body is read
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._endpoint, Body=body, ContentType=kind, Accept=NPY,
                CustomAttributes=f"schema={self._schema}",
            )  # fmt: skip
            content = answer["Body"].read(_LARGEST_ANSWER)
        except errors as error:
            self._fail(AwsProblem.of(error, "sagemaker:InvokeEndpoint").line(self._where))
            return None
        self._failures = 0
        self._warned = ""
        attributes = dict(part.partition("=")[::2] for part in answer.get("CustomAttributes", "").split(";"))
        return content, attributes.get("model", "")

    def _describe(self) -> bool:
        """Ask the endpoint what it serves, and keep that. Return False without an answer for these features."""
        answer = self._ask(_DESCRIBE, "application/json")
        if answer is None:
            return False
        try:
            version, schema, features, served = _described(load_json(answer[0], _DESCRIPTION))
        except (ValueError, KeyError, TypeError) as error:
            self._fail(f"{self._where}: it does not say what it serves ({error!r}); it must be served by tapeline")
            return False
        if schema != self._schema or features != self.features:
            self._until = self._clock() + PAUSE
            self._fail(
                f"{self._where}: it serves {version}, made for other features ({schema}, here {self._schema}); "
                "deploy a model trained with this version of tapeline"
            )
            return False
        if not self._is_for_these_bars(version, served):
            return False
        self._served[version] = served
        self.trained_until = max(each.trained_until for each in self._served.values())
        self.interval = served.interval or 0
        return True

    def _is_for_these_bars(self, version: str, served: _Served) -> bool:
        """Return whether the model may be asked; it may where one of the lengths of bars is not known."""
        own = self._interval()
        if own is None or served.interval is None or served.interval == own:
            return True
        self._until = self._clock() + PAUSE
        self._fail(
            f"{self._where}: it serves {version}, made for bars of {interval_name(served.interval)}, these are of "
            f"{interval_name(own)}; deploy a model of such bars"
        )
        return False

    def _fail(self, line: str) -> None:
        """Count a failure, leave the endpoint alone after `FAILURES` of them, and warn once about each reason."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._until = self._clock() + PAUSE
        if line != self._warned:
            self._warned = line
            self._warn(f"{line}; rows are stored without predictions")
