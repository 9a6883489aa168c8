"""Choose the reader of a file by its content."""

from __future__ import annotations

from pathlib import Path

from tapeline.errors import FileError
from tapeline.feeds.files.blocks import BlockReader
from tapeline.feeds.files.csv_reader import CsvReader
from tapeline.feeds.files.opened_bytes import packing_of
from tapeline.feeds.files.parquet_reader import ParquetReader
from tapeline.feeds.files.read_options import ReadOptions


def open_reader(path: Path, options: ReadOptions) -> BlockReader:
    """Look at the beginning of a file and return its reader. Raise `FileError` when no bars can be read from it."""
    try:
        if path.is_dir():
            raise FileError(f"{path}: is a folder; name the files in it, such as {path}/*.csv")
        if not path.is_file() and path.exists():
            raise FileError(f"{path}: is not a regular file; store it as one first (it is read more than once)")
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    if not magic:
        raise FileError(f"{path}: is empty")
    if magic == b"PAR1":
        return ParquetReader(path, options)
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise FileError(f"{path}: is not Parquet (it begins with {magic!r}); if it is CSV, name it .csv")
    return CsvReader(path, packing_of(path), options)
