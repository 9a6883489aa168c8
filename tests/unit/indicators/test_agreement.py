"""Test every indicator that TA-Lib has on every bar of real data: values and warm-up equal its batch functions'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bokeh_sampledata
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import talib

from tapeline.core.market import Bars, Floats
from tapeline.data import sample_path
from tapeline.indicators import CATALOGUE, Engine

Columns = dict[str, Floats]


def one(function: Callable[..., Any], *names: str) -> Callable[..., list[Floats]]:
    """A TA-Lib function of these columns and then the indicator's own parameters."""

    def call(bars: Columns, *parameters: float) -> list[Floats]:
        found = function(*(bars[name] for name in names), *parameters)
        return [np.asarray(each, np.float64) for each in (found if isinstance(found, tuple) else (found,))]

    return call


HLC = ("high", "low", "close")
OHLC = ("open", *HLC)

#: Spec -> TA-Lib's own answer, its outputs in the order of the entry's. A suffix list picks outputs TA-Lib has.
PEERS: dict[str, tuple[Callable[..., list[Floats]], tuple[tuple[float, ...], ...]]] = {
    "sma": (one(talib.SMA, "close"), ((2,), (20,), (200,))),
    "ema": (one(talib.EMA, "close"), ((2,), (12,), (100,))),
    "wma": (one(talib.WMA, "close"), ((2,), (20,), (55,))),
    "dema": (one(talib.DEMA, "close"), ((5,), (20,))),
    "tema": (one(talib.TEMA, "close"), ((5,), (20,))),
    "kama": (one(talib.KAMA, "close"), ((10,), (30,))),
    "t3": (one(talib.T3, "close"), ((5, 0.7), (9, 0.3))),
    "midpoint": (one(talib.MIDPOINT, "close"), ((2,), (14,), (50,))),
    "linearreg": (one(talib.LINEARREG, "close"), ((5,), (14,), (60,))),
    "bbands": (lambda b, n, f: one(talib.BBANDS, "close")(b, n, f, f), ((20, 2), (5, 1.5), (50, 3))),
    "keltner": (one(talib.KC, *HLC), ((20, 10, 2), (10, 10, 1.5))),
    "donchian": (one(talib.DONCHIAN, "high", "low"), ((2,), (20,), (55,))),
    "supertrend": (one(talib.SUPERTREND, *HLC), ((10, 3), (7, 2.5))),
    "vwap": (one(talib.VWAP, *HLC, "volume"), ((),)),
    "sar": (one(talib.SAR, "high", "low"), ((0.02, 0.2), (0.05, 0.1))),
    "macd": (one(talib.MACD, "close"), ((12, 26, 9), (5, 35, 5), (3, 10, 16))),
    "ppo": (lambda b, f, s: one(talib.PPO, "close")(b, f, s, 1), ((12, 26), (5, 35))),
    "rsi": (one(talib.RSI, "close"), ((2,), (14,), (50,))),
    "stoch": (lambda b, k, s, d: one(talib.STOCH, *HLC)(b, k, s, 0, d, 0), ((14, 3, 3), (5, 3, 3), (21, 1, 5))),
    "stochrsi": (lambda b, n, k, d: one(talib.STOCHRSI, "close")(b, n, k, d, 0), ((14, 5, 3), (14, 14, 3))),
    "willr": (one(talib.WILLR, *HLC), ((2,), (14,), (50,))),
    "cci": (one(talib.CCI, *HLC), ((5,), (14,), (20,))),
    "cmo": (one(talib.CMO, "close"), ((5,), (14,))),
    "roc": (one(talib.ROC, "close"), ((1,), (10,), (60,))),
    "mom": (one(talib.MOM, "close"), ((1,), (10,), (60,))),
    "trix": (one(talib.TRIX, "close"), ((5,), (30,))),
    "ultosc": (one(talib.ULTOSC, *HLC), ((7, 14, 28), (3, 5, 10))),
    "mfi": (one(talib.MFI, *HLC, "volume"), ((5,), (14,))),
    "adx": (one(talib.ADX, *HLC), ((5,), (14,), (30,))),
    "adxr": (one(talib.ADXR, *HLC), ((5,), (14,))),
    "plus_di": (one(talib.PLUS_DI, *HLC), ((5,), (14,))),
    "minus_di": (one(talib.MINUS_DI, *HLC), ((5,), (14,))),
    "aroon": (lambda b, n: one(talib.AROON, "high", "low")(b, n)[::-1], ((5,), (14,), (25,))),
    "aroonosc": (one(talib.AROONOSC, "high", "low"), ((5,), (14,))),
    "bop": (one(talib.BOP, *OHLC), ((),)),
    "atr": (one(talib.ATR, *HLC), ((1,), (14,), (50,))),
    "natr": (one(talib.NATR, *HLC), ((5,), (14,))),
    "trange": (one(talib.TRANGE, *HLC), ((),)),
    "stddev": (one(talib.STDDEV, "close"), ((5,), (20,))),
    "obv": (one(talib.OBV, "close", "volume"), ((),)),
    "ad": (one(talib.AD, *HLC, "volume"), ((),)),
    "adosc": (one(talib.ADOSC, *HLC, "volume"), ((3, 10), (5, 20))),
    "relative_volume": (one(talib.RVOL, "volume"), ((5,), (20,))),
    "hma": (one(talib.HMA, "close"), ((2,), (9,), (20,), (200,))),
    "vwma": (one(talib.VWMA, "close", "volume"), ((20,), (50,))),
    "heikin_ashi": (one(talib.HA, *OHLC), ((),)),
    "adr": (one(talib.ADR, "high", "low"), ((5,), (14,))),
    "vortex": (one(talib.VORTEX, *HLC), ((2,), (14,), (50,))),
    "cmf": (one(talib.CMF, *HLC, "volume"), ((5,), (20,))),
    "force_index": (one(talib.EFI, "close", "volume"), ((2,), (13,))),
    **{
        name: (one(getattr(talib, name.upper()), *OHLC), ((),))
        for name in (
            "cdldoji", "cdlhammer", "cdlhangingman", "cdlshootingstar", "cdlengulfing", "cdlharami", "cdlpiercing",
            "cdl3whitesoldiers", "cdl3blackcrows",
        )
    },
    **{
        name: (one(getattr(talib, name.upper()), *OHLC), ((0.5,), (0.3,)))
        for name in ("cdldarkcloudcover", "cdlmorningstar", "cdleveningstar")
    },
}  # fmt: skip

