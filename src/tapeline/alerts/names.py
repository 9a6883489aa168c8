"""What a rule may name: the columns of a bar, and the outputs of indicators."""

from __future__ import annotations

import difflib

from tapeline.errors import SpecError
from tapeline.indicators import (
    Spec,
    parse,
)

#: What a bar has beside indicators: name in a rule -> column. `probability` is that of UP.
FIELDS = {
    "price": "price", "close": "price", "open": "open", "high": "high", "low": "low", "volume": "volume",
    "probability": "probability",
}  # fmt: skip


def output_of(word: str) -> tuple[Spec, str]:
    """The indicator that this names an output of, and the column's canonical name. Defaults may be left out (`rsi`).

    Raises `SpecError`.
    """
    words = word.lower().split("_")
    whole: SpecError | None = None
    for count in range(len(words), 0, -1):
        try:
            spec = parse("_".join(words[:count]))
        except SpecError as error:
            whole = whole or error
            continue
        column = "_".join([spec.text, *words[count:]])
        if column in spec.outputs:
            return spec, column
        if whole is not None and words[count][:1].isdigit():
            break  # it is the parameters that are wrong
        raise SpecError(f"there is no {column}: {spec.text} gives {', '.join(spec.outputs)}")
    raise whole or SpecError(f"there is no indicator {word!r}")


def column_of(word: str) -> str:
    """The column that this names, of a bar or of an indicator. Raises `SpecError`."""
    if word in FIELDS:
        return FIELDS[word]
    try:
        return output_of(word)[1]
    except SpecError as error:
        if "there is no indicator" not in str(error):
            raise
        near = difflib.get_close_matches(word, FIELDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "nor is it price, open, high, low, volume or probability"
        raise SpecError(f"{error}; {hint}") from error
