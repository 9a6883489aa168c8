"""Test `tapeline upload`, `export` and `import` against an AWS on loopback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from typer.testing import CliRunner

from tapeline.app import config, moving_rows
from tapeline.app.data_directory import processing_alone
from tapeline.app.moving_rows import move_rows, places_of
from tapeline.app.moving_series import merge_series, move_series
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.s3_archive import S3Archive
from tapeline.backends.files.file_archive import LocalArchive
from tapeline.cli.main import app
from tapeline.core.market import OHLCV, Bar, Bars
from tapeline.core.messages import Action, Commit, Series
from tapeline.core.rows import Row, Rows
from tapeline.core.times import DAY
from tapeline.errors import ConfigError, ConflictError, FileError, StorageError
from tapeline.research.range_training import fit_range
from tapeline.runtime.batches import Batches
from tapeline.runtime.indicator_view import IndicatorView
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import CHECKPOINT_BARS, Processor
from tests.aws.conftest import REGION, ROWS, STATE
from tests.conftest import MINUTE, START, random_bars
from tests.daily import clustered_bars
from tests.event_source import records
from tests.fakes.dynamodb import FakeDynamo
from tests.fakes.sources import ListSource

BUCKET = "tapeline-data"
SPECS = ("sma_3", "rsi_14")
HEAD = "timestamp,open,high,low,close,volume\n"


@pytest.fixture
def s3(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return an S3 client, with the bucket created and the settings naming it and the data directory."""
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    monkeypatch.setenv("TAPELINE_AWS__BUCKET", BUCKET)
    monkeypatch.setenv("TAPELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TAPELINE_INDICATORS", ",".join(SPECS))
    return client


