"""Serve a page that is steered through stdin, as the fixtures in `conftest` say; stdout has one line for each line."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tapeline.alerts import service
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.core.market import Bars, Reject
from tapeline.core.messages import Commit
from tapeline.core.times import DAY, MINUTE
from tapeline.data import sample_path
from tapeline.errors import StorageError
from tapeline.feeds.files import FileSource
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.indicators import DEFAULT
from tapeline.research.range_training import fit_range
from tapeline.research.training import fit
from tapeline.runtime.clock import now_ms
from tapeline.runtime.processor import Processor
from tapeline.web import Desks, FeedPulse, PageData, ReplayProgress, broadcast, serve
from tapeline.web.access import Access
from tapeline.web.users import Role, Users
from tests.browser.demo_page import demo
from tests.conftest import START
from tests.fakes.lookups import TeslaLookup
from tests.fakes.stores import MemoryStore, MemoryTables
from tests.fakes.watchlists import MemoryWatchlist
from tests.rows import row

Answer = Callable[[str], str]

#: A walk-forward report of the sample's first three days, as `tapeline evaluate --json` prints it, shortened.
_EVALUATION = Path(__file__).with_name("evaluation.json")

#: The folder of what users arrange.
_DESKS = "desks"

_REFUSED = (
    Reject("sample", "line 17", "high is below low", b"AAPL,1549895400000,170.1,169.9,170.4,170.0,1200"),
    Reject("sample", "line 18", "a price is zero or negative", b"<script>alert(1)</script>,0"),
)


def main(kind: str, port: int = 0) -> None:
    broadcast.TICK_SECONDS = service._LOOK_SECONDS = 0.15  # so that tests need not wait
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        data, access, answer = {"sample": sample, "empty": empty, "guarded": guarded, "demo": demo}[kind](folder)
        alerts = stack.enter_context(service.running(data.store, folder, (), {}, live=False, notify=lambda _: None))
        data = dataclasses.replace(data, alerts=alerts, desks=Desks(folder / _DESKS))

        def listen() -> None:
            for line in sys.stdin:
                print(answer(line.rstrip("\n")), flush=True)

        threading.Thread(target=listen, daemon=True).start()
        serve(data, port=port, on_ready=lambda url: print(url, flush=True), access=access)


def sample(folder: Path) -> tuple[PageData, Access, Answer]:
    """Serve the packaged week with models that are put to use whatever they are worth, so that there are calls.

    The guides' pictures are of `demo`, which has the models that a user has.
    """
    bars = Bars.concat([delivery.bars for delivery in FileSource([sample_path("1m")]).deliveries("")])
    until = int(np.quantile(bars.timestamp, 0.4))
    registry = Registry(LocalFolder(folder / "models"))
    for share in (0.3, 0.4):
        until = int(np.quantile(bars.timestamp, share))
        model = fit([bars[bars.timestamp <= until]], until=until)
        registry.save(DEFAULT_NAME, model)
        registry.promote(DEFAULT_NAME, model.version, at=until, force=True)
    ranges = RangeRegistry(LocalFolder(folder / "models"))
    range_model = fit_range([bars[bars.timestamp <= until]], until=until)
    ranges.save(DEFAULT_NAME, range_model)
    store = SqliteStore(Database(folder / "page.db"))
    processor = Processor(DEFAULT, model, range_model=range_model)
    minutes, first = np.unique(bars.timestamp, return_index=True)
    edges = [*first.tolist(), len(bars)]
    done = 0

    def commit(part: Bars, position: int) -> None:
        step = processor.step(part)
        store.commit(Commit(step.rows, step.states, position))

    def play(count: int) -> str:
        """Process this many more minutes."""
        nonlocal done
        until = min(done + count, len(minutes))
        commit(bars[edges[done] : edges[until]], edges[until])
        done = until
        return str(int(minutes[done - 1]))

    def form(price: float) -> str:
        """Make the next minute form: all of its bars close at this price so far."""
        part = bars[edges[done] : edges[done + 1]]
        price_ = np.full(len(part), price)
        high, low = np.maximum(part.open, price_), np.minimum(part.open, price_)
        final = np.zeros(len(part), np.bool_)
        commit(
            Bars(part.symbols, part.code, part.timestamp, part.open, high, low, price_, part.volume, final), edges[done]
        )
        return str(int(part.timestamp[0]))

    def rejects(limit: int | None) -> Iterator[Reject]:
        return iter(_REFUSED if limit is None else _REFUSED[-limit:])

    def answer(line: str) -> str:
        command, _, rest = line.partition(" ")
        if command == "forget":
            shutil.rmtree(folder / _DESKS, ignore_errors=True)
            return "done"
        return play(int(rest)) if command == "play" else form(float(rest))

    play(int(len(minutes) * 0.6))
    data = PageData(
        store,
        replay=lambda: ReplayProgress(edges[done], len(bars), ended=done == len(minutes)),
        stored=lambda: edges[done],
        registry=registry,
        ranges=ranges,
        rejects=rejects,
        watchlist=MemoryWatchlist(*bars.symbols),
        currency=lambda symbol: "USD",
        health=lambda: {
            "collector": {
                "state": "streaming",
                "last_message": int(minutes[done - 1]),
                "symbols": len(bars.symbols),
                "markets": [],
                "events": [{"timestamp": int(minutes[0]), "text": "the stream was lost: <i>why</i>"}],
                "problems": {},
            },
            "lag": {
                "p50": 3.2,
                "p99": 21.0,
                "count": edges[done],
                "bounds": [1.0],
                "counts": [edges[done], 0],
                "seconds": 0.1,
            },
            "depth": 0,
            "disk_free": 123 * 1024**3,
            "disk_total": 500 * 1024**3,
        },
        evaluation=lambda: json.loads(_EVALUATION.read_text()),
    )
    return data, Access(), answer


def empty(folder: Path) -> tuple[PageData, Access, Answer]:
    store = MemoryStore()
    troubles: dict[str, tuple[str, ...]] = {}
    feed: list[FeedPulse] = []
    watchlist = MemoryWatchlist("NOPE")

    def answer(line: str) -> str:
        command, _, rest = line.partition(" ")
        if command == "forget":
            shutil.rmtree(folder / _DESKS, ignore_errors=True)
            store.tables = MemoryTables()
            troubles.clear()
            feed.clear()
            watchlist.symbols = ["NOPE"]
        if command in {"put", "days"}:
            step = DAY if command == "days" else MINUTE
            later = copy.copy(store.tables)  # a page that reads meanwhile sees all of them or none
            later.items = dict(later.items)
            MemoryStore(later).put(
                *(row(rest, START + i * step, 100 + i % 7, open=101, high=108, low=99) for i in range(100))
            )
            store.tables = later
        if command == "feed":  # how many seconds ago it was last heard, and its state
            seconds, _, state = rest.partition(" ")
            feed[:] = [FeedPulse(state, now_ms() - 1000 * int(seconds), {"NOPE": "NOPE: <b>no</b> such symbol"})]
        if command == "trouble":
            kind, _, text = rest.partition(" ")
            troubles[kind] = (text,) if text else ()
        store.error = StorageError(rest) if command == "fail" else None
        return "done"

    data = PageData(
        store, no_model="<b>too little</b> history", troubles=lambda: dict(troubles),
        feed=lambda: feed[0] if feed else None, watchlist=watchlist,
        lookup=TeslaLookup(),
    )  # fmt: skip
    return data, Access(), answer


def guarded(folder: Path) -> tuple[PageData, Access, Answer]:
    """Serve a page with log-ins: ann may change things, bob may look."""
    data, _, answer = empty(folder)
    answer("put ABC")
    users = Users(folder / "users.json")
    users.add("ann", Role.ADMIN, "correct horse battery")
    users.add("bob", Role.VIEWER, "staple the correct horse")
    return data, Access(users=users), answer


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
