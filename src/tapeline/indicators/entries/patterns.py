"""Candlestick patterns as TA-Lib defines them."""

from __future__ import annotations

from typing import Any

from tapeline.indicators import patterns
from tapeline.indicators.entry import Indicator, Number, Parameter, Storage, factor
from tapeline.indicators.kernels.interface import Input, Kernel

_OHLC: tuple[Input, ...] = ("open", "high", "low", "close")
_SHARE = "penetration"


def _pattern(
    name: str, title: str, formula: str, kernel: Kernel, warm_up: int,
    inputs: tuple[Input, ...] = _OHLC, parameters: tuple[Parameter, ...] = (),
) -> Indicator:  # fmt: skip
    def storage(*_: Number) -> Storage:
        return Storage(dict.fromkeys(inputs, warm_up))

    def bars(*_: Any) -> int:
        return warm_up

    return Indicator(
        name, title, "pattern", parameters, kernel, storage, bars, formula,
        f"TA-Lib {name.upper()}", scale_free=True,
    )  # fmt: skip


ENTRIES = (
    _pattern("cdldoji", "Doji", "100 where the body is at most a tenth of the mean range", patterns.doji, 10),
    _pattern(
        "cdlhammer", "Hammer", "100: short body near the previous low, long lower shadow, hardly any upper one",
        patterns.hammer, 11,
    ),
    _pattern(
        "cdlhangingman", "Hanging man", "-100: short body near the previous high, long lower shadow, hardly any upper",
        patterns.hanging_man, 11,
    ),
    _pattern(
        "cdlshootingstar", "Shooting star", "-100: short body that gaps up, long upper shadow, hardly any lower one",
        patterns.shooting_star, 11,
    ),
    _pattern(
        "cdlengulfing", "Engulfing", "±100 (±80 with one end in common): a body around the opposite one before it",
        patterns.engulfing, 2, ("open", "close"),
    ),
    _pattern(
        "cdlharami", "Harami", "±100 (±80 with one end in common): a short body within the long one before it",
        patterns.harami, 11, ("open", "close"),
    ),
    _pattern(
        "cdlpiercing", "Piercing", "100: a long white body from below the low of a long black one to above its middle",
        patterns.piercing, 11, ("open", "low", "close"),
    ),
    _pattern(
        "cdldarkcloudcover", "Dark cloud cover", "-100: a black body from above the high of a long white one into it",
        patterns.dark_cloud_cover, 11, ("open", "high", "close"), (factor(0.5, _SHARE, 0.0, 10.0),),
    ),
    _pattern(
        "cdlmorningstar", "Morning star", "100: long black, a short one that gaps below it, white back into the first",
        patterns.morning_star, 12, ("open", "close"), (factor(0.3, _SHARE, 0.0, 10.0),),
    ),
    _pattern(
        "cdleveningstar", "Evening star", "-100: long white, a short one that gaps above it, black back into the first",
        patterns.evening_star, 12, ("open", "close"), (factor(0.3, _SHARE, 0.0, 10.0),),
    ),
    _pattern(
        "cdl3whitesoldiers", "Three white soldiers", "100: three white bodies, each closing higher near its high",
        patterns.white_soldiers, 12,
    ),
    _pattern(
        "cdl3blackcrows", "Three black crows", "-100: after a white body three black ones, each closing lower",
        patterns.black_crows, 13,
    ),
)  # fmt: skip
