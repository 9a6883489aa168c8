"""Where blocks go: no two overlap, no bar is rewritten often, and a damaged one costs its own bars only."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MINUTE, START

from tapeline.backends.sqlite import block_table
from tapeline.backends.sqlite.bar_blocks import Block
from tapeline.backends.sqlite.block_table import FANOUT, SEALED, BlockTable, PreparedBlock
from tapeline.backends.sqlite.block_totals import BlockEntry
from tapeline.backends.sqlite.checked_rows import put_rows
from tapeline.backends.sqlite.damage_log import DamageLog
from tapeline.backends.sqlite.database import Database
from tapeline.backends.sqlite.file_check import damaged_parts

SYMBOL = 1


def block_of(bars: dict[int, float]) -> Block:
    """Return a block of bars at these times, each with this number as all of its prices."""
    times = np.array(sorted(bars), np.int64)
    values = np.repeat(np.array([[bars[time]] for time in times.tolist()], np.float64), 5, axis=1)
    return Block(times, values, {})


class Table:
    """A `BlockTable` over a file of its own, with one symbol, that puts each block in a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        with self.database.transaction() as connection:
            put_rows(connection, "symbols", [(SYMBOL, "AAPL")])
        self.told: list[str] = []
        self.reopen()

    def reopen(self) -> None:
        """Forget what is in memory, as a new process."""
        self.log = DamageLog()
        self.log.tell(self.told.append)
        self.table = BlockTable(self.log)

    def put(self, bars: dict[int, float]) -> bool:
        with self.database.transaction() as connection:
            return self.table.put(connection, SYMBOL, PreparedBlock(block_of(bars)))

    def entries(self) -> list[BlockEntry]:
        with self.database.reading() as reader:
            return self.table.index.entries(reader, SYMBOL, -(1 << 62), 1 << 62)

    def blocks(self) -> list[Block]:
        """Return the blocks that can be read."""
        with self.database.reading() as reader:
            found = [
                self.table.read(reader, entry) for entry in self.table.index.entries(reader, SYMBOL, -(2**62), 2**62)
            ]
        return [block for block in found if block is not None]

    def bars(self) -> dict[int, float]:
        """Return all bars that can be read; no two blocks may have the same, or be out of order."""
        blocks = self.blocks()
        times = [time for block in blocks for time in block.timestamp.tolist()]
        assert times == sorted(set(times))
        return dict(zip(times, (value for block in blocks for value in block.values[:, 3].tolist()), strict=True))

    def damage(self, number: int) -> None:
        with self.database.transaction() as connection:
            connection.execute("UPDATE blocks SET payload = zeroblob(length(payload)) WHERE id = ?", (number,))


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    made = Table(tmp_path / "tapeline.db")
    yield made
    made.database.close()


def writes_of(bars_a_commit: Sequence[int], monkeypatch: pytest.MonkeyPatch, path: Path) -> Counter[int]:
    """Return how often each bar was written when each commit brings this number of them, the first time included."""
    written: Counter[int] = Counter()
    insert = BlockTable._insert

    def spy(self: BlockTable, connection: Any, symbol: int, block: Block, payload: bytes | None = None) -> BlockEntry:
        written.update(block.timestamp.tolist())
        return insert(self, connection, symbol, block, payload)

    monkeypatch.setattr(BlockTable, "_insert", spy)
    with closing(Database(path)) as database, database.transaction() as connection:
        table, start = BlockTable(), 0
        for count in bars_a_commit:
            times = range(start, start + count)
            table.put(connection, SYMBOL, PreparedBlock(block_of({START + MINUTE * i: 1.0 for i in times})))
            start += count
        sizes = [count for (count,) in connection.execute("SELECT count FROM blocks ORDER BY last")]
    assert sum(sizes) == start == len(written)
    assert max(sizes) < 2 * SEALED
    return written


def test_each_bar_of_5000_commits_is_rewritten_at_most_three_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = writes_of([1] * 5000, monkeypatch, tmp_path / "tapeline.db")
    assert max(written.values()) == 1 + 3
    assert sum(written.values()) / 5000 < 4


