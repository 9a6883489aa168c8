"""Turn what the range forecast says of a bar into the few small numbers that are stored, and back.

A sigma or a volume is kept as the rounded logarithm of it in 16 bits. A step is 0.034% of a sigma and 0.07% of a
volume, far below what either can be known to. What is said is the decoded number, wherever it is shown, so a stored row
says bit for bit what was said live.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tapeline.core.jit import jit
from tapeline.core.market import Floats, Shorts
from tapeline.core.rows import RANGE_CODES
from tapeline.forecast.range_layout import HORIZONS

_SIGMA_STEPS, _SIGMA_OFFSET = 2048.0, 24.0  # steps in a doubling; the smallest sigma is 2**-24
_VOLUME_STEPS = 1024.0
_MOST = 65_535.0
_SIGMAS = len(HORIZONS) + 1
_COUNT = len(RANGE_CODES)


def codes(said: Floats) -> Shorts:
    """Return what `RangeStates.update` said in the columns of `RANGE_CODES`, uint16 [n, columns]; 0 for nothing."""
    found = np.empty((len(said), _COUNT), np.uint16)
    _encode(said, found)
    return found


def decoded(ranges: Shorts) -> Floats:
    """Return sigmas, usual sigma and volumes as float64 [n, columns], NaN where nothing was said."""
    sigmas, volumes = _tables()
    return np.concatenate((sigmas[ranges[:, :_SIGMAS]], volumes[ranges[:, _SIGMAS:]]), axis=1)


@cache
def _tables() -> tuple[Floats, Floats]:
    """Return what each code means: a table gives the same bits for one row and for a million."""
    code = np.arange(int(_MOST) + 1, dtype=np.float64)
    sigmas, volumes = np.exp2(code / _SIGMA_STEPS - _SIGMA_OFFSET), np.exp2((code - 1.0) / _VOLUME_STEPS) - 1.0
    sigmas[0] = volumes[0] = np.nan
    return sigmas, volumes


@jit
def _encode(said: Floats, out: Shorts) -> None:
    for i in range(len(said)):
        for k in range(_COUNT):
            value = said[i, k]
            code = 0.0
            if k < _SIGMAS:
                if value > 0.0:
                    code = np.rint((np.log2(value) + _SIGMA_OFFSET) * _SIGMA_STEPS)
                    code = min(max(code, 1.0), _MOST)
            elif not np.isnan(value):
                code = min(np.rint(np.log2(max(value, 0.0) + 1.0) * _VOLUME_STEPS) + 1.0, _MOST)
            out[i, k] = np.uint16(code)
