from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import MINUTE, START
from tests.unit.dashboard.memory import MemoryStore, row

from tapeline.dashboard import window as window_module
from tapeline.dashboard.window import SHOWN_BARS, Window
from tapeline.market import Row


def rows(first: int, count: int, seed: int = 0, **values: object) -> list[Row]:
    walk = 100 + np.cumsum(np.random.default_rng(seed).normal(0, 0.1, first + count))
    return [
        row("A", START + i * MINUTE, float(walk[i]), indicator={"sma_20": float(walk[i])} if i >= 19 else {}, **values)
        for i in range(first, first + count)
    ]


class Browser:
    """What chart.js does with the messages, so that a test can say: in the end it holds what the store holds."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.columns = {name: list(values) for name, values in snapshot["columns"].items()}

    def change(self, message: dict[str, Any]) -> None:
        keep = sum(t < message["since"] for t in self.columns["t"])
        for name, values in message["columns"].items():
            self.columns[name] = self.columns[name][:keep] + values
        drop = sum(t < message["first"] for t in self.columns["t"])
        self.columns = {name: values[drop:] for name, values in self.columns.items()}


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.put(*rows(0, 300))
    return store


def opened(store: MemoryStore) -> tuple[Window, Browser]:
    window = Window(store, "A", {})
    assert window.refresh() is not None
    return window, Browser(window.snapshot())


def assert_same(browser: Browser, store: MemoryStore) -> None:
    fresh = Window(store, "A", {})
    fresh.refresh()
    assert browser.columns == fresh.snapshot()["columns"]


def test_a_snapshot_holds_the_newest_bars_and_no_nan(store: MemoryStore) -> None:
    store.put(*rows(300, 900))
    window, browser = opened(store)
    assert len(browser.columns["t"]) == SHOWN_BARS
    assert browser.columns["t"][-1] == START + 1199 * MINUTE
    assert window.snapshot()["first"] == START + 200 * MINUTE
    flat = [value for values in browser.columns.values() for value in values]
    assert not [value for value in flat if value != value]


def test_nothing_new_sends_nothing_and_reads_little(store: MemoryStore) -> None:
    window, _ = opened(store)
    store.reads = 0
    assert window.refresh() is None
    assert store.reads <= 50


def test_a_new_bar_sends_that_bar_only(store: MemoryStore) -> None:
    window, browser = opened(store)
    store.put(*rows(300, 1))
    change = window.refresh()
    assert change is not None
    assert change["columns"]["t"] == [START + 300 * MINUTE]
    browser.change(change)
    assert_same(browser, store)


def test_a_forming_bar_is_replaced_and_the_old_ones_drop_out(store: MemoryStore) -> None:
    store.put(*rows(300, 700))
    window, browser = opened(store)
    store.put(*rows(1000, 1, final=False))
    browser.change(window.refresh() or {})
    assert browser.columns["f"][-1] == 0
    store.put(*rows(1000, 3, seed=1))
    browser.change(window.refresh() or {})
    assert len(browser.columns["t"]) == SHOWN_BARS
    assert_same(browser, store)


def test_more_bars_than_the_tail_between_two_looks(store: MemoryStore) -> None:
    window, browser = opened(store)
    store.put(*rows(300, 2500))
    change = window.refresh()
    assert change is not None
    browser.change(change)
    assert_same(browser, store)


def test_a_late_correction_in_the_tail_comes_at_once_and_one_far_back_in_a_while(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, browser = opened(store)
    store.put(row("A", START + 290 * MINUTE, 42.0, indicator={"sma_20": 1.0}))
    browser.change(window.refresh() or {})
    assert_same(browser, store)
    store.put(row("A", START + 10 * MINUTE, 43.0))
    assert window.refresh() is None
    monkeypatch.setattr(window_module, "_WHOLE_EVERY", 1)
    browser.change(window.refresh() or {})
    assert_same(browser, store)


def test_a_bar_between_others_and_other_indicators(store: MemoryStore) -> None:
    window, browser = opened(store)
    store.put(row("A", START + 295 * MINUTE + 30_000, 44.0, indicator={"sma_20": 1.0}))
    browser.change(window.refresh() or {})
    assert_same(browser, store)
    store.put(row("A", START + 300 * MINUTE, 45.0, indicator={"rsi_14": 50.0}))
    message = window.refresh()
    assert message is not None
    assert "since" not in message  # the columns are others: everything is sent, with a layout
    assert {"sma_20", "rsi_14"} <= message["columns"].keys()
    assert {drawn["name"] for drawn in message["layout"]} == {"sma_20", "rsi_14"}


def test_outcomes_reach_back_over_the_bars_already_sent() -> None:
    store = MemoryStore()
    calls = {"prediction": "UP", "probability": 0.6, "model": "m"}
    store.put(*rows(0, 100, **calls))
    window, browser = opened(store)
    assert browser.columns["y"][-5:] == [0] * 5  # the horizon of the newest five has not passed
    store.put(*rows(100, 5, **calls))
    change = window.refresh()
    assert change is not None
    browser.change(change)
    assert 0 not in browser.columns["y"][-10:-5]
    assert_same(browser, store)
    grade = change["grade"]
    assert 0 < grade["answered"] <= 105 - 5 - 20
    assert grade["pending"] == 25  # five ahead of their horizon, twenty without a volatility behind them
    assert 0 <= grade["low"] <= grade["hit"] <= grade["high"] <= 1
    assert 0.5 <= grade["base"] <= 1


def test_holding_only_answers_nothing_and_shares_are_absent_not_zero() -> None:
    store = MemoryStore()
    store.put(*rows(0, 100, prediction="HOLD", probability=0.5, model="m"))
    grade = opened(store)[0].snapshot()["grade"]
    assert (grade["predicted"], grade["answered"], grade["hit"], grade["base"]) == (100, 0, None, None)


def test_predictions_of_a_second_model_join_the_first() -> None:
    store = MemoryStore()
    store.put(*rows(0, 100, prediction="UP", probability=0.6, model="one"))
    window, browser = opened(store)
    store.put(*rows(100, 30, prediction="DOWN", probability=0.4, model="two"))
    browser.change(window.refresh() or {})
    assert_same(browser, store)
    store.put(*rows(130, 30, prediction="DOWN", probability=0.4, model="two"))  # the tail knows the second one only
    browser.change(window.refresh() or {})
    assert_same(browser, store)


def test_an_unknown_symbol_is_an_empty_snapshot_that_fills() -> None:
    store = MemoryStore()
    window = Window(store, "A", {})
    assert window.refresh() is None
    assert window.snapshot()["columns"]["t"] == []
    store.put(*rows(0, 3))
    message = window.refresh()
    assert message is not None
    assert len(message["columns"]["t"]) == 3


def test_a_store_that_was_emptied_empties_the_chart(store: MemoryStore) -> None:
    window, _ = opened(store)
    store.kept.clear()
    message = window.refresh()
    assert message is not None
    assert message["columns"]["t"] == []
    assert window.refresh() is None
