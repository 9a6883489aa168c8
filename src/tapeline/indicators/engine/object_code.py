"""Load object code into this process without LLVM, which takes 46 MB of memory and a tenth of a second for it.

LLVM's linker does what any object file may need, and the files of kernels need little of it: they have one section of
code, a few of constants, and two kinds of places where an address has to be put. So it is done here on Linux and
x86-64, where most servers run. For a file that has anything else, and elsewhere, `load` answers None, and LLVM does it.

Names and numbers are those of the System V ABI and its supplement for AMD64 (https://gitlab.com/x86-psABIs/x86-64-ABI).
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import struct
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

_MAGIC = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian
_RELOCATABLE_X86_64 = 1, 62
_PROGBITS, _SYMTAB, _RELA = 1, 2, 4
_WRITE, _ALLOC, _EXEC = 1, 2, 4
_ABSOLUTE, _RELATIVE = 1, 24  # R_X86_64_64, R_X86_64_PC64

#: What holds the code, which may run as long as the process lives.
_mapped: list[Any] = []


class _Section(NamedTuple):
    """Hold the header of a section, in the file's own order."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


def load(code: bytes, symbol: str) -> int | None:
    """Return where the function `symbol` of an ELF object file is in this process, None for a file of another kind.

    Afterwards the code can be run, its constants can be read, and nobody can write either. What the file takes from
    elsewhere must be in the C library.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    try:
        return _load(code, symbol)
    except (struct.error, LookupError, ValueError, OverflowError, OSError, AttributeError):
        return None


def _load(code: bytes, symbol: str) -> int:
    sections = _sections(code)
    loaded = {i: each for i, each in enumerate(sections) if each.kind == _PROGBITS and each.flags & _ALLOC}
    places, executable, end = _layout(loaded)
    memory = mmap.mmap(-1, end, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for i, each in loaded.items():
        memory[places[i] : places[i] + each.size] = code[each.offset : each.offset + each.size]
    names = _symbols(code, sections, {i: base + place for i, place in places.items()})
    for each in sections:
        if each.kind == _RELA and each.info in places:
            _put_addresses(memory, base, places[each.info], _entries(code, each, "<QQq"), names)
    _protect(base, executable, mmap.PROT_READ | mmap.PROT_EXEC)
    _protect(base + executable, end - executable, mmap.PROT_READ)
    address = dict(names)[symbol]
    if address is None:
        raise LookupError(symbol)
    _mapped.append(memory)
    return address


def _sections(code: bytes) -> list[_Section]:
    kind, machine = struct.unpack_from("<HH", code, 16)
    (start,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    if not code.startswith(_MAGIC) or (kind, machine) != _RELOCATABLE_X86_64:
        raise ValueError("no object file of this processor")
    return [_Section(*struct.unpack_from("<IIQQQQIIQQ", code, start + i * size)) for i in range(count)]


def _layout(loaded: dict[int, _Section]) -> tuple[dict[int, int], int, int]:
    """Return where each section goes, where those with code end, and where all do; both at the end of a page."""
    places, end, executable = {}, 0, 0
    for i, each in sorted(loaded.items(), key=lambda found: not found[1].flags & _EXEC):
        if each.flags & _WRITE or mmap.PAGESIZE % max(each.alignment, 1):
            raise ValueError("a section that the code writes to")
        if not each.flags & _EXEC and not executable:
            end = executable = _page_after(end)
        end += -end % max(each.alignment, 1)
        places[i] = end
        end += each.size
    end = _page_after(end)
    return places, executable or end, end


def _page_after(end: int) -> int:
    return end + -end % mmap.PAGESIZE


#: A symbol: its name, and its address; None where the process has it.
_Symbol = tuple[str, int | None]


def _symbols(code: bytes, sections: list[_Section], at: dict[int, int]) -> list[_Symbol]:
    (table,) = (each for each in sections if each.kind == _SYMTAB)
    names = sections[table.link]
    found: list[_Symbol] = []
    for name, _, _, section, value, _ in _entries(code, table, "<IBBHQQ"):
        start = names.offset + name
        text = code[start : code.index(b"\0", start)].decode()
        if section and section not in at:
            found.append(("", None))  # nothing that is loaded: the file's own name, or an absolute value
        else:
            found.append((text, at[section] + value if section else None))
    return found


def _address(symbol: _Symbol) -> int:
    name, address = symbol
    if address is not None:
        return address
    found = ctypes.cast(getattr(ctypes.CDLL(None), name), ctypes.c_void_p).value
    if not found:
        raise LookupError(name)
    return found


def _put_addresses(
    memory: mmap.mmap, base: int, start: int, entries: Iterator[tuple[int, ...]], symbols: list[_Symbol]
) -> None:
    """Put addresses into a section that begins at `start` of the memory."""
    for offset, info, addend in entries:
        value = _address(symbols[info >> 32]) + addend
        kind = info & 0xFFFFFFFF
        if kind == _RELATIVE:
            value -= base + start + offset
        elif kind != _ABSOLUTE:
            raise ValueError("an address of another kind")
        struct.pack_into("<Q", memory, start + offset, value & 0xFFFFFFFFFFFFFFFF)


def _entries(code: bytes, table: _Section, form: str) -> Iterator[tuple[int, ...]]:
    return struct.iter_unpack(form, code[table.offset : table.offset + table.size])


def _protect(start: int, size: int, allowed: int) -> None:
    """Let memory be used in these ways only. Raises `OSError` where the system lets no process make code."""
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    if size and protect(start, size, allowed):
        raise OSError(ctypes.get_errno(), "mprotect")
