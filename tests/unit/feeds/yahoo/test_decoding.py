"""Yahoo's messages and charts, recorded and made up, to the values that are written beside them here by hand."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.local_yahoo.market import Tick
from tests.local_yahoo.server import frame as frame_of

from tapeline.core.market import Bar
from tapeline.core.messages import Action
from tapeline.core.sessions import calendar_of
from tapeline.errors import DecodeError, NoDataError, RateLimitedError, ServerError
from tapeline.feeds.live.venue import Chart, StreamQuote
from tapeline.feeds.live.volume_meter import VolumeMeter
from tapeline.feeds.yahoo import INTERVALS
from tapeline.feeds.yahoo.chart import decode
from tapeline.feeds.yahoo.stream_frames import quote

RECORDED = Path(__file__).parents[3] / "data" / "yahoo"
MINUTE, DAY = 60_000, 86_400_000


def ms(text: str) -> int:
    return int(np.datetime64(text, "ms").astype(np.int64))


# -- the streamer ------------------------------------------------------------------------------------------------------

FRAMES = {
    # recorded; `time`, `day_volume` and `last_size` are zigzag numbers
    "CgdCVEMtVVNEFYoMuUcYwLCVgIplIgNVU0QqA0NDQzApOAFFPWrEP0iAgOrxvANVx/25R12csrRHZYD8skR9/7i0R7ABgIDq8bwD2AEE4AGAgOrxvAPo"
    "AYCA6vG8A/IBA0JUQ4ECAAAAwPrjckGJAgAA2P5ZT3tC": StreamQuote("BTC-USD", 94745.08, 1736509140000, 0),
    # no market_hours, no day_volume: fields that are zero are left out; a price outside regular trading
    "CgRBQVBMFUjhmEMY4Jbi68lnKgNOTVMwCDgARTxEgT5lACBFP9gBBA==": StreamQuote(
        "AAPL", 305.76, 1779437422000, 0, regular=False
    ),
    "CgRUU0xBFR8FKUQYoMyD1ZVeKgNOTVMwCDgBRSLND8BIpvnwDmXAo3jB2AEE": StreamQuote(
        "TSLA", 676.08, 1617815434000, 15605331
    ),
    "CgRES05HFa5HxEEYkJu3uYxoKgNOTVMwCDgBRet8lUBIpqS0BmXwKIw/2AEE": StreamQuote("DKNG", 24.53, 1788377229000, 6719763),
}


@pytest.mark.parametrize(("frame", "said"), FRAMES.items(), ids=[q.symbol for q in FRAMES.values()])
def test_recorded_messages_in_both_envelopes(frame: str, said: StreamQuote) -> None:
    for text in (frame, frame.encode(), json.dumps({"type": "pricing", "message": frame})):
        found = quote(text)
        assert found is not None
        assert (found.symbol, found.time, found.day_volume) == (said.symbol, said.time, said.day_volume)
        assert found.regular == said.regular
        assert found.price == pytest.approx(said.price, abs=0.006)
        assert found.price == round(found.price, 2)  # by price_hint; as float32 it had more digits


def test_messages_of_another_type_are_ignored() -> None:
    assert quote('{"type": "hello"}') is None
    assert quote('{"type": "yaft", "message": "x"}') is None


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "!!!",
        "{",
        "CgRBQVBMFQAAP0M=",
        b"\xff\x00\x01",
        '{"type":"pricing","message":5}',
        base64.b64encode(b"\n\x04"),
    ],
)
def test_a_message_without_a_price_is_rejected_with_a_reason(frame: str | bytes) -> None:
    """The fourth is a recorded one that was cut: it has a symbol and a price and no time."""
    with pytest.raises(DecodeError, match=r"\w+"):
        quote(frame)


def said(symbol: str, volume: int, quote_type: int = 8) -> StreamQuote:
    found = quote(frame_of(Tick(symbol, 1, 1.0, volume), quote_type=quote_type))
    assert found is not None
    return found


def test_volume_is_what_the_running_total_grew_by() -> None:
    meter = VolumeMeter()
    assert meter.size(said("A", 1000), 1) == 0  # the first message says only where the total stands
    assert meter.size(said("A", 1100), 1) == 100
    assert meter.size(said("A", 1050), 1) == 0  # out of order
    assert meter.size(said("A", 1110), 1) == 10
    assert meter.size(said("A", 40), 2) == 40  # a new session begins from nothing
    assert meter.size(said("A", 2000), 1) == 0  # of the session before
    meter.reset()  # the connection was lost: what was traded meanwhile belongs to no one bar
    assert meter.size(said("A", 9000), 2) == 0
    assert meter.size(said("A", 9001), 2) == 1


def test_the_24_hour_volume_of_a_coin_is_not_counted() -> None:
    meter = VolumeMeter()
    assert [meter.size(said("BTC-USD", volume, 41), 1) for volume in (10, 20, 5)] == [0, 0, 0]


# -- charts ------------------------------------------------------------------------------------------------------------


def recorded(name: str, symbol: str, interval: str = "1d", as_of: str = "2026-01-01") -> Chart:
    text = (RECORDED / f"chart-{name}.json").read_text()
    return decode(text, symbol, INTERVALS[interval], calendar_of(symbol), ms(as_of))


def test_a_recorded_chart_with_a_split_and_a_dividend() -> None:
    chart = recorded("AAPL", "AAPL")
    first = next(iter(chart.bars))
    assert first == Bar(
        "AAPL", ms("2020-08-31"), 127.58000183105469, 131.0, 126.0, 129.0399932861328, 225702700.0, final=True
    )
    assert len(chart.bars) == 49
    assert chart.currency == "USD"
    assert chart.actions == (
        Action(ms("2020-08-31"), "split", 4.0),
        Action(ms("2020-11-06"), "dividend", 0.205, "USD"),
    )


def test_a_recorded_chart_in_pence_stays_in_pence() -> None:
    chart = recorded("OCDO.L", "OCDO.L")
    assert list(chart.bars) == [
        Bar("OCDO.L", ms("2020-01-02"), 1279.5, 1286.5699462890625, 1258.0, 1259.5, 728520.0, final=True)
    ]
    assert chart.currency == "GBp"


def test_a_recorded_chart_of_a_coin_and_one_of_frankfurt() -> None:
    coin = recorded("BTC-USD", "BTC-USD")
    assert coin.bars.timestamp.tolist() == [ms("2020-01-01"), ms("2020-01-02"), ms("2020-01-03")]
    assert coin.bars.volume.tolist() == [18565664997.0, 20802083465.0, 28111481032.0]
    shares = recorded("WSU.DE", "WSU.DE")
    # stamped 07:00 UTC by Yahoo; a weekend lies between the first two
    assert shares.bars.timestamp.tolist() == [ms("2023-08-04"), ms("2023-08-07"), ms("2023-08-08")]
    assert shares.bars.close.tolist() == [34.45000076293945, 34.0, 33.20000076293945]
    assert shares.currency == "EUR"


def test_a_recorded_saturday_has_no_bars_and_is_no_error() -> None:
    chart = recorded("AAPL-saturday", "AAPL", "1m")
    assert len(chart.bars) == 0
    assert chart.rejects == ()


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        (
            (
                '{"chart":{"result":null,"error":{"code":"Not Found",'
                '"description":"No data found, symbol may be delisted"}}}'
            ),
            NoDataError,
            "TSLA: No data found, symbol may be delisted",
        ),
        ('{"chart":{"result":[],"error":null}}', NoDataError, "TSLA: Yahoo has no prices"),
        ("Edge: Too Many Requests", RateLimitedError, None),
        ("<html>Will be right back...</html>", ServerError, "TSLA: the answer is no chart: '<html>"),
        ('{"chart"', ServerError, "no chart"),
    ],
)
def test_answers_without_a_chart(text: str, error: type[Exception], reason: str | None) -> None:
    with pytest.raises(error, match=reason):
        decode(text, "TSLA", INTERVALS["1m"], calendar_of("TSLA"), ms("2026-01-01"))


OPEN = ms("2019-02-11T14:30")


def chart(
    rows: list[tuple[Any, ...]],
    as_of: int = OPEN + 390 * MINUTE,
    interval: str = "1m",
    *,
    extended: bool = False,
    periods: dict[str, Any] | None = None,
) -> Chart:
    """A made-up answer: (minutes behind the open, open, high, low, close, volume) each."""
    names = ("open", "high", "low", "close", "volume")
    quote_ = {name: [row[1 + i] for row in rows] for i, name in enumerate(names)}
    result = {
        "meta": {"currency": "USD", "exchangeTimezoneName": "America/New_York", "priceHint": 2},
        "timestamp": [int((OPEN + row[0] * MINUTE) // 1000) for row in rows],
        "indicators": {"quote": [quote_]},
    }
    if periods is not None:
        result["meta"]["tradingPeriods"] = periods
    text = json.dumps({"chart": {"result": [result], "error": None}})
    return decode(text, "TSLA", replace(INTERVALS[interval], extended=extended), calendar_of("TSLA"), as_of)


def minutes(found: Chart) -> list[int]:
    return ((found.bars.timestamp - OPEN) // MINUTE).tolist()


ROW = (10.0, 11.0, 9.0, 10.5, 100)


def test_a_row_of_nulls_is_a_bar_without_a_trade() -> None:
    found = chart([(0, *ROW), (1, None, None, None, None, None), (2, *ROW)])
    assert minutes(found) == [0, 2]
    assert found.rejects == ()


def test_a_row_with_some_nulls_is_rejected() -> None:
    found = chart([(0, *ROW), (1, 10.0, None, 9.0, 10.0, 5)])
    assert minutes(found) == [0]
    assert "NaN" in found.rejects[0].reason
    assert json.loads(found.rejects[0].raw)["high"] is None


def test_a_missing_volume_is_zero() -> None:
    assert chart([(0, 10.0, 11.0, 9.0, 10.0, None), (1, 10.0, 11.0, 9.0, 10.0, 0)]).bars.volume.tolist() == [0, 0]


def test_the_last_bar_is_final_only_when_its_grace_is_over() -> None:
    grace = INTERVALS["1m"].grace
    assert chart([(0, *ROW)], OPEN + MINUTE + grace - 1).bars.final.tolist() == [False]
    assert chart([(0, *ROW)], OPEN + MINUTE + grace).bars.final.tolist() == [True]


def test_the_live_price_between_two_bars_is_left_out_and_any_other_such_row_is_rejected() -> None:
    found = chart([(0, *ROW), (1.4, *ROW)])
    assert (minutes(found), found.rejects) == ([0], ())
    found = chart([(0, *ROW), (1.4, *ROW), (2, *ROW)])
    assert minutes(found) == [0, 2]
    assert "not at the start of a 1m bar" in found.rejects[0].reason


def test_the_last_complete_one_of_several_rows_for_a_bar_counts() -> None:
    found = chart([(0, *ROW), (1, *ROW), (1, 10.0, 12.0, 9.0, 11.0, 300), (1, None, None, None, None, None)])
    assert minutes(found) == [0, 1]
    assert found.bars.volume.tolist() == [100, 300]


def test_rows_outside_the_session_are_left_out_and_one_stamped_with_the_close_too() -> None:
    found = chart([(-5, *ROW), (389, *ROW), (390, *ROW), (400, *ROW)], OPEN + DAY)
    assert minutes(found) == [389]


@pytest.mark.parametrize("named", [True, False], ids=["the answer names its sessions", "the calendar knows them"])
def test_with_extended_hours_pre_market_and_after_hours_are_bars_and_the_night_is_not(*, named: bool) -> None:
    """Yahoo names the sessions of such an answer in three lists, each a list of lists."""
    edges = {"pre": (-330, 0), "regular": (0, 390), "post": (390, 630)}
    periods = {
        name: [[{"start": (OPEN + start * MINUTE) // 1000, "end": (OPEN + end * MINUTE) // 1000}]]
        for name, (start, end) in edges.items()
    }
    rows = [(minute, *ROW) for minute in (-331, -330, -1, 0, 389, 390, 629, 630)]
    found = chart(rows, OPEN + DAY, extended=True, periods=periods if named else None)
    assert minutes(found) == [-330, -1, 0, 389, 390, 629]
    assert found.rejects == ()
    assert minutes(chart(rows, OPEN + DAY, periods=periods if named else None)) == [0, 389]
    half_hours = [(minute, *ROW) for minute in (-330, -315, -15, 0, 375, 390)]  # 30m are made of 15m
    assert minutes(chart(half_hours, OPEN + DAY, "30m", extended=True)) == [-330, -30, 0, 360, 390]


def test_a_missing_closing_auction_is_not_a_gap() -> None:
    """Yahoo has no bar for the last minute at times: nothing is made up for it."""
    assert minutes(chart([(387, *ROW), (388, *ROW)], OPEN + DAY)) == [387, 388]


def test_impossible_and_future_rows_are_rejected_and_the_others_stay() -> None:
    found = chart(
        [(0, 10.0, 8.0, 9.0, 10.0, 5), (1, -1.0, 11.0, 9.0, 10.0, 5), (2, *ROW), (200, *ROW)], OPEN + 3 * MINUTE
    )
    assert minutes(found) == [2]
    assert [reject.reason for reject in found.rejects] == [
        "high is below low", "a price is zero or negative", "the timestamp is in the future",
    ]  # fmt: skip


def test_bars_of_ninety_minutes_are_joined_from_the_open() -> None:
    """The half bar at the end of the session is one too."""
    found = chart([(0, *ROW), (90, *ROW), (180, *ROW), (270, *ROW), (360, *ROW)], OPEN + DAY, "90m")
    assert minutes(found) == [0, 90, 180, 270, 360]
    assert found.bars.final.all()
