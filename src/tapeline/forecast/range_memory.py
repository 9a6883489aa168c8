"""Put a bar's numbers into a symbol's state: rings of the last ones, and running sums over windows of them."""

from __future__ import annotations

from tapeline.core.market import Floats
from tapeline.forecast import range_layout as at
from tapeline.indicators.kernels.steps import step

#: Bars of the sums of variances and of volumes.
_WINDOWS = (5, 15, 20, 22, 30, 60, 66)
_VOLUME_WINDOWS = (5, 22, 66)

_QUARTER_BARS = 63  # trading days; earnings come back that often


@step
def _sum_anew(s: Floats, ring: int, newest: int, count: int) -> float:
    """Return the sum of `count` values of a full ring up to the one that is `newest` bars before its last."""
    total = 0.0
    for j in range(at.RING - newest - count, at.RING - newest):
        total += s[ring + j]
    return total


@step
def remember(s: Floats, index: int, variance: float, volume: float) -> None:
    """Put a bar's variance and volume into their rings and the sums over their windows.

    The sums are taken anew whenever the rings are full, so that rounding errors do not add up.
    """
    for k in range(len(_WINDOWS)):
        old = index - _WINDOWS[k]
        s[at.SUMS + k] += variance - s[at.VARIANCES + (old if old >= 0 else old + at.RING)]
    for k in range(len(_VOLUME_WINDOWS)):
        old = index - _VOLUME_WINDOWS[k]
        s[at.VOLUME_SUMS + k] += volume - s[at.VOLUMES + (old if old >= 0 else old + at.RING)]
    s[at.VARIANCES + index] = variance
    s[at.VOLUMES + index] = volume
    for k in range(len(at.HORIZONS)):
        wider = 1 if at.HORIZONS[k] < 20 else 0
        new, old = index - (_QUARTER_BARS - at.HORIZONS[k] - wider), index - (_QUARTER_BARS + wider)
        new, old = (new if new >= 0 else new + at.RING), (old if old >= 0 else old + at.RING)
        s[at.QUARTERS + k] += s[at.VARIANCES + new] - s[at.VARIANCES + old]
        s[at.VOLUME_QUARTERS + k] += s[at.VOLUMES + new] - s[at.VOLUMES + old]
    if index == at.RING - 1:
        for k in range(len(_WINDOWS)):
            s[at.SUMS + k] = _sum_anew(s, at.VARIANCES, 0, _WINDOWS[k])
        for k in range(len(_VOLUME_WINDOWS)):
            s[at.VOLUME_SUMS + k] = _sum_anew(s, at.VOLUMES, 0, _VOLUME_WINDOWS[k])
        for k in range(len(at.HORIZONS)):
            wider = 1 if at.HORIZONS[k] < 20 else 0
            newest, bars = _QUARTER_BARS - at.HORIZONS[k] - wider, at.HORIZONS[k] + 2 * wider
            s[at.QUARTERS + k] = _sum_anew(s, at.VARIANCES, newest, bars)
            s[at.VOLUME_QUARTERS + k] = _sum_anew(s, at.VOLUMES, newest, bars)


@step
def remember_return(s: Floats, within: float, move: float) -> None:
    """Put a bar's own part of its variance, and its return, into their rings and sums."""
    place = int(s[at.WITHIN_AT])
    s[at.WITHIN_SUM] += within - s[at.WITHINS + place]
    s[at.WITHINS + place] = within
    if place == 4:
        total = 0.0
        for j in range(5):
            total += s[at.WITHINS + j]
        s[at.WITHIN_SUM] = total
    s[at.WITHIN_AT] = place + 1 if place < 4 else 0
    place = int(s[at.RETURN_AT])
    oldest = s[at.RETURNS + place]
    s[at.MOVE_SUMS] += move - s[at.RETURNS + (place - 5 if place >= 5 else place + 17)]
    s[at.MOVE_SUMS + 1] += move - oldest
    s[at.SQUARES_SUM] += move * move - oldest * oldest
    s[at.RETURNS + place] = move
    if place == 21:
        five = month = squares = 0.0
        for j in range(22):
            value = s[at.RETURNS + j]
            month += value
            squares += value * value
            if j >= 17:
                five += value
        s[at.MOVE_SUMS], s[at.MOVE_SUMS + 1], s[at.SQUARES_SUM] = five, month, squares
    s[at.RETURN_AT] = place + 1 if place < 21 else 0
