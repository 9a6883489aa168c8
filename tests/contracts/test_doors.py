"""What holds at every door through which bars and symbols come in: files, frames, a venue, S3, and what people type."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import tapeline
from tapeline.alerts.grammar import parse_rule
from tapeline.app.data_directory import watchlist_in
from tapeline.app.frame_calendars import calendars_of_frame
from tapeline.app.frame_columns import open_frame
from tapeline.app.frame_rows import FrameOptions, frame_bars
from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.backends.aws.sagemaker_job_plan import TrainingOptions, plan_training
from tapeline.cli.bar_files import calendars_of
from tapeline.cli.main import app
from tapeline.core.market import Bars
from tapeline.core.sessions import calendar_of, exchange_of
from tapeline.core.times import DAY
from tapeline.feeds.files import FileSource
from tapeline.feeds.live.watchlist import symbols_of
from tapeline.feeds.yahoo.chart import decode
from tapeline.feeds.yahoo.chart_intervals import INTERVALS
from tapeline.web import PageData
from tests.aws.conftest import REGION
from tests.stored import fill, opened
from tests.web_site import client_of

#: Monday to Thursday, midnight UTC.
DAYS = [1_709_510_400_000 + day * DAY for day in range(4)]

#: Rows of a series: index of the day, close, volume (None: not given). Prices of a bar are all the same here.
Row = tuple[int, float, float | None]
Door = Callable[[str, list[Row]], dict[int, tuple[float, float]]]


def frame_of(symbol: str, rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame({
        "symbol": symbol, "timestamp": [DAYS[day] for day, _, _ in rows],
        **{name: [close for _, close, _ in rows] for name in ("open", "high", "low", "close")},
        "volume": [volume for _, _, volume in rows],
    })  # fmt: skip
    return frame.drop(columns="volume") if all(volume is None for _, _, volume in rows) else frame


def found(bars: Bars) -> dict[int, tuple[float, float]]:
    return {(bar.timestamp - DAYS[0]) // DAY: (bar.close, bar.volume) for bar in bars}


@pytest.fixture(params=["csv", "parquet", "frame", "yahoo", "s3"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Door:
    """Return what takes rows in, and gives the bars that came of them: index of the day -> (close, volume)."""

    def of_file(ending: str, write: Callable[[pd.DataFrame, Path], None]) -> Door:
        def read(symbol: str, rows: list[Row]) -> dict[int, tuple[float, float]]:
            path = tmp_path / f"rows.{ending}"
            write(frame_of(symbol, rows), path)
            return found(Bars.concat([delivery.bars for delivery in FileSource([path]).deliveries("")]))

        return read

    def frame(symbol: str, rows: list[Row]) -> dict[int, tuple[float, float]]:
        table = tapeline.analyse(frame_of(symbol, rows), "ema_1")
        good = table[~np.isnan(table["ema_1"])]
        volume = table["volume"].fillna(0.0) if "volume" in table else table["ema_1"] * 0
        return {
            int(time - DAYS[0]) // DAY: (close, amount)
            for time, close, amount in zip(good["timestamp"], good["ema_1"], volume[good.index], strict=True)
        }

    def yahoo(symbol: str, rows: list[Row]) -> dict[int, tuple[float, float]]:
        closes = [None if math.isnan(close) else close for _, close, _ in rows]
        quote: dict[str, Any] = dict.fromkeys(("open", "high", "low", "close"), closes)
        if any(volume is not None for _, _, volume in rows):
            quote["volume"] = [volume for _, _, volume in rows]
        result = {
            "meta": {"exchangeTimezoneName": "UTC"}, "timestamp": [DAYS[day] // 1000 for day, _, _ in rows],
            "indicators": {"quote": [quote]},
        }  # fmt: skip
        text = json.dumps({"chart": {"result": [result], "error": None}})
        return found(decode(text, symbol, INTERVALS["1d"], calendar_of(symbol), DAYS[-1] + 9 * DAY).bars)

    def s3(symbol: str, rows: list[Row]) -> dict[int, tuple[float, float]]:
        client = boto3.client("s3")
        path = tmp_path / "rows.csv"
        frame_of(symbol, rows).to_csv(path, index=False)
        done = CliRunner().invoke(app, ["upload", str(path), "--bucket", "bucket", "--interval", "1d"])
        series = S3Archive(client, "bucket").load(symbol, "1d")
        assert series is not None or done.exit_code == 1, done.output
        return {} if series is None else found(series.bars)

    if request.param == "s3":
        request.getfixturevalue("aws")
        boto3.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    doors: dict[str, Door] = {
        "csv": of_file("csv", lambda table, path: table.to_csv(path, index=False)),
        "parquet": of_file("parquet", lambda table, path: table.to_parquet(path, index=False)),
        "frame": frame, "yahoo": yahoo, "s3": s3,
    }  # fmt: skip
    return doors[request.param]


# -- bars --------------------------------------------------------------------------------------------------------------


def test_the_last_complete_one_of_repeated_rows_counts(door: Door) -> None:
    rows = [(0, 10.0, 5.0), (1, 11.0, 1.0), (1, 12.0, 6.0), (1, math.nan, 9.0), (2, 13.0, 7.0)]
    assert door("AAPL", rows) == {0: (10.0, 5.0), 1: (12.0, 6.0), 2: (13.0, 7.0)}


@pytest.mark.parametrize("amounts", [(None, None, None), (5.0, None, 7.0)])
def test_an_absent_volume_is_0(door: Door, amounts: tuple[float | None, ...]) -> None:
    rows = [(day, 10.0 + day, amount) for day, amount in enumerate(amounts)]
    assert door("^GSPC", rows) == {day: (10.0 + day, amount or 0.0) for day, amount in enumerate(amounts)}


def test_only_an_instrument_that_may_has_a_negative_price(door: Door) -> None:
    rows = [(0, 18.27, 5.0), (1, -37.63, 6.0), (2, 10.01, 7.0)]
    assert [close for close, _ in door("CL=F", rows).values()] == [18.27, -37.63, 10.01]
    assert 1 not in door("AAPL", rows)


# -- symbols -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with a bar of AAPL and of BACpL, and of one that an earlier version kept as `old`."""
    times = np.array(DAYS[:1] * 3, np.int64)
    price, code = np.ones(3), np.arange(3, dtype=np.int32)
    bars = Bars(("AAPL", "BACpL", "old"), code, times, price, price, price, price, price, np.ones(3, np.bool_))
    return fill(tmp_path_factory.mktemp("stored") / "data", bars)


