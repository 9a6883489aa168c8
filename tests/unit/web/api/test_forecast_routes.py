"""The expected move at every door: the API's rows and forecast, `tapeline show` and `tapeline odds` say the same."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NoReturn, cast

import pyarrow.dataset
import pytest
from tests.web_site import Client, client_of

import tapeline
from tapeline.app.config import Settings
from tapeline.app.data_directory import open_data_directory
from tapeline.app.exporting import bar_tables, write_partitions
from tapeline.app.page_wiring import page_data_of
from tapeline.app.querying import Query
from tapeline.app.stored_forecasts import said_about
from tapeline.app.stored_history import Selection, StoredHistory
from tapeline.cli.console import utc_text
from tapeline.cli.inspect_commands import show
from tapeline.cli.odds_commands import odds
from tapeline.cli.score_commands import score
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.core.times import DAY, MINUTE
from tapeline.errors import InputError, NotFoundError, StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.horizons import COLUMNS, FIELDS
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.range_words import sentence
from tapeline.runtime.processor import Processor


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, learnable: Bars, range_model: RangeModel) -> Path:
    """A data directory whose rows have ranges, but for the first 30 bars of NEW."""
    home = tmp_path_factory.mktemp("home")
    with open_data_directory(Settings(data_dir=home), create=True) as directory:
        directory.ranges.save(DEFAULT_NAME, range_model)
        directory.ranges.promote(DEFAULT_NAME, range_model.version, at=0)
        own = learnable[learnable.code == 0][:30]
        short = Bars(("NEW",), *(getattr(own, name) for name in own.__slots__[1:]))
        processor = Processor((), range_model=range_model)
        for bars in (learnable, short):
            step = processor.step(bars)
            directory.store.commit(Commit(step.rows, step.states, 1))
    return home


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    with (
        open_data_directory(Settings(data_dir=home), create=False) as directory,
        client_of(page_data_of(directory, live=False)) as found,
    ):
        yield found


def test_the_forecast_is_that_of_the_newest_row(client: Client, range_model: RangeModel) -> None:
    answer = client.document("/symbols/S01/forecast")
    (row,) = client.document("/symbols/S01/rows?limit=1")["rows"]
    assert answer["horizons"] == row["horizons"]
    assert answer["model"] == row["range_model"] == range_model.version
    assert (answer["timestamp"], answer["time"], answer["close"]) == (row["timestamp"], row["time"], row["price"])
    assert list(answer["horizons"]) == ["1", "5", "20"]
    assert set(answer["horizons"]["5"]) == set(FIELDS)
    day = date.fromisoformat(answer["time"][:10])
    words = rf"As of {day.day} {day:%b %Y}: S01 should close between \S+ and \S+ in 5 trading days, with 80% chance; "
    assert re.match(words, answer["words"])
    assert answer["words_for"] is None  # it says so for good
    graded = answer["bands"][1]
    assert (graded["horizon"], graded["waiting"]) == (5, 5)
    assert 0 < graded["held"]["80"] < graded["decided"]


def test_odds_of_a_price_come_with_it(client: Client) -> None:
    price = client.document("/symbols/S01/forecast")["close"]
    near, far = (
        client.document(f"/symbols/S01/forecast?price={price * share}&within=3")["odds"] for share in (0.99, 0.9)
    )
    assert 0 < far["touched"] < near["touched"] < 1
    assert near["beyond"] <= near["touched"]
    client.document("/symbols/S01/forecast?price=0", 422)
    client.document("/symbols/S01/forecast?price=1&within=21", 422)


def test_a_symbol_without_ranges_has_none(client: Client) -> None:
    answer = client.document("/symbols/NEW/forecast")
    assert answer["symbol"] == "NEW"
    assert answer.get("horizons") is None
    client.document("/symbols/NOPE/forecast", 404)


def test_all_forecasts_are_one_table(client: Client) -> None:
    found = client.document("/forecasts")["forecasts"]
    own = client.document("/symbols/S01/forecast")
    [same] = [each for each in found if each["symbol"] == "S01"]
    assert (same["horizons"], same["close"], same["model"]) == (own["horizons"], own["close"], own["model"])
    assert "NEW" not in {each["symbol"] for each in found}
    lines = client.get("/forecasts?format=csv").text.splitlines()
    assert len(lines) == len(found) + 1
    assert "low_80_5" in lines[0]


def test_tables_have_a_column_for_each_horizon(client: Client) -> None:
    lines = client.get("/symbols/S01/rows?limit=2&format=csv").text.splitlines()
    heads = [head.strip('"') for head in lines[0].split(",")]
    assert heads[-len(COLUMNS) - 1 :] == [*COLUMNS, "range_model"]
    assert float(lines[-1].split(",")[heads.index("low_80_5")]) > 0


def test_files_frames_and_sql_carry_the_same(
    client: Client, home: Path, tmp_path: Path, range_model: RangeModel
) -> None:
    """Every table has a column for each horizon; a folder for Athena has the map that a row has."""
    answer = client.document("/symbols/S01/rows?limit=5")["rows"]
    expected = [{name: row["horizons"][name[-1]][name[:-2]] for name in ("low_80_5", "p_big_move_1")} for row in answer]
    frame = tapeline.load("S01", data_dir=home, ranges=True, to="arrow")
    assert frame.column_names[-len(COLUMNS) - 1 :] == [*COLUMNS, "range_model"]
    assert frame.select(["low_80_5", "p_big_move_1"]).to_pylist()[-5:] == expected
    assert "low_80_5" not in tapeline.load("S01", data_dir=home, to="arrow").column_names
    with open_data_directory(Settings(data_dir=home), create=False) as directory:
        history, wanted = StoredHistory(directory), Selection(("S01",))
        (table,) = bar_tables(history, wanted)
        write_partitions(history, wanted, tmp_path / "rows", now=0)
        with Query(directory) as query:
            sql = "SELECT low_80_5, p_big_move_1 FROM forecasts WHERE symbol = 'S01' ORDER BY timestamp DESC LIMIT 5"
            _, batches = query.batches(sql)
            assert [row for batch in batches for row in batch.to_pylist()] == expected[::-1]
    assert table.select(["low_80_5", "p_big_move_1"]).to_pylist()[-5:] == expected
    assert set(table["range_model"].to_pylist()) == {None, range_model.version}
    whole = pyarrow.dataset.dataset(tmp_path / "rows", partitioning="hive").to_table().sort_by("ts")
    assert whole["horizons"][0].as_py() is None
    found = {horizon: dict(values) for horizon, values in whole["horizons"][-1].as_py()}
    assert found == answer[-1]["horizons"]
    columns = client.document("/symbols/S01/bars?limit=5&indicators=&ranges=true")["columns"]
    assert columns["low_80_5"] == [row["low_80_5"] for row in expected]
    lines = client.get("/symbols/S01/bars?limit=5&indicators=&ranges=true&format=csv").text.splitlines()
    assert lines[0].replace('"', "").endswith("expected_volume_20,range_model")


def test_show_says_the_same(client: Client, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show("S01", last=2, as_known=False, data_dir=home, json=True)
    *_, row = json.loads(capsys.readouterr().out)
    assert row["horizons"] == client.document("/symbols/S01/forecast")["horizons"]
    show("S01", last=2, as_known=False, data_dir=home, json=False)
    assert " to " in capsys.readouterr().out


def test_odds_says_the_same(client: Client, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    price = client.document("/symbols/S01/forecast")["close"] * 0.97
    expected = client.document(f"/symbols/S01/forecast?price={price}&within=5")["odds"]
    odds("S01", at=price, within=5, data_dir=home, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["touched"], found["beyond"]) == (expected["touched"], expected["beyond"])
    odds("S01", at=price, within=5, data_dir=home, json=False)
    assert "is touched" in capsys.readouterr().out


def test_odds_without_a_forecast_say_what_is_missing(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no bar of NEW has a range forecast 5 bars ahead"):
        odds("NEW", at=10.0, data_dir=home, json=False)
    with pytest.raises(NotFoundError, match="NOPE"):
        odds("NOPE", at=10.0, data_dir=home, json=False)
    with pytest.raises(InputError, match="looks 1 to 20 bars ahead"):
        odds("S01", at=10.0, within=25, data_dir=home, json=False)


def test_words_say_as_of_when_once_what_they_are_about_is_over(home: Path) -> None:
    with open_data_directory(Settings(data_dir=home), create=False) as directory:
        said, length, places = said_about(directory, "S01", None)
    closed = said.timestamp + length
    assert sentence(said, length, places, closed + 4 * DAY).startswith("S01 should close between ")
    assert sentence(said, length, places, closed + 4 * DAY + 1).startswith("As of ")
    said = dataclasses.replace(said, timestamp=1_787_945_700_000)  # 2026-08-28T19:35Z
    length, closed = 5 * MINUTE, 1_787_946_000_000
    assert sentence(said, length, places, closed + 25 * MINUTE).startswith("S01 should close between ")
    late = sentence(said, length, places, closed + 25 * MINUTE + 1)
    assert late.startswith("As of 15:40 EDT on 28 Aug 2026: S01 should close between ")
    earlier = sentence(dataclasses.replace(said, is_newest=False), length, places, closed)
    assert "The last word, at 15:40 EDT on 28 Aug 2026, was: S01 should close between " in earlier


def test_at_the_end_of_a_session_the_last_word_is_told(
    learnable: Bars, range_model: RangeModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the last bar nothing is said, of the one before one bar ahead, and of those before 5 bars ahead."""
    rows = Processor((), range_model=range_model).step(learnable[learnable.code == 1]).rows
    assert rows.ranges is not None
    ranges = rows.ranges.copy()
    ranges[-1] = 0
    ranges[-5:, 1:] = 0
    with open_data_directory(Settings(data_dir=tmp_path), create=True) as directory:
        directory.ranges.save(DEFAULT_NAME, range_model)
        directory.store.commit(Commit(dataclasses.replace(rows, ranges=ranges), {}, 1))
        with client_of(page_data_of(directory, live=False)) as found:
            answer = found.document("/symbols/S01/forecast")
    times = rows.bars.timestamp
    assert (answer["timestamp"], answer["is_newest"]) == (times[-6], False)
    assert answer["words"].startswith("Nothing is said past the end of a session. The last word, on ")
    for within, bar in ((1, -2), (5, -6)):
        odds("S01", at=float(rows.bars.close[-6]), within=within, data_dir=tmp_path, json=True)
        said = json.loads(capsys.readouterr().out)
        assert (said["timestamp"], said["is_newest"]) == (times[bar], False)
    odds("S01", at=1.0, within=5, data_dir=tmp_path, json=False)
    printed = capsys.readouterr()
    assert "is the last one that looks 5 bars ahead. Odds within fewer bars may" in " ".join(printed.err.split())
    assert f" on the older bar at {utc_text(int(times[-6]))} UTC. Within 5 bars: " in printed.out