def run(*arguments: str | Path, code: int = 0) -> str:
    """Run the command and return its stdout. Raises what the command raises."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def counts(output: str) -> list[tuple[Any, ...]]:
    return [tuple(line.values()) for line in json.loads(output)["moved"]]


def lines(first: int, count: int, close: float = 10.0) -> str:
    return "".join(f"{START + m * MINUTE},10,12,9,{close + m / 8},100\n" for m in range(first, first + count))


# -- upload ------------------------------------------------------------------------------------------------------------


def test_an_uploaded_file_is_history(s3: Any, tmp_path: Path) -> None:
    path = tmp_path / "tsla_history.csv"
    path.write_text(HEAD + lines(0, 10) + "1549895400000,1,1,1,nan,5\n")
    found = json.loads(run("upload", path, "--symbol", "TSLA", "--json"))
    assert found == {
        "moved": [{"interval": "1m", "symbol": "TSLA", "new": 10, "changed": 0, "same": 0}],
        "rejected": 1,
    }
    series = S3Archive(s3, BUCKET).load("TSLA", "1m")
    assert series is not None
    assert series.bars.close.tolist() == [10 + m / 8 for m in range(10)]
    assert (series.start, series.covered) == (START, START + 10 * MINUTE)
    before = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert counts(run("upload", path, "--symbol", "TSLA", "--json")) == [("1m", "TSLA", 0, 0, 10)]
    assert s3.list_objects_v2(Bucket=BUCKET)["Contents"] == before


def test_the_later_upload_wins_where_both_have_a_bar(s3: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "A.csv", tmp_path / "A_more.csv"
    one.write_text(HEAD + lines(0, 10))
    two.write_text(HEAD + lines(6, 10, close=11.0))
    assert counts(run("upload", one, two, "--json")) == [("1m", "A", 10, 0, 0), ("1m", "A", 6, 4, 0)]
    series = S3Archive(s3, BUCKET).load("A", "1m")
    assert series is not None
    assert series.bars.close.tolist() == [10 + m / 8 for m in range(6)] + [11 + m / 8 for m in range(6, 16)]
    assert counts(run("upload", one, "--interval", "1m", "--json")) == [("1m", "A", 0, 4, 6)]


def test_files_of_several_symbols_and_other_lengths(s3: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    days = "".join(f"{s},2026-01-{d:02d},10,12,9,11,100\n" for d in range(5, 9) for s in ("A", "^GSPC"))
    path.write_text("symbol," + HEAD + days + "B,2026-01-05,10,9,12,11,100\n")  # of B there is no usable bar
    assert counts(run("upload", path, "--json")) == [("1d", "A", 4, 0, 0), ("1d", "^GSPC", 4, 0, 0)]
    with pytest.raises(FileError, match="--symbol is for files of one symbol"):
        run("upload", path, "--symbol", "X")


def test_a_file_that_cannot_be_uploaded_is_one_clear_error(s3: Any, tmp_path: Path) -> None:
    good, single, bad = tmp_path / "A.csv", tmp_path / "B.csv", tmp_path / "C.csv"
    good.write_text(HEAD + lines(0, 3))
    single.write_text(HEAD + lines(0, 1))
    bad.write_text("what,is,this\n1,2,3\n")
    assert counts(run("upload", bad, good, "--json", code=1)) == [("1m", "A", 3, 0, 0)]
    with pytest.raises(FileError, match="cannot be told from their times; name it with --interval"):
        run("upload", single)
    assert counts(run("upload", single, "--interval", "5m", "--json")) == [("5m", "B", 1, 0, 0)]
    run("upload", good, "--interval", "soon", code=2)
    run("upload", good, "--symbol", "two words", code=2)
    with pytest.raises(StorageError, match=r"s3://nowhere/.*NoSuchBucket"):
        run("upload", good, "--bucket", "nowhere")


def test_a_file_in_other_shares_is_refused(s3: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "A.csv", tmp_path / "A_unadjusted.csv"
    one.write_text(HEAD + lines(0, 30))
    two.write_text(HEAD + "".join(f"{START + m * MINUTE},40,48,36,{40 + m / 2},25\n" for m in range(30)))
    run("upload", one)
    with pytest.raises(StorageError, match=r"A: what is there has prices 0.25 times these .* split"):
        run("upload", two)


# -- series over series ------------------------------------------------------------------------------------------------


def series(first: int, count: int, price: float = 10.0, actions: Sequence[Action] = ()) -> Series:
    bars = Bars.of(Bar("A", START + m * MINUTE, price, price, price, price, 100.0) for m in range(first, first + count))
    return Series("A", "1m", bars, tuple(actions), "USD", START + first * MINUTE, START + (first + count) * MINUTE)


def test_only_what_touches_is_complete_together() -> None:
    assert (merge_series(series(0, 10), series(5, 10)).start, merge_series(series(5, 10), series(0, 10)).covered) == (
        START,
        START + 15 * MINUTE,
    )
    apart = merge_series(series(0, 10), series(50, 10))
    assert (len(apart.bars), apart.start, apart.covered) == (20, START + 50 * MINUTE, START + 60 * MINUTE)
    earlier = merge_series(series(50, 10), series(0, 10))
    assert (earlier.start, earlier.covered) == (START + 50 * MINUTE, START + 60 * MINUTE)


@pytest.mark.parametrize("overlap", [0, 25])
def test_bars_from_before_a_split_are_put_into_todays_shares(overlap: int) -> None:
    split = Action(START + 30 * MINUTE, "split", 4.0)
    stale = series(0, 30, 40.0)
    fresh = series(30 - overlap, 10 + overlap, 10.0, [split])
    for united in (merge_series(stale, fresh), merge_series(fresh, stale)):
        assert united.bars.close.tolist() == [10.0] * 40
        assert set(united.bars.volume[: 30 - overlap].tolist()) == {400.0}
        assert united.actions == (split,)


def test_another_currency_is_another_instrument() -> None:
    with pytest.raises(StorageError, match="A: is in GBp, what is there in USD"):
        merge_series(series(0, 1), replace(series(0, 1), currency="GBp"))


# -- export and import -------------------------------------------------------------------------------------------------


def day(symbols: int = 2, count: int = 60, seed: int = 1) -> list[Bar]:
    return list(random_bars(symbols, count, seed))


def filled(bars: Sequence[Bar], specs: Sequence[str] = SPECS) -> Rows:
    """Return the rows of these bars, as one data directory would hold them."""
    return Processor(specs).step(Bars.of(bars)).rows


def predicted(rows: Rows) -> Rows:
    """Return the rows with a prediction for every third of them."""
    predicted = np.arange(len(rows)) % 3 == 0
    return Rows(
        rows.bars, rows.names, rows.indicator, np.where(predicted, 1, 0).astype(np.int8),
        np.where(predicted, 0.625, np.nan), ("m-1",), np.where(predicted, 0, -1).astype(np.int32),
    )  # fmt: skip


def of(rows: Rows, symbol: str) -> list[Row]:
    return sorted((row for row in rows if row.stock_symbol == symbol), key=lambda row: row.timestamp)


@pytest.fixture
def tables(s3: Any, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> DynamoStore:
    monkeypatch.setenv("TAPELINE_AWS__ROWS_TABLE", ROWS)
    monkeypatch.setenv("TAPELINE_AWS__STATE_TABLE", STATE)
    return DynamoStore(dynamodb, ROWS, STATE)


def test_export_and_import_bring_back_the_same_rows(s3: Any, tables: DynamoStore, tmp_path: Path) -> None:
    rows = predicted(filled(day()))
    with processing_alone(config.load()) as home:
        home.store.commit(Commit(rows, {}, 0))
        version = home.ranges.save("default", fit_range([clustered_bars(count=200)]))
    local = LocalArchive(tmp_path / "data" / "archive")
    local.save(series(0, 10))
    first = counts(run("export", "--json"))
    assert first == [
        ("history 1m", "A", 10, 0, 0), ("models", "default", 1, 0, 0), ("rows", "S00", 60, 0, 0),
        ("rows", "S01", 60, 0, 0),
    ]  # fmt: skip
    assert counts(run("export", "--json")) == [
        ("history 1m", "A", 0, 0, 10), ("models", "default", 0, 0, 1), ("rows", "S00", 0, 0, 60),
        ("rows", "S01", 0, 0, 60),
    ]  # fmt: skip
    assert list(tables.rows("S01")) == of(rows, "S01")
    assert counts(run("import", "--data-dir", tmp_path / "other", "--symbols", "A,S01", "--json")) == [
        first[0], first[1], first[3]
    ]  # fmt: skip
    with processing_alone(config.load(data_dir=tmp_path / "other")) as home:
        assert list(IndicatorView(home.store).rows("S01", SPECS)) == of(rows, "S01")
        assert not len(home.store.rows("S00"))
        assert version in home.ranges.models()[0]
    brought, kept = LocalArchive(tmp_path / "other" / "archive").load("A", "1m"), local.load("A", "1m")
    assert brought is not None
    assert kept is not None
    assert (list(brought.bars), brought.start, brought.covered) == (list(kept.bars), kept.start, kept.covered)


def test_a_missing_setting_is_named(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"tapeline\.db"):
        run("export")
    monkeypatch.delenv("TAPELINE_AWS__BUCKET")
    with pytest.raises(ConfigError, match="TAPELINE_AWS__BUCKET for the history, TAPELINE_AWS__ROWS_TABLE"):
        run("import")
    monkeypatch.setenv("TAPELINE_AWS__ROWS_TABLE", ROWS)
    with pytest.raises(ConfigError, match="state_table is empty"):
        run("import")
    monkeypatch.setenv("TAPELINE_AWS__STATE_TABLE", STATE)
    with pytest.raises(StorageError, match="create it with Terraform"):
        run("import")


# -- what the receiving side goes on from ------------------------------------------------------------------------------


class Homes:
    """Hold a data directory's store and one on AWS, with a processor for each."""

    def __init__(self, path: Path) -> None:
        settings = config.load(data_dir=path)
        self._writing = processing_alone(settings)
        self.home = self._writing.__enter__()
        self.local = self.home.store
        self.fake = FakeDynamo()
        self.cloud = DynamoStore(self.fake.client(), ROWS, STATE, sleep=lambda _: None)

    def local_rows(self) -> list[Row]:
        """Return the data directory's rows with the indicators, which it computes on reading."""
        return list(IndicatorView(self.local).rows("S00", SPECS))

    def batches(self, specs: Sequence[str] = SPECS) -> Batches:
        store = DynamoStore(self.fake.client(), ROWS, STATE, sleep=lambda _: None)
        return Batches(store, lambda: Processor(specs), clock=lambda: START + 10**9)

    def close(self) -> None:
        self._writing.__exit__(None, None, None)


