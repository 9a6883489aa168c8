"""Rules read the expected move: its fields, and the odds that a price is touched or passed."""

from __future__ import annotations

import numpy as np
import pytest

from tapeline.alerts.bar_values import seen_in
from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.range_terms import range_values
from tapeline.alerts.rehearsal import Rehearsal
from tapeline.core.market import Bars
from tapeline.core.rows import Rows
from tapeline.errors import RuleError
from tapeline.forecast.horizons import newest_range
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.processor import Processor


@pytest.fixture(scope="module")
def rows(learnable: Bars, range_model: RangeModel) -> Rows:
    return Processor((), range_model=range_model).step(learnable[learnable.code == 1]).rows


@pytest.mark.parametrize(
    "text",
    [
        "p_touched(240, 5) > 0.2", "p_beyond(0.5, 20) <= 0.05 for TSLA", "p_big_move_5 > 0.3 and price > open",
        "price crosses below low_95_1", "2 * expected_move_20 > 3.5 quiet 1 day",
    ],
)  # fmt: skip
def test_a_rule_is_read_and_written_the_same(text: str) -> None:
    assert parse_rule(text).text == text
    assert parse_rule(text.upper()).text == text


def test_spelling_does_not_matter() -> None:
    assert parse_rule("P_Touched( 240.0 ,5 )>0.2").columns == ("p_touched(240, 5)",)


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("p_touched > 0.2", 10, "after `p_touched` comes a price"),
        ("p_touched(0, 5) > 0.2", 10, "a price is above 0"),
        ("p_touched(-1, 5) > 0.2", 10, "a price is above 0"),
        ("p_touched(240) > 0.2", 13, "after the price comes how many bars ahead"),
        ("p_beyond(240, 21) > 0.2", 14, "looks 1 to 20 bars ahead, not 21"),
        ("p_beyond(240, 2.5) > 0.2", 14, "looks 1 to 20 bars ahead, not 2.5"),
        ("p_beyond(240, 5 > 0.2", 16, "the bracket is closed"),
        ("p_big_move_7 > 0.2", 0, "p_big_move_7"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, place: int, reason: str) -> None:
    with pytest.raises(RuleError, match=reason) as caught:
        parse_rule(text)
    assert caught.value.place == place


def test_the_odds_are_those_of_the_forecast(rows: Rows, range_model: RangeModel) -> None:
    models = {range_model.version: range_model}
    price = round(float(rows.bars.close[-1]) * 0.97, 2)
    rule = parse_rule(f"p_touched({price}, 3) > 0.1 or p_beyond({price}, 3) > 0.1 or p_big_move_5 > 0.3")
    *_, last = seen_in(rows, rule.columns, models)
    said = newest_range(rows, models)
    assert said is not None
    odds = said.odds(price, 3)
    assert [last.values[name] for name in rule.columns] == [
        odds.touched, odds.beyond, said.horizons["5"]["p_big_move"]
    ]  # fmt: skip
    found = range_values(rows, rule.columns, {})
    assert all(np.isnan(column).all() for column in found.values()), "no model knows what was said"


def test_a_rule_fires_when_the_odds_pass_its_level(rows: Rows, range_model: RangeModel) -> None:
    models = {range_model.version: range_model}
    stop = float(np.quantile(rows.bars.close[-200:], 0.2))
    rule = parse_rule(f"p_touched({stop}, 5) > 0.5 quiet 0 seconds")
    values = range_values(rows, rule.columns, models)[rule.columns[0]]
    fired = Rehearsal(rule, models).judge(rows)
    assert fired
    at = np.searchsorted(rows.bars.timestamp, [each["timestamp"] for each in fired])
    assert (values[at] > 0.5).all()
    assert (values[at - 1] <= 0.5).all()
    assert f"{rule.columns[0]} 0." in fired[0]["text"]
    assert not Rehearsal(rule).judge(rows), "without the model nothing is known"
