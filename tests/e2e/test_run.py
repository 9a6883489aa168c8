"""`tapeline run` as a process of its own, against the local Yahoo in real time, and against no network at all."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tapeline.core.sessions import Phase, calendar_of
from tapeline.feeds.live.history import OVERLAP_BARS
from tests.conftest import random_bars
from tests.local_yahoo.market import MINUTE, Market
from tests.local_yahoo.server import LocalYahoo

DAY = 86_400_000


def now() -> int:
    return time.time_ns() // 1_000_000


class Mixed(Market):
    """New York's last session that has ended, for shares; every minute until now, for coins."""

    def official(self, symbol: str, start: int, end: int, at: int, *, settled: bool = False) -> dict[str, np.ndarray]:
        market = self.coins if symbol.endswith("-USD") else self.shares
        return Market.official(market, symbol, start, end, at, settled=settled)

    def last(self, symbol: str, at: int) -> None:
        return None

    def __post_init__(self) -> None:
        super().__post_init__()
        days = [(s.open, s.close) for s in calendar_of("TSLA").sessions(now() - 9 * DAY, now())]
        self.shares = Market([day for day in days if day[1] < now() - 60 * MINUTE], self.symbols)
        began = now() // MINUTE * MINUTE - 300 * MINUTE
        self.coins = Market([(began, began + 600 * MINUTE)], self.symbols)


@pytest.fixture
def yahoo() -> Iterator[LocalYahoo]:
    began = now() // MINUTE * MINUTE - 300 * MINUTE
    market = Mixed([(began, began + 600 * MINUTE)], ["TSLA", "BTC-USD", "ETH-USD"])
    with LocalYahoo(market, now, quirks=False) as server:
        yield server


class Run:
    """`tapeline run` under way. `said` is everything on stderr so far."""

    def __init__(self, folder: Path, *arguments: str, url: str, stream_url: str) -> None:
        self.folder = folder
        self._log = folder / "said.txt"
        own = {
            "TAPELINE_DATA_DIR": str(folder / "data"),
            "TAPELINE_YAHOO__URL": url,
            "TAPELINE_YAHOO__STREAM_URL": stream_url,
        }
        self.environment = {**os.environ, **own, "COLUMNS": "200"}
        command = [sys.executable, "-m", "tapeline", "run", *arguments, "--period", "4h", "--port", "0"]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--json"], env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def said(self) -> str:
        return self._log.read_text()

    def until(self, condition: Callable[[], object], seconds: float = 120) -> object:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        return found

    def get(self, path: str) -> dict[str, object]:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", self.said)
        with urllib.request.urlopen(url + path, timeout=60) as answer:
            return json.loads(answer.read())  # type: ignore[no-any-return]

    def symbols(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "tapeline", "symbols", *arguments], env=self.environment, check=True)

    def end(self) -> dict[str, int]:
        """SIGTERM, as a service manager sends it."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, self.said
        return json.loads(out)  # type: ignore[no-any-return]


def shown(run: Run) -> set[str]:
    return {quote["symbol"] for quote in run.get("api/v1/symbols")["symbols"]}  # type: ignore[attr-defined, union-attr]


def test_a_run_from_the_first_fetch_to_the_second_start(yahoo: LocalYahoo, tmp_path: Path) -> None:
    with Run(tmp_path, "--symbols", "TSLA,BTC-USD", url=yahoo.url, stream_url=yahoo.stream_url) as run:
        run.until(lambda: "the page is at" in run.said)
        run.until(lambda: yahoo.subscribed >= {"TSLA", "BTC-USD"})
        run.until(lambda: "BTC-USD" in shown(run))
        state = calendar_of("TSLA").at(now())
        assert ("open until" if state.phase is Phase.OPEN else "opens") in run.said  # a state, not an error
        assert "Traceback" not in run.said
        run.symbols("add", "ETH-USD")
        run.until(lambda: "ETH-USD" in yahoo.subscribed)
        run.until(lambda: "ETH-USD" in shown(run))
        run.symbols("remove", "BTC-USD")
        run.until(lambda: yahoo.subscribed == {"TSLA", "ETH-USD"})
        assert run.end()["rows"] > 200
    asked = len(yahoo.requests)
    yahoo.refusing = True  # the stream cannot be opened now
    with Run(tmp_path, url=yahoo.url, stream_url=yahoo.stream_url) as again:
        again.until(lambda: "prices are polled" in again.said)
        again.until(lambda: "the page is at" in again.said)
        queries = [(symbol, query) for symbol, query in yahoo.requests[asked:] if "period1" in query]
        assert {symbol for symbol, _ in queries} == {"TSLA", "ETH-USD"}
        since = [int(query["period1"]) * 1000 for symbol, query in queries if symbol == "ETH-USD"]
        session = (now() - (OVERLAP_BARS + 5) * MINUTE) // DAY * DAY  # just after midnight it is yesterday's
        assert min(since) >= session
        again.end()


def test_without_network_the_address_and_the_demo_are_named(tmp_path: Path) -> None:
    nowhere = "127.0.0.1:9"
    with Run(tmp_path, "--symbols", "TSLA", url=f"http://{nowhere}", stream_url=f"ws://{nowhere}/") as run:
        assert run.process.wait(timeout=60) == 1
    assert nowhere in run.said
    assert "tapeline demo" in run.said
    assert "Traceback" not in run.said


def test_without_network_bars_from_elsewhere_are_shown_and_it_goes_on_trying(tmp_path: Path) -> None:
    """They did not come from Yahoo, whose own it showed: the page came, and the command ended."""
    nowhere, file, data = "127.0.0.1:9", tmp_path / "bars.csv", tmp_path / "data"
    lines = [f"{b.symbol},{b.timestamp},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in random_bars(1, 300)]
    file.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines]))
    replay = [sys.executable, "-m", "tapeline", "replay", file, "--data-dir", data]
    subprocess.run(replay, capture_output=True, check=True)
    with Run(tmp_path, "--symbols", "S00", url=f"http://{nowhere}", stream_url=f"ws://{nowhere}/") as run:
        run.until(lambda: "showing what is stored, and trying again" in run.said)
        run.until(lambda: "the page is at" in run.said)
        run.until(lambda: "trying again later" in run.said)
        assert "S00" in shown(run)
        run.end()
    assert "Traceback" not in run.said