@pytest.fixture
def homes(tmp_path: Path) -> Any:
    found = Homes(tmp_path)
    yield found
    found.close()


def test_the_first_batch_after_an_export_continues_from_the_data_directory(homes: Homes) -> None:
    bars = day(1)
    homes.local.commit(Commit(predicted(filled(bars[:40])), {}, 0))
    assert move_rows("S00", homes.local, homes.cloud, SPECS).new == 40
    outcome = homes.batches().apply(records(bars[40:]))
    assert (outcome.rows, outcome.corrected) == (20, 0)  # nothing was computed again
    found = list(homes.cloud.rows("S00"))
    assert found[:40] == of(predicted(filled(bars[:40])), "S00")
    assert found[40:] == of(filled(bars), "S00")[40:]


def test_a_series_goes_where_the_target_keeps_its_interval(homes: Homes) -> None:
    minutes = day(1)
    days = [replace(bar, timestamp=START - START % DAY + at * DAY) for at, bar in enumerate(minutes[:5])]
    homes.local.commit(Commit(filled(days), {}, 0))  # the days were there first
    homes.local.commit(Commit(filled([replace(bar, symbol="S00@1m") for bar in minutes]), {}, 0))
    assert homes.local.series("S00") == ("S00", "S00@1m")
    for _ in range(2):  # into an empty table, and into one that has them
        places = places_of(homes.local.series("S00"), homes.local, homes.cloud)
        assert places == {"S00@1m": "S00", "S00": "S00@1d"}
        for name, place in places.items():
            move_rows(name, homes.local, homes.cloud, SPECS, place=place)
    assert [row.price for row in homes.cloud.rows("S00")] == [bar.close for bar in minutes]
    assert [row.price for row in homes.cloud.rows("S00@1d")] == [bar.close for bar in days]
    assert places_of(["S00", "S00@1d"], homes.cloud, homes.local) == {"S00": "S00@1m", "S00@1d": "S00"}


