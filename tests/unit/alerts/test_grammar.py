"""Rules from text: what each means, and that whatever is wrong is said with its column."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeline.alerts.grammar import LONGEST_RULE, parse_rule
from tapeline.alerts.rules import AllOf, AnyOf, Change, Comparison, Crossing, Predicted, Silence, Value
from tapeline.core.rows import Direction
from tapeline.errors import RuleError

RSI = Value("rsi_14")
LONG = " or ".join(["macd_signal > macd_signal"] * 16)
WORDS = (
    "rsi_14 price volume sma_50 30 -0.5 2 * < <= > >= crosses above below prediction changes is to UP HOLD with "
    "probability no bar for 3 minutes in an open session and or ( ) TSLA , ^GSPC on forming final bars quiet hours "
    "reset bbands_20_2_upper macd 0.6 nonsense"
)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("rsi_14 < 30", Comparison(RSI, False, False, Value("", 30))),
        ("30 > RSI", Comparison(RSI, False, False, Value("", 30))),
        ("rsi_14>=70", Comparison(RSI, True, True, Value("", 70))),
        ("price crosses above sma_50", Crossing(Value("price"), True, Value("sma_50"))),
        ("sma_50 crosses above sma_200", Crossing(Value("sma_50"), True, Value("sma_200"))),
        ("close crosses below 100", Crossing(Value("price"), False, Value("", 100))),
        ("volume > 2 * sma_20", Comparison(Value("volume"), True, False, Value("sma_20", 2))),
        ("price < .99 * bbands_lower", Comparison(Value("price"), False, False, Value("bbands_20_2_lower", 0.99))),
        ("macd_signal > -1.5e-1", Comparison(Value("macd_12_26_9_signal"), True, False, Value("", -0.15))),
        ("prediction changes to UP with probability > 0.6", Change(Direction.UP, 0.6)),
        ("Prediction CHANGES to down", Change(Direction.DOWN)),
        ("prediction is hold", Predicted(Direction.HOLD)),
        ("no bar for 3 minutes in an open session", Silence(180_000)),
        ("no bar for 90s in an open session", Silence(90_000)),
    ],
)  # fmt: skip
def test_a_condition_means(text: str, condition: object) -> None:
    assert parse_rule(text).condition == condition


def test_and_binds_tighter_than_or_and_brackets_tighter_than_both() -> None:
    a, b, c = (parse_rule(text).condition for text in ("price > 1", "open > 2", "low > 3"))
    assert parse_rule("price > 1 or open > 2 and low > 3").condition == AnyOf((a, AllOf((b, c))))
    assert parse_rule("(price > 1 or open > 2) and low > 3").condition == AllOf((AnyOf((a, b)), c))
    assert parse_rule("price > 1 and (open > 2 and (low > 3))").condition == AllOf((a, b, c))


def test_options_come_in_any_order_and_have_defaults() -> None:
    rule = parse_rule("rsi < 30 quiet 2 hours for tsla, ^GSPC,ON , brk-b on forming bars reset 35")
    assert (rule.symbols, rule.forming) == (("TSLA", "^GSPC", "ON", "BRK-B"), True)
    assert (rule.quiet, rule.reset) == (7_200_000, 35.0)
    plain = parse_rule("rsi < 30 on final bars")
    assert (plain.symbols, plain.forming, plain.quiet, plain.reset) == ((), False, None, None)
    assert plain.id == parse_rule(" RSI_14  <30.0").id != rule.id
    assert rule.applies("tsla")
    assert not rule.applies("AAPL")
    assert plain.applies("AAPL")


@pytest.mark.parametrize(
    ("text", "column", "token", "says"),
    [
        ("", 1, "", "the rule is empty"),
        ("rsi_14", 7, "", "after rsi_14 comes <, <=, >, >=, `crosses above`"),
        ("rsi_14 = 3", 8, "=", "comes <, <=, >, >=, `crosses above` or `crosses below`, not '='"),
        ("rsi_14 < ", 10, "", "expected a number, price, open"),
        ("rsi_14 < foo_3", 10, "foo_3", "there is no indicator 'foo_3'"),
        ("pric < 3", 1, "pric", "did you mean price?"),
        ("smaa_20 < 3", 1, "smaa_20", "did you mean sma or linearreg?; nor is it price, open, high"),
        ("price > rsi_99999", 9, "rsi_99999", "period must be from 2 to 5000"),
        ("price > bbands", 9, "bbands", "bbands_20_2 gives bbands_20_2_upper, "),
        ("price > sma_20_upper", 9, "sma_20_upper", "sma_20 gives sma_20"),
        ("prediction > 3", 12, ">", "after `prediction` comes changes or is"),
        ("price > prediction", 9, "prediction", "`prediction` is no number"),
        ("prediction changes UP", 20, "UP", "after `changes` comes `to`"),
        ("prediction changes to sideways", 23, "sideways", "comes UP, DOWN or HOLD"),
        ("prediction changes to UP with volume > 1", 31, "volume", "after `with` comes `probability`"),
        ("prediction changes to UP with probability < 0.5", 43, "<", "after `probability` comes > or >="),
        ("prediction changes to UP with probability > 60", 45, "60", "between 0 and 1, not at 60"),
        ("prediction changes to HOLD with probability > 0.5", 23, "HOLD", "no probability of HOLD"),
        ("price crosses sma_20", 15, "sma_20", "after `crosses` comes above or below"),
        ("100 crosses above price", 1, "100", "a number crosses nothing"),
        ("1 < 2", 1, "1", "both sides are numbers"),
        ("2 * 3 < price", 1, "2", "a product is of a number and a name"),
        ("sma_20 * sma_50 < price", 1, "sma_20", "a product is of a number and a name"),
        ("0 * sma_20 < price", 1, "0", "must not be 0"),
        ("price > 1e999", 9, "1e999", "the number is too large"),
        ("(price > 1", 11, "", "the bracket is closed by )"),
        ("price > 1)", 10, ")", "expected `and`, `or`, `for SYMBOLS`"),
        ("price > 1 and", 14, "", "expected a number, price"),
        ("price > 1 sometimes", 11, "sometimes", "`quiet TIME`, `reset NUMBER` or the end"),
        ("price > 1,000", 10, ",000", "or the end, not ',000'"),
        ("price > 1 for A B", 17, "B", "not 'B'"),
        ("price > 1 for", 14, "", "expected a symbol, such as TSLA"),
        ("price > 1 for A,", 17, "", "expected a symbol"),
        ("price > 1 for T<script>", 15, "T<script>", "which no symbol may have"),
        ("price > 1 for " + "A" * 33, 15, "A" * 33, "at most 32 are allowed"),
        ("price > 1 on monday bars", 14, "monday", "after `on` comes forming or final"),
        ("price > 1 on forming", 21, "", "after `on forming` comes `bars`"),
        ("price > 1 quiet 3 fortnights", 19, "fortnights", "seconds, minutes, hours or days"),
        ("price > 1 quiet 400 days", 17, "400", "from 0 seconds to 366 days"),
        ("price > 1 quiet 0.1 seconds", 17, "0.1", "in whole seconds"),
        ("price > 1 quiet 1 day quiet 2 days", 23, "quiet", "`quiet` is there twice"),
        ("price > sma_20 reset 3", 16, "reset", "needs a rule with one comparison with a number"),
        ("price > 1 and open > 1 reset 3", 24, "reset", "needs a rule with one comparison with a number"),
        ("rsi_14 < 30 reset 25", 19, "25", "resets at or above 30"),
        ("rsi_14 > 70 reset 75", 19, "75", "resets at or below 70"),
        ("no bars", 4, "bars", "after `no` comes `bar`"),
        ("no bar for 3 minutes", 21, "", "comes `in an open session`"),
        ("no bar for 0 minutes in an open session", 12, "0", "from 1 second to 366 days"),
        ("no bar for 3 minutes in an open session on final bars", 44, "final", "leave `on ...` out"),
        ("price > 1 and no bar for 3 minutes in an open session", 15, "no", "a rule of its own"),
        ("(" * 20 + "price > 1", 18, "(", "at most 16 deep"),
        (" and ".join(["price > 1"] * 17), 225, "price", "at most 16 conditions"),
        ("price > 1; import os", 10, ";", "or the end, not ';'"),
        ("__import__('os')", 1, "__import__", "there is no indicator"),
        (LONG, 1, LONG, "with names written out"),
        ("x" * (LONGEST_RULE + 1), LONGEST_RULE + 1, "x", "at most 500 characters"),
    ],
)  # fmt: skip
def test_a_fault_is_reported_with_its_column(text: str, column: int, token: str, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(text)
    error = caught.value
    assert says in error.message
    assert "\n" not in str(error)
    assert str(error).startswith(f"column {column}: ")
    assert error.place == column - 1
    assert error.length >= 1
    assert text[error.place : error.place + error.length] == token


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS.split()), max_size=16).map(" ".join)))
def test_any_text_is_a_rule_error_or_a_rule_that_parses_to_itself(text: str) -> None:
    try:
        rule = parse_rule(text)
    except RuleError as error:
        place, message = error.place, error.message
    else:
        place, message = 0, ""
        assert parse_rule(rule.text) == rule
    assert 0 <= place <= len(text)
    assert "\n" not in message


VALUES = st.one_of(
    st.sampled_from(["price", "volume", "rsi_14", "sma_50", "stoch_14_3_3_k"]),
    st.tuples(st.floats(-1e9, 1e9).filter(bool), st.sampled_from(["open", "ema_20"])).map(
        lambda p: f"{p[0]!r} * {p[1]}"
    ),
)
LEAVES = st.one_of(
    st.tuples(VALUES, st.sampled_from(["<", "<=", ">", ">=", "crosses above", "crosses below"]), VALUES).map(" ".join),
    st.tuples(VALUES, st.sampled_from(["<", ">"]), st.floats(-1e300, 1e300).map(repr)).map(" ".join),
    st.sampled_from(["prediction is UP", "prediction changes to UP with probability > 0.5"]),
)  # fmt: skip
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
        lambda parts: st.sampled_from([" and ", " or "]).map(lambda word: f"({word.join(parts)})")
    ), max_leaves=6,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(TREES, st.integers(0, 100_000))
def test_the_canonical_text_of_every_rule_parses_to_the_same_rule(text: str, seconds: int) -> None:
    rule = parse_rule(f"{text} quiet {seconds} seconds") if len(text) < 450 else parse_rule("price > 1")
    assert parse_rule(rule.text) == rule
    assert parse_rule(rule.text).text == rule.text