#: Values that cancel to nearly nothing have no relative precision: so much of the output's own largest is allowed.
ABSOLUTE = {"cci": 2e-11, "stochrsi": 1e-11}

#: Sums that begin with the first volume here, and with the first bar there.
SUMS_OF_VOLUMES = {"obv", "ad", "adosc", "force_index"}


def tables() -> dict[str, pa.Table]:
    """All daily and minute bars of the packaged sample, and some 12,000 days of bokeh-sampledata's."""
    path = Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz"
    years = pyarrow.csv.read_csv(path)
    years = years.rename_columns([name.lower() for name in years.column_names]).rename_columns({"ticker": "symbol"})
    return {
        "minutes": pq.read_table(sample_path("1m")),
        "days": pq.read_table(sample_path("1d")),
        "years": years,
    }


@pytest.fixture(scope="module")
def bars() -> Bars:
    """All of them as symbols of one batch, symbol by symbol, each in the order of time."""
    parts = []
    for label, table in tables().items():
        symbols = table.column("symbol").to_pylist()
        for symbol in dict.fromkeys(symbols):
            of_symbol = table.filter(np.array(symbols) == symbol)
            count = of_symbol.num_rows
            columns = (of_symbol.column(name).to_numpy().astype(np.float64) for name in (*OHLC, "volume"))
            parts.append(
                Bars(
                    (f"{symbol}, {label}",),
                    np.zeros(count, np.int32),
                    np.arange(count, dtype=np.int64) * 60_000,
                    *columns,
                    np.ones(count, np.bool_),
                )
            )
    assert len(parts) == 24 + 24 + 5
    return Bars.concat(parts)


