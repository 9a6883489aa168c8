"""Copy history, models and rows to AWS and back for a command, and say what was copied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import typer

from tapeline.app import config
from tapeline.app.cloud_wiring import cloud_models, dynamo_store, require
from tapeline.app.config import Settings
from tapeline.app.data_directory import archive_in
from tapeline.app.moving_models import move_models
from tapeline.app.moving_rows import move_rows, places_of
from tapeline.app.moving_series import Moved, move_series
from tapeline.app.settings_group import comma_separated
from tapeline.backends.aws.clients import client
from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.cli.bar_files import open_files, say_reading, scan_of
from tapeline.cli.console import Ticker, notice, print_json, print_table
from tapeline.cli.file_options import FileReading
from tapeline.cli.stored_data import open_data_directory, processing_alone
from tapeline.core.market import Bars
from tapeline.core.messages import Series
from tapeline.core.ports import Folder, Store
from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import canonical_symbol, symbol_fault
from tapeline.core.times import MINUTE, interval_name
from tapeline.errors import ConfigError, FileError
from tapeline.feeds.files import FileSource, Scan

#: How many refused records are shown; all are counted.
_SHOWN_REJECTS = 20

_INTERVAL = re.compile(r"[1-9][0-9]{0,3}(m|h|d|wk|mo)")

#: What was copied: (what, symbol or name of the model, counts).
Counts = list[tuple[str, str, Moved]]


# -- files -> S3 -------------------------------------------------------------------------------------------------------


def upload_files(
    files: list[Path],
    symbol: str | None,
    interval: str | None,
    reading: FileReading,
    bucket: str | None,
    *,
    as_json: bool,
) -> None:
    """Put files of bars into the history on S3, as bars of `symbol` and `interval` where these are given.

    Raises `typer.Exit` with code 1 at the end when some of the files cannot be read.
    """
    if interval is not None and not _INTERVAL.fullmatch(interval):
        raise typer.BadParameter(f"{interval!r} is no length of bars; write 1m, 60m, 1d", param_hint="--interval")
    if symbol is not None:
        symbol = canonical_symbol(symbol)
        if fault := symbol_fault(symbol):
            raise typer.BadParameter(fault, param_hint="--symbol")
    settings = config.load(aws__bucket=bucket)
    archive = _on_s3(settings)
    counts: Counts = []
    rejected, failed = 0, False
    for path in files:
        source = open_files([path], replace(reading, symbol=symbol))
        scan = scan_of(source, reading) if not source.problems else source.scan()
        bars, refused = _read(source, scan, path, quiet=as_json)
        rejected += refused
        if not as_json:
            say_reading(source)
        for problem in source.problems:
            notice(problem)
        failed = failed or bool(source.problems)
        if not len(bars):
            continue
        name = interval or _interval_name(path, scan)
        for given in _series(path, bars, symbol, name, scan):
            counts.append((name, given.symbol, move_series(given, archive, from_file=True)))
    _print(counts, "interval", as_json=as_json, rejected=rejected)
    if failed:
        raise typer.Exit(1)


def _read(source: FileSource, scan: Scan, path: Path, *, quiet: bool) -> tuple[Bars, int]:
    """Return all bars of a file, and how many of its records are refused; show the first of those."""
    parts: list[Bars] = []
    rejected = done = 0
    with Ticker(f"reading {path.name}", scan.rows, quiet=quiet) as ticker:
        for delivery in source.deliveries(""):
            for reject in delivery.rejects:
                if rejected < _SHOWN_REJECTS:
                    notice(f"refused: {reject.place}: {reject.reason}")
                rejected += reject.count
            parts.append(delivery.bars)
            done += len(delivery.bars)
            ticker.show(done)
    if rejected > _SHOWN_REJECTS:
        notice(f"{path}: {rejected:,} records were refused, {_SHOWN_REJECTS} of them are shown")
    return Bars.concat(parts), rejected


def _interval_name(path: Path, scan: Scan) -> str:
    """Return the name of the usual time between two bars. Raises `FileError` when there is none."""
    if scan.interval and scan.interval % MINUTE == 0:
        return interval_name(scan.interval)
    raise FileError(f"{path}: the length of its bars cannot be told from their times; name it with --interval")


def _series(path: Path, bars: Bars, symbol: str | None, interval: str, scan: Scan) -> Iterator[Series]:
    """Yield the bars of each symbol by itself, as a series that is complete from the first to the last of them."""
    if symbol is not None and len(bars.symbols) > 1:
        raise FileError(f"{path}: has bars of {', '.join(bars.symbols[:5])}: --symbol is for files of one symbol")
    for code, own in enumerate(bars.symbols):
        some = bars[bars.code == code]
        if not len(some):  # all of its records were refused
            continue
        one = symbol or own
        table = Bars(
            (one,), np.zeros(len(some), np.int32), some.timestamp, some.open, some.high, some.low, some.close,
            some.volume, some.final,
        )  # fmt: skip
        end = int(some.timestamp[-1]) + (scan.interval or 0)
        yield Series(one, interval, table, start=int(some.timestamp[0]), covered=end)


# -- the data directory <-> AWS ----------------------------------------------------------------------------------------


def copy_to_aws(symbols: str | None, bucket: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Copy the archive and the models to S3 and the rows to DynamoDB, as far as the settings name these."""
    settings = _cloud_settings(data_dir, bucket)
    counts: Counts = []
    with open_data_directory(settings, create=False) as directory:
        local = archive_in(directory.path)
        if settings.aws.bucket:
            _move_history(local, _on_s3(settings), _wanted(symbols), counts, quiet=as_json)
            _move_models(directory.models.folder, cloud_models(settings, client), counts)
        if settings.aws.rows_table:
            with Ticker("rows", directory.store.count(), quiet=as_json) as ticker:
                table = dynamo_store(settings, client, ranges=lambda _: directory.ranges.models()[0])
                _move_rows(directory.store, table, settings, _wanted(symbols), counts, ticker)
    _print(counts, "what", as_json=as_json)


