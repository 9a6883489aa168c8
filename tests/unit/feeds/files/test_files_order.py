"""The order in which files come, and going on after a restart: every row once, wherever it was stopped."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START, random_bars

from tapeline.core.market import Bar
from tapeline.core.messages import Delivery
from tapeline.errors import FileError
from tapeline.feeds.files import (
    FileSource,
    csv_reader,
    merge,
    scan,
)
from tapeline.feeds.files import file_replay as replay

HEADER = "symbol,timestamp,open,high,low,close,volume"


def line(bar: Bar) -> str:
    return f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}"


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def rows(deliveries: list[Delivery]) -> list[Bar]:
    return [bar for delivery in deliveries for bar in delivery.bars]


def places(deliveries: list[Delivery]) -> list[str]:
    return [reject.place for delivery in deliveries for reject in delivery.rejects]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, runs, buffers and deliveries so small that a few hundred rows behave as millions do."""
    monkeypatch.setattr(csv_reader, "_MIN_BYTES", 600)
    monkeypatch.setattr(csv_reader, "_MAX_BYTES", 600)
    monkeypatch.setattr(merge, "RUN_RECORDS", 50)
    monkeypatch.setattr(replay, "DELIVERY_BARS", 32)
    monkeypatch.setattr(replay, "_BUFFERED_ROWS", 64)
    monkeypatch.setattr(replay, "_MIN_ROWS", 8)
    monkeypatch.setattr(replay, "_MANY_REJECTS", 4)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_files_of_single_symbols_run_side_by_side(folder: Path) -> None:
    bars = list(random_bars(7, 60))
    for symbol in {bar.symbol for bar in bars}:
        write(folder / f"{symbol}.csv", [line(bar) for bar in bars if bar.symbol == symbol])
    deliveries = list(FileSource(sorted(folder.iterdir())).deliveries(""))
    assert rows(deliveries) == bars
    assert max(len(delivery.bars) for delivery in deliveries) <= 32
    assert len(deliveries) <= 60 / 4 + 1
    for delivery, behind in itertools.pairwise(deliveries):
        assert delivery.bars.timestamp[-1] < behind.bars.timestamp[0]


@pytest.mark.parametrize("name", ["newest first", "by symbol", "shuffled"])
@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_file_in_another_order_is_sorted_and_a_notice_says_so(name: str, ending: str, folder: Path) -> None:
    bars = list(random_bars(3, 150))
    odd = {
        "newest first": bars[::-1],
        "by symbol": sorted(bars, key=lambda bar: bar.symbol),
        "shuffled": random.Random(1).sample(bars, len(bars)),
    }[name]
    path = folder / f"odd.{ending}"
    if ending == "parquet":
        columns = {name: [getattr(bar, name) for bar in odd] for name in HEADER.split(",")}
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    else:
        text = "\n".join([HEADER, *map(line, odd)]).encode()
        path.write_bytes(gzip.compress(text) if ending == "csv.gz" else text)
    deliveries = list(FileSource([path]).deliveries(""))
    found = rows(deliveries)
    assert [bar.timestamp for bar in found] == [bar.timestamp for bar in bars]
    assert sorted(found, key=lambda bar: (bar.timestamp, bar.symbol)) == bars
    assert [notice for delivery in deliveries for notice in delivery.notices] == [
        f"{path}: its rows are not in the order of time; they are sorted first"
    ]


def test_disorder_between_two_blocks_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_BLOCK_ROWS", 10)
    bars = list(random_bars(2, 10))
    columns = {name: [getattr(bar, name) for bar in bars[10:] + bars[:10]] for name in HEADER.split(",")}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "x.parquet")
    source = FileSource([folder / "x.parquet"])
    assert not source.scan().files[0].ordered
    assert rows(list(source.deliveries(""))) == bars