def test_ranges_are_graded_alike_at_every_door(client: Client, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.document("/scores/ranges?last=100")
    whole = answer["grades"][0]
    assert (whole["said"], whole["waiting"], whole["undecidable"]) == (600, 30, 0)  # of 6 symbols
    assert whole["decided"] == 570 == sum(answer["ranks"])
    assert "the 80% band held" in answer["words"]
    assert answer["rolling"]["80"]
    assert {each["tercile"] for each in answer["grades"]} == {"", "low", "middle", "high"}
    one = client.document("/scores/ranges?last=100&symbol=S01&horizon=20")["grades"][0]
    assert (one["decided"], one["waiting"]) == (80, 20)
    client.document("/scores/ranges?horizon=7", 422)
    client.document("/scores/ranges?symbol=NOPE", 404)
    score(None, last=100, models=None, data_dir=home, json=True)
    found = json.loads(capsys.readouterr().out)["ranges"]
    assert whole in found
    score(["S01"], last=100, models=str(home / "models"), data_dir=home, json=False)
    text = capsys.readouterr().out
    assert "the 80% band held" in text
    assert "20 bars ahead, 80 closes" in text


def test_without_ranges_there_is_nothing_to_grade(client: Client) -> None:
    answer = client.document("/scores/ranges?symbol=NEW")
    assert (answer["grades"], answer["words"], answer["ranks"]) == ([], None, [])


def test_odds_alone_are_those_of_the_forecast(client: Client) -> None:
    price = client.document("/symbols/S01/forecast")["close"] * 1.02
    answer = client.document(f"/symbols/S01/odds?price={price}&within=3")
    assert {name: answer[name] for name in ("price", "within", "beyond", "touched")} == client.document(
        f"/symbols/S01/forecast?price={price}&within=3"
    )["odds"]
    assert answer["is_newest"] is True
    client.document("/symbols/S01/odds", 422)
    client.document("/symbols/NEW/odds?price=10", 404)


def test_past_ranges_say_which_band_held(client: Client) -> None:
    answer = client.document("/symbols/S01/ranges?limit=40")
    columns = answer["columns"]
    assert len(columns["t"]) == 40
    assert columns["held_5"][-5:] == [None] * 5
    for i in range(35):
        close = columns["close"][i + 5]
        bands = [c for c in (50, 80, 95) if columns[f"low_{c}_5"][i] <= close <= columns[f"high_{c}_5"][i]]
        assert columns["held_5"][i] == min(bands, default=0)
    older = client.document(f"/symbols/S01/ranges?limit=40&times=true&cursor={answer['next']}")["columns"]
    assert len(older["time"]) == len(older["t"])  # and the client holds each against the number
    assert older["t"][-1] < columns["t"][0]
    assert None not in older["held_20"]  # known by the bars of the page after it
    head, *lines = client.get("/symbols/S01/ranges?limit=3&format=csv").text.splitlines()
    assert head.replace('"', "").startswith("timestamp,close,expected_move_1")
    assert len(lines) == 3
    assert set(client.document("/symbols/NEW/ranges")["columns"]["held_1"]) == {None}
    client.document("/symbols/NOPE/ranges", 404)


def test_rows_are_shown_without_ranges_when_the_models_cannot_be_read(home: Path) -> None:
    class Refusing:
        def models(self) -> NoReturn:
            raise StorageError("s3://data/models: s3:ListBucket failed")

    with open_data_directory(Settings(data_dir=home), create=False) as directory:
        data = dataclasses.replace(page_data_of(directory, live=False), ranges=cast("RangeRegistry", Refusing()))
        with client_of(data) as client:
            (row,) = client.document("/symbols/S01/rows?limit=1")["rows"]
    assert "horizons" not in row
