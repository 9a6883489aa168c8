"""Name what a rule may read: the columns of a bar, and the outputs of indicators."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tapeline.errors import UnknownIndicatorError
from tapeline.indicators.spec import spec_of_output

#: What a bar has beside indicators: name in a rule -> column. `probability` is that of UP.
FIELDS = {
    "price": "price", "close": "price", "open": "open", "high": "high", "low": "low", "volume": "volume",
    "probability": "probability",
}  # fmt: skip


def column_of(word: str, others: Sequence[str] = ()) -> str:
    """Return the column that this names, of a bar or of an indicator.

    Raises `SpecError`, which suggests the nearest of these names and `others`.
    """
    if word in FIELDS:
        return FIELDS[word]
    try:
        return spec_of_output(word)[1]
    except UnknownIndicatorError as error:
        near = difflib.get_close_matches(word, (*FIELDS, *others), n=1)
        names = ", ".join(("price", "open", "high", "low", "volume", *others))
        hint = f"did you mean {near[0]}?" if near else f"nor is it {names} or probability"
        raise UnknownIndicatorError(f"{error}; {hint}") from error
