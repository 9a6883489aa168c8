"""The indicators TA-Lib lacks, against the formula in its plainest form over real bars in pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tapeline.data import sample_path
from tapeline.indicators import Engine
from tapeline.market import Bars


@pytest.fixture(scope="module", params=["TSLA", "PPLT"])
def week(request: pytest.FixtureRequest) -> pd.DataFrame:
    """A week of minutes of one symbol, `session` being the day."""
    frame = pq.read_table(sample_path("1m"), filters=[("symbol", "=", request.param)]).to_pandas()
    frame["session"] = frame.timestamp // 86_400_000
    return frame


def computed(frame: pd.DataFrame, *specs: str) -> pd.DataFrame:
    count = len(frame)
    bars = Bars(
        ("X",), np.zeros(count, np.int32), frame.timestamp.to_numpy(np.int64),
        *(frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")),
        np.ones(count, np.bool_),
    )  # fmt: skip
    engine = Engine(specs)
    return pd.DataFrame(engine.update(bars), columns=list(engine.outputs), index=frame.index)


def same(found: pd.Series, expected: pd.Series, absolute: float = 0.0) -> None:
    assert expected.notna().sum() > 100
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(np.float64), rtol=1e-9, atol=absolute)


def middle(frame: pd.DataFrame, n: int) -> pd.Series:
    return (frame.high.rolling(n).max() + frame.low.rolling(n).min()) / 2


@pytest.mark.parametrize("n", [2, 20])
def test_realised_volatility(week: pd.DataFrame, n: int) -> None:
    found = computed(week, f"volatility_{n}", f"parkinson_{n}")
    returns = np.log(week.close / week.close.shift())
    same(found[f"volatility_{n}"], returns.rolling(n).apply(lambda x: x.std(ddof=1), raw=True), 1e-12)
    ranges = np.log(week.high / week.low) ** 2
    mean = ranges.rolling(n).apply(lambda x: x.sum(), raw=True) / (4 * n * np.log(2))
    same(found[f"parkinson_{n}"], np.sqrt(mean), 1e-12)


def test_volume(week: pd.DataFrame) -> None:
    found = computed(week, "volume_zscore_20", "relative_volume_20")

    def score(x: np.ndarray) -> float:
        return float((x[-1] - x.mean()) / x.std()) if x.std() > 0 else 0.0

    same(found.volume_zscore_20, week.volume.astype(float).rolling(20).apply(score, raw=True), 1e-10)
    same(found.relative_volume_20, week.volume / week.volume.rolling(20).mean().shift(), 1e-10)


def test_vwap_begins_anew_with_every_session(week: pd.DataFrame) -> None:
    typical = (week.high + week.low + week.close) / 3
    money = (typical * week.volume).groupby(week.session).cumsum()
    same(computed(week, "vwap").vwap, money / week.volume.groupby(week.session).cumsum())


def test_pivots_are_of_the_session_before(week: pd.DataFrame) -> None:
    days = week.groupby("session").agg(high=("high", "max"), low=("low", "min"), close=("close", "last")).shift()
    high, low, close = (week.session.map(days[name]) for name in ("high", "low", "close"))
    p = (high + low + close) / 3
    expected = {
        "p": p, "r1": 2 * p - low, "r2": p + high - low, "r3": high + 2 * (p - low),
        "s1": 2 * p - high, "s2": p - (high - low), "s3": low - 2 * (high - p),
    }  # fmt: skip
    found = computed(week, "pivots")
    for name, values in expected.items():
        same(found[f"pivots_{name}"], values)


def test_fibonacci_retracements(week: pd.DataFrame) -> None:
    top, bottom = week.high.rolling(60).max(), week.low.rolling(60).min()
    found = computed(week, "fibonacci_60")
    for share in (0, 236, 382, 500, 618, 786, 1000):
        same(found[f"fibonacci_60_{share}"], top - share / 1000 * (top - bottom))


def test_ichimoku(week: pd.DataFrame) -> None:
    found = computed(week, "ichimoku_9_26_52")
    conversion, base = middle(week, 9), middle(week, 26)
    same(found.ichimoku_9_26_52_conversion, conversion)
    same(found.ichimoku_9_26_52_base, base)
    lag = _lag(found.ichimoku_9_26_52_span_b, middle(week, 52))
    assert lag in {25, 26}  # one base period ago, this bar counted or not: the same for both spans
    same(found.ichimoku_9_26_52_span_a, ((conversion + base) / 2).shift(lag))
    same(found.ichimoku_9_26_52_span_b, middle(week, 52).shift(lag))


def _lag(found: pd.Series, made: pd.Series) -> int:
    return int(found.first_valid_index()) - int(made.first_valid_index())


def test_width_and_place_of_the_bollinger_bands(week: pd.DataFrame) -> None:
    found = computed(week, "bbands_20_2")
    mean = week.close.rolling(20).apply(lambda x: x.mean(), raw=True)
    deviation = week.close.rolling(20).apply(lambda x: x.std(), raw=True)
    same(found.bbands_20_2_width, 4 * deviation / mean, 1e-12)
    place = ((week.close - mean) / (4 * deviation) + 0.5).where(deviation > 1e-9, 0.5).where(mean.notna())
    same(found.bbands_20_2_percent_b, place, 1e-9)


def test_ten_thousand_symbols_live_in_one_engine() -> None:
    count = 10_000
    engine = Engine()
    prices = np.full(count, 10.0)
    bars = Bars(
        tuple(f"N{i}" for i in range(count)), np.arange(count, dtype=np.int32), np.zeros(count, np.int64),
        prices, prices, prices, prices, prices, np.ones(count, np.bool_),
    )  # fmt: skip
    engine.update(bars)
    assert len(engine.symbols) == count
    assert engine.count("N9999") == 1
    assert count * engine.bytes_per_symbol < 82_000_000
