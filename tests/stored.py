"""Data directories for tests: filled with rows, opened as commands open them, or served as a page."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import uvicorn

from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory, open_data_directory
from tapeline.app.page_wiring import page_data_of
from tapeline.core.market import OHLCV, Bars
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.core.sessions import calendar_of
from tapeline.core.times import MINUTE
from tapeline.web import Access
from tapeline.web.api.application import create_app
from tapeline.web.page import Page
from tests.conftest import random_bars
from tests.rows import random_rows


def session_bars(symbols: tuple[str, ...], start: int, end: int, step: int = MINUTE, seed: int = 0) -> Bars:
    """Return a random walk of each symbol over the sessions of its exchange, in the order of time."""
    parts = []
    for number, symbol in enumerate(symbols):
        opened = calendar_of(symbol).sessions(start, end)
        times = np.concatenate([np.arange(one.open, one.close, step) for one in opened])
        walk = random_bars(1, len(times), seed=seed + number)
        values = (getattr(walk, name) for name in OHLCV)
        parts.append(Bars((symbol,), walk.code, times, *values, walk.final))
    bars = Bars.concat(parts)
    return bars[np.lexsort((bars.code, bars.timestamp))]


def fill(path: Path, *batches: Bars | Rows) -> Path:
    """Commit these into the data directory at `path`, one after the other; bars get random forecasts."""
    with open_data_directory(Settings(data_dir=path), create=True) as directory:
        for position, batch in enumerate(batches, 1):
            rows = random_rows(batch, ()) if isinstance(batch, Bars) else batch
            directory.store.commit(Commit(rows, {}, position))
    return path


def opened(path: Path) -> DataDirectory:
    """Return the data directory at `path`, opened for reading."""
    return open_data_directory(Settings(data_dir=path), create=False)


@contextlib.contextmanager
def served(path: Path, token: str = "") -> Iterator[str]:
    """Serve the page over a data directory on a free port, and yield its address."""
    with opened(path) as directory:
        access = Access(token)
        access.bind("127.0.0.1")
        page = Page(page_data_of(directory, live=False), access)
        server = uvicorn.Server(uvicorn.Config(create_app(page, "127.0.0.1"), port=0, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            page.end()
            page.close()
