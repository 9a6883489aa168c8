"""Run the command line: `tapeline` or `python -m tapeline`."""

import atexit
import gc
import os
import signal
import sys

from tapeline import __version__

#: New objects after which Python looks for cycles among them: more than it takes to import what a command needs.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> None:
    """Run the command line and exit. The version is printed without importing anything else.

    Ctrl-C while a command is still imported ends without a word, as it does before Python is there. At the exit the
    cycles that are left are not looked for: that takes a tenth of a second, and the memory goes back all the same.
    Where the output is closed (`>&-`), what is printed goes nowhere.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - until the exit
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"tapeline {__version__}\n")
        return
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)
    try:
        from tapeline.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
