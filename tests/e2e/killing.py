"""Runs `tapeline` commands again and again in forked children and kills each with SIGKILL at a random moment.

Run as a program by `test_kill.py`: forking from a process that has already imported everything makes a restart cost
milliseconds instead of seconds, while the kill and the restart stay real.

usage: killing.py SEED KILLS TOTAL_BARS DATA_DIR ARGUMENTS...
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

#: What the commands import when they run, imported once, before any fork.
IMPORTED = (
    "tapeline.cli.main",
    "tapeline.cli.replaying",
    "tapeline.backends.files.file_registry",
    "tapeline.backends.sqlite.sqlite_store",
    "tapeline.backends.sqlite.sqlite_stream",
    "tapeline.forecast.registry",
    "tapeline.indicators.engine.driver",
    "filelock",
    "rich.console",
)


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


def start(arguments: list[str]) -> int:
    child = os.fork()
    if child == 0:
        from tapeline.cli import main as cli

        sys.argv = ["tapeline", *arguments]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            cli.main()
        except SystemExit as done:
            os._exit(done.code if isinstance(done.code, int) else 1)
        os._exit(1)
    return child


def main() -> None:
    seed, kills, total, folder, *arguments = sys.argv[1:]
    rng = random.Random(int(seed))
    database = Path(folder) / "tapeline.db"
    for name in IMPORTED:
        importlib.import_module(name)

    killed = 0
    targets = sorted(rng.randrange(int(total) - 1) for _ in range(int(kills)))
    for number, target in enumerate(targets):
        child = start(arguments)
        if number % 5 == 4:  # some moments fall into opening, training or catching up, before anything new is read
            time.sleep(rng.uniform(0, 0.05))
        else:
            while appended(database) <= target and os.waitpid(child, os.WNOHANG) == (0, 0):
                time.sleep(0.0005)
            time.sleep(rng.expovariate(300))
        try:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed += os.WIFSIGNALED(status)
        except (ChildProcessError, ProcessLookupError):
            pass  # it was faster and is done
    _, status = os.waitpid(start(arguments), 0)
    print(f"killed {killed} exit {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
