"""Yield the bytes of a text file in pieces, whatever it is packed in: gzip, zstandard, a zip archive, UTF-16."""

from __future__ import annotations

import codecs
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tapeline.errors import FileError

#: What reading damaged packed data raises. zipfile raises `NotImplementedError` for a compression it does not know.
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError)

#: The most memory that unpacking zstandard may take, as a power of two: 128 MB, what the tool `zstd` allows as well.
_WINDOW_LOG = 27


def packing_of(path: Path) -> str:
    """Return what a file is packed in by its first bytes: `gz`, `zst`, `zip` or nothing."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return "gz"
    return {b"\x28\xb5\x2f\xfd": "zst", b"PK\x03\x04": "zip"}.get(magic, "")


def pieces(path: Path, packing: str, size: int, encoding: str | None = None) -> Iterator[bytes]:
    """Yield UTF-8 bytes in pieces of about `size`. Raise `FileError` where they are damaged, after those before.

    Text in UTF-16, which begins with a mark, becomes UTF-8, and so does text in `encoding`.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
    first = True
    with ExitStack() as stack:
        try:
            read = _reader(path, packing, stack)
            while piece := read(size):
                if first and decoder is None and piece[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
                    decoder = codecs.getincrementaldecoder("utf-16")("replace")
                first = False
                yield decoder.decode(piece).encode() if decoder else piece
        except DAMAGE as error:
            name = {"gz": "gzip", "zst": "zstandard"}.get(packing, packing)
            raise FileError(f"{path}: its {name} data is cut short or damaged; what could be read is used") from error
        except OSError as error:
            raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def _reader(path: Path, packing: str, stack: ExitStack) -> Any:
    """Return a function that reads at most a number of bytes: those that were unpacked before damaged ones, too."""
    if packing == "gz":
        return stack.enter_context(gzip.open(path, "rb")).read1
    if packing == "zst":
        return _unpacked_zstandard(path, stack.enter_context(path.open("rb")))
    if packing == "zip":
        archive = stack.enter_context(zipfile.ZipFile(path))
        members = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if len(members) != 1:
            kind = "a workbook: save it as CSV" if "[Content_Types].xml" in members else "unpack it first"
            raise FileError(f"{path}: is an archive of {len(members)} files, and one can be read; {kind}")
        try:
            return stack.enter_context(archive.open(members[0])).read1  # type: ignore[attr-defined]
        except RuntimeError as error:
            raise FileError(f"{path}: its archive has a password; unpack it first") from error
    return stack.enter_context(path.open("rb")).read1


def _unpacked_zstandard(path: Path, file: Any) -> Any:
    from tapeline.runtime.zstd import zstd

    window = _zstandard_window(file.read(18))
    if window > 1 << _WINDOW_LOG:
        raise FileError(
            f"{path}: its zstandard data needs a window of {window >> 20:,} MB to be unpacked, and "
            f"{1 << _WINDOW_LOG - 20} is the most; unpack it first (zstd -d --memory=2048MB), or pack it without --long"
        )
    file.seek(0)
    unpacked = zstd.ZstdFile(file, options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})

    def read(size: int) -> bytes:
        try:
            return unpacked.read1(size)
        except zstd.ZstdError as error:
            raise EOFError(str(error)) from error

    return read


def _zstandard_window(head: bytes) -> int:
    """Return how many bytes the first frame must keep to be unpacked, by its header (RFC 8878, 3.1.1.1); 0 if cut."""
    head = head.ljust(18, b"\0")
    descriptor = head[4]
    if not descriptor & 0x20:  # not of a single segment: a window descriptor follows
        base = 1 << 10 + (head[5] >> 3)
        return base + base // 8 * (head[5] & 7)
    start = 5 + (0, 1, 2, 4)[descriptor & 3]  # after the dictionary's id
    size = (1, 2, 4, 8)[descriptor >> 6]
    return int.from_bytes(head[start : start + size], "little")
