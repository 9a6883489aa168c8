"""Serving, in processes of its own, as signals end it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from tests.fakes.stores import MemoryStore

from tapeline.errors import ServingError
from tapeline.web import Access, PageData, serve

_PROGRAM = """
import sys, threading, time
from anyio._backends import _asyncio
from tapeline.web import PageData, serve
from tests.fakes.stores import MemoryStore

stopping = threading.Event()
run = _asyncio.WorkerThread.run
_asyncio.WorkerThread.run = lambda thread: (run(thread), time.sleep(0.2))  # one that is slow to end

def ready(url):
    print(url, flush=True)

threading.Thread(target=lambda: (sys.stdin.readline(), stopping.set()), daemon=True).start()
try:
    serve(PageData(MemoryStore()), port=0, on_ready=ready, should_stop=stopping.is_set)
except KeyboardInterrupt:
    print("interrupted")
left = [t.name for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
print("over", left)
"""


@pytest.fixture
def page() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate(timeout=10)
        yield process, url
    finally:
        process.kill()
        process.communicate()


def test_the_page_names_no_other_host_and_stops_on_request(
    page: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = page
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    assert answer.status == 200
    assert "tapeline" in text
    loaded = re.findall(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["']([^"']*)""", text)
    assert loaded
    assert not [address for address in loaded if "//" in address]
    output, errors = process.communicate("stop\n", timeout=20)
    assert (output.strip(), errors, process.returncode) == ("over []", "", 0)


def test_an_open_event_stream_does_not_delay_the_end(page: tuple[subprocess.Popen[str], str]) -> None:
    process, url = page
    with urllib.request.urlopen(url + "api/v1/events", timeout=10) as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        assert events.readline() == b"retry: 3000\n"
        assert b"event: quotes\n" in iter(events.readline, b"")
        output, errors = process.communicate("stop\n", timeout=20)
        assert (output.strip(), errors, process.returncode) == ("over []", "", 0)
        assert b"event: status\n" in events.read().splitlines(keepends=True)


def test_an_interrupt_stops_the_server_cleanly(page: tuple[subprocess.Popen[str], str]) -> None:
    process, _ = page
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (output.split("\n")[:2], errors, process.returncode) == (["interrupted", "over []"], "", 0)


def test_a_port_in_use_is_found_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=rf"http://127.0.0.1:{port}/: the port is in use.*--port"):
            serve(PageData(MemoryStore()), port=port)


def test_an_address_of_another_machine_is_refused_in_one_line() -> None:
    with pytest.raises(ServingError, match=r"192\.0\.2\.1:0") as caught:
        serve(PageData(MemoryStore()), host="192.0.2.1", port=0, access=Access("x" * 24))
    assert "\n" not in str(caught.value)


def test_importing_does_nothing() -> None:
    program = "import sys, tapeline.web as d; assert 'fastapi' not in sys.modules and 'uvicorn' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
