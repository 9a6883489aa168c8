"""Hold what an evaluation of a model found, with a verdict in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tapeline.forecast.estimates import Bin, Estimate
from tapeline.research.backtest import Backtest
from tapeline.research.superior_ability import SuperiorAbility
from tapeline.research.trained_guards import Finding

#: Predictor -> metric -> estimate.
Metrics = Mapping[str, Mapping[str, Estimate]]

MODEL = "tapeline"


@dataclass(frozen=True, slots=True)
class FoldResult:
    """Describe one fold: times of the test (UTC epoch ms), rows, trees of its model, and the model's AUC in it."""

    start: int
    end: int
    train_rows: int
    test_rows: int
    trees: int
    auc: float


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Hold what `evaluation.evaluate` found. `headline` is the verdict, to be shown before anything else.

    `metrics` are by predictor, then by name; `gains` say by how much the model beats each baseline in log-loss and AUC
    (positive: better), measured in pairs. `answered` is the share of tested rows answered with UP or DOWN, `hit_rate`
    how often these were right, `hit_rate_of_majority` how often the more frequent side was right on the same rows.
    `answered` is what the model would say if it were let: live, UP and DOWN need a passed gate. `left_out` says what
    was not done because a library is not installed.
    """

    headline: str
    better: bool
    symbols: tuple[str, ...]
    bars: int
    first: int
    last: int
    tested: int
    horizon: int
    no_trade_band: float
    folds: tuple[FoldResult, ...]
    metrics: Metrics
    gains: Metrics
    calibration: tuple[Bin, ...]
    confidence: tuple[Bin, ...]
    answered: float
    hit_rate: float
    hit_rate_of_majority: float
    trading: Backtest | None
    findings: tuple[Finding, ...]
    superior_ability: SuperiorAbility
    left_out: tuple[str, ...]
    data_hash: str
    feature_hash: str
    libraries: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON types, without the equity curves; NaN is None, and `metrics` is named `scores`."""
        document = asdict(self)
        document["scores"] = document.pop("metrics")
        if self.trading is not None:
            del document["trading"]["times"]
            for name in ("model", "hold"):
                del document["trading"][name]["equity"]
        cleaned: dict[str, Any] = without_nan(document)
        return cleaned


def without_nan(value: Any) -> Any:
    """Return JSON types with None in place of NaN and infinity, which JSON does not have."""
    if isinstance(value, dict):
        return {name: without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def headline_of(metrics: Metrics, gains: Metrics, better: bool, leaking: bool) -> str:
    """Return the verdict on direction: better only against every baseline, worse than the base rate if provably so.

    What the expected move is worth goes before it: give it to `evaluate` as `expected_move`.
    """
    best = min(gains, key=lambda name: metrics[name]["log_loss"].value)
    gain, base, auc = gains[best]["log_loss"], gains["majority"]["log_loss"], metrics[MODEL]["auc"]
    facts = f"AUC {_brief(auc)}, log-loss gain {_brief(gain)} over the best baseline, {best}"
    if leaking:
        return f"NOT TO BE TRUSTED, the leak audit failed. Direction: {facts}."
    if better:
        return f"Direction: BETTER than every baseline ({facts})."
    if base.high < 0:
        return f"Direction: WORSE than the base rate (log-loss gain {_brief(base)}, AUC {_brief(auc)}), none is given."
    return f"Direction: no skill ({facts}), none is given."


def _brief(estimate: Estimate) -> str:
    """Return the estimate with three digits, four where it is small."""
    digits = 3 if abs(estimate.value) > 0.1 else 4
    if not estimate.has_interval:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
