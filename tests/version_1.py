"""A data file that tapeline made when it kept one SQL row a bar (version 1), and larger ones made from it.

`data/version_1.db.gz` was written by the code of commit 16d6f91: 121 minutes of S00, S01 and S02 (`random_bars`) with
`sma_20`, `rsi_14` and `macd_12_26_9` and the predictions of a `FakeModel` after the first hour. Minutes 40 and 41 of
S01 came late, minute 70 of S02 came with 500 shares too many first, two lines were rejected, and minute 120 was forming
when the run ended. The log holds records that were not processed: minutes 120 to 124 of all symbols, but for minute 120
of S01, which never was said to be final.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

from tapeline.core.rows import Direction, Row

#: How many deliveries of its source the file has, and how many records were processed.
DELIVERIES, POSITION = 6, 364


def write_version_1(path: Path, copies: int = 0) -> Path:
    """Write the file to `path`; with `copies`, its symbols that many times more, and every row 120 times as often."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fixture = Path(__file__).parent / "data" / "version_1.db.gz"
    path.write_bytes(gzip.decompress(fixture.read_bytes()))
    if copies:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "INSERT INTO symbols (symbol) SELECT symbol || '-' || i FROM symbols, n",
                (copies,),
            )
            connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 119) "
                "INSERT INTO rows SELECT s.id, r.timestamp - i * 7260000, open, high, low, price, volume, "
                "final OR i > 0, prediction, probability, model, layout, indicator "
                "FROM symbols s JOIN symbols o ON o.symbol = substr(s.symbol, 1, 3) JOIN rows r ON r.symbol = o.id, n "
                "WHERE s.id > 3"
            )
            connection.execute(
                "INSERT INTO states SELECT s.id, t.timestamp, t.data FROM symbols s JOIN symbols o "
                "ON o.symbol = substr(s.symbol, 1, 3) JOIN states t ON t.symbol = o.id WHERE s.id > 3"
            )
    return path


def rows_of_version_1(path: Path) -> dict[str, list[Row]]:
    """Return the rows of a file that is not converted yet, without their indicators."""
    query = (
        "SELECT s.symbol, timestamp, open, high, low, price, volume, final, prediction, probability, m.version "
        "FROM rows r JOIN symbols s ON s.id = r.symbol LEFT JOIN models m ON m.id = r.model "
        "ORDER BY s.symbol, timestamp"
    )
    found: dict[str, list[Row]] = {}
    with closing(sqlite3.connect(path)) as connection:
        for symbol, time, open_, high, low, price, volume, final, said, probability, model in connection.execute(query):
            own = found.setdefault(symbol, [])
            direction = Direction(said).name if said else None
            own.append(
                Row(symbol, time, price, volume, {}, direction, open_, high, low, bool(final), probability, model)
            )
    return found
