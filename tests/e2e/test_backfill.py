"""`tapeline backfill` over recorded charts: the archive, a second time, and the file made of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tapeline.backends.files.file_archive import LocalArchive
from tapeline.cli.main import app
from tapeline.core.market import Bars
from tapeline.feeds.files import FileSource
from tests.local_yahoo.cookies import keep_no_cookies
from tests.local_yahoo.market import Market
from tests.local_yahoo.server import LocalYahoo

RECORDED = Path(__file__).parents[1] / "data" / "yahoo"


@pytest.fixture
def yahoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalYahoo]:
    keep_no_cookies()
    charts = {name: json.loads((RECORDED / f"chart-{name}.json").read_text()) for name in ("AAPL", "OCDO.L")}
    with LocalYahoo(Market([], []), lambda: int(time.time() * 1000), recorded=charts) as server:
        monkeypatch.setenv("TAPELINE_YAHOO__URL", server.url)
        monkeypatch.setenv("TAPELINE_DATA_DIR", str(tmp_path / "data"))
        yield server


def backfill(*options: object) -> Result:
    return CliRunner().invoke(app, ["backfill", "--interval", "1d", "--period", "20y", "--json", *map(str, options)])


def bars_of(path: Path) -> Bars:
    source = FileSource([path])
    deliveries = list(source.deliveries(""))
    assert not source.problems
    assert not any(delivery.rejects for delivery in deliveries)
    return Bars.concat([delivery.bars for delivery in deliveries])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_can_be_fetched_is_archived_and_written_to_a_file_that_replay_reads(
    yahoo: LocalYahoo, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"history.{ending}"
    done = backfill("--symbols", "OCDO.L,AAPL,NOPE", "--out", out)
    assert done.exit_code == 1  # one of them failed ...
    assert "NOPE" in done.stderr
    found = {row["symbol"]: row for row in json.loads(done.stdout)}
    assert {symbol: row["new"] for symbol, row in found.items()} == {
        "AAPL": 49,
        "OCDO.L": 1,
    }  # ... the others are there
    assert found["OCDO.L"]["currency"] == "GBp"
    archived = LocalArchive(tmp_path / "data" / "archive").load("AAPL", "1d")
    written = bars_of(out)
    own = written[written.code == written.symbols.index("AAPL")]
    assert archived is not None
    assert own.close.tolist() == archived.bars.close.tolist()
    assert own.timestamp.tolist() == archived.bars.timestamp.tolist()
    assert len(written) == 50

    again = backfill("--symbols", "AAPL,OCDO.L")
    assert again.exit_code == 0
    assert [row["new"] for row in json.loads(again.stdout)] == [0, 0]


def test_adjusted_prices_are_lower_before_a_dividend_and_the_archive_keeps_them_as_they_were(
    yahoo: LocalYahoo, tmp_path: Path
) -> None:
    raw, adjusted = tmp_path / "raw.csv", tmp_path / "adjusted.csv"
    assert backfill("--symbols", "AAPL", "--out", raw).exit_code == 0
    assert backfill("--symbols", "AAPL", "--out", adjusted, "--adjusted").exit_code == 0
    before, after = bars_of(raw), bars_of(adjusted)
    paid = int(np.datetime64("2020-11-06", "ms").astype(np.int64))
    last = int(np.searchsorted(before.timestamp, paid)) - 1
    expected = np.where(before.timestamp < paid, 1 - 0.205 / before.close[last], 1.0)
    np.testing.assert_allclose(after.close / before.close, expected, rtol=1e-12)
    assert after.volume.tolist() == before.volume.tolist()


def test_a_file_that_is_there_is_not_written_over(yahoo: LocalYahoo, tmp_path: Path) -> None:
    out = tmp_path / "notes.csv"
    out.write_text("mine")
    done = backfill("--symbols", "AAPL", "--out", out)
    assert str(done.exception) == f"{out}: is there already; name another, or delete it"
    assert out.read_text() == "mine"
    assert not (tmp_path / "data" / "archive").exists()  # it is said before anything is asked for


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--symbols", "AAPL", "--adjusted"], "name a file: --out FILE"),
        (["--symbols", "AAPL", "--out", "bars.xlsx"], "must end in .csv or .parquet"),
        (["--symbols", "AAPL", "--out", "/proc/nowhere/bars.csv"], "cannot be written"),
        (["--symbols", "AAPL", "--period", "soon"], "soon"),
        ([], "name the symbols"),
    ],
)
def test_wrong_use_is_reported(yahoo: LocalYahoo, options: list[str], said: str) -> None:
    done = backfill(*options)
    assert done.exit_code != 0
    assert said in re.sub(r"[\s│]+", " ", done.stderr + str(done.exception))
