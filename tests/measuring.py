"""Measure what tests take, and keep it in `slow.txt`: `python -m pytest -n 2 -p tests.measuring` writes its lines anew.

It names each test function whose cases together take `SLOW` seconds or more of CPU, those of its ended child processes
included. `make check` leaves these out, and `make test` begins with the files of which they take most, so that no core
is left with a long file when the others are done.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("slow.txt")
SLOW = 0.3

_used: dict[str, float] = defaultdict(float)
_started: dict[str, float] = {}
_ran: set[str] = set()


@cache
def slow_tests() -> dict[str, float]:
    """Return the seconds of each test that is slow, by its id without parameters."""
    lines = (line.split() for line in LIST.read_text().splitlines() if not line.startswith("#"))
    return {name: float(seconds) for seconds, name in lines}


def is_there(name: str) -> bool:
    """Return whether there is a test function of this id."""
    path, _, function = name.partition("::")
    file = LIST.parents[1] / path
    return file.is_file() and f"\ndef {function}(" in file.read_text()


def mark_and_sort(items: list[pytest.Item]) -> None:
    """Mark the slow tests, and put the files first that take longest."""
    known, files = slow_tests(), defaultdict[str, float](float)
    for name, seconds in known.items():
        files[name.partition("::")[0]] += seconds
    for item in items:
        if function_of(item.nodeid) in known:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: -files[item.nodeid.partition("::")[0]])


def function_of(nodeid: str) -> str:
    return nodeid.partition("[")[0]


def _seconds() -> float:
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _started[item.nodeid] = _seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    item.user_properties.append(("cpu", _seconds() - _started.pop(item.nodeid)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and not report.skipped:
        _ran.add(report.nodeid)
    if report.when == "teardown" and report.nodeid in _ran:
        _used[function_of(report.nodeid)] += float(str(dict(report.user_properties)["cpu"]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    found = {name: seconds for name, seconds in slow_tests().items() if name not in _used and is_there(name)}
    found |= {name: seconds for name, seconds in _used.items() if seconds >= SLOW}
    lines = [f"{seconds:.1f} {name}\n" for name, seconds in sorted(found.items())]
    LIST.write_text("# Seconds of CPU: see measuring.py\n" + "".join(lines))
