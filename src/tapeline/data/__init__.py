"""Find the packaged sample: real bars of 24 US tickers. Their origin and licence are in `README.md` beside this."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from tapeline.errors import InputError

_FILES = {"1m": "sample_1m.parquet", "1d": "sample_daily.parquet"}


def sample_path(interval: str = "1m") -> Path:
    """Return the packaged Parquet file of bars of this interval: `1m` (one week) or `1d` (283 days).

    Raises `InputError` for any other interval.
    """
    if interval not in _FILES:
        raise InputError(f"there is no sample of {interval!r} bars, only of {' and '.join(_FILES)}")
    return Path(str(resources.files(__name__) / _FILES[interval]))
