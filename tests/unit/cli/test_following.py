"""Check which symbols the live commands follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeline.app.config import Settings
from tapeline.cli import following
from tapeline.errors import InputError


def test_the_setting_begins_a_list_and_takes_nothing_away_from_one_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service starts with the same setting each time, after symbols were added on the page."""
    looked_up: list[list[str]] = []
    monkeypatch.setattr(following, "symbol_directory", lambda _settings: None)
    monkeypatch.setattr(following, "checked_symbols", lambda _directory, new, _notice: looked_up.append(new))
    settings = Settings(data_dir=tmp_path, symbols=("aapl", "MSFT"))
    watchlist, wanted = following.watchlist_of(settings, None)
    assert wanted == looked_up.pop() == ["AAPL", "MSFT"]
    watchlist.save(["AAPL", "NVDA"])
    assert following.watchlist_of(settings, None)[1] == ["AAPL", "NVDA"]
    assert following.watchlist_of(settings, "TSLA")[1] == looked_up.pop() == ["TSLA"]


def test_without_any_the_symbols_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name the symbols"):
        following.watchlist_of(Settings(data_dir=tmp_path), None)
