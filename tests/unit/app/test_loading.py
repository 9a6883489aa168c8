"""Test that bars are the same in every kind of frame, and from a data directory as from a server that has one."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.conftest import START
from tests.stored import fill, opened, served, session_bars

import tapeline
from tapeline.app import server_bars
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import (
    InputError,
    MissingLibraryError,
    NotFoundError,
    NotPossibleError,
    SpecError,
    StorageError,
)
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.resampled_rows import ResampledRows

STEP = 15 * MINUTE
SPECS = ["sma_20", "macd_5_8_3"]
OUTPUTS = ["sma_20", "macd_5_8_3", "macd_5_8_3_signal", "macd_5_8_3_hist"]
BARS = ["open", "high", "low", "close", "volume", "final"]
TOKEN = "a-token-of-24-characters-or-more"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bars = session_bars(("AAPL", "BTC-USD"), START // DAY * DAY, START // DAY * DAY + 20 * DAY, STEP)
    daily = session_bars(("SPY",), START // DAY * DAY, START // DAY * DAY + 20 * DAY, DAY)
    return fill(tmp_path_factory.mktemp("loading"), bars, daily)


@pytest.fixture(scope="module")
def url(path: Path) -> Iterator[str]:
    with served(path) as url:
        yield url


def test_a_frame_has_the_view_of_the_store(path: Path) -> None:
    found = tapeline.load("AAPL", indicators=SPECS, data_dir=path)
    with opened(path) as directory:
        rows = IndicatorView(directory.store).rows("AAPL", SPECS)
    assert list(found.columns) == ["symbol", *BARS, "prediction", "probability", *OUTPUTS]
    assert str(found.index.dtype) == "datetime64[ms, UTC]"
    assert found.index.name == "timestamp"
    np.testing.assert_array_equal(found.index.asi8, rows.bars.timestamp)
    for name in BARS:
        np.testing.assert_array_equal(found[name], getattr(rows.bars, name))
    np.testing.assert_array_equal(found[OUTPUTS].to_numpy(), rows.indicator)
    said = rows.prediction > 0
    np.testing.assert_array_equal(found["prediction"].notna(), said)
    np.testing.assert_array_equal(found["probability"].to_numpy()[said], rows.probability[said])


def test_candles_have_indicators_over_all_history_and_no_forecasts(path: Path) -> None:
    found = tapeline.load("BTC-USD", interval="1d", indicators=["sma_5"], data_dir=path, start="2019-02-15")
    with opened(path) as directory:
        rows = IndicatorView(ResampledRows(directory.store, STEP, DAY)).rows("BTC-USD", ["sma_5"])[4:]
    assert list(found.columns) == ["symbol", *BARS, "sma_5"]
    assert found.index[0] == pd.Timestamp("2019-02-15", tz="UTC")
    np.testing.assert_array_equal(found["sma_5"], rows.indicator[:, 0])
    assert found["sma_5"].notna().all(), "warm from the days before"


def test_every_kind_of_frame_has_the_same_values(path: Path) -> None:
    arrow = tapeline.load(["BTC-USD", "AAPL"], indicators=SPECS, data_dir=path, to="arrow")
    assert isinstance(arrow, pa.Table)
    assert arrow.column_names[:2] == ["symbol", "timestamp"]
    symbols = arrow.column("symbol").to_pylist()
    assert symbols == sorted(symbols, reverse=True), "in the order that was asked for"
    polars = tapeline.load(["BTC-USD", "AAPL"], indicators=SPECS, data_dir=path, to="polars")
    assert isinstance(polars, pl.DataFrame)
    assert polars.equals(pl.DataFrame(arrow))
    frame = tapeline.load(["BTC-USD", "AAPL"], indicators=SPECS, data_dir=path)
    pd.testing.assert_frame_equal(frame.reset_index()[arrow.column_names], arrow.to_pandas())
    absent = arrow.column("sma_20").slice(0, 19)
    assert absent.null_count == 19


@pytest.mark.parametrize("interval", [None, "1h", "1d", "1w", "1mo"])
def test_a_server_gives_what_its_data_directory_gives(
    path: Path, url: str, interval: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_bars, "_PAGE", 100)
    wanted: dict[str, Any] = {
        "interval": interval, "indicators": SPECS, "start": "2019-02-12T15:00", "end": "2019-03-02", "to": "arrow"
    }  # fmt: skip
    here = tapeline.load(["AAPL", "BTC-USD"], data_dir=path, **wanted)
    assert len(here) > (100 if interval in {None, "1h"} else 0)
    assert tapeline.load(["AAPL", "BTC-USD"], url=url, **wanted) == here
    assert tapeline.load(["AAPL", "BTC-USD"], data_dir=f"{url}/", **wanted) == here


def test_symbols_of_different_intervals_share_a_frame(path: Path, url: str) -> None:
    for where in ({"data_dir": path}, {"url": url}):
        found = tapeline.load(["AAPL", "SPY"], interval="1d", **where)
        assert found.groupby("symbol").size().to_dict() == {"AAPL": 14, "SPY": 14}
        assert found[found["symbol"] == "AAPL"]["prediction"].isna().all()
        assert found[found["symbol"] == "SPY"]["prediction"].notna().any()


def test_a_span_without_bars_is_an_empty_frame_with_all_columns(path: Path, url: str) -> None:
    for where in ({"data_dir": path}, {"url": url}):
        found = tapeline.load("AAPL", indicators=["sma_20"], start="2030-01-01", to="arrow", **where)
        assert len(found) == 0
        assert found.column_names == ["symbol", "timestamp", *BARS, "prediction", "probability", "sma_20"]
        assert found.schema.field("sma_20").type == pa.float64()


def test_a_server_that_wants_a_token_is_given_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(path, TOKEN) as url:
        with pytest.raises(InputError, match=r"log in.*; pass token=\.\.\., or set TAPELINE_PAGE__TOKEN"):
            tapeline.load("AAPL", url=url)
        found = tapeline.load("AAPL", url=url, token=TOKEN)
        monkeypatch.setenv("TAPELINE_PAGE__TOKEN", TOKEN)
        assert tapeline.load("AAPL", url=url).equals(found)


def test_what_cannot_be_loaded_is_one_line_that_says_why(path: Path, url: str, tmp_path: Path) -> None:
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (NotFoundError, r"no rows of AAPLE in .*; did you mean AAPL\?", {"symbols": "AAPLE", "data_dir": path}),
        (NotFoundError, "there are no bars of AAPLE", {"symbols": "AAPLE", "url": url}),
        (NotPossibleError, "AAPL at 5m: the bars are 15m long", {"interval": "5m", "data_dir": path}),
        (NotPossibleError, "the bars are 15m long; intervals to", {"interval": "5m", "url": url}),
        (SpecError, "there is no indicator 'smaa_5': did you mean", {"indicators": ["smaa_5"], "url": url}),
        (StorageError, "no data here yet", {"data_dir": tmp_path}),
        (StorageError, r"http://127.0.0.1:9/api/v1: no answer \(.*\); is a page served", {"url": "http://127.0.0.1:9"}),
        (InputError, "is no address of a server", {"url": "ftp://127.0.0.1"}),
        (InputError, "'excel' is no kind of frame; write pandas, polars, arrow", {"to": "excel", "data_dir": path}),
        (InputError, "'soon' is no time", {"start": "soon", "data_dir": path}),
        (InputError, "no symbol is named", {"symbols": [], "data_dir": path}),
        (NotPossibleError, "a server gives bars as they are now", {"as_known": True, "url": url}),
    ]
    for kind, said, wanted in cases:
        with pytest.raises(kind, match=said) as caught:
            tapeline.load(**({"symbols": "AAPL"} | wanted))
        assert "\n" not in str(caught.value)


def test_a_frame_whose_library_is_missing_names_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, library, None)
        said = f"to='{library}' needs the package {library}: pip install {library}, or write to='arrow'"
        with pytest.raises(MissingLibraryError, match=f"^{said}$"):
            tapeline.load("AAPL", data_dir=path, to=library)
    with pytest.raises(MissingLibraryError, match=r"need the package pandas: pip install pandas$"):
        tapeline.extend_pandas()


def test_a_damaged_block_is_a_warning(path: Path, tmp_path: Path) -> None:
    fill(tmp_path, session_bars(("AAPL",), START // DAY * DAY, START + 3 * DAY, STEP))
    with opened(tmp_path) as directory, directory.database.transaction() as connection:
        connection.execute("UPDATE blocks SET payload = zeroblob(100)")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(tapeline.load("AAPL", data_dir=tmp_path)) == 0
    assert any("block" in str(warning.message) for warning in caught)


def test_the_public_names_are_loaded_when_they_are_used() -> None:
    assert {"analyse", "load", "resample"} <= set(tapeline.__all__)
    assert tapeline.load is importlib.import_module("tapeline.app.loading").load
