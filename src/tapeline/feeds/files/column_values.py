"""Parse whole columns of a file at once: numbers and symbols, and what is wrong with a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tapeline.core.market import Floats
from tapeline.core.symbol_forms import canonical_symbol, symbol_fault
from tapeline.feeds.files.time_forms import is_text

States = NDArray[np.int8]

#: What is wrong with a value, as an index into these; `{}` is the value.
REASONS = (
    "",
    "is empty",
    "{} is not a number",
    "{} is neither an ISO-8601 time nor an epoch, nor like the other times in this file",
    "{} is not like the first time in this file: one has a zone, is a date alone or an epoch, the other not",
    "{} happens twice or never in this time zone, where the clocks change",
)
EMPTY, NO_NUMBER, NO_TIME, UNLIKE, CLOCK_CHANGE = range(1, 6)

#: Texts that stand for no value.
ABSENT = ("null", "none", "n/a", "na", "<na>", "-", "--")

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:nan|inf|infinity)$"
_MAGNITUDE = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_THOUSANDS = {
    ".": r"^[+-]?\d{1,3}([, '’\x{a0}\x{202f}]\d{3})+(\.\d*)?[kKmMbBtT]?$",
    ",": r"^[+-]?\d{1,3}([. '’\x{a0}\x{202f}]\d{3})+(,\d*)?[kKmMbBtT]?$|^[+-]?\d+(,\d*)?[kKmMbBtT]?$",
}
_ORNAMENT = r"^([+-]?)\s*[$€£¥₹]\s*|\s*[$€£¥₹]$"


def numbers(column: Any, decimal: str = ".") -> tuple[Floats, States]:
    """Return the column as float64 [n] (NaN where there is no number), and what is wrong with each value, int8 [n].

    Text may have `decimal` as its mark, groups of thousands, a sign of a currency, and K, M or B for its magnitude.
    """
    state = empty_ones(column)
    if is_text(column):
        text = text_of(column)
        state[flags_of(pc.is_in(pc.utf8_lower(text), pa.array(ABSENT)))] = EMPTY
        valid = pc.match_substring_regex(text, _NUMBER)
        if decimal == "," or not pc.all(valid).as_py():
            return _ornate(text, decimal, state)
        column = pc.if_else(valid, text, None)
    elif pa.types.is_decimal(column.type):
        column = column.cast(pa.string())  # a direct cast to float64 would not give the nearest one
    values = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return values, state


def plain_numbers(texts: Any, decimal: str) -> bool:
    """Return whether Arrow's CSV parser can read all of these texts as numbers: without any ornament."""
    text = text_of(texts)
    if decimal == ",":
        text = pc.replace_substring(text, ",", ".")
    known = pc.or_(pc.match_substring_regex(text, _NUMBER), pc.is_in(text, pa.array(["", "null"])))
    return bool(pc.all(known).as_py() is not False)


def _ornate(text: Any, decimal: str, state: States) -> tuple[Floats, States]:
    text = pc.replace_substring_regex(text, _ORNAMENT, r"\1")
    marked = pc.match_substring_regex(text, _THOUSANDS[decimal])
    bare = pc.replace_substring_regex(text, "[^0-9.kKmMbBtT+-]" if decimal == "." else "[^0-9,kKmMbBtT+-]", "")
    text = pc.if_else(marked, pc.replace_substring(bare, ",", "."), text)
    last = pc.utf8_lower(pc.utf8_slice_codeunits(text, -1))
    scaled = pc.and_(pc.is_in(last, pa.array(list(_MAGNITUDE))), pc.match_substring_regex(text, r"^[+-]?[\d.]+.$"))
    text = pc.if_else(scaled, pc.utf8_slice_codeunits(text, 0, -1), text)
    valid = pc.match_substring_regex(text, _NUMBER)
    if decimal == ",":  # a point in it would be a thousands mark in the wrong place
        valid = pc.and_(valid, pc.or_(marked, pc.invert(pc.match_substring(text, "."))))
    state[~flags_of(valid) & (state == 0)] = NO_NUMBER
    values = pc.if_else(valid, text, None).cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    if pc.any(scaled).as_py():
        factor = [_MAGNITUDE.get(letter, 1.0) if yes else 1.0 for letter, yes in zip(
            last.to_pylist(), scaled.to_pylist(), strict=True)]  # fmt: skip
        # Through text a value such as 107.92M would be exact; a product is off by at most one unit in the last place.
        values = np.round(values * factor, 6)
    return values, state


def symbols(column: Any, table: dict[str, int]) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Return the index of each symbol in `table`, int32 [n]; new symbols are added to the table.

    Texts that are no symbol have negative codes; the second value says what is wrong with each of those.
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
    indices = encoded.indices.cast(pa.int64()).fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    used = np.zeros(len(encoded.dictionary) + 1, np.bool_)
    used[indices] = True  # a table that was filtered keeps the symbols of rows that it has no more
    codes: list[int] = []
    wrong = {-1: "the symbol is empty"}
    for value, is_used in zip(encoded.dictionary.to_pylist(), used[:-1].tolist(), strict=True):
        symbol = "" if value is None else canonical_symbol(str(value))
        if not is_used:
            codes.append(-1)
        elif fault := symbol_fault(symbol):
            codes.append(-1 - len(wrong))
            wrong[codes[-1]] = fault
        else:
            codes.append(table.setdefault(symbol, len(table)))
    codes.append(-1)  # of null
    return np.array(codes, np.int32)[indices], wrong


def text_of(column: Any) -> Any:
    """Return a column as text without blanks around it, '' for no value."""
    return pc.utf8_trim_whitespace(column.cast(pa.string())).fill_null("")


def flags_of(column: Any) -> NDArray[np.bool_]:
    """Return a column of booleans as NumPy has it, bool [n]."""
    flags: NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return flags


def empty_ones(column: Any) -> States:
    """Return EMPTY where there is no value, 0 elsewhere, int8 [n]."""
    if is_text(column):
        empty = pc.equal(text_of(column), "")
    elif column.null_count:
        empty = column.is_null()
    else:
        return np.zeros(len(column), np.int8)
    return flags_of(empty).astype(np.int8) * np.int8(EMPTY)
