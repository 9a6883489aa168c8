"""Test indicators that TA-Lib lacks against plain formulas, and every indicator where nothing moves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tapeline.core.market import Bars, Floats, Ints
from tapeline.data import sample_path
from tapeline.indicators import CATALOGUE, Engine, spec_of_output

DAY = 86_400_000


@pytest.fixture(scope="module", params=["1m TSLA", "1m UGA", "1d AAPL", "1d XLP"])
def frame(request: pytest.FixtureRequest) -> pd.DataFrame:
    interval, symbol = request.param.split()
    table = pq.read_table(sample_path(interval), filters=[("symbol", "=", symbol)])
    found = table.to_pandas().reset_index(drop=True)
    length = DAY if interval == "1m" else 20 * DAY  # a "session" of daily bars is 20 days here
    found["session"] = found["timestamp"] // length
    return found


def values(frame: pd.DataFrame, *specs: str) -> dict[str, Floats]:
    columns = (frame[name].to_numpy(np.float64).copy() for name in ("open", "high", "low", "close", "volume"))
    count = len(frame)
    bars = Bars(
        ("X",), np.zeros(count, np.int32), np.arange(count, dtype=np.int64), *columns, np.ones(count, np.bool_)
    )  # fmt: skip
    engine = Engine(specs)
    session: Ints = frame["session"].to_numpy(np.int64).copy()
    return dict(zip(engine.outputs, engine.update(bars, session=session).T, strict=True))


def check(found: dict[str, Floats], expected: dict[str, pd.Series]) -> None:
    for name, series in expected.items():
        wanted = series.to_numpy(np.float64)
        np.testing.assert_allclose(found[name], wanted, rtol=1e-9, atol=1e-12 * np.nanmax(np.abs(wanted)), err_msg=name)


@pytest.mark.parametrize("n", [5, 20, 60])
def test_width_and_percent_b(frame: pd.DataFrame, n: int) -> None:
    window = frame["close"].rolling(n)
    mean, deviation = window.mean(), window.apply(lambda w: w.std(), raw=True)
    reach = 2 * deviation
    place = ((frame["close"] - (mean - reach)) / (2 * reach)).where((reach > 0) | reach.isna(), 0.5)
    check(
        values(frame, f"bbands_{n}_2"),
        {f"bbands_{n}_2_width": 2 * reach / mean, f"bbands_{n}_2_percent_b": place},
    )


@pytest.mark.parametrize(("conversion", "base", "span"), [(9, 26, 52), (7, 22, 44), (30, 10, 20)])
def test_ichimoku(frame: pd.DataFrame, conversion: int, base: int, span: int) -> None:
    def middle(n: int) -> pd.Series:
        return (frame["high"].rolling(n).max() + frame["low"].rolling(n).min()) / 2

    name = f"ichimoku_{conversion}_{base}_{span}"
    check(
        values(frame, name),
        {
            f"{name}_conversion": middle(conversion),
            f"{name}_base": middle(base),
            f"{name}_span_a": ((middle(conversion) + middle(base)) / 2).shift(base),
            f"{name}_span_b": middle(span).shift(base),
        },
    )


@pytest.mark.parametrize(("conversion", "base", "span", "back"), [(9, 26, 52, 26), (20, 60, 120, 30), (3, 2, 5, 1)])
def test_ichimoku_with_displacement(frame: pd.DataFrame, conversion: int, base: int, span: int, back: int) -> None:
    def middle(n: int) -> pd.Series:
        return (frame["high"].rolling(n).max() + frame["low"].rolling(n).min()) / 2

    name = f"ichimoku_displaced_{conversion}_{base}_{span}_{back}"
    lead_a, lead_b = (middle(conversion) + middle(base)) / 2, middle(span)
    check(
        values(frame, name),
        {
            f"{name}_conversion": middle(conversion), f"{name}_base": middle(base),
            f"{name}_span_a": lead_a.shift(back - 1), f"{name}_span_b": lead_b.shift(back - 1),
            f"{name}_lead_a": lead_a, f"{name}_lead_b": lead_b,
        },
    )  # fmt: skip


@pytest.mark.parametrize("day", [0, 3])
def test_anchored_vwap_begins_with_the_first_session_on_or_after_its_day(frame: pd.DataFrame, day: int) -> None:
    later = frame.assign(session=2 * (frame["session"] - frame["session"][0]))  # so that no session is day 3
    used = later["session"] >= day
    money = ((later["high"] + later["low"] + later["close"]) / 3 * later["volume"]).where(used, 0).cumsum()
    total = later["volume"].where(used, 0).cumsum()
    check(values(later, f"anchored_vwap_{day}"), {f"anchored_vwap_{day}": (money / total).where(total > 0)})


@pytest.mark.parametrize(("n", "k", "smoothing", "d"), [(14, 14, 3, 3), (5, 8, 1, 4)])
def test_the_smoothed_stochastic_rsi_is_that_of_tradingview(
    frame: pd.DataFrame, n: int, k: int, smoothing: int, d: int
) -> None:
    strength = pd.Series(values(frame, f"rsi_{n}")[f"rsi_{n}"])
    low, high = strength.rolling(k).min(), strength.rolling(k).max()
    raw = (100 * (strength - low) / (high - low)).where((high - low > 1e-11) | low.isna(), 0.0)
    smooth = raw.rolling(smoothing).mean()
    mean = smooth.rolling(d).mean()
    name = f"stochrsi_smoothed_{n}_{k}_{smoothing}_{d}"
    check(values(frame, name), {f"{name}_k": smooth.where(mean.notna()), f"{name}_d": mean})


@pytest.mark.parametrize("n", [2, 14, 60])
def test_choppiness(frame: pd.DataFrame, n: int) -> None:
    before = frame["close"].shift()
    reach = np.maximum(frame["high"], before) - np.minimum(frame["low"], before)
    reach = reach.where(before.notna())
    span = frame["high"].rolling(n).max() - frame["low"].rolling(n).min()
    total = reach.rolling(n).apply(lambda w: w.sum(), raw=True)
    wanted = (100 * np.log10(total / span) / np.log10(n)).where((span > 0) & (total > 0) | total.isna(), 100.0)
    check(values(frame, f"choppiness_{n}"), {f"choppiness_{n}": wanted})


@pytest.mark.parametrize(("n", "scale"), [(14, 10_000), (5, 1_000_000)])
def test_ease_of_movement(frame: pd.DataFrame, n: int, scale: int) -> None:
    change = ((frame["high"] + frame["low"]) / 2).diff()
    ease = scale * change * (frame["high"] - frame["low"]) / frame["volume"].where(frame["volume"] > 0)
    ease = ease.fillna(0.0).where(change.notna())
    traded = frame["volume"].rolling(n).max() > 0
    mean = ease.rolling(n).apply(lambda w: w.mean(), raw=True)
    check(values(frame, f"eom_{n}_{scale}"), {f"eom_{n}_{scale}": mean.where(traded)})


def test_a_supertrend_flip_is_a_change_of_its_direction(frame: pd.DataFrame) -> None:
    found = values(frame, "supertrend_7_2", "supertrend_flip_7_2")
    direction = pd.Series(found["supertrend_7_2_direction"])
    change = direction.diff()
    flips = np.sign(change.where(change != 0, 0.0)).where(direction.notna())
    np.testing.assert_array_equal(found["supertrend_flip_7_2"], flips.fillna(0.0).where(direction.notna()))
    assert {-1.0, 0.0, 1.0} <= set(found["supertrend_flip_7_2"][7:])


@pytest.mark.parametrize("side", [1, 2, 5])
def test_fractals_are_above_or_below_their_neighbours(frame: pd.DataFrame, side: int) -> None:
    high, low = frame["high"], frame["low"]
    shifts = [shift for shift in range(2 * side + 1) if shift != side]
    top = np.logical_and.reduce([high.shift(shift) < high.shift(side) for shift in shifts])
    bottom = np.logical_and.reduce([low.shift(shift) > low.shift(side) for shift in shifts])
    found = values(frame, f"fractals_{side}")
    np.testing.assert_array_equal(found[f"fractals_{side}_high"][2 * side :], top[2 * side :])
    np.testing.assert_array_equal(found[f"fractals_{side}_low"][2 * side :], bottom[2 * side :])


def test_vwap_restarts_with_every_session(frame: pd.DataFrame) -> None:
    money = (frame["high"] + frame["low"] + frame["close"]) / 3 * frame["volume"]
    total = frame["volume"].groupby(frame["session"]).cumsum()
    check(values(frame, "vwap"), {"vwap": (money.groupby(frame["session"]).cumsum() / total).where(total > 0)})


@pytest.mark.parametrize("n", [2, 20, 60])
def test_realised_volatility(frame: pd.DataFrame, n: int) -> None:
    returns = np.log(frame["close"]).diff()
    squares = np.log(frame["high"] / frame["low"]) ** 2
    check(
        values(frame, f"volatility_{n}", f"parkinson_{n}"),
        {
            f"volatility_{n}": returns.rolling(n).apply(lambda w: w.std(ddof=1), raw=True),
            f"parkinson_{n}": squares.rolling(n).apply(lambda w: np.sqrt(w.sum() / (4 * n * np.log(2))), raw=True),
        },
    )


@pytest.mark.parametrize("n", [5, 20])
def test_volume_zscore(frame: pd.DataFrame, n: int) -> None:
    def score(window: Floats) -> float:
        same = 0.0 if window.any() else np.nan
        return (window[-1] - window.mean()) / window.std() if window.std() else same

    volume = frame["volume"].astype(float)
    check(values(frame, f"volume_zscore_{n}"), {f"volume_zscore_{n}": volume.rolling(n).apply(score, raw=True)})


def test_pivots_are_of_the_previous_session(frame: pd.DataFrame) -> None:
    sessions = frame.groupby("session").agg({"high": "max", "low": "min", "close": "last"}).shift()
    before = sessions.loc[frame["session"]].reset_index(drop=True)
    high, low, p = before["high"], before["low"], before.sum(axis=1, min_count=3) / 3
    check(
        values(frame, "pivots"),
        {
            "pivots_p": p, "pivots_r1": 2 * p - low, "pivots_r2": p + high - low, "pivots_r3": high + 2 * (p - low),
            "pivots_s1": 2 * p - high, "pivots_s2": p - (high - low), "pivots_s3": low - 2 * (high - p),
        },
    )  # fmt: skip


@pytest.mark.parametrize("n", [2, 20, 150])
def test_fibonacci(frame: pd.DataFrame, n: int) -> None:
    high, low = frame["high"].rolling(n).max(), frame["low"].rolling(n).min()
    shares = {"0": 0.0, "236": 0.236, "382": 0.382, "500": 0.5, "618": 0.618, "786": 0.786, "1000": 1.0}
    check(
        values(frame, f"fibonacci_{n}"),
        {f"fibonacci_{n}_{label}": high - share * (high - low) for label, share in shares.items()},
    )


def test_a_flat_series_after_wild_moves_has_exact_values_free_of_rounding() -> None:
    """A price that jumps about a thousandfold, then stands still, with no volume."""
    rng = np.random.default_rng(3)
    close = np.r_[10 ** rng.uniform(0, 3, 200), np.full(300, 42.17)]
    volume = np.r_[rng.uniform(0, 1e9, 200), np.zeros(300)]
    frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": volume, "session": 0})
    found = {name: column[-1] for name, column in values(frame, *CATALOGUE).items()}
    assert found["bbands_20_2_width"] == found["stddev_20"] == found["volatility_20"] == found["parkinson_20"] == 0.0
    assert found["bbands_20_2_percent_b"] == 0.5
    assert found["bbands_20_2_upper"] == found["bbands_20_2_lower"] == pytest.approx(42.17, rel=1e-14)
    for name in ("stoch_14_3_3_k", "stoch_14_3_3_d", "willr_14", "cci_20", "bop",
                 "stochrsi_14_5_3_k", "trange", "mom_10", "roc_10", "ultosc_7_14_28"):  # fmt: skip
        assert found[name] == 0.0, name
    for name in ("relative_volume_20", "mfi_14", "volume_zscore_20"):
        assert np.isnan(found[name]), name
    for name in ("sma_20", "wma_20", "midpoint_14", "linearreg_14", "donchian_20_upper", "fibonacci_60_500"):
        assert found[name] == pytest.approx(42.17, rel=1e-12), name


def test_without_volumes_no_indicator_of_volumes_has_a_value(frame: pd.DataFrame) -> None:
    names = [name for name, entry in CATALOGUE.items() if "volume" in entry.inputs]
    found = values(frame.assign(volume=0.0), *names)
    assert {spec_of_output(output)[0].indicator for output in found} == {CATALOGUE[name] for name in names}
    for output, column in found.items():
        assert np.isnan(column).all(), output


@pytest.mark.parametrize("name", ["obv", "ad", "adosc_3_10"])
def test_a_sum_of_volumes_begins_with_the_first_one(frame: pd.DataFrame, name: str) -> None:
    late = frame.assign(volume=frame["volume"].where(frame.index >= 50, 0))
    late.loc[50, "volume"] = 7
    column = values(late, name)[name]
    assert np.isnan(column[:50]).all()
    assert not np.isnan(column[50:]).any()


@pytest.mark.parametrize("scale", [1e-6, 1e9])
def test_scaling_prices_scales_values_and_leaves_scale_free_ones(scale: float) -> None:
    table = pq.read_table(sample_path("1m"), filters=[("symbol", "=", "TSLA")]).to_pandas()
    frame = table.assign(session=0)
    prices = ["open", "high", "low", "close"]
    power = 2.0 ** round(np.log2(scale))  # exact, so that nothing changes but the exponent
    scaled = frame.assign(**{name: frame[name] * power for name in prices})
    free = [name for name, entry in CATALOGUE.items() if entry.scale_free]
    before, after = values(frame, *free), values(scaled, *free)
    for name, column in before.items():
        np.testing.assert_array_equal(after[name], column, err_msg=name)
    for name, column in values(scaled, "sma_20", "ema_12", "macd", "atr", "bbands").items():
        if not name.endswith(("_width", "_percent_b")):
            expected = values(frame, "sma_20", "ema_12", "macd", "atr", "bbands")[name] * power
            np.testing.assert_array_equal(column, expected, err_msg=name)
