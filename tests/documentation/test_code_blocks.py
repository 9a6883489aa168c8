"""Run the code blocks of guides and tutorials: each Python block, and each command line that ends by itself."""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tapeline.app.config import Settings
from tapeline.app.data_directory import open_data_directory
from tapeline.cli.main import app
from tapeline.core.bars import sort_and_dedupe
from tapeline.core.messages import Commit, Delivery
from tapeline.core.times import DAY, MINUTE
from tapeline.forecast import DEFAULT_NAME
from tapeline.research.range_training import fit_sorted
from tapeline.runtime.processor import Processor
from tests.daily import clustered_bars, daily_bars
from tests.documentation.code_blocks import (
    CHANGING,
    FOREIGN,
    LONG,
    PAGES,
    PRINTED,
    ROOT,
    CodeBlock,
    Proof,
    code_blocks,
    proof_elsewhere,
)
from tests.stored import fill, served, session_bars

ADDRESS = "http://127.0.0.1:8000"

#: Files of bars that pages name, all with the same bars.
FILES = ("AAPL.csv", "TSLA.csv", "prices.csv", "minutes.csv", "minutes.parquet")


FRIDAY = 1_767_312_000_000  # 2026-01-02


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as somebody has it who follows the guides: a data directory with forecasts, another one, and files."""
    home = tmp_path_factory.mktemp("home")
    times = session_bars(("TSLA",), FRIDAY, FRIDAY + 4 * DAY).timestamp[:700]
    bars = replace(
        clustered_bars(4, len(times)), symbols=("TSLA", "AAPL", "MSFT", "NVDA"), timestamp=np.repeat(times, 4)
    )
    ranges = fit_sorted(sort_and_dedupe([bars], int(times[420])), MINUTE)
    with open_data_directory(Settings(data_dir=home / "tapeline-data"), create=True) as directory:
        directory.ranges.save(DEFAULT_NAME, ranges)
        directory.ranges.promote(DEFAULT_NAME, ranges.version, at=0)
        own = bars[bars.code < 2]
        directory.stream.append("guide", Delivery(own))
        step = Processor((), range_model=ranges).step(own)
        directory.store.commit(Commit(step.rows, step.states, 1))
    for name in FILES:
        call(
            "export",
            "TSLA",
            "AAPL",
            "--out",
            home / name,
            "--start",
            "2026-01-05",
            "--data-dir",
            home / "tapeline-data",
        )
    daily = daily_bars(2, 60)
    fill(home / "daily-data", replace(daily, symbols=("AAPL", "TSLA")))
    call("export", "AAPL", "TSLA", "--out", home / "daily.csv", "--data-dir", home / "daily-data")
    call("replay", home / "daily.csv", "--data-dir", home / "my-data")
    with (home / "saved.csv").open("w") as saved:
        print("Date,Price,Open,High,Low,Vol.", file=saved)
        for bar in daily[daily.code == 0]:
            day = str(np.datetime64(bar.timestamp, "ms"))[:10]
            print(day, bar.close, bar.open, bar.high, bar.low, bar.volume, sep=",", file=saved)
    shutil.copy(ROOT / "src/tapeline/data/sample_1m.parquet", home)
    return home


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    assert done.exit_code == 0, f"{arguments}\n{done.output}\n{done.exception!r}"
    return done.output


def pages() -> list[Path]:
    return [page for page in PAGES if any(block.proof is Proof.RUN or block.lines for block in code_blocks(page))]


@pytest.mark.parametrize(
    "page", [page for page in pages() if page.name not in CHANGING], ids=lambda page: page.stem.lower()
)
def test_every_block_of_a_page_runs(page: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(home, tmp_path, dirs_exist_ok=True)
    if page.stem == "first_look":
        shutil.copytree(home / "tapeline-data", tmp_path / "tapeline-data" / "demo")
    if page.stem == "your_own_file":
        shutil.rmtree(tmp_path / "my-data")
    if page.stem == "README":
        (tmp_path / "AAPL.csv").unlink()
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        for block in code_blocks(page):
            if block.language != "python":
                run_lines(block)
                continue
            text = block.text
            if ADDRESS in text:
                text = text.replace(ADDRESS, stack.enter_context(served(tmp_path / "tapeline-data")))
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, page.name, "exec"), names)


def run_lines(block: CodeBlock) -> None:
    """Run the lines of a block that end by themselves, and find the tests of the others."""
    for line in block.lines:
        if (elsewhere := proof_elsewhere(line)) is not None:
            path, text = elsewhere
            assert text in (ROOT / path).read_text(), f"{line}: {path}"
        elif not line.startswith((*FOREIGN, *LONG)):
            words = shlex.split(line)
            assert words[0] == "tapeline", line
            output = call(*words[1:])
            if block.text.startswith("$ "):
                shown = block.text.splitlines()[1:]
                assert [each for each in shown if each != "..." and each not in output] == []


def test_every_kind_of_proof_has_blocks_and_nothing_printed_is_forgotten() -> None:
    blocks = [block for page in PAGES for block in code_blocks(page)]
    found = Counter(block.proof for block in blocks)
    assert found.keys() == set(Proof)
    assert found[Proof.RUN] > 60
    for beginning in PRINTED:
        assert any(block.text.startswith(beginning) for block in blocks), beginning
