from __future__ import annotations

from tapeline.indicators import CATALOGUE, DEFAULT, parse
from tapeline.web.panes import SHOWN_LINES, SHOWN_PANES, layout


def drawn(names: list[str]) -> dict[str, dict[str, object]]:
    return {entry["name"]: entry for entry in layout(names)}


def default() -> dict[str, dict[str, object]]:
    return drawn([name for spec in DEFAULT for name in parse(spec).outputs])


def test_the_default_set_lies_where_traders_expect_it() -> None:
    found = default()
    panes = {name: entry["pane"] for name, entry in found.items()}
    assert panes["sma_20"] == panes["ema_12"] == panes["bbands_20_2_upper"] == "price"
    assert panes["macd_12_26_9"] == panes["macd_12_26_9_signal"] == panes["macd_12_26_9_hist"] == "macd_12_26_9"
    assert panes["rsi_14"] == "rsi_14"
    assert panes["bbands_20_2_percent_b"] == "bbands_20_2_percent_b"  # between 0 and 1: not a price
    assert found["macd_12_26_9_hist"]["role"] == "histogram"
    assert found["bbands_20_2_lower"]["partner"] == "bbands_20_2_upper"
    assert found["macd_12_26_9"]["label"] == "MACD 12 26 9"
    assert {name for name, entry in found.items() if not entry["shown"]} == {
        "ema_12", "ema_26", "atr_14", "bbands_20_2_width", "bbands_20_2_percent_b",
    }  # fmt: skip


def test_a_group_is_shown_or_hidden_as_one_and_no_more_than_fits() -> None:
    every = [name for spec in CATALOGUE for name in parse(spec).outputs]
    found = layout(every)
    assert {entry["name"] for entry in found} == set(every)
    for group in {entry["group"] for entry in found}:
        assert len({entry["shown"] for entry in found if entry["group"] == group}) == 1
    lines = {e["group"] for e in found if e["shown"] and e["pane"] == "price" and e["role"] == "line"}
    assert len(lines) <= SHOWN_LINES
    assert len({entry["pane"] for entry in found if entry["shown"]} - {"price"}) <= SHOWN_PANES
    assert all(0 <= entry["color"] <= 5 for entry in found)


def test_a_name_that_no_spec_gives_has_a_pane_to_itself() -> None:
    found = drawn(["my_factor", "sma_20_extra", "sma_20"])
    assert found["my_factor"]["pane"] == "my_factor"
    assert found["sma_20_extra"]["group"] == "sma_20_extra"
    assert found["sma_20"]["pane"] == "price"


def test_a_lower_band_without_its_upper_one_has_no_partner() -> None:
    assert drawn(["bbands_20_2_lower"])["bbands_20_2_lower"]["partner"] == ""
