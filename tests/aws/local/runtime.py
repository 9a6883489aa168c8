"""Serve Lambda's Runtime API for one function, and run the function under it with the real `awslambdaric`.

The API is the documented one: the process asks for the next event, and posts its answer or error.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.aws.conformance import watching

HANDLER = "tapeline.lambdas.handler.handler"
_VERSION = "/2018-06-01/runtime/"


class FunctionError(Exception):
    """Report that the function raised, ended or took too long, in the words that Lambda writes into its log."""


@dataclass
class _Invocation:
    event: bytes
    deadline: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: queue.Queue[tuple[str, bytes]] = field(default_factory=lambda: queue.Queue(1))


class Function:
    """Run one execution environment: at most one invocation at a time, and a new process after a failed one.

    Invocations may come from several threads, such as those of a stream's shards. What it prints is added to the
    file `log`, if one is named.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        timeout: float = 60.0,
        handler: str = HANDLER,
        command: Sequence[str] = (sys.executable, "-m", "awslambdaric"),
        log: Path | None = None,
    ) -> None:
        self.starts = 0
        self._environment = dict(environment)
        self._timeout = timeout
        self._handler = handler
        self._command = command
        self._log = log or Path("/dev/null")
        self._next: queue.Queue[_Invocation] = queue.Queue()
        self._running: dict[str, _Invocation] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._free = threading.Lock()
        self._closed = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._routes())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="runtime api", daemon=True).start()

    def close(self) -> None:
        """End the process and the API. Callers that wait for their turn get a `FunctionError`."""
        self._closed = True
        self._kill()
        self._server.shutdown()
        self._server.server_close()

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke the function. Raises `FunctionError`."""
        watching.check("lambda", "Event", {"event": event})
        answer = self._invoked(event)
        watching.check("lambda", "Answer", {"event": event, "answer": answer})
        return answer

    def _invoked(self, event: Mapping[str, Any]) -> dict[str, Any]:
        with self._free:
            if self._closed:
                raise FunctionError("the function is closed")
            if self._process is None or self._process.poll() is not None:
                self._start()
        invocation = _Invocation(json.dumps(event).encode(), time.time() + self._timeout)
        self._running[invocation.id] = invocation
        self._next.put(invocation)
        try:
            kind, body = self._wait(invocation)
        except FunctionError:
            self._kill()
            raise
        finally:
            del self._running[invocation.id]
        if kind == "error":
            self._kill()  # Lambda keeps the environment; a fresh one must do as well
            raise FunctionError(body.decode(errors="replace")[:500])
        return json.loads(body) or {}

    def _wait(self, invocation: _Invocation) -> tuple[str, bytes]:
        while True:
            try:
                return invocation.answer.get(timeout=0.05)
            except queue.Empty:
                if self._process is None or self._process.poll() is not None:
                    raise FunctionError("Runtime exited without an answer") from None
                if time.time() > invocation.deadline:
                    raise FunctionError(f"Task timed out after {self._timeout:.2f} seconds") from None

    def _start(self) -> None:
        self.starts += 1
        self._next = queue.Queue()
        host, port = self._server.server_address[:2]
        own = {
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": "StockAnalysisLambda",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/StockAnalysisLambda",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "_HANDLER": self._handler,
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, self._handler],
                env=self._environment | own,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _routes(function) -> type[BaseHTTPRequestHandler]:
        class Routes(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path != f"{_VERSION}invocation/next":
                    self._answer(404)
                    return
                waiting = function._next
                while True:
                    try:
                        invocation = waiting.get(timeout=1)
                        break
                    except queue.Empty:
                        if waiting is not function._next:
                            return  # the process that asked is gone
                headers = {
                    "Lambda-Runtime-Aws-Request-Id": invocation.id,
                    "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:local",
                    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
                    "Content-Type": "application/json",
                }
                self._answer(200, invocation.event, headers)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                *_, request, kind = self.path.split("/")
                invocation = function._running.get(request)
                if invocation is not None:
                    invocation.answer.put((kind, body))
                elif kind == "error":  # before the first event: the handler could not be imported
                    for waiting in list(function._running.values()):
                        waiting.answer.put(("error", body))
                self._answer(202, b'{"status": "OK"}', {"Content-Type": "application/json"})

            def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        return Routes
