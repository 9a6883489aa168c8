"""Run `tapeline` commands in processes that are forked from one in which everything is imported already.

A command then costs a tenth of a second instead of one, while its arguments, environment, folder, streams, end and exit
code are those of a process of its own. What is about starting or signals starts Python instead: see
`tests/unit/test_startup.py` and `tests/e2e/test_stopping.py`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

#: What commands import when they run, so that a child need not.
_IMPORTS = (
    "tapeline.cli.main", "tapeline.cli.replaying", "tapeline.cli.running", "tapeline.cli.training_commands",
    "tapeline.app.backing_up", "tapeline.app.checking", "tapeline.app.exporting", "tapeline.app.live_wiring",
    "tapeline.app.trained_models", "tapeline.app.wiring", "tapeline.cli.live_commands", "tapeline.cli.score_commands",
    "tapeline.cli.export_commands", "tapeline.cli.symbol_commands", "tapeline.cli.backfill_commands",
    "tapeline.cli.inspect_commands", "tapeline.cli.check_commands", "tapeline.cli.backup_commands",
    "tapeline.cli.alert_commands", "tapeline.cli.user_commands", "tapeline.cli.model_commands",
    "tapeline.feeds.yahoo", "tapeline.research.training", "tapeline.research.range_training", "lightgbm", "yfinance",
    "curl_cffi.requests", "exchange_calendars", "uvicorn", "rich.console", "rich.markup", "argon2", "filelock",
)  # fmt: skip


def prepare() -> None:
    """Import what commands import, and load kernels and calendars, once before any fork.

    What is there by then is kept from the collector of garbage, which would make a copy of it in every child.
    """
    from tapeline.app.config import Settings
    from tapeline.app.wiring import warm_up
    from tapeline.core.sessions import calendar_of

    for name in _IMPORTS:
        importlib.import_module(name)
    warm_up(Settings())
    for symbol in ("S00", "AAPL", "OCDO.L", "BTC-USD"):
        calendar_of(symbol)
    gc.collect()
    gc.freeze()


def run(
    *arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None, seconds: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in this environment without settings of tapeline, with `environment` added.

    Raises `subprocess.TimeoutExpired`, after which the next command starts anew.
    """
    process, connection = _server()
    words = list(map(str, arguments))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_")}
    request = {"arguments": words, "cwd": str(cwd or Path.cwd()), "environment": {**clean, **(environment or {})}}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as said:
        socket.send_fds(connection, [json.dumps(request).encode()], [out.fileno(), said.fileno()])
        connection.settimeout(seconds)
        try:
            code = int(connection.recv(100))
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            _server.cache_clear()
            raise subprocess.TimeoutExpired(words, seconds) from None
        for file in (out, said):
            file.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), said.read())


@cache
def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process that forks; it ends when this one closes the connection, or ends."""
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with other:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked_commands", str(other.fileno())],
            cwd=Path(__file__).parents[1], pass_fds=[other.fileno()], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def end() -> None:
        own.close()
        process.wait()

    atexit.register(end)
    return process, own


def main() -> None:
    """Fork a child for each command that is asked for, and answer with its exit code."""
    prepare()
    fork = multiprocessing.get_context("fork")
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        while True:
            request, files, _, _ = socket.recv_fds(connection, 1 << 20, 2)
            if not request:
                return
            child = fork.Process(target=_be_command, args=(json.loads(request), files))
            child.start()
            for each in files:
                os.close(each)
            child.join()
            connection.send(str(child.exitcode).encode())


def _be_command(wanted: Mapping[str, Any], files: Sequence[int]) -> None:
    from tapeline import __main__ as program

    for number, file in enumerate(files, 1):
        os.dup2(file, number)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = [program.__file__, *wanted["arguments"]]
    sys.modules["__main__"] = program  # which usage lines name
    program.main()


if __name__ == "__main__":
    main()
