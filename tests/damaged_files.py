"""Read thousands of damaged files: no traceback, no silent success, and every row of a file accounted for.

    python -m tests.damaged_files 10000 [SEED]

Each is a file of a random layout (`tests/layout_files.py`) that was cut, overwritten, repeated or mixed up somewhere.
The suite reads a hundred of them (`tests/unit/feeds/files/test_damaged_files.py`).
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tapeline.core.rejects import count_of
from tapeline.feeds.files import FileSource
from tapeline.feeds.files.csv_reader import CsvReader
from tapeline.feeds.files.opened_bytes import pieces
from tests.layout_files import WRITERS


def damaged(rng: random.Random, content: bytes) -> bytes:
    """Return the bytes with one to three faults."""
    data = bytearray(content)
    for _ in range(rng.randrange(1, 4)):
        if not data:
            break
        at = rng.randrange(len(data))
        end = min(len(data), at + rng.randrange(1, 60))
        fault = rng.randrange(7)
        if fault == 0:
            del data[at:]
        elif fault == 1:
            del data[at:end]
        elif fault == 2:
            data[at] = rng.randrange(256)
        elif fault == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 20))
        elif fault == 4:
            data[at:at] = data[at:end]
        elif fault == 5:
            data[at:at] = rng.choice([b'"', b"\r", b"\n\n", b",", b";", b"\x00", b"nan", b"-", b"1e999", b"2030-02-30"])
        else:
            lines = data.split(b"\n")
            rng.shuffle(lines)
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def read(path: Path) -> str:
    """Read a file as the commands do, and return what came of it: `refused`, `read` or `partly`. Raise for a defect."""
    source = FileSource([path])
    scan = source.scan()
    bars = rejected = 0
    for delivery in source.deliveries(""):
        bars += len(delivery.bars)
        rejected += count_of(delivery.rejects)
    assert all("\n" not in problem for problem in source.problems), source.problems
    if not bars:
        assert source.problems, "nothing was read, and nothing was said"
        return "refused"
    if source.problems:
        return "partly"
    [reader] = source._readers
    if isinstance(reader, CsvReader) and len(reader.reading.groups) == 1:
        lines = b"".join(pieces(path, reader._packing, 1 << 16)).split(b"\n")[reader._header_lines :]
        filled = sum(bool(line.removesuffix(b"\r")) for line in lines)
        blank = sum(not line.strip() for line in lines if line.removesuffix(b"\r"))
        assert filled - blank <= bars + rejected <= filled, (filled, bars, rejected)
    assert scan.rows >= bars
    return "read"


def run(count: int, seed: int) -> Counter[str]:
    """Read this many damaged files. Raise `AssertionError` or what a reader raised, with the seed of the file."""
    found: Counter[str] = Counter()
    names = list(WRITERS)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(seed, seed + count):
            rng = random.Random(number)
            written = WRITERS[names[number % len(names)]](rng)
            path = Path(folder) / written.name
            path.write_bytes(damaged(rng, written.content))
            try:
                found[read(path)] += 1
            except Exception as error:
                raise AssertionError(f"file {number} ({written.name}): {error!r}") from error
            path.unlink()
    return found


if __name__ == "__main__":
    print(dict(run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)))
