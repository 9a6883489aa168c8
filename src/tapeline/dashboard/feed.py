"""Keeps every open page up to date: one loop and one set of reads for all of them, at most once a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from tapeline.dashboard.board import Board
from tapeline.dashboard.view import View
from tapeline.dashboard.window import Window

#: Seconds between two updates of a page.
TICK_SECONDS = 1.0

_BOARD_SECONDS = 0.25

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Screen(Protocol):
    """One open page, as the feed sees it. `symbol` is the one whose chart it shows, None before there is one."""

    symbol: str | None

    def quotes(self, changed: list[dict[str, Any]]) -> None: ...

    def show(self, snapshot: dict[str, Any]) -> None: ...

    def change(self, change: dict[str, Any]) -> None: ...

    def status(self, status: dict[str, Any]) -> None: ...


class Feed:
    """Reads the store for all screens. Everything but the reads happens in the event loop's thread.

    Nothing is read while no page is open. A store that cannot be read is said so on every page and tried again.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._board = Board(view.store, view.zone)
        self._windows: dict[str, Window] = {}
        self._screens: set[Screen] = set()
        self._turn = asyncio.Lock()
        self._reader = ThreadPoolExecutor(1, "page")
        self._error: str | None = None

    async def run(self) -> None:
        """Updates the screens until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._screens:
                try:
                    await self._tick()
                except Exception:  # noqa: BLE001 - one page's trouble must not stop the others
                    _log.exception("the page could not be brought up to date")

    def close(self) -> None:
        """Waits for reads under way; afterwards nothing uses the store."""
        self._reader.shutdown(wait=True, cancel_futures=True)

    async def join(self, screen: Screen) -> None:
        """A page was opened, or came back: brings it up to date at once, and keeps it so until `leave`."""
        async with self._turn:
            if not self._screens or not self._board.quotes:
                self._windows.clear()  # nobody has looked for a while
                await self._read_board()
            self._screens.add(screen)
            if screen.symbol not in self._board.quotes:
                screen.symbol = next(iter(self._board.quotes), None)
            await self._open(screen)  # before the quotes: drawing a thousand of those takes a browser a while
            screen.quotes([quote.as_json() for quote in self._board.quotes.values()])
            await self._tell_status([screen])

    def leave(self, screen: Screen) -> None:
        """The page is gone."""
        self._screens.discard(screen)

    async def pick(self, screen: Screen, symbol: str) -> None:
        """The page wants to show this symbol."""
        screen.symbol = symbol
        async with self._turn:
            if screen.symbol == symbol:  # otherwise another was picked while waiting
                await self._open(screen)

    async def _tick(self) -> None:
        async with self._turn:
            changed = await self._read_board()
            for screen in self._screens if changed else ():
                screen.quotes(changed)
            for screen in list(self._screens):
                if screen.symbol is None:
                    screen.symbol = next(iter(self._board.quotes), None)
                if screen.symbol not in self._windows:  # there were no bars, or it could not be read
                    await self._open(screen)
            shown = {screen.symbol for screen in self._screens} - {None}
            for symbol in self._windows.keys() - shown:
                del self._windows[symbol]
            for symbol, window in list(self._windows.items()):
                change = await self._call(window.refresh)
                if change is not None:
                    for screen in self._screens:
                        if screen.symbol == symbol:
                            (screen.change if "since" in change else screen.show)(change)
            await self._tell_status(self._screens)

    async def _open(self, screen: Screen) -> None:
        """Shows the screen's symbol from what is kept for another screen, or from the store."""
        symbol = screen.symbol
        if symbol is None:
            return
        window = self._windows.get(symbol)
        if window is None:
            window = Window(self._view.store, symbol, self._view.models)
            if await self._call(window.refresh) is None and self._error is not None:
                return
            self._windows[symbol] = window
        screen.show(window.snapshot())

    async def _read_board(self) -> list[dict[str, Any]]:
        self._error = None
        changed = await self._call(lambda: self._board.refresh(_BOARD_SECONDS))
        return [quote.as_json() for quote in changed or ()]

    async def _tell_status(self, screens: Any) -> None:
        stored = await self._call(self._view.stored)
        replay = await self._call(self._view.replay)
        quotes = self._board.quotes.values()
        models = {quote.model for quote in quotes} - {""}
        known = [self._view.models[model].trained_until for model in models if model in self._view.models]
        status = {
            "error": self._error,
            "symbols": len(quotes),
            "stored": stored,
            "last": max((quote.timestamp for quote in quotes), default=None),
            "replay": None if replay is None else {"done": replay.done, "total": replay.total, "ended": replay.ended},
            "models": sorted(models),
            "trained": max(known, default=None),
            "noModel": self._view.no_model,
        }
        for screen in screens:
            screen.status(status)

    async def _call(self, read: Callable[[], T]) -> T | None:
        """What `read` answers, in a thread beside the event loop; None, and a note for the pages, when it fails."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, read)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, the page says so and tries again
            self._error = " ".join(str(error).split())[:300] or type(error).__name__
            return None
