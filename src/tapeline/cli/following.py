"""Prepare what the live commands run: the watch-list, the archived past, and the model."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory, watchlist_in
from tapeline.app.live_wiring import symbol_directory
from tapeline.app.range_models import train_first_range_model
from tapeline.cli.console import notice
from tapeline.cli.running import first_model
from tapeline.core.bars import usual_interval
from tapeline.core.market import Bars
from tapeline.core.ports import Archive
from tapeline.errors import InputError
from tapeline.feeds.files import Scan
from tapeline.feeds.live.bar_intervals import Interval
from tapeline.feeds.live.live_source import LiveSource
from tapeline.feeds.live.symbol_directory import checked_symbols
from tapeline.feeds.live.watchlist import Watchlist, symbols_of
from tapeline.forecast.model import LightGBMModel


@contextlib.contextmanager
def following(watchlist: Watchlist, known: Sequence[str], source: LiveSource) -> Iterator[None]:
    """Pass changes of the list to the source, which collects the symbols that are `known`, until the block ends."""
    stopping = threading.Event()
    thread = watchlist.follow(known, source.watch, stopping, notice)
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def watchlist_of(settings: Settings, symbols: str | None) -> tuple[Watchlist, list[str]]:
    """Return the watch-list and the symbols on it, which are from now on those that were named.

    The setting `symbols` begins an empty list, and leaves another as it is: what a service is started with takes
    nothing away that was added since. New symbols are looked up at the venue first. Raises `NotFoundError` for one that
    it does not have.
    """
    watchlist = watchlist_in(settings.data_dir)
    kept = watchlist.load()
    if symbols is None and not kept and settings.symbols:
        symbols = ",".join(settings.symbols)
    if symbols is not None:
        named = symbols_of(symbols)
        if new := [symbol for symbol in named if symbol not in kept]:
            checked_symbols(symbol_directory(settings), new, notice)
        watchlist.save(named)
    wanted = watchlist.load()
    if not wanted:
        raise InputError("name the symbols: --symbols TSLA,AAPL,MSFT (or try `tapeline demo`, which needs none)")
    return watchlist, wanted


def past_bars(archive: Archive, symbols: list[str], interval: Interval, since: int) -> Callable[[], Iterator[Bars]]:
    """Return a function that starts a pass over the archived bars of these symbols, from `since` on."""

    def bars() -> Iterator[Bars]:
        for symbol in symbols:
            series = archive.load(symbol, interval.name)
            if series and len(kept := series.bars[series.bars.timestamp >= since]):
                yield kept

    return bars


def usual_step(past: Iterable[Bars], interval: Interval) -> int:
    """Return the usual time between two of these bars in ms, which is what models record; that of `interval` if none.

    The bars of a thin share are further apart than they are long.
    """
    parts = list(past)
    whole = Bars.concat(parts) if parts else Bars.of([])
    return usual_interval(whole.timestamp, whole.code) or interval.ms


def live_model(
    directory: DataDirectory, settings: Settings, past: list[Bars], interval: Interval, *, quiet: bool
) -> tuple[LightGBMModel | None, str]:
    """Return the model of this data directory, or one trained on these past bars; without one, None and why.

    The data directory gets its first range model of them, too.
    """
    scan = Scan(
        rows=sum(map(len, past)),
        start=min((int(bars.timestamp[0]) for bars in past), default=0),
        end=max((int(bars.timestamp[-1]) for bars in past), default=0),
        interval=usual_step(past, interval),
        files=(),
    )

    def history(until: int) -> Iterator[Bars]:
        yield from (bars[bars.timestamp <= until] for bars in past)

    train_first_range_model(directory, history, scan, notice)
    return first_model(directory, settings, history, scan, quiet=quiet)
