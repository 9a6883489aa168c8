"""Keep the archive on S3: Parquet by interval, symbol and date, for Athena and SageMaker too, with a manifest a series.

    history/interval=1m/symbol=TSLA/date=2026-11-20/0c3f....parquet      bars of one UTC day (of a year, from 60m on)
    history/_series/interval=1m/TSLA.json                                which of these count, and what else is known

An object is named after its bars, so it is never changed. `save` writes the objects that are new, then the manifest,
then deletes what no longer counts: until the manifest is written the old series stands, and from then on the new one.
Programs that read the objects without the manifest may see bars twice between these steps, or after a crash until the
next `save` clears up. A symbol is percent-encoded in keys; the column `symbol` has it as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tapeline.backends.archived_series import bars_of, check_facts, facts_of, series_of
from tapeline.backends.aws.s3_objects import S3Objects
from tapeline.core.foreign import Bounds, load_json, parquet_fault
from tapeline.core.market import OHLCV, Bars
from tapeline.core.messages import Series
from tapeline.errors import StorageError

_TABLE = pa.schema(
    [("symbol", pa.string()), ("timestamp", pa.int64()), *((name, pa.float64()) for name in OHLCV)]
)  # fmt: skip

#: What a manifest and an object of bars may have: 100 years of daily objects, and a day of bars by the second.
_MANIFEST = Bounds(size=16 << 20, depth=6, parts=200_000, values=1_000_000)
_PART = Bounds(size=64 << 20)

#: Requests at once: boto3's clients keep ten connections.
_PARALLEL = 8

#: How often a manifest is read again when the objects it names are replaced meanwhile.
_ATTEMPTS = 3

_Result = TypeVar("_Result")


class S3Archive:
    """Implement `Archive` under `s3://bucket/prefix`. `client` is a boto3 S3 client; methods may be called in threads.

    Every method raises `StorageError`, whose text says which series, why and what to do. A series that is damaged is
    not repaired here: S3 keeps old versions of its objects where the bucket has versioning.
    """

    def __init__(self, client: Any, bucket: str, prefix: str = "history/") -> None:
        self._objects = S3Objects(client, bucket)
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    # -- the port ----------------------------------------------------------------------------------------------------

    def load(self, symbol: str, interval: str) -> Series | None:
        """Return what was last saved, None if nothing was: one whole series, even while another is being saved."""
        absent = ""
        for _ in range(_ATTEMPTS):
            manifest = self._manifest(symbol, interval)
            if manifest is None:
                return None
            parts: list[Bars] = []
            for key, bars in self._parallel(lambda key: (key, self._part(key, symbol)), manifest["objects"]):
                if bars is None:  # replaced by a `save` since the manifest was read, or lost
                    absent = key
                    break
                parts.append(bars)
            else:
                whole = Bars.concat(parts) if parts else bars_of(_TABLE.empty_table(), symbol)
                return series_of(whole, symbol, interval, manifest)
        raise StorageError(f"{self._objects.url(absent)}: is missing; restore it, or upload the bars again")

    def save(self, series: Series) -> None:
        """Write the dates that changed, then the manifest, and delete what it no longer names."""
        folder = self._folder(series.symbol, series.interval)
        known = self._manifest(series.symbol, series.interval)
        parts = dict(_parts(folder, series))
        missing = sorted(parts.keys() - set(known["objects"] if known else ()))
        self._parallel(lambda key: self._objects.put(key, _parquet(parts[key], series.symbol)), missing)
        manifest = facts_of(series) | {"objects": sorted(parts)}
        if manifest != known:
            self._objects.put(self._manifest_key(series.symbol, series.interval), json.dumps(manifest).encode())
        self._objects.delete(key for key in self._objects.keys(folder) if key not in parts)

    def symbols(self, interval: str) -> list[str]:
        """Return the symbols with a series at this interval, sorted."""
        folder = f"{self._prefix}_series/interval={_quoted(interval)}/"
        return sorted(unquote(key[len(folder) :].removesuffix(".json")) for key in self._objects.keys(folder))

    def intervals(self) -> list[str]:
        """Return the intervals at which there are series, sorted."""
        folder = f"{self._prefix}_series/interval="
        return sorted({unquote(key[len(folder) :].partition("/")[0]) for key in self._objects.keys(folder)})

    # -- objects -----------------------------------------------------------------------------------------------------

    def _folder(self, symbol: str, interval: str) -> str:
        return f"{self._prefix}interval={_quoted(interval)}/symbol={_quoted(symbol)}/"

    def _manifest_key(self, symbol: str, interval: str) -> str:
        return f"{self._prefix}_series/interval={_quoted(interval)}/{_quoted(symbol)}.json"

    def _manifest(self, symbol: str, interval: str) -> dict[str, Any] | None:
        """Return the facts about a series and the keys of its `objects`, None when there is no such series."""
        key = self._manifest_key(symbol, interval)
        content = self._objects.get(key, _MANIFEST)
        if content is None:
            return None
        try:
            manifest: dict[str, Any] = load_json(content, _MANIFEST)
            check_facts(manifest, self._objects.url(key))
            if not all(isinstance(name, str) for name in manifest["objects"]):
                raise TypeError("an object without a name")
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{self._objects.url(key)}: is not a manifest of tapeline, or damaged ({error}); restore it, or delete "
                "it and upload the bars again"
            ) from error
        return manifest

    def _part(self, key: str, symbol: str) -> Bars | None:
        """Return the bars of one object, None when there is no such object."""
        content = self._objects.get(key, _PART)
        if content is None:
            return None
        try:
            if fault := parquet_fault(pq.read_metadata(io.BytesIO(content)), len(content)):
                raise ValueError(fault)
            table = pq.read_table(io.BytesIO(content), columns=_TABLE.names, partitioning=None)
            if table.schema != _TABLE:
                raise ValueError("other types than were written")
            bars = bars_of(table, symbol)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:  # Arrow's OSError: a page it cannot decode
            reason = str(error).partition("\n")[0]
        else:
            if _digest(bars) == key.rpartition("/")[2].removesuffix(".parquet"):
                return bars
            reason = "other bars than were written"
        raise StorageError(f"{self._objects.url(key)}: cannot be read ({reason}); restore it, or upload the bars again")

    def _parallel(self, call: Callable[[str], _Result], keys: Sequence[str]) -> list[_Result]:
        """Return the results of `call` in the order of `keys`. The first error ends it; calls under way end first."""
        if len(keys) < 2:
            return [call(key) for key in keys]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            try:
                return list(pool.map(call, keys))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _quoted(text: str) -> str:
    """Return text as a part of a key: letters, digits and `_.-~` as they are. Hive and Athena decode the rest."""
    return quote(text, safe="")


def _parts(folder: str, series: Series) -> Iterator[tuple[str, Bars]]:
    """Yield the objects of a series as (key, bars): those of one date each, in the order of time."""
    bars = series.bars
    days = bars.timestamp.astype("datetime64[ms]").astype(f"datetime64[{_resolution(series.interval)}]")
    firsts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]]) if len(bars) else np.empty(0, np.int64)
    for first, last in zip(firsts.tolist(), [*firsts[1:].tolist(), len(bars)], strict=False):
        part = bars[first:last]
        yield f"{folder}date={days[first]}/{_digest(part)}.parquet", part


def _resolution(interval: str) -> str:
    """Return what one object spans: a day of bars below an hour, a year of longer ones, whose days have few bars."""
    return "D" if interval.endswith("m") and interval[:-1].isdigit() and int(interval[:-1]) < 60 else "Y"


def _digest(bars: Bars) -> str:
    digest = hashlib.sha256()
    for name in ("timestamp", *OHLCV):
        digest.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return digest.hexdigest()[:32]


def _parquet(bars: Bars, symbol: str) -> bytes:
    columns = [pa.array([symbol] * len(bars), pa.string()), *(getattr(bars, name) for name in ("timestamp", *OHLCV))]
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=_TABLE), file, compression="zstd")
    return file.getvalue()
