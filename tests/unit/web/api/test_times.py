"""Every time in an answer is there twice: as UTC epoch ms, and as ISO text under the same name with `_time`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.fakes.stores import MemoryStore
from tests.web_site import client_of

from tapeline.web import PageData

#: Integers in answers that are no times: counts, sizes, lengths (of time, too), codes and numbers of bars.
NUMBERS = frozenset({
    "answered", "attempts", "bars", "big_moves", "called", "clients", "connections", "count", "counts", "decided",
    "decimals", "default", "depth", "disk_free", "disk_total", "done", "graded", "held", "high", "horizon",
    "horizons", "id", "internal_errors", "interval", "length", "looked_at", "low", "matched", "pending", "per_symbol",
    "place", "predicted", "ranks", "rejects", "rows", "said", "spark", "splits", "symbols", "times", "total",
    "undecidable", "unknown", "waiting", "warm_up", "window", "within", "words_for",
})  # fmt: skip

#: Cursors, which are for the next request and nobody to read, and the columns of a chart, which have `times=true`.
CURSORS = frozenset({"BarsAnswer", "RowsAnswer", "PredictionsAnswer", "RangesAnswer"})


def test_every_time_of_the_openapi_document_has_its_iso_text() -> None:
    with client_of(PageData(MemoryStore())) as client:
        schemas = client.document("/openapi.json")["components"]["schemas"]
    times = {
        (schema, name)
        for schema, described in schemas.items()
        for name, field in described.get("properties", {}).items()
        if "integer" in _types(field) and name not in NUMBERS and not (name == "next" and schema in CURSORS)
    }
    assert {("TradingSession", "opens"), ("HealthAnswer", "last"), ("RollingAnswer", "timestamp")} <= times
    without = {
        f"{schema}.{name}"
        for schema, name in times
        if "string" not in _types(schemas[schema]["properties"].get(_text_of(name), {}))
    }
    assert not without, "give each its ISO text (core/iso_text.py), or name it among the numbers"


def _text_of(name: str) -> str:
    return "time" if name == "timestamp" else f"{name}_time"


def _types(field: dict[str, Any]) -> set[str]:
    """Return the types that a field may have, or that the items of its list may have."""

    def inner(part: dict[str, Any]) -> Iterator[str]:
        if "type" in part and part["type"] != "array":
            yield part["type"]
        for each in (*part.get("anyOf", ()), *([part["items"]] if "items" in part else ())):
            yield from inner(each)

    return set(inner(field))
