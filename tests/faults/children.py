"""Run `tapeline` commands in forked children in which something fails, and judge how they ended.

Forking from a process that has imported everything makes a command cost milliseconds instead of seconds, while its end,
its files and its exit code are those of a process of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.injection import Injection

_PIPE = 1 << 20

#: What a native library says before it ends a process that has no memory for it: the C library, for a thread's
#: variables (exit code 127), Rust and C++ (SIGABRT). Nothing of Python runs then, so that no program can say more.
_ENDED_BY_A_LIBRARY = {
    127: re.compile(r"cannot allocate memory for thread-local data: ABORT\s*"),
    -signal.SIGABRT: re.compile(
        r"memory allocation of \d+ bytes failed\b[^\0]*"
        r"|terminate called after throwing an instance of 'St9bad_alloc'\s+what\(\):\s+std::bad_alloc\s*"
    ),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Say how a command ended: its exit code (negative: the signal), what it printed, and its writing calls."""

    code: int
    out: str
    said: str
    calls: int

    @property
    def fault(self) -> str:
        """Say what is wrong with how it ended, '' where nothing is: a clear answer has a line, and no traceback."""
        native = _ENDED_BY_A_LIBRARY.get(self.code)
        if self.code == -signal.SIGKILL or (native is not None and native.fullmatch(self.said)):
            return ""
        if "Traceback" in self.said or "Exception ignored" in self.said or self.code not in {0, 1}:
            return f"exit {self.code}: {self.said[-1500:]}"
        failures = [line for line in self.said.splitlines() if line.startswith("tapeline:")]
        if self.code == 1 and len(failures) != 1 and not self.out:
            return f"exit 1 with {len(failures)} lines that say why: {self.said[-500:]}"
        return ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Say what fails: the call number `at` ("error", "full", "kill"), or a resource that is limited to `at`."""

    kind: str
    at: int

    def start(self, folder: Path) -> Injection | None:
        """Let it happen in this process from here on."""
        if self.kind in {"error", "full", "kill", "count", "read-only"}:
            injection = Injection(folder, self.at, self.kind)
            injection.start()
            return injection
        limits = {
            "file size": (resource.RLIMIT_FSIZE, self.at),
            "descriptors": (resource.RLIMIT_NOFILE, _descriptors() + self.at),
            "memory": (resource.RLIMIT_AS, _memory() + (self.at << 20)),
        }
        if self.kind in limits:
            which, limit = limits[self.kind]
            resource.setrlimit(which, (limit, resource.getrlimit(which)[1]))
        return None


def _descriptors() -> int:
    return max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def run(
    arguments: Sequence[str], work: Path, fault: Fault, *, stop: Callable[[str], bool] | None = None,
    environment: Mapping[str, str] | None = None, seconds: float = 300,
) -> Outcome:  # fmt: skip
    """Run a command in a child in which `fault` happens to calls about `work`, and return how it ended.

    A command that goes on is sent SIGTERM when `stop`, given what it said so far, returns True; it is killed when it
    takes longer than `seconds`.
    """
    pipes = [os.pipe() for _ in range(3)]  # not files: their size may be limited
    for reading, _ in pipes:
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE)
        os.set_blocking(reading, False)
    child = os.fork()
    if child == 0:
        _child(arguments, work, fault, [writing for _, writing in pipes], environment or {})
    for _, writing in pipes:
        os.close(writing)
    said = [b"", b"", b""]
    deadline, stopped = time.monotonic() + seconds, False
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        time.sleep(0.002)
        _read(pipes, said)
        if not stopped and stop is not None and stop(said[1].decode()):
            os.kill(child, signal.SIGTERM)
            stopped = True
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGABRT)
    _read(pipes, said)
    for reading, _ in pipes:
        os.close(reading)
    out, err, calls = (each.decode(errors="replace") for each in said)
    return Outcome(os.waitstatus_to_exitcode(ended[1]), out, err, int(calls or 0))


def _read(pipes: Sequence[tuple[int, int]], said: list[bytes]) -> None:
    """Add what came through the pipes since the last time."""
    for number, (reading, _) in enumerate(pipes):
        with contextlib.suppress(BlockingIOError):
            while found := os.read(reading, _PIPE):
                said[number] += found


def _child(
    arguments: Sequence[str], work: Path, fault: Fault, pipes: Sequence[int], environment: Mapping[str, str]
) -> None:
    """Be the command, and end."""
    from tapeline.cli import main as cli

    os.dup2(pipes[0], 1)
    os.dup2(pipes[1], 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for the rest of this process
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    os.environ |= {"COLUMNS": "500", **environment}
    sys.argv = ["tapeline", *arguments]
    code, injection = 0, None
    try:
        injection = fault.start(work)
        cli.main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    except BaseException:  # noqa: BLE001 - it is printed, and ends this process
        import traceback

        traceback.print_exc()
        code = 70
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        if injection is not None and injection.kind == "count":
            os.write(pipes[2], str(injection.calls).encode())
        os._exit(code)
