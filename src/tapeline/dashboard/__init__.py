"""The page: watch-list, candles and predictions in a browser, over the `Store` port only.

    from tapeline.dashboard import View, serve

    serve(View(store), port=8000)

Importing this does nothing; NiceGUI is imported when `serve` runs.
"""

from tapeline.dashboard.serving import PortInUseError, check_port, serve
from tapeline.dashboard.view import Replay, View

__all__ = ["PortInUseError", "Replay", "View", "check_port", "serve"]
