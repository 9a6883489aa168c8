"""A trained model as a value: LightGBM's trees, their calibration, and what one has to know to use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from tapeline.core.market import Floats
from tapeline.errors import ModelError
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.trees import (
    Trees,
    parse,
)

TEXT = "model.txt"
METADATA = "metadata.json"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Metadata:
    """Everything about a model but its trees.

    Times are UTC epoch ms of bars: `trained_from` the first and `trained_until` the last bar that training saw, labels
    and calibration included; `interval` is the usual one between two bars, ms. The probability of UP is
    sigmoid(slope * raw score + intercept), and is about bars whose move leaves the no-trade band. `metrics` are
    measured on the slice that training held back at its end. `data_hash` is that of the training bars. `reference` is
    how each feature was distributed in training, for drift.
    """

    features: tuple[str, ...]
    feature_hash: str
    horizon: int
    no_trade_band: float
    across_sessions: bool
    interval: int
    band: float
    slope: float
    intercept: float
    trained_from: int
    trained_until: int
    symbols: tuple[str, ...]
    rows: int
    data_hash: str
    seed: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Metadata:
        """The metadata in a model's JSON document. Raises `ModelError` when a field is missing."""
        try:
            values = {f.name: document[f.name] for f in fields(cls)}
        except KeyError as error:
            raise ModelError(f"the model's metadata lack {error}") from None
        return cls(**values | {name: tuple(values[name]) for name in ("features", "symbols")})


class LightGBMModel:
    """A `Predictor`. `text` is LightGBM's own model text. Raises `ModelError` when it is not one tapeline can use."""

    def __init__(self, text: str, metadata: Metadata) -> None:
        self.text = text
        self.metadata = metadata
        self.features = metadata.features
        self.trained_until = metadata.trained_until
        self.band = metadata.band
        self.trees: Trees = parse(text, len(metadata.features))
        digest = hashlib.sha256((text + json.dumps(asdict(metadata), sort_keys=True)).encode()).hexdigest()
        day = datetime.fromtimestamp(metadata.trained_until / 1000, UTC)
        #: The last training day and a hash of the model: sorts by age, and two different models never share one.
        self.version = f"{day:%Y%m%d}-{digest[:8]}"

    def predict(self, features: Floats) -> Floats:
        """The probability of UP for each row of float64 [n, len(self.features)], float64 [n]; NaN where a row has one.

        Raises `ValueError` when the number of columns is another.
        """
        if features.ndim != 2 or features.shape[1] != len(self.features):
            raise ValueError(f"the model takes {len(self.features)} features a row, not {features.shape[1:]}")
        return self.trees.score(features, self.metadata.slope, self.metadata.intercept)

    def check(self, features: FeatureSet) -> None:
        """Raises `ModelError` unless the model was made for exactly these features."""
        if features.hash != self.metadata.feature_hash:
            raise ModelError(
                f"model {self.version} was made for other features (schema {self.metadata.feature_hash}, "
                f"this program has {features.hash}): train again"
            )

    def dump(self) -> dict[str, bytes]:
        """The model's files: name -> content. The metadata holds the trees' hash, so write it last."""
        document = {
            "format": _FORMAT,
            "version": self.version,
            "text_sha256": hashlib.sha256(self.text.encode()).hexdigest(),
            **asdict(self.metadata),
        }
        return {TEXT: self.text.encode(), METADATA: (json.dumps(document, indent=2) + "\n").encode()}

    @classmethod
    def restore(cls, files: Mapping[str, bytes], features: FeatureSet = DEFAULT_FEATURES) -> LightGBMModel:
        """The model in these files. Raises `ModelError` when they are damaged, unknown or made for other features."""
        try:
            text = files[TEXT].decode()
            document = json.loads(files[METADATA])
            if document["format"] != _FORMAT:
                raise ModelError(f"the model has format {document['format']}, this program reads {_FORMAT}: upgrade")
            if hashlib.sha256(files[TEXT]).hexdigest() != document["text_sha256"]:
                raise ModelError("the model's trees are not those its metadata describes: damaged or half-written")
            model = cls(text, Metadata.of(document))
        except KeyError as error:
            raise ModelError(f"the model lacks {error}") from None
        except (UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
            raise ModelError(f"the model's files cannot be read: {error}") from None
        if model.version != document["version"]:
            raise ModelError("the model's metadata was changed after it was written")
        model.check(features)
        return model
