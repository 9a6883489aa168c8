"""The packaged sample: real bars of 24 US tickers. Where they come from and their licence: `README.md` beside this."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

_FILES = {"1m": "sample_1m.parquet", "1d": "sample_daily.parquet"}


def sample_path(interval: str = "1m") -> Path:
    """The packaged Parquet file of bars of this interval: `1m` (one week) or `1d` (283 days).

    Raises `ValueError` for any other interval.
    """
    if interval not in _FILES:
        raise ValueError(f"there is no sample of {interval!r} bars, only of {' and '.join(_FILES)}")
    return Path(str(resources.files(__name__) / _FILES[interval]))
