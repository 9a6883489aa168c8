"""A health answer for an orchestrator: `GET /health` on loopback, 200 or 503, with the report as JSON."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tapeline.cli.console import CommandError

#: Whether it is well, and what is to be known besides.
Report = tuple[bool, Mapping[str, Any]]


@contextlib.contextmanager
def health(port: int, report: Callable[[], Report]) -> Iterator[int]:
    """Answers meanwhile, on 127.0.0.1. Gives the port. Raises `CommandError` when it is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # seconds that a request may take to come

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/health":
                self.send_error(404)
                return
            well, found = report()
            body = json.dumps({"status": "ok" if well else "unhealthy", **found}).encode() + b"\n"
            self.send_response(200 if well else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            """Nothing: the orchestrator asks twice a minute."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise CommandError(f"port {port} for health answers: {error.strerror}; choose another --health-port") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
