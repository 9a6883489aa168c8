"""Serve what `tapeline demo` shows, steered through stdin as in `tests.browser.server`, for the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tapeline.app import config
from tapeline.app.data_directory import open_data_directory
from tapeline.app.page_wiring import page_data_of
from tapeline.app.range_models import range_model_in_use, train_first_range_model
from tapeline.app.trained_models import starting_model
from tapeline.cli.replay_commands import _DEMO_HISTORY
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.data import sample_path
from tapeline.feeds.files import FileSource
from tapeline.runtime.processor import Processor
from tapeline.web import PageData, ReplayProgress
from tapeline.web.access import Access


def demo(folder: Path) -> tuple[PageData, Access, Callable[[str], str]]:
    """Return the page over the packaged week, with the models that the demo itself trains and puts to use.

    What the demo plays at once is stored. `play N` processes N more minutes, which come one a second in the demo.
    """
    settings = config.load(data_dir=folder)
    source = FileSource([sample_path("1m")])
    scan = source.scan()
    bars = Bars.concat([delivery.bars for delivery in source.deliveries("")])
    directory = open_data_directory(settings, create=True)

    def history(_until: int) -> Iterator[Bars]:
        yield bars

    def silent(*_: object) -> None:
        pass

    model = starting_model(directory, settings, history, scan, silent, silent)
    train_first_range_model(directory, history, scan, silent)
    processor = Processor((), model, range_model=range_model_in_use(directory, silent, scan.interval))
    minutes, first = np.unique(bars.timestamp, return_index=True)
    edges = [*first.tolist(), len(bars)]
    done = 0

    def play(count: int) -> str:
        nonlocal done
        until = min(done + count, len(minutes))
        step = processor.step(bars[edges[done] : edges[until]])
        directory.store.commit(Commit(step.rows, step.states, edges[until]))
        done = until
        return str(int(minutes[done - 1]))

    def answer(line: str) -> str:
        command, _, count = line.partition(" ")
        assert command == "play", line
        return play(int(count))

    play(int(np.searchsorted(minutes, scan.start + (scan.end - scan.start) * _DEMO_HISTORY)))

    def replay() -> ReplayProgress:
        return ReplayProgress(edges[done], len(bars), ended=done == len(minutes))

    return page_data_of(directory, live=False, replay=replay, indicators=settings.indicators), Access(), answer
