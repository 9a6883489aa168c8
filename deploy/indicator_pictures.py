"""Draw each indicator over the demo's bars, for the documentation site: its values below the closes, or over them.

Pictures are made while the site is built and are in no commit, so none can show what an indicator no longer computes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute
import pyarrow.parquet

import tapeline
from tapeline.core.market import Floats
from tapeline.data import sample_path
from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.listing import Listed, listing

#: A picture's size in pixels, the height of the closes where values have a pane of their own, and the room around.
_WIDTH, _HEIGHT, _CLOSES, _ROOM = 720, 240, 110, 6

#: Right of the lines, room for the ends of the scale.
_NUMBERS = 64

#: How many minutes of TSLA are drawn.
_BARS = 300

_CLOSE, _LINES = "#999", ("#2962ff", "#ff9800", "#00897b", "#c2185b", "#9c27b0")


def page() -> str:
    """Return the page that shows all of them, with the formula of each."""
    lines = ["# Indicators in pictures", ""]
    lines += [f"Each with its default parameters, over {_BARS} minutes of TSLA in the packaged week.", ""]
    lines += ["Grey is the close; numbers are the ends of a scale.", ""]
    lines += ["[The table](../indicators.md) has bounds of parameters, outputs and warm-up.", ""]
    for each in listing():
        lines += [f"## {each.title}", "", f"`{each.default}`: {each.formula} ({each.source}).", ""]
        lines += [f"![{each.title}](pictures/{each.name}.svg)", ""]
    return "\n".join(lines)


def pictures() -> Iterator[tuple[str, str]]:
    """Return the name of each indicator, and its picture as SVG."""
    bars = pyarrow.parquet.read_table(sample_path("1m"))
    bars = bars.filter(pyarrow.compute.equal(bars["symbol"], "TSLA"))
    values = tapeline.analyse(bars, [each.default for each in listing()])
    closes = np.asarray(values["close"], np.float64)
    for each in listing():
        outputs = [np.asarray(values[name], np.float64) for name in each.outputs]
        part = _window(outputs)
        yield each.name, _picture(each, closes[part], [line[part] for line in outputs])


def _window(outputs: list[Floats]) -> slice:
    """Return the newest bars; of what is 0 on all of these, such as a rare pattern, those around its last value."""
    end = len(outputs[0])
    if not any(np.nan_to_num(line[-_BARS:]).any() for line in outputs):
        seen = np.flatnonzero(np.nan_to_num(np.stack(outputs)).any(axis=0))
        end = min(int(seen[-1]) + _BARS // 3, end) if len(seen) else end
    return slice(end - _BARS, end)


def _picture(indicator: Listed, closes: Floats, outputs: list[Floats]) -> str:
    over = CATALOGUE[indicator.name].pane == "price"
    middle = float(np.median(closes))
    # Of bands over the price, some outputs are no prices: a width, a direction.
    priced = [line for line in outputs if over and 0.5 < np.nanmedian(line) / middle < 2.0] if over else []
    own = [line for line in outputs if not any(line is each for each in priced)]
    height = _CLOSES if own else _HEIGHT
    drawn = _pane([closes, *priced], (_CLOSE, *_LINES), 0, height)
    if own:
        drawn += _pane(own, _LINES[len(priced) :] or _LINES, height, _HEIGHT)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{indicator.title}: {indicator.default}</title>{drawn}</svg>\n"
    )


def _pane(lines: list[Floats], colours: tuple[str, ...], top: int, bottom: int) -> str:
    """Return lines on one scale, from the lowest value to the highest, between two heights."""
    everything = np.concatenate(lines)
    low, high = (float(each) for each in (np.nanmin(everything), np.nanmax(everything)))
    scale = (bottom - top - 2 * _ROOM) / ((high - low) or 1.0)
    drawn = "".join(
        f'<text x="{_WIDTH - _ROOM}" y="{y}" text-anchor="end" font-size="10" fill="{_CLOSE}">{value:.6g}</text>'
        for value, y in ((high, top + 2 * _ROOM), (low, bottom - _ROOM))
    )
    for values, colour in zip(lines, colours, strict=False):
        points, pen = [], "M"
        for number, value in enumerate(values.tolist()):
            if value == value:  # noqa: PLR0124  # no value yet is NaN
                x = _ROOM + number * (_WIDTH - 2 * _ROOM - _NUMBERS) / (len(values) - 1)
                points.append(f"{pen}{x:.1f} {bottom - _ROOM - (value - low) * scale:.1f}")
            pen = "L" if value == value else "M"  # noqa: PLR0124
        drawn += f'<path d="{"".join(points)}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
    return drawn
