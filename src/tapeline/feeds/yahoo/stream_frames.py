"""Decode the streamer's frames. A frame is base64 of a protobuf `PricingData`, bare or in a JSON envelope."""

from __future__ import annotations

import base64
import binascii
import functools
import math
from typing import Any

import numpy as np

from tapeline.core.foreign import Bounds, load_json
from tapeline.core.market import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP
from tapeline.core.symbol_forms import symbol_fault
from tapeline.errors import DecodeError
from tapeline.feeds.live.venue import StreamQuote

#: What a frame may have. An honest one has 300 bytes.
FRAME = Bounds(size=64 << 10, depth=4, parts=64)

#: `market_hours`; absent means pre-market. 4 is seen overnight, though no list has it.
_REGULAR = 1

#: `quote_type`. The volume of a coin is that of the last 24 hours, which says nothing about a bar.
_CRYPTOCURRENCY = 41


def quote(frame: str | bytes) -> StreamQuote | None:
    """Return the quote in a frame, None for a message of another type.

    Raise `DecodeError` for what cannot be decoded, names no symbol, or is outside all market data, and nothing else.

    Prices come as float32: they are rounded to `price_hint` decimals. Where a frame has no hint, or rounding would
    leave nothing of the price, the shortest decimal that is the same float32 is taken.
    """
    FRAME.check_size(len(frame))
    text = frame.decode("utf-8", "replace") if isinstance(frame, bytes) else frame
    if text.startswith("{"):
        try:
            envelope = load_json(text, FRAME)
        except DecodeError as error:
            raise DecodeError(f"the JSON message is cut short or malformed: {error}") from None
        if envelope.get("type", "pricing") != "pricing":
            return None
        text = envelope.get("message")
        if not isinstance(text, str):
            raise DecodeError("the message is not text")
    message = _message_class()()
    try:
        message.ParseFromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, _decode_error()):
        raise DecodeError("neither base64 nor PricingData") from None
    if not message.id or not message.time or not 0 < message.price < math.inf:
        raise DecodeError("a message without a symbol, a time or a price")
    if fault := symbol_fault(message.id):
        raise DecodeError(fault)
    if not EARLIEST_TIMESTAMP <= message.time <= LATEST_TIMESTAMP:
        raise DecodeError("a time outside 1867-2200")
    rounded = round(message.price, message.price_hint) if 0 < message.price_hint <= 12 else 0.0
    return StreamQuote(
        message.id,
        rounded or float(str(np.float32(message.price))),
        message.time,
        0 if message.quote_type == _CRYPTOCURRENCY else message.day_volume,
        message.market_hours == _REGULAR,
    )


@functools.cache
def _message_class() -> Any:
    """Return yfinance's message class; importing it takes a second.

    Its modules import each other: two threads that begin with different parts of it wait for each other, and Python
    then hands out half-made modules. Who imports the package first waits for all of it.
    """
    import yfinance  # noqa: F401
    from yfinance.pricing_pb2 import PricingData

    return PricingData


@functools.cache
def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError as ProtobufError  # type: ignore[import-untyped]

    found: type[Exception] = ProtobufError
    return found
