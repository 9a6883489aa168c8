"""A `Predictor` that asks a SageMaker endpoint, and never holds up those who ask.

One request for all rows of a batch, in several parts only where the payload limit says so. An endpoint that fails or is
slow costs one time-out; after a few failures in a row it is left alone for a while. What it did not answer is NaN: the
row is stored without a prediction, and counted in `missed`. A model that says it was made for other features is not
asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapeline.core.market import LATEST_TIMESTAMP, Floats
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.npy import NPY, packed, unpacked

#: Serverless endpoints take 4 MB; some room is left for the array's header.
PAYLOAD_BYTES = 4_000_000

#: So many failures in a row open the breaker, and for so long (ms).
FAILURES = 3
PAUSE = 30_000


@dataclass(frozen=True, slots=True)
class _Served:
    """One model behind the endpoint."""

    trained_until: int
    hold_margin: float


class SageMakerPredictor:
    """The models behind an endpoint: one, or two while a deployment shifts traffic from one to the next.

    `version` and `hold_margin` are those of the model that answered last; `trained_until` is the latest of all that are known
    to be served. `client` is a boto3 `sagemaker-runtime` client with short time-outs; `clock` says the time, UTC epoch
    ms; `warn` is given one line when the endpoint begins to fail. Until it has said what it serves, nothing is asked of
    it: `trained_until` is then the end of time. A model for other features is refused, and said so.
    """

    def __init__(
        self,
        client: Any,
        endpoint: str,
        *,
        clock: Callable[[], int],
        warn: Callable[[str], None] = lambda _: None,
        features: FeatureSet = DEFAULT_FEATURES,
    ) -> None:
        self.version = ""
        self.features = features.names
        self.trained_until = LATEST_TIMESTAMP
        self.hold_margin = 0.0
        self.missed = 0
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._warn = warn
        self._schema = features.hash
        self._served: dict[str, _Served] = {}
        self._failures = 0
        self._until = 0  # when the breaker closes again
        self._said = ""

    def prepare(self) -> bool:
        """Asks what the endpoint serves, if that is not known. False when it cannot be asked now."""
        return bool(self._served) or self._describe()

    def predict(self, features: Floats) -> Floats:
        """The probability of UP for each row of float64 [n, len(self.features)], float64 [n]; NaN: no answer."""
        probability = np.full(len(features), np.nan)
        asked = np.flatnonzero(np.isfinite(features).all(axis=1))
        rows = max(1, PAYLOAD_BYTES // (8 * max(1, features.shape[1])))
        answered = ""
        for start in range(0, len(asked), rows):
            part = asked[start : start + rows]
            version, answers = self._answers(features[part])
            if answers is None or (answered and version != answered):  # a row names one model, and so does a batch
                self.missed += len(asked) - start
                break
            answered = version
            probability[part] = answers
        if answered:
            self.version, self.hold_margin = answered, self._served[answered].hold_margin
        return probability

    def _answers(self, features: Floats) -> tuple[str, Floats | None]:
        """Which model answered, and the probabilities; None without an answer that can be used.

        A model that comes up for the first time answers bars that it may have been trained on, unless its training
        ended before that of the model the bars were chosen for: the next batch asks it about bars behind its training.
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
            self._failed(f"its answer cannot be read: {error}")
            return "", None
        if found.shape != (len(features),) or found.dtype != np.float64:
            self._failed(f"it answered {found.dtype} {found.shape} to {len(features)} rows")
            return "", None
        return version, np.asarray(found, np.float64)

    def _ask(self, body: bytes, kind: str) -> tuple[bytes, str] | None:
        """The answer and the version of the model that gave it."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._clock() < self._until:
            return None
        try:
            answer = self._client.invoke_endpoint(
                EndpointName=self._endpoint, Body=body, ContentType=kind, Accept=NPY,
                CustomAttributes=f"schema={self._schema}",
            )  # fmt: skip
            content = answer["Body"].read()
        except (BotoCoreError, ClientError, OSError) as error:
            self._failed(_reason(error))
            return None
        self._failures = 0
        self._said = ""
        attributes = dict(part.partition("=")[::2] for part in answer.get("CustomAttributes", "").split(";"))
        return content, attributes.get("model", "")

    def _describe(self) -> bool:
        """Asks the endpoint what it serves, and keeps that. False when it does not say or is not for these features."""
        answer = self._ask(b'{"describe": true}', "application/json")
        if answer is None:
            return False
        try:
            said = json.loads(answer[0])
            version, served = str(said["version"]), _Served(int(said["trained_until"]), float(said["band"]))
            schema, features = said["feature_hash"], said["features"]
        except (ValueError, KeyError, TypeError) as error:
            self._failed(f"it does not say what it serves ({error!r}); it must be served by tapeline")
            return False
        if schema != self._schema or tuple(features) != self.features:
            self._until = self._clock() + PAUSE
            self._failed(f"it serves {version}, made for other features ({schema}, here {self._schema}): deploy anew")
            return False
        self._served[version] = served
        self.trained_until = max(each.trained_until for each in self._served.values())
        return True

    def _failed(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures = 0
            self._until = self._clock() + PAUSE
        if reason != self._said:
            self._said = reason
            self._warn(f"endpoint {self._endpoint}: {reason}; rows are stored without predictions")


def _reason(error: Exception) -> str:
    response: Any = getattr(error, "response", None)
    if response is None:
        return " ".join(str(error).split())[:300] or type(error).__name__
    said: dict[str, Any] = response.get("Error", {})
    return f"{said.get('Code', 'error')}: {' '.join(str(said.get('Message', '')).split())[:300]}"
