from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np
import pytest
from tests.daily import daily_bars

from tapeline.core.market import Bars
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.indicators import Engine


@pytest.fixture(scope="module")
def bars() -> Bars:
    return daily_bars(symbols=3, count=150)


@pytest.fixture(scope="module")
def engine(bars):
    engine = Engine(DEFAULT_FEATURES.specs)
    return engine.outputs, engine.update(bars)


def test_features_equal_a_plain_formula(bars, engine):
    outputs, values = engine
    got = DEFAULT_FEATURES.compute(bars, outputs, values)
    for i in (len(bars) - 1, len(bars) - 77, 300):
        x = dict(zip(outputs, values[i].tolist(), strict=True))
        o, h, low, c = (float(getattr(bars, name)[i]) for name in ("open", "high", "low", "close"))
        atr = x["atr_14"]
        want = {f"move_{n}": x[f"roc_{n}"] / 100 * c / atr / math.sqrt(n) for n in (1, 2, 5, 10, 20, 60)}
        want |= {f"from_sma_{n}": (c - x[f"sma_{n}"]) / atr for n in (5, 10, 20, 50)}
        want |= {
            "sma_20_over_50": (x["sma_20"] - x["sma_50"]) / atr,
            "macd": x["macd_12_26_9"] / atr,
            "macd_signal": x["macd_12_26_9_signal"] / atr,
            "macd_hist": x["macd_12_26_9_hist"] / atr,
            "rsi_2": x["rsi_2"] / 100 - 0.5,
            "rsi_14": x["rsi_14"] / 100 - 0.5,
            "band_place": (c - x["bbands_20_2_lower"]) / (x["bbands_20_2_upper"] - x["bbands_20_2_lower"]),
            "band_width": (x["bbands_20_2_upper"] - x["bbands_20_2_lower"]) / atr,
            "volatility": atr / c,
            "volatility_ratio": atr / x["atr_50"],
            "gap": (o - bars.close[i - 3]) / atr,
            "body": (c - o) / atr,
            "range": (h - low) / atr,
            "upper_wick": (h - max(o, c)) / atr,
            "lower_wick": (min(o, c) - low) / atr,
            "close_place": (c - low) / (h - low),
            "range_place": x["stoch_14_3_3_k"] / 100 - 0.5,
            "trend_strength": x["adx_14"] / 100,
            "trend_balance": (x["plus_di_14"] - x["minus_di_14"]) / 100,
            "range_volatility": x["parkinson_20"] * c / atr,
            "volume_zscore": x["volume_zscore_20"],
            "money_flow": x["mfi_14"] / 100 - 0.5,
            "weekday": float(bars.timestamp[i : i + 1].astype("M8[ms]").astype(object)[0].weekday()),
        }
        assert tuple(want) == DEFAULT_FEATURES.names
        np.testing.assert_allclose(got[i], list(want.values()), rtol=1e-9, atol=1e-12)


def test_all_are_warm_after_61_bars_and_none_before(bars, engine):
    got = DEFAULT_FEATURES.compute(bars, *engine)
    assert np.isnan(got[: 60 * 3]).any(axis=1).all()
    assert not np.isnan(got[60 * 3 :]).any()


def test_features_do_not_depend_on_the_scale_of_prices_or_volume(bars):
    prices = {name: getattr(bars, name) * 1024 for name in ("open", "high", "low", "close")}
    scaled = dataclasses.replace(bars, **prices, volume=bars.volume * 7)
    one, other = (
        DEFAULT_FEATURES.compute(b, engine.outputs, engine.update(b))
        for b, engine in ((bars, Engine(DEFAULT_FEATURES.specs)), (scaled, Engine(DEFAULT_FEATURES.specs)))
    )
    np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


def test_a_row_is_the_same_in_any_batch_and_in_any_order(bars, engine):
    outputs, values = engine
    whole = DEFAULT_FEATURES.compute(bars, outputs, values)
    places = np.random.default_rng(0).permutation(len(bars))
    np.testing.assert_array_equal(DEFAULT_FEATURES.compute(bars[places], outputs, values[places]), whole[places])
    for i in range(0, len(bars), 37):
        np.testing.assert_array_equal(
            DEFAULT_FEATURES.compute(bars[i : i + 1], outputs, values[i : i + 1]), whole[i : i + 1]
        )
    assert DEFAULT_FEATURES.compute(bars[:0], outputs, values[:0]).shape == (0, len(DEFAULT_FEATURES.names))


def test_a_price_that_never_moved_has_no_features(bars, engine):
    outputs, values = engine
    still = values[-1:].copy()
    still[0, outputs.index("atr_14")] = 0.0
    assert np.isnan(DEFAULT_FEATURES.compute(bars[-1:], outputs, still)).all()


def test_columns_are_found_by_name_and_a_missing_one_is_named(bars, engine):
    outputs, values = engine
    whole = DEFAULT_FEATURES.compute(bars, outputs, values)
    shuffled = np.random.default_rng(0).permutation(len(outputs))
    names = [outputs[k] for k in shuffled]
    np.testing.assert_array_equal(DEFAULT_FEATURES.compute(bars, names, values[:, shuffled]), whole)
    with pytest.raises(ValueError, match="rsi_14"):
        DEFAULT_FEATURES.compute(bars, [n for n in outputs if n != "rsi_14"], values[:, 1:])


def test_the_hash_covers_the_schema():
    def formula(bars, x):
        return x

    one = FeatureSet(["sma_5"], ["sma_5"], ["a"], formula)
    assert one.hash == FeatureSet(("sma_5",), ("sma_5",), ("a",), formula).hash
    for other in (
        FeatureSet(["sma_6"], ["sma_5"], ["a"], formula),
        FeatureSet(["sma_5"], ["sma_6"], ["a"], formula),
        FeatureSet(["sma_5"], ["sma_5"], ["b"], formula),
        FeatureSet(["sma_5"], ["sma_5"], ["a"], formula, version=2),
    ):
        assert other.hash != one.hash


def test_the_default_formula_changes_only_with_its_version(bars):
    """Compute fixed inputs, so that only the formula counts. When it fails, raise `version`, then renew both values."""
    rng = np.random.default_rng(0)
    values = rng.uniform(1, 2, (len(bars), len(DEFAULT_FEATURES.inputs)))
    values[:, DEFAULT_FEATURES.inputs.index("bbands_20_2_upper")] += 2
    got = np.round(DEFAULT_FEATURES.compute(bars, DEFAULT_FEATURES.inputs, values), 6)
    fixed = hashlib.sha256(got.tobytes()).hexdigest()[:16]
    assert (DEFAULT_FEATURES.hash, fixed) == ("dec59732fee451ce", "cf24597a0ecd905c")
