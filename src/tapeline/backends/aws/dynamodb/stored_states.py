"""Write a symbol's state as attributes of an item, and read it back, whatever has become of the item meanwhile."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pyarrow

from tapeline.backends.aws.dynamodb.items import ITEM_BYTES, NOT_OURS, DynamoItem, damaged
from tapeline.core.messages import SymbolState
from tapeline.errors import StorageError

#: DynamoDB charges by the kilobyte written. LZ4 takes four fifths off a state in a hundredth of a millisecond; zlib
#: takes hardly more, and a dozen times as long. Raw LZ4 does not know its length, so that is put in front.
_CODEC = "lz4_raw"
_LENGTH = struct.Struct("<I")

#: LZ4 makes at most this many bytes of one: a length beyond that is none.
_MOST_UNPACKED = 255

#: Kinesis' sequence numbers have 56 digits, more than a DynamoDB number; with a shard's number in front, 73.
_POSITION_DIGITS = 80

#: Bytes of a state's item beside its data, at most.
STATE_OVERHEAD = 1000


@dataclass(frozen=True, slots=True)
class KnownState:
    """Hold what this process knows of a symbol's items: the state's version (0: none), times of checkpoints.

    `row_version` is the version that its newest row carried when it was last seen here.
    """

    version: int = 0
    checkpoints: tuple[int, ...] = ()
    row_version: int = 0


def state_attributes(symbol: str, state: SymbolState) -> DynamoItem:
    """Return the attributes of a state. Raises `StorageError` for one that is too large."""
    length = _LENGTH.pack(len(state.data))
    packed: bytes = pyarrow.compress(state.data, _CODEC, asbytes=True)
    data = length + packed
    size = len(data) + STATE_OVERHEAD
    if size > ITEM_BYTES:
        raise StorageError(
            f"the state of {symbol} has {size} bytes when compressed, DynamoDB takes {ITEM_BYTES} an item: "
            "compute fewer indicators, or over shorter windows"
        )
    return {
        "timestamp": {"N": f"{state.timestamp:d}"},
        "position": {"S": f"{state.position:0{_POSITION_DIGITS}d}"},
        "data": {"B": data},
    }


def read_state(item: DynamoItem) -> SymbolState:
    """Return the state in the item of a state or of a checkpoint.

    Its data are empty where they cannot be unpacked: nothing can go on from there, and the symbol is computed anew from
    its rows. Raises `StorageError` where it cannot be told how far the symbol had come.
    """
    try:
        timestamp, position = int(item["timestamp"]["N"]), int(item["position"]["S"])
    except NOT_OURS as error:
        raise damaged(item, error) from error
    try:
        return SymbolState(timestamp, _unpacked(item["data"]["B"]), position)
    except (*NOT_OURS, struct.error, pyarrow.ArrowException, OSError, MemoryError):
        return SymbolState(timestamp, b"", position)


def _unpacked(packed: bytes) -> bytes:
    (length,) = _LENGTH.unpack_from(packed)
    if length > _MOST_UNPACKED * len(packed):
        raise ValueError("the length of the data is none")
    data: bytes = pyarrow.decompress(packed[_LENGTH.size :], length, _CODEC, asbytes=True)
    return data


def read_known(item: DynamoItem, newest: DynamoItem | None) -> KnownState:
    """Return what the item of a state says about itself and the checkpoints, and the newest row about its version.

    Raises `StorageError` where one of them does not.
    """
    try:
        times = tuple(int(time["N"]) for time in item["checkpoints"]["L"])
        version = int(item["version"]["N"])
    except NOT_OURS as error:
        raise damaged(item, error) from error
    return KnownState(version, times, row_version(newest))


def row_version(newest: DynamoItem | None) -> int:
    """Return the version of the state that the newest row belongs to, 0 where that is not known."""
    if not newest:
        return 0
    try:
        return int(newest["version"]["N"])
    except NOT_OURS as error:
        raise damaged(newest, error) from error
