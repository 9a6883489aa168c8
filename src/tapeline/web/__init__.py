"""The page and the HTTP API: watch-list, candles, models and health in a browser, over the `Store` port.

    from tapeline.web import View, serve

    serve(View(store), port=8000)

Importing this does nothing; FastAPI is imported when `serve` runs.
"""

from tapeline.web.access import (
    Access,
)
from tapeline.web.serving import (
    check_port,
    serve,
)
from tapeline.web.view import ReplayProgress, View

__all__ = ["Access", "ReplayProgress", "View", "check_port", "serve"]
