"""Load bars into a data frame: `tapeline.load("TSLA", interval="1d", indicators=["sma_20"])`.

They come from a data directory, or from a server that has one: the API's Parquet answers, page by page. Both give the
same values.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from tapeline.app import arrow_columns, config
from tapeline.app.data_directory import open_data_directory, settings_for_reading
from tapeline.app.server_bars import ServerBars
from tapeline.app.stored_history import Selection, StoredHistory, outputs_of
from tapeline.core.extras import import_package
from tapeline.core.times import epoch_ms
from tapeline.errors import InputError, NotPossibleError

Time = str | float | date | datetime

_KINDS = ("pandas", "polars", "arrow")


def load(
    symbols: str | Sequence[str],
    *,
    interval: str | None = None,
    indicators: Sequence[str] = (),
    start: Time | None = None,
    end: Time | None = None,
    data_dir: str | Path | None = None,
    url: str | None = None,
    token: str | None = None,
    as_known: bool = False,
    ranges: bool = False,
    to: str = "pandas",
) -> Any:
    """Return the bars of one or more symbols, with indicators over all of their history, as a data frame.

        tapeline.load("TSLA", interval="1d", indicators=["sma_20", "rsi_14"], start="2026-01-01")
        tapeline.load(["TSLA", "AAPL"], url="http://127.0.0.1:8000", to="polars")

    The columns are `symbol`, `timestamp` (when the bar opens, UTC), `open high low close volume`, `final` (False while
    the bar is still forming), at the stored interval `prediction` and `probability` (of UP), and one for each output
    of the indicators. pandas has `timestamp` as its index. Rows are in the order of the symbols, then of time. A value
    that is not warm, or that no model gave, is absent: NaN or None in pandas, null elsewhere.

    `interval` is a name such as `30m`, `1d`, `1w` or `1mo`, None for the stored one. `start` and `end` (start <= t <
    end) are dates, times or text in ISO format, UTC unless they say otherwise; an indicator's values do not depend on
    them. `data_dir` is a folder, by default that of the settings, or the address of a server, as `url` is. `token`
    opens a server that asks for one, by default the setting page.token. `as_known` gives bars as they were first
    stored, before any correction. `ranges` adds, at the stored interval, what was expected over each horizon, such as
    `low_80_5`, the lower end of the 80% band 5 bars ahead, and `range_model`, the version that said it. `to` is
    `pandas` or `polars`, which you install yourself, or `arrow` (a `pyarrow.Table`), which needs nothing more.

    Raises `NotFoundError` for a symbol without bars, `NotPossibleError` for an interval that its bars cannot make,
    `SpecError` for an indicator, `StorageError` where data directory or server cannot be read, `MissingLibraryError`
    without the package that `to` names.
    """
    checked_kind(to)
    if url is None and isinstance(data_dir, str) and data_dir.startswith(("http://", "https://")):
        url, data_dir = data_dir, None
    selection = Selection(
        (symbols,) if isinstance(symbols, str) else tuple(symbols),
        tuple(indicators),
        in_epoch_ms(start),
        in_epoch_ms(end),
    )
    if not selection.symbols:
        raise InputError("no symbol is named")
    outputs = outputs_of(selection.indicators)
    if url is not None:
        if as_known:
            raise NotPossibleError("a server gives bars as they are now; load what was known from its data directory")
        tables = ServerBars(url, _token(token)).tables(selection, interval, ranges=ranges)
    else:
        tables = _stored(selection, interval, outputs, data_dir, as_known=as_known, ranges=ranges)
    return frame_of(_joined(list(tables), outputs), to)


def _stored(
    selection: Selection, interval: str | None, outputs: Sequence[str], data_dir: str | Path | None, *, as_known: bool,
    ranges: bool,
) -> Iterator[pa.Table]:  # fmt: skip
    with open_data_directory(settings_for_reading(data_dir), create=False, notify=warn) as directory:
        history = StoredHistory(directory, interval, as_known=as_known)
        for symbol in history.chosen(selection.symbols):
            same = not history.resamples(symbol)
            names = arrow_columns.names_of(outputs, forecasts=same, ranges=ranges and same)
            names = [name for name in names if name != "model"]
            yield arrow_columns.schema(names).empty_table()
            for rows in history.pages(symbol, selection):
                yield arrow_columns.table(rows, names, history.ranges if ranges else {})


def _joined(tables: list[pa.Table], outputs: Sequence[str]) -> pa.Table:
    """Return all rows as one table: columns that some symbols lack are null there, those of indicators come last."""
    whole = pa.concat_tables(tables, promote_options="default")
    bars = [name for name in whole.column_names if name not in outputs]
    return whole.select([*bars, *outputs]).combine_chunks()


def checked_kind(to: str) -> None:
    """Raise `InputError` for what is no kind of frame."""
    if to not in _KINDS:
        raise InputError(f"to={to!r} is no kind of frame; write {', '.join(_KINDS)}")


def frame_of(table: pa.Table, to: str, index: str | None = "timestamp") -> Any:
    """Return the table as this kind of frame; in pandas with this column as its index, None for none.

    Raises `MissingLibraryError`.
    """
    if to == "arrow":
        return table
    library = import_package(to, f"to={to!r} needs the package {to}", ", or write to='arrow'")
    if to == "polars":
        return library.from_arrow(table)
    frame = table.to_pandas()
    return frame if index is None else frame.set_index(index)


def warn(text: str) -> None:
    """Warn of what is missing in the frame, such as a damaged block."""
    warnings.warn(text, stacklevel=2)


def in_epoch_ms(value: Time | None) -> int | None:
    """Return a time that a person gave as UTC epoch ms, None for none. Raises `InputError`."""
    return None if value is None else epoch_ms(value)


def _token(token: str | None) -> str | None:
    if token is None and (known := config.load().page.token) is not None:
        return known.get_secret_value()
    return token
