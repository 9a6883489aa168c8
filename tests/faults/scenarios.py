"""Define what is done to whom: each command with the data it works on, and what has to be true afterwards."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tapeline.app.data_directory import DATABASE_FILE, archive_in, models_in, watchlist_in
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.errors import StorageError
from tests.conftest import random_bars
from tests.faults.children import Fault, run

SYMBOLS, MINUTES = 4, 400


def contents(path: Path) -> dict[str, Any]:
    """Return all of a data file that does not depend on how often a command was started."""
    with contextlib.closing(Database(path, create=False)) as database:
        store = SqliteStore(database)
        states, position = store.load()
        found = {
            "rows": {symbol: list(store.rows(symbol)) for symbol in store.extents()},
            "states": {symbol: (state.timestamp, state.data) for symbol, state in states.items()},
            "rejects": sorted((one.place, one.reason, one.raw) for one in store.rejects()),
            "position": position,
        }
        assert not store.damaged, store.damaged
        return found


def damage(folder: Path) -> str:
    """Return what is damaged in the folder's data file, '' where nothing is, or where there is none."""
    path = folder / DATABASE_FILE
    if not path.exists() or not path.stat().st_size:
        return ""
    with contextlib.closing(Database(path, create=False)) as database:
        return "; ".join(part.text for part in damaged_parts(database))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Hold a command (`DIR` is its data directory, `OUT` a folder beside it), and the data that it starts from.

    `check` says what is wrong after a fault, where anything is. The command done again without a fault must end with
    what `final` returns after a run without any.
    """

    name: str
    command: tuple[str, ...]
    start: Path | None = None
    check: Callable[[Path], str] = damage
    final: Callable[[Path], Any] | None = None
    prepare: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    stop: Callable[[Path, str], bool] | None = None
    reads: bool = False

    def arguments(self, work: Path) -> list[str]:
        """Return the command's arguments in this folder."""
        given = [text.replace("DIR", str(work / "data")).replace("OUT", str(work / "out")) for text in self.command]
        return [*given, "--data-dir", str(work / "data")]

    def begin(self, work: Path) -> None:
        """Make the folder anew as it is before the command."""
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        if self.start is not None:
            shutil.copytree(self.start, work / "data")

    def run(self, work: Path, fault: Fault) -> Any:
        """Run the command with this fault, and return its outcome."""
        stop = None if self.stop is None else lambda said: self.stop(work, said)  # type: ignore[misc]
        return run(self.arguments(work), work, fault, stop=stop, environment=self.environment)


def csv(path: Path, lines: list[str]) -> Path:
    """Write a file of bars."""
    path.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


