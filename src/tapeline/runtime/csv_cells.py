"""Keep spreadsheets from computing what stands in a CSV file: a symbol such as `=HYPERLINK(...)` came from outside."""

from __future__ import annotations

from typing import Any

_FORMULA = r"^\s*[=+\-@\t\r＝＋－＠]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def without_formulas(table: Any) -> Any:
    """Return an Arrow table or record batch for a CSV file: texts that a spreadsheet would compute begin with `'`.

    Numbers are left alone, also those in a column of texts. No symbol, model or reason that is what it should be
    begins with one of these characters, so files that `tapeline replay` reads come out as they would without.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            continue
        texts = table.column(index).cast(kind)
        harmful = pc.and_not(pc.match_substring_regex(texts, _FORMULA), pc.match_substring_regex(texts, _NUMBER))
        if pc.any(harmful).as_py():
            marked = pc.binary_join_element_wise(pa.scalar("'", kind), texts, pa.scalar("", kind))
            shown = pc.if_else(harmful, marked, texts)
            table = table.set_column(index, field.name, shown.cast(field.type))
    return table
