"""Hold a trained model as a value: LightGBM's trees, their calibration, and what is needed to use them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from tapeline.core.foreign import load_json
from tapeline.core.market import Floats
from tapeline.errors import DecodeError, ModelError
from tapeline.forecast import metadata_checks
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.trees import Trees, parse

TEXT = "model.txt"
METADATA = "metadata.json"

_FORMAT = 2  # format 1 called the hold margin `band` and had `across_sessions`
_READABLE = (1, 2)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Describe everything about a model but its trees.

    Times are UTC epoch ms of bars: `trained_from` the first and `trained_until` the last bar that training saw, labels
    and calibration included; `interval` is the usual one of the training bars, ms. The probability of UP is
    sigmoid(slope * score + intercept), and is about bars whose move leaves the no-trade band. `hold_margin` is how far
    it must lie from 0.5 for an answer other than HOLD. `metrics` are measured on the rows that training held out at
    its end. `data_hash` is that of the training bars. `reference` is how each feature was distributed in training, for
    drift.
    """

    features: tuple[str, ...]
    feature_hash: str
    horizon: int
    no_trade_band: float
    interval: int
    hold_margin: float
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
        """Return the metadata in a model's JSON document of any format.

        Raises `ModelError` when a field is missing, of another type or out of its range, and for a model whose labels
        reached across session gaps: this program would grade its forecasts by another question.
        """
        if document.get("across_sessions"):
            raise ModelError("the model's labels reach across session gaps, which is no longer supported: train again")
        if "band" in document:
            document = {**document, "hold_margin": document["band"]}
        try:
            values = {f.name: document[f.name] for f in fields(cls)}
        except KeyError as error:
            raise ModelError(f"the model's metadata lack {error}") from None
        if fault := metadata_checks.fault(values):
            raise ModelError(f"the model's metadata are damaged: {fault}")
        return cls(**values | {name: tuple(values[name]) for name in ("features", "symbols")})


class LightGBMModel:
    """Implement `Predictor` with the trees in `text`, LightGBM's own model text.

    Raises `ModelError` when the text is not one tapeline can use.
    """

    def __init__(self, text: str, metadata: Metadata) -> None:
        self.text = text
        self.metadata = metadata
        self.features = metadata.features
        self.trained_until = metadata.trained_until
        self.hold_margin = metadata.hold_margin
        self.trees: Trees = parse(text, len(metadata.features))
        self.version = version_of(text, metadata)

    def predict(self, features: Floats) -> Floats:
        """Return the probability of UP for each row, float64 [n]; NaN where a feature is NaN.

        `features` is float64 [n, len(self.features)]. Raises `ValueError` when it has another number of columns.
        """
        if features.ndim != 2 or features.shape[1] != len(self.features):
            raise ValueError(f"the model takes {len(self.features)} features a row, not {features.shape[1:]}")
        return self.trees.probability(features, self.metadata.slope, self.metadata.intercept)

    def check(self, features: FeatureSet) -> None:
        """Raise `ModelError` unless the model was made for exactly these features."""
        if features.hash != self.metadata.feature_hash:
            raise ModelError(
                f"model {self.version} was made for other features (schema {self.metadata.feature_hash}, "
                f"this program has {features.hash}): train again"
            )

    def dump(self) -> dict[str, bytes]:
        """Return the model's files, name -> content. The metadata holds the trees' hash, so write it last."""
        document = {
            "format": _FORMAT,
            "version": self.version,
            "text_sha256": hashlib.sha256(self.text.encode()).hexdigest(),
            **asdict(self.metadata),
        }
        return {TEXT: self.text.encode(), METADATA: (json.dumps(document, indent=2) + "\n").encode()}

    @classmethod
    def restore(cls, files: Mapping[str, bytes], features: FeatureSet = DEFAULT_FEATURES) -> LightGBMModel:
        """Return the model in these files. Raises `ModelError` if they are damaged, unknown or for other features."""
        model = cls(*verified(files))
        model.check(features)
        return model


def verified(files: Mapping[str, bytes]) -> tuple[str, Metadata]:
    """Return the trees' text and the metadata in these files, as whoever saved them wrote them.

    Both are held against the hashes in the metadata and every field against its type and range. The text is not parsed.
    Raises `ModelError` for anything else.
    """
    try:
        document = load_json(files[METADATA], metadata_checks.BOUNDS)
        if not isinstance(document, dict):
            raise ModelError("the model's metadata are not a JSON object")
        if document["format"] not in _READABLE:
            raise ModelError(f"the model has format {document['format']!r:.20}, this program reads {_FORMAT}: upgrade")
        if hashlib.sha256(files[TEXT]).hexdigest() != document["text_sha256"]:
            raise ModelError("the model's trees are not those its metadata describes: damaged or half-written")
        text, metadata, version = files[TEXT].decode(), Metadata.of(document), document["version"]
    except KeyError as error:
        raise ModelError(f"the model lacks {error}") from None
    except (UnicodeDecodeError, DecodeError) as error:
        raise ModelError(f"the model's files cannot be read: {error}") from None
    if version_of(text, metadata) != version:
        raise ModelError("the model's metadata was changed after it was written")
    return text, metadata


def version_of(text: str, metadata: Metadata) -> str:
    """Return the last training day and a hash: sorts by age, and two different models never share one."""
    digest = hashlib.sha256((text + _identity(metadata)).encode()).hexdigest()
    day = datetime.fromtimestamp(metadata.trained_until / 1000, UTC)
    return f"{day:%Y%m%d}-{digest[:8]}"


def _identity(metadata: Metadata) -> str:
    """Return what a version is the hash of: the metadata in format 1, so that no later format renames a model."""
    known = asdict(metadata)
    known |= {"band": known.pop("hold_margin"), "across_sessions": False}
    return json.dumps(known, sort_keys=True)
