"""Play files through the whole pipeline for a command: train first, then replay, then say what came of it."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from tapeline.app import wiring
from tapeline.app.config import Settings
from tapeline.app.file_series import series_of_files, unsaid_calendars
from tapeline.app.page_wiring import access_of
from tapeline.app.range_models import train_first_range_model
from tapeline.cli.bar_files import open_files, say_reading, scan_of
from tapeline.cli.console import notice, print_summary
from tapeline.cli.file_options import AS_FOUND, FileReading
from tapeline.cli.running import compile_kernels, first_model, run_pipeline
from tapeline.cli.stored_data import processing_alone
from tapeline.core.market import Bars
from tapeline.core.ports import Source
from tapeline.error_text import counted
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, Scan
from tapeline.runtime.process_memory import release_freed_memory
from tapeline.web import check_port


def replay_files(
    files: list[Path],
    settings: Settings,
    paced: Callable[[FileSource, Scan], Source],
    *,
    page: bool,
    stay: bool,
    as_json: bool,
    reading: FileReading = AS_FOUND,
) -> None:
    """Play the files through a pipeline over the data directory, and print what came of it.

    `paced` is given the files as a source, and returns the source that is played. Raises `FileError` when none of them
    can be read, or when it cannot be told how long their bars are, and `typer.Exit` with code 1 at the end
    when some cannot.
    """
    source = open_files(files, reading)
    said: set[str] = set()

    def notice_once(text: str) -> None:
        if text not in said:
            said.add(text)
            notice(text)

    def notice_problems() -> None:
        """Say what is wrong with the files; scanning and reading may find more."""
        for problem in source.problems:
            notice_once(problem)

    if len(source.problems) == len(files):
        for problem in source.problems[1:]:
            notice_once(problem)
        raise FileError(source.problems[0])
    notice_problems()
    if page:
        check_port(settings.page.host, settings.page.port, access_of(settings))
    with processing_alone(settings) as directory:
        compile_kernels(settings, quiet=as_json)
        scan = scan_of(source, reading)
        notice_problems()
        if not as_json:
            say_reading(source)
        series = series_of_files(directory, scan)
        source.name_series(series.names)
        resume = directory.stream.resume(source.name)
        if resume and not any(len(delivery.bars) for delivery in source.deliveries(resume)):
            played = f"all bars of these files were played into {settings.data_dir} before"
            notice(f"{played}: use another --data-dir to play them again")
        for text in itertools.chain(series.beside, unsaid_calendars(source, scan)):
            notice(text)
        started = time.perf_counter()

        def history(until: int) -> Iterator[Bars]:
            for delivery in source.deliveries(""):
                yield series.only(delivery.bars, scan.interval)
                if len(delivery.bars) and delivery.bars.timestamp.min() > until:
                    break

        learnt = series.learnt(scan)
        predictor, no_model = first_model(directory, settings, history, learnt, quiet=as_json)
        release_freed_memory()  # the next model would need its own beside what the first one left
        train_first_range_model(directory, history, learnt, notice_once)
        trained = time.perf_counter()
        pipeline = wiring.pipeline(
            directory, settings, paced(source, scan), predictor, notice_once, scan.interval,
            series.others(scan.interval),
        )  # fmt: skip
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
        were = "was" if progress.rejected == 1 else "were"
        count = counted(progress.rejected, "record")
        notice(f"{count} {were} rejected: tapeline rejects --data-dir {settings.data_dir}")
    if source.problems:
        raise typer.Exit(1)
