"""Run work on the data file again and again in forked children, and kill each with SIGKILL at a random moment.

Run as a program by `test_kill.py`: forking from a process that has already imported everything makes a restart cost
milliseconds instead of seconds, while the kill and the restart stay real.

usage: killing.py commits SEED KILLS DATA_DIR       commits, corrections and merges of the store
       killing.py conversions SEED KILLS DATA_DIR   the conversion of a file of version 1
       killing.py replay TOTAL_BARS ARGUMENTS...    a `tapeline` command, to its end: once, and with an answer of a
                                                    line, for each line SEED KILLS DATA_DIR that is read
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import OHLCV, Bars, Floats, Ints
from tapeline.core.messages import Commit, SymbolState
from tapeline.core.rows import Rows
from tests.forked_commands import prepare
from tests.version_1 import rows_of_version_1, write_version_1

DATABASE = "tapeline.db"


def start(work: Callable[[], object]) -> int:
    """Return the process id of a child that does this and exits."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            work()
        except SystemExit as done:
            os._exit(done.code if isinstance(done.code, int) else 1)
        os._exit(0)
    return child


def kill(child: int) -> bool:
    """Kill the child; return whether it was still at work."""
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def kill_after(steps: int, seconds: float, work: Callable[[Callable[[object], None]], object]) -> bool:
    """Kill a child that does this after it has reported this number of steps, and after some time more.

    Return whether it was still at work.
    """
    reading, writing = os.pipe()

    def report(_: object) -> None:
        os.write(writing, b".")

    child = start(lambda: work(report))
    os.close(writing)
    for _ in range(steps):
        if not os.read(reading, 1):
            break  # it has ended
    time.sleep(seconds)
    alive = kill(child)
    os.close(reading)
    return alive


# -- a replay ----------------------------------------------------------------------------------------------------------


def grown(database: Path) -> tuple[int, ...]:
    """Return what changes when something is written: asking the file itself takes a hundred times as long."""
    found = []
    for path in (database, database.with_name(f"{database.name}-wal")):
        try:
            status = path.stat()
        except OSError:
            continue
        found += [status.st_ino, status.st_size, status.st_mtime_ns]
    return tuple(found)


