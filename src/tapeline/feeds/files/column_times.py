"""Parse a whole column of times at once, whatever they are written as, into UTC epoch ms."""

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
from tapeline.core.times import DAY, HOUR, MINUTE, SECOND
from tapeline.feeds.files.column_values import (
    CLOCK_CHANGE,
    EMPTY,
    NO_TIME,
    UNLIKE,
    States,
    empty_ones,
    flags_of,
    text_of,
)
from tapeline.feeds.files.epoch_columns import epoch_ms_of, epoch_of_fractions, scaled
from tapeline.feeds.files.time_forms import TEXT_FORMS, TimeForm, is_text

_INTEGER = r"^-?(\d{1,18}|[1-8]\d{18})$"
_DECIMAL = r"^-?\d{1,18}\.\d*$"
_QUARTER = 15 * MINUTE  # every zone's clocks change at a quarter of an hour
_EXCEL_EPOCH = -25_569  # 1899-12-30, in days
_ABBREVIATIONS = {"EST": -5, "EDT": -4, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "CET": 1, "CEST": 2, "JST": 9}
_MONTHS = pa.array(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])


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
        state = empty_ones(column)
        kind = column.type
        if is_text(column):
            return self._read_text(text_of(column), state)
        if pa.types.is_timestamp(kind):
            per_second = {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[kind.unit]
            values = scaled(column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), per_second)
            return values if kind.tz else self._utc(values, state), state
        if pa.types.is_date(kind):
            days = column.cast(pa.date32()).cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False)
            return days.astype(np.int64) * DAY, state
        if self.form.regex:  # numbers such as 20240304
            return self._read_text(text_of(column.cast(pa.int64(), safe=False)), state)
        if pa.types.is_integer(kind) and self.kind == "epoch":
            integers = column.cast(pa.int64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False)
            return epoch_ms_of(integers, self.form.unit), state
        floats = column.cast(pa.float64()).fill_null(0).to_numpy(zero_copy_only=False)
        state[~np.isfinite(floats)] = NO_TIME
        return self._read_floats(np.where(np.isfinite(floats), floats, 0), state), state

    def _read_floats(self, values: Floats, state: States) -> Ints:
        if self.kind != "excel":
            return epoch_of_fractions(values, self.form.unit)
        days = np.clip(values, -1e6, 1e6) + _EXCEL_EPOCH
        local: Ints = np.rint(days * (DAY // SECOND)).astype(np.int64) * SECOND
        return self._utc(local, state) if (local % DAY).any() else local

    def _read_text(self, text: Any, state: States) -> tuple[Ints, States]:
        if not self.form.regex:
            return self._read_number_text(text, state)
        parsed_ms, found, zoned, dated = _parsed(text, self.form.regex)
        numeric = flags_of(pc.match_substring_regex(text, _INTEGER)) & ~found
        like = {"zoned": found & zoned, "local": found & ~zoned, "date": found & dated}.get(self.kind, found)
        state[~found & (state == 0)] = NO_TIME
        state[((found & ~like) | numeric) & (state != EMPTY)] = UNLIKE
        values = np.where(state == 0, parsed_ms, 0)
        return self._utc(values, state) if self.kind == "local" else values, state

    def _read_number_text(self, text: Any, state: States) -> tuple[Ints, States]:
        integer = flags_of(pc.match_substring_regex(text, _INTEGER))
        decimal = flags_of(pc.match_substring_regex(text, _DECIMAL))
        found = integer | decimal
        state[~found & (state == 0)] = NO_TIME
        if not found.all():
            state[_parsed(text, TEXT_FORMS["ISO-8601"])[1]] = UNLIKE
        if self.kind == "excel" or decimal.any():
            floats = pc.if_else(found, text, "0").cast(pa.float64()).to_numpy(zero_copy_only=False)
            values = self._read_floats(floats, state)
        if self.kind != "excel" and integer.any():
            integers = pc.if_else(integer, text, "0").cast(pa.int64()).to_numpy(zero_copy_only=False)
            epoch = epoch_ms_of(integers, self.form.unit)
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
    matched = ~flags_of(groups.is_null())
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
        late, early = flags_of(pc.equal(half, "p")), flags_of(pc.equal(half, "a"))
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
    ahead = np.where(flags_of(pc.match_substring(zone, "-")), -ahead, ahead)
    valid &= matched & (hour < 24) & (minute < 60) & (second < 60) & (np.abs(ahead) < DAY)
    dated = valid & flags_of(pc.equal(part("hour"), ""))
    if pc.any(named).as_py():
        ms = _in_named_zones(ms, zone, flags_of(named), valid)
    return ms - ahead, valid, valid & flags_of(pc.not_equal(zone, "")), dated


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
