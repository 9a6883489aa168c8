"""What the volume says of the move."""

from __future__ import annotations

from tapeline.indicators import volume
from tapeline.indicators.entry import Indicator, Storage, period
from tapeline.indicators.kernels.shared_columns import spread

ENTRIES = (
    Indicator(
        "obv", "On-balance volume", "volume", (),
        volume.obv, lambda: Storage({"close": 1, "volume": 0}, 1), lambda: 0,
        "sum of volumes, added when the close rose and taken away when it fell, beginning with the first bar's",
        "TA-Lib OBV",
    ),
    Indicator(
        "ad", "Accumulation/distribution line", "volume", (),
        volume.ad, lambda: Storage({"high": 0, "low": 0, "close": 0, "volume": 0}, 2), lambda: 0,
        "sum of volume ((close - low) - (high - close))/(high - low)", "TA-Lib AD",
    ),
    Indicator(
        "adosc", "Accumulation/distribution oscillator", "volume",
        (period(3, "fast", 2), period(10, "slow", 2)),
        volume.adosc, lambda f, s: Storage({"high": 0, "low": 0, "close": 0, "volume": 0}, 4),
        lambda f, s: max(f, s) - 1,
        "fast EMA - slow EMA of the line, both seeded with its first value", "TA-Lib ADOSC",
    ),
    Indicator(
        "volume_zscore", "Volume z-score", "volume", (period(20, low=2),),
        volume.volume_zscore, lambda n: Storage({"volume": 0}, shared=(spread("volume", n),)), lambda n: n - 1,
        "(volume - mean)/population standard deviation of n volumes, this one included; 0 without a deviation",
        "the standard score", scale_free=True,
    ),
    Indicator(
        "relative_volume", "Relative volume", "volume", (period(20),),
        volume.relative_volume, lambda n: Storage({"volume": n + 2}, 4), lambda n: n,
        "volume over the mean of the n volumes before it; absent where those are all 0", "TA-Lib RVOL", scale_free=True,
    ),
)  # fmt: skip