def appended(database: Path) -> int:
    """Bars in the log so far; -1 before there is one."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    except sqlite3.Error:
        return -1
    try:
        row = connection.execute("SELECT first + count FROM log ORDER BY first DESC LIMIT 1").fetchone()
        return row[0] if row else 0
    except sqlite3.Error:
        return -1
    finally:
        connection.close()


def run(arguments: list[str]) -> None:
    from tapeline.cli import main as cli

    sys.argv = ["tapeline", *arguments]
    cli.main()


def kill_replays(rng: random.Random, kills: int, folder: Path, total: int, arguments: list[str]) -> None:
    arguments = [*arguments, "--data-dir", str(folder)]
    killed = 0
    targets = sorted(rng.randrange(total - 1) for _ in range(kills))
    for number, target in enumerate(targets):
        child = start(lambda: run(arguments))
        if number % 5 == 4:  # some moments fall into opening, training or catching up, before anything new is read
            time.sleep(rng.uniform(0, 0.05))
        else:
            before = None
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                now = grown(folder / DATABASE)
                if now != before and appended(folder / DATABASE) > target:
                    break
                before = now
                time.sleep(0.0005)
            time.sleep(rng.expovariate(300))
        try:
            killed += kill(child)
        except (ChildProcessError, ProcessLookupError):
            pass  # it was faster and is done
    _, status = os.waitpid(start(lambda: run(arguments)), 0)
    print(f"killed {killed} exit {os.waitstatus_to_exitcode(status)}", flush=True)


# -- commits and merges ------------------------------------------------------------------------------------------------


def bars_at(symbol: str, minute: Ints, version: int) -> Bars:
    """Return bars whose prices say which minute and which version of it they are."""
    price = minute + 1 + version / 10_000
    return Bars(
        (symbol,), np.zeros(len(minute), np.int32), 60_000 * minute, price, price + 1, price - 0.5, price,
        price * 10, np.ones(len(minute), np.bool_),
    )  # fmt: skip


def values_of(bars: Bars) -> Floats:
    return np.stack([getattr(bars, name) for name in OHLCV], axis=1)


def rows_of(bars: Bars, first: Bars | None = None) -> Rows:
    count = len(bars)
    known = None if first is None else values_of(first)
    return Rows(
        bars, (), np.empty((count, 0)), np.ones(count, np.int8), bars.close / 1e6, models=("m",),
        model=np.zeros(count, np.int32), known=known,
    )  # fmt: skip


def commits() -> Iterator[tuple[Commit, dict[int, int]]]:
    """Yield commits without end, with the versions of the minutes of A and B that each of them makes."""
    length = 0
    for number in itertools.count(1):
        rng = np.random.default_rng(number)
        if number % 6 == 0:  # old bars are corrected
            minute, version = np.unique(rng.integers(0, length, 3)), number
        else:
            minute, version = np.arange(length, length + int(rng.integers(1, 60))), 0
            length = int(minute[-1]) + 1
        first = [bars_at(symbol, minute, 0) if version else None for symbol in "AB"]
        rows = Rows.concat([rows_of(bars_at(s, minute, version), f) for s, f in zip("AB", first, strict=True)])
        states = {symbol: SymbolState(number, b"%d" % number) for symbol in "AB"}
        yield Commit(rows, states, number), dict.fromkeys(minute.tolist(), version)


def commit_all(path: Path, work: Iterator[tuple[Commit, dict[int, int]]], report: Callable[[object], None]) -> None:
    store = SqliteStore(Database(path))
    for commit, _ in work:
        store.commit(commit)
        report(commit)


def kill_commits(rng: random.Random, kills: int, folder: Path) -> None:
    """After each kill the file holds the commits up to some one, whole, and nothing of the others."""
    path, work, versions, position = folder / DATABASE, commits(), dict[int, int](), 0
    merged = 0
    for _ in range(kills):
        alive = kill_after(rng.randrange(30), rng.expovariate(1000), partial(commit_all, path, work))
        assert alive, "the child ended by itself"
        with closing(Database(path)) as database:
            store = SqliteStore(database)
            states, reached = store.load()
            for _, made in itertools.islice(work, reached - position):
                versions |= made
            position = reached
            assert states == ({s: SymbolState(position, b"%d" % position) for s in "AB"} if position else {})
            assert not [*damaged_parts(database)], store.damaged
            assert store.count() == 2 * len(versions)
            minute = np.arange(len(versions))
            version = np.array([versions[each] for each in minute.tolist()], np.int64)
            for symbol in "AB":
                found, wanted = store.rows(symbol), bars_at(symbol, minute, 0)
                wanted = bars_at(symbol, minute, version)  # type: ignore[arg-type]
                assert found.bars.timestamp.tolist() == wanted.timestamp.tolist()
                assert values_of(found.bars).tobytes() == values_of(wanted).tobytes()
                assert values_of(found.as_known().bars).tobytes() == values_of(bars_at(symbol, minute, 0)).tobytes()
            (blocks,) = database.reader.execute("SELECT count(*) FROM blocks").fetchone()
            merged += blocks < position
            assert database.reader.execute("PRAGMA quick_check").fetchone() == ("ok",)
    print(f"killed {kills} commits {position} merged {merged}")


# -- conversions -------------------------------------------------------------------------------------------------------

STEPS = 24  # a conversion reports 17; the rest are kills during or after its commit


def convert(path: Path, report: Callable[[object], None]) -> None:
    Database(path, progress=report).close()


def kill_conversions(rng: random.Random, kills: int, folder: Path) -> None:
    """After each kill the file is that of version 1, whole, or one of version 2 with the same rows."""
    path = write_version_1(folder / DATABASE, copies=1)
    wanted = rows_of_version_1(path)
    converted = 0
    for _ in range(kills):
        with closing(sqlite3.connect(path)) as connection:
            (version,) = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
        if version != 1:
            for file in folder.glob(f"{DATABASE}*"):
                file.unlink()
            write_version_1(path, copies=1)
        kill_after(rng.randrange(STEPS), rng.expovariate(100), partial(convert, path))
        with closing(sqlite3.connect(path)) as connection:
            (version,) = connection.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        if version == 1:
            assert rows_of_version_1(path) == wanted
            continue
        converted += 1
        with closing(Database(path)) as database:
            store = SqliteStore(database)
            assert not [*damaged_parts(database)], store.damaged
            assert {symbol: list(store.rows(symbol)) for symbol in wanted} == wanted
            assert store.count() == sum(map(len, wanted.values()))
    print(f"killed {kills} converted {converted}")


def main() -> None:
    what, *given = sys.argv[1:]
    if what == "replay":
        prepare()
        for line in sys.stdin:
            seed, kills, folder = line.split()
            kill_replays(random.Random(int(seed)), int(kills), Path(folder), int(given[0]), given[1:])
        return
    seed, kills, folder = given
    (kill_commits if what == "commits" else kill_conversions)(random.Random(int(seed)), int(kills), Path(folder))


if __name__ == "__main__":
    main()
