"""Count what a test session checked, over all its processes, and print the numbers at its end.

A breach fails the session even where the code under test passed over the error.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.aws.conformance.watching import FOLDER, report

_made = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that workers and programs leave their calls in."""
    if not os.environ.get(FOLDER):
        config.stash[_made] = Path(tempfile.mkdtemp(prefix="conformance-"))
        os.environ[FOLDER] = str(config.stash[_made])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session for a breach that no test reported."""
    folder = session.config.stash.get(_made, None)
    if folder is not None and report(folder).breaches and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the numbers, where there were calls."""
    folder = config.stash.get(_made, None)
    if folder is None:
        return
    found = report(folder)
    if found.calls:
        terminalreporter.write_line(str(found))
    for breach in found.breaches[:20]:
        terminalreporter.write_line(f"AWS refuses: {breach}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    folder = config.stash.get(_made, None)
    if folder is not None:
        del os.environ[FOLDER]
        shutil.rmtree(folder, ignore_errors=True)
