"""Run the command line: `tapeline` or `python -m tapeline`."""

import signal
import sys

from tapeline import __version__


def main() -> None:
    """Run the command line and exit. The version is printed without importing anything else.

    Ctrl-C while a command is still imported ends without a word, as it does before Python is there.
    """
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"tapeline {__version__}\n")
        return
    try:
        from tapeline.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
