"""Choose the reader of a file by its content."""

from __future__ import annotations

from pathlib import Path

from tapeline.errors import FileError
from tapeline.feeds.files.blocks import BlockReader
from tapeline.feeds.files.csv_reader import CsvReader
from tapeline.feeds.files.opened_bytes import packing_of
from tapeline.feeds.files.parquet_reader import ParquetReader
from tapeline.feeds.files.read_options import ReadOptions

#: What files begin with that are often given and cannot be read, and what writes their bars as Parquet.
_NOT_READ = {
    b"ARROW1\0\0": "Feather (Arrow IPC), which is not read; write Parquet: pandas.read_feather(FILE).to_parquet(...)",
    b"FEA1\0": "Feather, which is not read; write Parquet: pandas.read_feather(FILE).to_parquet(...)",
    b"\x89HDF": "HDF5, which is not read; write Parquet: pandas.read_hdf(FILE).to_parquet(...)",
    b"SQLite format 3\0": "an SQLite database, which is not read; export its table as CSV",
    b"\xd0\xcf\x11\xe0": "an old workbook, which is not read; save it as CSV",
}


def open_reader(path: Path, options: ReadOptions) -> BlockReader:
    """Look at the beginning of a file and return its reader. Raise `FileError` when no bars can be read from it."""
    try:
        if path.is_dir():
            raise FileError(f"{path}: is a folder; name the files in it, such as {path}/*.csv")
        if not path.is_file() and path.exists():
            raise FileError(f"{path}: is not a regular file; store it as one first (it is read more than once)")
        with path.open("rb") as file:
            begin = file.read(16)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    if not begin:
        raise FileError(f"{path}: is empty")
    for magic, what in _NOT_READ.items():
        if begin.startswith(magic):
            raise FileError(f"{path}: is {what}")
    if begin.startswith(b"PAR1"):
        return ParquetReader(path, options)
    if path.suffix.lower() in {".parquet", ".pq"}:
        raise FileError(f"{path}: is not Parquet (it begins with {begin[:4]!r}); if it is CSV, name it .csv")
    return CsvReader(path, packing_of(path), options)