def bar_lines(minutes: int) -> list[str]:
    """Return bars as lines of CSV, one in 97 of them with a price that is none."""
    found = []
    for number, bar in enumerate(random_bars(SYMBOLS, minutes, seed=3)):
        close = "nan" if number % 97 == 50 else f"{bar.close}"
        found.append(f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{close},{bar.volume:.0f}")
    return found


def done(work: Path, *arguments: str) -> None:
    """Run a command that must succeed."""
    outcome = run(arguments, work, Fault("none", 0))
    assert outcome.code == 0, outcome.said


def scenarios(root: Path, yahoo: str, stream: str, only: str = "") -> Iterator[Scenario]:
    """Yield the scenarios named in `only` (all for ''), with their data made under `root`.

    `yahoo` and `stream` are the stand-in's addresses.
    """
    names = only.split(",")
    for each in _all(root, yahoo, stream, models=not only or "registry" in names):
        if not only or each.name in names:
            yield each


def _all(root: Path, yahoo: str, stream: str, *, models: bool) -> Iterator[Scenario]:
    root.mkdir(parents=True, exist_ok=True)
    lines = bar_lines(MINUTES)
    bars = csv(root / "bars.csv", lines)
    late = csv(root / "late.csv", [line.rpartition(",")[0] + ",77" for line in lines[100:140] if "nan" not in line])
    quiet = ("--no-dashboard", "--json")

    def rows(work: Path) -> Any:
        return contents(work / "data" / DATABASE_FILE)

    def check(work: Path) -> str:
        return damage(work / "data")

    yield Scenario("replay", ("replay", str(bars), *quiet), check=check, final=rows)
    filled = root / "filled"
    done(root / "making", "replay", str(bars), *quiet, "--data-dir", str(filled))
    yield Scenario("correction", ("replay", str(late), *quiet), filled, check, rows)
    network = {"TAPELINE_YAHOO__URL": yahoo, "TAPELINE_YAHOO__STREAM_URL": stream}

    def archived(work: Path) -> Any:
        archive = archive_in(work / "data")
        series = [archive.load(symbol, "1d") for symbol in archive.symbols("1d")]
        return [(one.symbol, len(one.bars), one.bars.close.tobytes()) for one in series if one is not None]

    def archive_damage(work: Path) -> str:
        try:
            archived(work)
        except StorageError as error:
            return str(error)
        return ""

    fetch = ("backfill", "--interval", "1d", "--period", "20y", "--symbols", "AAPL,OCDO.L", "--json")
    yield Scenario("archive", fetch, None, archive_damage, archived, environment=network)

    def watched(work: Path) -> Any:
        return watchlist_in(work / "data").load()

    def watch_damage(work: Path) -> str:
        found = watched(work)
        return "" if found in (["TSLA"], ["TSLA", "AAPL", "MSFT"]) else f"the watch-list is {found}"

    listed = root / "listed"
    shutil.copytree(filled, listed)
    (listed / "symbols.txt").write_text("TSLA\n")
    yield Scenario("watch-list", ("symbols", "add", "AAPL", "MSFT", "--no-check"), listed, watch_damage, watched)

    modelled = root / "modelled"
    shutil.copytree(filled, modelled)
    versions = trained(modelled, root) if models else [""]

    def in_use(work: Path) -> Any:
        return models_in(work / "data").load("default").version

    def model_damage(work: Path) -> str:
        version = in_use(work)
        return "" if version in versions else f"{version} is in use"

    if models:
        yield Scenario("registry", ("models", "promote", versions[0], "--force"), modelled, model_damage, in_use)

    def backed_up(work: Path) -> Any:
        return contents(work / "out" / DATABASE_FILE)

    def backup_damage(work: Path) -> str:
        if (work / "out").exists() and not (work / "out" / "backup.json").exists():
            return "an incomplete backup has its name"
        return damage(work / "data") or damage(work / "out")

    yield Scenario("backup", ("backup", "OUT"), filled, backup_damage, backed_up)
    copy = root / "copy"
    done(root / "making", "backup", str(copy), "--data-dir", str(filled))
    yield Scenario("restore", ("restore", str(copy)), None, check, rows)
    hurt = root / "hurt"
    shutil.copytree(filled, hurt)
    with contextlib.closing(Database(hurt / DATABASE_FILE)) as database, database.transaction() as connection:
        connection.execute("UPDATE newest SET volume = volume + 1 WHERE symbol = 2")
        connection.execute("UPDATE states SET timestamp = timestamp + 1 WHERE symbol = 3")

    def repair_damage(work: Path) -> str:
        try:
            found = damage(work / "data")
        except StorageError as error:
            return str(error)
        return "" if set(found.split("; ")) <= {"", *hurting} else found

    hurting = set(damage(hurt).split("; "))
    yield Scenario("check", ("check", "--repair"), hurt, repair_damage, check)
    for name, command in {
        "show": ("show", "S00", "--last", "5"), "rejects": ("rejects",), "score": ("score",),
        "export": ("export", "--out", "OUT.csv"),
    }.items():  # fmt: skip
        yield Scenario(name, command, filled, check, lambda _: None, reads=name != "export")
    yield Scenario("alerts", ("alerts", "add", "close > 5"), filled, check, lambda _: None)
    coins = ("run", "--symbols", "BTC-USD", "--interval", "1m", "--period", "2h", *quiet)

    def streaming(work: Path, _: str) -> bool:
        path = work / "data" / DATABASE_FILE
        with contextlib.suppress(StorageError), contextlib.closing(Database(path, create=False)) as database:
            return SqliteStore(database).count() > 60
        return False

    def page_answers(_: Path, said: str) -> bool:
        found = re.search(r"http://127\.0\.0\.1:\d+/", said)
        if found is None:
            return False
        try:
            with urllib.request.urlopen(found[0] + "api/v1/symbols/S00/rows?limit=3", timeout=20) as answer:
                return b"timestamp" in answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return b"detail" in refusal.read()  # what cannot be read is said, and the page goes on
        except OSError:
            return False  # not yet

    yield Scenario("page", ("dashboard", "--port", "0"), filled, check, lambda _: None, stop=page_answers, reads=True)
    yield Scenario("run", coins, None, check, lambda _: None, environment=network, stop=streaming)


def trained(folder: Path, root: Path) -> list[str]:
    """Put two models into a data directory's registry, and return their versions, the one in use last."""
    history = csv(root / "history.csv", bar_lines(3000))
    for seed in ("1", "2"):
        done(root / "making", "train", str(history), "--seed", seed, "--data-dir", str(folder))
    found = json.loads(
        run(("models", "list", "--json", "--data-dir", str(folder)), root / "making", Fault("none", 0)).out
    )
    directions = [each for each in found if each["kind"] == "direction"]
    return [each["version"] for each in sorted(directions, key=lambda each: each["in_use"])]
