"""`tapeline demo` and `tapeline replay`: bars from files through the whole pipeline."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tapeline.app import config
from tapeline.app import wiring as bootstrap
from tapeline.app.config import Settings
from tapeline.app.viewing import access_of
from tapeline.cli.console import CommandError, Ticker, notice, print_summary
from tapeline.cli.running import first_model, run
from tapeline.core.market import Bars
from tapeline.core.ports import Source
from tapeline.core.times import HOUR
from tapeline.data import sample_path
from tapeline.feeds.files import FileSource, Scan
from tapeline.feeds.files.pace import Paced
from tapeline.runtime.clock import now_ms
from tapeline.web import check_port

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the models.", show_default=False)]
Port = Annotated[int | None, typer.Option(help="Port of the page; 0 takes a free one.  \\[default: 8000]")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for machines.")]

#: Part of the sample that `demo` plays at once, so that the page opens on a history; the rest comes at `DEMO_SPEED`.
_DEMO_HISTORY = 0.8
_DEMO_SPEED = 60.0

#: A file in local times without a zone may run ahead of UTC by so much (ms) without being in the future.
_ZONE_SLACK = 14 * HOUR


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(demo)
    app.command()(replay)


def demo(
    port: Port = None,
    data_dir: DataDir = None,
    exit_: Annotated[bool, typer.Option("--exit", help="No page: end with a summary when the sample is done.")] = False,
    json: Json = False,
) -> None:
    """Play a packaged week of real one-minute bars through the whole pipeline, with the page on 127.0.0.1.

    The first part comes at once, the rest as if a minute took a second. Ctrl-C stops; a second start resumes.
    """
    settings = config.load(data_dir=data_dir, port=port)
    if data_dir is None:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})

    def paced(source: FileSource, scan: Scan) -> Source:
        if exit_:
            return source
        return Paced(source, _DEMO_SPEED, from_time=int(scan.start + (scan.end - scan.start) * _DEMO_HISTORY))

    _replay([sample_path("1m")], settings, paced, page=not exit_, stay=True, as_json=json)


def replay(
    files: Annotated[list[Path], typer.Argument(help="CSV, CSV.gz or Parquet files of bars.", show_default=False)],
    data_dir: DataDir = None,
    speed: Annotated[str, typer.Option(help="`max`, or a factor of real time: 60 plays a minute in a second.")] = "max",
    dashboard: Annotated[
        bool | None, typer.Option(help="Serve the page meanwhile.  \\[default: yes, except at --speed max]")
    ] = None,
    port: Port = None,
    zone: Annotated[
        str, typer.Option(help="Time zone of timestamps that name none, such as America/New_York.")
    ] = "UTC",
    json: Json = False,
) -> None:
    """Play bars from files through the whole pipeline into a data directory.

    A replay that was stopped goes on where it was. Rows that cannot be used are kept: see `tapeline rejects`.
    """
    settings = config.load(data_dir=data_dir, port=port)
    factor = _factor(speed)
    page = factor is not None if dashboard is None else dashboard

    def paced(source: FileSource, _: Scan) -> Source:
        return source if factor is None else Paced(source, factor)

    _replay(files, settings, paced, page=page, stay=False, as_json=json, zone=zone)


def _factor(speed: str) -> float | None:
    """The factor of real time, None for `max`."""
    if speed == "max":
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = 0.0
    if not 0 < factor < 1e9:
        raise typer.BadParameter(f"{speed!r} is neither `max` nor a factor above 0, such as 60", param_hint="--speed")
    return factor


def _replay(
    files: list[Path],
    settings: Settings,
    paced: Callable[[FileSource, Scan], Source],
    *,
    page: bool,
    stay: bool,
    as_json: bool,
    zone: str = "UTC",
) -> None:
    source = FileSource(files, zone=zone, now=now_ms() + _ZONE_SLACK)
    told: set[str] = set()

    def once(text: str) -> None:
        if text not in told:
            told.add(text)
            notice(text)

    def tell() -> None:
        """Says what is wrong with the files; scanning and reading may find more."""
        for problem in source.problems:
            once(problem)

    tell()
    if len(source.problems) == len(files):
        raise CommandError("none of the files can be replayed")
    if page:
        check_port(settings.host, settings.port, access_of(settings))
    with bootstrap.writing(settings) as home:
        with Ticker("compiling the kernels (once)", None, quiet=as_json):
            bootstrap.warm_up(settings)
        scan = source.scan()
        tell()
        started = time.perf_counter()

        def history(until: int) -> Iterator[Bars]:
            for delivery in source.deliveries(""):
                yield delivery.bars
                if len(delivery.bars) and delivery.bars.timestamp.min() > until:
                    break

        predictor, no_model = first_model(home, settings, history, scan, quiet=as_json)
        trained = time.perf_counter()
        pipeline = bootstrap.pipeline(home, settings, paced(source, scan), predictor, once)
        progress = run(
            pipeline, home, settings, total=scan.rows, page=page, stay=stay, quiet=as_json, no_model=no_model
        )
        seconds = time.perf_counter() - trained
    tell()
    summary: dict[str, Any] = dataclasses.asdict(progress)
    del summary["last_timestamp"]
    summary |= {
        "training_seconds": round(trained - started, 3),
        "seconds": round(seconds, 3),
        "bars_per_second": round(progress.bars_in / seconds),
    }
    print_summary(summary, as_json=as_json)
    if progress.rejected and not as_json:
        notice(f"{progress.rejected:,} records were rejected: tapeline rejects --data-dir {settings.data_dir}")
    if source.problems:
        raise typer.Exit(1)
