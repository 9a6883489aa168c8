"""Texts that a spreadsheet would compute are marked in CSV; everything else is as it was."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tapeline.runtime.csv_cells import without_formulas


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("http://x")']
)
def test_a_formula_is_marked(text: str) -> None:
    for column in (
        pa.array([text, "A"]),
        pa.array([text, "A"], pa.large_string()),
        pa.array([text, "A"]).dictionary_encode(),
    ):
        table = without_formulas(pa.table({"n": [1, 2], "symbol": column}))
        assert table.column("symbol").to_pylist() == [f"'{text}", "A"]
        assert table.schema.field("symbol").type == column.type
        assert table.column("n").to_pylist() == [1, 2]


def test_everything_else_is_as_it_was() -> None:
    table = pa.table({
        "symbol": ["TSLA", "^GSPC", "BRK-B", "ES=F", "BTC-USD", None, ""],
        "number": ["-1.5", "+2", "-1e-5", "-.5", "3", None, ""],
        "value": [-1.0, 2.0, None, 0.0, 1.0, 1.0, 1.0],
    })  # fmt: skip
    assert without_formulas(table) is table


def test_a_batch_is_marked_too() -> None:
    batch = pa.record_batch({"symbol": ["=1", "A"]})
    assert without_formulas(batch).column(0).to_pylist() == ["'=1", "A"]
