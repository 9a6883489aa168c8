"""List the catalogue for people: `tapeline indicators --list` and docs/indicators.md are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.spec import parse


@dataclass(frozen=True, slots=True)
class Listed:
    """Describe one indicator. `default` is its spec with the default parameters, as are `outputs` and `warm_up`.

    `parameters` are texts such as `period 20 (1 to 5000)`; `warm_up` is the number of bars before the first row in
    which every output has a value.
    """

    name: str
    title: str
    group: str
    default: str
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    warm_up: int
    formula: str
    source: str


def listing() -> list[Listed]:
    """Return every indicator, in the order of the catalogue."""
    found = []
    for entry in CATALOGUE.values():
        spec = parse(entry.name)
        parameters = tuple(f"{p.name} {p.default:g} ({p.low:g} to {p.high:g})" for p in entry.parameters)
        found.append(
            Listed(
                entry.name, entry.title, entry.group, spec.text, parameters, spec.outputs, tuple(entry.inputs),
                max(spec.warm_up), entry.formula, entry.source,
            )
        )  # fmt: skip
    return found


def markdown() -> str:
    """Return the page docs/indicators.md."""
    rows = listing()
    lines = [
        "# Indicators",
        "",
        "Made from the catalogue by `tapeline.indicators.listing.markdown()`; a test fails when it is not current.",
        "",
        "A spec is a name with its parameters, such as `macd_12_26_9`; without parameters it means the default.",
        "`SMA(20)`, `ta.rsi(close, 14)` and names that others use (`wpr_14`, pandas-ta's `BBU_20_2.0`) are understood;",
        "the column has the name that is used here.",
        "Columns are named like the spec; where there are several, each has a suffix.",
        "*Warm-up* is the number of bars before the first value; until then the value is absent, never 0.",
        "Where TA-Lib has the indicator, values equal TA-Lib's to 1e-9.",
        "",
        "A value depends on the symbol's bars up to its own, from the first one on, never on how many are asked for.",
        "",
        'In Python: `tapeline.analyse(frame, ["sma_20", "rsi_14"])` on pandas, Polars or Arrow.',
        'One text will do (`"sma_20, macd(12,26,9)"`), and a series is a close.',
        "On a file: `tapeline indicators AAPL.csv --set sma_20,rsi_14 --out out.parquet`.",
    ]
    for group in dict.fromkeys(row.group for row in rows):
        lines += [
            "",
            f"## {group.capitalize()}",
            "",
            "| default spec | what | parameters | outputs | warm-up | formula | source |",
        ]
        lines.append("| --- | --- | --- | --- | --- | --- | --- |")
        for row in rows:
            if row.group == group:
                outputs = ", ".join(f"`{name.removeprefix(row.default) or row.default}`" for name in row.outputs)
                cells = [
                    f"`{row.default}`", row.title, ", ".join(row.parameters) or "none", outputs, str(row.warm_up),
                    row.formula, row.source,
                ]  # fmt: skip
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
