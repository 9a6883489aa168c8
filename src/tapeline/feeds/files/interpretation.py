"""Decide how a file is read, from its names and a sample of its rows, and say why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.compute as pc

from tapeline.core.bars import usual_interval
from tapeline.core.candle_intervals import ROUND_THE_CLOCK
from tapeline.core.market import OHLCV, Ints
from tapeline.core.sessions.exchanges import DEFAULT_EXCHANGE, known_exchange
from tapeline.core.sessions.session_dates import AS_WRITTEN
from tapeline.core.symbol_forms import canonical_symbol, symbol_fault
from tapeline.core.times import DAY
from tapeline.errors import FileError
from tapeline.feeds.files.column_roles import column_indexes
from tapeline.feeds.files.column_times import Times
from tapeline.feeds.files.column_values import symbols
from tapeline.feeds.files.file_sample import Sample, time_column
from tapeline.feeds.files.file_symbols import symbol_of
from tapeline.feeds.files.known_layouts import LAYOUTS
from tapeline.feeds.files.number_marks import decimal_mark
from tapeline.feeds.files.read_options import Doubt, Guess, ReadOptions
from tapeline.feeds.files.time_forms import TimeForm, form_of_column, is_text


@dataclass(frozen=True, slots=True, eq=False)
class Interpretation:
    """Say how a file is read.

    `groups` are the columns of each meaning, for each symbol that the header names; '' where a column or `symbol`
    does. `shift` (ms) is added to every time. With `days` bars are days, and get their date at that exchange.
    `interval` (ms) is what an option says of them. `guesses` are what was found, by name; `doubts` what must be settled
    before the file is read.
    """

    groups: tuple[tuple[str, dict[str, int]], ...]
    form: TimeForm
    zone: ZoneInfo | None
    decimal: str
    symbol: str
    shift: int
    days: str | None
    daily: bool
    adjust: str
    interval: int | None
    guesses: dict[str, Guess]
    doubts: tuple[Doubt, ...]

    @property
    def has_volume(self) -> bool:
        """Return whether the file has a column of volumes."""
        return "volume" in self.groups[0][1]

    def times(self) -> Times:
        """Return a reader of the time column."""
        return Times(self.form, self.zone, shift=self.shift, days=self.days)


def interpret(path: Path, sample: Sample, options: ReadOptions) -> Interpretation:
    """Return how this file is read. Raise `FileError` where it cannot be."""
    layout_name = options.layout or sample.layout
    layout = LAYOUTS[layout_name]
    groups = sample.groups or (("", column_indexes(sample.names, path, options.columns)),)
    indexes = groups[0][1]
    _settle_columns(sample, indexes)
    doubts: list[Doubt] = []
    guesses = {"layout": Guess(layout.title, "--layout" if options.layout else "its columns")}

    decimal = _decimal(sample, indexes, options, doubts)
    form = _form(sample, indexes, layout.dates, options, doubts)
    guesses["times"] = Guess(form.name, f"column {sample.names[indexes['timestamp']]!r}")
    symbol = _symbol(path, sample, groups, options, guesses, doubts)

    columns = {name: sample.column(index) for name, index in indexes.items() if name in {"timestamp", "clock"}}
    read, state = Times(form).read(time_column(columns))
    sound = state == 0
    times = read[sound]
    names, codes = _sample_symbols(sample, indexes, symbol or groups[0][0], sound)
    interval = options.interval or usual_interval(times, codes)
    exchange, why = _exchange(names, times, codes, options)
    guesses["calendar"] = Guess(exchange, why, assumed=why.startswith("no "))

    naive = form.kind in {"local", "excel"} and len(times) > 0 and bool((times % DAY).any())
    zone_name, days = "", None
    daily = interval is not None and interval >= DAY
    if options.zone:
        zone_name, said = options.zone, Guess(options.zone, "--zone")
    elif not naive:
        said = Guess("UTC", {"zoned": "its times say their zone"}.get(form.kind, "days" if daily else "epoch"))
    elif daily:
        days, said = AS_WRITTEN, Guess("the exchange's dates", "daily bars")
    elif layout.zone:
        zone_name, said = layout.zone, Guess(layout.zone, f"{layout.title} writes so", assumed=True)
    else:
        said = Guess("UTC", "no zone is said", assumed=True)
        if exchange not in ROUND_THE_CLOCK and (local := _local_zone(exchange, times)):
            doubts.append(Doubt(
                "zone", f"its times name no zone; they fit {exchange}'s hours in {local} and not in UTC", (local, "UTC")
            ))  # fmt: skip
    guesses["zone"] = said
    if daily and days is None and form.kind != "date":
        days = exchange
    shift = _shift(times, codes, interval, exchange, options, guesses, doubts)
    return Interpretation(
        groups, form, zone_of(zone_name), decimal, symbol, shift, days, daily, options.adjust, options.interval,
        guesses, tuple(doubts),
    )  # fmt: skip


def zone_of(name: str) -> ZoneInfo | None:
    """Return the time zone of this name, None for UTC (or no name), which needs no table."""
    if name.upper() in {"", "UTC"}:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise FileError(f"there is no time zone {name!r}; name one such as America/New_York") from error


def _settle_columns(sample: Sample, indexes: dict[str, int]) -> None:
    """Drop a column of clocks that is none, and take the volume from the ticks where there is no other."""
    if "clock" in indexes:
        dates, clocks = sample.texts(indexes["timestamp"]), sample.texts(indexes["clock"])
        joined = not any(":" in text or len(text) > 10 for text in dates) and any(clocks)
        if not joined or not all(":" in text or (text.isdecimal() and len(text) in {4, 6}) for text in clocks if text):
            del indexes["clock"]
    names = [name.strip().lower().strip("<>") for name in sample.names]
    if "volume" in indexes and "tickvol" in names and set(sample.texts(indexes["volume"])) <= {"0", "0.0", ""}:
        indexes["volume"] = names.index("tickvol")


def _decimal(sample: Sample, indexes: dict[str, int], options: ReadOptions, doubts: list[Doubt]) -> str:
    if options.decimal:
        return options.decimal
    written = [indexes[name] for name in OHLCV[:4] if is_text(sample.column(indexes[name]))]
    if not any(pc.any(pc.match_substring(sample.column(index), ",")).as_py() for index in written):
        return "."
    prices = [text for index in written for text in sample.texts(index)]
    volumes = sample.texts(indexes["volume"]) if "volume" in indexes else []
    found, doubt = decimal_mark(prices, volumes)
    if doubt:
        found, doubt = decimal_mark((text for index in written for text in sample.whole(index)), volumes)
    doubts += [doubt] if doubt else []
    return found


def _form(sample: Sample, indexes: dict[str, int], dates: str, options: ReadOptions, doubts: list[Doubt]) -> TimeForm:
    column, index = sample.column(indexes["timestamp"]), indexes["timestamp"]
    if "clock" in indexes:
        column = time_column({"timestamp": column, "clock": sample.column(indexes["clock"])})
    whole = lambda: (text.strip() for text in sample.whole(index))  # noqa: E731
    form, doubt = form_of_column(column, dates, options.date_format, whole)
    doubts += [doubt] if doubt else []
    # Every row is refused then, with its reason, unless none is like any time: such a column was not meant.
    return form or TimeForm("ISO-8601", "local", r"^(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)$")


def _symbol(
    path: Path,
    sample: Sample,
    groups: tuple[tuple[str, dict[str, int]], ...],
    options: ReadOptions,
    guesses: dict[str, Guess],
    doubts: list[Doubt],
) -> str:
    """Return the one symbol of the file, '' where a column or the header says them."""
    if options.symbol:
        symbol = canonical_symbol(options.symbol)
        if len(groups) > 1:
            raise FileError(f"{path}: has bars of {len(groups)} symbols; --symbol is for files of one")
        if fault := symbol_fault(symbol):
            raise FileError(f"{path}: --symbol: {fault}")
        guesses["symbol"] = Guess(symbol, "--symbol")
        return symbol
    if groups[0][0]:
        guesses["symbol"] = Guess(", ".join(name for name, _ in groups[:5]), "its header")
        return ""
    if "symbol" in groups[0][1]:
        guesses["symbol"] = Guess("", f"column {sample.names[groups[0][1]['symbol']]!r}")
        return ""
    symbol = symbol_of(path)
    guesses["symbol"] = Guess(symbol, "the file's name", assumed=True)
    if fault := symbol_fault(symbol):
        doubts.append(Doubt("symbol", f"it has no symbol column, and its name does not say one ({fault})", ("NAME",)))
    return symbol


def _sample_symbols(sample: Sample, indexes: dict[str, int], symbol: str, sound: Any) -> tuple[list[str], Any]:
    table: dict[str, int] = {}
    if symbol or "symbol" not in indexes:
        return [symbol], np.zeros(int(sound.sum()), np.int32)
    codes, _ = symbols(sample.column(indexes["symbol"]), table)
    return list(table) or [""], np.maximum(codes[sound], 0)


def _exchange(names: list[str], times: Ints, codes: Any, options: ReadOptions) -> tuple[str, str]:
    """Return the calendar that most of these symbols trade by, and why."""
    from tapeline.core.sessions.evidence import around_the_clock

    if options.calendar:
        return options.calendar, "--calendar"
    counts = Counter(known_exchange(name) for name in names)
    exchange = counts.most_common(1)[0][0]
    if exchange:
        return exchange, "the symbol's form"
    if around_the_clock(times, codes, len(names)).all():
        return "24/7", "bars on weekends"
    return DEFAULT_EXCHANGE, "no suffix or prefix says another"


def _local_zone(exchange: str, times: Ints) -> str:
    from tapeline.core.sessions.evidence import reads_as_local

    return reads_as_local(exchange, times)


def _shift(
    times: Ints,
    codes: Any,
    interval: int | None,
    exchange: str,
    options: ReadOptions,
    guesses: dict[str, Guess],
    doubts: list[Doubt],
) -> int:
    """Return what is added to every time: minus the interval where times are the ends of bars within a day."""
    from tapeline.core.sessions.evidence import stamped_at_ends

    within = interval is not None and interval < DAY
    if options.stamp:
        guesses["stamp"] = Guess(options.stamp, "--stamp")
        return -interval if interval is not None and within and options.stamp == "end" else 0
    guesses["stamp"] = Guess("start", "no sign of another", assumed=True)
    if interval is not None and within and exchange not in ROUND_THE_CLOCK and stamped_at_ends(times, codes, interval):
        question = "its days begin one bar after a half hour and end on one, as times of the ends of bars do"
        doubts.append(Doubt("stamp", question, ("end", "start")))
    return 0
