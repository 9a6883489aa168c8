"""Serve the page and the HTTP API: watch-list, candles, models, alerts and health in a browser, over the `Store` port.

    from tapeline.web import PageData, serve

    serve(PageData(store), port=8000)

`PageData` is what a page is made of, `Page` the same while it runs, `api.application.create_app` the web application
over it, `serve` all of these until Ctrl-C. Who may do what is decided in three modules: `users` keeps who there is,
`access` knows who is asking, `security` lets a request through or refuses it.

Importing this does nothing: a name is imported at its first use, and FastAPI when `serve` runs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapeline.web.access import Access
    from tapeline.web.desks import Desks
    from tapeline.web.page_data import FeedPulse, PageData, ReplayProgress
    from tapeline.web.serving import check_port, serve

__all__ = ["Access", "Desks", "FeedPulse", "PageData", "ReplayProgress", "check_port", "serve"]

_MODULES = {
    "Access": "access", "Desks": "desks", "FeedPulse": "page_data", "PageData": "page_data",
    "ReplayProgress": "page_data", "check_port": "serving", "serve": "serving",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return found
