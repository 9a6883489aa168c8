"""Jumps of a price that look like splits are named, and prices are scaled for them on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeline.core.market import Bar
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource, ReadOptions
from tapeline.feeds.files.splits import read_splits

HEAD = "symbol,date,open,high,low,close,volume\n"

#: A is split 4 for 1 on the 6th, B joins ten shares to one on the 7th, and C falls by a third.
DAYS = {
    "A": {"04": (400, 10), "05": (404, 11), "06": (101, 40), "07": (100, 44)},
    "B": {"04": (2, 700), "05": (2.1, 600), "06": (2, 500), "07": (20, 50)},
    "C": {"04": (30, 7), "05": (20, 7), "06": (20, 7), "07": (21, 7)},
}
IN_NEW_SHARES = {
    "A": [(100, 40), (101, 44), (101, 40), (100, 44)],
    "B": [(20, 70), (21, 60), (20, 50), (20, 50)],
    "C": [(30, 7), (20, 7), (20, 7), (21, 7)],
}


def rows(order: str) -> str:
    lines = [
        (symbol, day, f"{symbol},2024-03-{day},{price},{price},{price},{price},{volume}\n")
        for symbol, days in DAYS.items() for day, (price, volume) in days.items()
    ]  # fmt: skip
    if order == "by time":
        lines.sort(key=lambda line: line[1])
    if order == "newest first":
        lines.reverse()
    return HEAD + "".join(line for _, _, line in lines)


def read(path: Path, adjust: str = "") -> tuple[dict[str, list[tuple[float, float]]], FileSource]:
    source = FileSource([path], options=ReadOptions(adjust=adjust))
    bars: list[Bar] = [bar for delivery in source.deliveries("") for bar in delivery.bars]
    return {name: [(bar.close, bar.volume) for bar in bars if bar.symbol == name] for name in sorted(DAYS)}, source


@pytest.fixture(params=["by symbol", "by time", "newest first"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    found = tmp_path / "bars.csv"
    found.write_text(rows(request.param))
    return found


def test_jumps_are_named_with_their_ratio_in_any_order_of_rows(path: Path) -> None:
    found, source = read(path)
    assert found == {name: list(days.values()) for name, days in DAYS.items()}
    assert sorted(map(str, source.scan().files[0].jumps)) == [
        "A goes from 404 to 101 on 2024-03-06, as an unadjusted 4-for-1 split does",
        "B goes from 2 to 20 on 2024-03-07, as an unadjusted 1-for-10 split does",
    ]


def test_prices_and_volumes_before_a_detected_split_are_in_the_new_shares(path: Path) -> None:
    found, source = read(path, "detected")
    assert found == {name: [pytest.approx(pair) for pair in pairs] for name, pairs in IN_NEW_SHARES.items()}
    assert len(source.scan().files[0].jumps) == 2  # what was done is still said


def test_prices_are_scaled_for_the_splits_in_a_file(path: Path, tmp_path: Path) -> None:
    actions = tmp_path / "actions.csv"
    actions.write_text("ticker,Date,Split\na,2024-03-06,4:1\nB,2024-03-07,0.1\nZ,2024-03-05,2\nC,2024-03-05,0\n")
    found, source = read(path, str(actions))
    assert found == {name: [pytest.approx(pair) for pair in pairs] for name, pairs in IN_NEW_SHARES.items()}
    assert source.scan().files[0].jumps == ()


def test_the_actions_of_yfinance_are_a_file_of_splits(tmp_path: Path) -> None:
    bars, actions = tmp_path / "A.csv", tmp_path / "actions.csv"
    bars.write_text("date,open,high,low,close,volume\n2024-03-05,4,4,4,4,10\n2024-03-06,1,1,1,1,40\n")
    actions.write_text(
        "Date,Dividends,Stock Splits\n2024-03-04 00:00:00-05:00,1,0.0\n2024-03-06 00:00:00-05:00,0.0,4.0\n"
    )
    source = FileSource([bars], options=ReadOptions(adjust=str(actions)))
    assert [bar.close for delivery in source.deliveries("") for bar in delivery.bars] == [1.0, 1.0]


def test_a_split_within_bars_of_minutes_is_at_the_beginning_of_its_session(tmp_path: Path) -> None:
    path, actions = tmp_path / "MSFT.csv", tmp_path / "splits.csv"
    times = ["2024-03-05T20:58Z", "2024-03-05T20:59Z", "2024-03-06T00:30Z", "2024-03-06T14:30Z", "2024-03-06T14:31Z"]
    path.write_text("time,open,high,low,close,volume\n" + "".join(f"{time},8,8,8,8,2\n" for time in times))
    actions.write_text("date,split\n2024-03-06,4\n")
    source = FileSource([path], options=ReadOptions(adjust=str(actions)))
    closes = [bar.close for delivery in source.deliveries("") for bar in delivery.bars]
    assert closes == [2, 2, 2, 8, 8]  # the third is after hours of the session before


def test_splits_without_a_symbol_are_not_for_files_of_several(path: Path, tmp_path: Path) -> None:
    actions = tmp_path / "splits.csv"
    actions.write_text("date,split\n2024-03-06,4\n")
    source = FileSource([path], options=ReadOptions(adjust=str(actions)))
    source.scan()
    assert "the file of splits needs a column symbol" in source.problems[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,price\n2024-03-04,3\n", "is no file of splits: it needs the columns date and split"),
        ("date,split\nsoon,4\n", "row 2: 'soon' is no date of a split; write 2024-06-10"),
        ("date,split\n2024-03-04,much\n", "row 2: 'much' is no ratio of a split; write 4 or 4:1"),
        ("date,split\n2024-03-04,4:0\n", "row 2: '4:0' is no ratio of a split"),
        ("date,split\n2024-03-04,-4\n", "row 2: '-4' is no ratio of a split"),
    ],
)
def test_a_file_of_splits_that_is_none_is_one_clear_error(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "splits.csv"
    path.write_text(text)
    with pytest.raises(FileError, match=said):
        read_splits(path)
    with pytest.raises(FileError, match="there is no such file of splits"):
        read_splits(tmp_path / "none.csv")
    with pytest.raises(FileError, match="cannot be read"):
        read_splits(tmp_path)


def test_a_fall_over_months_without_bars_is_no_jump(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("date,open,high,low,close\n2024-01-04,4,4,4,4\n2024-03-05,1,1,1,1\n2024-03-06,1,1,1,1\n")
    assert read(path)[1].scan().files[0].jumps == ()
