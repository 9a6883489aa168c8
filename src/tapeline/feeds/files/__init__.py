"""Read bars from files: CSV, gzipped CSV and Parquet, any number of them, merged by time.

**Columns** `symbol, timestamp, open, high, low, close, volume`, in any order and case; others are ignored. Other names
understood: `ticker`, `stock_symbol`; `datetime`, `date`, `time`; `vol`. Yahoo's download layout (`Date, Open, High,
Low, Close, Adj Close, Volume`) works: the raw `Close` is the price. Without a symbol column the symbol is the file's
name up to its endings, a blank or an underscore: `AAPL.csv`, `BRK-B_1d.csv.gz`, `^GSPC.parquet`, `AAPL (1).csv`.

**Times** are when a bar opened: ISO-8601 with or without a zone (without: `zone`, UTC by default), a date
alone (`2019-02-11`, `20190211`: midnight UTC in a file that has only dates, whatever `zone` is), or the epoch in s,
ms, µs or ns, told apart by magnitude. In Parquet also its own time types. The first time in a file decides: rows that
mix zoned and zoneless times are rejected.

**Numbers** may have thousands separators (`"1,234.5"`). CSV is UTF-8, comma-separated, one record per line.

**Order**: by time, then in the order of the files, then of the rows. A file in any other order is sorted on disk first.

**Rows that cannot be used** are rejected one by one under the place `FILE:row N` (N counts lines from 1, the header
included; in Parquet, rows from 1), with the line as `raw`. A row whose symbol and time came before is rejected too: the
first one counts. For it, and in Parquet, `raw` is the row's values as JSON.

**Files that cannot be used** are named in `FileSource.problems`; the others are replayed.
"""

from tapeline.feeds.files.file_source import FileSource
from tapeline.feeds.files.read_options import Doubt, ReadOptions
from tapeline.feeds.files.scan import FileScan, Scan

__all__ = ["Doubt", "FileScan", "FileSource", "ReadOptions", "Scan"]
