"""Parse whole columns of a file at once: numbers, times and symbols."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Floats, Ints, symbol_fault
from tapeline.core.times import DAY, HOUR, MINUTE

States = NDArray[np.int8]

#: What is wrong with a value, as an index into these; `{}` is the value.
REASONS = (
    "",
    "is empty",
    "{} is not a number",
    "{} is neither an ISO-8601 time nor an epoch",
    "{} is not like the first time in this file: one has a zone, is a date alone or an epoch, the other not",
    "{} happens twice or never in this time zone, where the clocks change",
)
EMPTY, NO_NUMBER, NO_TIME, UNLIKE, CLOCK_CHANGE = range(1, 6)

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:nan|inf|infinity)$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_INTEGER = r"^-?(\d{1,18}|[1-8]\d{18})$"
_DECIMAL = r"^-?\d{1,18}\.\d*$"
_ISO = (
    r"^(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r" ?(?P<zone>[Zz]|[+-]\d\d:?(?:\d\d)?)?)?$"
)
_NEVER = LATEST_TIMESTAMP + 1
_QUARTER = 15 * MINUTE  # every zone's clocks change at a quarter of an hour


def is_text(column: Any) -> bool:
    """Return whether these are strings, dictionary-encoded or not."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def numbers(column: Any) -> tuple[Floats, States]:
    """Return the column as float64 [n] (NaN where there is no number), and what is wrong with each value, int8 [n]."""
    state = _empty(column)
    if is_text(column):
        text = _text(column)
        state[_flags(pc.equal(pc.utf8_lower(text), "null"))] = EMPTY
        valid = pc.match_substring_regex(text, _NUMBER)
        if not pc.all(valid).as_py():
            thousands = pc.match_substring_regex(text, _THOUSANDS)
            text = pc.if_else(thousands, pc.replace_substring(text, ",", ""), text)
            valid = pc.or_(valid, thousands)
        state[~_flags(valid) & (state == 0)] = NO_NUMBER
        column = pc.if_else(valid, text, None)
    elif pa.types.is_decimal(column.type):
        column = column.cast(pa.string())  # a direct cast to float64 would not give the nearest one
    values = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return values, state


class Times:
    """Read the time column of one file, from its start.

    `kind` is what its first time was: epoch, zoned, local or date; '' before there was one.
    """

    def __init__(self, zone: ZoneInfo | None) -> None:
        self.kind = ""
        self._zone = zone

    @property
    def arrow_type(self) -> Any:
        """Return the type a CSV reader should expect, None while it is not known."""
        types = {
            "epoch": pa.int64(),
            "zoned": pa.timestamp("us", "UTC"),
            "local": pa.timestamp("us"),
            "date": pa.date32(),
        }
        return types.get(self.kind)

    def read(self, column: Any) -> tuple[Ints, States]:
        """Return UTC epoch ms, int64 [n] (0 where there is no time), and what is wrong with each value, int8 [n]."""
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
        if pa.types.is_integer(kind):
            return _epoch(column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)), state
        floats = column.cast(pa.float64()).fill_null(0).to_numpy(zero_copy_only=False)
        state[~np.isfinite(floats)] = NO_TIME
        return _epoch_float(np.where(np.isfinite(floats), floats, 0)), state

    def _read_text(self, text: Any, state: States) -> tuple[Ints, States]:
        integer = _flags(pc.match_substring_regex(text, _INTEGER))
        decimal = _flags(pc.match_substring_regex(text, _DECIMAL))
        iso_ms, iso, zoned, dated = _iso(text)
        found = integer | decimal | iso
        if not self.kind and found.any():
            first = int(np.argmax(found))
            dates = "local" if self._zone is None else "date"  # in UTC a date alone is a local time like any other
            self.kind = (
                "epoch" if not iso[first] else "zoned" if zoned[first] else dates if dated[first] else "local"
            )  # fmt: skip
        epoch = _epoch(pc.if_else(integer, text, "0").cast(pa.int64()).to_numpy(zero_copy_only=False))
        if decimal.any():
            floats = pc.if_else(decimal, text, "0").cast(pa.float64()).to_numpy(zero_copy_only=False)
            epoch = np.where(decimal, _epoch_float(floats), epoch)
        like = {
            "epoch": integer | decimal, "zoned": iso & zoned, "local": iso & ~zoned, "date": iso & dated
        }.get(self.kind, found)  # fmt: skip
        state[~found & (state == 0)] = NO_TIME
        state[found & ~like] = UNLIKE
        values = np.where(state == 0, epoch if self.kind == "epoch" else iso_ms, 0)
        return self._utc(values, state) if self.kind == "local" else values, state

    def _utc(self, local: Ints, state: States) -> Ints:
        """Return local times in the file's zone as UTC. Mark those that the zone's clocks show twice or never."""
        if self._zone is None:
            return local
        quarter, index = np.unique(
            np.clip(local, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP) // _QUARTER, return_inverse=True
        )
        offsets = np.empty((len(quarter), 2), np.int64)
        for i, value in enumerate(quarter.tolist()):
            clock = dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=value * _QUARTER)  # noqa: DTZ001 - it gets its zone next
            for fold in (0, 1):
                offset = clock.replace(tzinfo=self._zone, fold=fold).utcoffset()
                offsets[i, fold] = 0 if offset is None else int(offset.total_seconds() * 1000)
        doubtful = (offsets[:, 0] != offsets[:, 1])[index]
        state[doubtful & (state == 0)] = CLOCK_CHANGE
        return local - offsets[:, 0][index]


