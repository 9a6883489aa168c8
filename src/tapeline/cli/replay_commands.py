"""`tapeline demo` and `replay`: send bars from files through the whole pipeline."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tapeline.app import config, wiring
from tapeline.app.config import Settings
from tapeline.app.page_wiring import access_of
from tapeline.cli.bar_files import open_files
from tapeline.cli.console import notice, print_summary
from tapeline.cli.options import DataDir, Files, Json, Port, Zone
from tapeline.cli.running import compile_kernels, first_model, run_pipeline
from tapeline.cli.stored_data import processing_alone
from tapeline.core.market import Bars
from tapeline.core.ports import Source
from tapeline.data import sample_path
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, Scan
from tapeline.feeds.files.pace import PacedSource
from tapeline.web import check_port

#: Part of the sample that `demo` plays at once, so that the page opens on a history; the rest comes at `_DEMO_SPEED`.
_DEMO_HISTORY = 0.8
_DEMO_SPEED = 60.0


def demo(
    port: Port = None,
    data_dir: DataDir = None,
    exit_: Annotated[
        bool, typer.Option("--exit", help="No page: end with a summary after the last bar of the sample.")
    ] = False,
    json: Json = False,
) -> None:
    """Play a packaged week of real one-minute bars through the whole pipeline, with the page on 127.0.0.1.

    The first part comes at once, the rest as if a minute took a second. Ctrl-C stops; a second start resumes.
    """
    settings = config.load(data_dir=data_dir, page__port=port)
    if data_dir is None:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})

    def paced(source: FileSource, scan: Scan) -> Source:
        if exit_:
            return source
        return PacedSource(source, _DEMO_SPEED, from_time=int(scan.start + (scan.end - scan.start) * _DEMO_HISTORY))

    _replay([sample_path("1m")], settings, paced, page=not exit_, stay=True, as_json=json)


def replay(
    files: Files,
    data_dir: DataDir = None,
    speed: Annotated[str, typer.Option(help="`max`, or a factor of real time: 60 plays a minute in a second.")] = "max",
    dashboard: Annotated[
        bool | None, typer.Option(help="Serve the page meanwhile.  [default: yes, except at --speed max]")
    ] = None,
    port: Port = None,
    zone: Zone = "UTC",
    json: Json = False,
) -> None:
    """Play bars from files through the whole pipeline into a data directory.

    A replay that was stopped resumes where it was. Rows that cannot be used are kept: see `tapeline rejects`.
    """
    settings = config.load(data_dir=data_dir, page__port=port)
    factor = _factor(speed)
    page = factor is not None if dashboard is None else dashboard

    def paced(source: FileSource, _: Scan) -> Source:
        return source if factor is None else PacedSource(source, factor)

    _replay(files, settings, paced, page=page, stay=False, as_json=json, zone=zone)


def _factor(speed: str) -> float | None:
    """Return the factor of real time, None for `max`."""
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
    source = open_files(files, zone)
    said: set[str] = set()

    def notice_once(text: str) -> None:
        if text not in said:
            said.add(text)
            notice(text)

    def notice_problems() -> None:
        """Say what is wrong with the files; scanning and reading may find more."""
        for problem in source.problems:
            notice_once(problem)

    notice_problems()
    if len(source.problems) == len(files):
        raise FileError("none of the files can be replayed")
    if page:
        check_port(settings.page.host, settings.page.port, access_of(settings))
    with processing_alone(settings) as directory:
        compile_kernels(settings, quiet=as_json)
        scan = source.scan()
        notice_problems()
        started = time.perf_counter()

        def history(until: int) -> Iterator[Bars]:
            for delivery in source.deliveries(""):
                yield delivery.bars
                if len(delivery.bars) and delivery.bars.timestamp.min() > until:
                    break

        predictor, no_model = first_model(directory, settings, history, scan, quiet=as_json)
        trained = time.perf_counter()
        pipeline = wiring.pipeline(directory, settings, paced(source, scan), predictor, notice_once)
        progress = run_pipeline(
            pipeline, directory, settings, total=scan.rows, page=page, stay=stay, quiet=as_json, no_model=no_model
        )
        seconds = time.perf_counter() - trained
    notice_problems()
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
