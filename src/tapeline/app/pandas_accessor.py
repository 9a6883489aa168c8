"""Give pandas frames the indicators as methods: `frame.tapeline.rsi(14)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tapeline.app.frames import analyse
from tapeline.core.extras import import_package
from tapeline.indicators.catalogue import CATALOGUE
from tapeline.indicators.spec import parse


class FrameIndicators:
    """Compute indicators of a frame's bars, as `tapeline.analyse` does, without the frame's own columns."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in CATALOGUE:
            raise AttributeError(f"there is no indicator {name!r}; dir(frame.tapeline) has all")

        def computed(*numbers: float) -> Any:
            spec = parse("_".join([name, *map(str, numbers)]))
            found = analyse(self._frame, [spec.text])[list(spec.outputs)]
            return found if len(spec.outputs) > 1 else found[spec.text]

        computed.__name__ = name
        computed.__doc__ = CATALOGUE[name].title
        return computed

    def __dir__(self) -> list[str]:
        return sorted(CATALOGUE)


def extend_pandas() -> None:
    """Give every pandas frame `tapeline`, with a method for each indicator; once in a program.

        tapeline.extend_pandas()
        frame.tapeline.rsi(14)
        frame.tapeline.macd(12, 26, 9)

    The numbers are the parameters in their order, none of them for the usual ones. The result is a series, or a frame
    of several outputs, with the frame's index. Raises `MissingLibraryError` without pandas, `SpecError` for numbers
    that an indicator cannot have, and what `analyse` raises of the frame.
    """
    pandas = import_package("pandas", "frames with methods need the package pandas")
    if not hasattr(pandas.DataFrame, "tapeline"):
        pandas.api.extensions.register_dataframe_accessor("tapeline")(FrameIndicators)
