"""Answer an orchestrator's health checks: `GET /health` on loopback gives 200 or 503, with a report as JSON."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tapeline.errors import ServingError

#: Whether all is well, and what else there is to know.
Report = tuple[bool, Mapping[str, Any]]


@contextlib.contextmanager
def health(port: int, report: Callable[[], Report]) -> Iterator[int]:
    """Answer on 127.0.0.1 until the block ends. Yields the port. Raises `ServingError` when it is taken."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # seconds that a request may take to arrive

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
            """Log nothing: the orchestrator asks twice a minute."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ServingError(f"port {port} for health answers: {error.strerror}; choose another --health-port") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
