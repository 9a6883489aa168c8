"""Moves in percent, means and bands of before: what they are written out as, and what they are on a bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import MINUTE, START
from tests.fakes.stores import MemoryStore
from tests.rows import random_rows

from tapeline.alerts.bar_values import NewBarsReader
from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.journal import Journal
from tapeline.alerts.runner import Runner
from tapeline.alerts.screening import Screener, question
from tapeline.alerts.service import Alerts
from tapeline.alerts.stored_rehearsal import rehearse
from tapeline.alerts.window_terms import window_values
from tapeline.app.config import Settings
from tapeline.app.data_directory import open_data_directory
from tapeline.core.market import Bar, Bars
from tapeline.core.messages import Commit
from tapeline.core.times import DAY
from tapeline.errors import NotFoundError, NotPossibleError, RuleError
from tapeline.forecast.horizons import horizon_columns
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.processor import Processor


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("price falls 5% in 1 day for TSLA", "change(1 day) <= -5 for TSLA"),
        ("close rises 2.5 % in 90 minutes", "change(90 minutes) >= 2.5"),
        ("price falls 3% in 5 bars", "roc_5 <= -3"),
        ("volume > 3 × its mean of 20", "relative_volume_20 > 3"),
        (
            "volume >= its mean of 10 and price < 0.9 * its mean of 50",
            "relative_volume_10 >= 1 and price < 0.9 * sma_50",
        ),
        ("price leaves the 95% band", "price > was_high_95_1 or price < was_low_95_1"),
        (
            "price leaves the 80% band of 5 bars and rsi < 30",
            "(price > was_high_80_5 or price < was_low_80_5) and rsi_14 < 30",
        ),
    ],
)
def test_a_phrase_is_written_out(text: str, written: str) -> None:
    assert parse_rule(text).text == parse_rule(written).text == written


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("price falls 5%", "column 15: after the percent comes `in`"),
        ("volume falls 5% in 1 day", "only the price falls"),
        ("price falls 5% in 30 seconds", "a time is from 1 minute"),
        ("price leaves the 95% band of 5.5 bars", "not 5.5"),
        ("price falls 0% in 1 day", "above 0%"),
        ("price rises 5% in 1.5 bars", "a number of bars is from 1"),
        ("price leaves the 90% band", "50, 80, 95%, not 90%"),
        ("price leaves the 95% band of 2 bars", "1, 5, 20 bars, not 2"),
        ("rsi_14 > 2 * its mean of 5", "that of the price or of the volume"),
        ("change(1 week) > 3", "a time is a number and"),
    ],
)
def test_a_phrase_that_is_none_is_refused_with_its_place(text: str, fault: str) -> None:
    with pytest.raises(RuleError, match=fault):
        parse_rule(text)


def closes(symbol: str, *values: float, step: int = MINUTE) -> Bars:
    return Bars.of(Bar(symbol, START + i * step, value, value, value, value, 100.0) for i, value in enumerate(values))


@pytest.fixture
def store() -> MemoryStore:
    found = MemoryStore()
    for bars in (closes("A", 100, 100, 100, 90, 90, 99, step=DAY // 2), closes("B", 10, 10)):
        found.commit(Commit(random_rows(bars, ()), {}, 0))
    return found


def test_a_move_counts_from_the_close_of_that_long_before(store: MemoryStore) -> None:
    times = START + np.arange(6) * (DAY // 2)
    [values] = window_values(store.rows, "A", times, ["change(1 day)", "price"], dict).values()
    np.testing.assert_allclose(values, [np.nan, np.nan, 0.0, -10.0, -10.0, 10.0])
    [half] = window_values(store.rows, "A", times[4:], ["change(13 hours)"], dict).values()
    np.testing.assert_allclose(half, [-10.0, 10.0])  # from the newest bar that had opened by then


def test_every_reader_of_rules_has_the_same_moves(store: MemoryStore) -> None:
    rule = parse_rule("price falls 5% in 1 day quiet 0 s")
    seen = NewBarsReader(store, rule.columns).read("A", START)
    assert [bar.values["change(1 day)"] for bar in seen][2:] == pytest.approx([0, -10, -10, 10])
    assert [each["timestamp"] for each in rehearse(rule, store).fired] == [START + 3 * DAY // 2]
    assert Screener(store).answer(question("price falls 5% in 1 day", at=START + 2 * DAY)).matches[0]["symbol"] == "A"
    [now] = Screener(store).answer(question("price rises 5% in 1 day")).matches
    assert now["change(1 day)"] == pytest.approx(10)


def test_a_band_is_the_one_that_was_forecast_before(tmp_path: Path, learnable: Bars, range_model: RangeModel) -> None:
    bars = learnable[learnable.code == 0]
    with open_data_directory(Settings(data_dir=tmp_path), create=True) as directory:
        directory.store.commit(Commit(Processor((), range_model=range_model).step(bars).rows, {}, 1))
        models = {range_model.version: range_model}
        rows = directory.store.rows(bars.symbols[0])
        said = horizon_columns(rows, models)["low_95_5"]
        times = rows.bars.timestamp[-20:]
        found = window_values(directory.store.rows, bars.symbols[0], times, ["was_low_95_5"], lambda: models)
    np.testing.assert_array_equal(found["was_low_95_5"], said[-25:-5])
    assert not np.isnan(found["was_low_95_5"]).all()


def test_a_paused_rule_is_not_judged_and_an_edited_one_begins_anew(store: MemoryStore, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "alerts.db", create=True)
    alerts = Alerts(journal, ["price > 1000"])
    kept = alerts.add("price > 95 for A quiet 0 s")
    runner = Runner(store, journal, alerts.judged, (), lambda: None, lambda: 7)

    def follow(price: float, at: int) -> list[str]:
        store.commit(Commit(random_rows(closes("A", price)[:0], ()), {}, 0))
        store.put(*random_rows(Bars.of([Bar("A", START + 3 * DAY + at * MINUTE, *[price] * 4, 1.0)]), ()))
        return [alert.rule for alert in runner.look()]

    runner.look()
    assert alerts.pause(kept.rule.id, paused=True).paused
    assert [(each.rule.text, each.paused) for each in alerts.rules()][1] == (kept.rule.text, True)
    assert follow(90, 0) == follow(99, 1) == []
    alerts.pause(kept.rule.id, paused=False)
    assert follow(99, 2) == []  # what was before the pause is forgotten, and that it holds already is no news
    assert follow(90, 3) == []
    assert follow(99, 4) == [kept.rule.text]
    edited = alerts.edit(kept.rule.id, "price > 105 for A quiet 0 s")
    assert [each.rule.id for each in alerts.rules()][1:] == [edited.rule.id]
    assert follow(90, 5) == []
    assert follow(110, 6) == [edited.rule.text]
    assert [alert.rule for alert in alerts.newest(9, edited.rule.id)] == [edited.rule.text]
    alerts.pause(edited.rule.id, paused=True)
    assert alerts.edit(edited.rule.id, "price > 106 for A").paused
    assert [(each.rule.text, each.paused) for each in alerts.rules()][1:] == [("price > 106 for A", True)]
    with pytest.raises(NotFoundError, match="there is no rule"):
        alerts.pause("0" * 12, paused=True)
    with pytest.raises(NotPossibleError, match="in the settings"):
        alerts.edit(alerts.rules()[0].rule.id, "price > 1")
    journal.close()


def test_a_journal_of_before_pauses_is_taken_on(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    with_pauses = Journal(path, create=True)
    rule = parse_rule("rsi < 30")
    with_pauses.add_rule(rule.id, rule.text, 1)
    for statement in ("DROP TABLE pauses", "PRAGMA user_version = 2"):
        with_pauses._connection.execute(statement)
    with_pauses.close()
    again = Journal(path, create=False)
    again.pause(rule.id, 5)
    assert (again.rules(), again.paused(), again.damage()) == ([(rule.id, rule.text)], frozenset({rule.id}), [])
    again.close()
