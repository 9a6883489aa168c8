"""One process collects into a data directory; a second is refused until the first has ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tapeline.app import config
from tapeline.app.data_directory import collecting_alone
from tapeline.cli.main import app
from tapeline.errors import StorageError


def test_a_second_collector_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    settings = config.load(data_dir=tmp_path / "new")
    with collecting_alone(settings):
        with pytest.raises(StorageError, match="another tapeline is collecting into it"), collecting_alone(settings):
            pass
        found = CliRunner().invoke(app, ["collect", "--symbols", "TSLA", "--data-dir", str(settings.data_dir)])
        assert "is collecting into it; stop it or choose another --data-dir" in str(found.exception)
        assert not (settings.data_dir / "symbols.txt").exists()  # and the list of the first one stays
        with collecting_alone(config.load(data_dir=tmp_path / "other")):
            pass
    with collecting_alone(settings):
        pass
