"""Tell whether a comma in a file's numbers is a decimal mark or parts thousands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from tapeline.feeds.files.read_options import Doubt

_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_COMMA = re.compile(r"[+-]?\d+,\d*")
_BARE = re.compile(r"[\d.,+-]+")
_FAR = 30.0  # prices of one file are closer than this factor, unless thousands were taken for decimals


def decimal_mark(prices: Iterable[str], volumes: Iterable[str]) -> tuple[str, Doubt | None]:
    """Return the decimal mark of a file's numbers, `.` or `,`, and what is doubtful about it.

    `prices` and `volumes` are some of each, as they stand. A comma before three digits may be either; a value with
    both marks, or with another number of digits, tells for the file. Where none does, the reading is taken under which
    prices are close to one another, and where both are, the file is doubtful.
    """
    prices = [bare[0] for price in prices if (bare := _BARE.search(price))]
    commas = sum(_says_comma(price) for price in prices)
    points = sum(_says_point(price) for price in prices)
    if commas or points or not any("," in price for price in prices):
        return ("," if commas > points else "."), None
    if any(volume.count(",") > 1 for volume in volumes):
        return ".", None
    thousands = _spread(price.replace(",", "") for price in prices)
    decimals = _spread(price.replace(",", ".") for price in prices)
    if decimals > _FAR * thousands:
        return ".", None
    if thousands > _FAR * decimals:
        return ",", None
    example = next(price for price in prices if "," in price)
    question = f"{example!r} may be {example.replace(',', '')} or {example.replace(',', '.')}, and no row tells"
    return ".", Doubt("decimal", question, (",", "."))


def _says_comma(text: str) -> bool:
    """Return whether a comma in it can only be a decimal mark."""
    point, comma = text.rfind("."), text.rfind(",")
    if comma < 0:
        return False
    return comma > point >= 0 if point >= 0 else bool(_COMMA.fullmatch(text)) and not _GROUPED.fullmatch(text)


def _says_point(text: str) -> bool:
    """Return whether the file's decimal mark can only be a point, going by this value."""
    point, comma = text.rfind("."), text.rfind(",")
    if point >= 0:
        return point > comma
    return text.count(",") > 1


def _spread(texts: Iterable[str]) -> float:
    """Return how many times the largest of these prices is the smallest."""
    values = []
    for text in texts:
        try:
            value = abs(float(text))
        except ValueError:
            continue
        if value > 0 and math.isfinite(value):
            values.append(value)
    return max(values) / min(values) if values else 1.0
