"""Sum up what every open page shows at its foot: the `status` event, and the head of `GET /health`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from tapeline.core.troubles import KINDS
from tapeline.forecast.model import Metadata
from tapeline.web.page_data import PageData
from tapeline.web.quote_table import Quote


def summary(data: PageData, quotes: Collection[Quote], models: Mapping[str, Metadata]) -> dict[str, Any]:
    """Return how store, feed, models and system are doing, as JSON types. Raises what the parts raise."""
    used = {quote.model for quote in quotes} - {""}
    return {
        "symbols": len(quotes),
        "rows": data.stored(),
        "last": max((quote.timestamp for quote in quotes), default=None),
        "replay": data.replay(),
        "feed": data.feed(),
        "models": sorted(used),
        "horizon": max((models[model].horizon for model in used if model in models), default=None),
        "trained": max((models[model].trained_until for model in used if model in models), default=None),
        "no_model": data.no_model,
        "troubles": [
            {"kind": kind, "title": KINDS[kind][0], "text": text}
            for kind, lines in data.troubles().items()
            for text in lines
        ],
    }
