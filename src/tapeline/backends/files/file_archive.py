"""The archive as a folder: one Parquet file per symbol and interval, replaced as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tapeline.core.market import Bars
from tapeline.core.ports import (
    Action,
    Series,
)
from tapeline.errors import StorageError

_VERSION = 1
_COLUMNS = ("open", "high", "low", "close", "volume")


class LocalArchive:
    """`Archive` in a folder, as `<interval>/<symbol>.parquet`. What else a series holds is in the file's metadata."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, symbol: str, interval: str) -> Series | None:
        path = self._path(symbol, interval)
        with _explained(path):
            try:
                file = pa.OSFile(str(path))
            except FileNotFoundError:
                return None
            with file:  # opened once: a `save` meanwhile puts another file in its place and leaves this one whole
                table = pq.ParquetFile(file, page_checksum_verification=True).read()
            facts = json.loads((table.schema.metadata or {})[b"tapeline"])
            version = facts["version"]
            if version == _VERSION:
                return series_of(table, symbol, interval, facts)
        raise StorageError(f"{path}: version {version}, this program reads {_VERSION}: upgrade tapeline")

    def save(self, series: Series) -> None:
        path = self._path(series.symbol, series.interval)
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    pq.write_table(table_of(series), file, compression="zstd", write_page_checksum=True)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, path)  # noqa: PTH105 - the atomic step
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(name)  # noqa: PTH108
                raise

    def symbols(self, interval: str) -> list[str]:
        folder = self.folder / interval
        with _explained(folder):
            return sorted(unquote(path.stem) for path in folder.glob("*.parquet") if not path.name.startswith("."))

    def intervals(self) -> list[str]:
        """The intervals at which there are series, sorted."""
        with _explained(self.folder):
            return sorted({path.parent.name for path in self.folder.glob("*/*.parquet")})

    def _path(self, symbol: str, interval: str) -> Path:
        name = quote(symbol, safe="=^-")
        name = f"%2E{name[1:]}" if name.startswith(".") else name  # hidden files are saves that were cut short
        return self.folder / interval / f"{name}.parquet"


def table_of(series: Series) -> pa.Table:
    """The series as an Arrow table: `timestamp` int64 (UTC epoch ms), prices and volume float64, facts as metadata."""
    bars = series.bars
    facts = {
        "version": _VERSION,
        "currency": series.currency,
        "start": series.start,
        "covered": series.covered,
        "actions": [[a.timestamp, a.kind, a.value, a.currency] for a in series.actions],
    }
    columns = {"timestamp": bars.timestamp} | {name: getattr(bars, name) for name in _COLUMNS}
    return pa.table(columns).replace_schema_metadata({"tapeline": json.dumps(facts)})


def series_of(table: pa.Table, symbol: str, interval: str, facts: dict[str, Any]) -> Series:
    """What `table_of` was made from."""
    columns = [table.column(name).to_numpy() for name in _COLUMNS]
    count = table.num_rows
    bars = Bars(
        (symbol,), np.zeros(count, np.int32), table.column("timestamp").to_numpy(), columns[0], columns[1], columns[2],
        columns[3], columns[4], np.ones(count, np.bool_),
    )  # fmt: skip
    actions = tuple(Action(*values) for values in facts["actions"])
    return Series(symbol, interval, bars, actions, facts["currency"], facts["start"], facts["covered"])


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of what Arrow cannot decode; the system's errors have a number
            raise _damaged(path, error) from error
        raise StorageError(f"{path}: {error.strerror}; free some space or check its permissions") from error
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> StorageError:
    reason = str(error).partition("\n")[0]
    return StorageError(f"{path}: not an archive of tapeline, or damaged; delete it, and it is fetched anew ({reason})")
