"""The page and the HTTP API: watch-list, candles, models and health in a browser, over the `Store` port.

    from tapeline.dashboard import View, serve

    serve(View(store), port=8000)

Importing this does nothing; FastAPI is imported when `serve` runs.
"""

from tapeline.web.access import Access, ExposedError
from tapeline.web.serving import PortInUseError, check_port, serve
from tapeline.web.view import Replay, View

__all__ = ["Access", "ExposedError", "PortInUseError", "Replay", "View", "check_port", "serve"]
