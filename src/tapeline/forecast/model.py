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
from tapeline.core.times import interval_name
from tapeline.errors import DecodeError, ModelError, OtherIntervalError
from tapeline.forecast import metadata_checks
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.trees import Trees, parse

TEXT = "model.txt"
METADATA = "metadata.json"

_FORMAT = 3  # formats 1 and 2 have no gate, and were judged on rows that also stopped and calibrated them

#: The hold margin of a model that has not passed its gate: no probability lies further from 0.5.
ALWAYS_HOLD = 1.0


@dataclass(frozen=True, slots=True)
class Metadata:
    """Describe everything about a model but its trees.

    Times are UTC epoch ms of bars: `trained_from` the first and `trained_until` the last bar that training saw, labels
    and calibration included; `interval` is the usual one of the training bars, ms. The probability of UP is
    sigmoid(slope * score + intercept), and is about bars whose move leaves the no-trade band. `hold_margin` is how far
    it must lie from 0.5 for an answer other than HOLD, once the model has passed its gate. `data_hash` is that of the
    training bars. `reference` is how each feature was distributed in training, for drift.

    `metrics` and `gate` are measured on rows after `trained_until` that neither learning, nor early stopping, nor
    calibration saw; both are empty where the history was too short for such rows. `gate` has how many `times` they
    were, the last of them (`until`), by how much the model's log-loss is below that of the base rate (`gain`), the 95%
    confidence interval (`low`, `high`; absent where there is none), and 1 in `passed` if the gain is above zero beyond
    luck.
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
    gate: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Metadata:
        """Return the metadata in a model's JSON document.

        Raises `ModelError` when a field is missing, of another type or out of its range.
        """
        try:
            values = {f.name: document[f.name] for f in fields(cls)}
        except KeyError as error:
            raise ModelError(f"the model's metadata lack {error}") from None
        if fault := metadata_checks.fault(values):
            raise ModelError(f"the model's metadata are damaged: {fault}")
        return cls(**values | {name: tuple(values[name]) for name in ("features", "symbols")})

    @property
    def has_passed_gate(self) -> bool:
        """Return whether the model may answer UP or DOWN: it beat the base rate on rows it had never seen."""
        return self.gate.get("passed", 0) == 1


class LightGBMModel:
    """Implement `Predictor` with the trees in `text`, LightGBM's own model text.

    A model that has not passed its gate answers every bar with HOLD, wherever it is used: its hold margin says so. It
    predicts no bar that it was judged on, so its live record begins with rows that had no part in choosing it. Raises
    `ModelError` when the text is not one tapeline can use.
    """

    def __init__(self, text: str, metadata: Metadata) -> None:
        self.text = text
        self.metadata = metadata
        self.features = metadata.features
        self.interval = metadata.interval
        self.trained_until = max(metadata.trained_until, int(metadata.gate.get("until", 0)))
        self.hold_margin = metadata.hold_margin if metadata.has_passed_gate else ALWAYS_HOLD
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

    def check_interval(self, interval: int | None) -> None:
        """Raise `OtherIntervalError` unless the model was trained on bars of this length in ms (None: not known).

        A daily model would predict the minutes of a day whose close it has seen, and its answers mean something else.
        """
        if interval is not None and interval != self.metadata.interval:
            raise OtherIntervalError(
                f"model {self.version} was trained on bars of {interval_name(self.metadata.interval)} and predicts "
                f"none of {interval_name(interval)}: train one for these in a data directory of its own (--data-dir)"
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
        if document["format"] != _FORMAT:
            remedy = "train again" if document["format"] in range(_FORMAT) else "upgrade"
            raise ModelError(f"the model has format {document['format']!r:.20}, this program reads {_FORMAT}: {remedy}")
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
    digest = hashlib.sha256((text + json.dumps(asdict(metadata), sort_keys=True)).encode()).hexdigest()
    day = datetime.fromtimestamp(metadata.trained_until / 1000, UTC)
    return f"{day:%Y%m%d}-{digest[:8]}"
