"""Make what a model sees of a bar: scale-free numbers from the bar itself and its indicator values.

Features are row-wise: row i depends on bar i and on the indicator values at bar i, nothing else. All history lives in
the indicator engine, so live, replay and training cannot differ, and nothing can look ahead. Everything is a ratio, a
distance in units of the average true range, or a bounded oscillator, so that one pooled model serves every symbol.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Bars, Flags, Floats, Ints
from tapeline.core.times import DAY
from tapeline.indicators import Engine

_CHUNK = 8192  # bars a call of the engine

#: A formula: the bars and the values of `inputs` at them, float64 [n, len(inputs)], to features, float64 [n, f].
Formula = Callable[[Bars, Floats], Floats]


class FeatureSet:
    """Name a model's features and the indicators they need. `hash` identifies the schema; every model carries it.

    `specs` are the indicators to run, `inputs` the engine outputs that `formula` reads, in the order of its columns,
    and `names` the features it makes. The hash covers these and `version`, not the formula's code: raise
    `version` with every change of the formula, so that models made for the old one are refused. `calendar` are the
    features that follow from the time alone; they say nothing about whether a market has changed.
    """

    def __init__(
        self, specs: Sequence[str], inputs: Sequence[str], names: Sequence[str], formula: Formula, version: int = 1,
        calendar: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.specs = tuple(specs)
        self.inputs = tuple(inputs)
        self.names = tuple(names)
        self.version = version
        self.calendar = frozenset(calendar)
        schema = json.dumps([self.specs, self.inputs, self.names, version])
        self.hash = hashlib.sha256(schema.encode()).hexdigest()[:16]
        self._formula = formula
        self._columns: dict[tuple[str, ...], Ints] = {}

    def compute(self, bars: Bars, outputs: Sequence[str], indicator: Floats) -> Floats:
        """Return the features of each bar, float64 [len(bars), len(names)], NaN where an indicator is not warm.

        `indicator` is float64 [len(bars), len(outputs)], the engine's values at these bars. Raises `ValueError` when
        an output that the features need is not among `outputs`.
        """
        key = tuple(outputs)
        columns = self._columns.get(key)
        if columns is None:
            missing = [name for name in self.inputs if name not in key]
            if missing:
                raise ValueError(f"the features need indicators that are not computed: {', '.join(missing)}")
            columns = self._columns[key] = np.array([key.index(name) for name in self.inputs], np.int64)
        return self._formula(bars, np.take(indicator, columns, axis=1))


_MOVES = (1, 2, 5, 10, 20, 60)
_AVERAGES = (5, 10, 20, 50)

_SPECS = (
    *(f"roc_{n}" for n in _MOVES),
    *(f"sma_{n}" for n in _AVERAGES),
    "atr_14", "atr_50", "macd_12_26_9", "rsi_2", "rsi_14", "bbands_20_2",
    "stoch_14_3_3", "adx_14", "plus_di_14", "minus_di_14", "parkinson_20", "volume_zscore_20", "mfi_14",
)  # fmt: skip
_INPUTS = (
    *(f"roc_{n}" for n in _MOVES),
    *(f"sma_{n}" for n in _AVERAGES),
    "atr_14", "atr_50", "macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist", "rsi_2", "rsi_14",
    "bbands_20_2_upper", "bbands_20_2_lower",
    "stoch_14_3_3_k", "adx_14", "plus_di_14", "minus_di_14", "parkinson_20", "volume_zscore_20", "mfi_14",
)  # fmt: skip
_NAMES = (
    *(f"move_{n}" for n in _MOVES),  # change over n bars, in ATR times sqrt(n)
    *(f"from_sma_{n}" for n in _AVERAGES),  # distance of the close, in ATR
    "sma_20_over_50",  # distance between the averages, in ATR
    "macd", "macd_signal", "macd_hist",  # in ATR
    "rsi_2", "rsi_14",  # -0.5 to 0.5
    "band_place",  # where the close is between the Bollinger bands, 0 to 1
    "band_width",  # in ATR: the squeeze
    "volatility",  # ATR over close
    "volatility_ratio",  # short ATR over long ATR
    "gap",  # open less the previous close, in ATR
    "body", "range", "upper_wick", "lower_wick",  # of this bar, in ATR
    "close_place",  # where the close is in the bar's range, 0 to 1
    "range_place",  # where the close is in the range of 14 bars (stochastic %K), -0.5 to 0.5
    "trend_strength",  # ADX, 0 to 1
    "trend_balance",  # upward less downward directional movement, -1 to 1
    "range_volatility",  # Parkinson's volatility over ATR
    "volume_zscore",  # of 20 bars
    "money_flow",  # MFI, -0.5 to 0.5
    "weekday",  # UTC, Monday is 0
)  # fmt: skip


@jit
def _default_kernel(
    timestamp: Ints, open_: Floats, high: Floats, low: Floats, close: Floats, values: Floats, roots: Floats, width: int
) -> Floats:
    count, moves = len(timestamp), len(roots)
    out = np.empty((count, width))
    for i in range(count):
        o, h, lo, c = open_[i], high[i], low[i], close[i]
        atr, slow_atr = values[i, moves + 4], values[i, moves + 5]
        upper, lower = values[i, moves + 11], values[i, moves + 12]
        if not (atr > 0.0 and slow_atr > 0.0 and upper > lower):  # not warm, or a price that never moves
            out[i] = np.nan
            continue
        unit = 1.0 / atr
        f = 0
        for k in range(moves):
            out[i, f] = values[i, k] * 0.01 * c * unit / roots[k]
            f += 1
        for k in range(moves, moves + 4):
            out[i, f] = (c - values[i, k]) * unit
            f += 1
        out[i, f] = (values[i, moves + 2] - values[i, moves + 3]) * unit
        out[i, f + 1] = values[i, moves + 6] * unit
        out[i, f + 2] = values[i, moves + 7] * unit
        out[i, f + 3] = values[i, moves + 8] * unit
        out[i, f + 4] = values[i, moves + 9] * 0.01 - 0.5
        out[i, f + 5] = values[i, moves + 10] * 0.01 - 0.5
        out[i, f + 6] = (c - lower) / (upper - lower)
        out[i, f + 7] = (upper - lower) * unit
        out[i, f + 8] = atr / c
        out[i, f + 9] = atr / slow_atr
        out[i, f + 10] = (o - c / (1.0 + values[i, 0] * 0.01)) * unit
        out[i, f + 11] = (c - o) * unit
        out[i, f + 12] = (h - lo) * unit
        out[i, f + 13] = (h - max(o, c)) * unit
        out[i, f + 14] = (min(o, c) - lo) * unit
        out[i, f + 15] = (c - lo) / (h - lo) if h > lo else 0.5
        j = moves + 13
        out[i, f + 16] = values[i, j] * 0.01 - 0.5
        out[i, f + 17] = values[i, j + 1] * 0.01
        out[i, f + 18] = (values[i, j + 2] - values[i, j + 3]) * 0.01
        out[i, f + 19] = values[i, j + 4] * c * unit
        # Without volumes both are absent; the models know that as 0. Where they are not warm, others are not either.
        out[i, f + 20] = 0.0 if np.isnan(values[i, j + 5]) else values[i, j + 5]
        out[i, f + 21] = (0.0 if np.isnan(values[i, j + 6]) else values[i, j + 6]) * 0.01 - 0.5
        out[i, f + 22] = (timestamp[i] // DAY + 3) % 7  # 1970-01-01 was a Thursday
    return out


_ROOTS = np.array([math.sqrt(n) for n in _MOVES])


def _default_formula(bars: Bars, values: Floats) -> Floats:
    result: Floats = _default_kernel(
        bars.timestamp, bars.open, bars.high, bars.low, bars.close, values, _ROOTS, len(_NAMES)
    )
    return result


#: What tapeline trains and predicts with by default. Warm after 61 bars.
DEFAULT_FEATURES = FeatureSet(_SPECS, _INPUTS, _NAMES, _default_formula, calendar=("weekday",))


def feature_matrix(
    bars: Bars, features: FeatureSet, wanted: Flags, progress: Callable[[float], None] = lambda _: None
) -> Floats:
    """Return the features of the bars in `wanted` (bool [n]), float64 [wanted.sum(), features]; NaN where not warm.

    `bars` are each symbol's bars from its first one on, in the order of time: indicators are computed from there.
    """
    engine = Engine(features.specs)
    matrix = np.empty((int(wanted.sum()), len(features.names)))
    made = 0
    for start in range(0, len(bars), _CHUNK):
        chunk, some = bars[start : start + _CHUNK], wanted[start : start + _CHUNK]
        values = features.compute(chunk, engine.outputs, engine.update(chunk))[some]
        matrix[made : made + len(values)] = values
        made += len(values)
        progress(min(1.0, (start + _CHUNK) / len(bars)))
    return matrix