def symbols(column: Any, table: dict[str, int]) -> tuple[NDArray[np.int32], dict[int, str]]:
    """Return the index of each symbol in `table`, int32 [n]; new symbols are added to the table.

    Texts that are no symbol have negative codes; the second value says what is wrong with each of those.
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes: list[int] = []
    wrong = {-1: "the symbol is empty"}
    for value in encoded.dictionary.to_pylist():
        symbol = "" if value is None else value.strip()
        if fault := symbol_fault(symbol):
            codes.append(-1 - len(wrong))
            wrong[codes[-1]] = fault
        else:
            codes.append(table.setdefault(symbol, len(table)))
    codes.append(-1)  # of null
    indices = encoded.indices.cast(pa.int64()).fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)
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


def _epoch(values: Ints) -> Ints:
    """Return epoch s, ms, µs or ns (told apart by magnitude), or dates written YYYYMMDD, as ms.

    Below 10^11, seconds reach to the year 5138; above it, ms begin in 1973. A number that reads as a date of these
    centuries would otherwise be a second of a few days in 1970, when no bar opened.
    """
    size = np.abs(np.clip(values, -(2**62), 2**62))
    if len(values) and size.min() >= 10**11 and size.max() < 10**14:
        return values
    result = np.select(
        [size < 10**11, size < 10**14, size < 10**17],
        [np.clip(values, -(10**11), 10**11) * 1000, values, values // 1000],
        values // 1_000_000,
    )
    month, day = values // 100 % 100, values % 100
    dated = (values >= 18_670_101) & (values <= 22_001_231) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    if dated.any():
        midnight, exists = _midnight(values // 10_000, month, day)
        result = np.where(dated, np.where(exists, midnight, _NEVER), result)
    return result.astype(np.int64, copy=False)


def _epoch_float(values: Floats) -> Ints:
    """Do as `_epoch` for numbers with a fraction."""
    size = np.abs(values)
    scale = np.select([size < 1e11, size < 1e14, size < 1e17], [1e3, 1.0, 1e-3], 1e-6)
    ms: Ints = np.rint(np.clip(values * scale, -1e15, 1e15)).astype(np.int64)
    return ms


def _midnight(year: Ints, month: Ints, day: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Return midnight UTC in epoch ms, and whether there is such a day."""
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (np.clip(month, 1, 12) - 1)
    days = (first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= days.astype(np.int64))
    return (first.astype("datetime64[D]").astype(np.int64) + day - 1) * DAY, valid


def _iso(text: Any) -> tuple[Ints, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return ISO-8601 texts as ms (UTC where a zone is given, local otherwise), and three flags about each.

    They say whether it is such a time, has a zone, and is a date alone.
    """
    groups = pc.extract_regex(text, _ISO)
    matched = ~_flags(groups.is_null())

    def part(name: str) -> Any:
        return pc.struct_field(groups, name).fill_null("")

    def number(digits: Any) -> Ints:
        values: Ints = pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64()).to_numpy(zero_copy_only=False)
        return values

    ms, valid = _midnight(number(part("year")), number(part("month")), number(part("day")))
    hour, minute, second = (number(part(name)) for name in ("hour", "minute", "second"))
    fraction = number(pc.utf8_slice_codeunits(pc.utf8_rpad(part("fraction"), 3, "0"), 0, 3))
    ms = ms + hour * HOUR + minute * MINUTE + second * 1000 + fraction
    zone = part("zone")
    digits = pc.replace_substring_regex(zone, r"\D", "")
    ahead = (
        number(pc.utf8_slice_codeunits(digits, 0, 2)) * HOUR + number(pc.utf8_slice_codeunits(digits, 2, 4)) * MINUTE
    )
    ahead = np.where(_flags(pc.starts_with(zone, "-")), -ahead, ahead)
    valid &= matched & (hour < 24) & (minute < 60) & (second < 60) & (np.abs(ahead) < DAY)
    dated = valid & _flags(pc.equal(part("hour"), ""))
    return ms - ahead, valid, valid & _flags(pc.not_equal(zone, "")), dated
