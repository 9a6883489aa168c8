"""The package's own functions: their examples run, and a server gives the answers that its data directory gives."""

from __future__ import annotations

import asyncio
import http.server
import inspect
import io
import json
import re
import subprocess
import sys
import textwrap
import threading
import xml.etree.ElementTree
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from email.message import Message
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import START
from tests.stored import served, session_bars
from typer.testing import CliRunner

import tapeline
from tapeline.app import server_requests
from tapeline.app.config import Settings
from tapeline.app.data_directory import open_data_directory
from tapeline.app.expectations import Forecast
from tapeline.app.server_client import ServerClient, parsed_events
from tapeline.cli.main import app
from tapeline.core.market import OHLCV, Bars
from tapeline.core.messages import Commit
from tapeline.core.times import DAY
from tapeline.errors import InputError, NotFoundError, StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.processor import Processor

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
ADDRESS = "http://127.0.0.1:8000"  # in the examples


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, learnable: Bars, range_model: RangeModel) -> Path:
    """A data directory of TSLA and AAPL, with forecasts of the expected move."""
    path = tmp_path_factory.mktemp("door")
    own = learnable[np.flatnonzero(learnable.code < 2)]
    bars = Bars(("TSLA", "AAPL"), own.code, *(getattr(own, name) for name in _COLUMNS))
    with open_data_directory(Settings(data_dir=path), create=True) as directory:
        directory.ranges.save(DEFAULT_NAME, range_model)
        directory.ranges.promote(DEFAULT_NAME, range_model.version, at=0)
        directory.store.commit(Commit(Processor((), range_model=range_model).step(bars).rows, {}, 1))
    return path


_COLUMNS = ("timestamp", "open", "high", "low", "close", "volume", "final")


