"""Files with bars of several lengths: each length of a symbol is a series, as if it had a data directory of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeline.app import config, wiring
from tapeline.app.data_directory import DataDirectory, processing_alone
from tapeline.app.file_series import FileSeries, series_of_files
from tapeline.core.bars import sort_and_dedupe
from tapeline.core.rows import Row
from tapeline.core.series import split_series, symbol_of
from tapeline.core.times import DAY, HOUR, MINUTE, interval_name
from tapeline.errors import FileError
from tapeline.feeds.files import FileSource

MONDAY = 19_800 * DAY + 4 * DAY  # 2024-03-21 is day 19803
OPEN = MONDAY + 14 * HOUR + 30 * MINUTE


def written(folder: Path, name: str, bars: Sequence[tuple[str, int, float]]) -> Path:
    path = folder / name
    lines = [f"{symbol},{time},{price},{price + 1},{price - 1},{price},100" for symbol, time, price in bars]
    path.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines]) + "\n")
    return path


def of(symbol: str, interval: int, count: int = 20, price: float = 50.0) -> list[tuple[str, int, float]]:
    start = MONDAY if interval >= DAY else OPEN
    return [(symbol, start + at * interval, price + at) for at in range(count)]


def named(directory: DataDirectory, *paths: Path) -> FileSeries:
    return series_of_files(directory, FileSource(paths).scan())


def replayed(folder: Path, *paths: Path) -> dict[tuple[str, str], list[Row]]:
    """Return the rows of every series after a replay of these files, by symbol and interval, under their symbol."""
    chosen = config.load(data_dir=folder)
    with processing_alone(chosen) as directory:
        source = FileSource(paths)
        series = series_of_files(directory, source.scan())
        source.name_series(series.names)
        wiring.pipeline(directory, chosen, source, None, lambda _: None).run()
        return dict(rows_by_series(directory))


def rows_by_series(directory: DataDirectory) -> Iterator[tuple[tuple[str, str], list[Row]]]:
    for name in directory.store.latest().bars.symbols:
        rows = list(directory.store.rows(name))
        interval = split_series(name)[1] or min(b.timestamp - a.timestamp for a, b in itertools.pairwise(rows))
        plain = [Row(**{field: getattr(row, field) for field in Row.__slots__} | {"stock_symbol": ""}) for row in rows]
        yield (symbol_of(name), interval_name(interval)), plain


prices = st.lists(st.integers(10, 90), min_size=6, max_size=14)


@settings(max_examples=6, deadline=None)
@given(daily=prices, minutes=prices, order=st.permutations(["daily", "minutes", "hours"]), together=st.booleans())
def test_one_directory_has_the_rows_of_several(
    tmp_path_factory: pytest.TempPathFactory, daily: list[int], minutes: list[int], order: list[str], together: bool
) -> None:
    folder = tmp_path_factory.mktemp("series")
    lengths = {"daily": (DAY, daily), "minutes": (MINUTE, minutes), "hours": (HOUR, minutes[:6])}
    files = {
        name: written(folder, f"{name}.csv", [
            (symbol, time, float(price)) for at, price in enumerate(found) for symbol in ("AAA", "BTC-USD")
            for time in [(MONDAY if name == "daily" else OPEN) + at * length]
        ]) for name, (length, found) in lengths.items()
    }  # fmt: skip
    apart = {}
    for name, path in files.items():
        apart |= replayed(folder / name, path)
    beside = {}
    paths = [files[name] for name in order]
    for some in [paths] if together else [[path] for path in paths]:
        beside = replayed(folder / "all", *some)
    assert beside == apart
    assert len(apart) == 6


def test_a_new_symbols_first_series_has_its_shortest_bars_and_a_stored_one_stays(tmp_path: Path) -> None:
    daily, minutes = written(tmp_path, "d.csv", of("A", DAY)), written(tmp_path, "m.csv", of("A", MINUTE))
    more = written(tmp_path, "more.csv", [*of("B", MINUTE), *of("B@1d", DAY)])
    with processing_alone(config.load(data_dir=tmp_path / "new")) as directory:
        found = named(directory, daily, minutes)
        assert found.names == {daily: {"A": "A@1d"}, minutes: {"A": "A"}}
        assert list(found.beside) == ["1d bars of A are kept beside those of another length, as A@1d"]
        several = series_of_files(directory, FileSource([daily, minutes, more]).scan())
        assert list(several.beside) == [
            "1d bars of A and 1 more are kept beside those of another length, as A@1d and so on"
        ]
    replayed(tmp_path / "old", daily)
    with processing_alone(config.load(data_dir=tmp_path / "old")) as directory:
        assert named(directory, daily, minutes).names == {daily: {"A": "A"}, minutes: {"A": "A@1m"}}


def test_a_model_learns_from_the_bars_of_one_length(tmp_path: Path) -> None:
    daily = written(tmp_path, "d.csv", of("A", DAY, 30))
    minutes = written(tmp_path, "m.csv", [*of("A", MINUTE, 60), *of("B", MINUTE, 60)])
    with processing_alone(config.load(data_dir=tmp_path / "data")) as directory:
        source = FileSource([daily, minutes])
        scan = source.scan()
        series = series_of_files(directory, scan)
        source.name_series(series.names)
        learnt = sort_and_dedupe(series.only(each.bars, scan.interval) for each in source.deliveries(""))
        assert (learnt.symbols, len(learnt), int(learnt.timestamp.min())) == (("A", "B"), 120, OPEN)
        assert (series.learnt(scan).rows, series.learnt(scan).start) == (120, OPEN)


def test_few_bars_far_apart_correct_shorter_ones(tmp_path: Path) -> None:
    minutes = written(tmp_path, "m.csv", of("A", MINUTE))
    replayed(tmp_path / "data", minutes)
    with processing_alone(config.load(data_dir=tmp_path / "data")) as directory:
        for times in ([0], [3, 11], [3, 11, 12, 19], [1, 6]):
            some = written(tmp_path, "some.csv", [("A", OPEN + at * MINUTE, 70.0) for at in times])
            assert named(directory, some).names == {some: {"A": "A"}}
        hours = written(tmp_path, "hours.csv", of("A", HOUR, 4))
        assert named(directory, hours).names == {hours: {"A": "A@1h"}}


def test_bars_of_a_length_without_a_name_need_a_word(tmp_path: Path) -> None:
    replayed(tmp_path / "data", written(tmp_path, "m.csv", of("A", MINUTE)))
    odd = written(tmp_path, "odd.csv", of("A", 7 * MINUTE))
    with processing_alone(config.load(data_dir=tmp_path / "data")) as directory:
        with pytest.raises(FileError, match=r"odd.csv: its bars of A are 7m apart, .* these are: --interval 1m"):
            named(directory, odd)
        wrong = written(tmp_path, "wrong.csv", [("A@1d", time, price) for _, time, price in of("A", MINUTE)])
        with pytest.raises(FileError, match="has 1m bars of what it calls A@1d"):
            named(directory, wrong)
