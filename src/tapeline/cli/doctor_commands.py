"""`tapeline doctor`: check what is installed, configured and writable, and say what to do about what is not."""

from __future__ import annotations

import importlib
import platform
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import typer

from tapeline import __version__
from tapeline.cli.console import print_json, print_table
from tapeline.cli.options import DataDir, Json
from tapeline.core.extras import is_installed
from tapeline.error_text import counted
from tapeline.errors import ConfigError, InUseError, StorageError

if TYPE_CHECKING:
    from tapeline.app.config import Settings

_PACKAGES = ("numpy", "numba", "pyarrow", "lightgbm", "fastapi")
_OF_EXTRAS = {"lightgbm"}

#: Extra -> what it is for, and the packages that it brings.
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "yahoo": ("the feed yahoo", ("yfinance", "curl_cffi")),
    "train": ("training models of direction", ("lightgbm",)),
    "research": (
        "parameter search, other models, back-tests, plots",
        ("bt", "matplotlib", "optuna", "pandas", "sklearn"),
    ),
    "sql": ("tapeline sql", ("duckdb",)),
    "notify": ("alerts to Telegram, Discord, ntfy and others", ("apprise",)),
    "aws": ("the path to AWS", ("boto3", "botocore", "aws_lambda_powertools")),
    "calendars": ("exchanges that no symbol's form names", ("exchange_calendars",)),
}


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Hold the outcome of one check.

    `state` is ok, note or fail; `advice` says what to do where there is something to do.
    """

    check: str
    state: str
    found: str
    advice: str = ""


def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Check what is installed, configured and writable, and say what to do about what is not."""
    from tapeline.app import config
    from tapeline.app.settings_file import CONFIG_FILE

    findings = list(_installed())
    settings = None
    try:
        settings = config.load(data_dir=data_dir)
    except ConfigError as error:
        findings.append(DoctorFinding("settings", "fail", str(error), f"fix {CONFIG_FILE} or the environment variable"))
    else:
        where = str(CONFIG_FILE.resolve()) if CONFIG_FILE.exists() else f"defaults and environment (no {CONFIG_FILE})"
        findings.append(DoctorFinding("settings", "ok", where))
        for check in _CHECKS:
            findings += check(settings)
    findings += _missing_extras(settings)
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("check", "state", "found", "what to do"), (asdict(finding).values() for finding in findings))
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)


def _installed() -> Iterator[DoctorFinding]:
    from importlib.metadata import version

    yield DoctorFinding("python", "ok", platform.python_version())
    yield DoctorFinding("tapeline", "ok", __version__)
    for name in _PACKAGES:
        if name in _OF_EXTRAS and not is_installed(name):
            continue  # its extra is among those that are missing
        try:
            importlib.import_module(name)
        except ImportError as error:
            yield DoctorFinding(name, "fail", str(error), "run `make demo` again, or `pip install tapeline`")
        except OSError as error:  # a shared library that the wheel needs of the system
            yield DoctorFinding(
                name, "fail", str(error), "Debian and Ubuntu: apt-get install libgomp1; macOS: brew install libomp"
            )
        else:
            yield DoctorFinding(name, "ok", version(name))


def _missing_extras(settings: Settings | None) -> Iterator[DoctorFinding]:
    """Yield each extra of which something is missing: a failure where a setting asks for it, else a note."""
    asking = {} if settings is None else _settings_asking(settings)
    for extra, (purpose, packages) in EXTRAS.items():
        without = [name for name in packages if not is_installed(name)]
        if without:
            found = f"for {purpose}; missing: {', '.join(without)}"
            if extra in asking:
                found = f"setting {asking[extra]} needs it: {found}"
            state = "fail" if extra in asking else "note"
            yield DoctorFinding(f"extra {extra}", state, found, f"pip install 'tapeline[{extra}]'")


def _settings_asking(settings: Settings) -> dict[str, str]:
    """Return which extras the settings that are given ask for, each with one that does."""
    from tapeline.app.config import all_settings
    from tapeline.app.settings_group import NeedsExtra

    asking: dict[str, str] = {}
    for name, field in all_settings().items():
        group, _, key = name.rpartition(".")
        holder = getattr(settings, group) if group else settings
        given = key in holder.model_fields_set and getattr(holder, key)
        for need in field.metadata:
            if given and isinstance(need, NeedsExtra):
                asking.setdefault(need.extra or given, name)
    return asking


def _data(settings: Settings) -> Iterator[DoctorFinding]:
    from tapeline.app.checking import flaws
    from tapeline.app.data_directory import DATABASE_FILE, nobody_writes, ranges_in
    from tapeline.cli.stored_data import open_data_directory
    from tapeline.core.series import symbol_of

    folder = settings.data_dir
    if not (folder / DATABASE_FILE).exists():
        yield DoctorFinding(
            "data directory", "note", f"{folder}: no data yet", "tapeline demo, or tapeline replay FILE"
        )
        return
    try:
        with open_data_directory(settings, create=False) as directory, nobody_writes(settings):
            symbols = set(map(symbol_of, directory.store.latest().bars.symbols))
        damaged = list(flaws(settings))
        unusable = set(ranges_in(folder).unusable()) - {flaw.text for flaw in damaged}
    except InUseError as error:
        yield DoctorFinding("data directory", "note", str(error))
    except StorageError as error:
        yield DoctorFinding("data directory", "fail", str(error))
    else:
        yield DoctorFinding("data directory", "ok", f"{folder}: {counted(len(symbols), 'symbol')}")
        for flaw in damaged:
            yield DoctorFinding(flaw.file, "fail", flaw.text, "tapeline check --repair")
        for line in sorted(unusable):  # not damaged: another version wrote it, or its file is missing
            yield DoctorFinding("models", "note", line, "tapeline train, or models promote")


def _disk(settings: Settings) -> Iterator[DoctorFinding]:
    from tapeline.app.system_health import LITTLE_SPACE

    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / (1 << 30):.1f} GiB free for {settings.data_dir}"
    if free < LITTLE_SPACE:
        yield DoctorFinding("disk", "fail", found, "free some space; a million rows take about 250 MB")
    else:
        yield DoctorFinding("disk", "ok", found)


def _port(settings: Settings) -> Iterator[DoctorFinding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.page.host, settings.page.port))
        except OSError as error:
            yield DoctorFinding(
                "port", "note", f"{settings.page.host}:{settings.page.port}: {error.strerror}", "choose another --port"
            )
        else:
            yield DoctorFinding("port", "ok", f"{settings.page.host}:{settings.page.port} is free")


_CHECKS: tuple[Callable[[Settings], Iterator[DoctorFinding]], ...] = (_data, _disk, _port)
