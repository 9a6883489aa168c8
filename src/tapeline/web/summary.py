"""Sum up what every open page shows at its foot: the `status` event, and the head of `GET /health`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from tapeline.core.iso_text import iso_time, texts_of
from tapeline.core.troubles import KINDS
from tapeline.forecast.model import Metadata
from tapeline.web.page_data import PageData
from tapeline.web.quote_table import Quote


def summary(data: PageData, quotes: Collection[Quote], models: Mapping[str, Metadata]) -> dict[str, Any]:
    """Return how store, feed, models and system are doing, as JSON types. Raises what the parts raise."""
    used = {quote.model for quote in quotes} - {""}
    feed = data.feed()
    times = {
        "last": max((quote.timestamp for quote in quotes), default=None),
        "trained": max((models[model].trained_until for model in used if model in models), default=None),
    }
    return {
        **times,
        **texts_of(times, "last", "trained"),
        "symbols": len(quotes),
        "rows": data.stored(),
        "replay": data.replay(),
        "feed": None if feed is None else {**asdict(feed), "heard_time": iso_time(feed.heard)},
        "models": sorted(used),
        "horizon": max((models[model].horizon for model in used if model in models), default=None),
        "no_model": data.no_model,
        "troubles": [
            {"kind": kind, "title": KINDS[kind][0], "text": text}
            for kind, lines in data.troubles().items()
            for text in lines
        ],
    }
