"""What blocks runs in a thread; a thread that never answers is a failure and not a wait without end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from tapeline.errors import FeedError
from tapeline.feeds.live import worker_threads
from tapeline.feeds.live.worker_threads import call_in_loop, in_thread


class Losing(Executor):
    """Loses all work, as a pool does whose thread died before it could say so."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


def test_the_call_runs_in_another_thread_and_its_result_comes_back() -> None:
    found, which = asyncio.run(in_thread(None, lambda text: (text, threading.get_ident()), "said"))
    assert found == "said"
    assert which != threading.get_ident()


def test_lost_work_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_threads, "LONGEST", 0.01)
    with pytest.raises(FeedError, match="has not answered"):
        asyncio.run(in_thread(Losing(), str))


def test_an_error_of_the_call_comes_back_as_it_is() -> None:
    def late() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        asyncio.run(in_thread(None, late))


def test_a_loop_that_has_ended_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    loop = asyncio.new_event_loop()
    call_in_loop(loop, lambda: called.append("while it ran"))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    with monkeypatch.context() as patched:
        patched.setattr(loop, "is_closed", lambda: False)  # as it was when it was asked
        call_in_loop(loop, lambda: called.append("after its end"))
    assert called == ["while it ran"]
