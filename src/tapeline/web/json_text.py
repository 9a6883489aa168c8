"""Write JSON for the page: the one encoder of answers and events."""

from __future__ import annotations

from typing import Any

import orjson


def json_bytes(value: Any) -> bytes:
    """Return JSON of plain data, dataclasses and contiguous NumPy arrays. NaN and infinity become null."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
