"""Where a chart draws each indicator column, told from the catalogue: over the price or in a pane of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tapeline.errors import SpecError
from tapeline.indicators import (
    parse,
)

#: Of what is stored, so much is shown before the user chooses: lines over the price (bands not counted) and panes.
SHOWN_LINES = 3
SHOWN_PANES = 2

_ROLES = {"_upper": "upper", "_lower": "lower", "_middle": "middle", "_signal": "signal", "_hist": "histogram"}
_BAND = {"upper", "middle", "lower"}
_GREY = 5  # the last colour of the palette
_OF_OWN_SCALE = ("_width", "_percent_b", "_direction")  # columns of an indicator over the price that are not prices


@dataclass(frozen=True, slots=True)
class Drawn:
    """How one column is drawn.

    `group` is switched on and off as one, `label` names it shortly and `title` in words; `family` is the indicator
    without its parameters. `role` is what the column is within its group: `line`, `upper`, `middle`, `lower`, `signal`
    or `histogram`; `partner` is a lower band's upper one. `color` is a place in the palette of six.
    """

    name: str
    group: str
    label: str
    title: str
    family: str
    pane: str
    role: str
    partner: str
    color: int
    shown: bool


def layout(names: Sequence[str]) -> list[dict[str, Any]]:
    """How to draw the columns of these names, in order, as JSON. A name that no spec gives has a pane to itself."""
    found: list[Drawn] = []
    colors: dict[str, int] = {}  # of the lines over the price
    lines: set[str] = set()
    panes: set[str] = set()
    for name in names:
        group, family, title, suffix, over_price = _origin(name)
        role = _ROLES.get(suffix, "line")
        if over_price and suffix in _OF_OWN_SCALE:
            group, over_price, role = name, False, "line"
        if over_price:
            band = role in _BAND
            shown = band or group in lines or len(lines) < SHOWN_LINES
            if shown and not band:
                lines.add(group)
            pane = "price"
        else:
            shown = suffix not in _OF_OWN_SCALE and (group in panes or len(panes) < SHOWN_PANES)
            if shown:
                panes.add(group)
            pane = group
        partner = group + "_upper" if role == "lower" and group + "_upper" in names else ""
        if not over_price:
            color = int(role == "signal")
        else:
            color = _GREY if role in _BAND else colors.setdefault(group, len(colors) % _GREY)
        found.append(Drawn(name, group, _label(group), title, family, pane, role, partner, color, shown))
    return [asdict(drawn) for drawn in found]


def _origin(name: str) -> tuple[str, str, str, str, bool]:
    """Spec, indicator, title, suffix and whether it is drawn over the price, for the name of a column."""
    words = name.split("_")
    for count in range(len(words), 0, -1):
        try:
            spec = parse("_".join(words[:count]))
        except SpecError:
            continue
        if name in spec.outputs:
            indicator = spec.indicator
            return spec.text, indicator.name, indicator.title, name[len(spec.text) :], indicator.pane == "price"
    return name, name, name, "", False


def _label(group: str) -> str:
    """`macd_12_26_9` as `MACD 12 26 9`."""
    return group.replace("_", " ").upper()
