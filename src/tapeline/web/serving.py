"""Serving the page from the calling thread, until Ctrl-C or until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from tapeline.errors import ServingError
from tapeline.web.access import Access
from tapeline.web.view import View

if TYPE_CHECKING:
    from fastapi import FastAPI

_LOOK_SECONDS = 0.1
_GOODBYE_SECONDS = 2
_FILE_READERS = "AnyIO worker thread"  # as anyio names them; Starlette opens files in them


def serve(
    view: View,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_ready: Callable[[str], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
    access: Access | None = None,
) -> None:
    """Serves page and API and blocks; once per process and from its main thread, because Ctrl-C ends it.

    `port` 0 takes a free one. `on_ready` is called with the page's URL when it can be opened. Returns after
    `should_stop` has answered True, which is asked every tenth of a second. On SIGINT or SIGTERM it shuts down, too;
    then the signal's own handler runs, and `KeyboardInterrupt` is raised if that did not. In any case nothing reads the
    store any more when it is over. `access` says who may do what; without it, whoever can connect. Raises
    `ServingError` for an address that needs a log-in and has none, `ServingError`, both before anything is started.
    """
    access = Access() if access is None else access
    access.bind(host)
    with contextlib.closing(_listen(host, port)) as listener:
        import uvicorn

        from tapeline.web.api.application import Site

        told = threading.Event()
        site = Site(view, access, host)

        @contextlib.asynccontextmanager
        async def watched(app: FastAPI) -> AsyncIterator[None]:
            async def watch() -> None:
                on_ready(_url(host, listener.getsockname()[1]))
                while not server.should_exit:
                    if should_stop():
                        told.set()
                        server.should_exit = True
                    await asyncio.sleep(_LOOK_SECONDS)
                site.end()

            async with inner(app):
                watching = asyncio.create_task(watch())
                yield
                watching.cancel()

        inner = site.app.router.lifespan_context
        site.app.router.lifespan_context = watched
        config = uvicorn.Config(
            site.app, log_level="critical", access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=_GOODBYE_SECONDS,
        )  # fmt: skip
        server = uvicorn.Server(config)
        try:
            server.run(sockets=[listener])
        finally:
            site.close()
            for thread in threading.enumerate():  # they read files; they end with the loop, but nobody waits for them
                if thread.name == _FILE_READERS:
                    thread.join(_GOODBYE_SECONDS)
        if not told.is_set():
            raise KeyboardInterrupt  # also where the signal was being ignored, as in a shell's background job


def check_port(host: str, port: int, access: Access | None = None) -> None:
    """Raises what `serve` would raise if it were called now: before long work is begun for it."""
    (Access() if access is None else access).bind(host)
    _listen(host, port).close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything else is done, so that a taken port is found at once."""
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
    """Where a browser on this machine finds the page."""
    anywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only for showing
    shown = anywhere.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"