Row = tuple[int, int, int]  # file, symbol, minute


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 25)), max_size=250),
    st.sets(st.integers(0, 2)),
    st.integers(1, 40),
)
@settings(max_examples=60, deadline=None)
def test_any_rows_in_any_files_come_in_the_order_of_time_the_last_of_repeated_ones_once(
    entries: list[Row], ordered: set[int], size: int
) -> None:
    files: list[list[Row]] = [[entry for entry in entries if entry[0] == number] for number in range(3)]
    files = [sorted(f, key=lambda entry: entry[2]) if number in ordered else f for number, f in enumerate(files)]
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "DELIVERY_BARS", size)
        paths, expected = [], []
        for number, content in enumerate(files):
            if content:
                stems = [f"S{symbol},{START + minute * MINUTE}" for _, symbol, minute in content]
                texts = [f"{stem},1,1,1,1,{number}{i}" for i, stem in enumerate(stems)]
                paths.append(write(Path(name) / f"{number}.csv", texts))
                expected += [(minute, number, i, symbol) for i, (_, symbol, minute) in enumerate(content)]
        deliveries = list(FileSource(paths).deliveries(""))
        last: dict[tuple[int, int], tuple[int, int]] = {}
        for minute, number, i, symbol in sorted(expected):
            last[minute, symbol] = number, i
        found = [(int(bar.timestamp - START) // MINUTE, int(bar.symbol[1:]), bar.volume) for bar in rows(deliveries)]
        kept = sorted((minute, number, i, symbol) for (minute, symbol), (number, i) in last.items())
        assert found == [(minute, symbol, float(f"{number}{i}")) for minute, number, i, symbol in kept]
        again = [e for e in sorted(expected) if last[e[0], e[3]] != (e[1], e[2])]
        assert sorted(places(deliveries)) == sorted(f"{Path(name) / str(n)}.csv:row {i + 2}" for _, n, i, _ in again)
        assert all(len(set(delivery.bars.timestamp)) <= 1 for delivery in deliveries if len(delivery.bars) > size)


def test_a_repeated_row_names_the_last_one(folder: Path) -> None:
    write(folder / "a.csv", ["A,1549895400,1,1,1,1,1", "A,1549895400,2,2,2,2,2"])
    write(folder / "b.csv", ["A,1549895400000,3,3,3,3,3"])
    deliveries = list(FileSource([folder / "a.csv", folder / "b.csv"]).deliveries(""))
    assert [bar.close for bar in rows(deliveries)] == [3]
    rejects = [reject for delivery in deliveries for reject in delivery.rejects]
    assert [reject.place for reject in rejects] == [f"{folder / 'a.csv'}:row 2", f"{folder / 'a.csv'}:row 3"]
    assert [reject.reason for reject in rejects] == [
        f"A at 2019-02-11T14:30:00+00:00 comes again, in {place}; the last one is used"
        for place in (f"{folder / 'a.csv'}:row 3", f"{folder / 'b.csv'}:row 2")
    ]
    assert json.loads(rejects[0].raw) == {"symbol": "A", "timestamp": START} | dict.fromkeys(
        ("open", "high", "low", "close", "volume"), 1.0
    )


# -- restart ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def awkward(folder: Path) -> list[Path]:
    """Several files: in order and not, with bad rows at both ends and in between, with repeated rows, one truncated."""
    bars = list(random_bars(6, 80))
    rng = random.Random(2)
    paths = []
    for number in range(4):
        lines = [line(bar) for bar in bars if int(bar.symbol[1:]) % 4 == number]
        for _ in range(9):
            lines.insert(rng.randrange(len(lines)), f"bad,{rng.random()}")
        lines = ["worse", *lines, "worst", lines[-1]]
        if number == 1:
            lines.reverse()
        path = folder / f"{number}.csv"
        if number == 2:
            path = path.with_suffix(".csv.gz")
            path.write_bytes(gzip.compress("\n".join([HEADER, *lines]).encode())[:-100])
        else:
            write(path, lines)
        paths.append(path)
    return paths


def test_a_restart_after_any_delivery_continues_exactly_after_it(awkward: list[Path]) -> None:
    whole = list(FileSource(awkward).deliveries(""))
    assert len(whole) > 15
    assert len(places(whole)) > 40
    assert sum(delivery.bars.timestamp.size == 0 for delivery in whole) > 1
    assert len(set(places(whole))) == len(places(whole))
    for count in [*range(1, len(whole), 3), len(whole) - 1, len(whole)]:
        before, rest = whole[:count], list(FileSource(awkward).deliveries(whole[count - 1].resume))
        assert rows(before) + rows(rest) == rows(whole)
        full = [list(delivery.bars) for delivery in rest if len(delivery.bars)]
        assert full == [list(delivery.bars) for delivery in whole[count:] if len(delivery.bars)]
        assert sorted(places(before) + places(rest)) == sorted(places(whole))


def test_a_restart_after_each_delivery_again_and_again(awkward: list[Path]) -> None:
    resume, taken = "", []
    while (delivery := next(FileSource(awkward).deliveries(resume), None)) is not None:
        resume = delivery.resume
        taken.append(delivery)
        if not len(delivery.bars) and not delivery.rejects:
            break  # what is left is the notice that a file is damaged, which every start says
    whole = list(FileSource(awkward).deliveries(""))
    assert rows(taken) == rows(whole)
    assert sorted(places(taken)) == sorted(places(whole))


def test_a_finished_replay_has_nothing_left(folder: Path) -> None:
    path = write(folder / "a.csv", ["A,bad", *map(line, random_bars(2, 40)), "A,bad"])
    last = list(FileSource([path]).deliveries(""))[-1]
    assert list(FileSource([path]).deliveries(last.resume)) == []
    only_bad = write(folder / "b.csv", ["A,bad"])
    last = list(FileSource([only_bad]).deliveries(""))[-1]
    assert list(FileSource([only_bad]).deliveries(last.resume)) == []


def test_a_copy_of_the_same_content_resumes_but_a_changed_file_starts_over_and_says_so(folder: Path) -> None:
    bars = list(random_bars(2, 40))
    path = write(folder / "a.csv", list(map(line, bars)))
    source = FileSource([path])
    resume = next(iter(source.deliveries(""))).resume
    path.write_bytes(path.read_bytes())  # only its time changes
    assert len(rows(list(FileSource([path]).deliveries(resume)))) == len(bars) - 32
    write(path, list(map(line, bars[:-1])))
    changed = FileSource([path])
    assert changed.name == source.name
    deliveries = list(changed.deliveries(resume))
    assert rows(deliveries) == bars[:-1]
    assert "a.csv" in deliveries[0].notices[0]
    assert "not the same" in deliveries[0].notices[0]


def test_a_resume_text_that_cannot_be_read_starts_over_and_says_so(folder: Path) -> None:
    path = write(folder / "a.csv", list(map(line, random_bars(2, 4))))
    for text in ("{", "[]", '{"after": 1}', '{"after": "x", "files": []}', '{"after": 1, "files": [[1]]}'):
        deliveries = list(FileSource([path]).deliveries(text))
        assert len(rows(deliveries)) == 8
        assert deliveries[0].notices != []


def test_a_file_that_changes_while_it_is_read_is_noticed(folder: Path) -> None:
    bars = list(random_bars(2, 400))
    path = write(folder / "a.csv", list(map(line, bars)))
    source = FileSource([path])
    source.scan()
    write(path, [line(bar) for bar in bars[::-1]])
    with pytest.raises(FileError, match="changed while it was read"):
        list(source.deliveries(""))


def test_names_distinguish_files(folder: Path) -> None:
    (folder / "x").mkdir()
    paths = [folder / "a.csv", folder / "x" / "a.csv"]
    names = {FileSource(chosen).name for chosen in (paths[:1], paths[1:], paths, paths[::-1])}
    assert len(names) == 4
    assert FileSource(paths[:1]).name == FileSource([str(folder / "x" / ".." / "a.csv")]).name


# -- the rest --------------------------------------------------------------------------------------------------------


def test_a_scan_counts_rows_and_finds_start_end_order_and_interval(awkward: list[Path]) -> None:
    source = FileSource(awkward)
    found = source.scan()
    assert (found.start, found.end, found.interval) == (START, START + 79 * MINUTE, MINUTE)
    assert [file.ordered for file in found.files] == [True, False, True, True]
    assert [file.path for file in found.files] == awkward
    assert [bool(file.damage) for file in found.files] == [False, False, True, False]
    deliveries = list(source.deliveries(""))
    repeated = sum("comes again" in reject.reason for delivery in deliveries for reject in delivery.rejects)
    assert found.rows == len(rows(deliveries)) + repeated
    assert sum(file.rejected for file in found.files) == len(places(deliveries)) - repeated


def test_close_ends_the_deliveries(awkward: list[Path]) -> None:
    source = FileSource(awkward)
    deliveries = source.deliveries("")
    next(deliveries)
    source.close()
    source.close()
    assert list(deliveries) == []


def test_from_a_time_on_each_delivery_holds_one_time(awkward: list[Path]) -> None:
    middle = START + 40 * MINUTE
    whole = rows(list(FileSource(awkward).deliveries("")))
    split = list(FileSource(awkward).deliveries("", single_from=middle))
    assert rows(split) == whole
    times = [set(delivery.bars.timestamp.tolist()) for delivery in split if len(delivery.bars)]
    assert all(max(moments) < middle for moments in times if len(moments) > 1)
    assert sum(len(moments) == 1 for moments in times) >= 40
    assert min(map(len, times[:3])) > 1
    rest = FileSource(awkward).deliveries(split[-20].resume)
    assert rows(split[:-19]) + rows(list(rest)) == whole


def test_a_full_disk_while_sorting_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder / "a.csv", [line(bar) for bar in random_bars(2, 40)][::-1])

    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setattr(merge.tempfile, "TemporaryFile", Full)
    with pytest.raises(FileError, match=r"a\.csv: cannot be sorted .*No space left.*TMPDIR"):
        list(FileSource([path]).deliveries(""))


def test_deliveries_of_several_passes_do_not_share_anything(awkward: list[Path]) -> None:
    source = FileSource(awkward)
    first, second = source.deliveries(""), source.deliveries("")
    both = [[one, two] for one, two in zip(first, second, strict=True)]
    assert rows([one for one, _ in both]) == rows([two for _, two in both])
    assert all(np.array_equal(one.bars.close, two.bars.close) for one, two in both)


@pytest.mark.parametrize("may_be_raised", [True, False])
def test_more_files_than_may_be_open_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, may_be_raised: bool
) -> None:
    rows = 2 * replay._MIN_ROWS
    prices = {name: [10.0] * rows for name in ("open", "high", "low", "close", "volume")}
    files = [tmp_path / f"A_{day}.parquet" for day in range(60)]
    for day, path in enumerate(files):
        times = START + (day * rows + np.arange(rows)) * MINUTE
        pyarrow.parquet.write_table(pyarrow.table({"timestamp": times, **prices}), path)
    monkeypatch.setattr(replay, "_BUFFERED_ROWS", 1)  # as with thousands of files
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    source = FileSource(files)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 40, limits[1]))
    try:
        if may_be_raised:
            assert sum(len(delivery.bars) for delivery in source.deliveries("")) == 60 * rows
            assert not source.problems
        else:
            monkeypatch.setattr(resource, "setrlimit", pytest.fail)
            monkeypatch.setattr(resource, "getrlimit", lambda _: (1 << 20, 1 << 20))
            with pytest.raises(FileError, match=r"60 files are merged by time, more than .* `ulimit -n 1084`"):
                list(source.deliveries(""))
    finally:
        monkeypatch.undo()
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
