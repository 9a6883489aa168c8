"""How far prices move."""

from __future__ import annotations

from tapeline.indicators import volatility
from tapeline.indicators.entry import Indicator, Storage, period
from tapeline.indicators.kernels.shared_columns import range_, spread

ENTRIES = (
    Indicator(
        "atr", "Average true range", "volatility", (period(14),),
        volatility.atr, lambda n: Storage({}, 1, shared=(range_(),)), lambda n: n,
        "Wilder average of max(high, previous close) - min(low, previous close)", "TA-Lib ATR",
    ),
    Indicator(
        "natr", "Normalised average true range", "volatility", (period(14),),
        volatility.natr, lambda n: Storage({"close": 0}, 1, shared=(range_(),)), lambda n: n,
        "100 ATR/close", "TA-Lib NATR", scale_free=True,
    ),
    Indicator(
        "trange", "True range", "volatility", (),
        volatility.trange, lambda: Storage({}, shared=(range_(),)), lambda: 1,
        "max(high, previous close) - min(low, previous close)", "TA-Lib TRANGE",
    ),
    Indicator(
        "stddev", "Standard deviation", "volatility", (period(20, low=2),),
        volatility.stddev, lambda n: Storage({}, shared=(spread("close", n),)), lambda n: n - 1,
        "population standard deviation of n closes", "TA-Lib STDDEV",
    ),
    Indicator(
        "volatility", "Realised volatility, close to close", "volatility", (period(20, low=2),),
        volatility.volatility, lambda n: Storage({"close": 1}, 4, (n, 0, 0)), lambda n: n,
        "sample standard deviation of n log returns, per bar (not annualised)",
        "J. Hull, Options, Futures, and Other Derivatives, estimating volatility from historical data",
        scale_free=True,
    ),
    Indicator(
        "parkinson", "Realised volatility, Parkinson", "volatility", (period(20),),
        volatility.parkinson, lambda n: Storage({"high": 0, "low": 0}, 4, (n,)), lambda n: n - 1,
        "√(sum of ln²(high/low) of n bars/(4 n ln 2)), per bar (not annualised)",
        "M. Parkinson, The extreme value method for estimating the variance of the rate of return (1980)",
        scale_free=True,
    ),
)  # fmt: skip
