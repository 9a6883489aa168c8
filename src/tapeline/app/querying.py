"""Answer SQL over a data directory with DuckDB, reading only what a query asks for.

The views are not loaded: each is an Arrow dataset whose scanner DuckDB calls with the columns that a query uses and
with the part of its WHERE clause that Arrow can evaluate (`symbol = ...`, `symbol IN ...`, comparisons of `timestamp`
and of anything else, combined by AND and OR). The scanner asks Arrow which symbols, and which spans of time of these,
can hold a row that passes, reads the blocks of those alone, a page at a time, and computes the indicators that the
query names. What a function hides from the filter (`date_trunc('day', timestamp) = ...`) is read and left out then.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from tapeline.app import arrow_columns
from tapeline.app.data_directory import DataDirectory
from tapeline.app.query_filters import TIME, passing, uses
from tapeline.app.stored_history import StoredHistory, outputs_of
from tapeline.core.extras import import_extra
from tapeline.core.rows import Direction
from tapeline.error_text import one_line
from tapeline.errors import InputError, SpecError, TapelineError
from tapeline.indicators.spec import parse_all, spec_of_output

_REJECT_COLUMNS = ("source", "place", "reason", "raw", "count")
_REJECTS_AT_ONCE = 1000
_PIECE_ROWS = 8192
_NAME = re.compile(r"[a-z][a-z0-9_.]*[0-9][a-z0-9_.]*")  # of an output of an indicator; few others have a number
_PRICE = re.compile(r"\bprice\b")
_NAMES_PRICE = re.compile(r"\bas\s+\"?price\b|'[^']*\bprice\b[^']*'")  # a column of the query itself, or a text

#: Which columns are needed, and the filter, if any -> batches with these columns.
Read = Callable[[list[str], Any], Iterator[pa.RecordBatch]]


class Reading:
    """Read for any number of threads in one of its own. `failure` is what went wrong.

    Arrow takes each batch in a new thread, and reads ahead when a query has what it needs already; the store opens a
    connection for every thread that reads.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        self._closed = False
        self.failure: TapelineError | None = None

    def next(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        """Return the next batch, None at the end or when reading is over."""
        with self._lock:
            if self._closed:
                return None
            found = self._thread.submit(next, batches, None)
        try:
            return found.result()
        except TapelineError as error:  # DuckDB makes a text of it
            self.failure = error
            raise

    def close(self) -> None:
        """Read nothing more."""
        with self._lock:
            self._closed = True
        self._thread.shutdown()


class View(pyarrow.dataset.Dataset):  # type: ignore[misc]
    """Stand for a table whose rows are read while a query runs."""

    def __init__(self, schema: pa.Schema, read: Read, reading: Reading) -> None:
        self._schema = schema
        self._read = read
        self._reading = reading

    @property
    def schema(self) -> pa.Schema:
        """Return the columns of the table."""
        return self._schema

    def scanner(self, columns: list[str] | None = None, filter: Any = None, **_: Any) -> pyarrow.dataset.Scanner:  # noqa: A002 - DuckDB's name
        """Return what reads these columns (None: all) of the rows that pass the filter."""
        names = self._schema.names
        wanted = names if columns is None else columns
        needed = [name for name in names if name in wanted or uses(filter, name, self._schema)]
        schema = pa.schema([self._schema.field(name) for name in needed])
        return pyarrow.dataset.Scanner.from_batches(
            self._pieces(self._read(needed, filter)), schema=schema, columns=wanted, filter=filter, batch_readahead=1
        )

    def _pieces(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches in small pieces: Arrow keeps about thirty for DuckDB, whatever its settings say."""
        while (batch := self._reading.next(batches)) is not None:
            for start in range(0, len(batch), _PIECE_ROWS):
                yield batch.slice(start, _PIECE_ROWS)


class Query:
    """Run SQL over the views `bars`, `forecasts` and `rejects` of a data directory.

    `bars` has the columns `symbol timestamp open high low close volume final` and one for each output of `indicators`
    (specs), as candles of `interval`; `forecasts` has `symbol timestamp close`, what was said and `model`, what was
    expected over each horizon (such as `low_80_5`) and `range_model`, for every bar that something was said about, with
    the close as it was then; `rejects` has the records that were refused. Times are TIMESTAMPTZ, and the session's time
    zone is UTC.

    Raises `MissingLibraryError` without DuckDB.
    """

    def __init__(
        self, directory: DataDirectory, *, interval: str | None = None, indicators: Sequence[str] = (),
        as_known: bool = False,
    ) -> None:  # fmt: skip
        duckdb = import_extra("duckdb", "SQL needs DuckDB", "sql")
        self._errors: tuple[type[Exception], ...] = (duckdb.Error, pa.ArrowInvalid, OSError)
        self._outputs = outputs_of(indicators)
        views = {
            "bars": _bars(StoredHistory(directory, interval, as_known=as_known), indicators),
            "forecasts": _forecasts(StoredHistory(directory, as_known=True)),
            "rejects": _rejects(directory),
        }
        self._connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
        self._connection.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false")
        self._reading = Reading()
        for name, (schema, read) in views.items():
            self._connection.register(name, View(schema, read, self._reading))

    def __enter__(self) -> Query:
        return self

    def __exit__(self, *_: object) -> None:
        self._reading.close()
        self._connection.close()

    def batches(self, sql: str, rows: int = 10_000) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the columns of the answer and its rows, at most `rows` at once; they are computed as they are taken.

        Raises `InputError` for SQL that DuckDB refuses, then or while it runs, and whatever reading the data raises.
        """
        with self._translating_errors(sql):
            answer = self._connection.sql(sql)
            if answer is None:  # a statement that answers nothing
                return pa.schema([]), iter(())
            opened = getattr(answer, "to_arrow_reader", None) or answer.fetch_arrow_reader  # its name before 1.5
            reader = opened(rows)
        return reader.schema, self._read(reader)

    def _read(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            with self._translating_errors():
                batch = next(iter(reader), None)
            if batch is None:
                return
            yield batch

    @contextlib.contextmanager
    def _translating_errors(self, sql: str = "") -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            refused = one_line(Exception(str(error).partition("\n\nLINE ")[0]))
            raise self._reading.failure or InputError(refused + self._missing(sql)) from error

    def _missing(self, sql: str) -> str:
        """Return the end of the line about SQL that is refused: what in it no view has, and how to get that.

        These are outputs of indicators that were not asked for, and `price`, as rules call the close.
        """
        words = sql.lower()
        price = "; price is called close" if _PRICE.search(words) and not _NAMES_PRICE.search(words) else ""
        found = []
        for word in dict.fromkeys(_NAME.findall(words)):
            with contextlib.suppress(SpecError):
                spec, column = spec_of_output(word)
                if column == word and word not in self._outputs:
                    found.append(spec.text)
        specs = ",".join(dict.fromkeys(found))
        return price + (f"; add --indicators {specs} for these columns" if specs else "")


# -- the views ---------------------------------------------------------------------------------------------------------


def _bars(history: StoredHistory, indicators: Sequence[str]) -> tuple[pa.Schema, Read]:
    specs = {spec.text: spec.outputs for spec in parse_all(indicators)}
    schema = _schema(arrow_columns.names_of(outputs_of(indicators), forecasts=False))

    def read(needed: list[str], condition: Any) -> Iterator[pa.RecordBatch]:
        wanted = tuple(text for text, outputs in specs.items() if not set(needed).isdisjoint(outputs))
        for rows in passing(history, wanted, condition, schema):
            yield _batch(arrow_columns.columns(rows, needed, {}))

    return schema, read


def _forecasts(history: StoredHistory) -> tuple[pa.Schema, Read]:
    schema = _schema(["symbol", "timestamp", "close", *arrow_columns.FORECAST_TYPES, *arrow_columns.RANGE_TYPES])

    def read(needed: list[str], condition: Any) -> Iterator[pa.RecordBatch]:
        for rows in passing(history, (), condition, schema):
            said = rows[(rows.prediction != Direction.NONE) | (rows.said_ranges[1] >= 0)]
            if len(said):
                yield _batch(arrow_columns.columns(said, needed, history.ranges))

    return schema, read


def _rejects(directory: DataDirectory) -> tuple[pa.Schema, Read]:
    schema = pa.schema([(name, pa.int64() if name == "count" else pa.string()) for name in _REJECT_COLUMNS])

    def read(needed: list[str], _: Any) -> Iterator[pa.RecordBatch]:
        found = directory.store.rejects()
        while some := list(itertools.islice(found, _REJECTS_AT_ONCE)):
            columns = {name: [getattr(reject, name) for reject in some] for name in needed}
            if "raw" in columns:
                columns["raw"] = [raw.decode("utf-8", "backslashreplace") for raw in columns["raw"]]
            yield pa.record_batch(columns, schema=pa.schema([schema.field(name) for name in needed]))

    return schema, read


def _schema(names: Sequence[str]) -> pa.Schema:
    return pa.schema([(f.name, TIME if f.name == "timestamp" else f.type) for f in arrow_columns.schema(names)])


def _batch(columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    return pa.record_batch(
        {name: array.cast(TIME) if name == "timestamp" else array for name, array in columns.items()}
    )
