"""Parse whole columns of a file at once: numbers, times and symbols."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Floats, Ints
from tapeline.core.sessions.session_dates import session_dates
from tapeline.core.symbol_forms import canonical_symbol, symbol_fault
from tapeline.core.times import DAY, HOUR, MINUTE, SECOND, WEEK
from tapeline.feeds.files.time_forms import TEXT_FORMS, TimeForm, is_text

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
_INTEGER = r"^-?(\d{1,18}|[1-8]\d{18})$"
_DECIMAL = r"^-?\d{1,18}\.\d*$"
_NEVER = LATEST_TIMESTAMP + 1
_QUARTER = 15 * MINUTE  # every zone's clocks change at a quarter of an hour
_EXCEL_EPOCH = -25_569  # 1899-12-30, in days
_ABBREVIATIONS = {"EST": -5, "EDT": -4, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "JST": 9}
_MONTHS = pa.array(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
#: ms of the periods of pandas that are all as long, by their frequency.
_LENGTHS = {"D": DAY, "B": DAY, "h": HOUR, "H": HOUR, "min": MINUTE, "T": MINUTE, "s": SECOND, "S": SECOND, "ms": 1}
_MONTHS_LONG = {"M": 1, "ME": 1, "Q": 3, "QE": 3, "Y": 12, "A": 12, "YE": 12}
#: The frequencies of pandas' periods that can be read.
PERIODS = frozenset({"W", *_LENGTHS, *_MONTHS_LONG})


def numbers(column: Any, decimal: str = ".") -> tuple[Floats, States]:
    """Return the column as float64 [n] (NaN where there is no number), and what is wrong with each value, int8 [n].

    Text may have `decimal` as its mark, groups of thousands, a sign of a currency, and K, M or B for its magnitude.
    """
    state = _empty(column)
    if is_text(column):
        text = _text(column)
        state[_flags(pc.is_in(pc.utf8_lower(text), pa.array(ABSENT)))] = EMPTY
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
    text = _text(texts)
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
    state[~_flags(valid) & (state == 0)] = NO_NUMBER
    values = pc.if_else(valid, text, None).cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    if pc.any(scaled).as_py():
        factor = [_MAGNITUDE.get(letter, 1.0) if yes else 1.0 for letter, yes in zip(
            last.to_pylist(), scaled.to_pylist(), strict=True)]  # fmt: skip
        # Through text a value such as 107.92M would be exact; a product is off by at most one unit in the last place.
        values = np.round(values * factor, 6)
    return values, state


class Times:
    """Read the time column of one file, from its start, as `form` says.

    `zone` is that of times without one. `shift` (ms) is added to each. With `days` the times are of bars of a day or
    longer, and become midnight UTC of their dates at that exchange (`session_dates`).
    """

    def __init__(
        self, form: TimeForm, zone: ZoneInfo | None = None, *, shift: int = 0, days: str | None = None
    ) -> None:
        self.form = form
        self.kind = form.kind
        self._zone = zone
        self._shift = shift
        self._days = days
        if self.kind == "date" and zone is None and form.name == "ISO-8601":
            self.kind = "local"  # in UTC a date alone is a local time like any other

    @property
    def arrow_type(self) -> Any:
        """Return the type a CSV reader should expect; text where only this class can read it."""
        if self.kind == "epoch":
            return pa.int64()
        types = {"zoned": pa.timestamp("us", "UTC"), "local": pa.timestamp("us"), "date": pa.date32()}
        return types.get(self.kind, pa.string()) if self.form.name == "ISO-8601" else pa.string()

    def read(self, column: Any) -> tuple[Ints, States]:
        """Return UTC epoch ms, int64 [n] (0 where there is no time), and what is wrong with each value, int8 [n]."""
        values, state = self._read(column)
        if self._days is not None:
            values = session_dates(values, self._days)
        if self._shift:
            values = values + self._shift
        return values, state

    def _read(self, column: Any) -> tuple[Ints, States]:
        state = _empty(column)
        kind = column.type
        if is_text(column):
            return self._read_text(_text(column), state)
        if pa.types.is_timestamp(kind):
            per_second = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[kind.unit]
            values = _scaled(column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), per_second)
            return values if kind.tz else self._utc(values, state), state
        if pa.types.is_date(kind):
            days = column.cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
            return days.astype(np.int64) * DAY, state
        if self.form.regex:  # numbers such as 20240304
            return self._read_text(_text(column.cast(pa.int64(), safe=False)), state)
        if pa.types.is_integer(kind) and self.kind == "epoch":
            integers = column.cast(pa.int64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False)
            return _epoch(integers, self.form.unit), state
        floats = column.cast(pa.float64()).fill_null(0).to_numpy(zero_copy_only=False)
        state[~np.isfinite(floats)] = NO_TIME
        return self._read_floats(np.where(np.isfinite(floats), floats, 0), state), state

    def _read_floats(self, values: Floats, state: States) -> Ints:
        if self.kind != "excel":
            return _epoch_float(values, self.form.unit)
        days = np.clip(values, -1e6, 1e6) + _EXCEL_EPOCH
        local: Ints = np.rint(days * (DAY // SECOND)).astype(np.int64) * SECOND
        return self._utc(local, state) if (local % DAY).any() else local

    def _read_text(self, text: Any, state: States) -> tuple[Ints, States]:
        if not self.form.regex:
            return self._read_number_text(text, state)
        parsed_ms, found, zoned, dated = _parsed(text, self.form.regex)
        numeric = _flags(pc.match_substring_regex(text, _INTEGER)) & ~found
        like = {"zoned": found & zoned, "local": found & ~zoned, "date": found & dated}.get(self.kind, found)
        state[~found & (state == 0)] = NO_TIME
        state[((found & ~like) | numeric) & (state != EMPTY)] = UNLIKE
        values = np.where(state == 0, parsed_ms, 0)
        return self._utc(values, state) if self.kind == "local" else values, state

    def _read_number_text(self, text: Any, state: States) -> tuple[Ints, States]:
        integer = _flags(pc.match_substring_regex(text, _INTEGER))
        decimal = _flags(pc.match_substring_regex(text, _DECIMAL))
        found = integer | decimal
        state[~found & (state == 0)] = NO_TIME
        if not found.all():
            state[_parsed(text, TEXT_FORMS["ISO-8601"])[1]] = UNLIKE
        if self.kind == "excel" or decimal.any():
            floats = pc.if_else(found, text, "0").cast(pa.float64()).to_numpy(zero_copy_only=False)
            values = self._read_floats(floats, state)
        if self.kind != "excel" and integer.any():
            integers = pc.if_else(integer, text, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
            epoch = _epoch(integers, self.form.unit)
            values = np.where(decimal, values, epoch) if decimal.any() else epoch
        elif not found.any():
            values = np.zeros(len(text), np.int64)
        return np.where(state == 0, values, 0), state

    def _utc(self, local: Ints, state: States) -> Ints:
        """Return local times in the file's zone as UTC. Mark those that the zone's clocks show twice or never."""
        if self._zone is None:
            return local
        return local_to_utc(local, self._zone, state)


def local_to_utc(local: Ints, zone: ZoneInfo, state: States | None = None) -> Ints:
    """Return local times of a zone as UTC, int64 [n]; where `state` is given, mark those shown twice or never."""
    quarter, index = np.unique(np.clip(local, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP) // _QUARTER, return_inverse=True)
    offsets = np.empty((len(quarter), 2), np.int64)
    for i, value in enumerate(quarter.tolist()):
        clock = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=value * _QUARTER)  # noqa: DTZ001 - it gets its zone next
        for fold in (0, 1):
            offset = clock.replace(tzinfo=zone, fold=fold).utcoffset()
            offsets[i, fold] = 0 if offset is None else int(offset.total_seconds() * 1000)
    if state is not None:
        doubtful = (offsets[:, 0] != offsets[:, 1])[index]
        state[doubtful & (state == 0)] = CLOCK_CHANGE
    return local - offsets[:, 0][index]


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


def _text(column: Any) -> Any:
    return pc.utf8_trim_whitespace(column.cast(pa.string())).fill_null("")


def _flags(column: Any) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
    return flags


def _empty(column: Any) -> States:
    """Return EMPTY where there is no value, 0 elsewhere, int8 [n]."""
    if is_text(column):
        empty = pc.equal(_text(column), "")
    elif column.null_count:
        empty = column.is_null()
    else:
        return np.zeros(len(column), np.int8)
    return _flags(empty).astype(np.int8) * np.int8(EMPTY)


def _scaled(values: Ints, per_second: int) -> Ints:
    """Return times, of which `per_second` make a second, in ms, rounded down; clip those outside all market data."""
    if per_second >= 1000:
        return values // (per_second // 1000)
    return np.clip(values, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP) * (1000 // per_second)


def _epoch(values: Ints, unit: str) -> Ints:
    """Return epoch s or ms (`unit`), or µs or ns (told apart by magnitude), as ms.

    Below 10^11, seconds reach to the year 5138, and ms are from before 1973. A number that reads as a date of these
    centuries would otherwise be a time of 1970, when no bar opened: the file has others, so it is no time at all.
    """
    size = np.abs(np.clip(values, -(2**62), 2**62))
    dated = (values >= 18_670_101) & (values <= 22_001_231)
    if dated.any():
        month, day = values // 100 % 100, values % 100
        dated &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    elif len(values) and unit == "ms" and size.max() < 10**14:
        return values
    result = np.select(
        [dated, (size < 10**11) & (unit == "s"), size < 10**14, size < 10**17],
        [_NEVER, np.clip(values, -(10**11), 10**11) * 1000, values, values // 1000],
        values // 1_000_000,
    )
    return result.astype(np.int64, copy=False)


def _epoch_float(values: Floats, unit: str) -> Ints:
    """Do as `_epoch` for numbers with a fraction."""
    size = np.abs(values)
    scale = np.select([(size < 1e11) & (unit == "s"), size < 1e14, size < 1e17], [1e3, 1.0, 1e-3], 1e-6)
    ms: Ints = np.rint(np.clip(values * scale, -1e15, 1e15)).astype(np.int64)
    return ms


def of_periods(ordinals: Ints, frequency: str) -> Ints:
    """Return the starts of pandas' periods, which are numbered from 1970, in ms."""
    ordinals = np.clip(ordinals, -(10**12), 10**12)
    if frequency == "W":  # W-SUN ends on Sundays
        return (ordinals - 1) * WEEK - 3 * DAY
    if months := _MONTHS_LONG.get(frequency):
        first = np.clip(ordinals * months, -10_000, 10_000).astype("datetime64[M]")
        return first.astype("datetime64[ms]").astype(np.int64)
    return np.clip(ordinals, -(10**15) // _LENGTHS[frequency], 10**15 // _LENGTHS[frequency]) * _LENGTHS[frequency]


def _midnight(year: Ints, month: Ints, day: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return midnight UTC in epoch ms, and whether there is such a day."""
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (np.clip(month, 1, 12) - 1)
    days = (first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= days.astype(np.int64))
    return (first.astype("datetime64[D]").astype(np.int64) + day - 1) * DAY, valid


def _parsed(text: Any, regex: str) -> tuple[Ints, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return texts as ms (UTC where a zone is given, local otherwise), and three flags about each.

    They say whether it is a time of this form, has a zone, and is a date alone.
    """
    groups = pc.extract_regex(text, regex)
    matched = ~_flags(groups.is_null())
    names = {field.name for field in groups.type}
    blank = pa.array([""] * len(text), pa.string())

    def part(name: str) -> Any:
        return pc.struct_field(groups, name).fill_null("") if name in names else blank

    def number(digits: Any) -> Ints:
        values: Ints = pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64()).to_numpy(zero_copy_only=False)
        return values

    year = number(part("year"))
    year = np.where(year < 70, year + 2000, np.where(year < 100, year + 1900, year))
    if "word" in names:
        words = pc.utf8_slice_codeunits(pc.utf8_lower(part("word")), 0, 3)
        month = pc.index_in(words, _MONTHS).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    else:
        month = number(part("month"))
    ms, valid = _midnight(year, month, number(part("day")))
    hour, minute, second = (number(part(name)) for name in ("hour", "minute", "second"))
    if "half" in names:
        half = pc.utf8_slice_codeunits(pc.utf8_lower(part("half")), 0, 1)
        late, early = _flags(pc.equal(half, "p")), _flags(pc.equal(half, "a"))
        valid &= ~(late | early) | (hour <= 12)
        hour = np.where(late, hour % 12 + 12, np.where(early, hour % 12, hour))
    fraction = number(pc.utf8_slice_codeunits(pc.utf8_rpad(part("fraction"), 3, "0"), 0, 3))
    ms = ms + hour * HOUR + minute * MINUTE + second * 1000 + fraction
    zone = part("zone")
    named = pc.match_substring_regex(zone, "^[A-Za-z]{2}[A-Za-z_/]*$")
    digits = pc.if_else(named, "", pc.replace_substring_regex(zone, r"\D", ""))
    ahead = (
        number(pc.utf8_slice_codeunits(digits, 0, 2)) * HOUR + number(pc.utf8_slice_codeunits(digits, 2, 4)) * MINUTE
    )
    ahead = np.where(_flags(pc.match_substring(zone, "-")), -ahead, ahead)
    valid &= matched & (hour < 24) & (minute < 60) & (second < 60) & (np.abs(ahead) < DAY)
    dated = valid & _flags(pc.equal(part("hour"), ""))
    if pc.any(named).as_py():
        ms = _in_named_zones(ms, zone, _flags(named), valid)
    return ms - ahead, valid, valid & _flags(pc.not_equal(zone, "")), dated


def _in_named_zones(local: Ints, zone: Any, named: NDArray[np.bool_], valid: NDArray[np.bool_]) -> Ints:
    """Return local times as UTC where a name such as US/Eastern or EST says their zone; an unknown one is no time."""
    codes = zone.dictionary_encode()
    index = codes.indices.to_numpy(zero_copy_only=False)
    for code, name in enumerate(codes.dictionary.to_pylist()):
        where = named & (index == code)
        if not where.any():
            continue
        try:
            if name in _ABBREVIATIONS:
                local[where] -= _ABBREVIATIONS[name] * HOUR
            else:
                local[where] = local_to_utc(local[where], ZoneInfo(name))
        except (KeyError, OSError, ValueError):
            valid[where] = False
    return local
