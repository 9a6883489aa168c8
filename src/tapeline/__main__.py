"""Run the command line: `tapeline` or `python -m tapeline`."""

import sys

from tapeline import __version__


def main() -> None:
    """Run the command line and exit. The version is printed without importing anything else."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"tapeline {__version__}\n")
    else:
        from tapeline.cli.main import main as run

        run()


if __name__ == "__main__":
    main()
