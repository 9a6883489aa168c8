"""The archive on S3: Parquet by interval, symbol and date, for Athena and SageMaker too, and a manifest of each series.

    history/interval=1m/symbol=TSLA/date=2026-11-20/0c3f....parquet      bars of one UTC day (of a year, from 60m on)
    history/_series/interval=1m/TSLA.json                                which of these count, and what else is known

An object is named after its bars, so it is never changed. `save` writes the objects that are new, then the manifest,
then deletes what no longer counts: until the manifest is there the old series stands, and from then on the new one.
Programs that read the objects without the manifest may see bars twice between these steps, or after a crash until the
next `save` clears up. A symbol is percent-encoded in keys; the column `symbol` has it as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
_TABLE = pa.schema(
    [("symbol", pa.string()), ("timestamp", pa.int64()), *((name, pa.float64()) for name in _COLUMNS)]
)  # fmt: skip

#: Requests at once: boto3's clients keep ten connections.
_PARALLEL = 8

#: S3 deletes so many objects in one call.
_DELETES = 1000

#: How often a manifest is read again when the objects it names are replaced meanwhile.
_ATTEMPTS = 3

_CREDENTIALS = "check the credentials (aws sts get-caller-identity)"
_ADVICE = {
    "AccessDenied": "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there, and its KMS key",
    "ExpiredToken": _CREDENTIALS,
    "InvalidAccessKeyId": _CREDENTIALS,
    "NoSuchBucket": "create it with Terraform (services/), or correct its name",
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION",
    "SignatureDoesNotMatch": _CREDENTIALS,
}


class S3Archive:
    """`Archive` under `s3://bucket/prefix`. `client` is a boto3 S3 client; its methods may be called in threads.

    Errors say which series, why and what to do. A series that is damaged is not repaired here: S3 keeps old versions
    of its objects where the bucket has versioning.
    """

    def __init__(self, client: Any, bucket: str, prefix: str = "history/") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""

    # -- the port ----------------------------------------------------------------------------------------------------

    def load(self, symbol: str, interval: str) -> Series | None:
        for attempt in range(_ATTEMPTS):
            manifest = self._manifest(symbol, interval)
            if manifest is None:
                return None
            try:
                parts = self._parallel(lambda key: self._part(key, symbol), manifest["objects"])
            except _MissingError as error:
                if attempt + 1 == _ATTEMPTS:
                    key = error.args[0]
                    raise StorageError(f"{self._url(key)}: is missing; restore it, or upload the bars again") from None
                continue  # replaced by a `save` since the manifest was read
            actions = tuple(Action(*values) for values in manifest["actions"])
            bars = Bars.concat(parts) if parts else _bars(_TABLE.empty_table(), symbol)
            facts = manifest["currency"], manifest["start"], manifest["covered"]
            return Series(symbol, interval, bars, actions, *facts)
        raise AssertionError  # pragma: no cover

    def save(self, series: Series) -> None:
        folder = self._folder(series.symbol, series.interval)
        known = self._manifest(series.symbol, series.interval)
        there = set(known["objects"]) if known else set()
        parts = dict(_parts(folder, series))
        wanted = sorted(parts)
        self._parallel(
            lambda key: self._put(key, _parquet(parts[key], series.symbol)), [k for k in wanted if k not in there]
        )
        manifest = {
            "version": _VERSION,
            "currency": series.currency,
            "start": series.start,
            "covered": series.covered,
            "actions": [[a.timestamp, a.kind, a.value, a.currency] for a in series.actions],
            "objects": wanted,
        }
        if manifest != known:
            self._put(self._manifest_key(series.symbol, series.interval), json.dumps(manifest).encode())
        self._delete(key for key in self._keys(folder) if key not in parts)

    def symbols(self, interval: str) -> list[str]:
        folder = f"{self._prefix}_series/interval={_quoted(interval)}/"
        return sorted(unquote(key[len(folder) :].removesuffix(".json")) for key in self._keys(folder))

    def intervals(self) -> list[str]:
        """The intervals at which there are series, sorted."""
        folder = f"{self._prefix}_series/interval="
        return sorted({unquote(key[len(folder) :].partition("/")[0]) for key in self._keys(folder)})

    # -- keys --------------------------------------------------------------------------------------------------------

    def _folder(self, symbol: str, interval: str) -> str:
        return f"{self._prefix}interval={_quoted(interval)}/symbol={_quoted(symbol)}/"

    def _manifest_key(self, symbol: str, interval: str) -> str:
        return f"{self._prefix}_series/interval={_quoted(interval)}/{_quoted(symbol)}.json"

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    # -- objects -----------------------------------------------------------------------------------------------------

    def _manifest(self, symbol: str, interval: str) -> dict[str, Any] | None:
        key = self._manifest_key(symbol, interval)
        try:
            manifest: dict[str, Any] = json.loads(self._get(key))
            version = manifest["version"]
            if version == _VERSION and not manifest.keys() >= {"currency", "start", "covered", "actions", "objects"}:
                raise KeyError("objects")
        except _MissingError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{self._url(key)}: is not a manifest of tapeline, or damaged ({error}); restore it, or delete it and "
                "upload the bars again"
            ) from error
        if version != _VERSION:
            raise StorageError(f"{self._url(key)}: version {version}, this program reads {_VERSION}: upgrade tapeline")
        return manifest

    def _part(self, key: str, symbol: str) -> Bars:
        content = self._get(key)
        try:
            table = pq.read_table(io.BytesIO(content), columns=_TABLE.names, partitioning=None)
            if table.schema != _TABLE:
                raise ValueError("other types than were written")
            bars = _bars(table, symbol)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:  # Arrow's OSError: a page it cannot decode
            reason = str(error).partition("\n")[0]
        else:
            if _digest(bars) == key.rpartition("/")[2].removesuffix(".parquet"):
                return bars
            reason = "other bars than were written"
        raise StorageError(f"{self._url(key)}: cannot be read ({reason}); restore it, or upload the bars again")

    def _get(self, key: str) -> bytes:
        with self._explained(key):
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return content
        raise AssertionError  # pragma: no cover

    def _put(self, key: str, content: bytes) -> None:
        with self._explained(key):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def _keys(self, prefix: str) -> Iterator[str]:
        with self._explained(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    yield item["Key"]

    def _delete(self, keys: Iterable[str]) -> None:
        left = list(keys)
        for first in range(0, len(left), _DELETES):
            some = left[first : first + _DELETES]
            with self._explained(some[0]):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )
            for error in answer.get("Errors", ()):
                advice = _ADVICE.get(error["Code"], "delete it by hand, or save again")
                raise StorageError(f"{self._url(error['Key'])}: cannot be deleted: {error['Code']}; {advice}")

    def _parallel(self, call: Any, keys: list[str]) -> list[Any]:
        if len(keys) < 2:
            return [call(key) for key in keys]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            try:
                return list(pool.map(call, keys))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    @contextlib.contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            if code in {"NoSuchKey", "404"}:
                raise _MissingError(key) from error
            reason = f"{code}: {error.response['Error'].get('Message', '')}".partition("\n")[0]
            advice = _ADVICE.get(code, "what was archived before stands")
            raise StorageError(f"{self._url(key)}: {reason.rstrip('.')}; {advice}") from error
        except BotoCoreError as error:
            advice = _CREDENTIALS if isinstance(error, NoCredentialsError) else "what was archived before stands"
            raise StorageError(f"{self._url(key)}: {error}; {advice}") from error


class _MissingError(Exception):
    """There is no object under this key."""


def _quoted(text: str) -> str:
    """As a part of a key: letters, digits and `_.-~` stand for themselves. Hive and Athena decode the rest."""
    return quote(text, safe="")


def _parts(folder: str, series: Series) -> Iterator[tuple[str, Bars]]:
    """The objects of a series, key -> bars: those of one date each, in the order of time."""
    bars = series.bars
    days = bars.timestamp.astype("datetime64[ms]").astype(f"datetime64[{_resolution(series.interval)}]")
    firsts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]]) if len(bars) else np.empty(0, np.int64)
    for first, last in zip(firsts.tolist(), [*firsts[1:].tolist(), len(bars)], strict=False):
        part = bars[first:last]
        yield f"{folder}date={days[first]}/{_digest(part)}.parquet", part


def _resolution(interval: str) -> str:
    """What one object spans: a day of bars below an hour, a year of longer ones, which would fill no object else."""
    return "D" if interval.endswith("m") and interval[:-1].isdigit() and int(interval[:-1]) < 60 else "Y"


def _digest(bars: Bars) -> str:
    digest = hashlib.sha256()
    for name in ("timestamp", *_COLUMNS):
        digest.update(np.ascontiguousarray(getattr(bars, name)).tobytes())
    return digest.hexdigest()[:32]


def _parquet(bars: Bars, symbol: str) -> bytes:
    columns = [pa.array([symbol] * len(bars), pa.string()), bars.timestamp, *(getattr(bars, name) for name in _COLUMNS)]
    file = io.BytesIO()
    pq.write_table(pa.table(columns, schema=_TABLE), file, compression="zstd")
    return file.getvalue()


def _bars(table: pa.Table, symbol: str) -> Bars:
    timestamp, *columns = (table.column(name).to_numpy() for name in ("timestamp", *_COLUMNS))
    count = table.num_rows
    return Bars(
        (symbol,), np.zeros(count, np.int32), timestamp, columns[0], columns[1], columns[2], columns[3], columns[4],
        np.ones(count, np.bool_),
    )  # fmt: skip
