"""`tapeline demo` and `replay`: send bars from files through the whole pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import DataDir, Files, Json, Port
from tapeline.data import sample_path

if TYPE_CHECKING:
    from tapeline.core.ports import Source
    from tapeline.feeds.files import FileSource, Scan

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
    from tapeline.app import config
    from tapeline.cli.replaying import replay_files
    from tapeline.feeds.files.pace import PacedSource

    settings = config.load(data_dir=data_dir, page__port=port)
    if data_dir is None:
        settings = settings.model_copy(update={"data_dir": settings.data_dir / "demo"})

    def paced(source: FileSource, scan: Scan) -> Source:
        if exit_:
            return source
        return PacedSource(source, _DEMO_SPEED, from_time=int(scan.start + (scan.end - scan.start) * _DEMO_HISTORY))

    replay_files([sample_path("1m")], settings, paced, page=not exit_, stay=True, as_json=json)


@reads_files()
def replay(
    files: Files,
    data_dir: DataDir = None,
    speed: Annotated[str, typer.Option(help="`max`, or a factor of real time: 60 plays a minute in a second.")] = "max",
    dashboard: Annotated[
        bool | None, typer.Option(help="Serve the page meanwhile.  [default: yes, except at --speed max]")
    ] = None,
    port: Port = None,
    reading: FileReading = AS_FOUND,
    json: Json = False,
) -> None:
    """Play bars from files through the whole pipeline into a data directory.

    A replay that was stopped resumes where it was. Rows that cannot be used are kept: see `tapeline rejects`.
    """
    from tapeline.app import config
    from tapeline.cli.replaying import replay_files
    from tapeline.feeds.files.pace import PacedSource

    settings = config.load(data_dir=data_dir, page__port=port)
    factor = _factor(speed)
    page = factor is not None if dashboard is None else dashboard

    def paced(source: FileSource, _: Scan) -> Source:
        return source if factor is None else PacedSource(source, factor)

    replay_files(files, settings, paced, page=page, stay=False, as_json=json, reading=reading)


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