@pytest.mark.parametrize("name", sorted(PEERS))
def test_values_and_warm_up_agree_with_ta_lib_on_every_bar(name: str, bars: Bars) -> None:
    function, sets = PEERS[name]
    for parameters in sets:
        spec = "_".join([name, *(f"{value:g}" for value in parameters)])
        engine = Engine([spec])
        values = engine.update(bars, session=np.zeros(len(bars), np.int64))
        for code, symbol in enumerate(bars.symbols):
            own = bars.code == code
            columns = {column: getattr(bars, column)[own] for column in (*OHLC, "volume")}
            if not columns["volume"].any() and "volume" in CATALOGUE[name].inputs:
                assert np.isnan(values[own]).all()  # an index: TA-Lib says 0 or infinity, which we never say
                continue
            for place, theirs in enumerate(function(columns, *parameters)):
                output, warm_up = engine.outputs[place], engine.warm_up[place]
                if name in SUMS_OF_VOLUMES:
                    traded = int(np.argmax(columns["volume"] > 0))
                    theirs[:traded], warm_up = np.nan, max(warm_up, traded)
                same(values[own, place], theirs, name, output, warm_up, f"{output} of {symbol}")


def same(mine: Floats, theirs: Floats, name: str, output: str, warm_up: int, where: str) -> None:
    if name == "vwap":  # nothing traded yet: 0 there, absent here
        assert (np.isnan(mine) == (theirs == 0.0)).all(), where
        mine, theirs = mine[theirs > 0.0], theirs[theirs > 0.0]
    if len(mine) <= warm_up:
        assert np.isnan(mine).all(), where
        return
    whole = name.startswith("cdl") or output.endswith("_direction")  # there, TA-Lib says 0 where it is not warm
    start = warm_up if whole else int(np.argmin(np.isnan(theirs)))
    assert int(np.argmin(np.isnan(mine))) == start == warm_up, where
    mine, theirs = mine[start:], theirs[start:]
    if name == "relative_volume":  # nothing traded in the window before: infinite there, absent here
        assert (np.isnan(mine) == np.isinf(theirs)).all(), where
        mine, theirs = mine[~np.isnan(mine)], theirs[~np.isinf(theirs)]
    if name in {"mfi", "cmf", "vwma", "vortex"}:  # nothing traded or moved in the window: absent here
        assert name in {"vwma", "vortex"} or (theirs[np.isnan(mine)] == 0.0).all(), where  # the mean, or infinite
        mine, theirs = mine[~np.isnan(mine)], theirs[~np.isnan(mine)]
    scale = np.max(np.abs(theirs), initial=0.0)
    np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=scale * ABSOLUTE.get(name, 1e-12), err_msg=where)


def test_fractals_are_confirmed_where_ta_lib_says(bars: Bars) -> None:
    values = Engine(["fractals_2"]).update(bars)
    for code, symbol in enumerate(bars.symbols):
        own = bars.code == code
        high, low = bars.high[own], bars.low[own]
        for mine, theirs in zip(values[own].T, talib.FRACTAL(high, low, 2, 2), strict=True):
            assert np.isnan(mine[:4]).all(), symbol
            np.testing.assert_array_equal(mine[4:], theirs[4:] != 0, err_msg=symbol)


def test_every_indicator_that_ta_lib_has_is_compared() -> None:
    has = {name for name in CATALOGUE if name.upper() in talib.get_functions()}
    assert has <= PEERS.keys()
