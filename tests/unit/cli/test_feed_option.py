"""The option --feed chooses the venue for one command."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest
from tests.local_binance.server import MINUTE, LocalBinance, Values
from typer.testing import CliRunner

from tapeline.cli.main import app
from tapeline.errors import ConfigError


def value(symbol: str, opens: int) -> Values | None:
    return (100.0, 102.0, 99.0, 101.0, 1.5) if symbol == "BTCUSDT" else None


def test_a_back_fill_from_the_feed_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.csv"
    with LocalBinance(lambda: int(time.time() * 1000), value) as server:
        monkeypatch.setenv("TAPELINE_BINANCE__URL", server.url)
        done = CliRunner().invoke(app, [
            "backfill", "--feed", "binance", "--symbols", "btcusdt", "--period", "2h", "--out", str(out),
            "--data-dir", str(tmp_path / "data"),
        ])  # fmt: skip
        assert done.exit_code == 0, done.output
        assert server.broken == []
    bars = pd.read_csv(out)
    assert set(bars["symbol"]) == {"BTCUSDT"}
    assert 118 <= len(bars) <= 121
    assert (bars["timestamp"].diff().dropna() == MINUTE).all()
    assert bars["volume"].tolist() == [1.5] * len(bars)


@pytest.mark.parametrize("command", ["run", "collect", "backfill"])
def test_an_unknown_feed_is_refused_with_the_known_ones(command: str, tmp_path: Path) -> None:
    arguments = [command, "--feed", "nasdaq", "--symbols", "A", "--data-dir", str(tmp_path)]
    with pytest.raises(ConfigError, match="setting feed = 'nasdaq': there are yahoo, binance"):
        CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
