"""What a terminal would obey is shown, whoever wrote it and wherever it is printed."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeline.cli import console
from tapeline.error_text import LONGEST_LINE, printable
from tapeline.errors import StorageError

HOSTILE = "a\x1b]0;title\x07\x1b[2J\rb\x9b31m\u202egnp.exe\u2028\x00\x7f\ud800[red]"
SHOWN = r"a\x1b]0;title\x07\x1b[2J\rb\x9b31m\u202egnp.exe\u2028\x00\x7f\ud800[red]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _of_this_width_only() -> Iterator[None]:
    """Let no other test of the process write with the width of these."""
    yield
    console.stdout.cache_clear()
    console.stderr.cache_clear()


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Printed:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "400")
    return Printed(request.param, monkeypatch)


class Printed:
    """Take what a call prints, as a terminal or a pipe would get it."""

    def __init__(self, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.terminal = terminal
        self._monkeypatch = monkeypatch

    def __call__(self, call: Callable[[], object], stream: str = "stdout") -> str:
        with self._monkeypatch.context() as patch:
            file = Terminal() if self.terminal else io.StringIO()
            patch.setattr(sys, stream, file)
            console.stdout.cache_clear()
            console.stderr.cache_clear()
            call()
        return plain(file.getvalue())


def plain(text: str) -> str:
    """Return what was printed without the sequences that Rich itself writes to style it."""
    for code in ("\x1b[1;31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"):
        text = text.replace(code, "")
    return text


def test_an_error_about_a_long_text_says_what_was_wrong_and_what_to_do() -> None:
    text = str(StorageError(f"{'a' * 5000}: is missing; restore it"))
    assert len(text) <= LONGEST_LINE
    assert text.startswith("aaa")
    assert text.endswith(": is missing; restore it")


def test_notices_and_failures_show_what_a_terminal_would_obey(printed: Printed) -> None:
    assert printed(lambda: console.notice(HOSTILE), "stderr") == f"· {SHOWN}\n"
    assert printed(lambda: console.failure(f"{HOSTILE}\nforged: line"), "stderr") == (
        f"tapeline: {SHOWN}\\nforged: line\n"
    )


def test_tables_show_what_a_terminal_would_obey(printed: Printed) -> None:
    rows = [[HOSTILE, 1], ["two\nlines\tand a column", 2]]
    text = printed(lambda: console.print_table(["name", "value"], rows))
    assert SHOWN in text
    assert r"two\nlines\tand a column" in text
    assert len(text.splitlines()) == 3


def test_summaries_and_documents_show_what_a_terminal_would_obey(printed: Printed) -> None:
    values = {"what": HOSTILE, "count": 1234}
    assert printed(lambda: console.print_summary(values, as_json=False)) == f"what   {SHOWN}\ncount  1,234\n"
    document = printed(lambda: console.print_json({"what": HOSTILE})).removesuffix("\n")
    assert document.isascii()
    assert document.isprintable()
    assert json.loads(document) == {"what": HOSTILE}


def test_progress_is_for_terminals_only(printed: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        with console.Ticker("reading", None) as ticker:
            ticker.show(3)

    monkeypatch.setattr(console.time, "monotonic", iter(range(0, 900, 9)).__next__)
    assert bool(printed(work, "stderr")) == printed.terminal


def test_what_is_printed_with_markup_shows_what_a_terminal_would_obey(printed: Printed) -> None:
    text = printed(lambda: console.stdout().print("[bold]model[/] v\x1b[2J is in use\nsecond line"))
    assert text == "model v\\x1b[2J is in use\nsecond line\n"


@given(st.text())
def test_every_text_becomes_printable_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()
    if text.isprintable():
        assert shown == text


def test_a_table_that_is_too_wide_is_folded_and_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    text = Printed(terminal=True, monkeypatch=monkeypatch)(
        lambda: console.print_table(["time", "volume"], [["09:30", "5,028,576"]])
    )
    assert "…" not in text
    assert sorted("".join(text.split())) == sorted("timevolume09:305,028,576")
