"""Candlestick patterns as TA-Lib defines them: 100 where a bullish one ends, -100 a bearish one, otherwise 0.

"Long", "short" and "near" are measured against the bars before: each rule below is a mean over the ten (five for
near and far) bars before the candle it judges, times a factor. All patterns read open, high, low and close and keep
nothing but these columns.
"""

from __future__ import annotations

from tapeline.indicators.kernels.interface import NAN, Integers, Reals
from tapeline.indicators.kernels.steps import step


@step
def _body(x: Reals, o: int, c: int, i: int) -> float:
    return abs(x[c + i] - x[o + i])


@step
def _white(x: Reals, o: int, c: int, i: int) -> bool:
    return x[c + i] >= x[o + i]


@step
def _upper(x: Reals, o: int, h: int, c: int, i: int) -> float:
    return x[h + i] - max(x[o + i], x[c + i])


@step
def _lower(x: Reals, o: int, lo: int, c: int, i: int) -> float:
    return min(x[o + i], x[c + i]) - x[lo + i]


@step
def _mean_body(x: Reals, o: int, c: int, i: int) -> float:
    """Mean body of the ten candles before i: a longer one is long, a shorter one short."""
    total = 0.0
    for j in range(i - 10, i):
        total += abs(x[c + j] - x[o + j])
    return total / 10.0


@step
def _mean_range(x: Reals, h: int, lo: int, i: int, n: int) -> float:
    """Mean high-low range of the n candles before i."""
    total = 0.0
    for j in range(i - n, i):
        total += x[h + j] - x[lo + j]
    return total / n