def test_the_command_says_what_the_package_says_and_how_often_it_held(home: Path) -> None:
    def told(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["forecast", "tsla", "--data-dir", str(home), *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    expected = tapeline.forecast("TSLA", data_dir=home)
    document = json.loads(told("--json"))
    assert (document["words"], document["close"]) == (expected.words, expected.close)
    assert document["horizons"] == {str(bars): fields for bars, fields in expected.horizons.items()}
    assert document["decided"] > 200
    assert list(document["held"]) == ["50", "80", "95"]
    assert sorted(document["held"].values()) == list(document["held"].values())
    text = told()
    assert text.startswith(expected.words)
    assert f"{document['held']['80']:.1%}" in text


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[ServerClient]:
    with served(home) as address:
        yield tapeline.connect(address)


def examples(function: Any) -> list[str]:
    """Return the indented blocks of a docstring, as code."""
    text = inspect.getdoc(function) or ""
    blocks = re.findall(r"(?:^ {4}.*\n?)+", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


@pytest.mark.parametrize("name", [name for name in tapeline.__all__ if name not in ("__version__", "errors")])
def test_the_examples_of_every_function_run(
    name: str, home: Path, server: ServerClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAPELINE_DATA_DIR", str(home))
    function = getattr(tapeline, name)
    function = tapeline.app.expectations.forecast if inspect.ismodule(function) else function  # type: ignore[attr-defined]
    found = examples(function)
    assert found
    bars = session_bars(("TSLA",), START // DAY * DAY, START + DAY)
    times = pd.to_datetime(bars.timestamp, unit="ms", utc=True)
    frame = pd.DataFrame({name: getattr(bars, name) for name in OHLCV} | {"timestamp": times, "symbol": "TSLA"})
    for code in found:
        exec(code.replace(ADDRESS, server.url), {"tapeline": tapeline, "frame": frame, "pd": pd})


def test_the_door_shows_its_functions_and_errors_only() -> None:
    assert dir(tapeline) == sorted(tapeline.__all__) == [*tapeline.__all__]
    assert tapeline.errors.NotFoundError is NotFoundError


def test_a_picture_a_client_and_a_wrong_price_take_one_short_line(home: Path) -> None:
    picture = tapeline.plot(tapeline.load("TSLA", data_dir=home))
    assert len(repr(picture)) < 120 < len(picture.svg)
    assert repr(tapeline.connect(ADDRESS)) == f"<ServerClient of {ADDRESS}>"
    assert repr(tapeline.connect(ADDRESS, asynchronous=True)) == f"<AsyncClient of {ADDRESS}>"
    with pytest.raises(InputError, match="a price is a number above 0, not '240'"):
        tapeline.odds("TSLA", "240", data_dir=home)  # type: ignore[arg-type]


def test_a_price_is_any_real_number_but_no_truth_value(home: Path) -> None:
    exact = tapeline.odds("TSLA", 100.5, data_dir=home)
    assert tapeline.odds("TSLA", Decimal("100.5"), data_dir=home) == exact  # type: ignore[arg-type]
    for wrong in (True, np.True_, float("nan"), None, [100.5]):
        with pytest.raises(InputError, match="a price is a number above 0"):
            tapeline.odds("TSLA", wrong, data_dir=home)  # type: ignore[arg-type]


def test_the_room_of_forecasts_does_not_hide_the_function() -> None:
    code = """
        import os, sys
        import numpy, pyarrow, pydantic, zoneinfo  # once: they take longer than what is tried
        for first in ("", "import tapeline.forecast.horizons", "from tapeline.forecast import HORIZON"):
            if not (child := os.fork()):
                exec(first)
                import tapeline
                os._exit(not (callable(tapeline.forecast) and callable(tapeline.load)))
            assert os.waitpid(child, 0)[1] == 0, first
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_a_server_says_what_its_data_directory_says(home: Path, server: ServerClient) -> None:
    said = tapeline.forecast("tsla", data_dir=home)
    assert isinstance(said, Forecast)
    assert said == server.forecast("tsla")
    assert said.timestamp.tzinfo is UTC
    assert str(said) == said.words
    price = said.horizons[5]["low_95"]
    assert tapeline.odds("TSLA", price, data_dir=home) == server.odds("TSLA", price)
    rule = {"rule": "price > 0", "columns": ["price", "low_80_5", "prediction"], "sort": "-price"}
    pd.testing.assert_frame_equal(tapeline.scan(**rule, data_dir=home), server.scan(**rule))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(tapeline.load("AAPL", data_dir=home), server.load("AAPL"))
    assert {quote["symbol"] for quote in server.symbols()} == {"AAPL", "TSLA"}
    for refused, kind in ((("NOPE",), NotFoundError), (("A B",), InputError)):
        with pytest.raises(kind):
            server.forecast(*refused)
    with pytest.raises(InputError, match="column 7"):
        server.scan("rsi_14")
    with pytest.raises(StorageError, match="is a page served there"):
        tapeline.connect("http://127.0.0.1:9").symbols()


def test_events_come_as_an_iterator_in_both_kinds_of_program(server: ServerClient) -> None:
    with pytest.raises(NotFoundError, match=r"no bars of TSAL \(did you mean TSLA\?\)"):
        next(iter(server.events("TSAL")))
    first = next(iter(server.events("TSLA")))
    assert first.kind in {"quotes", "bars", "status"}

    async def look() -> tuple[Any, Any]:
        client = tapeline.connect(server.url, asynchronous=True)
        async for event in client.events("TSLA"):
            return event, await client.forecast("TSLA")
        raise AssertionError

    event, said = asyncio.run(look())
    assert event.kind in {"quotes", "bars", "status"}
    assert said == server.forecast("TSLA")


def test_events_are_parsed_as_the_standard_has_them() -> None:
    lines = (
        b': hi\nid: 7\nevent: alert\ndata: {"a":\ndata: 1}\n\nevent: beat\ndata:{}\n\nevent: cut\ndata: 1'.splitlines(
            True
        )
    )
    assert [(each.kind, each.data, each.id) for each in parsed_events(lines)] == [
        ("alert", {"a": 1}, "7"),
        ("beat", {}, ""),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"[1]",
        b"null",
        b'"x"',
        b"{}",
        b"[" * 100_000,
        b'event: bars\ndata: {"a":\n\n',
        b"event: bars\ndata: " + b"[" * 100_000 + b"\n\n",
        b"event: " + b"x" * (17 << 20),
        (
            b'{"horizons": 1, "symbol": 1, "interval": 1, "matches": 1, "columns": 1, "matched": 1, "timestamp": "x",'
            b'"price": 1, "words": 1, "close": 1, "within": 1, "touched": 1, "beyond": 1, "model": 1, "is_newest": 1}'
        ),
    ],
    ids=["page", "list", "null", "text", "empty", "deep", "events", "deep event", "endless event", "other form"],
)
def test_what_is_no_server_of_tapeline_is_said_in_one_line(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    events = content.startswith(b"event")

    def answer(*_: Any, **__: Any) -> Any:
        found: Any = io.BytesIO(content)
        found.headers = Message()
        found.headers["Content-Type"] = "text/event-stream" if events else "application/json"
        return found

    monkeypatch.setattr(server_requests._opener, "open", answer)
    client = tapeline.connect(ADDRESS)
    asked: list[Callable[[], Any]] = [
        client.symbols, client.alerts, lambda: client.scan("price > 1"), lambda: client.odds("TSLA", 1.0),
        lambda: client.forecast("TSLA"), lambda: next(client.events()),
    ]  # fmt: skip
    for each in asked:
        with pytest.raises(StorageError):
            each()


def test_a_token_goes_nowhere_but_to_the_address_that_was_given() -> None:
    asked: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{port}/stolen")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        port = other.server_port
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(InputError, match="sends on to http://localhost"):
            tapeline.connect(f"http://127.0.0.1:{port}", "a secret").symbols()
        other.shutdown()
    assert asked == ["/api/v1/symbols"]


@pytest.mark.parametrize("url", ["http://a..b", "http://[::1", f"http://{'a' * 70}.com", "http://\u0130.example"])
def test_an_address_or_a_token_that_cannot_be_sent_is_said_in_one_line(url: str) -> None:
    with pytest.raises(InputError, match="no address"):
        tapeline.connect(url).symbols()
    for token in ("a\nb", "\u20ac"):
        with pytest.raises(InputError, match="token"):
            tapeline.connect(ADDRESS, token)


def test_a_picture_has_a_candle_for_each_bar(home: Path, tmp_path: Path) -> None:
    frame = tapeline.load("TSLA", data_dir=home, indicators=["sma_5"])
    picture = tapeline.plot(frame, lines=["sma_5"], last=40)
    assert picture._repr_svg_().count("<path") == 40
    assert picture.svg.count("<polyline") == 1
    picture.save(tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_text("utf-8") == picture.svg
    small = pd.DataFrame({"date": [datetime(2026, 1, 2, tzinfo=UTC)], "o": [1], "h": [2], "l": [1], "c": [1]})
    assert "2026-01-02" in tapeline.plot(small, title="<b>").svg
    hostile = tapeline.plot(small, title='<b>" onload="x\x1b').svg
    assert "<b>" not in hostile
    assert "onload" not in xml.etree.ElementTree.fromstring(hostile).attrib
    with pytest.raises(InputError, match="need a column open"):
        tapeline.plot(frame.drop(columns="open"))
    with pytest.raises(InputError, match="of one symbol"):
        tapeline.plot(tapeline.load(["TSLA", "AAPL"], data_dir=home))


def test_a_frame_has_indicators_as_methods_once_asked_for() -> None:
    tapeline.extend_pandas()
    frame = pd.DataFrame({"close": np.arange(1.0, 41.0) ** 1.1})
    pd.testing.assert_series_equal(frame.tapeline.rsi(14), tapeline.analyse(frame, "rsi_14")["rsi_14"])
    assert list(frame.tapeline.macd()) == ["macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_hist"]
    assert "rsi" in dir(frame.tapeline)
    with pytest.raises(AttributeError, match="no indicator 'rsy'"):
        frame.tapeline.rsy(14)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("first_look", "is touched within 5 bars"),
        ("day_of_alerts", "times on"),
        ("own_features", "('rsi', 'above_mean', 'range')"),
    ],
)
def test_the_notebooks_run(
    name: str,
    said: str,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: a kernel of its own would take longer than the cells."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAPELINE_DATA_DIR", str(home))
    known: dict[str, Any] = {}
    for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            code = "".join(cell["source"]).replace("SYMBOLS = None", 'SYMBOLS = {"TSLA"}')
            exec(code.replace("ROUNDS = 80", "ROUNDS = 5"), known)
    assert said in capsys.readouterr().out
