"""Write JSON for the page: the one encoder of answers and events."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np


def json_bytes(value: Any) -> bytes:
    """Return JSON of plain data, dataclasses, and numbers and arrays of NumPy. NaN and infinity become null.

    Keys are texts or numbers. Raises `TypeError` for what has no JSON.
    """
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic) and not isinstance(plain := value.tolist(), np.generic):
        return plain
    raise TypeError(f"{type(value).__name__} is not written as JSON")
