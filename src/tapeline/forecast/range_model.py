"""Hold a trained range model as a value: how far prices move, with which spread, and for which bars that holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from tapeline.core.foreign import load_json
from tapeline.core.market import Floats
from tapeline.core.times import interval_name
from tapeline.errors import DecodeError, ModelError, OtherFormatError
from tapeline.forecast import range_checks

#: The one file of a range model.
RANGE = "range.json"

_FORMAT = 2
_PREFIX = "range-"

Table = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RangeModel:
    """Describe a range model whole; it is a table of numbers that JSON holds exactly.

    Times are UTC epoch ms of bars: `trained_from` the first and `trained_until` the last bar that training saw,
    outcomes included. `interval` is that of the bars (ms), and the model is for no others. `form` names the regressors
    that were allowed. `numbers` are what `range_step` takes beside the coefficients, which are one row a horizon, the
    constant last. `quantiles` are those of the standardised log return over each horizon, `lowest` and `highest` those
    of the lowest low and the highest high on the way, all at `levels`. The profiles are those of `time_of_day`.
    `data_hash` is that of the training bars.
    """

    interval: int
    form: str
    trained_from: int
    trained_until: int
    symbols: tuple[str, ...]
    rows: int
    data_hash: str
    numbers: tuple[float, ...]
    coefficients: Table
    volume_coefficients: Table
    levels: tuple[float, ...]
    quantiles: Table
    lowest: Table
    highest: Table
    variance_profile: tuple[float, ...]
    volume_profile: tuple[float, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def version(self) -> str:
        """Return `range-`, the last training day and a hash: two different models never share one."""
        day = datetime.fromtimestamp(self.trained_until / 1000, UTC)
        return f"{_PREFIX}{day:%Y%m%d}-{hashlib.sha256(self._content()).hexdigest()[:8]}"

    def _content(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    def check(self, interval: int | None) -> None:
        """Raise `ModelError` unless the model is for bars of this interval; None, not known yet, passes."""
        if interval is not None and interval != self.interval:
            raise ModelError(
                f"range model {self.version} is for bars of {interval_name(self.interval)}, these are of "
                f"{interval_name(interval)}: train one on such bars"
            )

    @cached_property
    def arrays(self) -> tuple[Floats, Floats, Floats]:
        """Return the numbers and the coefficients of variance and volume, as the step takes them."""
        return np.array(self.numbers), np.array(self.coefficients), np.array(self.volume_coefficients)

    def dump(self) -> dict[str, bytes]:
        """Return the model's file, name -> content."""
        document = {"format": _FORMAT, "version": self.version, **asdict(self)}
        return {RANGE: (json.dumps(document) + "\n").encode()}

    @classmethod
    def restore(cls, content: bytes) -> RangeModel:
        """Return the model in this file.

        Raises `OtherFormatError` for one that another version of tapeline wrote, and `ModelError` when it is damaged
        or was changed after it was written.
        """
        try:
            document = load_json(content, range_checks.BOUNDS)
        except DecodeError as error:
            raise ModelError(f"the range model cannot be read: {error}") from None
        if not isinstance(document, dict):
            raise ModelError("the range model is not a JSON object")
        written = document.get("format")
        if type(written) is not int or written < 1:
            raise ModelError(f"the range model is damaged: its format is {written!r:.20}, not a number")
        if written != _FORMAT:
            remedy = "train again" if written < _FORMAT else "upgrade"
            raise OtherFormatError(
                f"the range model has format {written!r:.20}, this program reads {_FORMAT}: {remedy}"
            )
        values = {each.name: document.get(each.name) for each in fields(cls)}
        if fault := range_checks.fault(values):
            raise ModelError(f"the range model is damaged: {fault}")
        model = cls(**{name: _frozen(value) for name, value in values.items()})
        if model.version != document.get("version"):
            raise ModelError("the range model was changed after it was written")
        return model


def is_range_version(version: str) -> bool:
    """Return whether this is the version of a range model, and not of a direction model."""
    return version.startswith(_PREFIX)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value
