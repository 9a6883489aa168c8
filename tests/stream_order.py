"""Check the order of the bars on a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tapeline.core.codec import decode
from tapeline.core.market import Bar


def assert_in_order(found: Sequence[Bar], appended: Sequence[Bar]) -> None:
    """Assert that each symbol's final bars are all there in the order of appending.

    A bar may be repeated if everything appended after it is repeated too. Forming bars may be missing, but never the
    newest one of its time. The appended bars must all differ.
    """
    for symbol in {bar.symbol for bar in appended} | {bar.symbol for bar in found}:
        wanted = [bar for bar in appended if bar.symbol == symbol]
        newest = {bar.timestamp: bar for bar in wanted}
        index = {bar: i for i, bar in enumerate(wanted)}
        needed = [bar.final or newest[bar.timestamp] == bar for bar in wanted]
        last = -1
        for bar in found:
            if bar.symbol == symbol:
                assert not any(needed[last + 1 : index[bar]]), f"{symbol}: {bar} came before an earlier bar"
                last = index[bar]
        assert not any(needed[last + 1 :]), f"{symbol}: the newest bars are missing"


def bars_of_stream(client: Any, stream: str) -> list[Bar]:
    """Return every bar on a stream of `client`, shard by shard, the oldest shard first."""
    found = []
    shards = client.list_shards(StreamName=stream)["Shards"]
    for shard in sorted(shard["ShardId"] for shard in shards):
        start = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        iterator = start["ShardIterator"]
        while iterator:
            answer = client.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                bars = decode(record["Data"])
                assert bars.symbols == (record["PartitionKey"],)
                found += list(bars)
            iterator = (
                answer.get("NextShardIterator") if answer["Records"] or answer.get("MillisBehindLatest") else None
            )
    return found