def from_a_file(text: str, folder: Path, _: Path) -> str:
    path = folder / "rows.csv"
    frame_of(text, [(0, 1.0, 1.0), (1, 1.0, 1.0)]).to_csv(path, index=False)
    [symbol] = FileSource([path]).scan().files[0].symbols
    return symbol


def from_the_option_symbol(text: str, folder: Path, _: Path) -> str:
    path, out = folder / "rows.csv", folder / "out.csv"
    frame_of("X", [(0, 1.0, 1.0), (1, 1.0, 1.0)]).drop(columns="symbol").to_csv(path, index=False)
    assert CliRunner().invoke(app, ["indicators", str(path), "--symbol", text, "--out", str(out)]).exit_code == 0
    return str(pd.read_csv(out)["symbol"][0])


def from_a_frame(text: str, folder: Path, stored: Path) -> str:
    frame = open_frame(frame_of(text, [(0, 1.0, 1.0)]))
    return frame_bars(frame, frozenset(), FrameOptions()).bars.symbols[0]


def from_the_argument_symbol(text: str, folder: Path, stored: Path) -> str:
    frame = open_frame(frame_of("X", [(0, 1.0, 1.0)]))
    return frame_bars(frame, frozenset(), FrameOptions(symbol=text)).bars.symbols[0]


def from_the_watch_list(text: str, folder: Path, stored: Path) -> str:
    assert CliRunner().invoke(app, ["symbols", "add", text, "--data-dir", str(folder)]).exit_code == 0
    return watchlist_in(folder).load()[0]


def from_the_collectors_setting(text: str, folder: Path, stored: Path) -> str:
    return symbols_of(text)[0]


def from_an_alert_rule(text: str, folder: Path, stored: Path) -> str:
    return parse_rule(f"close > 5 for {text}").symbols[0]


