"""Write times as ISO 8601 texts beside UTC epoch ms, for people and for programs without epochs.

The text of `timestamp` is called `time`; that of any other time has its name with `_time`: `opens_time` of `opens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from tapeline.core.market import Ints


def iso_times(times: Sequence[int] | Ints) -> list[str]:
    """Return times (UTC epoch ms) as ISO 8601 texts: `2026-01-02T14:30:00Z`."""
    moments = np.asarray(times, np.int64)
    unit: Literal["ms", "s"] = "ms" if np.any(moments % 1000) else "s"
    found: list[str] = np.datetime_as_string(moments.astype("M8[ms]"), unit=unit, timezone="UTC").tolist()
    return found


def iso_time(time: int | None) -> str | None:
    """Return a time (UTC epoch ms) as ISO 8601 text, None where there is none."""
    return None if time is None else iso_times([time])[0]


def texts_of(record: Mapping[str, Any], *names: str) -> dict[str, str | None]:
    """Return the ISO texts of these times of a record, each as its name with `_time`."""
    return {f"{name}_time": iso_time(record[name]) for name in names}


def timed(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the records with `time`, the ISO text of their `timestamp`."""
    texts = iso_times([record["timestamp"] for record in records])
    return [{**record, "time": text} for record, text in zip(records, texts, strict=True)]
