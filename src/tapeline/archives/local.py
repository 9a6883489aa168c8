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

from tapeline.market import Bars
from tapeline.ports import Action, ArchiveError, Series

_VERSION = 1
_COLUMNS = ("open", "high", "low", "close", "volume")


class LocalArchive:
    """`Archive` in a folder, as `<interval>/<symbol>.parquet`. What else a series holds is in the file's metadata."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, symbol: str, interval: str) -> Series | None:
        path = self._path(symbol, interval)
        if not path.exists():
            return None
        with _explained(path):
            table = pq.read_table(path)
            facts = json.loads(table.schema.metadata[b"tapeline"])
        if facts["version"] != _VERSION:
            raise ArchiveError(f"{path}: version {facts['version']}, this program reads {_VERSION}: upgrade tapeline")
        return series_of(table, symbol, interval, facts)

    def save(self, series: Series) -> None:
        path = self._path(series.symbol, series.interval)
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    pq.write_table(table_of(series), file, compression="zstd")
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
        return self.folder / interval / f"{quote(symbol, safe='=^-')}.parquet"


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
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        advice = "not an archive of tapeline, or damaged; delete it, and it is fetched anew"
        raise ArchiveError(f"{path}: {advice} ({error})") from error
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror or error}; free some space or check its permissions") from error