def copy_from_aws(symbols: str | None, bucket: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Copy history and models on S3 and rows in DynamoDB into the data directory, as far as the settings name these."""
    settings = _cloud_settings(data_dir, bucket)
    counts: Counts = []
    with processing_alone(settings) as directory:
        local = archive_in(directory.path)
        if settings.aws.bucket:
            _move_history(_on_s3(settings), local, _wanted(symbols), counts, quiet=as_json)
            _move_models(cloud_models(settings, client), directory.models.folder, counts)
        if settings.aws.rows_table:
            with Ticker("rows", None, quiet=as_json) as ticker:
                _move_rows(dynamo_store(settings, client), directory.store, settings, _wanted(symbols), counts, ticker)
    _print(counts, "what", as_json=as_json)


def _cloud_settings(data_dir: Path | None, bucket: str | None) -> Settings:
    settings = config.load(data_dir=data_dir, aws__bucket=bucket)
    if not settings.aws.bucket and not settings.aws.rows_table:
        raise ConfigError(
            "settings aws.bucket and aws.rows_table are empty; set TAPELINE_AWS__BUCKET for the history, "
            "TAPELINE_AWS__ROWS_TABLE and TAPELINE_AWS__STATE_TABLE for the rows"
        )
    if not settings.aws.bucket:
        notice("only rows: setting aws.bucket is empty, so history and models are not copied")
    if settings.aws.rows_table:
        require(settings, "aws.state_table")
    else:
        notice("only history and models: setting aws.rows_table is empty, so the rows are not copied")
    return settings


def _wanted(symbols: str | None) -> set[str] | None:
    return None if symbols is None else set(map(canonical_symbol, comma_separated(symbols)))


def _move_history(
    source: LocalArchive | S3Archive, target: LocalArchive | S3Archive, wanted: set[str] | None, counts: Counts, *,
    quiet: bool,
) -> None:  # fmt: skip
    names = [
        (interval, symbol)
        for interval in source.intervals()
        for symbol in source.symbols(interval)
        if wanted is None or symbol in wanted
    ]
    with Ticker("history", len(names), quiet=quiet) as ticker:
        for done, (interval, symbol) in enumerate(names, 1):
            series = source.load(symbol, interval)
            if series is not None:
                counts.append((f"history {interval}", symbol, move_series(series, target)))
            ticker.show(done)


def _move_models(source: Folder, target: Folder, counts: Counts) -> None:
    found, faults = move_models(source, target)
    counts += [("models", name, moved) for name, moved in sorted(found.items())]
    for fault in faults:
        notice(f"not copied: {fault}")


def _move_rows(
    source: Store, target: Store, settings: Settings, wanted: set[str] | None, counts: Counts, ticker: Ticker
) -> None:
    done = 0

    def looked_at(rows: int) -> None:
        nonlocal done
        done += rows
        ticker.show(done)

    names = [
        name
        for name in source.latest().bars.symbols
        if wanted is None or not wanted.isdisjoint((name, symbol_of(name)))
    ]
    for name, place in places_of(names, source, target).items():
        moved = move_rows(name, source, target, settings.indicators, looked_at, place=place)
        counts.append(("rows", place, moved))


def _on_s3(settings: Settings) -> S3Archive:
    require(settings, "aws.bucket")
    return S3Archive(client("s3"), settings.aws.bucket)


def _print(counts: Counts, first: str, *, as_json: bool, rejected: int | None = None) -> None:
    if as_json:
        found: Iterable[dict[str, object]] = [
            {first: what, "symbol": symbol, "new": moved.new, "changed": moved.changed, "same": moved.same}
            for what, symbol, moved in counts
        ]
        print_json({"moved": found} | ({} if rejected is None else {"rejected": rejected}))
        return
    if not counts:
        notice("there was nothing to copy")
        return
    heads = (first, "symbol", "new", "changed", "there already")
    print_table(heads, ((what, symbol, moved.new, moved.changed, moved.same) for what, symbol, moved in counts))
