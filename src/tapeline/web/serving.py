"""Serve the page from the calling thread, until Ctrl-C or a request to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import itertools
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, cast

from tapeline.errors import ServingError
from tapeline.web.access import Access
from tapeline.web.page_data import PageData

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tapeline.web.connections import Connection

_LOOK_SECONDS = 0.1
_LOOKS_BETWEEN_SWEEPS = 10
_GOODBYE_SECONDS = 2
_FILE_READERS = "AnyIO worker thread"  # as anyio names them; Starlette runs plain routes in them


def serve(
    data: PageData,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_ready: Callable[[str], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    access: Access | None = None,
) -> None:
    """Serve page and API and block; once per process and from its main thread, because Ctrl-C ends it.

    `port` 0 takes a free one. `on_ready` is called with the page's URL when it can be opened. Returns after
    `should_stop`, asked every tenth of a second, has returned True. On SIGINT or SIGTERM it shuts down too; then the
    signal's own handler runs, and `KeyboardInterrupt` is raised if that handler returned. In any case nothing reads the
    store any more when it is over. Without `access`, everybody on this machine may do everything.

    Raises `ServingError`, before anything is started, for an address that cannot be listened at, or that would be open
    to strangers.
    """
    access = Access() if access is None else access
    access.bind(host)
    with contextlib.closing(_listen(host, port)) as listener:
        import uvicorn

        from tapeline.web.api.application import create_app
        from tapeline.web.guarded_protocol import GuardedProtocol
        from tapeline.web.page import Page
        from tapeline.web.waiting_room import GuardedListener, WaitingRoom

        stopped = threading.Event()
        page = Page(data, access)
        app = create_app(page, host)

        @contextlib.asynccontextmanager
        async def watched(app: FastAPI) -> AsyncIterator[None]:
            async def watch() -> None:
                on_ready(_url(host, guarded.getsockname()[1]))
                for look in itertools.count():
                    if server.should_exit:
                        break
                    if should_stop():
                        stopped.set()
                        server.should_exit = True
                    if look % _LOOKS_BETWEEN_SWEEPS == 0:
                        page.connections.sweep()
                    if look == _LOOKS_BETWEEN_SWEEPS:
                        _spare_the_collector()
                    await asyncio.sleep(_LOOK_SECONDS)
                page.end()

            async with inner(app):
                watching = asyncio.create_task(watch())
                yield
                watching.cancel()

        inner = app.router.lifespan_context
        app.router.lifespan_context = watched
        page.connections.prepare()
        own = functools.partial(GuardedProtocol, connections=page.connections, proxies=access.proxies)
        config = uvicorn.Config(
            app, http=cast("type[asyncio.Protocol]", own), ws="none", loop="asyncio", log_level="critical",
            access_log=False, server_header=False, proxy_headers=False, timeout_graceful_shutdown=_GOODBYE_SECONDS,
        )  # fmt: skip
        server = uvicorn.Server(config)

        def protocol(place: Connection, head: bytes) -> GuardedProtocol:
            return own(config, server.server_state, server.lifespan.state, place=place, head=head)

        guarded = GuardedListener(listener, page.connections, WaitingRoom(page.connections, access.proxies, protocol))
        try:
            server.run(sockets=[guarded])
        finally:
            guarded.close()
            page.close()
            for thread in threading.enumerate():  # they end with the loop, but nobody else waits for them
                if thread.name == _FILE_READERS:
                    thread.join(_GOODBYE_SECONDS)
        if not stopped.is_set():
            raise KeyboardInterrupt  # also where the signal was being ignored, as in a shell's background job


def _spare_the_collector() -> None:
    """Take what was loaded for the start out of Python's search for garbage.

    Each connection leaves some, and each search would go through all modules: half a second in which nobody is
    answered, again and again while many connect.
    """
    gc.collect()
    gc.freeze()


def check_port(host: str, port: int, access: Access | None = None) -> None:
    """Raise what `serve` would raise if it were called now, before long work is begun for it."""
    (Access() if access is None else access).bind(host)
    _listen(host, port).close()


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket, bound before anything else is done, so that a taken port is found at once."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except socket.gaierror as error:
        raise ServingError(f"{host}: not an address of this machine ({error.strerror})") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "the port is in use; stop what uses it or choose another --port (0 takes a free one)"
        elif error.errno == errno.EACCES:
            reason = "ports below 1024 need special rights; choose another --port"
        else:
            reason = f"cannot listen there ({error.strerror})"
        raise ServingError(f"{_url(host, port)}: {reason}") from error


def _url(host: str, port: int) -> str:
    """Return where a browser on this machine finds the page."""
    anywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only for showing
    shown = anywhere.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