@pytest.mark.parametrize("pattern", [[1] * 15 + [16], [15], [17, 1], [255, 16, 1], [300], [2047, 3], [3000, 1], [5000]])
def test_commits_of_any_size_rewrite_a_bar_at_most_three_times(
    pattern: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = list(itertools.islice(itertools.cycle(pattern), 12_000 * len(pattern) // sum(pattern)))
    assert max(writes_of(commits, monkeypatch, tmp_path / "tapeline.db").values()) <= 1 + 3


def test_large_commits_are_merged_without_being_read_back_nor_what_was_rolled_back(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [START + MINUTE * i for i in range(14 * 300)]
    monkeypatch.setattr(BlockTable, "read", None)
    with contextlib.suppress(KeyError), table.database.transaction() as connection:
        table.table.put(connection, SYMBOL, PreparedBlock(block_of(dict.fromkeys(times[:300], 7.0))))
        raise KeyError
    table.table.forget()
    for start in range(0, len(times), 300):
        table.put({time: float(1 + start) for time in times[start : start + 300]})
    monkeypatch.undo()
    assert [entry.count for entry in table.entries()] == [len(times)]
    assert table.bars() == {time: float(1 + i // 300 * 300) for i, time in enumerate(times)}


def test_a_symbols_end_has_few_blocks(table: Table) -> None:
    for i in range(FANOUT * 20 - 1):
        table.put({START + MINUTE * i: 1.0})
        assert len(table.entries()) < 2 * FANOUT
    table.reopen()
    table.put({START + MINUTE * 10_000: 1.0})
    assert len(table.entries()) < 2 * FANOUT


# -- corrections -------------------------------------------------------------------------------------------------------


def test_a_correction_rewrites_only_the_blocks_it_falls_into(table: Table) -> None:
    for i in range(5):
        table.put({START + MINUTE * (i * SEALED + k): 1.0 for k in range(SEALED)})
    before = {entry.id for entry in table.entries()}
    assert table.put({START + MINUTE * 5: 2.0, START + MINUTE * (4 * SEALED + 5): 2.0})
    assert len(before & {entry.id for entry in table.entries()}) == 3
    assert sorted(table.bars().values())[-3:] == [1.0, 2.0, 2.0]


def test_bars_that_change_nothing_rewrite_nothing(table: Table) -> None:
    bars = {START + MINUTE * i: float(i) for i in range(40)}
    table.put(bars)
    before = table.entries()
    assert not table.put(dict(list(bars.items())[5:20]))
    assert table.entries() == before


commits = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 30), st.integers(1, 3)),
        st.tuples(st.just("revise"), st.sets(st.integers(0, 400), min_size=1, max_size=8), st.just(0)),
        st.tuples(st.sampled_from(["damage", "reopen"]), st.integers(0, 1000), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=120, deadline=None)
@given(steps=commits)
def test_any_commits_leave_what_a_dictionary_would_hold(
    steps: list[tuple[str, Any, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Small blocks, so that a few commits merge, split and cross them; damaged blocks lose their own bars only."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(block_table, "FANOUT", 3)
        patched.setattr(block_table, "SEALED", 27)
        table = Table(tmp_path_factory.mktemp("table") / "tapeline.db")
        with closing(table.database):
            wanted: dict[int, float] = {}
            lost = 0
            for number, (what, amount, gap) in enumerate(steps, 1):
                if what == "append":
                    start = max([*wanted, *(entry.last for entry in table.entries())], default=0)
                    bars = {start + gap * (i + 1): float(number) for i in range(amount)}
                elif what == "revise":
                    bars = dict.fromkeys(amount, float(number))
                elif what == "damage" and (entries := table.entries()):
                    entry = entries[amount % len(entries)]
                    with table.database.reading() as reader:
                        block = table.table.read(reader, entry)
                    table.damage(entry.id)
                    for time in block.timestamp.tolist() if block is not None else ():
                        del wanted[time]
                        lost += 1
                    table.reopen()
                    continue
                else:
                    table.reopen()
                    continue
                table.put(bars)
                wanted |= bars
            table.reopen()
            assert table.bars() == wanted
            assert sum(entry.count for entry in table.entries()) == len(wanted) + lost


# -- damaged blocks ----------------------------------------------------------------------------------------------------


def test_a_damaged_block_is_named_and_costs_its_own_bars_only(table: Table) -> None:
    times = [START + MINUTE * i for i in range(3 * SEALED)]
    for i in range(3):
        table.put(dict.fromkeys(times[i * SEALED : (i + 1) * SEALED], 1.0))
    middle = table.entries()[1]
    table.damage(middle.id)
    assert list(table.bars()) == times[:SEALED] + times[2 * SEALED :]
    table.bars()
    assert table.told == [
        (
            "AAPL: 4,096 bars from 2019-02-14 10:46 to 2019-02-17 07:01 UTC cannot be read "
            f"(block {middle.id}: these bytes are not a block of bars); "
            "they are passed over; `tapeline check` says what else is, `tapeline check --repair` repairs it"
        )
    ]


def test_bars_of_a_damaged_block_that_come_again_are_there_again(table: Table) -> None:
    times = [START + MINUTE * i for i in range(3 * SEALED)]
    for i in range(3):
        table.put(dict.fromkeys(times[i * SEALED : (i + 1) * SEALED], 1.0))
    table.damage(table.entries()[1].id)
    assert table.put(dict.fromkeys(times[SEALED + 10 : 2 * SEALED - 10], 2.0))
    assert list(table.bars()) == times[:SEALED] + times[SEALED + 10 : 2 * SEALED - 10] + times[2 * SEALED :]
    assert max(map(len, table.blocks())) < 2 * SEALED


def test_a_damaged_block_at_the_end_does_not_stop_merging(table: Table) -> None:
    for i in range(FANOUT + 3):
        table.put({START + MINUTE * i: 1.0})
    table.damage(table.entries()[-2].id)
    table.reopen()
    for i in range(FANOUT + 3, 3 * FANOUT + 3):
        table.put({START + MINUTE * i: 1.0})
    assert len(table.bars()) == 3 * FANOUT + 2
    assert len(table.entries()) < FANOUT
    assert len(table.told) == 1


def test_a_block_in_the_place_of_another_is_not_taken_for_it(table: Table) -> None:
    for i in range(2):
        table.put({START + MINUTE * (i * SEALED + k): 1.0 for k in range(SEALED)})
    first, second = table.entries()
    with table.database.transaction() as connection:
        connection.execute(
            "UPDATE blocks SET payload = (SELECT payload FROM blocks WHERE id = ?) WHERE id = ?", (second.id, first.id)
        )
    assert list(table.bars()) == [START + MINUTE * (SEALED + k) for k in range(SEALED)]
    assert "it holds other bars than the file says" in table.told[0]


@pytest.mark.parametrize("where", ["its bytes", "the pointer to its next page", "its type"])
def test_damage_in_the_file_itself_costs_one_block(where: str, tmp_path: Path) -> None:
    path = tmp_path / "tapeline.db"
    rng = np.random.default_rng(0)
    bars = {START + MINUTE * i: price for i, price in enumerate(rng.uniform(1, 2, 3 * SEALED).tolist())}
    table = Table(path)
    for i in range(3):
        table.put(dict(list(bars.items())[i * SEALED : (i + 1) * SEALED]))
    middle = table.entries()[1]
    (payload,) = table.database.reader.execute("SELECT payload FROM blocks WHERE id = ?", (middle.id,)).fetchone()
    table.database.close()
    content = bytearray(path.read_bytes())
    inside = content.index(payload[20_000:20_032])
    page = inside // 8192 * 8192
    if where == "its bytes":
        content[inside] ^= 1
    elif where == "the pointer to its next page":
        content[page : page + 4] = b"\xff\xff\xff\xff"
    else:
        record = content.index(payload[:32])  # what is before it is the record's header; the last number is its type
        length = 12 + 2 * len(payload)
        kind = bytes([0x80 | length >> 14, 0x80 | length >> 7 & 0x7F, length & 0x7F])
        at = content.rindex(kind, record - 64, record)
        content[at + 2] |= 1  # a text of this length
    path.write_bytes(content)
    table = Table(path)
    with closing(table.database):
        read = list(bars) if where == "its type" else list(bars)[:SEALED] + list(bars)[2 * SEALED :]
        assert list(table.bars()) == read
        assert len(table.told) == (where != "its type")
        table.put({START + MINUTE * 4 * SEALED: 1.0})
        assert len(table.bars()) == len(read) + 1


def test_verifying_reads_every_block(table: Table) -> None:
    for i in range(3):
        table.put({START + MINUTE * (i * SEALED + k): 1.0 for k in range(SEALED)})
    for number in (0, 2):
        table.damage(table.entries()[number].id)
    assert sum(part.table == "blocks" for part in damaged_parts(table.database)) == 2
