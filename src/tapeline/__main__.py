"""Run the command line: `tapeline` or `python -m tapeline`."""

import atexit
import gc
import io
import os
import signal
import sys
import threading

from tapeline import __version__

#: What a shell says of a program whose pipe was closed: 128 and the number of SIGPIPE, which Windows does not have.
_CLOSED_PIPE = 128 + 13

#: New objects after which Python looks for cycles among them: more than it takes to import what a command needs.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


class _Output(io.FileIO):
    """Write results, and end the program without a word when their reader has enough, as `head` has after a line.

    It is below all that prints, so each command ends alike, and no error of another pipe or a socket is taken for it.
    Another thread than the main one cannot end the program and gets the error; the next write of the main one does.
    """

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except BrokenPipeError:
            if threading.current_thread() is not threading.main_thread():
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for what is still written on the way out
            os.close(nowhere)
            raise SystemExit(_CLOSED_PIPE) from None


def _ending(out: io.TextIOWrapper) -> io.TextIOWrapper:
    """Return the same output, as buffered as it was, which ends the program when its reader is gone."""
    raw = _Output(out.fileno(), "w", closefd=False)
    buffer = raw if out.write_through else io.BufferedWriter(raw)  # type: ignore[type-var]
    return io.TextIOWrapper(
        buffer,
        encoding=out.encoding, errors=out.errors, line_buffering=out.line_buffering, write_through=out.write_through,
    )  # fmt: skip


def main() -> None:
    """Run the command line and exit. The version is printed without importing anything else.

    Ctrl-C while a command is still imported ends without a word, as it does before Python is there. At the exit the
    cycles that are left are not looked for: that takes a tenth of a second, and the memory goes back all the same.
    Where the output is closed (`>&-`), what is printed goes nowhere; where it is a pipe whose reader is gone, the
    program ends as one that SIGPIPE ends.
    """
    if type(sys.stdout) is io.TextIOWrapper:  # and not what a test puts in its place
        sys.stdout = _ending(sys.stdout)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - until the exit
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        sys.stdout.flush()  # Python's own at the exit would only say that it failed


def _run() -> None:
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"tapeline {__version__}\n")
        return
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)
    from tapeline.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
