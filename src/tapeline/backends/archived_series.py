"""Turn an archived series into a table of columns and facts about it, and back: what every archive stores alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeline.core.market import OHLCV, Bars
from tapeline.core.messages import Action, Series
from tapeline.errors import StorageError

if TYPE_CHECKING:
    import pyarrow as pa

#: The version of the facts that this program writes, and the only one it reads.
VERSION = 1


def facts_of(series: Series) -> dict[str, Any]:
    """Return what a series holds besides its bars, as JSON types."""
    return {
        "version": VERSION,
        "currency": series.currency,
        "start": series.start,
        "covered": series.covered,
        "actions": [[a.timestamp, a.kind, a.value, a.currency] for a in series.actions],
    }


def check_facts(facts: dict[str, Any], where: str) -> None:
    """Raise `StorageError` for facts of another version; `KeyError`, `TypeError`, `ValueError` for what is no facts."""
    if facts["version"] != VERSION:
        raise StorageError(f"{where}: version {facts['version']}, this program reads {VERSION}: upgrade tapeline")
    whole, texts = [facts["start"], facts["covered"]], [facts["currency"]]
    for timestamp, kind, value, currency in facts["actions"]:
        whole.append(timestamp)
        texts += kind, currency
        if not 0 < value < math.inf:
            raise ValueError("an action without a value")
    if any(type(each) is not int for each in whole) or any(type(each) is not str for each in texts):
        raise TypeError("a time is no whole number, or a text no text")


def series_of(bars: Bars, symbol: str, interval: str, facts: dict[str, Any]) -> Series:
    """Return the series that `facts_of` described, which `check_facts` has looked at."""
    actions = tuple(Action(*values) for values in facts["actions"])
    return Series(symbol, interval, bars, actions, facts["currency"], facts["start"], facts["covered"])


def bars_of(table: pa.Table, symbol: str) -> Bars:
    """Return the final bars of one symbol in a table, in its order.

    The table has the columns `timestamp` (int64, UTC epoch ms) and `OHLCV` (float64).
    """
    columns = {name: table.column(name).to_numpy() for name in ("timestamp", *OHLCV)}
    count = table.num_rows
    return Bars((symbol,), np.zeros(count, np.int32), final=np.ones(count, np.bool_), **columns)
