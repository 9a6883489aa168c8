"""Keep the machine code of kernels in files of our own, and load it without Numba, which takes 0.5 s to import.

Whoever reads a few rows computes for a millisecond. So what Numba compiled is kept once more as plain object code, one
file a function, and loaded by `object_code`, or else by LLVM's linker: the same bytes that Numba runs, so the same
values to the last bit.

The files lie beside the package's byte code and are run like it. They are read only where nobody but their owner can
write, and only if that is this user, the superuser or the owner of the package. The name of a file has a digest of all
that goes into machine code: the sources, the versions of Python, Numba and LLVM, and the processor. Where nothing is
kept, or nothing can be, Numba does the work.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tapeline.core.trusted_code import is_trusted
from tapeline.indicators.engine import object_code

FOLDER = Path(__file__).parent / "__pycache__" / "machine_code"

#: What object code may ask of the process: functions of the C library, which compute the same wherever they are asked.
_EXTERNALS = {"memcpy", "memmove", "memset", "exp", "log", "pow", "sqrt"}

_LONGEST = 1 << 20  # bytes of a file

_INDICATORS = Path(__file__).parents[1]

#: What is linked, by file name. LLVM's engines own the code, so they are kept as long as the process lives.
_addresses: dict[str, int] = {}
_engines: list[Any] = []

#: A function: its module and its name in it. Functions of modules that import Numba can be asked for by that.
Name = tuple[str, str]


def addresses(functions: Iterable[Name]) -> list[int] | None:
    """Return where the machine code of these functions is in this process, None unless all of it is kept."""
    files = [_file(function) for function in functions]
    kept = {file: _read(file) for file in dict.fromkeys(files) if file not in _addresses}
    if not all(kept.values()):
        return None
    found = _link({file: each for file, each in kept.items() if each})
    if len(found) < len(kept):
        return None
    _addresses.update(found)
    return [_addresses[file] for file in files]


def keep(function: Name, symbol: str, code: bytes, externals: Iterable[str]) -> None:
    """Write the object code of a function, which is found in it as `symbol`, and delete that of earlier versions.

    `externals` are the names that the code asks of the process: where they are others than we know, nothing is kept. A
    folder that cannot be written is no error: the next start takes longer.
    """
    file = _file(function)
    if not _EXTERNALS.issuperset(externals):
        return
    head = json.dumps({"symbol": symbol, "sha256": hashlib.sha256(code).hexdigest()})
    path = FOLDER / file
    with contextlib.suppress(OSError):
        FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not is_trusted(FOLDER.lstat()):
            return
        partial = FOLDER / f".{file}-{os.urandom(8).hex()}"  # no name that a killed process may have left
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as opened:
                opened.write(head.encode() + b"\n" + code)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        for stale in FOLDER.glob(f"{file.rpartition('-')[0]}-*"):
            if stale != path:
                stale.unlink()


@cache
def processor() -> tuple[str, ...]:
    """Return what machine code is made for here: LLVM's triple, the processor's name and its features."""
    from llvmlite import binding

    return binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()


@cache
def _machine() -> tuple[str, ...]:
    """Return what `processor` depends on, without LLVM where the system describes the processor."""
    try:
        first = Path("/proc/cpuinfo").read_text("utf-8").partition("\n\n")[0]
    except OSError:
        return processor()
    facts = dict(re.findall(r"^(.*?)\s*: *(.*)$", first, re.MULTILINE))
    known = tuple(facts.get(name, "") for name in ("vendor_id", "cpu family", "model", "stepping", "flags"))
    return (sys.platform, platform.machine(), *known) if all(known) else processor()


@cache
def shared_sources() -> str:
    """Return a digest of every file, a kernel's own aside, whose code is compiled into kernels and driver."""
    engine = ("addresses", "bar_order", "compiling", "driver", "program", "row_windows")
    paths = [
        *_INDICATORS.glob("kernels/*.py"),
        *(_INDICATORS / "engine" / f"{name}.py" for name in engine),
    ]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()


def _file(function: Name) -> str:
    module, name = function
    return f"{module.rpartition('.')[2]}.{name}-{_digest(module)}"


@cache
def _digest(module: str) -> str:
    """Return what changes with anything that goes into the machine code of a module of this package."""
    source = _INDICATORS.joinpath(*module.split(".")[2:]).with_suffix(".py").read_bytes()
    parts = (shared_sources(), hashlib.sha256(source).hexdigest(), *_compiler(), *_machine())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


@cache
def _compiler() -> tuple[str, str, str]:
    import llvmlite

    found = importlib.util.find_spec("numba")  # does not import it
    version = Path(found.origin).with_name("_version.py").read_text("utf-8") if found and found.origin else ""
    return sys.implementation.cache_tag or "", llvmlite.__version__, version


def _read(file: str) -> tuple[str, bytes] | None:
    """Return the symbol and the object code in a file, None where it is missing, damaged or not to be trusted."""
    try:
        if not is_trusted(FOLDER.lstat()):
            return None
        with os.fdopen(os.open(FOLDER / file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as opened:
            if not is_trusted(os.fstat(opened.fileno())):
                return None
            head, _, code = opened.read(_LONGEST).partition(b"\n")
        known = json.loads(head)
        return (known["symbol"], code) if known["sha256"] == hashlib.sha256(code).hexdigest() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _link(kept: dict[str, tuple[str, bytes]]) -> dict[str, int]:
    """Load object code, and return the address of each function that was found, by file."""
    found = {file: object_code.load(code, symbol) for file, (symbol, code) in kept.items()}
    found |= _link_by_llvm({file: kept[file] for file, address in found.items() if address is None})
    return {file: address for file, address in found.items() if address}


def _link_by_llvm(kept: dict[str, tuple[str, bytes]]) -> dict[str, int]:
    if not kept:
        return {}
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    for _, code in kept.values():
        engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {file: engine.get_function_address(symbol) for file, (symbol, _) in kept.items()}