def doji(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A body of at most a tenth of the mean range."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i < 10:
            y[i * w] = NAN
            continue
        y[i * w] = 100.0 if _body(x, o, c, i) <= 0.1 * _mean_range(x, h, lo, i, 10) else 0.0


@step
def _hammer_like(x: Reals, o: int, h: int, lo: int, c: int, i: int) -> bool:
    """A short body, a lower shadow longer than it, hardly any upper shadow."""
    body = _body(x, o, c, i)
    return (
        body < _mean_body(x, o, c, i)
        and _lower(x, o, lo, c, i) > body
        and _upper(x, o, h, c, i) < 0.1 * _mean_range(x, h, lo, i, 10)
    )


def hammer(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A hammer at or near the low of the bar before."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i < 11:
            y[i * w] = NAN
            continue
        found = _hammer_like(x, o, h, lo, c, i) and min(x[o + i], x[c + i]) <= x[lo + i - 1] + 0.2 * _mean_range(
            x, h, lo, i - 1, 5
        )
        y[i * w] = 100.0 if found else 0.0


def hanging_man(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A hammer at or near the high of the bar before."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i < 11:
            y[i * w] = NAN
            continue
        found = _hammer_like(x, o, h, lo, c, i) and min(x[o + i], x[c + i]) >= x[h + i - 1] - 0.2 * _mean_range(
            x, h, lo, i - 1, 5
        )
        y[i * w] = -100.0 if found else 0.0


def shooting_star(
    x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int
) -> None:
    """A short body that gaps up, a long upper shadow, hardly any lower shadow."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i < 11:
            y[i * w] = NAN
            continue
        body = _body(x, o, c, i)
        found = (
            body < _mean_body(x, o, c, i)
            and _upper(x, o, h, c, i) > body
            and _lower(x, o, lo, c, i) < 0.1 * _mean_range(x, h, lo, i, 10)
            and min(x[o + i], x[c + i]) > max(x[o + i - 1], x[c + i - 1])
        )
        y[i * w] = -100.0 if found else 0.0


def engulfing(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A body around the opposite body before it; 80 in place of 100 where they have one end in common."""
    o, c = a[0], a[1]
    for i in range(m):
        if k + i < 2:
            y[i * w] = NAN
            continue
        open_, close, open_before, close_before = x[o + i], x[c + i], x[o + i - 1], x[c + i - 1]
        white, white_before = close >= open_, close_before >= open_before
        rise = (
            white
            and not white_before
            and ((close >= open_before and open_ < close_before) or (close > open_before and open_ <= close_before))
        )
        fall = (
            white_before
            and not white
            and ((open_ >= close_before and close < open_before) or (open_ > close_before and close <= open_before))
        )
        size = 100.0 if open_ != close_before and close != open_before else 80.0
        y[i * w] = size if rise else (-size if fall else 0.0)


def harami(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A short body within the long body before it; 80 in place of 100 where they have one end in common."""
    o, c = a[0], a[1]
    for i in range(m):
        if k + i < 11:
            y[i * w] = NAN
            continue
        y[i * w] = 0.0
        if _body(x, o, c, i - 1) > _mean_body(x, o, c, i - 1) and _body(x, o, c, i) <= _mean_body(x, o, c, i):
            top, bottom = max(x[o + i], x[c + i]), min(x[o + i], x[c + i])
            top_before, bottom_before = max(x[o + i - 1], x[c + i - 1]), min(x[o + i - 1], x[c + i - 1])
            sign = -1.0 if _white(x, o, c, i - 1) else 1.0
            if top < top_before and bottom > bottom_before:
                y[i * w] = sign * 100.0
            elif top <= top_before and bottom >= bottom_before:
                y[i * w] = sign * 80.0


def piercing(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A long black body, then a long white one from below its low to above its middle, but not above its open."""
    o, lo, c = a[0], a[1], a[2]
    for i in range(m):
        if k + i < 11:
            y[i * w] = NAN
            continue
        found = (
            not _white(x, o, c, i - 1)
            and _white(x, o, c, i)
            and x[o + i] < x[lo + i - 1]
            and x[c + i] < x[o + i - 1]
            and x[c + i] > x[c + i - 1] + 0.5 * _body(x, o, c, i - 1)
            and _body(x, o, c, i - 1) > _mean_body(x, o, c, i - 1)
            and _body(x, o, c, i) > _mean_body(x, o, c, i)
        )
        y[i * w] = 100.0 if found else 0.0


def dark_cloud_cover(
    x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int
) -> None:
    """A long white body, then a black one from above its high down into it by at least the share p[0]."""
    o, h, c, share = a[0], a[1], a[2], p[0]
    for i in range(m):
        if k + i < 11:
            y[i * w] = NAN
            continue
        found = (
            _white(x, o, c, i - 1)
            and not _white(x, o, c, i)
            and x[o + i] > x[h + i - 1]
            and x[c + i] > x[o + i - 1]
            and x[c + i] < x[c + i - 1] - share * _body(x, o, c, i - 1)
            and _body(x, o, c, i - 1) > _mean_body(x, o, c, i - 1)
        )
        y[i * w] = -100.0 if found else 0.0


def morning_star(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A long black body, a short one that gaps below it, a white one back into the first by at least the share p[0]."""
    o, c, share = a[0], a[1], p[0]
    for i in range(m):
        if k + i < 12:
            y[i * w] = NAN
            continue
        found = (
            not _white(x, o, c, i - 2)
            and max(x[o + i - 1], x[c + i - 1]) < min(x[o + i - 2], x[c + i - 2])
            and _white(x, o, c, i)
            and x[c + i] > x[c + i - 2] + share * _body(x, o, c, i - 2)
            and _body(x, o, c, i - 2) > _mean_body(x, o, c, i - 2)
            and _body(x, o, c, i - 1) <= _mean_body(x, o, c, i - 1)
            and _body(x, o, c, i) > _mean_body(x, o, c, i)
        )
        y[i * w] = 100.0 if found else 0.0


def evening_star(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """A long white body, a short one that gaps above it, a black one back into the first by at least the share p[0]."""
    o, c, share = a[0], a[1], p[0]
    for i in range(m):
        if k + i < 12:
            y[i * w] = NAN
            continue
        found = (
            _white(x, o, c, i - 2)
            and min(x[o + i - 1], x[c + i - 1]) > max(x[o + i - 2], x[c + i - 2])
            and not _white(x, o, c, i)
            and x[c + i] < x[c + i - 2] - share * _body(x, o, c, i - 2)
            and _body(x, o, c, i - 2) > _mean_body(x, o, c, i - 2)
            and _body(x, o, c, i - 1) <= _mean_body(x, o, c, i - 1)
            and _body(x, o, c, i) > _mean_body(x, o, c, i)
        )
        y[i * w] = -100.0 if found else 0.0


def white_soldiers(
    x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int
) -> None:
    """Three white bodies, each closing higher near its high and opening within or near the one before."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i < 12:
            y[i * w] = NAN
            continue
        found = x[c + i] > x[c + i - 1] and x[c + i - 1] > x[c + i - 2]
        for j in range(i - 2, i + 1):
            found = found and _white(x, o, c, j) and _upper(x, o, h, c, j) < 0.1 * _mean_range(x, h, lo, j, 10)
        for j in range(i - 1, i + 1):
            if found:
                reach = _mean_range(x, h, lo, j - 1, 5)
                found = (
                    x[o + j] > x[o + j - 1]
                    and x[o + j] <= x[c + j - 1] + 0.2 * reach
                    and _body(x, o, c, j) > _body(x, o, c, j - 1) - 0.6 * reach
                )
        y[i * w] = 100.0 if found and _body(x, o, c, i) > _mean_body(x, o, c, i) else 0.0


def black_crows(x: Reals, s: Reals, a: Integers, p: Reals, y: Reals, z: Reals, w: int, u: int, k: int, m: int) -> None:
    """After a white body, three black ones, each opening within the one before and closing lower, near its low."""
    o, h, lo, c = a[0], a[1], a[2], a[3]
    for i in range(m):
        if k + i < 13:
            y[i * w] = NAN
            continue
        found = (
            _white(x, o, c, i - 3)
            and x[h + i - 3] > x[c + i - 2]
            and x[c + i - 2] > x[c + i - 1]
            and x[c + i - 1] > x[c + i]
        )
        for j in range(i - 2, i + 1):
            found = found and not _white(x, o, c, j) and _lower(x, o, lo, c, j) < 0.1 * _mean_range(x, h, lo, j, 10)
        for j in range(i - 1, i + 1):
            found = found and x[o + j] < x[o + j - 1] and x[o + j] > x[c + j - 1]
        y[i * w] = -100.0 if found else 0.0
