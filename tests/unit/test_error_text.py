"""Check how numbers are written in messages."""

from __future__ import annotations

from tapeline.app.stored_forecasts import no_forecast
from tapeline.error_text import counted


def test_a_number_has_the_noun_that_it_takes() -> None:
    assert [counted(number, "bar") for number in (0, 1, 2, 1200)] == ["0 bars", "1 bar", "2 bars", "1,200 bars"]


def test_one_bar_ahead_is_no_plural() -> None:
    assert str(no_forecast("TSLA", 1)).startswith("no bar of TSLA has a range forecast 1 bar ahead: ")