def test_a_function_with_other_indicators_computes_the_symbol_again(homes: Homes) -> None:
    bars, other = day(1), ("ema_5",)
    homes.local.commit(Commit(predicted(filled(bars[:40])), {}, 0))
    move_rows("S00", homes.local, homes.cloud, SPECS)
    homes.batches(other).apply(records(bars[40:]))
    found = list(homes.cloud.rows("S00"))
    assert [row.indicator for row in found] == [row.indicator for row in filled(bars, other)]
    assert [row.model for row in found[:40]] == [row.model for row in predicted(filled(bars[:40]))]


def test_bars_that_both_sides_process_change_nothing(homes: Homes) -> None:
    bars = day(1)
    homes.local.commit(Commit(filled(bars[:40]), {}, 0))
    move_rows("S00", homes.local, homes.cloud, SPECS)
    outcome = homes.batches().apply(records(bars[30:]))
    assert (outcome.rows, outcome.repeated) == (20, 10)
    assert list(homes.cloud.rows("S00")) == of(filled(bars), "S00")


def test_a_forming_bar_moves_along_and_the_other_side_finishes_it(homes: Homes) -> None:
    bars = day(1)
    forming = replace(bars[40], close=bars[40].open, final=False)
    rows = filled([*bars[:40], forming])
    homes.local.commit(Commit(rows, {}, 0))
    move_rows("S00", homes.local, homes.cloud, SPECS)
    assert list(homes.cloud.rows("S00")) == list(rows)
    homes.batches().apply(records(bars[41:]))  # the bar's end never came
    assert list(homes.cloud.rows("S00")) == list(filled([*bars[:40], replace(forming, final=True), *bars[41:]]))
    again = move_rows("S00", homes.local, homes.cloud, SPECS)
    assert (again.new, again.changed, again.same) == (0, 0, 41)  # a final row does not become a forming one


@pytest.mark.parametrize("forming", [False, True])
def test_the_pipeline_goes_on_after_an_import(homes: Homes, forming: bool) -> None:
    bars = day(1)
    start = [*bars[:40], replace(bars[40], final=False)] if forming else bars[:40]
    rows = filled(start)
    homes.cloud.commit(Commit(rows, {}, 0))
    move_rows("S00", homes.cloud, homes.local, SPECS)
    assert homes.local_rows() == list(rows)
    notices: list[str] = []
    source = ListSource([Bars.of(bars[41 if forming else 40 :])])
    Pipeline(source, homes.home.stream, homes.local, Processor(SPECS), notify=notices.append).run()
    assert homes.local_rows() == list(filled(bars))
    assert notices == []


