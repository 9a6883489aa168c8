"""Small files that stand for much: what they lead to is bounded, and what is wrong with them is said in a line."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.peak_memory import peak_mb

from tapeline.core.foreign import parquet_fault
from tapeline.core.rejects import KEPT_ALIKE, RAW_BYTES, count_of
from tapeline.feeds.files import FileSource

HEADER = b"timestamp,open,high,low,close,volume\n"
TIME = 1_549_895_400
PRICES = ("open", "high", "low", "close", "volume")

MEASURED = """
import sys
from pathlib import Path
from tapeline.feeds.files import FileSource
def size(name):
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024
source = FileSource([sys.argv[1]])
before = size("VmRSS")
rejects = [reject for delivery in source.deliveries("") for reject in delivery.rejects]
print(sum(reject.count for reject in rejects), len(rejects), size("VmHWM") - before)
"""


def repeated_row(path: Path, rows: int) -> Path:
    row = f"{TIME},1,1,1,1,1\n".encode()
    with gzip.open(path, "wb") as file:
        file.write(HEADER + row * rows)
    return path


def table(symbols: pa.Array, **columns: list[float]) -> pa.Table:
    count = len(symbols)
    times = [TIME + 60 * i for i in range(count)]
    return pa.table({"symbol": symbols, "timestamp": times} | {name: [1.0] * count for name in PRICES} | columns)


def test_one_row_a_million_times_is_one_bar_and_a_count(tmp_path: Path) -> None:
    path = repeated_row(tmp_path / "A.csv.gz", 1_000_000)
    assert path.stat().st_size < 100_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True, timeout=200
    )
    count, kept, grown = (float(part) for part in done.stdout.split())
    assert count == 999_999
    assert kept < 2 * KEPT_ALIKE
    assert grown < 100  # MB


def test_rows_of_one_time_and_two_symbols_are_rejected_wherever_a_delivery_ends(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rows = [f"{'AB'[i % 2]},{TIME + 60 * (i // 50_000)},1,1,1,{1 + i % 7},1" for i in range(100_000)]
    path.write_text("symbol," + HEADER.decode() + "\n".join(rows) + "\n")
    found = list(FileSource([path]).deliveries(""))
    bars = [bar for delivery in found for bar in delivery.bars]
    assert [(bar.symbol, bar.timestamp, bar.close) for bar in bars] == [
        ("A", TIME * 1000, 1 + 49_998 % 7), ("B", TIME * 1000, 1 + 49_999 % 7),
        ("A", TIME * 1000 + 60_000, 1 + 99_998 % 7), ("B", TIME * 1000 + 60_000, 1 + 99_999 % 7),
    ]  # fmt: skip
    assert sum(count_of(delivery.rejects) for delivery in found) == 100_000 - 4
    first = found[0].rejects[0]
    assert first.place == f"{path}:row 2"
    assert first.reason.startswith(f"A at 2019-02-11T14:30:00+00:00 comes again, in {path}:row ")
    assert first.reason.endswith("; the last one is used")


@pytest.mark.parametrize("ordered", [True, False])
def test_a_replay_that_stops_between_repeated_rows_goes_on_with_the_rest(tmp_path: Path, *, ordered: bool) -> None:
    path = tmp_path / "A.csv"
    times = [TIME + 60 * (i // 20_000) for i in range(60_000)]
    path.write_text(HEADER.decode() + "".join(f"{t},1,1,1,1,1\n" for t in (times if ordered else times[::-1])))
    whole = [bar.timestamp for delivery in FileSource([path]).deliveries("") for bar in delivery.bars]
    assert len(whole) == 3
    seen: list[int] = []
    resume = ""
    for _ in range(10):
        for delivery in FileSource([path]).deliveries(resume, single_from=0):
            resume = delivery.resume
            seen += delivery.bars.timestamp.tolist()
            if len(delivery.bars):
                break
    assert seen == whole


def test_a_parquet_file_that_unpacks_to_absurdly_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "A.parquet"
    pq.write_table(table(pa.array(["A" * 100_000_000]).dictionary_encode()), path, compression="zstd")
    assert path.stat().st_size < 10_000
    source = FileSource([path])
    assert list(source.deliveries("")) == []
    (problem,) = source.problems
    assert "unpacks from" in problem


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (1_000_000, ""), (1_500_000, ""), (1_600_000, "claims 1,600,000 rows in 5,000 bytes"),
        (-5, "claims -5 rows"),
    ],
)  # fmt: skip
def test_a_parquet_file_that_claims_absurdly_many_rows_is_refused(rows: int, fault: str) -> None:
    """A row takes a 40th of a byte in the smallest file that Arrow can write, which has one value in each column."""
    metadata = SimpleNamespace(num_rows=rows, num_row_groups=0, num_columns=0)
    assert parquet_fault(metadata, 5000) == fault


def test_a_page_that_claims_two_gigabytes_takes_no_memory() -> None:
    """The fuzz run of 2026-11-26 found it: Arrow's buffered reader made room for the page before it read."""
    path = Path(__file__).parents[3] / "data" / "hostile" / "page_of_2_gb.parquet"
    before = peak_mb(forget=True)
    source = FileSource([path])
    assert list(source.deliveries("")) == []
    assert "is damaged" in source.problems[0]
    assert peak_mb() - before < 200


@pytest.mark.parametrize("dictionary", [True, False])
def test_long_texts_of_a_parquet_file_are_cut_and_none_of_them_is_a_number(tmp_path: Path, *, dictionary: bool) -> None:
    count = 3000
    symbols = pa.array(["A"] * count)
    closes = pa.array(["1" + "0" * 20_000] * (count // 2) + ["2.5"] * (count // 2))
    path = tmp_path / "A.parquet"
    pq.write_table(table(symbols).set_column(5, "close", closes), path, use_dictionary=dictionary)
    found = list(FileSource([path]).deliveries(""))
    assert sum(len(delivery.bars) for delivery in found) == count // 2
    rejects = [reject for delivery in found for reject in delivery.rejects]
    assert count_of(rejects) == count // 2
    assert len(rejects) == KEPT_ALIKE + 1
    assert all(len(reject.raw) <= RAW_BYTES for reject in rejects)


def test_a_file_with_absurdly_many_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_bytes(b"x," * 16_000 + HEADER + b"1," * 16_005 + b"1\n")
    source = FileSource([path])
    assert list(source.deliveries("")) == []
    assert "16,006 columns" in source.problems[0]
