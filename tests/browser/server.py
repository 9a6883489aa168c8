"""A page to look at, moved on through stdin: see the fixtures in `conftest`. Answers every line with one on stdout."""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tapeline.dashboard import Replay, View, serve
from tapeline.data import sample_path
from tapeline.database import Database
from tapeline.indicators import DEFAULT
from tapeline.market import Bars
from tapeline.ports import Commit
from tapeline.prediction.training import fit
from tapeline.processor import Processor
from tapeline.sources.files import FileSource
from tapeline.stores.sqlite import SqliteStore
from tests.conftest import MINUTE, START
from tests.unit.dashboard.memory import MemoryStore, row


def main(kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        view, answer = sample(Path(folder)) if kind == "sample" else empty()

        def listen() -> None:
            for line in sys.stdin:
                print(answer(line.rstrip("\n")), flush=True)

        threading.Thread(target=listen, daemon=True).start()
        serve(view, port=0, on_ready=lambda url: print(url, flush=True))


def sample(folder: Path) -> tuple[View, Callable[[str], str]]:
    bars = Bars.concat([delivery.bars for delivery in FileSource([sample_path("1m")]).deliveries("")])
    until = int(np.quantile(bars.timestamp, 0.4))
    model = fit([bars[bars.timestamp <= until]], until=until)
    store = SqliteStore(Database(folder / "page.db"))
    processor = Processor(DEFAULT, model)
    minutes, first = np.unique(bars.timestamp, return_index=True)
    edges = [*first.tolist(), len(bars)]
    done = 0

    def play(count: int) -> str:
        nonlocal done
        until = min(done + count, len(minutes))
        step = processor.step(bars[edges[done] : edges[until]])
        store.commit(Commit(step.rows, step.states, edges[until]))
        done = until
        return str(int(minutes[done - 1]))

    play(int(len(minutes) * 0.6))
    view = View(
        store,
        replay=lambda: Replay(edges[done], len(bars), ended=done == len(minutes)),
        stored=lambda: edges[done],
        models={model.version: model.metadata},
    )
    return view, lambda line: play(int(line.removeprefix("play ")))


def empty() -> tuple[View, Callable[[str], str]]:
    store = MemoryStore()

    def answer(line: str) -> str:
        command, _, rest = line.partition(" ")
        if command == "put":
            store.put(*(row(rest, START + i * MINUTE, 100 + i % 7, open=101, high=108, low=99) for i in range(100)))
        store.error = OSError(rest) if command == "fail" else None
        return "done"

    return View(store, no_model="<b>too little</b> history"), answer


if __name__ == "__main__":
    main(sys.argv[1])
