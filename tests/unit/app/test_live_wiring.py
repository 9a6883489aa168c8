"""Test that the settings choose the feed, and that what a feed does not have is refused."""

from __future__ import annotations

import pytest

from tapeline.app import config
from tapeline.app.live_wiring import feed_of, interval_of
from tapeline.errors import ConfigError, FeedError


@pytest.mark.parametrize("name", ["", "3m", "1wk", "1D", "1 m"])
def test_an_unknown_interval_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(FeedError, match=r"Yahoo has no interval .*; there are 1m, 2m, .*1d") as found:
        interval_of(config.load(), name)
    assert repr(name) in str(found.value)


def test_an_unknown_feed_is_refused_with_the_known_ones() -> None:
    assert feed_of(config.load()).venue == "Yahoo"
    with pytest.raises(ConfigError, match="setting feed = 'nasdaq': there are yahoo"):
        feed_of(config.load(feed="nasdaq"))


def test_extended_hours_are_an_option_of_short_bars_from_yahoo() -> None:
    wanted = config.load(yahoo__extended_hours="true")
    assert not interval_of(config.load(), "1m").extended
    assert {name for name in feed_of(wanted).intervals if interval_of(wanted, name).extended} == {
        "1m", "2m", "5m", "15m", "30m",
    }  # fmt: skip
    assert not interval_of(config.load(feed="binance", yahoo__extended_hours="true"), "1m").extended