def test_earlier_rows_that_arrive_make_the_receivers_own_be_computed_again(homes: Homes) -> None:
    bars = day(1)
    homes.batches().apply(records(bars[30:]))
    assert next(iter(homes.cloud.rows("S00"))).indicator == {}
    homes.cloud.commit(Commit(predicted(homes.cloud.rows("S00")), {}, 0))
    homes.local.commit(Commit(predicted(filled(bars[:30])), {}, 0))
    move_rows("S00", homes.local, homes.cloud, SPECS)
    found = list(homes.cloud.rows("S00"))
    assert [row.indicator for row in found[30:]] == [row.indicator for row in filled(bars)][30:]
    assert [row.model for row in found[30:]] == ["m-1", None, None] * 10
    assert found[:30] == list(predicted(filled(bars[:30])))
    state = homes.cloud.load(["S00"])[0]["S00"]
    assert state.position == 30  # what was applied from the stream stays applied


def test_a_late_bar_after_an_export_replays_only_what_follows(homes: Homes) -> None:
    bars = day(1, 700)
    homes.local.commit(Commit(filled(bars[:650]), {}, 0))
    move_rows("S00", homes.local, homes.cloud, SPECS)
    checkpoint = homes.cloud.checkpoint("S00", bars[600].timestamp)
    assert checkpoint is not None
    assert checkpoint.timestamp == bars[650 // CHECKPOINT_BARS * CHECKPOINT_BARS - 1].timestamp
    late = replace(bars[600], volume=1.0)
    outcome = homes.batches().apply(records([late, *bars[650:]]))
    assert outcome.corrected == 1
    expected = list(filled([*bars[:600], late, *bars[601:]]))
    expected[600] = replace(expected[600], as_known={name: getattr(bars[600], name) for name in OHLCV})
    assert list(homes.cloud.rows("S00")) == expected


@pytest.mark.parametrize("fails_at", range(3))
def test_a_second_run_finishes_what_was_interrupted(
    homes: Homes, fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving_rows, "CHUNK", 15)
    bars = day(1)
    homes.local.commit(Commit(filled(bars[:40]), {}, 0))
    commit, calls = homes.cloud.commit, iter(range(100))

    def dying(one: Commit) -> None:
        if next(calls) == fails_at:
            raise StorageError("the line is dead")
        commit(one)

    monkeypatch.setattr(homes.cloud, "commit", dying)
    with pytest.raises(StorageError):
        move_rows("S00", homes.local, homes.cloud, SPECS)
    if fails_at == 2:  # a record comes before the second run, and all that follows from the rows that are there
        homes.batches().apply(records(bars[40:41]))
    moved = move_rows("S00", homes.local, homes.cloud, SPECS)
    assert (moved.new, moved.total) == (40 - 15 * fails_at, 40)
    homes.batches().apply(records(bars[40:]))
    assert list(homes.cloud.rows("S00")) == list(filled(bars))


def test_a_record_that_arrives_during_the_command_is_not_lost(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_rows, "CHUNK", 15)
    bars = day(1)
    homes.local.commit(Commit(filled(bars[:40]), {}, 0))
    stream = records(bars[40:])
    function, commit, place = homes.batches(), homes.cloud.commit, 0

    def racing(one: Commit) -> None:
        nonlocal place
        if place < 3:
            function.apply(stream[place : place + 1])
            place += 1
        commit(one)

    monkeypatch.setattr(homes.cloud, "commit", racing)
    move_rows("S00", homes.local, homes.cloud, SPECS)
    function.apply(stream[place:])
    assert list(homes.cloud.rows("S00")) == list(filled(bars))


def test_a_symbol_that_keeps_changing_is_given_up(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.local.commit(Commit(filled(day(1)[:5]), {}, 0))

    def refusing(_: Commit) -> None:
        raise ConflictError(["S00"])

    monkeypatch.setattr(homes.cloud, "commit", refusing)
    with pytest.raises(StorageError, match="S00: a running processor keeps moving it on"):
        move_rows("S00", homes.local, homes.cloud, SPECS)


def test_series_are_saved_only_when_something_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = LocalArchive(tmp_path)
    assert move_series(series(0, 10), archive).new == 10
    saved: list[Series] = []
    monkeypatch.setattr(archive, "save", saved.append)
    assert move_series(series(0, 10), archive).same == 10
    assert saved == []
    assert move_series(replace(series(0, 10), covered=START + 99 * MINUTE), archive).same == 10
    assert len(saved) == 1
