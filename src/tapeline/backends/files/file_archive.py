"""Keep the archive in a folder: one Parquet file per symbol and interval, replaced as a whole."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from tapeline.backends.archived_series import bars_of, check_facts, facts_of, series_of
from tapeline.backends.files.file_errors import translating_file_errors
from tapeline.core.market import OHLCV
from tapeline.core.messages import Series
from tapeline.errors import StorageError
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, make_private_folder

#: Names that mean a device to Windows, whatever follows a dot: PRN and CON are symbols, too.
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10))}


class LocalArchive:
    """Implement `Archive` in a folder, as `<interval>/<symbol>.parquet`.

    What a series holds besides bars is in the file's metadata. Every page has a checksum, so damage is noticed. Every
    method raises `StorageError`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, symbol: str, interval: str) -> Series | None:
        """Return what was last saved, None if nothing was. A `save` meanwhile leaves the file that is read whole."""
        path = self.path(symbol, interval)
        with translating_file_errors(path):
            try:
                path.stat()  # most symbols of a page have none, and Arrow takes 40 MB
            except FileNotFoundError:
                return None
        import pyarrow as pa
        import pyarrow.parquet as pq

        with _translating_damage(path):
            try:
                file = pa.OSFile(str(path))
            except FileNotFoundError:
                return None
            with file:
                table = pq.ParquetFile(file, page_checksum_verification=True).read()
            facts = json.loads((table.schema.metadata or {})[b"tapeline"])
            check_facts(facts, str(path))
            return series_of(bars_of(table, symbol), symbol, interval, facts)

    def save(self, series: Series) -> None:
        """Replace the series' file; after a crash it is the old one or the new one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.path(series.symbol, series.interval)
        columns = {name: getattr(series.bars, name) for name in ("timestamp", *OHLCV)}
        table = pa.table(columns).replace_schema_metadata({"tapeline": json.dumps(facts_of(series))})
        content = io.BytesIO()
        pq.write_table(table, content, compression="zstd", write_page_checksum=True)
        with translating_file_errors(path):
            make_private_folder(path.parent)
            write_atomically(path, content.getvalue(), PRIVATE)

    def symbols(self, interval: str) -> list[str]:
        """Return the symbols with a series at this interval, sorted."""
        folder = self.folder / interval
        with translating_file_errors(folder):
            return sorted(unquote(path.stem) for path in folder.glob("*.parquet") if not path.name.startswith("."))

    def intervals(self) -> list[str]:
        """Return the intervals at which there are series, sorted."""
        with translating_file_errors(self.folder):
            return sorted({path.parent.name for path in self.folder.glob("*/*.parquet")})

    def path(self, symbol: str, interval: str) -> Path:
        name = quote(symbol, safe="=^-")
        if name.startswith(".") or (os.name == "nt" and name.upper() in _DEVICES):
            name = f"%{ord(name[0]):02X}{name[1:]}"  # hidden files are saves that were cut short
        return self.folder / interval / f"{name}.parquet"


@contextlib.contextmanager
def _translating_damage(path: Path) -> Iterator[None]:
    """Raise `StorageError` for a file that is no archive, and for one that cannot be opened."""
    import pyarrow as pa

    try:
        with translating_file_errors(path):
            try:
                yield
            except OSError as error:
                if error.errno is not None:  # the system's errors have a number; without one Arrow cannot decode a page
                    raise
                raise ValueError(error) from error
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise StorageError(
            f"{path}: not an archive of tapeline, or damaged; delete it, and it is fetched again ({reason})"
        ) from error
