"""Let a system call that writes fail, or kill the process at it: in this process, for every library in it.

Each library that was loaded calls `write`, `fsync` and so on through a table of addresses. The entries of these tables
are replaced by a function of ours, which counts the calls about one folder and decides how each ends. So SQLite,
Arrow and Python's own files are all covered, with nothing to compile and no privileges. Linux only (ELF, 64 bit).
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_LONG, _INT, _POINTER, _TEXT = ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p

#: The calls, with their results and arguments; those that take a path first are about the folder if that is in it.
_BY_HANDLE = {
    "write": (_LONG, _INT, _POINTER, ctypes.c_size_t),
    "pwrite64": (_LONG, _INT, _POINTER, ctypes.c_size_t, _LONG),
    "pwrite": (_LONG, _INT, _POINTER, ctypes.c_size_t, _LONG),
    "ftruncate64": (_INT, _INT, _LONG),
    "ftruncate": (_INT, _INT, _LONG),
    "fsync": (_INT, _INT),
    "fdatasync": (_INT, _INT),
}
_BY_PATH = {
    "rename": (_INT, _TEXT, _TEXT),
    "link": (_INT, _TEXT, _TEXT),
    "unlink": (_INT, _TEXT),
    "mkdir": (_INT, _TEXT, ctypes.c_uint),
}
_BY_FLAGS = {"open64": (_INT, _TEXT, _INT, ctypes.c_uint), "open": (_INT, _TEXT, _INT, ctypes.c_uint)}
_WRITES = ("write", "pwrite64", "pwrite")
_KEPT: list[object] = []  # functions that libraries call for as long as this process lives


class Injection:
    """Decide about each call, in a process that is to be faulty from `start` on.

    `at` is the number of the call that fails, from 1. `kind` is "error" (that call fails once, EIO), "full" (from that
    call on nothing can be written, ENOSPC), "kill" (the process dies at it, of a write with half of it done),
    "read-only" (nothing can be changed from the start, EROFS) or "count".
    """

    def __init__(self, folder: Path, at: int, kind: str) -> None:
        self.calls = 0
        self._folder = os.fsencode(folder.resolve()) + b"/"
        self._at = at
        self.kind = kind

    def start(self) -> None:
        """Replace the functions in every library that is loaded."""
        for name, (result, *arguments) in (_BY_HANDLE | _BY_PATH | _BY_FLAGS).items():
            real = getattr(_LIBC, name)
            real.restype, real.argtypes = result, arguments
            replaced = ctypes.CFUNCTYPE(result, *arguments, use_errno=True)(self._function(name, real))
            _KEPT.append(replaced)
            address = ctypes.cast(replaced, _POINTER).value or 0
            for slot in _slots(name):
                _put(slot, address)

    def _function(self, name: str, real: Callable[..., int]) -> Callable[..., int]:
        def called(*arguments: object) -> int:
            if not self._concerns(arguments[0]):
                return real(*arguments)
            if name in _BY_FLAGS:
                changes = int(arguments[1]) & (os.O_WRONLY | os.O_RDWR) or not self._exists(arguments[0], arguments[1])
                if self.kind != "read-only" or not changes:
                    return real(*arguments)
            self.calls += 1
            if self.kind == "read-only":
                ctypes.set_errno(errno.EROFS)
                return -1
            if self.kind == "kill" and self.calls == self._at:
                if name in _WRITES:
                    half = list(arguments)
                    half[2] = int(arguments[2]) // 2  # type: ignore[call-overload]
                    real(*half)
                os.kill(os.getpid(), signal.SIGKILL)
            if self.kind == "error" and self.calls == self._at:
                ctypes.set_errno(errno.EIO)
                return -1
            if self.kind == "full" and self.calls >= self._at and name in (*_WRITES, "mkdir"):
                ctypes.set_errno(errno.ENOSPC)
                return -1
            return real(*arguments)

        return called

    def _exists(self, path: object, flags: object) -> bool:
        return not int(flags) & os.O_CREAT or os.path.lexists(path)  # type: ignore[call-overload, arg-type]

    def _concerns(self, first: object) -> bool:
        try:
            path = first if isinstance(first, bytes) else os.readlink(f"/proc/self/fd/{first}").encode()  # noqa: PTH115
        except OSError:
            return False
        return path.startswith(self._folder)


# -- the tables of addresses -------------------------------------------------------------------------------------------


def _libraries() -> Iterator[tuple[int, str]]:
    """Yield where each library is loaded, and its file."""
    seen = set()
    for line in Path("/proc/self/maps").read_text().splitlines():
        parts = line.split(maxsplit=5)
        if len(parts) == 6 and parts[5].startswith("/") and parts[2] == "00000000" and parts[5] not in seen:
            seen.add(parts[5])
            yield int(parts[0].partition("-")[0], 16), parts[5]


def read_tables() -> None:
    """Read the tables of what is loaded now, so that no forked process need to."""
    for _, path in _libraries():
        if path not in _TABLES:
            _TABLES[path] = dict(_entries(path))


def _slots(name: str) -> Iterator[int]:
    """Yield the addresses of all entries for a function in the tables of all libraries."""
    read_tables()
    for base, path in _libraries():
        for offset in _TABLES[path].get(name, ()):
            yield offset + (base if _TABLES[path]["relocatable"] else 0)


_TABLES: dict[str, dict[str, list[int]]] = {}


def _entries(path: str) -> Iterator[tuple[str, list[int]]]:
    """Yield the offsets of the entries of a library's tables by the name of the function."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return
    if data[:5] != b"\x7fELF\x02":
        return
    found: dict[str, list[int]] = {"relocatable": [1] if struct.unpack_from("<H", data, 16)[0] == 3 else []}
    start, size, number = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, start + size * i) for i in range(number)]
    wanted = {*_BY_HANDLE, *_BY_PATH, *_BY_FLAGS}
    for _, kind, _, _, offset, length, link, _, _, _ in sections:
        if kind != 4 or not link:  # SHT_RELA
            continue
        symbols, texts = sections[link], sections[sections[link][6]]
        for at in range(offset, offset + length, 24):
            slot, info, _ = struct.unpack_from("<QQq", data, at)
            if info >> 32 == 0:
                continue
            (name_at,) = struct.unpack_from("<I", data, symbols[4] + 24 * (info >> 32))
            begin = texts[4] + name_at
            name = data[begin : data.index(b"\0", begin)].decode()
            if name in wanted:
                found.setdefault(name, []).append(slot)
    yield from found.items()


def _put(slot: int, address: int) -> None:
    page = os.sysconf("SC_PAGESIZE")
    _LIBC.mprotect.argtypes = (_POINTER, ctypes.c_size_t, _INT)
    if _LIBC.mprotect(slot & -page, page, 3) != 0:  # PROT_READ | PROT_WRITE
        raise OSError(ctypes.get_errno(), "mprotect")
    ctypes.c_void_p.from_address(slot).value = address
