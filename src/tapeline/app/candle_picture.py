"""Draw the candles of a data frame as a picture for notebooks: `tapeline.plot(frame)`.

The picture is SVG that is made here, so it needs no library and no other host, and looks the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from tapeline.app.frame_columns import open_frame
from tapeline.app.frame_rows import FrameOptions, frame_bars, roles_of
from tapeline.core.market import Bars, Floats
from tapeline.core.times import DAY
from tapeline.error_text import printable
from tapeline.errors import InputError, StorageError

#: The most candles in one picture: more would be thinner than a pixel.
MOST_CANDLES = 1_000

_UP, _DOWN, _TEXT, _GRID = "#26a69a", "#ef5350", "#666", "#8883"
_LINES = ("#2962ff", "#ff9800", "#9c27b0", "#00897b", "#c2185b")
_RIGHT, _BOTTOM, _TOP = 64, 22, 18  # room for prices, times and the title
_VOLUME_SHARE = 0.18


@dataclass(frozen=True, slots=True)
class CandlePicture:
    """Hold a picture of candles. A notebook shows it; `save` writes it to a file."""

    svg: str

    def __repr__(self) -> str:
        return f"<CandlePicture of {len(self.svg):,} characters of SVG: a notebook shows it, .save(PATH) writes it>"

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | Path) -> None:
        """Write the picture as an SVG file. Raises `StorageError` when it cannot be written."""
        try:
            Path(path).write_text(self.svg, "utf-8")
        except OSError as error:
            raise StorageError(f"{path}: cannot be written: {error.strerror or error}; name another file") from error


def plot(
    frame: Any, *, lines: Sequence[str] = (), title: str = "", last: int = 200, width: int = 900, height: int = 420
) -> CandlePicture:
    """Return a picture of a frame's newest candles, with their volume, for a notebook.

        tapeline.plot(tapeline.load("TSLA", indicators=["sma_20"]), lines=["sma_20"])

    `frame` is what `analyse` takes and `load` gives: one symbol, with `timestamp`, `open high low close` and, if there
    is one, `volume`. `lines` are columns to draw over the candles, `last` is how many of the newest candles are drawn,
    at most 1,000. `width` and `height` are in pixels. Raises `InputError` for a frame without these columns, or with
    several symbols.
    """
    if getattr(getattr(frame, "index", None), "nlevels", 1) > 1:
        frame = frame.reset_index()
    opened = open_frame(frame)
    names = roles_of(opened.names)
    for needed in ("timestamp", "open", "high", "low", "close"):
        if needed not in names:
            raise InputError(f"candles need a column {needed}; there are {', '.join(map(str, opened.names))}")
    unknown = [name for name in lines if name not in opened.names]
    if unknown:
        raise InputError(f"there is no column {unknown[0]} to draw; there are {', '.join(map(str, opened.names))}")
    bars = frame_bars(opened, frozenset({"volume"} & names.keys()), FrameOptions()).bars
    if len({bars.symbols[code] for code in np.unique(bars.code)}) > 1:
        raise InputError("a picture is of one symbol: choose its rows first")
    if not len(bars):
        raise InputError("there are no bars to draw")
    order = np.argsort(bars.timestamp, kind="stable")[-min(last, MOST_CANDLES) :]
    columns = {name: np.asarray(frame[name], np.float64)[order] for name in lines}
    return CandlePicture(_svg(bars[order], columns, title or _title(bars), width, height))


def _text(content: str) -> str:
    """Return text for an element; a column's name may hold what no XML may."""
    return escape(printable(content))


def _title(bars: Bars) -> str:
    name = bars.symbols[bars.code[0]]
    return name if name.isprintable() else ""


def _svg(bars: Bars, lines: dict[str, Floats], title: str, width: int, height: int) -> str:
    right, bottom = width - _RIGHT, height - _BOTTOM
    known = [column[~np.isnan(column)] for column in lines.values()]
    low = min([float(bars.low.min()), *(float(each.min()) for each in known if len(each))])
    high = max([float(bars.high.max()), *(float(each.max()) for each in known if len(each))])
    spread = (high - low) or abs(high) or 1.0
    step = right / len(bars)
    floor = bottom - _VOLUME_SHARE * (bottom - _TOP)

    def x(index: float) -> float:
        return round((index + 0.5) * step, 2)

    def y(price: float) -> float:
        return round(floor - (price - low) / spread * (floor - _TOP), 2)

    spoken = quoteattr(printable(f"{title} candles"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="{_TEXT}" role="img" aria-label={spoken}>'
    )
    parts = [head]
    parts += _grid(low, high, right, y)
    parts += _times(bars, right, height, x)
    parts += _candles(bars, step, floor, bottom, x, y)
    for number, (name, column) in enumerate(lines.items()):
        colour = _LINES[number % len(_LINES)]
        points = [f"{x(i)},{y(value)}" for i, value in enumerate(column.tolist()) if not math.isnan(value)]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
        parts.append(f'<text x="{90 + 110 * number}" y="13" fill="{colour}">{_text(name)}</text>')
    parts.append(f'<text x="2" y="13" font-weight="bold">{_text(title)}</text></svg>')
    return "\n".join(parts)


def _grid(low: float, high: float, right: int, y: Any) -> list[str]:
    """Return lines at round prices, with the prices beside them."""
    raw = (high - low or abs(high) or 1.0) / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    decimals = max(0, -math.floor(math.log10(step)))
    found = []
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        price = number * step
        found.append(f'<line x1="0" x2="{right}" y1="{y(price)}" y2="{y(price)}" stroke="{_GRID}"/>')
        found.append(f'<text x="{right + 6}" y="{y(price) + 4}">{price:,.{decimals}f}</text>')
    return found


def _times(bars: Bars, right: int, height: int, x: Any) -> list[str]:
    times = bars.timestamp
    daily = len(times) < 2 or int(np.diff(times).min()) >= DAY
    every = max(1, len(bars) * 110 // right)
    return [
        f'<text x="{x(i)}" y="{height - 6}" text-anchor="middle">'
        f"{datetime.fromtimestamp(times[i] / 1000, UTC):{'%Y-%m-%d' if daily else '%d %b %H:%M'}}</text>"
        for i in range(every // 2, len(bars), every)
    ]


def _candles(bars: Bars, step: float, floor: float, bottom: float, x: Any, y: Any) -> list[str]:
    body = round(max(step * 0.7, 0.6), 2)
    most = float(np.nanmax(bars.volume, initial=0.0)) or 1.0
    found = []
    rows = zip(*(column.tolist() for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)), strict=True)
    for i, (open_, high, low, close, volume) in enumerate(rows):
        colour = _UP if close >= open_ else _DOWN
        top, under = y(max(open_, close)), y(min(open_, close))
        left = round(x(i) - body / 2, 2)
        found.append(
            f'<path d="M{x(i)} {y(high)}V{y(low)}" stroke="{colour}"/>'
            f'<rect x="{left}" y="{top}" width="{body}" height="{max(round(under - top, 2), 1)}" fill="{colour}"/>'
        )
        if volume > 0:
            tall = round((bottom - floor - 4) * volume / most, 2)
            found.append(
                f'<rect x="{left}" y="{round(bottom - tall, 2)}" width="{body}" height="{tall}" fill="{colour}" '
                'opacity="0.35"/>'
            )
    return found