def from_the_api(text: str, folder: Path, stored: Path) -> str:
    with opened(stored) as directory, client_of(PageData(directory.store)) as client:
        assert client.document(f"/predictions?symbol={text}") is not None
        return str(client.document(f"/symbols/{text}/bars")["symbol"])


def from_a_command(text: str, folder: Path, stored: Path) -> str:
    done = CliRunner().invoke(app, ["show", text, "--data-dir", str(stored), "--json"])
    return str(json.loads(done.stdout)[0]["stock_symbol"])


def from_an_export(text: str, folder: Path, stored: Path) -> str:
    out = folder / "out.csv"
    done = CliRunner().invoke(app, ["export", text, "--data-dir", str(stored), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return str(pd.read_csv(out)["symbol"][0])


def from_a_training_job(text: str, folder: Path, stored: Path) -> str:
    request = plan_training("job", TrainingOptions("bucket", "image", "role", symbols=(text,)))
    return str(request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]).rpartition("symbol=")[2].strip("/")


WAYS_IN = (
    from_a_file, from_the_option_symbol, from_a_frame, from_the_argument_symbol, from_the_watch_list,
    from_the_collectors_setting, from_an_alert_rule, from_a_training_job,
)  # fmt: skip
WAYS_TO_THE_STORED = (from_the_api, from_a_command, from_an_export)


@pytest.mark.parametrize("way", [*WAYS_IN, *WAYS_TO_THE_STORED], ids=lambda way: way.__name__)
@pytest.mark.parametrize(("text", "kept"), [("aapl", "AAPL"), ("BACpL", "BACpL")])
def test_a_symbol_is_kept_in_upper_case_unless_its_exchange_distinguishes(
    way: Callable[[str, Path, Path], str], text: str, kept: str, tmp_path: Path, stored: Path
) -> None:
    assert way(text, tmp_path, stored) == kept


@pytest.mark.parametrize("way", WAYS_TO_THE_STORED, ids=lambda way: way.__name__)
def test_a_symbol_that_an_earlier_version_kept_otherwise_is_still_reached(
    way: Callable[[str, Path, Path], str], tmp_path: Path, stored: Path
) -> None:
    assert way("old", tmp_path, stored) == "old"


# -- calendars ---------------------------------------------------------------------------------------------------------


def calendars_at_every_door(folder: Path, symbol: str, days: list[int]) -> set[str]:
    """Return the calendars by which a file, a frame, and everything stored or live takes this symbol to trade."""
    frame = frame_of(symbol, [(0, 1.0, 1.0)] * len(days)).assign(timestamp=[DAYS[0] + day * DAY for day in days])
    path = folder / "rows.csv"
    frame.to_csv(path, index=False)
    own = exchange_of(symbol)
    in_a_frame = frame_bars(open_frame(frame), frozenset(), FrameOptions())
    return {
        calendars_of(FileSource([path])).get(symbol, own),
        calendars_of_frame(in_a_frame, FrameOptions()).get(symbol, own),
    }


@pytest.mark.parametrize(
    ("symbol", "calendar"),
    [
        ("VOD.L", "XLON"), ("LSE:VOD", "XLON"), ("600519.SH", "XSHG"), ("BTCUSDT", "24/7"), ("BINANCE:BTCUSDT", "24/7"),
        ("EURUSD", "24/5"), ("NYMEX:CL1!", "CMES"), ("CL1!", "CMES"), ("AAPL", "XNYS"),
    ],
)  # fmt: skip
def test_the_form_of_a_symbol_tells_its_calendar(symbol: str, calendar: str, tmp_path: Path) -> None:
    assert exchange_of(symbol) == calendar
    assert calendars_at_every_door(tmp_path, symbol, [0, 1, 2, 3]) == {calendar}


def test_bars_on_a_weekend_tell_the_calendar_of_a_symbol_whose_form_does_not(tmp_path: Path) -> None:
    assert calendars_at_every_door(tmp_path, "TSTCOIN", [3, 4, 5, 6, 7]) == {"24/7"}
    assert calendars_at_every_door(tmp_path, "TSTCOIN", [0, 1, 2, 3, 4]) == {"XNYS"}
