"""Answer InvokeEndpoint with the real `serve`, doing what SageMaker does between the two."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.aws.local.account import ACCOUNT, REGION

#: Headers that go through, both ways.
_PASSED = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")


class Endpoint:
    """Serve the model in `folder` (as SageMaker lays it out: `folder/model`). `record` is called for each request."""

    def __init__(self, folder: Path, record: Callable[[str, str, str], None]) -> None:
        self._record = record
        self._port = _free_port()
        command = [sys.executable, "-m", "tapeline.lambdas.sagemaker", "serve", "--root", str(folder)]
        self._process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(self._port)])
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._routes())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until the model is loaded. Raises `TimeoutError`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
            try:
                connection.request("GET", "/ping")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.05)
            finally:
                connection.close()
        raise TimeoutError("the endpoint does not serve its model")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._process.terminate()
        self._process.wait()

    def _routes(endpoint) -> type[BaseHTTPRequestHandler]:
        class Routes(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = self.path.split("/")[2]
                role = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
                resource = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}"
                endpoint._record(role[1] if role else "?", "sagemaker:InvokeEndpoint", resource)
                connection = http.client.HTTPConnection("127.0.0.1", endpoint._port, timeout=30)
                headers = {name: self.headers[name] for name in _PASSED if name in self.headers}
                try:
                    connection.request("POST", "/invocations", body, headers)
                    answer = connection.getresponse()
                    content = answer.read()
                finally:
                    connection.close()
                self.send_response(answer.status)
                for name in _PASSED:
                    if answer.headers[name]:
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                return

        return Routes


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
