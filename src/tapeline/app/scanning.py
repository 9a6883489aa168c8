"""Screen all stored series: `tapeline.scan("rsi_14 < 30 and price > sma_200")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from tapeline.alerts.screening import PREDICTION, Screener, question
from tapeline.app.data_directory import open_data_directory, settings_for_reading
from tapeline.app.loading import Time, checked_kind, frame_of, in_epoch_ms, warn
from tapeline.app.stored_history import unknown_symbol_errors


def scan(
    rule: str,
    *,
    columns: Sequence[str] = (),
    interval: str | None = None,
    at: Time | None = None,
    sort: str = "",
    data_dir: str | Path | None = None,
    to: str = "pandas",
) -> Any:
    """Return the symbols on whose newest bar a rule holds, as a data frame.

        tapeline.scan("rsi_14 < 30 and price > sma_200", interval="1d", sort="-bar_change")

    `rule` is in the grammar of alerts (docs/alerts.md), about final bars unless it says `on forming bars`. `columns`
    are names as rules have them, `bar_change` (the move from the bar before, as a fraction) and `prediction`; by
    default the close, `bar_change` and what the rule reads. `interval` is a name such as `1d`, None for the bars that
    are shown of each symbol. `at` asks for the newest bars that had opened by that time. `sort` is a column, with `-`
    before it for the largest first; what lacks the value comes last. `data_dir` is a folder, by default that of the
    settings. `to` is as in `load`.

    The frame has `symbol`, `interval`, `timestamp` (when the bar opened, UTC), `final` and the columns; its order is
    that asked for. Raises `RuleError` for the rule, that or `SpecError` for a column, `NotPossibleError` for an
    interval that no bars make, `StorageError` where the data directory cannot be read, `MissingLibraryError` without
    the package that `to` names.
    """
    checked_kind(to)
    asked = question(rule, columns, interval, in_epoch_ms(at), sort)
    with open_data_directory(settings_for_reading(data_dir), create=False, notify=warn) as directory:
        found = Screener(directory.store, lambda: directory.ranges.models()[0]).answer(asked)
        for error in unknown_symbol_errors(found.without_bars, directory):
            warn(str(error))
    return frame_of(matches_table(found.matches, found.columns), to, index=None)


def matches_table(matches: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pa.Table:
    """Return the matches as a table, with null for what is not known."""
    types = {
        "symbol": pa.string(),
        "interval": pa.string(),
        "timestamp": pa.timestamp("ms", "UTC"),
        "final": pa.bool_(),
    }
    types |= {name: pa.string() if name == PREDICTION else pa.float64() for name in columns}
    return pa.table({name: pa.array([match.get(name) for match in matches], kind) for name, kind in types.items()})
